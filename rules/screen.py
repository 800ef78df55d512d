"""What a person sees of a call: counts of jobs, a line for each that ended, a bar, and at the end why jobs failed.

Snakemake's own words stay in its log file. They are on the screen, too, if a user asks for them by `--verbose`,
`--printshellcmds`, `--debug-dag`, `--quiet` or `--logger`, and in calls that do no jobs (`--lint`, `--unlock`, ...).
"""

import logging
import os
import re
import threading
import time
from collections import Counter
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

from snakemake_interface_logger_plugins.common import LogEvent

from stylevote.tracking.reasons import counts_and_reasons, short_reasons, why_failed

# What Snakemake says in the course of a call that a person should see; the rest is one line a step of its own.
TOLD = re.compile(
    "Nothing to be done|Waiting at most|Will exit after|Terminating processes|SLURM run ID|Creating conda env|Pulling"
    r"|\d+ jobs have (missing|outdated) provenance"
)
NOT_TOLD = "Assuming unrestricted shared filesystem usage."
STOPPED = "Terminating processes on user request"
SHOWN = "STYLEVOTE_SCREEN"  # tells the calls of this one that there is a screen
SOME_FAILED = ("Exiting because a job execution failed", "WorkflowError:\nAt least one job did not complete")
# What Snakemake says of a job that made nothing, and of a rule that is a function.
NOTHING_MADE = re.compile(r"Job (\d+)\s+completed successfully, but")
REFUSED = re.compile(r'WorkflowError in (?:file|rule) .*?:\n(.*?)(?:\n  File ".*)?\Z', re.DOTALL)


class Job(NamedTuple):
    """A job that was started: its rule, what tells it from the rule's others, and when (seconds since 1970)."""

    rule: str
    of: str
    started: float

    def __str__(self) -> str:
        return f"{self.rule} {self.of}".rstrip()


