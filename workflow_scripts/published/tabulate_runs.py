"""Compare the nested F-beta of runs, as means over seeds, with a published table's figures."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from stylevote.cli import run
from stylevote.ensemble.scores import files_of_runs, read_run
from stylevote.files.tables import fold_numbers, read_table
from stylevote.published.comparison import tabulate, write_comparison


def main(
    predictions: list[Path],
    manifest: Path,
    folds: Path,
    table: Path,
    csv: Path,
    *,
    runs: list[str],
    labels: list[str],
    beta: float,
    cells: list[dict[str, Any]],
) -> None:
    """Write the table, for the workflow and as CSV, and print it.

    Args:
        predictions: out-of-fold predictions, a file per run and fold, the folds of a run together
        table: to write: the figures
        csv: to write: the same as CSV
        runs: ids of the runs, in the order of their predictions
        cells: figures to compare: row, label (or macro), paper (or null), cut (or null), and repetitions, each of which
            names the runs of every label
    """
    photos = read_table(manifest, ["image_id", "group", *labels])
    image_ids, fold_of = photos["image_id"].to_numpy(), fold_numbers(photos, read_table(folds))
    files = files_of_runs(runs, predictions, len(np.unique(fold_of)))

    def scores_of(name: str) -> dict[str, np.ndarray]:
        return read_run(files[name], image_ids, fold_of, labels).scores

    compared = tabulate(cells, photos[labels], fold_of, scores_of, photos["group"].to_numpy(), beta=beta)
    logging.info("%s", compared.to_string(index=False, float_format="%.4f"))
    write_comparison(compared, table, csv)


if __name__ == "__main__":
    run(main)
