"""Why Snakemake does a job, and why a job failed, in few words."""

import re
from collections import Counter
from pathlib import Path

# Why it makes again what is there. The first that fits is the one to say where one is enough.
REASONS = {
    "Incomplete output files": "interrupted",
    "Params have changed": "setting or code changed",
    "Code has changed": "command changed",
    "Updated input files": "inputs changed",
    "Input files updated by another job": "inputs are made anew",
}
# Where these are the case, no others count.
FIRST = {
    "Forced execution": "forced",
    "are always executed": "done at every call",
    "Missing output files": "output is not there",
}
# How programs (and not Slurm's), and Snakemake for rules that are functions, begin to say what is wrong.
SENTENCE = re.compile(r"(?:\w+\.py: |stylevote: )?error: |\w+(?:Error|Exception) in (?:file|rule) ")
COMMAND_FAILED = re.compile(r"returned non-zero exit status (\d+)\.|died with <Signals\.(\w+)")
LAST_LINES, MOST_LETTERS = 12, 400  # of a log without such a sentence
SLACK = 60  # seconds by which a node's clock may differ


def short_reasons(reason: str) -> list[str]:
    """Return in few words why Snakemake does a job; the beginning of its own words if none are known."""
    for text, words in FIRST.items():
        if text in reason:
            return [words]
    return [words for text, words in REASONS.items() if text in reason] or [reason.partition(":")[0]]


def counts_and_reasons(counts: dict[str, int], reasons: dict[str, Counter[str]]) -> str:
    """Return a table of the jobs by rule, and why they are to be done: how many for which reason, if not all."""
    rows = [("job", "count", "why")]
    for rule, count in counts.items():
        why = (f"{reason} {of}" if of < count else reason for reason, of in reasons.get(rule, Counter()).most_common())
        rows.append((rule, str(count), ", ".join(why)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = (f"{rule:<{widths[0]}}  {count:>{widths[1]}}  {why}".rstrip() for rule, count, why in rows)
    return "\n".join(["Job stats:", *lines, ""])


def why_failed(logs: list[str], started: float, said: str = "", message: str = "") -> tuple[str, bool]:
    """Return why a job failed, and whether that is a sentence of its own; if not, its log's last lines are added.

    Args:
        logs: its logs.
        started: when it was started, in seconds since 1970; older logs are not its own.
        said: what Snakemake said of it.
        message: what the cluster said of it.
    """
    texts = [text for path in logs if (text := _read(Path(path), started))]
    for text in texts:
        lines = text.splitlines()
        begin = max((number for number, line in enumerate(lines) if SENTENCE.match(line)), default=None)
        if begin is not None:
            return "\n".join(lines[begin:]), True
    found = COMMAND_FAILED.search(said)
    if said and not found:
        return said, True
    if found and (found[2] or int(found[1]) > 128):
        message = f"It was killed ({found[2] or f'signal {int(found[1]) - 128}'}); perhaps memory was short."
    message = message or "It ended without a sentence of its own" + (
        f", with exit status {found[1]}." if found else "."
    )
    last = [line[:MOST_LETTERS] for line in texts[0].splitlines()[-LAST_LINES:]] if texts else []
    return "\n".join([message, *(["The last lines of its log:", *last] if last else ["Its log is empty."])]), False


def _read(path: Path, started: float) -> str:
    """Return the text of a log; nothing if there is none, or one of an earlier call."""
    try:
        if path.stat().st_mtime < started - SLACK:
            return ""
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
