"""The files of a folder of photos or masks: names, sizes, digests and changes, before anything is computed."""

import hashlib
import math
import os
import stat
import tempfile
import time
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from stylevote.config.identity import file_sha256
from stylevote.errors import InputError
from stylevote.files.tables import read_table

ENDS = 2**16  # bytes at both ends of a file that a quick fingerprint reads


class Entry(NamedTuple):
    """A file of a folder: path in it, bytes, and when it was last written, and last changed in any way (seconds)."""

    path: str
    size: int
    modified: float
    changed: float


def walk(folder: str, on_error: Callable[[OSError], None] = lambda _: None) -> Iterator[tuple[str, os.DirEntry]]:
    """Yield the path and entry of everything in a folder and its subfolders that is neither hidden nor a subfolder.

    Links are not followed. ``on_error`` gets the error of each folder that cannot be read.
    """
    folders = [(folder, "")]
    while folders:
        parent, prefix = folders.pop()
        try:
            with os.scandir(parent) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            on_error(error)
            continue
        for entry in visible:
            if entry.is_dir(follow_symlinks=False):
                folders.append((entry.path, f"{prefix}{entry.name}/"))
            else:
                yield prefix + entry.name, entry


def list_files(folder: str, names: Collection[str] | None = None) -> list[Entry]:
    """Return a folder's regular files, sorted by path; a folder that does not exist has none.

    Args:
        folder: its path.
        names: only files of these names count, with or without their suffix; None: all.
    """
    files = []
    for path, entry in walk(folder):
        if names is not None and entry.name not in names and entry.name.rpartition(".")[0] not in names:
            continue
        try:
            status = entry.stat()
        except OSError:  # a broken link: it will be reported as a missing photo
            continue
        if stat.S_ISREG(status.st_mode):
            files.append(Entry(path, status.st_size, status.st_mtime, max(status.st_mtime, status.st_ctime)))
    return sorted(files)


def similar_names(name: str) -> set[str]:
    """Return texts of which a name in a table and the name of its file share one, if they differ a little.

    They may differ in case, suffix, folder and leading zeros.
    """
    base = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2]).casefold()
    stems = {base, base.rpartition(".")[0] or base}
    return stems | {stem.lstrip("0") for stem in stems if stem.isdecimal()}


def names_and_sizes(files: list[Entry]) -> str:
    """Return a digest of the files' paths and sizes."""
    return _digest(f"{file.path}\0{file.size}" for file in files)


def names_and_contents(folder: str, files: list[Entry]) -> str:
    """Return a digest of the files' paths and contents; raise `InputError` if one cannot be read."""
    return _digest(f"{file.path}\0{_sha256(folder, file)}" for file in files)


def quick_fingerprint(paths: Iterable[str]) -> str:
    """Return a digest of files' sizes, first and last 64 KiB, which differs between tables or weights.

    Time stamps do not count: a file that is moved to another file's place may be older than the results of that one.
    Files that do not exist count as empty.
    """
    text = hashlib.sha256()
    for path in paths:
        with suppress(OSError), Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            text.update(f"{size}\n".encode())
            for start in (0, max(ENDS, size - ENDS)):
                file.seek(start)
                text.update(file.read(ENDS))
        text.update(b"\0")
    return text.hexdigest()[:16]


def _sha256(folder: str, file: Entry) -> str:
    path = f"{folder}/{file.path}"
    try:
        return file_sha256(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def changed_photos(folder: str, files: list[Entry], manifest: Path) -> list[str]:
    """Return the paths of photos whose bytes differ from those in the manifest.

    A photo is read only if its time stamps are later than its ingestion, or if it was ingested from another folder. The
    file `unchanged`, next to the manifest, holds that time and folder, because copying changes time stamps. If no photo
    changed, it is written again, so that copied photos are read once.

    Raises:
        InputError: a photo cannot be read; or it changed and has an old time stamp, which Snakemake would not notice.
    """
    if not manifest.exists():
        return []
    started, written = second_of(manifest.parent), manifest.stat().st_mtime
    since = _second_of_reading(manifest, folder, written)
    newer = [file for file in files if file.changed > (since if since <= started else 0)]
    if not newer:
        return []
    try:
        known = read_table(manifest, ["path", "sha256"]).set_index("path")["sha256"].to_dict()
    except InputError:
        return []  # another version's, which is made again; or damaged, and the first job that reads it reports that
    changed = [file for file in newer if file.path in known and _sha256(folder, file) != known[file.path]]
    old = [file for file in changed if file.modified <= written]
    if len(old) == len(changed) > 0:  # one that Snakemake notices is enough
        more = f" (and {len(old) - 1} others)" if len(old) > 1 else ""
        raise InputError(
            f"{folder}/{old[0].path}{more}: its bytes changed after it was ingested, but its time stamp is older;"
            " `touch` it, so that it is ingested again"
        )
    if not changed:
        with suppress(OSError):  # a read-only results folder: the photos are read again next time
            note_reading(manifest, folder, started)
    return [f"{folder}/{file.path}" for file in changed]


def second_of(folder: Path) -> float:
    """Return the time of the folder's file system in seconds, or this host's if the folder is read-only.

    A file server may have another clock than this host.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


def note_reading(manifest: Path, folder: str | Path, second: float) -> None:
    """Record next to a manifest in which folder, and when, all photos agreed with it.

    ``second``: `second_of` the results folder before the photos were read.
    """
    manifest.with_name("unchanged").write_bytes(f"{second!r}\n".encode() + os.fsencode(os.path.realpath(folder)))


def _second_of_reading(manifest: Path, folder: str, otherwise: float) -> float:
    """Return the time that `note_reading` noted; 0 if it noted another folder, ``otherwise`` without a note."""
    try:
        second, _, noted_folder = manifest.with_name("unchanged").read_bytes().partition(b"\n")
        second = float(second)
    except (OSError, ValueError):
        return otherwise
    if noted_folder and os.fsencode(os.path.realpath(folder)) != noted_folder:
        return 0
    return second if math.isfinite(second) else otherwise


def _digest(lines: Iterable[str]) -> str:
    text = hashlib.sha256()
    for line in lines:
        text.update(os.fsencode(line) + b"\n\0")
    return text.hexdigest()[:16]
