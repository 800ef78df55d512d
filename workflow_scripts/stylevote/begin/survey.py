"""What a folder of photos and a table hold, read by the functions with which the workflow reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stylevote.config.label_table import LabelTable
from stylevote.config.photos import NearDuplicates
from stylevote.errors import InputError
from stylevote.photos.examining import examine_photo, examine_photos
from stylevote.photos.folders import Folder, list_folder
from stylevote.photos.formats import is_photo
from stylevote.photos.ingest import distinct_positives, find_paths, named_groups, thumbnail_array
from stylevote.photos.label_tables import read_label_table
from stylevote.photos.near_duplicates import near_duplicate_groups, united
from stylevote.photos.problems import problem_report
from stylevote.photos.table_guess import guess_table
from stylevote.photos.table_reader import Entry, value_matrix
from stylevote.wording import bullets, describe_path, plural, quote

SAMPLE = 2000  # photos that are opened, of more
RARE = 10  # positives of a label up to which all of them are opened: near-duplicates decide whether it can have folds
MIN_FOUND = 0.5  # fraction of the table's photos that must be there or be downloaded


@dataclass(frozen=True)
class Survey:
    """What a folder and a table hold."""

    folder: Path
    table: Path
    labels: list[str]  # names of the labels, in the table's order
    description: dict[str, Any]  # keys of `LabelTable` that the table needs besides its path
    findings: list[str]  # sentences about the table
    entries: list[Entry]  # its photos that can be used, as far as it is known
    values: np.ndarray  # labels of these photos (0, 1 or `UNKNOWN`), uint8, shape (photos, labels)
    groups: np.ndarray  # position of the first photo that stays together with each, int64, shape (photos,)
    positives: np.ndarray  # photos of each label, int, shape (labels,)
    distinct: np.ndarray  # ``positives``, with near-duplicates and groups counted once
    missing: list[str]  # sentences about rows without a photo in the folder
    download: bool  # whether all missing photos have URLs
    links: bool  # whether some photos are links to files elsewhere
    unused: int  # number of photos of the folder that the table does not name
    others: list[str]  # paths of the folder's other files
    opened: int  # number of photos that were opened
    bad: list[str]  # sentences about opened photos that cannot be read
    sides: np.ndarray  # shorter sides of the others, pixels
    near: int  # groups of near-duplicates among them


def survey(photos: Path, table: Path, threads: int) -> Survey:
    """Read a folder and a table. Of many photos, open a sample.

    Raises:
        InputError: the folder or the table cannot be used; lists all problems.
    """
    check_kinds(photos, table)
    guess = guess_table(table, photos)
    if guess.problems:
        raise InputError(bullets(f"{table}: cannot be used:", guess.problems, indent="  "))
    folder, findings = list_folder(photos), guess.findings
    if links := len(folder.outside):
        folder = list_folder(photos, "anywhere")
        findings = [*findings, f"{plural(links, 'symbolic link')} to files elsewhere, which `links: anywhere` accepts"]
    described = LabelTable(file=str(table), **guess.description)
    names, entries, problems = read_label_table(described, guess.labels, True, photos)
    problems += find_paths(entries, folder, table, {})
    missing = [problem for problem in problems if problem.of_photo]
    download = bool(missing) and all(entry.url for entry in entries if not entry.path)
    if fatal := [problem for problem in problems if not problem.of_photo]:
        raise InputError(problem_report(fatal, "train"))
    if len(missing) > MIN_FOUND * len(entries) and not download:
        raise InputError(problem_report(missing, "train"))
    present = [entry for entry in entries if entry.path]
    opened = sample(present, len(names))
    good, sides, thumbnails, digests, bad = _open(present, opened, folder.root, threads)
    if not good and not download:
        raise InputError(bullets(f"{photos}: none of {plural(len(opened), 'photo')} can be read:", bad))
    alike = near_duplicate_groups(thumbnails, digests, NearDuplicates().max_difference)
    unreadable = set(opened) - set(good)
    position = {k: place for place, k in enumerate(k for k in range(len(present)) if k not in unreadable)}
    groups = np.arange(len(position))
    groups[[position[k] for k in good]] = [position[good[first]] for first in alike.tolist()]
    # Photos that are to be downloaded count, too: their labels are known.
    kept = [present[k] for k in position] + ([entry for entry in entries if not entry.path] if download else [])
    groups = np.concatenate([groups, np.arange(len(groups), len(kept))])
    groups = united(groups, named_groups(kept))
    values = value_matrix(kept, len(names))
    return Survey(
        folder=photos,
        table=table,
        labels=names,
        description=guess.description,
        findings=findings,
        links=bool(links),
        entries=kept,
        values=values,
        groups=groups,
        positives=(values == 1).sum(axis=0),
        distinct=distinct_positives(values, groups),
        missing=[problem.text for problem in missing],
        download=download,
        unused=count_photos(folder) - len({entry.path for entry in present}),
        others=[path for path in folder.files if not is_photo(path)],
        opened=len(opened),
        bad=bad,
        sides=sides,
        near=int((np.bincount(alike) > 1).sum()) if len(alike) else 0,
    )


def check_kinds(photos: Path, table: Path) -> None:
    """Raise `InputError` if the folder is no folder or the table no file, or if both are exchanged."""
    kinds = describe_path(photos), describe_path(table)
    if kinds == ("a file", "a folder"):
        raise InputError(f"found a table first and a folder second; expected the folder first: new {table} {photos}")
    for path, kind, expected in zip((photos, table), kinds, ("a folder", "a file"), strict=True):
        if kind != expected:
            what = "of photos" if expected == "a folder" else "with a table of labels"
            raise InputError(f"{path}: expected {expected} {what}, found {kind}")


def count_photos(folder: Folder) -> int:
    """Return the number of photos in a folder, by their suffixes."""
    return sum(map(is_photo, folder.files))


def unreadable_photos(folder: Folder, threads: int) -> list[str]:
    """Return a sentence for each photo of a folder that cannot be read; of many photos, a sample is opened."""
    entries = [Entry(0, path, b"", path=path) for path in folder.files if is_photo(path)]
    return _open(entries, sample(entries, 0), folder.root, threads)[-1]


def sample(entries: Sequence[Entry], labels: int) -> list[int]:
    """Return the positions of the photos to open: all, or a random sample and all positives of rare labels."""
    if len(entries) <= SAMPLE:
        return list(range(len(entries)))
    values = value_matrix(entries, labels) == 1
    rare = values[:, values.sum(axis=0) <= RARE].any(axis=1)
    drawn = np.random.default_rng(1).choice(len(entries), SAMPLE, replace=False)
    return np.union1d(drawn, np.flatnonzero(rare)).tolist()


def _open(
    entries: Sequence[Entry], positions: list[int], root: Path, threads: int
) -> tuple[list[int], np.ndarray, np.ndarray, list[str], list[str]]:
    """Return positions, sides, thumbnails and digests of the photos that can be read, and problems of the others."""
    results, _ = examine_photos([entries[k].path for k in positions], partial(examine_photo, root), threads, {}, None)
    good, bad, photos = [], [], []
    for k, result in zip(positions, results, strict=True):
        if isinstance(result, str):
            bad.append(f"{quote(entries[k].path)}: {result}")
        else:
            good.append(k)
            photos.append(result)
    thumbnails = thumbnail_array(photo.thumbnail for photo in photos)
    sides = np.array([min(photo.width, photo.height) for photo in photos], dtype=int)
    return good, sides, thumbnails, [photo.sha256 for photo in photos], bad
