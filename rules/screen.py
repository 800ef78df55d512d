"""The screen of a call: numbers of jobs, a line per finished job, a bar, and at the end why jobs failed.

Snakemake's own messages are in its log file. They are also on the screen if a user asks for them (`--verbose`,
`--printshellcmds`, `--debug-dag`, `--quiet host`, `--logger`), and in calls without jobs (`--lint`, `--unlock`, ...).
With `--quiet`, the screen shows errors only: Snakemake would hide them, too.
"""

import json
import logging
import os
import re
import threading
import time
from collections import Counter
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from stylevote.tracking.reasons import counts_and_reasons, short_reasons, why_failed

# Snakemake's messages that a person should see; the others are a line per step.
SHOWN = re.compile(
    "Nothing to be done|Waiting at most|Will exit after|Terminating processes|SLURM run ID|Creating conda env|Pulling"
    r"|\d+ jobs have (missing|outdated) provenance"
)
SOME_FAILED = ("Exiting because a job execution failed", "WorkflowError:\nAt least one job did not complete")
# Errors of a job that made nothing, and of a rule that is a function.
NOTHING_MADE = re.compile(r"Job (\d+)\s+completed successfully, but")
REFUSED = re.compile(r'WorkflowError in (?:file|rule) .*?:\n(.*?)(?:\n  File ".*)?\Z', re.DOTALL)
# Environment variables: the call that started this one has a screen; a file for the jobs of a dry run.
HAS_SCREEN, JOBS_AS_JSON = "STYLEVOTE_SCREEN", "STYLEVOTE_JOBS_AS_JSON"


class Job(NamedTuple):
    """A started job: its rule, its wildcards as text, and its start in seconds since 1970."""

    rule: str
    wildcards: str
    started: float

    def __str__(self) -> str:
        return f"{self.rule} {self.wildcards}".rstrip()


