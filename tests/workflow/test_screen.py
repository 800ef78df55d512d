"""The screen of a call: on a terminal, in a file, when jobs fail, in a dry run."""

import os
import pty
import re
import signal
import subprocess
import sys

import pytest

from places import REPOSITORY

# Small, and with the screen as the workflow has it.
SNAKEFILE = f"""
import sys
sys.path[:0] = [{str(REPOSITORY / "rules")!r}, {str(REPOSITORY / "workflow_scripts")!r}]
import screen
from snakemake.exceptions import WorkflowError

SCREEN = screen.attach(workflow)
if "refused" in config:
    raise WorkflowError("labels: found 3, expected 4")

onsuccess:
    if SCREEN:
        SCREEN.finish()
    print("the summary", flush=True)

rule all:
    input: expand("out/{{name}}-{{fold}}.txt", name=["first", "second"], fold=[0, 1])
rule make:
    output: "out/{{name}}-{{fold}}.txt"
    log: "logs/{{name}}-{{fold}}.log"
    shell: "sleep {{config[seconds]}}; touch {{output}}"
rule refuse:
    output: "refused/{{name}}"
    log: "logs/refuse-{{name}}.log"
    shell: "echo 'error: {{wildcards.name}}.csv, row 5: no label' > {{log}}; exit 1"
rule attempt:
    output: "attempted"
    log: "logs/attempt.log"
    retries: 1
    shell: "test -e once || {{{{ touch once; echo 'error: memory' > {{log}}; exit 1; }}}}; touch {{output}}"
rule function:
    log: "logs/function.log"
    run:
        raise WorkflowError("no such backbone")
"""


