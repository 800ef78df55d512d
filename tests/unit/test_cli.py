"""Command lines made of functions, how programs end if they cannot go on, and what messages may hold."""

import ast
import errno
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest

from places import REPOSITORY
from programs import ENVIRONMENT
from stylevote import cli
from stylevote.config.ensemble import Selection, Threshold
from stylevote.config.runs import Phase
from stylevote.errors import InputError


def main(
    scores: list[Path], manifest: Path, sizes: Path | None, fold: int, output: Path, threads: int = 1, *, labels, beta
) -> None:
    """Do something.

    Args:
        scores: one file per
            block
        sizes: 100 % optional
        labels: all of them
    """
    print([scores, manifest, sizes, fold, output, threads, labels, beta])


REQUIRED = ["--scores", "a", "b", "--manifest", "m", "--fold", "2", "--output", "o"]
SETTINGS = {"labels": ["red"], "beta": 2}


@pytest.fixture
def called(monkeypatch, capsys):
    """Return a function that runs `main` with a command line and returns its status or message, and what it prints."""

    def call(*words, main=main):
        monkeypatch.setattr("sys.argv", ["program", *words])
        monkeypatch.setattr("os._exit", sys.exit)
        with pytest.raises(SystemExit) as caught:
            cli.run(main)
        printed = capsys.readouterr()
        return caught.value.code, printed.out + printed.err

    return call


def test_parameters_are_options_and_keyword_only_ones_are_settings(called):
    values = [[Path("a"), Path("b")], Path("m"), None, 2, Path("o"), 1, ["red"], 2]
    assert called(*REQUIRED, "--settings", json.dumps(SETTINGS)) == (0, f"{values}\n")
    values[2], values[5] = Path("s"), 4
    words = [*REQUIRED, "--sizes", "s", "--threads", "4"]
    assert called(*words, "--settings", json.dumps(SETTINGS)) == (0, f"{values}\n")


@pytest.mark.parametrize("word", [[], [""]])
def test_a_file_that_may_be_missing_is_an_empty_word_or_none(called, word):
    printed = called(*REQUIRED, "--sizes", *word, "--settings", json.dumps(SETTINGS))[1]
    assert "Path('m'), None, 2" in printed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": []}, "'beta' is missing; expected 'labels', 'beta'"),
        (SETTINGS | {"bata": 2}, "'bata' is unknown; expected 'labels', 'beta'"),
        ({"bata": 2}, "'labels' is missing, 'beta' is missing, 'bata' is unknown; expected 'labels', 'beta'"),
        ([1], "'labels' is missing, 'beta' is missing; expected 'labels', 'beta'"),
    ],
)
def test_wrong_settings_are_named(called, settings, message):
    assert called(*REQUIRED, "--settings", json.dumps(settings))[0] == f"error: --settings: {message}"


def typed_main(*, threshold: Threshold, phases: list[Phase], selection: Selection | None, beta: float) -> None:
    """Print the types of settings."""
    print(threshold.method, threshold.steps, [phase.epochs for phase in phases], selection, beta)


TYPED = {"threshold": {"method": "greedy", "steps": 9}, "selection": None, "beta": 2}
TYPED["phases"] = [{"epochs": 2, "lr": 0.1, "train": "all"}]


def test_settings_with_a_class_arrive_as_that_class(called):
    assert called("--settings", json.dumps(TYPED), main=typed_main) == (0, "greedy 9 [2] None 2\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": {"method": "best"}}, "threshold.method: found 'best', expected greedy"),
        ({"threshold": {"stepz": 3}}, "threshold: unknown key 'stepz'; did you mean 'steps'?"),
        ({"phases": [{**TYPED["phases"][0], "epochs": 0}]}, "phases[0].epochs: 0 is less than the minimum of 1"),
    ],
)
def test_a_setting_that_is_not_of_its_class_is_named(called, change, message):
    assert called("--settings", json.dumps(TYPED | change), main=typed_main)[0].startswith(
        f"error: --settings: {message}"
    )


