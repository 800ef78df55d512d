"""What lies in the results folder and is no longer used by the configuration, and its removal.

Nothing is read from the files: a file is what its path says. Links are never followed; a link is a file of its own.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from stylevote.errors import InputError
from stylevote.files.tables import read_json, write_json

USED, UNUSED, UNKNOWN = "used", "unused", "unknown"
PARTIAL = re.compile(r"\.(.+)\.[0-9a-f]{8}-\d+\.partial")  # what `stylevote.files.tables.replacing` writes to
LISTED = "unused.json"


class File(NamedTuple):
    """A file in the results folder: its path relative to that, its size in bytes, and whether it is used."""

    path: str
    size: int
    kind: str


def sort_files(root: Path, used: Iterable[str], made: Iterable[str], kept: Iterable[str] = ()) -> list[File]:
    """Return every file below ``root``, in the order of the names.

    A path that matches is what it is with everything below it. What is half written goes by what it was to be. Folders
    without any file stand among the files, with a slash at the end, if they match. Names that begin with a dot are left
    out, unless they lie below a path that matches.

    Args:
        root: the results folder.
        used: regular expressions of relative paths that the configuration stands for: ``used``.
        made: the same, of what any configuration may have brought: ``unused``, if nothing says that they are used. All
            other files are ``unknown``.
        kept: relative paths that are ``used``, whatever they match or lie below.

    Raises:
        InputError: a folder cannot be read.
    """
    kept = set(kept)
    kinds = [(USED, re.compile(pattern)) for pattern in used] + [(UNUSED, re.compile(pattern)) for pattern in made]

    def kind_of(path: str) -> str | None:
        folder, slash, name = path.rpartition("/")
        partial = PARTIAL.fullmatch(name)
        meant = f"{folder}{slash}{partial[1]}" if partial else path
        return next((kind for kind, pattern in kinds if pattern.fullmatch(meant)), None)

    def below(folder: Path | str, where: str, inherited: str | None) -> Iterator[File]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:  # a job is at work
            return
        except OSError as error:
            raise InputError(f"{folder}: cannot be read ({error.strerror})") from error
        if not entries and inherited:
            yield File(where, 0, inherited)
        for entry in entries:
            kind = USED if where + entry.name in kept else inherited or kind_of(where + entry.name)
            if entry.is_dir(follow_symlinks=False) and (kind or not entry.name.startswith(".")):
                yield from below(entry.path, f"{where}{entry.name}/", kind)
            elif kind or not entry.name.startswith("."):
                with suppress(FileNotFoundError):
                    yield File(where + entry.name, entry.stat(follow_symlinks=False).st_size, kind or UNKNOWN)

    return list(below(root, "", None)) if root.is_dir() else []


def paths_within(root: Path, values: Any) -> list[str]:
    """Return those texts in nested ``values`` that name something below ``root``, as paths relative to it."""
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list):
        return sorted({path for value in values for path in paths_within(root, value)})
    found = set()
    if isinstance(values, str) and os.path.lexists(values):
        for resolved in (os.path.abspath, os.path.realpath):
            path, top = Path(resolved(values)), Path(resolved(root))
            if path != top and path.is_relative_to(top):
                found.add(path.relative_to(top).as_posix())
    return sorted(found)


def list_unused(root: Path, files: list[File]) -> str:
    """Write the unused files, with their sizes, to ``unused.json`` in the results folder; return what there is to say.

    Args:
        root: the results folder.
        files: what `sort_files` gives for it.
    """
    unused, unknown = ([file for file in files if file.kind == kind] for kind in (UNUSED, UNKNOWN))
    write_json({file.path: file.size for file in unused}, root / LISTED)
    lines = [f"{root}: {_amount(unused)} no longer used by this configuration", *summed_up(files, UNUSED)]
    if unused:
        lines.append("to remove them, ask for the target remove_unused, with the same configuration")
    if unknown:
        lines += ["", f"{_amount(unknown)} that no rule makes, and that are never removed", *summed_up(files, UNKNOWN)]
    return "\n".join(lines)


def remove_unused(root: Path, files: list[File]) -> str:
    """Remove the unused files, and folders that are empty then, if they are what was listed last; return a sentence.

    Args:
        root: the results folder.
        files: what `sort_files` gives for it now.

    Raises:
        InputError: nothing was listed, something else was listed, or a file cannot be removed.
    """
    list_path = root / LISTED
    if not list_path.exists():
        raise InputError(f"{list_path}: not there; ask for the target unused first, and look at what it lists")
    unused = [file for file in files if file.kind == UNUSED]
    if read_json(list_path) != {file.path: file.size for file in unused}:
        raise InputError(
            f"{list_path}: lists other files, or of other sizes, than are unused now ({_amount(unused)}): something"
            " changed, there or in the configuration; ask for the target unused again"
        )
    for file in unused:
        place = root / file.path
        try:
            place.rmdir() if file.path.endswith("/") else place.unlink()
        except OSError as error:
            again = "ask for the target unused again"
            raise InputError(f"{place}: cannot be removed ({error.strerror}); {again}") from error
    folders = {root / parent for file in unused for parent in PurePosixPath(file.path).parents if parent.name}
    for folder in sorted(folders, reverse=True):  # those inside come first
        if not any(folder.iterdir()):
            folder.rmdir()
    list_path.unlink()
    return f"{root}: removed {_amount(unused)}"


def summed_up(files: list[File], kind: str) -> Iterator[str]:
    """Yield a line for each file of a kind; a folder that holds no other files is one line, if it lies in a folder.

    Args:
        files: what `sort_files` gives.
        kind: the files' kind.
    """
    mixed = {folder for file in files if file.kind != kind for folder in _folders(file.path)}
    sizes: dict[str, int] = {}
    for file in files:
        if file.kind == kind:
            whole = (folder for folder in _folders(file.path)[1:] if folder not in mixed)
            line = next(whole, file.path)
            sizes[line] = sizes.get(line, 0) + file.size
    for path, size in sizes.items():
        yield f"  {_taken(size):>10}  {''.join(letter if letter.isprintable() else '?' for letter in path)}"


def _folders(path: str) -> list[str]:
    """Return the folders that a path lies in, the outermost first, with a slash at the end of each."""
    return [path[: place + 1] for place, letter in enumerate(path) if letter == "/"]


def _amount(files: list[File]) -> str:
    return f"{len(files):,} {'file' if len(files) == 1 else 'files'}, {_taken(sum(file.size for file in files))}"


def _taken(size: int) -> str:
    unit, name = next((part for part in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size >= part[0]), (0, ""))
    return f"{size / unit:,.1f} {name}" if unit else f"{size} B"
