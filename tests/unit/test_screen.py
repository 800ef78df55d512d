"""Snakemake's events become few lines, and no error is lost."""

import io
import json
import logging
import threading
import time

import pytest
from snakemake.logging import ColorizingTextHandler, DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

from screen import JobsAsJson, Screen, short_wildcards, span

AT = time.time()  # logs are written now
COMMAND_FAILED = "RuleException:\nCalledProcessError in file a:\nCommand 'python x' returned non-zero exit status {}."
FINAL = "Exiting because a job execution failed. Look above for error messages"
AT_LEAST_ONE = "WorkflowError:\nAt least one job did not complete successfully."


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True


class Call:
    """A screen, and the events of a call that are sent to it."""

    def __init__(self, tmp_path, stream=None, **options):
        self.stream = stream or io.StringIO()
        own = ColorizingTextHandler(nocolor=True, stream=self.stream, formatter=DefaultFormatter())
        self.screen = Screen(own, logfile="whole.log", **options)
        self.folder = tmp_path
        self.counts = {}

    def send(self, msg, event=None, level=logging.INFO, at=0.0, thread=None, **fields):
        record = logging.LogRecord("snakemake.logging", level, "", 0, msg, (), None)
        record.created = AT + at
        record.thread = thread or threading.main_thread().ident
        record.__dict__.update(fields, **({"event": event} if event else {}))
        self.screen.handle(record)

    def begin(self, **counts):
        self.send("Workflow has started!", LogEvent.WORKFLOW_STARTED)
        self.counts = {**counts, "total": sum(counts.values())}
        self.stats()

    def stats(self):
        table = "\n".join(f"{rule} {count}" for rule, count in self.counts.items())
        self.send(f"Job stats:\n{table}\n", LogEvent.RUN_INFO, stats=self.counts)

    def log(self, jobid):
        return str(self.folder / f"{jobid}.log")

    def start(self, jobid, rule, at=0.0, reason="Missing output files: a", **wildcards):
        self.send("", LogEvent.JOB_INFO, at=at, jobid=jobid, rule_name=rule, wildcards=wildcards, reason=reason)

    def end(self, jobid, at):
        self.send(f"Finished jobid: {jobid}", LogEvent.JOB_FINISHED, at=at, job_id=jobid)

    def fail(self, jobid, rule, *, at=0.0, log="", status=1, message=None, indent=False):
        if log:
            (self.folder / f"{jobid}.log").write_text(log)
        if message is None and not indent:
            self.send(COMMAND_FAILED.format(status), LogEvent.ERROR, logging.ERROR, thread=7, exception="RuleException")
        fields = {"jobid": jobid, "rule_name": rule, "log": [self.log(jobid)], "rule_msg": message, "indent": indent}
        self.send(f"Error in rule {rule}", LogEvent.JOB_ERROR, logging.ERROR, at=at, thread=7, **fields)

    def close(self):
        self.screen.close()
        return self.stream.getvalue()


@pytest.fixture
def call(tmp_path):
    return Call(tmp_path)


def test_a_line_per_job_with_its_wildcards_and_time(call):
    call.begin(train=1, score=1)
    call.start(1, "train", run="resnet18-64", fold="0")
    call.end(1, at=42.2)
    call.send("Select jobs to execute...")
    call.start(2, "score", at=42.2, block="sport_to_street")
    call.end(2, at=45)
    call.send("2 of 2 steps (100%) done", LogEvent.PROGRESS, done=2, total=2)
    *_, first, second, last = call.close().splitlines()
    assert first == "1/2  train resnet18-64, fold 0  42 s"
    assert second == "2/2  score sport_to_street  2.8 s"
    assert last.startswith("All done in ")


def test_messages_before_jobs_are_planned_are_snakemakes(call):
    call.send("WorkflowError in file a:\nlabels: 3 found", LogEvent.ERROR, logging.ERROR, exception="WorkflowError")
    call.send("Unlocked working directory.")
    assert call.close() == "WorkflowError in file a:\nlabels: 3 found\nUnlocked working directory.\n"


def test_a_failure_is_shown_once_in_full_and_last(call):
    call.begin(train=2, all=1)
    call.start(1, "train", fold="0")
    call.start(2, "train", fold="1")
    call.fail(1, "train", at=3, log="epoch 1\nerror: photos.csv, row 5:\n  no label\n")
    call.end(2, at=5)
    call.send(FINAL, None, logging.ERROR)
    call.send(AT_LEAST_ONE, LogEvent.ERROR, logging.ERROR, exception="WorkflowError")
    text = call.close()
    assert "failed after 3.0 s: train fold 0\n1/3  train fold 1  5.0 s\n" in text
    assert text.endswith(f"\ntrain fold 0 failed ({call.log(1)}):\nerror: photos.csv, row 5:\n  no label\n")
    assert text.count("no label") == text.count("whole.log") == 1
    assert "CalledProcessError" not in text
    assert "At least one job" not in text
    assert "All done" not in text
    assert call.close() == text  # Python closes handlers once more


