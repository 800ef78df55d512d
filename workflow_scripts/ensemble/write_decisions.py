"""Write a photoset's decisions as CSV, a row per photo in the manifest's order."""

from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.decisions import decision_matrix, write_decisions
from stylevote.files.tables import read_table


def main(votes: Path, manifest: Path, decisions: Path, *, labels: list[str]) -> None:
    """Write a header, then for each photo its name and 0 or 1 for each label.

    Args:
        manifest: photos of the photoset
        decisions: to write: CSV
    """
    image_ids = read_table(manifest, ["image_id"])["image_id"].to_numpy()
    matrix = decision_matrix(read_table(votes, ["image_id", "label", "decision"]), image_ids, labels)
    write_decisions(matrix, image_ids, labels, decisions)


if __name__ == "__main__":
    run(main)
