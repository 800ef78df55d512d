"""Make the params of rules that run a program: its command line, its settings, and a digest of its code."""

import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from stylevote.tracking.code_digest import code_digest

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow_scripts"
# The folder of programs in commands. Snakemake repeats a job if the text of its command changed. So in another working
# folder, the text does not say where the programs are.
FOLDER = "workflow_scripts" if Path.cwd() == SCRIPTS.parent else '"$STYLEVOTE_SCRIPTS"'
# The shell command of a rule whose params `program` makes.
PROGRAM = f"python {FOLDER}/{{params.program}}.py {{params.arguments}} <<< {{params.settings:q}} > {{log:q}} 2>&1"


@cache
def code(path: str, *modules: str) -> str:
    """Return a digest of the code that a program executes, and of modules of the library that its settings choose."""
    return code_digest(SCRIPTS / f"{path}.py", *(SCRIPTS / "stylevote" / f"{module}.py" for module in modules))


def program(
    path: str,
    settings: Callable[[Any], str] | None = None,
    *,
    digest: str | Callable[[Any], str] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Return the params of a rule that runs a program.

    The rule's named inputs, its outputs and these options are the command line. The job only waits for inputs without a
    name.

    Args:
        path: of the program, in `workflow_scripts`, without its suffix.
        settings: a function of the wildcards that returns the program's settings as JSON; None if it has none.
        digest: of the program's code, or a function of the wildcards that returns it, if settings choose code.
        options: further values of the command line, or functions of the wildcards that return them. In a text, `{run}`
            stands for that wildcard, and `{threads}` for the job's threads. Snakemake does not compare them.
    """

    # It takes `input` so that Snakemake does not compare it: paths and threads change no result.
    def arguments(wildcards: Any, input: Any, output: Any, threads: int, resources: Any) -> str:
        further = {**wildcards, "threads": threads, "resources": resources}
        words = ["--settings", "-"] if settings else []
        for name, value in [*input.items(), *output.items(), *options.items()]:
            values = value(wildcards) if callable(value) else value
            values = [values] if isinstance(values, str) or not hasattr(values, "__iter__") else values
            if name in options and not callable(value):
                values = [str(word).format(**further) for word in values]
            words += [f"--{name.replace('_', '-')}", *map(str, values)]
        return shlex.join(words)

    return {
        "program": path,
        "arguments": arguments,
        "settings": settings or "none",  # the shell needs a word there, and Snakemake does not quote an empty one
        "code": digest or code(path),
    }


def by_attempt(amount: int) -> Callable[[Any, int], int]:
    """Return a job's memory or time: the amount, times the number of the attempt."""
    return lambda wildcards, attempt: amount * attempt  # noqa: ARG005 (Snakemake calls it by these names)
