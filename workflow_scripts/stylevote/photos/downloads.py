"""The photos of a table that lie at its URLs, fetched into a folder: many at a time, and each only once it is whole."""

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
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd
from PIL import Image

from stylevote.errors import InputError
from stylevote.files.tables import replacing
from stylevote.photos.fetching import Bounds, PermanentError, TransientError, fetch, parse_url
from stylevote.photos.folders import is_photo
from stylevote.photos.label_tables import Entry
from stylevote.photos.pixels import FORMATS, PhotoError, decode_photo
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
}
LONGEST_PAUSE = 300  # seconds
# So many photos in a row that a host did not give, after all attempts: it is out of order, and is left alone.
SILENT = 10
SAID_EVERY = 1000
# What is wrong with a photo's name, and not with the disk.
BAD_NAME = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


class Patience(NamedTuple):
    """How often a photo is asked for, and the seconds before the second time; before each further one it is twice as
    long, up to `LONGEST_PAUSE`."""

    attempts: int
    pause: float


@dataclass
class Host:
    """What is known of a host: how many photos in a row it failed to give, and until when it wants to be left alone
    (seconds of the monotonic clock)."""

    failures: int = 0
    rests_until: float = 0.0


class _NotAskedError(Exception):
    """The photo was not asked for, since its host does not give any."""


def download_photos(
    entries: list[Entry], folder: Path, bounds: Bounds, patience: Patience, parallel: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Fetch photos into a folder.

    A photo is there under its name in the table, with the suffix of what it is if the name has none of a photo, once
    it is whole and was decoded. Failures that may pass (429, 5xx, connections that fail) are answered with growing
    pauses, or with one as long as the host asks for.

    Args:
        entries: names and URLs.
        folder: where to; it is made if it is not there.
        bounds: of each attempt.
        patience: of each photo.
        parallel: photos at a time.

    Returns:
        a row per photo that could not be had: image_id, url, row (int64, of the label table), problem; and for each
        host that gave none any more, how many were not asked for.

    Raises:
        InputError: the folder cannot be written to.
    """
    hosts: defaultdict[str, Host] = defaultdict(Host)
    placing = threading.Lock()  # one at a time: a large photo takes a gigabyte for a moment
    problems: dict[int, str] = {}
    not_asked: defaultdict[str, int] = defaultdict(int)

    def is_whole(data: bytes) -> bool:
        with placing:
            return _is_whole(data)

    def download(entry: Entry) -> None:
        if not entry.url:
            raise PermanentError("the table has no URL for it")
        path = _checked(entry.name, folder)
        data = _fetch(entry.url, bounds, patience, hosts[parse_url(entry.url).host], is_whole)
        with placing:
            _place(data, path, folder)

    with ThreadPoolExecutor(parallel) as pool:
        jobs = {pool.submit(download, entry): k for k, entry in enumerate(entries)}
        try:
            for count, job in enumerate(as_completed(jobs), 1):
                try:
                    job.result()
                except PermanentError as error:
                    problems[jobs[job]] = str(error)
                except _NotAskedError as error:
                    not_asked[str(error)] += 1
                if count % SAID_EVERY == 0 or count == len(entries):
                    logging.info("%d of %s, %d failed", count, plural(len(entries), "photo"), len(problems))
        finally:
            pool.shutdown(cancel_futures=True)
    failed = [(entries[k].name, entries[k].url, entries[k].row, problems[k]) for k in sorted(problems)]
    table = pd.DataFrame(failed, columns=["image_id", "url", "row", "problem"])
    return table.astype({"image_id": "str", "url": "str", "row": "int64", "problem": "str"}), dict(not_asked)


def _fetch(url: str, bounds: Bounds, patience: Patience, host: Host, is_whole: Callable[[bytes], bool]) -> bytes:
    """Return what is at the URL, after as many attempts as it takes, or may take."""
    attempt = 0
    while True:
        if host.failures >= SILENT:
            raise _NotAskedError(parse_url(url).host)
        if (rest := host.rests_until - time.monotonic()) > 0:
            time.sleep(rest + random.uniform(0, patience.pause))
        try:
            data = fetch(url, bounds, is_whole)
        except PermanentError:
            host.failures = 0  # it answers
            raise
        except TransientError as error:
            attempt += 1
            if attempt >= patience.attempts or error.pause > LONGEST_PAUSE:
                host.failures += 1
                asks = f", and asks to wait {error.pause:.0f} s" if error.pause > LONGEST_PAUSE else ""
                raise PermanentError(f"{error}{asks} ({plural(attempt, 'attempt')})") from error
            if error.pause:
                host.rests_until = max(host.rests_until, time.monotonic() + error.pause)
            # Those that were refused together do not come back together.
            time.sleep(min(LONGEST_PAUSE, patience.pause * 2 ** (attempt - 1)) * random.uniform(0.5, 1.5))
        else:
            host.failures = 0
            return data


def _is_whole(data: bytes) -> bool:
    """Tell whether a body may be all of one: it is no photo of which a part is missing, and is something."""
    try:
        decode_photo(data)
    except PhotoError as error:
        return bool(data) and not str(error).startswith("truncated")
    return True


def _checked(name: str, folder: Path) -> Path:
    """Return the photo's path in the folder, by a name in which the table's own checks found no fault."""
    path = PurePosixPath(name.replace("\\", "/"))
    if any(part.startswith(".") for part in path.parts) or not path.name or "\0" in name:
        raise PermanentError("no name for a file; files whose names begin with a dot are passed over")
    try:
        inside = (folder / path).parent.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:
        raise PermanentError(f"no name for a file ({error})") from error
    if not inside:
        raise PermanentError("its name leads outside the folder by a symbolic link")
    return folder / path


def _place(data: bytes, path: Path, folder: Path) -> None:
    """Put a photo into its place, if it is one."""
    try:
        decode_photo(data)
    except PhotoError as error:
        raise PermanentError(f"no photo that can be used: {error}") from error
    if not is_photo(path.name):
        path = path.with_name(path.name + SUFFIXES[Image.open(BytesIO(data), formats=FORMATS).format])
    if os.path.lexists(path):
        raise PermanentError(f"{quote(str(path.relative_to(folder)))} is there already, of another row or of no photo")
    try:
        with replacing(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        if error.errno in BAD_NAME:
            raise PermanentError(f"no name for a file ({error.strerror})") from error
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
