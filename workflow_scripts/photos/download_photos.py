"""Download the photos that a photoset's folder lacks from the URLs in its label table."""

import signal
from pathlib import Path

from stylevote.cli import run
from stylevote.config.label_table import table_option
from stylevote.config.photos import Downloads
from stylevote.errors import InputError
from stylevote.files.tables import write_table
from stylevote.photos.downloads import MAX_FAILURES, download_photos
from stylevote.photos.folders import photos_without_file
from stylevote.photos.label_tables import file_names, read_label_table
from stylevote.photos.listing import list_files
from stylevote.photos.problems import problem_report
from stylevote.wording import bullets, location, plural, quote


def main(
    photos: Path,
    table: str,
    failures: Path,
    on_bad_photo: str,
    *,
    labels: list[str],
    photoset: str,
    downloads: Downloads,
) -> None:
    """Download the missing photos, and write the table of failures.

    Args:
        photos: folder of the photos
        table: path of the table of file names, URLs and labels, or its description as JSON
        failures: to write: photos that could not be downloaded, and why
        on_bad_photo: fail or skip, if there are such photos
        photoset: name of the photoset
        downloads: limits and pauses
    """
    # Ctrl-C ends it at once, as SIGTERM does: no photo is incomplete, and the next call downloads the others.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    described = table_option(table)
    _, entries, problems = read_label_table(described, labels, photoset == "train", photos)
    if problems:
        raise InputError(problem_report(problems, photoset))
    files = list_files(str(photos), file_names(entries))
    missing = photos_without_file(entries, [file.path for file in files])
    failed, not_asked = download_photos(missing, photos, downloads)
    write_table(failed, failures)
    lines = [
        f"{host}: {plural(count, 'photo')} not requested, because {MAX_FAILURES} failed in a row; try later"
        for host, count in not_asked.items()
    ]
    file = Path(described.file)
    lines += [f"{location(file, row.row)}: {quote(row.image_id)}: {row.problem}" for row in failed.itertuples()]
    if not_asked or (len(failed) and on_bad_photo == "fail"):
        count = plural(len(failed) + sum(not_asked.values()), "photo")
        remedy = "the next call tries them again; set on_bad_photo to skip to go on without them"
        raise InputError(bullets(f"{count} of photoset {photoset} could not be downloaded; {remedy}:", lines))


if __name__ == "__main__":
    run(main)
