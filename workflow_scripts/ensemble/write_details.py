"""Write what led to a photoset's decisions as CSV, a row per photo and label: score, agreement, abstention."""

from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.blocks import read_values
from stylevote.ensemble.decisions import details as details_of
from stylevote.ensemble.decisions import write_details
from stylevote.files.tables import read_table


def main(votes: Path, thresholds: list[Path], certain: list[Path], details: Path, *, labels: list[str]) -> None:
    """Write the table of details.

    Args:
        votes: on the photoset
        thresholds: a file per block of labels
        certain: scores from which on labels are certain, a file per block, if a precision is asked for
        details: to write: CSV
        labels: all of them
    """
    cuts = read_values(thresholds, labels, "threshold")
    precision_threshold = read_values(certain, labels, "precision_threshold") if certain else None
    write_details(details_of(read_table(votes), cuts, precision_threshold), details)


if __name__ == "__main__":
    run(main)
