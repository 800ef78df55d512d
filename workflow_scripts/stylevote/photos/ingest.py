"""A folder of photos and a label table into a manifest, with a message that lists every problem."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np
import pandas as pd

from stylevote.config.label_table import LabelTable
from stylevote.errors import InputError
from stylevote.files.tables import MANIFEST_COLUMNS
from stylevote.photos.examining import MAX_MISSING, Examined, examine_photo, examine_photos
from stylevote.photos.findings import log_notes, log_ranges, plain_photos
from stylevote.photos.folders import Folder, find_files, is_utf8, list_folder, nearest_file
from stylevote.photos.formats import begins_as_photo, is_photo
from stylevote.photos.label_tables import read_label_table
from stylevote.photos.near_duplicates import SIDE, near_duplicate_groups, near_duplicates, united
from stylevote.photos.problems import LISTED, Problem, problem_report
from stylevote.photos.table_reader import NOT_A_BIT, Entry, value_matrix
from stylevote.wording import bullets, location, plural, quote, quote_all, quote_first

TRAIN = "train"


def ingest_photos(
    photos: Path,
    table: LabelTable | None,
    labels: list[str],
    *,
    photoset: str = TRAIN,
    folds: int = 2,
    holdout: bool = False,
    on_bad_photo: str = "fail",
    links: str = "inside",
    max_difference: float = 0.15,
    value_range: Sequence[float] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    cut_photos: str = "bad",
    reasons: Mapping[str, str] = MappingProxyType({}),
    threads: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Check every photo and every row of the table, and list the photos.

    Args:
        table: table of file names and labels, or None for all photos in the folder.
        photoset: name of the photoset; ``train`` must have labels, and a positive of each label per fold.
        holdout: whether some photos will be held out, so that each label needs another positive.
        on_bad_photo: ``fail``, or ``skip`` to leave out photos that are missing or cannot be used.
        links: ``inside``, or ``anywhere`` if photos may be links to files outside the folder.
        max_difference: of near-duplicates, see `near_duplicate_groups`.
        value_range: the values that are black and white in all photos of more than 8 bits; if there are none, in those
            of 8 bits; None: judged over the photoset, see `Values.range`.
        ranges: those of a bundle, by the kind of values; with them, nearly black photos are no problem.
        cut_photos: ``bad``, or ``take`` to use JPEGs that lack their last bytes, with a warning.
        reasons: why photos, by their names, could not be downloaded.

    Returns:
        the manifest, a row per photo in the table's order: image_id, path in ``photos``, width and height in pixels
        after EXIF orientation, sha256 of the file, pixel_range (see `Range.text`), group (int64: the position of the
        first photo that stays together with it, as a near-duplicate or by the table's column `group`), and a uint8
        column per label; the table of the files left out: image_id, path, row, problem, bad (False: a file that is a
        photo by its content, and not by its name); and the thumbnails: image_id, thumbnail (bytes).

    Raises:
        InputError: lists every problem.
    """
    if taken := [label for label in labels if label in MANIFEST_COLUMNS]:
        raise InputError(f"labels {quote_all(taken)}: the manifest has columns of this name; rename the labels")
    folder = list_folder(photos, links)
    path = Path(table.file) if table else None
    if table is None:
        names, entries, problems = [], *_listing_entries(folder, labels if photoset == TRAIN else [])
    else:
        names, entries, problems = read_label_table(table, labels, photoset == TRAIN, photos)
        problems += find_paths(entries, folder, path, reasons)
    examine = partial(examine_photo, folder.root, max_missing=MAX_MISSING if cut_photos == "take" else 0)
    located = [entry for entry in entries if entry.path]
    found, used = examine_photos([entry.path for entry in located], examine, threads, ranges or {}, value_range)
    kept = [(entry, photo) for entry, photo in zip(located, found, strict=True) if not isinstance(photo, str)]
    problems += _bad_photos(located, found, folder.root, path)
    paths = [entry.path for entry, _ in kept]
    if value_range is None and ranges is None:
        problems += plain_photos(photoset, paths, [photo.plain for _, photo in kept], used)
    pictures = pd.DataFrame(
        {
            "image_id": pd.Series([entry.name for entry, _ in kept], dtype="str"),
            "thumbnail": pd.Series([photo.thumbnail for _, photo in kept], dtype=object),
        }
    )
    thumbnails = thumbnail_array(pictures["thumbnail"])
    alike = near_duplicate_groups(thumbnails, [photo.sha256 for _, photo in kept], max_difference)
    groups = united(alike, named_groups([entry for entry, _ in kept]))
    problems += _contradictions(kept, names, path)
    skip = on_bad_photo == "skip" and len(kept) > 0  # fail if every photo is bad
    if photoset == TRAIN and entries:
        counted = [entry for entry, _ in kept] if skip else entries
        group_of = {entry.path: group for (entry, _), group in zip(kept, groups.tolist(), strict=True)}
        problems += _rare_labels(counted, group_of, names, path, folds=folds, holdout=holdout)
    fatal = [problem for problem in problems if not (problem.ignored or (skip and problem.of_photo))]
    if fatal:
        raise InputError(problem_report(fatal, photoset))
    manifest, quarantine = _manifest(kept, groups, names), _quarantine(problems)
    log_notes(paths, [photo.notes for _, photo in kept])
    stated = f"photosets.{photoset}.range says so" if value_range else "the bundle says so" if ranges else ""
    log_ranges(used, stated or f"judged by the photos; photosets.{photoset}.range sets it")
    _log(alike, groups, len(names), quarantine)
    return manifest, quarantine, pictures