class Screen(logging.Handler):
    """Turns Snakemake's events into lines on the stream of ``own``, which itself says all that comes before.

    Args:
        own: Snakemake's handler, in whose place this one is.
        dryrun: whether the call is one.
        color: whether lines may be coloured.
        logfile: Snakemake's log file.
    """

    def __init__(self, own: logging.StreamHandler, dryrun: bool = False, color: bool = True, logfile: str = "") -> None:
        super().__init__()
        self.own, self.dryrun, self.color, self.logfile = own, dryrun, color, logfile
        self.begun = self.stopped = False
        self.start = 0.0
        self.todo: Counter[str] = Counter()  # jobs by rule that have not ended
        self.total = self.done = 0
        self.jobs: dict[int, Job] = {}
        self.running: set[int] = set()
        self.seconds: dict[str, list[float]] = {}
        self.reasons: dict[str, Counter[str]] = {}
        self.errors: dict[int, str] = {}  # what threads said before the job that they were at failed
        self.failures: dict[int, str] = {}
        self.told: set[str] = set()  # some warnings come again and again
        self.bar = None

    def emit(self, record: logging.LogRecord) -> None:
        """Show what a record says, or nothing."""
        try:
            self._show(record)
        except BrokenPipeError:  # who read it has gone: Snakemake ends
            raise
        except Exception:  # a fault of the screen's own must not stop the call
            self.handleError(record)

    def _show(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if event == LogEvent.WORKFLOW_STARTED:
            self.begun = True
        elif not self.begun:
            if record.msg != NOT_TOLD:
                self.own.handle(record)
        elif show := getattr(self, f"_on_{event}", None):
            show(record)
        elif record.levelno >= logging.WARNING or (event is None and TOLD.match(str(record.msg))):
            self._say_of_snakemake(record)

    def finish(self) -> None:
        """Take the bar away, and say what was done, if it was all there was to do."""
        with self.lock:
            if self.bar:
                self.bar.stop()
                self.bar = None
            if self.total and self.done == self.total:
                self._say(f"All done in {span(time.time() - self.start)}")
            self.total = 0

    def close(self) -> None:
        """Say at last which jobs failed, and why."""
        self.finish()
        if self.failures and not self.stopped:
            self._say(f"\nFailed jobs: {len(self.failures)}. What Snakemake said: {self.logfile}")
        for text in (*self.errors.values(), *(() if self.stopped else self.failures.values())):
            self._say(f"\n{text}", "red")
        self.errors, self.failures = {}, {}
        super().close()

    def _on_run_info(self, record: logging.LogRecord) -> None:
        counts = dict(record.stats)
        if not self.dryrun:
            self._say(str(record.msg))
            self.start, self.total = record.created, counts.pop("total")
            self.todo.update(counts)
            self._show_bar()
        elif self.total:  # the second time: all jobs were told of
            self._say(counts_and_reasons(counts, self.reasons))
        else:
            self.total = counts["total"]

    def _on_job_info(self, record: logging.LogRecord) -> None:
        if self.dryrun:
            self.reasons.setdefault(record.rule_name, Counter()).update(short_reasons(record.reason))
            return
        self.jobs[record.jobid] = Job(record.rule_name, short_wildcards(record.wildcards), record.created)
        self.running.add(record.jobid)
        if former := self.failures.pop(record.jobid, None):
            self._say(f"tried again: {self.jobs[record.jobid]} ({former.splitlines()[1]})")

    def _on_job_finished(self, record: logging.LogRecord) -> None:
        if self.dryrun or record.job_id not in self.jobs:
            return
        job = self.jobs[record.job_id]
        seconds = record.created - job.started
        self.done += 1
        self.todo[job.rule] -= 1
        self.running.discard(record.job_id)
        self.seconds.setdefault(job.rule, []).append(seconds)
        self._say(f"{self.done:>{len(str(self.total))}}/{self.total}  {job}  {span(seconds)}")
        if self.bar:
            self.bar.advance(self.done)

    def _on_job_error(self, record: logging.LogRecord) -> None:
        said = self.errors.pop(record.thread, "")
        self.running.discard(record.jobid)
        why, is_sentence = why_failed(record.log, self._started(record.jobid), said, record.rule_msg or "")
        if is_sentence or not record.indent:  # of a group, another may be to blame
            self._fail(record, record.jobid, record.log, why)

    def _on_group_error(self, record: logging.LogRecord) -> None:
        members = record.job_error_info
        if any(why_failed(member["log"], self._started(member["jobid"]))[1] for member in members):
            return  # events of their own follow
        why, _ = why_failed([*record.aux_logs, *(log for member in members for log in member["log"])], self.start)
        rules = Counter(member["rule_name"] for member in members)
        name = "a group of " + ", ".join(f"{rule} {count}" for rule, count in rules.items())
        self._fail(record, members[0]["jobid"], record.aux_logs, why, name)

    def _on_error(self, record: logging.LogRecord) -> None:
        text = plain(record)
        if record.thread != threading.main_thread().ident:  # the job that the thread is at fails next
            self.errors[record.thread] = text
        elif found := NOTHING_MADE.search(text):
            self._fail(record, int(found[1]), [], text)
        elif not (text.startswith(SOME_FAILED) and self.failures):
            self._say(text, "red")

    def _say_of_snakemake(self, record: logging.LogRecord) -> None:
        text = str(record.msg).rstrip()
        self.stopped |= text.startswith(STOPPED)
        if text not in self.told and not (text.startswith(SOME_FAILED) and self.failures):
            self.told.add(text)
            self._say(text, "yellow" if record.levelno >= logging.WARNING else "")

    def _fail(self, record: logging.LogRecord, jobid: int, logs: list[str], why: str, name: str = "") -> None:
        name = name or str(self.jobs.get(jobid, getattr(record, "rule_name", f"job {jobid}")))
        seconds = record.created - self._started(jobid)
        self._say(f"{'stopped' if self.stopped else 'failed'} after {span(seconds)}: {name}", "red")
        self.failures[jobid] = f"{name} failed{f' ({logs[0]})' if logs else ''}:\n{why}"

    def _started(self, jobid: int) -> float:
        return self.jobs[jobid].started if jobid in self.jobs else self.start

    def _say(self, text: str, color: str = "") -> None:
        if self.bar:
            self.bar.say(text, color)
        else:
            self.own.stream.write(f"{text}\n")
            self.own.flush()

    def _show_bar(self) -> None:
        if not self.own.stream.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
            return
        from screen_bar import Bar  # noqa: PLC0415 (slow; neither dry runs nor pipes need it)

        self.bar = Bar(self.own.stream, self.color, self.total, self._rest)

    def _rest(self) -> str:
        left = self.time_left(time.time())
        at_work = Counter(self.jobs[number].rule for number in tuple(self.running))
        names = ", ".join(f"{rule} {count}" if count > 1 else rule for rule, count in at_work.items())
        return "  ".join(filter(None, [f"about {span(left)} left" if left is not None else "", names]))

    def time_left(self, now: float) -> float | None:
        """Return the seconds that the jobs to do will take, or None while too little is known.

        A rule of which no job has ended yet is taken to be as long as the median of those of which one has. That is
        guessed once half of the jobs left are of known rules, or a quarter of all jobs is done.
        """
        known = {rule: mean(seconds) for rule, seconds in tuple(self.seconds.items())}
        todo = {rule: count for rule, count in tuple(self.todo.items()) if count > 0}
        of_known = sum(count for rule, count in todo.items() if rule in known)
        if not known or (2 * of_known < sum(todo.values()) and 4 * self.done < self.total):
            return None
        other = median(known.values())
        running = [self.jobs[number] for number in tuple(self.running)]
        work = sum(count * known.get(rule, other) for rule, count in todo.items())
        work -= sum(min(now - job.started, known.get(job.rule, other)) for job in running)
        busy = sum(map(sum, tuple(self.seconds.values()))) + sum(now - job.started for job in running)
        return max(0.0, work) * (now - self.start) / busy if busy > 0 else None


class OfJob(logging.Handler):
    """Writes what goes wrong in a rule that is a function, which Snakemake runs by itself, to the log of its job."""

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
                log.write(f"{plain(record)}\n")


def attach(workflow: Any) -> Screen | None:
    """Put the screen into the place of Snakemake's own handler, unless a user asked for that; return it."""
    logger = logging.getLogger("snakemake.logging")
    own = next((handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"), None)
    settings = workflow.output_settings
    asked = settings.verbose or settings.printshellcmds or settings.debug_dag
    screen = None
    if own and workflow.is_main_process and not asked and not settings.quiet:
        logfile = next(iter(workflow.logger_manager.get_logfile()), "")
        screen = Screen(own, settings.dryrun, not settings.nocolor, os.path.relpath(logfile) if logfile else "")
        os.environ[SHOWN] = "1"
    handler = OfJob(own, workflow) if own and workflow.subprocess_exec and SHOWN in os.environ else screen
    if handler:
        logger.removeHandler(own)
        logger.addHandler(handler)
    return screen


def plain(record: logging.LogRecord) -> str:
    """Return what an error says; of one that a rule raised for the user, the sentence alone."""
    text = str(record.msg).strip()
    refused = REFUSED.search(text) if getattr(record, "exception", "") == "RuleException" else None
    return f"error: {refused[1]}" if refused else text


def short_wildcards(wildcards: dict[str, str]) -> str:
    """Return what tells a job from its rule's others: values, with their names where they are numbers."""
    return ", ".join(f"{name} {value}" if str(value).isdigit() else str(value) for name, value in wildcards.items())


def span(seconds: float) -> str:
    """Return a time as a person says it: `4.2 s`, `42 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
