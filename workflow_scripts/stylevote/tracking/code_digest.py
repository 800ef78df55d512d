"""Digest the code that a program executes: only a change of its syntax changes the digest."""

import ast
import atexit
import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path

from stylevote.errors import InputError
from stylevote.files.tables import read_json, write_json

PACKAGE = "stylevote"
# Modules that choose where and when something is computed, and do not affect results.
OF_PLACE = {"stylevote.machine.gpus", "stylevote.machine.lock"}
# Modules that only describe settings, and the words of messages. The values of settings reach programs as params, which
# the workflow compares.
OF_TEXT = {f"stylevote.config.{name}" for name in ("base", "configuration", "ensemble", "messages", "photos", "runs")}
OF_TEXT |= {"stylevote.wording"}
# Files and folders of files that a module uses for its results, as it does code.
DATA_OF = {
    "stylevote.report.render": ["stylevote/report/templates/*", "stylevote/wording.py"],
    "stylevote.report.drawing": ["stylevote/wording.py"],
}
MAX_REMEMBERED = 2000  # modules; more are of former versions

# The digest and the imports of each parsed module, by a digest of its text and of this module's.
_parsed: dict[str, list] = {}


def code_digest(program: Path, *modules: Path) -> str:
    """Return a digest of a program and of all modules of this library that it imports, directly or not.

    Modules in `OF_PLACE` and `OF_TEXT` do not count. The digest is of the parsed syntax: comments, docstrings,
    layout and the version of Python do not change it. Nothing is executed.

    Args:
        program: file of the program, in the folder that holds this library, or deeper.
        modules: files of the library's modules that the program imports by a name in its settings.

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
    """Keep the digests of modules in a file, because to parse all of them takes a fifth of a dry run.

    The file is read now, and written when the process ends if there are new digests. Modules are known by their text.
    If the file is damaged or cannot be written, they are parsed again.
    """
    with suppress(InputError):
        _parsed.update(read_json(path)["modules"])
    before = set(_parsed)

    def save() -> None:
        new = {key: value for key, value in _parsed.items() if key not in before}
        if new:
            kept = _parsed if len(_parsed) <= MAX_REMEMBERED else new
            with suppress(OSError):
                write_json({"modules": kept}, path)

    atexit.register(save)


@cache
def _parse(path: Path, root: Path) -> tuple[str, list[Path]]:
    """Return a digest of a module's syntax, and the library's modules that it imports, in functions too."""
    text = path.read_bytes()
    if path.suffix != ".py":
        return hashlib.sha256(text).hexdigest(), []
    key = hashlib.sha256(_own_text() + text).hexdigest()
    if key not in _parsed:
        parts: list[str] = []
        names: list[str] = []
        _describe(ast.parse(text), parts, names)
        _parsed[key] = [hashlib.sha256("".join(parts).encode()).hexdigest(), names]
    digest, names = _parsed[key]
    return digest, [path for name in names for path in _files(name, root)]


@cache
def _own_text() -> bytes:
    return Path(__file__).read_bytes()


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _describe(node: object, parts: list[str], names: list[str]) -> None:
    """Add a node as text to ``parts``, and the modules that it imports to ``names``.

    Docstrings and empty fields are left out: later versions of Python add empty fields. One walk does both, for speed.
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
    """Return the files of a module, if it is one of the library that counts; packages hold no code."""
    if name.split(".", maxsplit=1)[0] != PACKAGE or name in OF_PLACE | OF_TEXT:
        return []
    path = root.joinpath(*name.split(".")).with_suffix(".py")
    data = [file for pattern in DATA_OF.get(name, []) for file in sorted(root.glob(pattern))]
    return [path, *data] if path.is_file() else []
