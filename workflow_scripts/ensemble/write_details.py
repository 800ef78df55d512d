"""Write the details of a photoset's decisions as CSV, a row per photo and label: score, agreement, abstention."""

from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.blocks import read_values
from stylevote.ensemble.decisions import decision_details, write_details
from stylevote.files.tables import read_table


def main(
    votes: Path, thresholds: list[Path], precision_thresholds: list[Path], details: Path, *, labels: list[str]
) -> None:
    """Write the table of details.

    Args:
        precision_thresholds: scores with the precision of `abstain`, a file per block of labels, if it is set
        details: to write: CSV
    """
    of_labels = read_values(thresholds, labels, "threshold")
    precise = read_values(precision_thresholds, labels, "precision_threshold") if precision_thresholds else None
    write_details(decision_details(read_table(votes), of_labels, precise), details)


if __name__ == "__main__":
    run(main)