def command(
    folder: Path, /, output: Annotated[Path, "-o"], kind: Literal["a", "b"] = "a", is_quick: bool = False
) -> None:
    """Print the values of a command for people."""
    print(folder, output, kind, is_quick)


def test_a_command_for_people_has_positional_arguments_choices_and_short_options(called):
    assert called("in", "-o", "out", main=command) == (0, "in out a False\n")
    assert called("--is-quick", "--output", "out", "--kind", "b", "in", main=command) == (0, "in out b True\n")
    assert "argument --kind: invalid choice: 'c' (choose from" in called("in", "--kind", "c", main=command)[1]
    assert "required: folder, -o/--output" in called(main=command)[1]


def test_wrong_words_end_in_a_line(called):
    assert "argument --settings: found '{label', expected JSON (" in called(*REQUIRED, "--settings", "{label")[1]
    assert "the following arguments are required: --output" in called(*REQUIRED[:-2], "--settings", "{}")[1]
    assert "argument --fold: invalid int value: 'x'" in called(*REQUIRED, "--fold", "x", "--settings", "{}")[1]
    assert "unrecognized arguments: --thread 3" in called(*REQUIRED, "--thread", "3", "--settings", "{}")[1]


def test_help_is_the_docstring_and_the_words_for_common_parameters(called):
    status, text = called("--help")
    assert status == 0
    words = " ".join(text.split())
    assert "Do something." in words
    assert "--sizes [SIZES] 100 % optional" in words
    assert "one file per block" in words
    assert "labels: all of them; beta: weight of recall" in words
    assert "--threads THREADS processor threads to use" in words


PROGRAMS = [
    path for path in sorted((REPOSITORY / "workflow_scripts").glob("*/*.py")) if path.parent.name != "stylevote"
]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_every_parameter_of_a_program_is_described_once(path):
    (function,) = (node for node in ast.parse(path.read_text()).body if getattr(node, "name", "") == "main")
    parameters = [parameter.arg for parameter in [*function.args.args, *function.args.kwonlyargs]]
    described = re.findall(r"^    (\w+): ", ast.get_docstring(function).partition("\nArgs:\n")[2], re.MULTILINE)
    assert set(described) <= set(parameters)
    assert set(parameters) <= {*described, *cli.COMMON}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("t.csv: empty"), "error: t.csv: empty"),
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
def test_mistakes_and_full_disks_end_in_a_line(monkeypatch, error, message):
    monkeypatch.setattr("sys.argv", ["program"])

    def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as caught:
        cli.run(fail)
    assert caught.value.code == message


def test_other_errors_stay_what_they_are(monkeypatch):
    monkeypatch.setattr("sys.argv", ["program"])

    def fail() -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")

    with pytest.raises(FileNotFoundError):
        cli.run(fail)


def test_messages_hold_nothing_that_a_terminal_obeys():
    message = str(InputError("a\x1b[2Jb\u202e.jpg:\n  \udcff 'ärmel 袖'"))
    assert message == "a\\x1b[2Jb\\u202e.jpg:\n  \\udcff 'ärmel 袖'"


def test_settings_too_long_for_an_argument_come_on_standard_input_and_without_a_class_need_no_pydantic(tmp_path):
    (tmp_path / "names.py").write_text(
        "import sys\n"
        "from stylevote.cli import run\n"
        "def main(*, labels: list[str]) -> None:\n"
        "    print(len(labels), labels[-1], 'pydantic' in sys.modules)\n"
        "run(main)\n"
    )
    labels = [f"{'a label of a hundred letters and more ' * 3}{number}" for number in range(2000)]
    done = subprocess.run(
        [sys.executable, "names.py", "--settings", "-"],
        cwd=tmp_path,
        input=json.dumps({"labels": labels}),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"2000 {labels[-1]} False\n"
