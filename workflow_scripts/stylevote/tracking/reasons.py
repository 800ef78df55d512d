"""Explain briefly why Snakemake runs a job, and why a job failed."""

import re
from collections import Counter
from collections.abc import Container
from pathlib import Path

MISSING = "Missing output files"
# Beginnings of Snakemake's reasons to make existing results again.
REASONS = {
    "Incomplete output files": "interrupted",
    "Params have changed": "setting or code changed",
    "Code has changed": "command changed",
    "Updated input files": "inputs changed",
    "Input files updated by another job": "inputs are made again",
}
# Those that outweigh all others.
FIRST = {"Forced execution": "forced", "are always executed": "runs at every call", MISSING: "output is missing"}
# How error messages begin: those of programs (not Slurm's), and Snakemake's about rules that are functions.
SENTENCE = re.compile(r"(?:\w+\.py: |stylevote: )?error: |\w+(?:Error|Exception) in (?:file|rule) ")
COMMAND_FAILED = re.compile(r"returned non-zero exit status (\d+)\.|died with <Signals\.(\w+)")
LAST_LINES, MAX_LETTERS = 12, 400  # of a log without an error message
SLACK = 60  # seconds by which a node's clock may differ


def short_reasons(reason: str) -> list[str]:
    """Return Snakemake's reasons for a job, shortened; the beginning of its text if none is known."""
    for text, words in FIRST.items():
        if text in reason:
            return [words]
    return [words for text, words in REASONS.items() if text in reason] or [reason.partition(":")[0]]


def counts_and_reasons(counts: dict[str, int], reasons: dict[str, Counter[str]]) -> str:
    """Return a table of the number of jobs per rule and their reasons, with numbers if not all have the same."""
    rows = [("job", "count", "why")]
    for rule, count in counts.items():
        why = (f"{reason} {of}" if of < count else reason for reason, of in reasons.get(rule, Counter()).most_common())
        rows.append((rule, str(count), ", ".join(why)))
    rows.insert(1, tuple("-" * max(map(len, column)) for column in zip(*rows, strict=True)))
    return "\n".join(["Job stats:", *aligned(rows, numbers={1}), ""])


def aligned(rows: list[tuple[str, ...]], numbers: Container[int]) -> list[str]:
    """Return rows as lines with aligned columns: those of ``numbers`` to the right, the others to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = enumerate(zip(row, widths, strict=True))
        lines.append("  ".join(cell.rjust(n) if column in numbers else cell.ljust(n) for column, (cell, n) in cells))
    return [line.rstrip() for line in lines]


def why_failed(logs: list[str], started: float, error: str = "", message: str = "") -> tuple[str, bool]:
    """Return why a job failed, and whether that is an error message; if not, the log's last lines follow.

    Args:
        logs: the job's.
        started: the job's start, in seconds since 1970; older logs are those of an earlier call.
        error, message: Snakemake's error, and the cluster's message.
    """
    texts = [text for path in logs if (text := _read(Path(path), started))]
    for text in texts:
        lines = text.splitlines()
        begin = max((number for number, line in enumerate(lines) if SENTENCE.match(line)), default=None)
        if begin is not None:
            return "\n".join(lines[begin:]), True
    status = COMMAND_FAILED.search(error)
    if error and not status:
        return error, True
    if status and (status[2] or int(status[1]) > 128):
        message = f"It was killed ({status[2] or f'signal {int(status[1]) - 128}'}); perhaps memory was short."
    message = message or f"It ended without an error message{f', with exit status {status[1]}' if status else ''}."
    last = [line[:MAX_LETTERS] for line in texts[0].splitlines()[-LAST_LINES:]] if texts else []
    return "\n".join([message, *(["The last lines of its log:", *last] if last else ["Its log is empty."])]), False


def _read(path: Path, started: float) -> str:
    """Return the text of a log; nothing if it is missing, or of an earlier call."""
    try:
        if path.stat().st_mtime < started - SLACK:
            return ""
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