class Screen(logging.Handler):
    """Writes Snakemake's events as lines to the stream of its own handler, which it replaces once jobs are planned.

    It names Snakemake's log file. In a dry run it shows counts and reasons, and if it is quiet, errors only.
    """

    def __init__(
        self,
        own: logging.StreamHandler,
        dryrun: bool = False,
        color: bool = True,
        logfile: str = "",
        quiet: bool = False,
    ) -> None:
        super().__init__()
        self.own, self.dryrun, self.color, self.logfile, self.quiet = own, dryrun, color, logfile, quiet
        self.planned = self.stopped = False
        self.start = 0.0
        self.todo: Counter[str] = Counter()  # jobs per rule that have not ended
        self.total = self.done = 0
        self.jobs: dict[int, Job] = {}
        self.running: set[int] = set()
        self.seconds: dict[str, list[float]] = {}  # of finished jobs, per rule
        self.reasons: dict[str, Counter[str]] = {}
        self.errors: dict[int, str] = {}  # of threads whose jobs have not failed yet
        self.failures: dict[int, str] = {}
        self.warnings: set[str] = set()  # some come again and again
        self.bar = None

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, or nothing."""
        try:
            self._show(record)
        except BrokenPipeError:  # the reader has gone: Snakemake ends
            raise
        except Exception:  # an error of the screen must not stop the call
            self.handleError(record)

    def _show(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.WORKFLOW_STARTED:
            self.planned = True
        elif not self.planned:
            if record.levelno >= logging.ERROR:
                record = logging.makeLogRecord({**vars(record), "msg": error_text(record)})
            if self.quiet and record.levelno >= logging.ERROR:
                self.own.emit(record)  # without its filter
            elif record.msg != "Assuming unrestricted shared filesystem usage.":
                self.own.handle(record)
        elif show := getattr(self, f"_on_{event}", None):
            show(record)
        elif record.levelno >= logging.WARNING or (event is None and SHOWN.match(str(record.msg))):
            self._on_message(record)

    def finish(self) -> None:
        """Remove the bar, and print the time if all jobs are done."""
        with self.lock:
            if self.bar:
                self.bar.stop()
                self.bar = None
            if self.total and self.done == self.total:
                self._print(f"All done in {span(time.time() - self.start)}")
            self.total = 0

    def close(self) -> None:
        """Print at the end which jobs failed, and why."""
        self.finish()
        if self.failures and not self.stopped:
            self._print(f"\nFailed jobs: {len(self.failures)}. Snakemake's messages: {self.logfile}")
        for text in (*self.errors.values(), *(() if self.stopped else self.failures.values())):
            self._print(f"\n{text}", "red")
        self.errors, self.failures = {}, {}
        super().close()

    def _on_run_info(self, record: logging.LogRecord) -> None:
        counts = dict(record.stats)
        if not self.dryrun:
            self._print(str(record.msg))
            self.start, self.total = record.created, counts.pop("total")
            self.todo.update(counts)
            self._show_bar()
        elif self.total:  # it comes a second time after all jobs
            self._print(counts_and_reasons(counts, self.reasons))
        else:
            self.total = counts["total"]

    def _on_job_info(self, record: logging.LogRecord) -> None:
        if self.dryrun:
            self.reasons.setdefault(record.rule_name, Counter()).update(short_reasons(record.reason))
            return
        self.jobs[record.jobid] = Job(record.rule_name, short_wildcards(record.wildcards), record.created)
        self.running.add(record.jobid)
        if former := self.failures.pop(record.jobid, None):
            self._print(f"tried again: {self.jobs[record.jobid]} ({former.splitlines()[1]})")

    def _on_job_finished(self, record: logging.LogRecord) -> None:
        if self.dryrun or record.job_id not in self.jobs:
            return
        job = self.jobs[record.job_id]
        seconds = record.created - job.started
        self.done += 1
        self.todo[job.rule] -= 1
        self.running.discard(record.job_id)
        self.seconds.setdefault(job.rule, []).append(seconds)
        self._print(f"{self.done:>{len(str(self.total))}}/{self.total}  {job}  {span(seconds)}")
        if self.bar:
            self.bar.advance(self.done)

    def _on_job_error(self, record: logging.LogRecord) -> None:
        error = self.errors.pop(record.thread, "")
        self.running.discard(record.jobid)
        why, is_explained = why_failed(record.log, self._started(record.jobid), error, record.rule_msg or "")
        if is_explained or not record.indent:  # an indented job is one of a group, and another may have failed
            self._fail(record, record.jobid, record.log, why)

    def _on_group_error(self, record: logging.LogRecord) -> None:
        members = record.job_error_info
        if any(why_failed(member["log"], self._started(member["jobid"]))[1] for member in members):
            return  # events of the members follow
        why, _ = why_failed([*record.aux_logs, *(log for member in members for log in member["log"])], self.start)
        rules = Counter(member["rule_name"] for member in members)
        name = "a group of " + ", ".join(f"{rule} {count}" for rule, count in rules.items())
        self._fail(record, members[0]["jobid"], record.aux_logs, why, name)

    def _on_error(self, record: logging.LogRecord) -> None:
        text = error_text(record)
        if record.thread != threading.main_thread().ident:  # the event of this thread's job follows
            self.errors[record.thread] = text
        elif job := NOTHING_MADE.search(text):
            self._fail(record, int(job[1]), [], text)
        elif not (text.startswith(SOME_FAILED) and self.failures):
            self._print(text, "red")

    def _on_message(self, record: logging.LogRecord) -> None:
        text = str(record.msg).rstrip()
        self.stopped |= text.startswith("Terminating processes on user request")
        if text not in self.warnings and not (text.startswith(SOME_FAILED) and self.failures):
            self.warnings.add(text)
            self._print(text, "yellow" if record.levelno >= logging.WARNING else "")

    def _fail(self, record: logging.LogRecord, jobid: int, logs: list[str], why: str, name: str = "") -> None:
        name = name or str(self.jobs.get(jobid, getattr(record, "rule_name", f"job {jobid}")))
        seconds = record.created - self._started(jobid)
        self._print(f"{'stopped' if self.stopped else 'failed'} after {span(seconds)}: {name}", "red")
        self.failures[jobid] = f"{name} failed{f' ({logs[0]})' if logs else ''}:\n{why}"

    def _started(self, jobid: int) -> float:
        return self.jobs[jobid].started if jobid in self.jobs else self.start

    def _print(self, text: str, color: str = "") -> None:
        if self.quiet and color != "red":
            return
        if self.bar:
            self.bar.print(text, color)
        else:
            self.own.stream.write(f"{text}\n")
            self.own.flush()

    def _show_bar(self) -> None:
        if self.quiet or not self.own.stream.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
            return
        from screen_bar import Bar  # noqa: PLC0415 (slow; neither dry runs nor pipes need it)

        self.bar = Bar(self.own.stream, self.color, self.total, self._time_left_and_rules)

    def _time_left_and_rules(self) -> str:
        left = self.time_left(time.time())
        rules = Counter(self.jobs[jobid].rule for jobid in tuple(self.running))
        names = ", ".join(f"{rule} {count}" if count > 1 else rule for rule, count in rules.items())
        return "  ".join(filter(None, [f"about {span(left)} left" if left is not None else "", names]))

    def time_left(self, now: float) -> float | None:
        """Return the seconds that the pending jobs will take, or None while too little is known.

        A rule without a finished job is expected to take the median of the others. The time is known when half of the
        pending jobs are of measured rules, or a quarter of all jobs is done.
        """
        measured = {rule: mean(seconds) for rule, seconds in tuple(self.seconds.items())}
        todo = {rule: count for rule, count in tuple(self.todo.items()) if count > 0}
        of_measured = sum(count for rule, count in todo.items() if rule in measured)
        if not measured or (2 * of_measured < sum(todo.values()) and 4 * self.done < self.total):
            return None
        typical = median(measured.values())
        running = [self.jobs[jobid] for jobid in tuple(self.running)]
        work = sum(count * measured.get(rule, typical) for rule, count in todo.items())
        work -= sum(min(now - job.started, measured.get(job.rule, typical)) for job in running)
        busy = sum(map(sum, tuple(self.seconds.values()))) + sum(now - job.started for job in running)
        return max(0.0, work) * (now - self.start) / busy if busy > 0 else None


class JobLog(logging.Handler):
    """Writes errors of a rule that is a function, which Snakemake runs in a call of its own, to the job's log."""

    def __init__(self, own: logging.StreamHandler, workflow: Any) -> None:
        super().__init__()
        self.own, self.workflow = own, workflow

    def emit(self, record: logging.LogRecord) -> None:
        """Add a record to the log, if there is one."""
        logs = [log for job in self.workflow.dag.needrun_jobs() for log in job.log] if self.workflow.dag else []
        if not logs:
            self.own.handle(record)
        elif self.own.filter(record) and not str(record.msg).startswith(SOME_FAILED):
            with Path(logs[0]).open("a", encoding="utf-8") as log:
                log.write(f"{error_text(record)}\n")


