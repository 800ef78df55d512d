"""What a folder of photos or masks holds, as far as it can be told before anything is computed."""

import hashlib
import math
import os
import stat
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from stylevote.config.identity import file_sha256
from stylevote.errors import InputError
from stylevote.files.tables import read_table

GLANCE = 2**16  # bytes


class Entry(NamedTuple):
    """A file of a folder: its path within it, bytes, and when its content last changed or may have (seconds)."""

    path: str
    size: int
    modified: float
    changed: float


def list_files(folder: str, named: Collection[str] | None = None) -> list[Entry]:
    """Return a folder's regular files, sorted by path; hidden ones do not count.

    Args:
        folder: path; one that does not exist holds nothing.
        named: only these file names count, with or without their suffix.
    """
    found = []
    folders = [(folder, "")]
    while folders:
        parent, inside = folders.pop()
        for file in _scan(parent):
            stem = file.name.rpartition(".")[0]
            if file.name.startswith("."):
                continue
            if file.is_dir(follow_symlinks=False):
                folders.append((file.path, f"{inside}{file.name}/"))
            elif named is None or file.name in named or stem in named:
                try:
                    status = file.stat()
                except OSError:  # a link to nowhere: a photo that will be missed by name
                    continue
                if stat.S_ISREG(status.st_mode):
                    modified = status.st_mtime
                    found.append(Entry(inside + file.name, status.st_size, modified, max(modified, status.st_ctime)))
    return sorted(found)


def _scan(folder: str) -> Iterator[os.DirEntry]:
    """Yield what is in a folder; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def names_and_sizes(files: list[Entry]) -> str:
    """Return a digest of the files' paths and sizes."""
    return _digest(f"{file.path}\0{file.size}" for file in files)


def names_and_contents(folder: str, files: list[Entry]) -> str:
    """Return a digest of the files' paths and contents, all of which it reads, or raise `InputError`."""
    return _digest(f"{file.path}\0{_sha256(folder, file)}" for file in files)


def quick_fingerprint(paths: Iterable[str]) -> str:
    """Return a digest of files' sizes, first and last 64 KiB: it tells one table or set of weights from another.

    Time stamps do not: a file that is moved into another's place keeps its own, which may be older than what was made
    of the former one. Files that are not there count as empty.
    """
    text = hashlib.sha256()
    for path in paths:
        with suppress(OSError), Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            text.update(f"{size}\n".encode())
            for place in (0, max(GLANCE, size - GLANCE)):
                file.seek(place)
                text.update(file.read(GLANCE))
        text.update(b"\0")
    return text.hexdigest()[:16]


def _sha256(folder: str, file: Entry) -> str:
    path = f"{folder}/{file.path}"
    try:
        return file_sha256(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def changed_photos(folder: str, files: list[Entry], manifest: Path) -> list[str]:
    """Return the paths of photos whose bytes are no longer those of the manifest.

    Photos are read only where the file system says that something was done to them after they were read, or where they
    lay in another folder then. The file `unchanged` beside the manifest says both in words, since time stamps change
    where a folder is copied or touched. Where all photos are found as they were, it is written anew, so that copied
    ones are read once.

    Raises:
        InputError: a photo cannot be read; or it changed and has an old time stamp, so that Snakemake would not see it.
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
        return []  # of another version, which is made anew without a word; or damaged, as the first job to read it says
    changed = [file for file in newer if file.path in known and _sha256(folder, file) != known[file.path]]
    old = [file for file in changed if file.modified <= written]
    if len(old) == len(changed) > 0:  # one that Snakemake sees is enough
        more = f" (and {len(old) - 1} others)" if len(old) > 1 else ""
        raise InputError(
            f"{folder}/{old[0].path}{more}: other bytes than when it was read, but an old time stamp; `touch` it, so"
            " that it is read again"
        )
    if not changed:
        with suppress(OSError):  # a results folder that may only be read: photos are read again next time
            note_reading(manifest, folder, started)
    return [f"{folder}/{file.path}" for file in changed]


def second_of(folder: Path) -> float:
    """Return the time by the clock of the file system that a folder lies on (seconds).

    A file server may have another clock than this host, whose own is taken where the folder is read-only.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


def note_reading(manifest: Path, folder: str | Path, second: float) -> None:
    """Write down that all photos of a manifest were as it says, in a folder, at a time by the file system's clock.

    Args:
        manifest: path of the table; the note lies beside it.
        folder: where the photos lie.
        second: what `second_of` gave before they were read.
    """
    manifest.with_name("unchanged").write_bytes(f"{second!r}\n".encode() + os.fsencode(os.path.realpath(folder)))


def _second_of_reading(manifest: Path, folder: str, otherwise: float) -> float:
    """Return the time that `note_reading` wrote; 0 where that was of another folder; without a note, ``otherwise``."""
    try:
        second, _, where = manifest.with_name("unchanged").read_bytes().partition(b"\n")
        second = float(second)
    except (OSError, ValueError):
        return otherwise
    if where and os.fsencode(os.path.realpath(folder)) != where:
        return 0
    return second if math.isfinite(second) else otherwise


def _digest(lines: Iterable[str]) -> str:
    text = hashlib.sha256()
    for line in lines:
        text.update(os.fsencode(line) + b"\n\0")
    return text.hexdigest()[:16]
