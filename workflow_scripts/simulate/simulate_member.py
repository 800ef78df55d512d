"""Draw a simulated member's predictions by each fold's CNN, of the photos of that fold and of the test photos."""

from pathlib import Path

import numpy as np

from stylevote.cli import run
from stylevote.config.ensemble import Simulation
from stylevote.files.tables import fold_numbers, read_table, write_table
from stylevote.simulate.ensemble import make_ensemble, simulate_predictions


def main(
    manifest: Path,
    test_manifest: Path,
    folds: Path,
    validation: list[Path],
    test: list[Path],
    *,
    labels: list[str],
    member: int,
    simulation: Simulation,
) -> None:
    """Write two tables of predictions per fold.

    Args:
        folds: of the training photos
        validation: to write: out-of-fold predictions, a file per fold
        test: to write: predictions of the test photos, a file per fold
        member: number of the member, from 0
        simulation: its settings
    """
    photos = read_table(manifest, ["image_id", *labels])
    tested = read_table(test_manifest, ["image_id", *labels])
    fold_of = fold_numbers(photos, read_table(folds))
    ensemble = make_ensemble(photos[labels], simulation)
    predictions = simulate_predictions(ensemble, member, photos, photoset="train", cnns=fold_of)
    fold_of_row = np.tile(fold_of, simulation.epochs)
    for fold, validation_path, test_path in zip(range(fold_of.max() + 1), validation, test, strict=True):
        write_table(predictions[fold_of_row == fold], validation_path)
        cnns = np.full(len(tested), fold)
        write_table(simulate_predictions(ensemble, member, tested, photoset="test", cnns=cnns), test_path)


if __name__ == "__main__":
    run(main)
