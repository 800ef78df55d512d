"""Findings about a photoset's photos that its user should know: what was done with them, and what was left out."""

import csv
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

from stylevote.errors import InputError
from stylevote.files.tables import replacing
from stylevote.photos.problems import Problem
from stylevote.photos.values import Range, read_range
from stylevote.wording import plural, quote_first

PLAIN, PLAIN_SHARE = 16, 0.999  # of 255, as far as which a value is nearly black, or white; share of such values
EIGHT_BITS = 255


def plainness(image: Image.Image) -> str:
    """Return ``black`` or ``white`` if a photo is nearly that, or an empty text."""
    counts = image.histogram()
    bands, total = [counts[start : start + 256] for start in range(0, len(counts), 256)], sum(counts)
    for name, part in (("black", slice(0, PLAIN + 1)), ("white", slice(EIGHT_BITS - PLAIN, None))):
        if sum(sum(band[part]) for band in bands) >= PLAIN_SHARE * total:
            return name
    return ""


def plain_photos(photoset: str, names: Sequence[str], plain: Sequence[str], ranges: Collection[Range]) -> list[Problem]:
    """Return a problem if most photos are nearly black, or nearly white.

    Args:
        photoset: its name.
        names: of the photos.
        plain: `plainness` of each.
        ranges: of the photos' values.
    """
    problems = []
    for colour in ("black", "white"):
        same = [name for name, found in zip(names, plain, strict=True) if found == colour]
        if 2 * len(same) > len(names):
            scale = "".join(f"; {each}" for each in sorted(ranges))
            opacity = "; if the photos are transparent, save them without opacity" if colour == "white" else ""
            text = (
                f"photosets.{photoset}.photos: {len(same)} of {plural(len(names), 'photo')} are nearly {colour},"
                f" {quote_first(same)}{scale}. Set photosets.{photoset}.range to [the value that is black, the value"
                f" that is white] in the files; [0, {EIGHT_BITS}] takes photos of 8 bits as they are{opacity}"
            )
            problems.append(Problem(0, text))
    return problems


def log_notes(names: Sequence[str], notes: Sequence[Collection[str]]) -> None:
    """Warn about what was done with photos: each kind with its count and the first names."""
    by_note = defaultdict(list)
    for name, of_photo in zip(names, notes, strict=True):
        for note in of_photo:
            by_note[note].append(name)
    for note, named in sorted(by_note.items()):
        logging.warning("%s: %s (%s)", plural(len(named), "photo"), note, quote_first(named))


def log_ranges(ranges: Collection[Range], source: str) -> None:
    """Say which values became black and white, and why: ``source``."""
    for each in sorted(ranges):
        logging.info("%s (%s)", each, source)


def range_lines(manifests: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return a line per range of the photosets' photos, for a summary; photos of 8 bits have none.

    Args:
        manifests: pixel_range of the photos, by the photoset's name.
    """
    photosets = defaultdict(list)
    for name, manifest in manifests.items():
        for kind, used in ranges_of(manifest).items():
            photosets[Range(kind, *used)].append(name)
    return [f"photos of {', '.join(names)}: {used}" for used, names in sorted(photosets.items())]


def ranges_of(manifest: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Return the values that are black and white in the photos of a manifest, by the kind of values."""
    return {kind: used for text in manifest["pixel_range"].unique() for kind, used in read_range(text).items()}


def refuse_other_ranges(manifests: Mapping[str, pd.DataFrame], train: str, stated: Collection[str]) -> None:
    """Raise `InputError` if a photoset's values were judged to have another range than those of the training photos.

    Args:
        manifests: pixel_range of the photos, by the photoset's name.
        train: name of the training photoset.
        stated: photosets whose range the configuration states.
    """
    trained, lines = ranges_of(manifests[train]), []
    for name, manifest in manifests.items():
        for kind, used in ranges_of(manifest).items():
            if name not in (train, *stated) and trained.get(kind, used) != used:
                lines.append(
                    f"photosets.{name}: {Range(kind, *used)}, but in photoset {train} {trained[kind][0]:.10g} and"
                    f" {trained[kind][1]:.10g} are; set photosets.{name}.range to"
                    f" [{trained[kind][0]:.10g}, {trained[kind][1]:.10g}], or to the values that are right there"
                )
    if lines:
        raise InputError("\n".join(lines))


def left_out_lines(quarantines: Mapping[str, pd.DataFrame], path: Path) -> list[str]:
    """Return a line per photoset with files that were left out; ``path``: of the table that lists them."""
    return [
        f"left out of {name}: {plural(len(table), 'file')}, {quote_first(_names(table))} (see {path})"
        for name, table in quarantines.items()
        if len(table)
    ]


def write_left_out(quarantines: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Write a CSV with a row per file that was left out: photoset, file and problem."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["photoset", "file", "problem"])
        for name, table in quarantines.items():
            writer.writerows((name, *row) for row in zip(_names(table), table["problem"], strict=True))


def _names(quarantine: pd.DataFrame) -> list[str]:
    """Return the paths of the files in a quarantine table, or the names in the label table."""
    return [path or name for path, name in zip(quarantine["path"], quarantine["image_id"], strict=True)]
