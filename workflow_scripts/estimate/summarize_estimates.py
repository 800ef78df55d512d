"""Compare the nested and the non-nested F-beta of every label, and their means."""

import logging
from pathlib import Path

from stylevote.cli import run
from stylevote.config.ensemble import Votes
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
    voting: Votes,
) -> None:
    """Write the nested decisions, and a row per label and one of the means. Non-nested figures ignore `voting`.

    Args:
        estimates: nested decisions, a file per block of labels
        holdout_votes: votes for the holdout photos, if there are any
        holdout_manifest: holdout photos
        summary: to write: for each label, the nested and the non-nested F-beta
        decisions: to write: the nested decision for every photo and label
    """
    photos = read_table(manifest, ["image_id", "group", *labels])
    nested = nested_decisions(read_by_label(estimates, labels), photos["image_id"], voting)
    non_nested = list(read_values(thresholds, labels, "f_beta").values())
    table = nested_scores(
        label_matrix(photos, labels), nested, non_nested, labels, photos["group"].to_numpy(), beta=beta
    )
    if (holdout_votes is None) != (holdout_manifest is None):
        raise InputError("--holdout-votes and --holdout-manifest: found one of the two, expected both or none")
    if holdout_votes and holdout_manifest:
        holdout = read_table(holdout_manifest, ["image_id", "group", *labels])
        decided = decision_matrix(read_table(holdout_votes), holdout["image_id"].to_numpy(), labels)
        groups = holdout["group"].to_numpy()
        table = table.join(holdout_scores(label_matrix(holdout, labels), decided, labels, groups, beta=beta))
    logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    write_table(photos[["image_id"]].assign(**dict(zip(labels, nested.T, strict=True))), decisions)
    write_table(table, summary)


if __name__ == "__main__":
    run(main)
