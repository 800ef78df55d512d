"""Command lines of the workflow's programs, made from the signatures of their functions.

`run(main)` gives `main` an option per parameter: a path, `str`, `int` or `float`; `X | None`, whose option may stay
empty; or `list[X]`, which takes any number of values. Keyword-only parameters are settings. They come together as one
JSON object, `--settings`, which the workflow passes on standard input: the names of a thousand labels are too long for
an argument. A setting whose annotation holds a class of `stylevote.config` (`Selection`, `list[Phase]`,
`Threshold | None`) arrives as that class, checked.
"""

import argparse
import inspect
import json
import logging
import os
import re
import sys
import types
from collections.abc import Callable
from typing import Any, get_args, get_origin

from stylevote.errors import InputError, unwritable
from stylevote.wording import key_path

SETTINGS = "settings"


def run(main: Callable[..., None]) -> None:
    """Call ``main`` with the values of the command line, and end the process.

    Bad input and a disk that cannot be written end in one line on standard error and exit status 1.

    Args:
        main: a function whose docstring describes its parameters under ``Args:``, for `--help`.
    """
    signature = inspect.signature(main, eval_str=True)
    arguments = vars(make_parser(main, signature).parse_args())
    types_of = {name: p.annotation for name, p in signature.parameters.items() if p.kind is p.KEYWORD_ONLY}

    def work() -> None:
        settings = check_settings(arguments.pop(SETTINGS), types_of) if types_of else {}
        main(**arguments, **settings)

    end_with(work)


def end_with(work: Callable[[], None]) -> None:
    """Call ``work`` and end the process; bad input and a disk that cannot be written end in one line and status 1."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        work()
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


def make_parser(main: Callable[..., None], signature: inspect.Signature) -> argparse.ArgumentParser:
    """Return the parser of a function's command line."""
    summary, _, rest = (inspect.getdoc(main) or "").partition("\n\nArgs:\n")
    texts = {
        name: " ".join(text.split()).replace("%", "%%")
        for name, text in re.findall(r"^    (\w+): (.*(?:\n     .*)*)", rest, re.M)
    }
    parser = argparse.ArgumentParser(description=summary, allow_abbrev=False)
    settings = []
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            settings.append(f"{name}: {texts[name]}" if name in texts else name)
            continue
        kind, nargs = _value_of(parameter.annotation)
        required = nargs != "?" and parameter.default is parameter.empty
        default = None if parameter.default is parameter.empty else parameter.default
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=kind, nargs=nargs, required=required, default=default, help=texts.get(name))
    if settings:
        text = f"JSON object, or - to read it from standard input. {'; '.join(settings)}"
        parser.add_argument(f"--{SETTINGS}", type=_read_json, required=True, help=text)
    return parser


def check_settings(settings: object, types_of: dict[str, Any]) -> dict[str, Any]:
    """Return settings with exactly these keys, those with a class of `stylevote.config` as that class.

    Args:
        settings: what was read, an object.
        types_of: annotation of each setting.

    Raises:
        InputError: a key is missing or unknown, or a value is not of its class.
    """
    found = list(settings) if isinstance(settings, dict) else []
    if not isinstance(settings, dict) or set(found) != set(types_of):
        wrong = [f"{key!r} is missing" for key in types_of if key not in found]
        wrong += [f"{key!r} is unknown" for key in found if key not in types_of] or ["no JSON object"] * (not wrong)
        raise InputError(f"--{SETTINGS}: {', '.join(wrong)}; expected {', '.join(map(repr, types_of))}")
    return {key: _typed(key, settings[key], annotation) for key, annotation in types_of.items()}


def _typed(name: str, value: Any, annotation: Any) -> Any:
    """Return a value as the classes of settings in its annotation; without any, as it is."""
    if not _holds_model(annotation):
        return value
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 (0.2 s that most programs need not wait)

    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        wrong = [f"{key_path((name, *details['loc']))}: {details['msg']}" for details in error.errors()]
        raise InputError(f"--{SETTINGS}: {'; '.join(wrong)}") from None


def _holds_model(annotation: Any) -> bool:
    return hasattr(annotation, "model_fields") or any(map(_holds_model, get_args(annotation)))


def _value_of(annotation: Any) -> tuple[Callable[[str], Any], str | None]:
    """Return what makes a value of a word, and how many words an option takes (as argparse has it)."""
    if get_origin(annotation) is list:
        return get_args(annotation)[0], "*"
    if isinstance(annotation, types.UnionType):
        kind = next(part for part in get_args(annotation) if part is not types.NoneType)
        return lambda word: kind(word) if word else None, "?"  # Snakemake writes an empty word for no file
    return annotation, None


def _read_json(text: str) -> Any:
    if text == "-":
        text = sys.stdin.read()
        # Several processes of a training are started by the command line of the first, and have no standard input.
        sys.argv = [text if word == "-" else word for word in sys.argv]
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"found {text[:40]!r}, expected JSON ({error})") from None
