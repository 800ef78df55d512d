"""Score a photoset's decisions against its labels, if they are known."""

import logging
from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.decisions import decision_matrix
from stylevote.estimate.scores import no_scores, score_decisions
from stylevote.files.tables import UNKNOWN, label_matrix, read_table, write_table


def main(votes: Path, manifest: Path, scores: Path, *, labels: list[str], beta: float) -> None:
    """Write precision, recall and F-beta of every label and their means, or an empty table without labels.

    Args:
        manifest: photos of the photoset, with their labels if these are known
        scores: to write: scores
    """
    photos = read_table(manifest)
    votes_of_photos = read_table(votes, ["image_id", "label", "decision"])
    decisions = decision_matrix(votes_of_photos, photos["image_id"].to_numpy(), labels)
    if set(labels) <= set(photos.columns) and (photos[labels] != UNKNOWN).any(axis=None):
        table = score_decisions(label_matrix(photos, labels), decisions, labels, beta)
        logging.info("%s", table.to_string(index=False, float_format="%.4f"))
    else:
        table = no_scores()
        logging.info("the photoset's labels are not known: nothing to score")
    write_table(table, scores)


if __name__ == "__main__":
    run(main)
