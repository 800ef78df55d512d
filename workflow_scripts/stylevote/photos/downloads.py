"""Download of a table's photos into a folder: several at a time, and each complete or not at all."""

import errno
import logging
import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from stylevote.config.photos import Downloads
from stylevote.errors import InputError
from stylevote.files.tables import replacing
from stylevote.photos.decoding import PhotoError, decode_photo
from stylevote.photos.fetching import PermanentError, TransientError, fetch, parse_url
from stylevote.photos.formats import HEIF, is_photo
from stylevote.photos.table_reader import Entry
from stylevote.wording import plural, quote

SUFFIXES = {
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
    HEIF: ".heic",
}
MAX_PAUSE = 300  # seconds: pauses double up to this
MAX_FAILURES = 10  # photos in a row that a host fails to send before it gets no more requests
LOG_EVERY = 1000  # photos
# Errors of a photo's name, and not of the disk.
BAD_NAME = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


@dataclass
class Host:
    """A host's state: photos in a row that failed, and when its next request may start (monotonic clock, seconds)."""

    failures: int = 0
    rests_until: float = 0.0


class _NotAskedError(Exception):
    """The photo was not requested, because its host failed too often."""


def download_photos(entries: list[Entry], folder: Path, settings: Downloads) -> tuple[pd.DataFrame, dict[str, int]]:
    """Download photos into a folder.

    A photo gets its name in the table, with a suffix if the name has none, once it is complete and was decoded. After
    temporary failures (429, 5xx, connection errors) the host gets growing pauses, or the pause that it asks for.

    Args:
        entries: names and URLs.
        folder: the folder, which may not exist yet.
        settings: limits, pauses and photos at a time.

    Returns:
        a row per failed photo: image_id, url, row (int64, of the label table), problem; and for each host that failed
        too often, the number of photos that were not requested.

    Raises:
        InputError: the folder cannot be written to.
    """
    hosts: defaultdict[str, Host] = defaultdict(Host)
    decoding = threading.Lock()  # one photo at a time: a large one takes a gigabyte
    problems: dict[int, str] = {}
    not_asked: defaultdict[str, int] = defaultdict(int)

    def is_complete(data: bytes) -> bool:  # it is not empty, and no truncated photo
        try:
            with decoding:
                decode_photo(data)
        except PhotoError as error:
            return bool(data) and not str(error).startswith("truncated")
        return True

    def download(entry: Entry) -> None:
        if not entry.url:
            raise PermanentError("the table has no URL for it; add one, or the photo")
        path = _path(entry.name, folder)
        data = _fetch(entry.url, settings, hosts[parse_url(entry.url).host], is_complete)
        with decoding:
            _write_photo(data, path, folder)

    with ThreadPoolExecutor(settings.parallel) as pool:
        jobs = {pool.submit(download, entry): k for k, entry in enumerate(entries)}
        try:
            for count, job in enumerate(as_completed(jobs), 1):
                try:
                    job.result()
                except PermanentError as error:
                    problems[jobs[job]] = str(error)
                except _NotAskedError as error:
                    not_asked[str(error)] += 1
                if count % LOG_EVERY == 0 or count == len(entries):
                    logging.info("%d of %s, %d failed", count, plural(len(entries), "photo"), len(problems))
        finally:
            pool.shutdown(cancel_futures=True)
    failed = [(entries[k].name, entries[k].url, entries[k].row, problems[k]) for k in sorted(problems)]
    table = pd.DataFrame(failed, columns=["image_id", "url", "row", "problem"])
    return table.astype({"image_id": "str", "url": "str", "row": "int64", "problem": "str"}), dict(not_asked)


def _fetch(url: str, settings: Downloads, host: Host, is_complete: Callable[[bytes], bool]) -> bytes:
    """Return the content of the URL, after several attempts if necessary."""
    attempt = 0
    while True:
        if host.failures >= MAX_FAILURES:
            raise _NotAskedError(parse_url(url).host)
        if (rest := host.rests_until - time.monotonic()) > 0:
            time.sleep(rest + random.uniform(0, settings.pause))
        try:
            data = fetch(url, settings, is_complete)
        except PermanentError:
            host.failures = 0  # the host answers
            raise
        except TransientError as error:
            attempt += 1
            if attempt >= settings.attempts or error.pause > MAX_PAUSE:
                host.failures += 1
                asks = f", and asks to wait {error.pause:.0f} s" if error.pause > MAX_PAUSE else ""
                raise PermanentError(f"{error}{asks} ({plural(attempt, 'attempt')})") from error
            if error.pause:
                host.rests_until = max(host.rests_until, time.monotonic() + error.pause)
            # A random pause, so that requests that were refused together do not return together.
            time.sleep(min(MAX_PAUSE, settings.pause * 2 ** (attempt - 1)) * random.uniform(0.5, 1.5))
        else:
            host.failures = 0
            return data


def _path(name: str, folder: Path) -> Path:
    """Return the path of a photo whose name passed the checks of the table."""
    path = PurePosixPath(name.replace("\\", "/"))
    if any(part.startswith(".") for part in path.parts) or not path.name or "\0" in name:
        raise PermanentError("no name for a file: it is empty, or begins with a dot")
    try:
        inside = (folder / path).parent.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:
        raise PermanentError(f"no name for a file ({error})") from error
    if not inside:
        raise PermanentError("its name leads outside the folder by a symbolic link")
    return folder / path


def _write_photo(data: bytes, path: Path, folder: Path) -> None:
    """Decode a photo, to check it, and write it."""
    try:
        photo = decode_photo(data)
    except PhotoError as error:
        raise PermanentError(f"no photo that can be used: {error}") from error
    if not is_photo(path.name):
        path = path.with_name(path.name + SUFFIXES[photo.format])
    if os.path.lexists(path):
        name = quote(str(path.relative_to(folder)))
        raise PermanentError(f"{name} exists already: another row has the same name, or it is no photo")
    try:
        with replacing(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        if error.errno in BAD_NAME:
            raise PermanentError(f"no name for a file ({error.strerror})") from error
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