# ---- the folder


def _listing_entries(folder: Folder, labels: list[str]) -> tuple[list[Entry], list[Problem]]:
    """Return an entry for every photo in the folder, and the problems; ``labels``: labels that must be known."""
    problems = []
    if labels:
        text = f"{folder.root}: found no label table, expected one with a column for each of {quote_all(labels)}"
        problems.append(Problem(0, text))
    for link in sorted(folder.outside):
        problems.append(Problem(0, f"{quote(str(folder.root / link))}: a symbolic link that leads outside the folder"))
    chosen = [path for path in folder.files if is_photo(path)]
    others = [path for path in folder.files if not is_photo(path)]
    unnamed = [path for path in others if begins_as_photo(folder.root / path)]
    if ignored := len(others) - len(unnamed):
        logging.info("%s ignored in %s: not photos by their suffix", plural(ignored, "file"), folder.root)
    for path in unnamed:
        reason = "a photo by its content, and not by its suffix; rename or convert it"
        shown = path if is_utf8(path) else ascii(path)[1:-1]
        problems.append(Problem(0, f"{quote(str(folder.root / path))}: {reason}", shown, shown, ignored=True))
    if not chosen:
        text = f"{folder.root}: no photos found, expected files ending in .jpg, .png or the like"
        also = f"; photos by their content, and not by their suffix: {quote_first(unnamed)}" if unnamed else ""
        problems.append(Problem(0, text + also))
    for path in chosen:
        if not is_utf8(path):
            problems.append(Problem(0, f"{quote(str(folder.root / path))}: the file's name is not UTF-8; rename it"))
    return [Entry(0, path, b"", path=path) for path in chosen if is_utf8(path)], problems


def find_paths(entries: list[Entry], folder: Folder, table: Path, reasons: Mapping[str, str]) -> list[Problem]:
    """Set the path of every entry that has one file; return the problems of the other entries."""
    problems, missing = [], 0
    row_of = {}
    for entry, matches in zip(entries, find_files(entries, folder), strict=True):
        where = f"{location(table, entry.row)}: {quote(entry.name)}"
        if _leads_outside(folder, entry.name) or _leads_outside(folder, entry.alternative):
            problems.append(Problem(entry.row, f"{where} leads outside the folder by a symbolic link"))
        elif not matches:
            missing += 1
            if entry.name in reasons:
                reason = f"; it could not be downloaded: {reasons[entry.name]}"
            elif "://" in entry.name:
                reason = "; if a column has URLs, name it in the table's description: `url: COLUMN`"
            else:  # a suggestion takes a while, and a message lists only the first problems
                reason = nearest_file(folder, entry.name) if missing <= LISTED else ""
            text = f"{where}: no such file in {folder.root}{reason}"
            problems.append(Problem(entry.row, text, entry.name, entry.name, of_photo=True, kind="missing"))
        elif len(matches) > 1:
            text = f"{where} could be any of {quote_all(matches[:5])}; expected the path of one"
            problems.append(Problem(entry.row, text, kind="ambiguous"))
        elif matches[0] in row_of:
            text = f"{where} is the file {quote(matches[0])}, which row {row_of[matches[0]]} names already"
            problems.append(Problem(entry.row, text))
        else:
            entry.path = matches[0]
            row_of[entry.path] = entry.row
    return problems


def _leads_outside(folder: Folder, name: str) -> bool:
    if not folder.outside:
        return False
    path = PurePosixPath(name.replace("\\", "/"))
    return any(part.as_posix() in folder.outside for part in (path, *path.parents))


# ---- the photos


