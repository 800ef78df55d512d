"""Checks of a configuration's file and of the types of its values, before any key is looked at."""

import codecs
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from stylevote.config.messages import needs_quotes
from stylevote.errors import InputError
from stylevote.wording import bullets, describe_path, plural, quote

# More than any configuration needs. In YAML, a few lines with aliases can stand for any number of values.
MAX_VALUES = 100_000
MAX_DEPTH = 20
MAX_NUMBER = 2**53  # all readers of JSON keep whole numbers up to it
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
MAX_DIGITS = 100  # longer numbers are left as text


def refusal(problems: Sequence[str]) -> InputError:
    """Return the error that lists the problems of a configuration."""
    return InputError(bullets(f"{plural(len(problems), 'problem')} in the configuration:", problems, indent="  "))


def check_file(path: Path) -> None:
    """Check a configuration's file before Snakemake reads it, whose errors are tracebacks or have no line.

    Raises:
        InputError: there is no such file, it is not UTF-8, YAML or JSON, has no keys, or a mapping has a key twice
            (readers of YAML keep the last one).
    """
    text = _text(path)
    try:
        _refuse_deep(text)
        loader = yaml.CSafeLoader(text)
        root = loader.get_single_node()
        value = loader.construct_document(root) if root else None
    except (yaml.YAMLError, ValueError, IndexError, RecursionError) as error:
        try:
            root, value = None, json.loads(text)  # tabs between values are JSON, and no YAML
        except (ValueError, RecursionError):
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
            raise InputError(f"{path}{line}: this is no YAML: {problem}") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: found {quote(value)}, expected keys with values, such as labels: [...]")
    if root:
        _refuse_repeated_keys(path, root)


def _refuse_deep(text: str) -> None:
    """Raise `RecursionError` if values are nested too deeply for the reader, which would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > 100:
            raise RecursionError("values are nested too deeply")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: found {describe_path(path)}, expected a configuration ({error.strerror}). Words after"
            " --configfile are files; put targets before it, or after --"
        ) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        line = data.count(b"\n", 0, error.start) + 1
        found = "UTF-16" if utf_16 else f"the byte 0x{data[error.start]:02x} in line {line} (Windows-1252?)"
        raise InputError(f"{path}: found {found}, expected text in UTF-8; save the file in this encoding") from None


def _refuse_repeated_keys(path: Path, root: yaml.Node) -> None:
    """Raise `InputError` if a mapping has a key twice."""
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
                    yield f"{where or 'configuration'}: found the key {quote(key)}{needs_quotes(key)}, expected text"
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
