"""Divide the training photos into folds with an equal share of every label; near-duplicates share a fold."""

import argparse

from stylevote.photos.folds import assign_folds
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the table of folds."""
    spec = arguments.spec
    manifest = read_table(arguments.manifest, ["image_id", "group", *spec["labels"]])
    write_table(assign_folds(manifest, spec["labels"], spec["count"], spec["seed"]), arguments.output)


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the training photos' manifest",
        output="to write: the fold of each photo",
    )
    add_spec(options, '{"labels": [name, ...], "count": number of folds, "seed": number}')
    run(options, main)