def _bad_photos(entries: list[Entry], found: list[Examined | str], root: Path, table: Path | None) -> list[Problem]:
    """Return the problems of photos that cannot be used."""
    problems = []
    for entry, result in zip(entries, found, strict=True):
        if isinstance(result, str):
            where = f"{location(table, entry.row)}: " if table else ""
            text = f"{where}{quote(str(root / entry.path))}: {result}"
            kind = re.sub(r"\d+", "0", result)
            problems.append(Problem(entry.row, text, entry.name, entry.path, of_photo=True, kind=kind))
    return problems


# ---- the photos and the table together


def _contradictions(kept: list[tuple[Entry, Examined]], names: list[str], table: Path | None) -> list[Problem]:
    """Return a problem for every photo that an earlier row contains with other labels; unknown ones do not differ."""
    problems = []
    earlier_entries: dict[str, list[Entry]] = {}  # of each photo, those that differ in what is unknown
    for entry, photo in kept:
        earlier = earlier_entries.setdefault(photo.sha256, [])
        for before in earlier:
            pairs = zip(names, before.values, entry.values, strict=True)
            if differing := [name for name, first, value in pairs if {first, value} == {0, 1}]:
                text = (
                    f"{location(table, entry.row)}: {quote(entry.name)} is the same photo as {quote(before.name)} in"
                    f" row {before.row}, but they differ in {quote_all(differing)}"
                )
                problems.append(Problem(entry.row, text))
                break
        else:
            if all(before.values != entry.values for before in earlier):
                earlier.append(entry)
    return problems


def named_groups(entries: list[Entry]) -> np.ndarray:
    """Return for each photo the position of the first photo of the same group of the table: int64, shape (photos,)."""
    first: dict[str, int] = {}
    positions = [first.setdefault(entry.group, k) if entry.group else k for k, entry in enumerate(entries)]
    return np.array(positions, dtype=np.int64)


