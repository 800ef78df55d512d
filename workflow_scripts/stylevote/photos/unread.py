"""A photoset as it is known before any of its photos is decoded: by its table, and by what its folder lists."""

import os
from pathlib import Path
from typing import Any, NamedTuple

from stylevote.errors import InputError
from stylevote.files.tables import read_table
from stylevote.photos.label_tables import Entry, file_names, meaning, read_label_table
from stylevote.photos.listing import changed_photos, list_files, names_and_sizes
from stylevote.photos.problems import problem_report


class Unread(NamedTuple):
    """A photoset that was not read yet.

    Attributes:
        known_by: what its manifest depends on, as JSON can hold it.
        changed: paths of the photos whose bytes changed since they were read.
        missing: photos that the table has and the folder lacks, if they are to be downloaded.
    """

    known_by: list[Any]
    changed: list[str]
    missing: list[Entry]


def look_at(name: str, photoset: dict[str, Any], labels: list[str], manifest: Path) -> Unread:
    """Return what a photoset is known by: what its table says, and the names and sizes of its photos.

    If there is a table, only the photos that it names count.

    Args:
        name: of the photoset.
        photoset: its settings: ``photos`` (a folder), ``labels`` (a table or None) and ``download``.
        labels: names of the labels.
        manifest: path of the manifest that was made when the photos were read last, if they were.

    Raises:
        InputError: the table has problems, has no URLs although photos are to be downloaded, or a photo cannot be read.
    """
    folder, table = photoset["photos"], photoset["labels"]
    said, named, missing = None, None, []
    if table and os.path.isfile(table):  # noqa: PTH113 (it is False, too, if the path cannot be looked at)
        columns, entries, problems = read_label_table(Path(table), labels, name == "train")
        if problems:
            raise InputError(problem_report(problems, name))
        said, named = meaning(columns, entries), file_names(entries)
    files = list_files(folder, named)
    if named is None:
        from stylevote.photos.folders import is_photo  # noqa: PLC0415 (slow to import, and seldom needed)

        files = [file for file in files if is_photo(file.path)]
    changed = changed_photos(folder, files, manifest)
    if named and photoset["download"]:
        if not any(entry.url for entry in entries):
            raise InputError(
                f"{table}: no URLs, which photosets.{name}.download asks for; expected a column `url`, or the"
                " challenge's form (id,url,... without a header)"
            )
        from stylevote.photos.folders import photos_without_file  # noqa: PLC0415 (slow to import, and seldom needed)

        missing = photos_without_file(entries, [file.path for file in files])
    return Unread([said, names_and_sizes(files)], changed, missing)


def without_failed(missing: list[Entry], failures: Path) -> list[Entry]:
    """Return those of the missing photos that are not in the table of failed downloads with the same URL."""
    if not missing or not failures.exists():
        return missing
    failed = read_table(failures, ["image_id", "url"])
    before = set(zip(failed["image_id"], failed["url"], strict=True))
    return [entry for entry in missing if (entry.name, entry.url) not in before]
