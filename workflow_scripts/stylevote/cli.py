"""Command lines, made from the signatures of functions.

`run(main)` gives `main` an option per parameter: a path, `str`, `int` or `float`; `X | None`, whose option may stay
empty; or `list[X]`, which takes any number of values. Commands for people also have positional-only parameters (``/``),
`bool` (an option without a value), `Literal` (a choice), `Annotated`, which adds a short option, such as "-o", or a
function that reads the value, and names with a final underscore, which the option lacks (``for_``).

Keyword-only parameters are settings. They come together as one JSON object, `--settings`, which the workflow passes on
standard input: the names of a thousand labels are too long for an argument. A setting whose annotation holds a class of
`stylevote.config` (`Selection`, `list[Phase]`, `Threshold | None`) arrives as that class, checked.
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
from typing import Annotated, Any, Literal, get_args, get_origin

from stylevote.errors import InputError, unwritable
from stylevote.wording import key_path

SETTINGS = "settings"
# Parameters that many programs have, for `--help`. The docstring of a program describes its other parameters.
COMMON = {
    "labels": "labels to work on",
    "run": "id of the run",
    "setting": "setting of the run",
    "composition": "number of different CNNs, and labels that lack members",
    "manifest": "training photos",
    "folds": "folds of the photos",
    "test_manifest": "test photos",
    "votes": "votes for the photoset",
    "thresholds": "thresholds, a file per block of labels",
    "threads": "processor threads to use",
    "beta": "weight of recall against precision in F-beta",
    "fold_count": "number of folds",
    "features": "labels whose members every stacker uses, too",
    "selection": "method and its settings",
    "stack": "combiner and its settings",
    "threshold": "method and its settings",
    "voting": "aggregation, and the minimum and maximum number of labels per photo",
}


def run(main: Callable[..., None]) -> None:
    """Call ``main`` with the values of the command line, and end the process.

    Its docstring describes its parameters under ``Args:``, for `--help`. Bad input and a disk that cannot be written
    end in one line on standard error and exit status 1.
    """
    end_with(parse(main))


def parse(main: Callable[..., None], words: list[str] | None = None, **texts: str) -> Callable[[], None]:
    """Return a call of ``main`` (see `run`) with the values of a command line, or of the process's without ``words``.

    ``texts`` are those of `argparse.ArgumentParser`, for `--help`.
    """
    signature = inspect.signature(main, eval_str=True)
    arguments = vars(make_parser(main, signature, **texts).parse_args(words))
    types_of = {name: p.annotation for name, p in signature.parameters.items() if p.kind is p.KEYWORD_ONLY}

    def call() -> None:
        positional = [arguments.pop(name) for name, p in signature.parameters.items() if p.kind is p.POSITIONAL_ONLY]
        settings = check_settings(arguments.pop(SETTINGS), types_of) if types_of else {}
        main(*positional, **arguments, **settings)

    return call


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


def make_parser(main: Callable[..., None], signature: inspect.Signature, **texts: str) -> argparse.ArgumentParser:
    """Return the parser of a function's command line; see `parse`."""
    summary, _, rest = (inspect.getdoc(main) or "").partition("\n\nArgs:\n")
    helps = COMMON | {
        name: " ".join(text.split()).replace("%", "%%")
        for name, text in re.findall(r"^    (\w+): (.*(?:\n     .*)*)", rest, re.M)
    }
    parser = argparse.ArgumentParser(description=summary, allow_abbrev=False, **texts)
    settings = []
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            settings.append(f"{name}: {helps[name]}" if name in helps else name)
        else:
            names, options = _argument(parameter)
            parser.add_argument(*names, help=helps.get(name), **options)
    if settings:
        text = f"JSON object, or - to read it from standard input. {'; '.join(settings)}"
        parser.add_argument(f"--{SETTINGS}", type=_read_json, required=True, help=text)
    return parser


def check_settings(settings: object, types_of: dict[str, Any]) -> dict[str, Any]:
    """Return settings as they were read, given their annotations: values of a class of `stylevote.config` become it.

    Raises:
        InputError: a key is missing or unknown, or a value is not of its class.
    """
    keys = list(settings) if isinstance(settings, dict) else []
    if not isinstance(settings, dict) or set(keys) != set(types_of):
        wrong = [f"{key!r} is missing" for key in types_of if key not in keys]
        wrong += [f"{key!r} is unknown" for key in keys if key not in types_of] or ["no JSON object"] * (not wrong)
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


def _argument(parameter: inspect.Parameter) -> tuple[list[str], dict[str, Any]]:
    """Return the names of a parameter's argument, and its options for `argparse.ArgumentParser.add_argument`."""
    annotation, extras, has_default = parameter.annotation, [], parameter.default is not parameter.empty
    if get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
    names = [extra for extra in extras if isinstance(extra, str)]
    names.append(f"--{parameter.name.rstrip('_').replace('_', '-')}")
    if annotation is bool:
        return names, {"action": "store_true"}
    options: dict[str, Any] = {"default": parameter.default, "required": False} if has_default else {"required": True}
    options["dest"] = parameter.name
    if isinstance(annotation, types.UnionType):
        (annotation,) = (kind for kind in get_args(annotation) if kind is not types.NoneType)
        if not has_default:  # Snakemake writes an empty word for no file
            return names, {"type": lambda word, kind=annotation: kind(word) if word else None, "nargs": "?"}
    if get_origin(annotation) is list:
        (annotation,) = get_args(annotation)
        options["nargs"] = "*"
    if get_origin(annotation) is Literal:
        options["choices"] = get_args(annotation)
    else:
        options["type"] = next((extra for extra in extras if callable(extra)), annotation)
    if parameter.kind is parameter.POSITIONAL_ONLY:
        names = [parameter.name]
        del options["required"], options["dest"]
    return names, options


def _read_json(text: str) -> Any:
    if text == "-":
        text = sys.stdin.read()
        # Several processes of a training are started by the command line of the first, and have no standard input.
        sys.argv = [text if word == "-" else word for word in sys.argv]
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"found {text[:40]!r}, expected JSON ({error})") from None
