"""Compare the summary estimate of every label and of the macro F-beta with the naive one."""

import logging
from pathlib import Path
from typing import Any

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label, read_values
from stylevote.ensemble.decisions import decision_matrix
from stylevote.errors import InputError
from stylevote.estimate.nested import nested_decisions
from stylevote.estimate.scores import holdout_scores, nested_scores
from stylevote.files.tables import label_matrix, read_table, write_table


def main(
    estimates: list[Path],
    thresholds: list[Path],
    manifest: Path,
    holdout_votes: Path | None,
    holdout_manifest: Path | None,
    summary: Path,
    decisions: Path,
    *,
    labels: list[str],
    beta: float,
    voting: dict[str, Any],
) -> None:
    """Write the decisions, and a row per label and one of their means. The naive figures are of each label by itself.

    Args:
        estimates: summary decisions, a file per block of labels
        thresholds: a file per block of labels
        manifest: training photos
        holdout_votes: on the photos that were held out, if there are any
        holdout_manifest: these photos
        summary: to write: for each label, the summary and the naive F-beta
        decisions: to write: the summary decision for every photo and label
        labels: all of them
        beta: of F-beta
        voting: aggregation, and the least and most labels of a photo
    """
    photos = read_table(manifest, ["image_id", *labels])
    decided = nested_decisions(read_by_label(estimates, labels), photos["image_id"], voting)
    naive = list(read_values(thresholds, labels, "f_beta").values())
    table = nested_scores(label_matrix(photos, labels), decided, naive, labels, beta)
    if (holdout_votes is None) != (holdout_manifest is None):
        raise InputError("--holdout-votes and --holdout-manifest: found one of the two, expected both or none")
    if holdout_votes and holdout_manifest:
        holdout = read_table(holdout_manifest, ["image_id", *labels])
        voted = decision_matrix(read_table(holdout_votes), holdout["image_id"].to_numpy(), labels)
        table = table.join(holdout_scores(label_matrix(holdout, labels), voted, labels, beta))
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_table(photos[["image_id"]].assign(**dict(zip(labels, decided.T, strict=True))), decisions)
    write_table(table, summary)


if __name__ == "__main__":
    run(main)
