"""The files of a folder of photos, and which of them a name in a table means."""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from PIL import Image

from stylevote.errors import InputError
from stylevote.photos.label_tables import Entry, normal
from stylevote.photos.pixels import FORMATS
from stylevote.wording import describe_path

PHOTO_SUFFIXES = {suffix for suffix, name in Image.registered_extensions().items() if name in (*FORMATS, "MPO")}


@dataclass
class Folder:
    """The files of a folder, by name.

    ``files``: paths relative to the folder, sorted; ``outside``: what leads out of it by a symbolic link;
    ``by_path`` and ``by_stem``: the paths by their normalised form, and by that without suffix, both with and without
    the folders above (photos only).
    """

    root: Path
    files: list[str] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)
    by_path: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_stem: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def list_folder(photos: Path) -> Folder:
    """List the files below ``photos``; hidden ones are left out. `InputError` when it cannot be read."""
    if (found := describe_path(photos)) != "a folder":
        raise InputError(f"{photos}: expected a folder of photos, found {found}")
    folder = Folder(photos)
    real = photos.resolve()

    def stop(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})")

    for parent, directories, files in os.walk(photos, onerror=stop):
        directories[:] = [name for name in directories if not name.startswith(".")]
        visible = [name for name in files if not name.startswith(".")]
        above = Path(parent).relative_to(photos)
        for name in directories + visible:
            path = photos / above / name
            if path.is_symlink() and not _inside(path, real):
                folder.outside.add((above / name).as_posix())
        folder.files += [path for path in ((above / name).as_posix() for name in visible) if path not in folder.outside]
    folder.files.sort()
    return index_names(folder)


def index_names(folder: Folder) -> Folder:
    """Set `by_path` and `by_stem` of a folder whose files are known; return it."""
    for relative in filter(is_utf8, folder.files):
        folder.by_path[normal(relative)].append(relative)
        if is_photo(relative):
            path = PurePosixPath(relative)
            for stem in {path.stem, path.with_suffix("").as_posix()}:
                folder.by_stem[normal(stem)].append(relative)
    return folder


def _inside(link: Path, real_folder: Path) -> bool:
    try:
        return link.resolve().is_relative_to(real_folder)
    except (OSError, RuntimeError):  # a ring of links leads nowhere
        return False


def is_photo(path: str) -> bool:
    """Tell by its suffix whether a file is a photo."""
    return PurePosixPath(path).suffix.lower() in PHOTO_SUFFIXES


def is_utf8(name: str) -> bool:
    """Tell whether the name was decodable: Python stands surrogates in for bytes that are not."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def matching_files(folder: Folder, name: str) -> list[str]:
    """Return the files that ``name`` can mean: the one at exactly this path, else those of this path or stem."""
    if not name:
        return []
    path = PurePosixPath(name.replace("\\", "/")).as_posix()
    same = folder.by_path.get(normal(path), [])
    return [path] if path in same else same or folder.by_stem.get(normal(path), [])


def find_files(entries: list[Entry], folder: Folder) -> list[list[str]]:
    """Return, for each photo of a table, the files that it can mean: by its name, or else by the end of its URL.

    A file that has the name of one photo is not taken for another whose URL ends so.
    """
    named = [matching_files(folder, entry.name) for entry in entries]
    taken = {path for paths in named for path in paths}
    return [
        paths or [path for path in matching_files(folder, entry.alternative) if path not in taken]
        for entry, paths in zip(entries, named, strict=True)
    ]


def photos_without_file(entries: list[Entry], paths: list[str]) -> list[Entry]:
    """Return the photos of a table that are none of the files at ``paths``, relative to the folder."""
    found = find_files(entries, index_names(Folder(Path(), paths)))
    return [entry for entry, paths in zip(entries, found, strict=True) if not paths]
