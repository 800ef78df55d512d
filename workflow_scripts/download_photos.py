"""Fetch the photos of a label table that are missing in the photoset's folder, from the URLs in the table."""

import argparse
import signal

from stylevote.errors import InputError
from stylevote.photos.downloads import Patience, download_photos
from stylevote.photos.fetching import Bounds
from stylevote.photos.folders import photos_without_file
from stylevote.photos.label_tables import file_names, read_label_table
from stylevote.photos.listing import list_files
from stylevote.photos.problems import listed, number_of, place, problem_report, shown
from stylevote.program import add_spec, parser, run
from stylevote.tables import write_table


def main(arguments: argparse.Namespace) -> None:
    """Fetch them, and write the table of those that could not be had."""
    # Ctrl-C ends it at once, as SIGTERM does: every photo that is there is whole, and the others are fetched next time.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    spec, table, name = arguments.spec, arguments.table, arguments.spec["photoset"]
    _, entries, problems = read_label_table(table, spec["labels"], name == "train")
    if problems:
        raise InputError(problem_report(problems, name))
    files = list_files(str(arguments.photos), file_names(entries))
    failures, not_asked = download_photos(
        photos_without_file(entries, [file.path for file in files]),
        arguments.photos,
        Bounds(spec["seconds"], int(spec["megabytes"] * 1e6), spec["internal"]),
        Patience(spec["attempts"], spec["pause"]),
        spec["parallel"],
    )
    write_table(failures, arguments.failures)
    lines = [
        f"{host}: {number_of(count, 'photo')} not asked for, since those before failed one after the other; try later"
        for host, count in not_asked.items()
    ]
    lines += [f"{place(table, row.row)}: {shown(row.image_id)}: {row.problem}" for row in failures.itertuples()]
    if not_asked or (len(failures) and arguments.on_bad_photo == "fail"):
        count = number_of(len(failures) + sum(not_asked.values()), "photo")
        remedy = "the next call asks for these again; set on_bad_photo to skip to go on without them"
        raise InputError(listed(f"{count} of photoset {name} could not be downloaded; {remedy}:", lines))


if __name__ == "__main__":
    options = parser(
        __doc__,
        photos="folder of the photos",
        table="file names, URLs and labels, as CSV, TSV or Parquet",
        failures="to write: the photos that could not be had, and why",
    )
    options.add_argument("--on-bad-photo", choices=["fail", "skip"], default="fail", help="what to do if there are any")
    add_spec(
        options,
        '{"photoset": name, "labels": [name, ...], "parallel": photos at a time, "attempts": count, "pause": seconds'
        ' before the second, "seconds": of an attempt at most, "megabytes": of a photo at most, "internal": [host or'
        " host:port, ...]}",
    )
    run(options, main)
