"""Write all published tables with our figures on one page of Markdown."""

from pathlib import Path

from stylevote.cli import run
from stylevote.files.tables import read_table
from stylevote.published.page import Experiment, experiments_page
from stylevote.report.pictures import write_text


def main(tables: list[Path], page: Path, *, beta: float, experiments: list[dict[str, str]]) -> None:
    """Write the page.

    Args:
        tables: figures, a file per experiment
        page: to write: page of the tables
        experiments: name, title and notes of each
    """
    of_name = {
        experiment["name"]: Experiment(experiment["title"], experiment["notes"], read_table(path))
        for experiment, path in zip(experiments, tables, strict=True)
    }
    write_text(experiments_page(of_name, f"F{beta:g}"), page)


if __name__ == "__main__":
    run(main)
