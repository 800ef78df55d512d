"""Compare two ensembles' decisions for the same photos: each label's F-beta, and how far chance reaches.

Without --photoset, the honest decisions for the training photos are compared. No rule calls this program.
"""

import argparse
from pathlib import Path

import numpy as np

from stylevote.ensemble.bootstrap import RESAMPLES, compare
from stylevote.ensemble.decisions import decision_matrix, read_honest
from stylevote.errors import InputError
from stylevote.metrics import BETA
from stylevote.program import run
from stylevote.tables import MANIFEST_COLUMNS, label_matrix, read_table


def main(arguments: argparse.Namespace) -> None:
    """Print a row per label and the row of their means."""
    photoset, folders = arguments.photoset or "train", (arguments.one, arguments.other)
    manifests = [read_table(folder / "photos" / photoset / "manifest.parquet") for folder in folders]
    labels = [column for column in manifests[0] if column not in MANIFEST_COLUMNS]
    if not labels:
        raise InputError(f"{folders[0]}: the labels of the photoset {photoset!r} are not known")
    if [column for column in manifests[1] if column not in MANIFEST_COLUMNS] != labels:
        raise InputError(f"{folders[1]}: has other labels for the photoset {photoset!r} than {folders[0]}")
    if not manifests[1][["image_id", *labels]].equals(manifests[0][["image_id", *labels]]):
        raise InputError(f"{folders[1]}: has other photos in {photoset!r}, or other labels for them, than {folders[0]}")
    image_ids = manifests[0]["image_id"].to_numpy()
    decisions = [read_decisions(folder, arguments.photoset, image_ids, labels) for folder in folders]
    table = compare(
        label_matrix(manifests[0], labels), *decisions, labels, resamples=arguments.resamples, beta=arguments.beta
    )
    print(f"one: {folders[0]}, other: {folders[1]}, {len(image_ids)} photos; low and high hold 95 % of the differences")
    print(table.to_string(index=False, float_format="%.4f"))


def read_decisions(folder: Path, photoset: str | None, image_ids: np.ndarray, labels: list[str]) -> np.ndarray:
    """Return an ensemble's decisions as uint8 of shape (photos, labels): for a photoset, or else the honest ones."""
    if photoset:
        return decision_matrix(read_table(folder / "predictions" / photoset / "votes.parquet"), image_ids, labels)
    return read_honest(folder / "ensemble" / "honest_decisions.parquet", image_ids, labels)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("one", type=Path, help="results folder of an ensemble")
    options.add_argument("other", type=Path, help="results folder of another one")
    options.add_argument("--photoset", help="compare the decisions for these photos, whose labels are known")
    options.add_argument("--resamples", type=int, default=RESAMPLES, help=f"samples drawn (default {RESAMPLES})")
    options.add_argument("--beta", type=float, default=BETA, help=f"of the F-beta (default {BETA:g})")
    run(options, main)
