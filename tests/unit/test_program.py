"""How every program ends where it cannot go on, and what its messages may hold."""

import errno
import json
import os
import subprocess
import sys

import pytest

from places import REPOSITORY
from stylevote import program


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (program.InputError("t.csv: empty"), "error: t.csv: empty"),
        (
            OSError(errno.ENOSPC, "No space left on device", "out/x"),
            "error: out/x: cannot be written: the disk is full; make room, or set `results` to where there is some,"
            " then start again",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "out/x"),
            "error: out/x: cannot be written: the disk is read-only; make it writable, then start again",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "out/x"),
            "error: out/x: no permission; let this user read and write there, then start again",
        ),
    ],
)
def test_it_ends_in_a_line(monkeypatch, error, message):
    monkeypatch.setattr("sys.argv", ["program"])

    def main(arguments):
        raise error

    with pytest.raises(SystemExit) as caught:
        program.run(program.parser("it"), main)
    assert caught.value.code == message


def test_other_errors_stay_what_they_are(monkeypatch):
    monkeypatch.setattr("sys.argv", ["program"])

    def main(arguments):
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")

    with pytest.raises(FileNotFoundError):
        program.run(program.parser("it"), main)


def test_messages_hold_nothing_that_a_terminal_obeys():
    message = str(program.InputError("a\x1b[2Jb\u202e.jpg:\n  \udcff 'ärmel 袖'"))
    assert message == "a\\x1b[2Jb\\u202e.jpg:\n  \\udcff 'ärmel 袖'"


def test_settings_that_are_no_json_or_lack_a_key_are_told_in_a_line(monkeypatch, capsys):
    options = program.parser("it")
    program.add_spec(options, '{"label": NAME, "stack": {"combiner": ...}}')

    monkeypatch.setattr("sys.argv", ["program", "--spec", "{label"])
    with pytest.raises(SystemExit):
        program.run(options, print)
    assert "argument --spec: found '{label', expected settings as JSON (" in capsys.readouterr().err

    monkeypatch.setattr("sys.argv", ["program", "--spec", '{"label": "red", "beta": 2}'])
    with pytest.raises(SystemExit) as caught:
        program.run(options, lambda arguments: arguments.spec["stack"])
    expected = "error: --spec: 'stack' is missing, found 'label', 'beta'; `--help` says what is expected"
    assert caught.value.code == expected


def test_settings_too_long_for_an_argument_come_on_standard_input(tmp_path):
    (tmp_path / "names.py").write_text(
        "from stylevote.program import add_spec, parser, run\n"
        "options = parser('it')\n"
        "add_spec(options, '{}')\n"
        "run(options, lambda arguments: print(len(arguments.spec['labels']), arguments.spec['labels'][-1]))\n"
    )
    labels = [f"{'a label of a hundred letters and more ' * 3}{number}" for number in range(2000)]
    done = subprocess.run(
        [sys.executable, "names.py", "--spec", "-"],
        cwd=tmp_path,
        input=json.dumps({"labels": labels}),
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow_scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"2000 {labels[-1]}\n"
