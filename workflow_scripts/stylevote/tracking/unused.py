"""List and remove files in the results folder that the configuration does not use.

Paths alone decide; no file is opened. Links are not followed: a link is a file.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from stylevote.errors import InputError
from stylevote.files.tables import read_json, write_json
from stylevote.wording import size_text

# Temporary names of `stylevote.files.tables.replacing`.
PARTIAL = re.compile(r"(^|/)\.([^/]+)\.[0-9a-f]{8}-\d+\.partial$")
LISTED = "unused.json"


class Files(NamedTuple):
    """The files in the results folder: their sizes in bytes by their relative paths."""

    used: dict[str, int]
    unused: dict[str, int]
    unknown: dict[str, int]


def sort_files(root: Path, used: Iterable[str], made: Iterable[str], named: Iterable[str] = ()) -> Files:
    """Return all files below ``root``, in the order of their paths.

    A path that matches decides for everything below it. A temporary file goes with its final name. An empty folder that
    matches is a file with a slash at its end. Names that begin with a dot are left out unless they match.

    Args:
        root: the results folder.
        used: regular expressions of the relative paths that rules can make for this configuration.
        made: the same for any configuration; a path is unused if it is not used, too. All other paths are unknown.
        named: relative paths that are used, whatever they match.

    Raises:
        InputError: a folder cannot be read.
    """
    files, named_paths = Files({}, {}, {}), set(named)
    patterns = [(re.compile(pattern), files.used) for pattern in used]
    patterns += [(re.compile(pattern), files.unused) for pattern in made]

    @cache
    def kind_of(path: str) -> dict[str, int] | None:
        """Return the kind that the path, or the outermost folder around it, matches."""
        if path in named_paths:
            return files.used
        parent = path.rpartition("/")[0]
        inherited = kind_of(parent) if parent else None
        final = PARTIAL.sub(r"\1\2", path)
        matching = (kind for pattern, kind in patterns if pattern.fullmatch(final))
        return next(matching, None) if inherited is None else inherited

    for path, size in sorted(_all_files(root)):
        kind = kind_of(path.rstrip("/"))
        if kind is None and not path.endswith("/") and "/." not in f"/{path}":
            kind = files.unknown
        if kind is not None:
            kind[path] = size
    return files


def _all_files(root: Path) -> Iterator[tuple[str, int]]:
    """Yield the relative path and size of each file and link, and of each empty folder, with a slash at its end."""

    def fail(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # a job removed the folder meanwhile
            raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for folder, folders, names in os.walk(root, onerror=fail):
        inside = Path(folder).relative_to(root)
        for name in [*names, *(name for name in folders if Path(folder, name).is_symlink())]:
            with suppress(FileNotFoundError):
                yield str(inside / name), Path(folder, name).lstat().st_size
        if not names and not folders:
            yield f"{inside}/", 0


def paths_within(root: Path, values: Any) -> list[str]:
    """Return the texts in nested ``values`` that name existing paths below ``root``, relative to it."""
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list):
        return sorted({path for value in values for path in paths_within(root, value)})
    if not isinstance(values, str) or not os.path.lexists(values):
        return []
    relative = {os.path.relpath(resolve(values), resolve(root)) for resolve in (os.path.abspath, os.path.realpath)}
    return sorted(path for path in relative if path.split("/")[0] not in (".", ".."))


def list_unused(root: Path, files: Files) -> str:
    """Write the unused files, with their sizes, to ``unused.json`` in the results folder; return the list as text."""
    write_json(files.unused, root / LISTED)
    lines = [f"{root}: {_amount(files.unused)} no longer used by this configuration"]
    if files.unused:
        lines += _summary(files.unused, files.used | files.unknown)
        lines.append("to remove them, run the target remove_unused with the same configuration")
    if files.unknown:
        lines += ["", f"{_amount(files.unknown)} that no rule makes; they are never removed"]
        lines += _summary(files.unknown, files.used | files.unused)
    return "\n".join(lines)


def remove_unused(root: Path, files: Files) -> str:
    """Remove the unused files, and the folders that become empty; return a sentence.

    Raises:
        InputError: the unused files are not those that `list_unused` listed, or a file cannot be removed.
    """
    list_path = root / LISTED
    if not list_path.exists():
        raise InputError(f"{list_path}: not found; run the target unused first, and look at its list")
    if read_json(list_path) != files.unused:
        raise InputError(
            f"{list_path}: files or the configuration changed since it was written (now unused are"
            f" {_amount(files.unused)}); run the target unused again"
        )
    for name in files.unused:
        path = root / name
        try:
            path.rmdir() if name.endswith("/") else path.unlink()
        except OSError as error:
            raise InputError(f"{path}: cannot be removed ({error.strerror}); run the target unused again") from error
    folders = {root / parent for name in files.unused for parent in PurePosixPath(name).parents if parent.name}
    for folder in sorted(folders, reverse=True):  # inner folders first
        if not any(folder.iterdir()):
            folder.rmdir()
    list_path.unlink()
    return f"{root}: removed {_amount(files.unused)}"


def _summary(files: dict[str, int], others: Iterable[str]) -> Iterator[str]:
    """Yield a line per file, or per folder inside another folder if it holds none of the ``others``."""
    mixed = {folder for path in others for folder in _folders(path)}
    sizes: dict[str, int] = {}
    for path, size in files.items():
        line = next((folder for folder in _folders(path)[1:] if folder not in mixed), path)
        sizes[line] = sizes.get(line, 0) + size
    for path, size in sizes.items():
        yield f"  {size_text(size):>10}  {''.join(letter if letter.isprintable() else '?' for letter in path)}"


def _folders(path: str) -> list[str]:
    """Return the folders around a path, the outermost first, with a slash at the end of each."""
    return [path[: index + 1] for index, letter in enumerate(path) if letter == "/"]


def _amount(files: dict[str, int]) -> str:
    return f"{len(files):,} {'file' if len(files) == 1 else 'files'}, {size_text(sum(files.values()))}"
