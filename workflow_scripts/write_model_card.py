"""Write the model card: data, intended use, measures with intervals, limits, settings, versions and digests."""

import argparse
import hashlib

from stylevote.digests import file_sha256
from stylevote.program import add_spec, check_number, parser, run
from stylevote.report.markup import write_text
from stylevote.report.model_card import model_card
from stylevote.report.runs import run_table
from stylevote.tables import read_json, read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the card."""
    spec, by_label = arguments.spec, read_table(arguments.labels)
    names = spec["photosets"]
    check_number("manifests", arguments.manifests, len(names), "photoset")
    photos = {name: len(read_table(path, ["image_id"])) for name, path in zip(names, arguments.manifests, strict=True)}
    digests = {"decisions (submission.csv)": file_sha256(arguments.submission)}
    digests |= {
        f"manifest of `{name}`": file_sha256(path) for name, path in zip(names, arguments.manifests, strict=True)
    }
    digests["members of all labels"] = file_sha256(arguments.members)
    thresholds = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(arguments.thresholds))).hexdigest()
    digests["thresholds of all labels, one file after the other in the order of their names"] = thresholds
    card = model_card(
        settings=spec["settings"],
        runs=run_table(read_json(arguments.runs), list(by_label["label"])),
        macro=read_table(arguments.macro),
        by_label=by_label,
        members=read_table(arguments.members),
        photos=photos,
        digests=digests,
        score=f"F{spec['settings']['beta']:g}",
        drawn=spec["drawn"],
    )
    write_text(card, arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        macro="the macro F-beta, told in different ways",
        labels="the figures of every label",
        members="members of all labels",
        thresholds="thresholds: a file per block of labels...",
        runs="what every run is",
        manifests="photos: one table per photoset...",
        submission="the decisions",
        output="to write: card",
    )
    add_spec(options, '{"settings": {...}, "photosets": [names], "drawn": false}')
    run(options, main)