class JobsAsJson(logging.FileHandler):
    """Writes rule, wildcards and reason of each job in a dry run as a line of JSON."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is of a job."""
        return getattr(record, "event", None) == LogEvent.JOB_INFO

    def format(self, record: logging.LogRecord) -> str:
        """Return a job as JSON."""
        return json.dumps([record.rule_name, dict(record.wildcards), record.reason])


def attach(workflow: Any) -> Screen | None:
    """Replace Snakemake's own handler by the screen, unless the user asked for other messages; return the screen."""
    logger = logging.getLogger("snakemake.logging")
    own = next((handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"), None)
    if own is None:
        return None
    settings = workflow.output_settings
    own_messages = settings.verbose or settings.printshellcmds or settings.debug_dag
    quiet = not settings.dryrun and not {Quietness.ALL, Quietness.RULES}.isdisjoint(settings.quiet or ())
    own_messages = own_messages or (settings.quiet and not quiet)
    if JOBS_AS_JSON in os.environ:
        handler: logging.Handler = JobsAsJson(os.environ[JOBS_AS_JSON])
    elif workflow.is_main_process and not own_messages:
        logfile = next(iter(workflow.logger_manager.get_logfile()), "")
        logfile = os.path.relpath(logfile) if logfile else ""
        handler = Screen(own, settings.dryrun, not settings.nocolor, logfile, quiet)
        os.environ[HAS_SCREEN] = "1"
    elif workflow.subprocess_exec and HAS_SCREEN in os.environ:
        handler = JobLog(own, workflow)
    else:
        return None
    logger.removeHandler(own)
    logger.addHandler(handler)
    return handler if isinstance(handler, Screen) else None


def error_text(record: logging.LogRecord) -> str:
    """Return the text of an error; only its message if a rule, or `or_refused`, raised it for the user."""
    text = str(record.msg).strip()
    raised = getattr(record, "exception", "") == "RuleException" or text.endswith("in or_refused")
    refused = REFUSED.search(text) if raised else None
    return f"error: {refused[1]}" if refused else text


def short_wildcards(wildcards: dict[str, str]) -> str:
    """Return the wildcards of a job as text: their values, with their names if they are numbers."""
    return ", ".join(f"{name} {value}" if str(value).isdigit() else str(value) for name, value in wildcards.items())


def span(seconds: float) -> str:
    """Return a time as text: `4.2 s`, `42 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
