"""Compare the nested macro F-beta of ensembles of several sizes with a published table's figures."""

import logging
from pathlib import Path

from stylevote.cli import run
from stylevote.files.tables import positive_matrix, read_table
from stylevote.published.comparison import tabulate_sizes, write_comparison


def main(
    curve: Path, manifest: Path, table: Path, csv: Path, *, labels: list[str], paper: dict[str, float | None]
) -> None:
    """Write the table, for the workflow and as CSV, and print it.

    Args:
        curve: nested F-beta of each size
        table: to write: the figures
        csv: to write: the same as CSV
        paper: published figure of each size
    """
    positives = int(positive_matrix(read_table(manifest, labels), labels).sum())
    compared = tabulate_sizes(read_table(curve), paper, positives)
    logging.info("%s", compared.to_string(index=False, float_format="%.4f"))
    write_comparison(compared, table, csv)


if __name__ == "__main__":
    run(main)