def test_each_of_several_failures_is_shown_once(call):
    call.begin(train=3)
    for jobid in range(3):
        call.start(jobid, "train", fold=str(jobid))
        call.fail(jobid, "train", log=f"error: number {jobid}\n")
    text = call.close()
    assert "Failed jobs: 3." in text
    assert [text.count(f"error: number {jobid}\n") for jobid in range(3)] == [1, 1, 1]


def test_an_attempt_that_is_repeated_is_a_line_and_no_failure(call):
    call.begin(train=1)
    call.start(1, "train")
    call.fail(1, "train", at=2, log="error: memory\n")
    call.send("Trying to restart job 1.")
    call.start(1, "train", at=2)
    call.end(1, at=6)
    text = call.close()
    assert "failed after 2.0 s: train\ntried again: train (error: memory)\n1/1  train  4.0 s\nAll done" in text
    assert "Failed jobs" not in text


def test_of_several_attempts_the_last_failure_is_shown(call):
    call.begin(train=1)
    for message in ("error: first\n", "error: second\n"):
        call.start(1, "train")
        call.fail(1, "train", log=message)
    assert call.close().split("Failed jobs: 1.")[1].endswith("error: second\n")
    assert "first" not in call.close().split("Failed jobs: 1.")[1]


def test_a_job_that_made_nothing_fails_with_snakemakes_message(call):
    call.begin(train=1)
    call.start(1, "train")
    message = "MissingOutputException in rule train:\nJob 1  completed successfully, but some output files are missing."
    call.send(message, LogEvent.ERROR, logging.ERROR, exception="MissingOutputException")
    assert call.close().endswith(f"\ntrain failed:\n{message}\n")


def test_the_error_of_a_function_is_shown_without_its_line(call):
    call.begin(plan=1)
    call.start(1, "plan")
    message = 'RuleException:\nWorkflowError in file "a", line 3:\nno such backbone\n  File "a", line 3, in __rule_plan'
    call.send(message, LogEvent.ERROR, logging.ERROR, thread=7, exception="RuleException")
    fields = {"jobid": 1, "rule_name": "plan", "log": [], "rule_msg": None, "indent": False}
    call.send("", LogEvent.JOB_ERROR, logging.ERROR, thread=7, **fields)
    assert call.close().endswith("\nplan failed:\nerror: no such backbone\n")


def test_a_users_mistake_is_shown_without_lines_of_the_program(call):
    lines = '  File "a", line 9, in <module>\n  File "a", line 3, in or_refused'
    call.send(f'WorkflowError in file "a", line 3:\nno such key\n  did you mean x?\n{lines}', "error", logging.ERROR)
    assert call.close() == "error: no such key\n  did you mean x?\n"


def test_an_error_of_a_thread_without_a_job_is_not_lost(call):
    call.begin(train=1)
    call.send("OSError: the disk", LogEvent.ERROR, logging.ERROR, thread=9, exception="OSError")
    for _ in range(3):
        call.send("a warning", None, logging.WARNING)
    text = call.close()
    assert text.count("a warning") == 1
    assert text.endswith("a warning\n\nOSError: the disk\n")


def test_a_job_of_the_cluster_without_a_log(call):
    call.begin(train=1)
    call.start(1, "train")
    call.send("Job 1 has been submitted with SLURM jobid 7 (log: x).")
    call.fail(1, "train", message="SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'")
    text = call.close()
    assert text.endswith("SLURM-job '7' failed, SLURM status is: 'OUT_OF_MEMORY'\nIts log is empty.\n")
    assert "submitted" not in text


@pytest.mark.parametrize("guilty", [True, False])
def test_of_a_group_the_guilty_jobs_are_shown(call, guilty):
    call.begin(rank=2)
    slurm = call.folder / "slurm.log"
    slurm.write_text("slurmstepd: out of memory\n")
    for jobid in (1, 2):
        call.start(jobid, "rank", block=str(jobid))
    if guilty:
        (call.folder / "2.log").write_text("error: block 2\n")
    members = [{"jobid": jobid, "rule_name": "rank", "log": [call.log(jobid)], "output": []} for jobid in (1, 2)]
    fields = {"groupid": "x", "aux_logs": [str(slurm)], "job_error_info": members}
    call.send("Error in group x", LogEvent.GROUP_ERROR, logging.ERROR, **fields)
    for jobid in (1, 2):
        call.fail(jobid, "rank", indent=True)
    text = call.close()
    assert "Failed jobs: 1." in text
    if guilty:
        assert text.endswith(f"\nrank block 2 failed ({call.log(2)}):\nerror: block 2\n")
    else:
        assert f"a group of rank 2 failed ({slurm}):\n" in text
        assert text.endswith("slurmstepd: out of memory\n")


def test_jobs_that_are_stopped_did_not_fail(call):
    call.begin(train=1)
    call.start(1, "train")
    call.send("Terminating processes on user request, this might take some time.")
    call.fail(1, "train", at=4, log="Traceback\nKeyboardInterrupt\n", status=130)
    text = call.close()
    assert text.endswith("stopped after 4.0 s: train\n")