def distinct_positives(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the number of groups that have a photo with each label: int, shape (labels,).

    Args:
        values: labels of the photos, shape (photos, labels).
        groups: number of the group that each photo belongs to, shape (photos,).
    """
    return np.array([len(np.unique(groups[column == 1])) for column in values.T], dtype=int)


def _rare_labels(
    entries: list[Entry], group_of: dict[str, int], names: list[str], table: Path, *, folds: int, holdout: bool
) -> list[Problem]:
    """Return a problem for every label with too few positives for the folds and the holdout photos.

    Near-duplicates and groups share a fold and count once; ``group_of``: the group of each path that could be opened.
    """
    problems = []
    minimum, purpose = (folds + 1, "one per fold and one held out") if holdout else (folds, "one per fold")
    remedy = f"expected at least {minimum}, {purpose}; add photos, use fewer folds or merge the label with another"
    # A photo that could not be opened is a group of its own.
    groups = np.array([group_of.get(entry.path, -1 - k) for k, entry in enumerate(entries)], dtype=np.int64)
    values = value_matrix(entries, len(names))
    unread = (values == NOT_A_BIT).sum(axis=0).tolist()  # such cells are problems, and may be positives
    for name, count, wrong in zip(names, distinct_positives(values, groups).tolist(), unread, strict=True):
        if count < minimum <= count + wrong:
            continue
        if not count:
            problems.append(Problem(0, f"{table}: label {quote(name)} has no positive photo, {remedy}"))
        elif count < minimum:
            found = f"{plural(count, 'distinct positive photo')} (near-duplicates and groups count once)"
            problems.append(Problem(0, f"{table}: label {quote(name)} has {found}, {remedy}"))
    return problems


def _manifest(kept: list[tuple[Entry, Examined]], groups: np.ndarray, names: list[str]) -> pd.DataFrame:
    columns = {
        "image_id": pd.Series([entry.name for entry, _ in kept], dtype="str"),
        "path": pd.Series([entry.path for entry, _ in kept], dtype="str"),
        "width": np.array([photo.width for _, photo in kept], dtype=np.int32),
        "height": np.array([photo.height for _, photo in kept], dtype=np.int32),
        "sha256": pd.Series([photo.sha256 for _, photo in kept], dtype="str"),
        "pixel_range": pd.Series([photo.range.text for _, photo in kept], dtype="str"),
        "group": groups,
    }
    values = value_matrix([entry for entry, _ in kept], len(names))
    return pd.DataFrame({**columns, **{name: values[:, k] for k, name in enumerate(names)}})


def _quarantine(problems: list[Problem]) -> pd.DataFrame:
    ordered = sorted(problems, key=lambda problem: problem.row)
    table = pd.DataFrame(
        [(problem.image_id, problem.path, problem.row, problem.text, not problem.ignored) for problem in ordered],
        columns=["image_id", "path", "row", "problem", "bad"],
    )
    return table.astype({"image_id": "str", "path": "str", "row": np.int64, "problem": "str", "bad": bool})


def _log(alike: np.ndarray, groups: np.ndarray, labels: int, quarantine: pd.DataFrame) -> None:
    """Log the numbers of photos, labels and groups; ``alike``: groups of near-duplicates alone."""
    near, together = (plural(int((np.bincount(each) > 1).sum()), "group") for each in (alike, groups))
    logging.info("%s, %s, %s of near-duplicates", plural(len(groups), "photo"), plural(labels, "label"), near)
    if (alike != groups).any():
        logging.info("with the table's groups, %s of photos that stay together", together)
    if len(quarantine):
        names = [path or name for path, name in zip(quarantine["path"], quarantine["image_id"], strict=True)]
        logging.warning("%s left out: %s", plural(len(quarantine), "file"), quote_first(names))


# ---- photosets compared


def refuse_quarantine(quarantines: dict[str, pd.DataFrame]) -> None:
    """Raise `InputError` if the quarantine table of any photoset has a photo, left out while that was allowed."""
    lines = [
        f"{quote(row.image_id)} in {photoset}: {row.problem}"
        for photoset, quarantine in quarantines.items()
        for row in quarantine[quarantine["bad"]].itertuples()
    ]
    if lines:
        remedy = "repair or remove them, or set on_bad_photo to skip"
        raise InputError(bullets(f"{plural(len(lines), 'photo')} left out; {remedy}:", lines))


def shared_photos(
    manifests: dict[str, pd.DataFrame],
    thumbnails: dict[str, pd.DataFrame],
    max_difference: float,
    *,
    on_bad_photo: str = "fail",
    divided: str = "warn",
) -> pd.DataFrame:
    """Find training photos that another photoset contains, too, or near-duplicates of them: its scores are too high.

    Args:
        manifests: image_id and sha256 of each photoset, by its name; one is ``train``.
        thumbnails: image_id and thumbnail of the same photosets.
        max_difference: of near-duplicates, see `near_duplicates`; 0: only photos with the same content.
        on_bad_photo: ``fail``, or ``skip`` to log a warning about photos with the same content.
        divided: ``fail``, or ``warn`` to log a warning about near-duplicates.

    Returns:
        a row per pair: photoset, image_id, train_image_id, and kind (``same``, or ``near`` for near-duplicates).

    Raises:
        InputError: lists all pairs of a kind, if there are any and they must not be skipped.
    """
    trained, rows = manifests[TRAIN], []
    for photoset, manifest in manifests.items():
        if photoset == TRAIN:
            continue
        same = manifest.merge(trained, on="sha256")
        rows += [(photoset, *pair, "same") for pair in zip(same["image_id_x"], same["image_id_y"], strict=True)]
        if max_difference:
            pairs = near_duplicates(
                *(thumbnail_array(thumbnails[name]["thumbnail"]) for name in (photoset, TRAIN)), max_difference
            )
            one, other = manifest.iloc[pairs[:, 0]], trained.iloc[pairs[:, 1]]
            near = zip(one["image_id"], other["image_id"], one["sha256"], other["sha256"], strict=True)
            rows += [(photoset, *names, "near") for *names, sha, trained_sha in near if sha != trained_sha]
    shared = pd.DataFrame(rows, columns=["photoset", "image_id", "train_image_id", "kind"], dtype="str")
    remedy = "remove them from one photoset, or set {} (the photoset's scores will be too high)"
    for kind, noun, words, refused, setting in (
        ("same", "photo", "the same photo as", on_bad_photo == "fail", "on_bad_photo to skip"),
        ("near", "near-duplicate", "a near-duplicate of", divided == "fail", "near_duplicates.divided to warn"),
    ):
        pairs = shared[shared["kind"] == kind]
        lines = [
            f"{quote(row.image_id)} in {row.photoset} is {words} {quote(row.train_image_id)} in {TRAIN}"
            for row in pairs.itertuples()
        ]
        title = f"{plural(len(pairs), noun)} shared with {TRAIN}"
        if len(pairs) and refused:
            raise InputError(bullets(f"{title}; {remedy.format(setting)}:", lines))
        if len(pairs):
            logging.warning("%s", bullets(f"{title}:", lines))
    if not len(shared):
        logging.info("no photo is shared with %s", TRAIN)
    return shared


def thumbnail_array(thumbnails: Iterable[bytes]) -> np.ndarray:
    """Return thumbnails of `examine_photo` as uint8 of shape (photos, 32, 32, 3)."""
    return np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, SIDE, SIDE, 3)
