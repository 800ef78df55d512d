"""Draw the photos of a simulation: label sets, and no pixels."""

from pathlib import Path

import pandas as pd

from stylevote.cli import run
from stylevote.config.ensemble import Simulation
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
    simulation: Simulation,
) -> None:
    """Write the manifests of training and test photos, and an empty table of the photos in both.

    Args:
        manifest: to write: training photos
        test_manifest: to write: test photos, with their labels
        shared: to write: photos in both
        simulation: its settings
    """
    simulate, seed = LABEL_SETS[simulation.label_sets], simulation.seed
    min_test_positives = max(MIN_TEST_POSITIVES, simulation.min_positives * simulation.test // simulation.photos)
    write_table(simulate("train", simulation.photos, simulation.min_positives, labels, seed), manifest)
    write_table(simulate("test", simulation.test, min_test_positives, labels, seed), test_manifest)
    none = pd.DataFrame(columns=["photoset", "image_id", "train_image_id", "kind"], dtype="str")
    write_table(none, shared)


if __name__ == "__main__":
    run(main)