class Small:
    """A small workflow, and how it is called."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "Snakefile").write_text(SNAKEFILE)

    def command(self, *arguments, seconds=0):
        return [sys.executable, "-m", "snakemake", "--config", f"seconds={seconds}", *arguments]

    def call(self, *arguments, status=0, **options):
        """Call Snakemake as in a pipe; return what it printed."""
        command = self.command(*arguments, **options)
        done = subprocess.run(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    def watch(self, *arguments, act=lambda process, printed: None, **options):
        """Call it on a terminal; return what that was sent, and the exit status."""
        ours, theirs = pty.openpty()
        command = self.command(*arguments, **options)
        environment = os.environ | {"TERM": "xterm"}
        with subprocess.Popen(
            command, cwd=self.folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
            start_new_session=True,
        ) as process:  # fmt: skip
            os.close(theirs)
            printed = b""
            while True:
                try:
                    part = os.read(ours, 4096)
                except OSError:  # the other end is closed
                    break
                if not part:
                    break
                printed += part
                act(process, printed.decode(errors="replace"))
            status = process.wait()
        os.close(ours)
        return printed.decode().replace("\r\n", "\n"), status


@pytest.fixture
def small(tmp_path):
    return Small(tmp_path)


def test_first_the_jobs_then_a_line_per_job_then_the_summary(small):
    planned = small.call("--dry-run")
    assert re.findall(r"^(\w+) +(\d)  (.*)$", planned, re.MULTILINE) == [
        ("make", "4", "output is missing"),
        ("all", "1", "inputs are made again"),
    ]
    assert len(planned.splitlines()) == 7
    printed = small.call("--cores", "2")
    table, _, lines = printed.partition("\n\n")
    assert re.findall(r"^(\w+) +(\d)$", table, re.MULTILINE) == [("make", "4"), ("all", "1"), ("total", "5")]
    *jobs, done, last = lines.splitlines()
    assert [line.split()[0] for line in jobs] == [f"{number}/5" for number in range(1, 6)]
    made = {" ".join(line.split()[1:5]) for line in jobs[:4]}
    assert made == {f"make {name}, fold {fold}" for name in ("first", "second") for fold in (0, 1)}
    assert all(re.search(r"  \d+(\.\d)? s$", line) for line in jobs)
    assert done.startswith("All done in ")
    assert last == "the summary"
    assert "\x1b" not in planned + printed
    assert "Nothing to be done" in small.call("--dry-run")
    (log,) = (small.folder / ".snakemake" / "log").glob("*.log")
    assert len(re.findall(r"^ +output: out/", log.read_text(), re.MULTILINE)) == 4


def test_failures_are_shown_once_and_last_and_attempts_as_they_come(small):
    printed = small.call(
        *("--cores", "1", "--keep-going", "--show-failed-logs"),
        *("refused/photos", "attempted", "function", "out/first-0.txt"),
        status=1,
    )
    before, after = printed.split("Failed jobs: 2. Snakemake's messages: ")
    path, *blocks = after.split("\n\n")
    assert sorted(block.strip() for block in blocks) == [
        "function failed (logs/function.log):\nerror: no such backbone",
        "refuse photos failed (logs/refuse-photos.log):\nerror: photos.csv, row 5: no label",
    ]
    assert "tried again: attempt (error: memory)\n" in before
    assert re.search(r"^\d/4  attempt  ", before, re.MULTILINE)
    assert "row 5" not in before
    assert "backbone" not in before
    assert len(before.splitlines()) < 20
    whole = (small.folder / path).read_text()
    assert "CalledProcessError" in whole
    assert "Error in rule refuse:" in whole


def test_mistakes_that_snakemake_finds_are_shown_once(small):
    for arguments, message in {
        ("--config", "refused=1"): "labels: found 3, expected 4",
        ("nowhere",): "No rule to produce nowhere",
    }.items():
        assert small.call("--cores", "1", *arguments, status=1).count(message) == 1


@pytest.mark.slow
def test_another_call_at_work_and_ctrl_c(small):
    """A second call shows the remedy; Ctrl-C stops the first and leaves its terminal as it was."""
    second = []

    def act(process, printed):
        if "0/1" in printed and not second:
            second.append(small.call("--cores", "1", "out/first-0.txt", status=1))
            process.send_signal(signal.SIGINT)

    printed, status = small.watch("--cores", "1", "out/first-0.txt", seconds=20, act=act)
    assert status != 0
    assert "--unlock" in second[0]
    assert second[0].count("cannot be locked") == 1
    assert "Terminating processes on user request" in printed
    assert "\x1b[?25l" not in printed
    assert printed.endswith(("\n", "\x1b[2K"))  # the cursor is at the beginning of an empty line


def test_a_terminal_has_a_bar(small):
    targets = ("out/first-0.txt", "out/first-1.txt", "refused/photos")
    printed, status = small.watch("--cores", "2", "--keep-going", *targets, seconds=1)
    assert status == 1
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", printed)
    assert re.search(r"━+ [012]/3 0:00:0\d .*make", plain)
    assert re.search(r"\d/3  make first, fold 0  \d+(\.\d)? s\n", plain)
    assert plain.endswith("refuse photos failed (logs/refuse-photos.log):\nerror: photos.csv, row 5: no label\n")
    assert "\x1b[?25l" not in printed  # the cursor is never hidden: a call that is killed could not bring it back


@pytest.mark.parametrize("argument", ["--printshellcmds", "--quiet=host"])
def test_snakemakes_own_messages_are_shown_on_demand(small, argument):
    printed = small.call("--dry-run", argument, "--", "out/first-0.txt")
    assert "    output: out/first-0.txt\n" in printed
    assert "This was a dry-run" in printed


def test_quiet_is_quiet(small):
    assert small.call("--cores", "1", "--quiet", "all", "--", "out/first-0.txt") == "the summary\n"


@pytest.mark.parametrize(
    "quiet",
    [
        (),
        ("--quiet", "all"),
        pytest.param(("--quiet",), marks=pytest.mark.slow),
        pytest.param(("--quiet", "rules"), marks=pytest.mark.slow),
    ],
)
def test_errors_are_shown_once_also_if_it_is_quiet(small, quiet):
    printed = small.call("--cores", "1", "--keep-going", *quiet, "--", "refused/photos", "function", status=1)
    assert printed.count("error: photos.csv, row 5: no label") == 1, printed
    assert printed.count("no such backbone") == 1, printed
    printed = small.call("--cores", "1", *quiet, "--config", "refused=1", status=1)
    assert printed.count("labels: found 3, expected 4") == 1, printed


def test_the_workflow_ends_with_its_summary(finished):
    jobs = re.findall(r"^ *(\d+)/(\d+)  (\w+)", finished.printed, re.MULTILINE)
    assert [int(number) for number, _, _ in jobs] == list(range(1, int(jobs[0][1]) + 1))
    assert {"train_cnn", "combine_folds", "write_submission"} <= {rule for _, _, rule in jobs}
    summary = (finished.folder / "out" / "summary.txt").read_text()
    assert finished.printed.endswith(f"\n\n{summary}")
    assert finished.printed.count(summary) == 1
    assert "\x1b" not in finished.printed
