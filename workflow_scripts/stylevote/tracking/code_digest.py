"""Which code a program executes, as a digest that only a change of what it does can change."""

import ast
import atexit
import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path

from stylevote.errors import InputError
from stylevote.files.tables import read_json, write_json

PACKAGE = "stylevote"
# Modules that choose where and when something is computed, and nothing of what comes out.
OF_PLACE = {"stylevote.machine.gpus", "stylevote.machine.lock"}
# Modules that only describe settings, and the words of messages. The values of settings reach programs as params, which
# the workflow compares.
OF_TEXT = {f"stylevote.config.{name}" for name in ("base", "configuration", "ensemble", "messages", "photos", "runs")}
OF_TEXT |= {"stylevote.wording"}
MOST_REMEMBERED = 2000  # modules; more than that are of former versions

# The digest and the imports of every module that was parsed, by a digest of its text and of this module's.
_parsed: dict[str, list] = {}


def code_digest(program: Path, *modules: Path) -> str:
    """Return a digest of a program and of all modules of this library that it imports, directly or not.

    Modules in `OF_PLACE` and `OF_TEXT` do not count. The digest is of the parsed syntax: comments, docstrings,
    layout and the version of Python do not change it. Nothing is executed.

    Args:
        program: file of the program, in a folder of this library's folder or in a folder within.
        modules: files of the library's modules that the program imports by a name in its settings: what it does not
            choose does not count.

    Raises:
        OSError, SyntaxError: a module cannot be read or parsed.
    """
    root = next(folder for folder in program.parents if (folder / PACKAGE).is_dir())
    reached: dict[Path, str] = {}
    waiting = [program, *modules]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached[path], imported = _parse(path, root)
            waiting += imported
    text = "\n".join(f"{path.relative_to(root).as_posix()} {reached[path]}" for path in sorted(reached))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def remember_modules(path: Path) -> None:
    """Keep what is known of modules in a file, since to parse all of them takes a fifth of a dry run.

    Modules are known by their text. A file that is damaged or cannot be written costs time, and nothing else.

    Args:
        path: the file. It is read now, and written at the end of the process if more is known then.
    """
    with suppress(InputError):
        _parsed.update(read_json(path)["modules"])
    before = set(_parsed)

    def save() -> None:
        new = {key: value for key, value in _parsed.items() if key not in before}
        if new:
            kept = _parsed if len(_parsed) <= MOST_REMEMBERED else new
            with suppress(OSError):
                write_json({"modules": kept}, path)

    atexit.register(save)


@cache
def _parse(path: Path, root: Path) -> tuple[str, list[Path]]:
    """Return a digest of one module's syntax and the library's modules that it imports, wherever in it."""
    text = path.read_bytes()
    key = hashlib.sha256(_own_text() + text).hexdigest()
    if key not in _parsed:
        parts: list[str] = []
        names: list[str] = []
        _describe(ast.parse(text), parts, names)
        _parsed[key] = [hashlib.sha256("".join(parts).encode()).hexdigest(), names]
    digest, names = _parsed[key]
    return digest, [found for name in names for found in _files(name, root)]


@cache
def _own_text() -> bytes:
    return Path(__file__).read_bytes()


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _describe(node: object, parts: list[str], names: list[str]) -> None:
    """Add a node as text to ``parts``, and the modules that it imports to ``names``.

    Docstrings are left out, and empty fields: later versions of Python only add such ones. It is done in one walk:
    whoever plans a workflow waits for it.
    """
    if isinstance(node, ast.AST):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        parts.append(f"{type(node).__name__}(")
        comma = ""
        for field in node._fields:
            value = getattr(node, field, None)
            if field == "body" and isinstance(value, list) and value and _is_text(value[0]):
                value = value[1:]
            if value is None or value == [] or field in ("ctx", "kind", "type_comment"):
                continue
            parts.append(f"{comma}{field}=")
            _describe(value, parts, names)
            comma = ","
        parts.append(")")
    elif isinstance(node, list):
        parts.append("[")
        for number, inner in enumerate(node):
            if number:
                parts.append(",")
            _describe(inner, parts, names)
        parts.append("]")
    else:
        parts.append(repr(node))


def _files(name: str, root: Path) -> list[Path]:
    """Return the file of a module of the library that counts, if the name is one; packages hold no code themselves."""
    if name.split(".", maxsplit=1)[0] != PACKAGE or name in OF_PLACE | OF_TEXT:
        return []
    path = root.joinpath(*name.split(".")).with_suffix(".py")
    return [path] if path.is_file() else []
