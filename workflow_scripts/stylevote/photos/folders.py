"""The files of a folder of photos, and the files that a name in a table can mean."""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stylevote.errors import InputError
from stylevote.photos.formats import is_photo
from stylevote.photos.label_tables import Entry, normal
from stylevote.photos.listing import walk
from stylevote.wording import describe_path


@dataclass
class Folder:
    """The files of a folder, by name.

    Attributes:
        root: path of the folder.
        files: paths in the folder, sorted.
        outside: paths of symbolic links that lead out of the folder.
        by_path: paths by their normalised form.
        by_stem: paths of photos without their suffix, with and without the folders above.
    """

    root: Path
    files: list[str] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)
    by_path: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_stem: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        """Index the files."""
        self.files.sort()
        for relative in filter(is_utf8, self.files):
            self.by_path[normal(relative)].append(relative)
            if is_photo(relative):
                path = PurePosixPath(relative)
                for stem in {path.stem, path.with_suffix("").as_posix()}:
                    self.by_stem[normal(stem)].append(relative)


def list_folder(photos: Path) -> Folder:
    """List the files below ``photos`` without hidden ones; raise `InputError` if it cannot be read."""
    if (kind := describe_path(photos)) != "a folder":
        raise InputError(f"{photos}: expected a folder of photos, found {kind}")

    def stop(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})")

    files, outside, real = [], set(), photos.resolve()
    for path, entry in walk(os.fspath(photos), stop):
        if entry.is_symlink() and not _inside(photos / path, real):
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


def find_files(entries: list[Entry], folder: Folder) -> list[list[str]]:
    """Return, for each photo of a table, the files that it can mean: by its name, or else by the end of its URL.

    A file that has the name of one photo is not taken for another photo with this URL.
    """
    named = [matching_files(folder, entry.name) for entry in entries]
    taken = {path for paths in named for path in paths}
    return [
        paths or [path for path in matching_files(folder, entry.alternative) if path not in taken]
        for entry, paths in zip(entries, named, strict=True)
    ]


def photos_without_file(entries: list[Entry], paths: list[str]) -> list[Entry]:
    """Return the photos of a table that are none of the files at ``paths`` in the folder."""
    matches = find_files(entries, Folder(Path(), paths))
    return [entry for entry, files in zip(entries, matches, strict=True) if not files]
