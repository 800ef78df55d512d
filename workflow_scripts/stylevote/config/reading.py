"""Checks of a configuration's file and of the types of its values, before any key is looked at."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from stylevote.errors import InputError
from stylevote.wording import bullets, plural, quote

# More than any configuration needs. In YAML, a few lines with aliases can stand for any number of values.
MAX_VALUES = 100_000
MAX_DEPTH = 20
MAX_NUMBER = 2**53  # all readers of JSON keep whole numbers up to it
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
MAX_DIGITS = 100  # longer numbers are left as text


def refusal(problems: Sequence[str]) -> InputError:
    """Return the error that lists the problems of a configuration."""
    return InputError(bullets(f"{plural(len(problems), 'problem')} in the configuration:", problems, indent="  "))


def refuse_repeated_keys(path: Path) -> None:
    """Raise `InputError` if a mapping in a configuration's file has a key twice. Readers of YAML keep the last one.

    Errors of YAML are left to Snakemake, which has read the file before.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, OSError, UnicodeError):
        return
    repeated: list[tuple[int, str]] = []
    seen, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            waiting += [value for _, value in node.value]
            first: dict[tuple[str, str], int] = {}
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                line = key.start_mark.line + 1
                if (key.tag, key.value) in first:
                    before = first[key.tag, key.value]
                    repeated.append((line, f"the key {quote(key.value)} again; line {before} has it already"))
                else:
                    first[key.tag, key.value] = line
    if repeated:
        raise refusal([f"{path}, line {line}: {problem}" for line, problem in sorted(repeated)])


def value_problems(config: dict[str, Any]) -> Iterator[str]:
    """Yield the problems of values of the wrong kind, and of too many of them.

    Keys are printable text. Values are printable text, moderate numbers, booleans, null, lists and mappings.
    """
    waiting, count = [("", config, 0)], 0
    while waiting:
        where, value, depth = waiting.pop()
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            yield (
                f"{where}: too many values, or too deep; expected at most {MAX_VALUES} values, {MAX_DEPTH} deep (an"
                " alias of YAML counts each time)"
            )
            return
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    if where.endswith(".labels.values"):  # cells of a table: `texts_of_cells` knows what YAML reads
                        continue
                    yield f"{where or 'configuration'}: the key {quote(key)} is no text; put it into quotes"
                else:
                    yield from _unprintable(f"{where}: the key" if where else "the key", key)
            waiting += [(f"{where}.{key}".lstrip("."), part, depth + 1) for key, part in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(f"{where}[{k}]", part, depth + 1) for k, part in reversed(list(enumerate(value)))]
        elif isinstance(value, str):
            yield from _unprintable(where, value)
        elif isinstance(value, (int, float)):
            if not abs(value) <= MAX_NUMBER:
                yield f"{where}: found {quote(value)}, expected a number within {MAX_NUMBER}"
        elif value is not None:
            yield f"{where}: found the {type(value).__name__} {quote(value)}; put text that looks like one into quotes"


def _unprintable(where: str, text: str) -> Iterator[str]:
    """Yield the problem of ``text`` with a control character or half a character (a surrogate)."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        yield f"{where} {quote(text)} holds a control character"


def numbers_from_text(value: Any) -> Any:
    """Return a value with text that looks like a number as a number: YAML reads ``1e-3`` as text."""
    if isinstance(value, dict):
        names = ("labels", "label_sets", "photosets", "results", "external", "title", "notes", "row")
        return {key: part if key in names else numbers_from_text(part) for key, part in value.items()}
    if isinstance(value, list):
        return [numbers_from_text(part) for part in value]
    if isinstance(value, str) and len(value) <= MAX_DIGITS and re.fullmatch(NUMBER, value, re.ASCII):
        number = int(value) if re.fullmatch(r"[+-]?\d+", value) else float(value)
        return number if abs(number) <= MAX_NUMBER else value
    return value
