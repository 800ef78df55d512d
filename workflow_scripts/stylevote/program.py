"""How every program of the workflow starts and stops: arguments in, a plain sentence out where the input is wrong."""

import argparse
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


class InputError(Exception):
    """What the user gave cannot be used. The message names the file, the row or key, what was found and expected.

    It may repeat names, values and what a library said of them: what does not print, a terminal's commands for
    instance, is escaped.
    """

    def __init__(self, message: object) -> None:
        printable = (
            letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in str(message)
        )
        super().__init__("".join(printable))


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
    """Add ``--spec``: the settings that the result depends on, as JSON."""
    arguments.add_argument("--spec", type=json.loads, required=True, help=f"settings as JSON: {text}")


def add_threads(arguments: argparse.ArgumentParser) -> None:
    """Add ``--threads``: how many processor threads the program may use."""
    arguments.add_argument("--threads", type=int, default=1, help="processor threads to use (default 1)")


def optional_path(text: str) -> Path | None:
    """Return the path of a file that need not be: Snakemake writes an empty argument for no file."""
    return Path(text) if text else None


def check_number(option: str, paths: list[Path], expected: int, each: str) -> None:
    """Raise `InputError` unless the ``paths`` given as --``option`` are one for ``each`` of so many."""
    if len(paths) != expected:
        raise InputError(f"--{option}: found {len(paths)} files, expected {expected}, one a {each}")


def run(arguments: argparse.ArgumentParser, main: Callable[[argparse.Namespace], Any]) -> None:
    """Parse the command line and call ``main``; an `InputError` ends in its message and exit status 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    namespace = arguments.parse_args()
    try:
        main(namespace)
    except InputError as error:
        sys.exit(f"error: {error}")
