"""The workflow's programs, called in this process: what they say and how they end, without the start of Python."""

import contextlib
import io
import json
import logging
import os
import runpy
import sys
import traceback
from pathlib import Path
from unittest import mock

PROGRAMS = Path(__file__).parents[1] / "workflow_scripts"
# That of a program that has a process of its own: it imports the library.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(PROGRAMS)}


def call(folder: Path, program: str, *arguments: object, expected: int = 0) -> str:
    """Run a program in ``folder`` and return what it says.

    Args:
        folder: its working directory.
        program: its name.
        arguments: its command line; a value that is no text is JSON.
        expected: its exit status.
    """
    words = [word if isinstance(word, str) else json.dumps(word) for word in arguments]
    said, root = io.StringIO(), logging.getLogger()
    argv, handlers, level, before = sys.argv, root.handlers, root.level, Path.cwd()
    sys.argv, root.handlers, status = [f"{program}.py", *words], [], 0
    os.chdir(folder)
    try:
        # A program ends its process at once.
        ends = mock.patch("os._exit", side_effect=SystemExit)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), ends:
            try:
                runpy.run_path(str(PROGRAMS / f"{program}.py"), run_name="__main__")
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
                if isinstance(end.code, str):
                    print(end.code)
            except Exception:
                traceback.print_exc()
                status = 1
    finally:
        os.chdir(before)
        sys.argv, root.handlers = argv, handlers
        root.setLevel(level)
    assert status == expected, said.getvalue()
    return said.getvalue()
