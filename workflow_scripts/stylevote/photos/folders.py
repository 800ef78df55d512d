"""The files of a folder of photos, and the files that a name in a table can mean."""

import difflib
import os
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from stylevote.errors import InputError
from stylevote.photos.formats import is_photo
from stylevote.photos.listing import walk
from stylevote.photos.table_reader import Entry, normal
from stylevote.wording import describe_path, quote

MAX_COMPARED = 20_000  # names that a wrong name is compared with
ALIKE = 0.75  # similarity of names from which on one is suggested for the other


@dataclass
class Folder:
    """The files of a folder, by name."""

    root: Path
    files: list[str] = field(default_factory=list)  # paths in the folder, sorted
    outside: set[str] = field(default_factory=set)  # paths of symbolic links that lead out of the folder
    by_path: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # paths by their normalised form
    # paths of photos without their suffix, with and without the folders above
    by_stem: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @cached_property
    def prefixes(self) -> list[str]:
        """Beginnings of names that stand for the folder: its absolute paths and their ends, the longest first."""
        roots = (self.root.absolute(), self.root.resolve())
        texts = {normal(str(root)) for root in roots}
        texts |= {normal("/".join(root.parts[k:])) for root in roots for k in range(1, len(root.parts))}
        return sorted((f"{text}/" for text in texts), key=len, reverse=True)

    @cached_property
    def by_key(self) -> dict[tuple[str, str], list[str]]:
        """Paths of photos by the keys of `_keys`, made when a name is no path of a file."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for relative in filter(is_photo, filter(is_utf8, self.files)):
            path = normal(relative)
            for key in {*_keys(path), *_keys(path.rpartition("/")[2])}:
                found[key].append(relative)
        return found

    def __post_init__(self) -> None:
        """Index the files."""
        self.files.sort()
        for relative in filter(is_utf8, self.files):
            self.by_path[normal(relative)].append(relative)
            if is_photo(relative):
                path = PurePosixPath(relative)
                for stem in {path.stem, path.with_suffix("").as_posix()}:
                    self.by_stem[normal(stem)].append(relative)


def list_folder(photos: Path, links: str = "inside") -> Folder:
    """List the files below ``photos`` without hidden ones; raise `InputError` if it cannot be read.

    Links to files elsewhere count if ``links`` is ``anywhere``. Links to folders are not followed.
    """
    if (kind := describe_path(photos)) != "a folder":
        raise InputError(f"{photos}: expected a folder of photos, found {kind}")

    def stop(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})")

    files, outside, real = [], set(), photos.resolve()
    for path, entry in walk(os.fspath(photos), stop):
        follow = links == "anywhere" and entry.is_file()
        if entry.is_symlink() and not follow and not _inside(photos / path, real):
            outside.add(path)
        elif not (entry.is_symlink() and entry.is_dir()):
            files.append(path)
    return Folder(photos, files, outside)


def _inside(link: Path, real_folder: Path) -> bool:
    try:
        return link.resolve().is_relative_to(real_folder)
    except (OSError, RuntimeError):  # a ring of links leads nowhere
        return False


def is_utf8(name: str) -> bool:
    """Tell whether the name was decodable: Python stands surrogates in for bytes that are not."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def matching_files(folder: Folder, name: str) -> list[str]:
    """Return the files that ``name`` can mean: the file at exactly this path, or all files of this path or stem."""
    if not name:
        return []
    path = PurePosixPath(name.replace("\\", "/")).as_posix()
    same = folder.by_path.get(normal(path), [])
    return [path] if path in same else same or folder.by_stem.get(normal(path), [])


def similar_files(folder: Folder, name: str) -> list[str]:
    """Return the files that a name can mean which is no path in the folder.

    In this order: an absolute path, or one that begins with the folder's own name, also with those above it; a file in
    a subfolder; another case; another suffix; a number that lost its leading zeros.
    """
    path = normal(PurePosixPath(name.replace("\\", "/")).as_posix())
    paths = []
    for prefix in folder.prefixes if "/" in path else ():
        if path.startswith(prefix):
            paths.append(path.removeprefix(prefix))
            if found := matching_files(folder, paths[-1]):
                return found
    return next((found for text in (path, *paths) for key in _keys(text) if (found := folder.by_key.get(key))), [])


def _keys(path: str) -> list[tuple[str, str]]:
    """Return the keys that a name in a table shares with the files it can mean, the most exact first."""
    given, stem = PurePosixPath(path), path
    if is_photo(path):
        stem = given.with_suffix("").as_posix()
    keys = [("path", path.casefold()), ("stem", stem.casefold())]
    if "/" not in path:
        keys = [("name", path), ("name", path.casefold()), *keys, ("name stem", stem.casefold())]
        if stem.isdecimal():
            keys.append(("number", stem.lstrip("0")))
    return keys


def find_files(entries: list[Entry], folder: Folder, *, similar: bool = True) -> list[list[str]]:
    """Return, for each photo of a table, the files that it can mean: by its name, or else by the end of its URL.

    A file that has the name of one photo is not taken for another photo with this URL, or with a ``similar`` name.
    """
    named = [matching_files(folder, entry.name) for entry in entries]
    taken = {path for paths in named for path in paths}

    def further(entry: Entry) -> list[str]:
        for find, name in ((matching_files, entry.alternative), (similar_files, entry.name)):
            asked = name and (similar or find is matching_files)
            if asked and (paths := [path for path in find(folder, name) if path not in taken]):
                return paths
        return []

    return [paths or further(entry) for entry, paths in zip(entries, named, strict=True)]


def photos_without_file(entries: list[Entry], paths: list[str]) -> list[Entry]:
    """Return the photos of a table that are none of the files at ``paths`` in the folder, by their exact names."""
    matches = find_files(entries, Folder(Path(), paths), similar=False)
    return [entry for entry, files in zip(entries, matches, strict=True) if not files]


def nearest_file(folder: Folder, name: str) -> str:
    """Return the end of a sentence about a name without a file: the nearest file, and the parts that differ."""
    path = normal(name.replace("\\", "/"))
    base = path.rpartition("/")[2]
    found = folder.by_key.get(("name", base.casefold())) or folder.by_key.get(("name stem", _stem(base).casefold()))
    if not found and len(folder.files) <= MAX_COMPARED:
        stems = {_stem(file.rpartition("/")[2]): file for file in folder.files if is_photo(file)}
        found = [stems[match] for match in difflib.get_close_matches(_stem(base), stems, n=1, cutoff=ALIKE)]
    if not found:
        return ""
    file = next((file for file in found if path.endswith(f"/{normal(file)}")), found[0])
    (given_folder, _, given), (folder_of_file, _, there) = path.rpartition("/"), normal(file).rpartition("/")
    stems, suffixes = (_stem(given), _stem(there)), (given[len(_stem(given)) :], there[len(_stem(there)) :])
    pairs = {"folder": (given_folder, folder_of_file), "name": stems, "suffix": suffixes}
    differing = [part for part, (one, other) in pairs.items() if one.casefold() != other.casefold()]
    return f"; the nearest is {quote(file)}, which differs in its {' and '.join(differing) or 'case'}"


def _stem(name: str) -> str:
    return PurePosixPath(name).stem if is_photo(name) else name
