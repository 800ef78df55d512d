"""Draw the photos of a simulation: label sets, and no pixels."""

import argparse

import pandas as pd

from stylevote.ensemble.simulation import LEAST_TESTED, simulate_any_labels, simulate_manifest
from stylevote.program import add_spec, parser, run
from stylevote.tables import write_table

LABEL_SETS = {"challenge": simulate_manifest, "zipf": simulate_any_labels}


def main(arguments: argparse.Namespace) -> None:
    """Write both manifests, and that they share no photo."""
    spec = arguments.spec
    least = {"train": spec["least"], "test": max(LEAST_TESTED, spec["least"] * spec["test"] // spec["photos"])}
    for photoset, count, path in (("train", spec["photos"], arguments.train), ("test", spec["test"], arguments.test)):
        simulate = LABEL_SETS[spec["label_sets"]]
        write_table(simulate(photoset, count, least[photoset], spec["labels"], spec["seed"]), path)
    shared = pd.DataFrame(columns=["photoset", "image_id", "train_image_id", "sha256"], dtype="str")
    write_table(shared, arguments.shared)


if __name__ == "__main__":
    options = parser(
        __doc__,
        train="to write: manifest of the training photos",
        test="to write: manifest of the test photos, with their labels",
        shared="to write: table of the photos that are in both, of which there are none",
    )
    add_spec(
        options,
        '{"labels": [...], "label_sets": "challenge" or "zipf", "photos": training photos, "test": test photos, '
        '"least": least training positives a label, "seed": number}',
    )
    run(options, main)
