"""Photosets before their photos are decoded: their label tables, and the files in their folders."""

import os
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from stylevote.config.label_table import LabelTable
from stylevote.errors import InputError
from stylevote.files.tables import read_table
from stylevote.photos.label_tables import content_digest, file_names, read_label_table
from stylevote.photos.listing import Entry as File
from stylevote.photos.listing import changed_photos, list_files, names_and_sizes, similar_names
from stylevote.photos.problems import problem_report
from stylevote.photos.table_reader import Entry
from stylevote.wording import plural, quote


class Survey(NamedTuple):
    """The state of a photoset's table and folder."""

    identity: list[Any]  # JSON values that the manifest depends on
    changed: list[str]  # paths of the photos whose bytes changed after they were ingested
    missing: list[Entry]  # photos of the table that the folder lacks, if they are to be downloaded


@dataclass(frozen=True)
class Photoset:
    """A photoset that is made from a folder of photos."""

    name: str  # its name in the configuration
    photos: str  # its folder
    table: LabelTable | None  # the description of its label table, if it has one
    download: bool  # whether photos that the folder lacks are downloaded
    skip_failed: bool  # whether photos that cannot be downloaded are left out
    labels: list[str]  # names of the labels
    manifest: Path  # path of its manifest
    mark: str  # path of the file that each download writes
    drawn: list[Any] | None = None  # JSON values that identify the demo, if the demo's photos are the photoset's
    _surveys: dict[float | None, Survey] = field(default_factory=dict, repr=False, compare=False)

    @property
    def failures(self) -> str:
        """Path of the table of failed downloads, or an empty text. It is no output: it stays if the job fails."""
        return str(self.manifest.with_name("failed_downloads.parquet")) if self.download else ""

    def survey(self) -> Survey:
        """Return the photoset's state after the last download.

        Raises:
            InputError: the table has problems, has no URLs although photos are to be downloaded, or a photo cannot be
                read.
        """
        downloaded = os.path.getmtime(self.mark) if os.path.exists(self.mark) else None  # noqa: PTH110, PTH204 (quick)
        if downloaded not in self._surveys:
            self._surveys[downloaded] = Survey(self.drawn, [], []) if self.drawn else self._look()
        return self._surveys[downloaded]

    def _look(self) -> Survey:
        digest, names, missing = None, None, []
        file = self.table.file if self.table else ""
        if file and os.path.isfile(file):  # noqa: PTH113 (it is False, too, if the path cannot be looked at)
            columns, entries, problems = read_label_table(
                self.table, self.labels, self.name == "train", Path(self.photos)
            )
            if problems:
                raise InputError(problem_report(problems, self.name))
            digest, names = content_digest(columns, entries), file_names(entries)
        files = list_files(self.photos, names)
        if names is not None and not self.download:
            files = self._with_similar(files, entries)
        if names is None:
            from stylevote.photos.formats import begins_as_photo, is_photo  # noqa: PLC0415 (slow to import)

            folder = Path(self.photos)
            files = [file for file in files if is_photo(file.path) or begins_as_photo(folder / file.path)]
        changed = changed_photos(self.photos, files, self.manifest)
        if names and self.download:
            if not any(entry.url for entry in entries):
                raise InputError(
                    f"{file}: no URLs, which photosets.{self.name}.download needs; add a column `url`, or use the"
                    " challenge's form (id,url,... without a header)"
                )
            from stylevote.photos.folders import photos_without_file  # noqa: PLC0415 (slow to import, and seldom needed)

            missing = photos_without_file(entries, [file.path for file in files])
        return Survey([digest, names_and_sizes(files)], changed, missing)

    def _with_similar(self, files: list[File], entries: list[Entry]) -> list[File]:
        """Return the files, and those that have a similar name of a photo which has no file of its name."""
        found = {file.path.rpartition("/")[2] for file in files}
        found |= {name.rpartition(".")[0] for name in found} - {""}
        found |= {unicodedata.normalize("NFC", name) for name in found if not name.isascii()}
        missing = set()
        for entry in entries:
            names = {name.rpartition("/")[2] for name in (entry.name, entry.alternative)}
            if not found & {unicodedata.normalize("NFC", name) for name in names}:
                missing |= similar_names(entry.name)
        if not missing:
            return files
        similar = [file for file in list_files(self.photos) if missing & similar_names(file.path)]
        return sorted({*files, *similar})

    def to_download(self) -> list[Entry]:
        """Return the photos to download: the missing ones.

        If failed photos may be skipped, those that failed before, at the same URL, are left out: when one arrives
        later, everything that follows is computed again. The user may ask for them with the mark as the target.
        """
        missing, failures = self.survey().missing, Path(self.failures)
        if not (missing and self.skip_failed and failures.exists()):
            return missing
        table = read_table(failures, ["image_id", "url"])
        failed = set(zip(table["image_id"], table["url"], strict=True))
        return [entry for entry in missing if (entry.name, entry.url) not in failed]

    def refuse_lost(self, targets: Collection[str]) -> None:
        """Raise `InputError` if downloaded photos are missing after they were ingested.

        A call may only download them as its target. If they were downloaded on the way to another target, Snakemake
        would take the manifest as new, and train again even if the photos are the same.
        """
        missing = {entry.name for entry in self.to_download()}
        if not missing or not self.manifest.exists() or self.mark in targets:
            return
        lost = [name for name in read_table(self.manifest, ["image_id"])["image_id"] if name in missing]
        if len(lost) == len(missing):
            raise InputError(
                f"photosets.{self.name}: {plural(len(lost), 'photo')} missing after they were ingested,"
                f" {quote(lost[0])} first; download only them, with the target {self.mark}: if they are the same,"
                " nothing is recomputed"
            )
