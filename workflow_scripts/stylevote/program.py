"""How every program of the workflow starts and stops: arguments in, a plain sentence out where the input is wrong."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stylevote.errors import InputError, unwritable


def parser(description: str, **paths: str) -> argparse.ArgumentParser:
    """Return an argument parser with one required path option a keyword (its value is the help text).

    A help text that ends in ``...`` marks an option that takes several paths.
    """
    arguments = argparse.ArgumentParser(description=description)
    for name, text in paths.items():
        several = text.endswith("...")
        arguments.add_argument(
            f"--{name.replace('_', '-')}",
            type=Path,
            required=True,
            nargs="+" if several else None,
            help=text.removesuffix("..."),
        )
    return arguments


def add_spec(arguments: argparse.ArgumentParser, text: str) -> None:
    """Add ``--spec``: the settings that the result depends on, as JSON.

    Rules give it on standard input: the names of a thousand labels are too long for an argument.
    """
    arguments.add_argument(
        "--spec", type=_spec, required=True, help=f"settings as JSON, or - for standard input: {text}"
    )


class _Settings(dict):
    """Settings of a program, which says which of them it misses."""

    def __missing__(self, key: str) -> Any:
        found = ", ".join(map(repr, self)) or "nothing"
        raise InputError(f"--spec: {key!r} is missing, found {found}; `--help` says what is expected")


def _spec(text: str) -> dict[str, Any]:
    if text == "-":
        text = sys.stdin.read()
        # Several processes of a training are started by the command line of the first, and have no standard input.
        sys.argv = [text if word == "-" else word for word in sys.argv]
    try:
        return _Settings(json.loads(text))
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"found {text[:40]!r}, expected settings as JSON ({error})") from None


def add_threads(arguments: argparse.ArgumentParser) -> None:
    """Add ``--threads``: how many processor threads the program may use."""
    arguments.add_argument("--threads", type=int, default=1, help="processor threads to use (default 1)")


def optional_path(text: str) -> Path | None:
    """Return the path of a file that need not be: Snakemake writes an empty argument for no file."""
    return Path(text) if text else None


def check_number(option: str, paths: list[Path], expected: int, each: str) -> None:
    """Raise `InputError` unless the ``paths`` given as --``option`` are one for ``each`` of so many."""
    if len(paths) != expected:
        raise InputError(f"--{option}: found {len(paths)} files, expected {expected}, one per {each}")


def run(arguments: argparse.ArgumentParser, main: Callable[[argparse.Namespace], Any]) -> None:
    """Parse the command line, call ``main`` and end the process.

    What the input or the disk makes impossible ends in a line that says so, and exit status 1.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    namespace = arguments.parse_args()
    try:
        main(namespace)
    except InputError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if why := unwritable(error):
            sys.exit(f"error: {error.filename or 'the results'}: {why}, then start again")
        raise
    # Python would first take apart all that was imported: with PyTorch, for a second.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
