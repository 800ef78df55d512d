"""Compare the honest estimate of every label and of the macro F-beta with the naive one."""

import logging
from pathlib import Path
from typing import Any

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, read_values
from stylevote.ensemble.decisions import decision_matrix, honest_scores, locked_scores
from stylevote.ensemble.honest import join_labels
from stylevote.errors import InputError
from stylevote.tables import label_matrix, read_table, write_table


def main(
    estimates: list[Path],
    thresholds: list[Path],
    manifest: Path,
    locked_votes: Path | None,
    locked_manifest: Path | None,
    honest: Path,
    decisions: Path,
    *,
    labels: list[str],
    beta: float,
    voting: dict[str, Any],
) -> None:
    """Write the decisions, and a row per label and one of their means. The naive figures are of each label by itself.

    Args:
        estimates: honest decisions, a file per block of labels
        thresholds: a file per block of labels
        manifest: training photos
        locked_votes: on the photos that were locked away, if there are any
        locked_manifest: these photos
        honest: to write: for each label, the honest and the naive F-beta
        decisions: to write: the honest decision for every photo and label
        labels: all of them
        beta: of F-beta
        voting: aggregation, and the least and most labels of a photo
    """
    photos = read_table(manifest, ["image_id", *labels])
    decided = join_labels(read_by_label(estimates, labels), photos["image_id"], voting)
    naive = list(read_values(thresholds, labels, "f_beta").values())
    table = honest_scores(label_matrix(photos, labels), decided, naive, labels, beta)
    if (locked_votes is None) != (locked_manifest is None):
        raise InputError("--locked-votes and --locked-manifest: found one of the two, expected both or none")
    if locked_votes and locked_manifest:
        locked = read_table(locked_manifest, ["image_id", *labels])
        voted = decision_matrix(read_table(locked_votes), locked["image_id"].to_numpy(), labels)
        table = table.join(locked_scores(label_matrix(locked, labels), voted, labels, beta))
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_table(photos[["image_id"]].assign(**dict(zip(labels, decided.T, strict=True))), decisions)
    write_table(table, honest)


if __name__ == "__main__":
    run(main)
