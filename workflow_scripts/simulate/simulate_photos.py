"""Draw the photos of a simulation: label sets, and no pixels."""

from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.demo.label_sets import MIN_TEST_POSITIVES
from stylevote.files.tables import write_table
from stylevote.simulate.ensemble import simulate_any_labels, simulate_manifest

LABEL_SETS = {"challenge": simulate_manifest, "zipf": simulate_any_labels}


def main(
    manifest: Path,
    test_manifest: Path,
    shared: Path,
    *,
    labels: list[str],
    label_sets: str,
    photos: int,
    test: int,
    min_positives: int,
    seed: int,
) -> None:
    """Write the manifests of training and test photos, and an empty table of the photos in both.

    Args:
        manifest: to write: training photos
        test_manifest: to write: test photos, with their labels
        shared: to write: photos in both
        labels: all of them
        label_sets: challenge or zipf
        photos: number of training photos
        test: number of test photos
        min_positives: minimum number of training positives per label
        seed: of the draw
    """
    simulate, min_test_positives = LABEL_SETS[label_sets], max(MIN_TEST_POSITIVES, min_positives * test // photos)
    write_table(simulate("train", photos, min_positives, labels, seed), manifest)
    write_table(simulate("test", test, min_test_positives, labels, seed), test_manifest)
    none = pd.DataFrame(columns=["photoset", "image_id", "train_image_id", "sha256"], dtype="str")
    write_table(none, shared)


if __name__ == "__main__":
    run(main)
