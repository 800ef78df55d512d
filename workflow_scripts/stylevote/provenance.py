"""Which code a program executes, as a digest that only a change of what it does can change."""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "stylevote"
# Modules that choose where and when something is computed, and nothing of what comes out.
OF_PLACE = {"stylevote.leases", "stylevote.takeover"}


def code_digest(program: Path, *modules: Path) -> str:
    """Return a digest of a program and of every module of this library that it reaches by import, but for `OF_PLACE`.

    It is of the parsed syntax: comments, docstrings, layout and the version of Python do not change it. Nothing is
    executed.

    Args:
        program: file of the program.
        modules: files of the library's modules that the program imports by a name in its settings: what it does not
            choose does not count.

    Raises:
        OSError, SyntaxError: a module cannot be read or parsed.
    """
    root = program.parent
    reached: dict[Path, str] = {}
    waiting = [program, *modules]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached[path], imported = _parse(path, root)
            waiting += imported
    text = "\n".join(f"{path.relative_to(root).as_posix()} {reached[path]}" for path in sorted(reached))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _parse(path: Path, root: Path) -> tuple[str, list[Path]]:
    """Return a digest of one module's syntax and the library's modules that it imports, wherever in it."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            del body[0]
    imported = [found for node in ast.walk(tree) for name in _imports(node) for found in _files(name, root)]
    return hashlib.sha256(_syntax(tree).encode()).hexdigest(), imported


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def _files(name: str, root: Path) -> list[Path]:
    """Return the file of a module of the library that counts, if the name is one; packages hold no code themselves."""
    if name.split(".", maxsplit=1)[0] != PACKAGE or name in OF_PLACE:
        return []
    path = root.joinpath(*name.split(".")).with_suffix(".py")
    return [path] if path.is_file() else []


def _syntax(node: object) -> str:
    """Return a node as text, leaving out empty fields: later versions of Python only add such ones."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if name not in ("ctx", "kind", "type_comment"))
        inner = ",".join(f"{name}={_syntax(value)}" for name, value in fields if value is not None and value != [])
        return f"{type(node).__name__}({inner})"
    if isinstance(node, list):
        return "[" + ",".join(map(_syntax, node)) + "]"
    return repr(node)