def test_a_dry_run_is_a_table_of_counts_and_reasons(tmp_path):
    call = Call(tmp_path, dryrun=True)
    call.begin(train=2, all=1)
    call.start(1, "train", fold="0")
    call.start(2, "train", reason="Params have changed since last execution: x", fold="1")
    call.start(3, "all", reason="Input files updated by another job: a")
    call.end(1, at=0)
    call.stats()
    call.send("Reasons:\n  (check individual jobs above for details)")
    call.send("2 jobs have missing provenance/metadata so that it in part cannot be used.")
    text = call.close()
    assert [line.split(maxsplit=2) for line in text.splitlines()[3:6]] == [
        ["train", "2", "output is missing 1, setting or code changed 1"],
        ["all", "1", "inputs are made again"],
        ["total", "3"],
    ]
    assert text.count("train") == 1
    assert text.endswith("\n\n2 jobs have missing provenance/metadata so that it in part cannot be used.\n")


def test_the_jobs_of_a_dry_run_are_json_for_programs(tmp_path):
    call = Call(tmp_path, dryrun=True)
    call.screen = JobsAsJson(tmp_path / "jobs")
    call.begin(train=1)
    call.start(1, "train", run="a", fold="0", reason="Missing output files: x, y")
    call.start(2, "all", reason="Input files updated by another job: x")
    call.stats()
    call.screen.close()
    assert [json.loads(line) for line in (tmp_path / "jobs").read_text().splitlines()] == [
        ["train", {"run": "a", "fold": "0"}, "Missing output files: x, y"],
        ["all", {}, "Input files updated by another job: x"],
    ]


def test_nothing_to_be_done(tmp_path):
    call = Call(tmp_path, dryrun=True)
    call.send("Workflow has started!", LogEvent.WORKFLOW_STARTED)
    call.send("Nothing to be done (all requested files are present and up to date).")
    assert call.close() == "Nothing to be done (all requested files are present and up to date).\n"


@pytest.mark.parametrize(("option", "variable"), [(True, ""), (True, "1"), (False, "")])
def test_colors_are_left_out_if_asked_to(tmp_path, monkeypatch, option, variable):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", variable)
    call = Call(tmp_path, Terminal(), color=option)
    call.begin(train=1)
    call.fail(1, "train", log="error: no\n")
    assert ("\x1b[3" in call.close()) == (option and not variable)


@pytest.mark.parametrize(("term", "bar"), [("xterm", True), ("dumb", False)])
def test_a_bar_is_drawn_on_terminals_that_can(tmp_path, monkeypatch, term, bar):
    monkeypatch.setenv("TERM", term)
    call = Call(tmp_path, Terminal(), color=False)
    call.begin(train=4)
    call.start(1, "train", label="[red]")
    call.end(1, at=2)
    text = call.close()
    assert ("1/4" in text.replace("1/4  train", "")) == bar
    assert ("\x1b[2K" in text) == bar
    assert "1/4  train [red]  2.0 s" in text
    assert "\x1b[?25" not in text  # the cursor is never hidden: a killed call could not show it again


def test_the_time_left_is_shown_when_enough_is_known(call):
    call.screen.handle(logging.LogRecord("", logging.INFO, "", 0, "", (), None))
    call.begin(train=4, score=8)
    assert call.screen.time_left(AT) is None
    for jobid in (1, 2):
        call.start(jobid, "train")
    call.end(1, at=10)
    assert call.screen.time_left(AT + 10) is None  # a twelfth is done, and most jobs are of a rule that is not known
    call.end(2, at=10)
    for jobid in (3, 4):
        call.start(jobid, "train", at=10)
        call.end(jobid, at=20)
    # Two at a time; a job of the other rule is taken to be as long as these.
    assert call.screen.time_left(AT + 20) == pytest.approx(8 * 10 / 2)
    call.start(5, "score", at=20)
    call.end(5, at=22)
    # Known to take two seconds. Of 22 seconds, 20 had two jobs at work, and two had one.
    assert call.screen.time_left(AT + 22) == pytest.approx(7 * 2 * 22 / 42)
    call.start(6, "score", at=22)
    assert call.screen.time_left(AT + 23) == pytest.approx((7 * 2 - 1) * 23 / 43)


def test_an_unknown_event_and_a_fault_of_the_screen_stop_nothing(call, capsys):
    call.begin(train=1)
    call.send("", "an_event_of_tomorrow")
    call.send("", LogEvent.JOB_INFO)  # without what it should have
    assert "AttributeError" in capsys.readouterr().err
    call.start(1, "train")
    call.end(1, at=1)
    assert "1/1  train  1.0 s" in call.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3725, "1 h 02 min")],
)
def test_times_are_written_for_people(seconds, text):
    assert span(seconds) == text


def test_numbers_among_wildcards_have_their_names():
    assert short_wildcards({"photoset": "train", "size": "64"}) == "train, size 64"
