"""Why Snakemake does a job, and why a job failed, in few words."""

import os
from collections import Counter

import pytest

from stylevote.tracking.reasons import counts_and_reasons, short_reasons, why_failed

COMMAND = "CalledProcessError in file a, line 3:\nCommand 'set -euo pipefail; python x' {}"
EXIT = COMMAND.format("returned non-zero exit status {}.")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Missing output files: a, b; Input files updated by another job: c", ["output is missing"]),
        ("Forced execution", ["forced"]),
        ("Rules with neither input nor output files are always executed.", ["runs at every call"]),
        ("Updated input files: a; Code has changed since last execution", ["command changed", "inputs changed"]),
        ('Params have changed since last execution: before: "a, b", now: 2', ["setting or code changed"]),
        ("Incomplete output files: f/weights", ["interrupted"]),
        ("Input files updated by another job: a", ["inputs are made again"]),
        ("Software environment definition has changed", ["Software environment definition has changed"]),
    ],
)
def test_reasons_are_short(reason, words):
    assert short_reasons(reason) == words


def test_a_table_counts_jobs_per_reason():
    reasons = {"train": Counter({"output is missing": 2, "interrupted": 1}), "all": Counter({"inputs changed": 1})}
    text = counts_and_reasons({"train": 3, "all": 1, "total": 4}, reasons)
    assert [line.split(maxsplit=2) for line in text.splitlines()[3:]] == [
        ["train", "3", "output is missing 2, interrupted 1"],
        ["all", "1", "inputs changed"],
        ["total", "4"],
    ]


@pytest.fixture
def log(tmp_path):
    """A function that writes a log, and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "job.log"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("reading\nerror: a.csv, row 5: no label; expected 0 or 1\n", "error: a.csv, row 5: no label; expected 0 or 1"),
        ("error: 2 problems:\nrow 1: a\nrow 2: b\n", "error: 2 problems:\nrow 1: a\nrow 2: b"),
        (
            "usage: rank.py\nrank.py: error: the argument --spec is required\n",
            "rank.py: error: the argument --spec is required",
        ),
        ("stylevote: error: bundle: not there\n", "stylevote: error: bundle: not there"),
        ("error: of a former attempt\nepoch 1\nerror: the last\n", "error: the last"),
    ],
)
def test_the_error_message_of_a_job_is_shown(log, text, sentence):
    assert why_failed([log(text)], 0, EXIT.format(1)) == (sentence, True)


def test_of_a_job_without_an_error_message_the_log_ends_the_text(log):
    text = "\n".join(["Traceback (most recent call last):", *(f"line {number}" for number in range(40)), "x" * 5000])
    why, is_sentence = why_failed([log(text)], 0, EXIT.format(1))
    assert not is_sentence
    first, head, *last = why.splitlines()
    assert first == "It ended without an error message, with exit status 1."
    assert head == "The last lines of its log:"
    assert last[:-1] == [f"line {number}" for number in range(40 - len(last) + 1, 40)]
    assert len(why) < 2000


@pytest.mark.parametrize(
    ("error", "signal"),
    [(EXIT.format(137), "signal 9"), (COMMAND.format("died with <Signals.SIGKILL: 9>."), "SIGKILL")],
)
def test_a_killed_job_is_named_so(log, error, signal):
    assert why_failed([log("epoch 1\n")], 0, error) == (
        f"It was killed ({signal}); perhaps memory was short.\nThe last lines of its log:\nepoch 1",
        False,
    )


def test_messages_of_snakemake_and_the_cluster_replace_an_empty_log(log, tmp_path):
    nowhere = [str(tmp_path / "none.log")]
    assert why_failed(nowhere, 0, "KeyError in file a") == ("KeyError in file a", True)
    assert why_failed(nowhere, 0, "", "SLURM-job '7' failed") == ("SLURM-job '7' failed\nIts log is empty.", False)
    assert why_failed([log("error: no\n")], 0, "", "SLURM-job '7' failed") == ("error: no", True)


def test_messages_of_slurms_programs_are_not_the_jobs(log):
    error = "SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'"
    text = "slurmstepd: error: Detected 1 oom_kill event\nsrun: error: node: task 0: Out Of Memory\n"
    assert why_failed([log(text)], 0, "", error) == (f"{error}\nThe last lines of its log:\n{text.strip()}", False)


def test_the_log_of_an_earlier_call_is_not_shown(log):
    path = log("error: long ago\n")
    os.utime(path, (1000, 1000))
    assert why_failed([path], 900) == ("error: long ago", True)
    assert "long ago" not in why_failed([path], 5000)[0]
