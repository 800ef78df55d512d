"""Published tables with our figures, on one page of Markdown."""

from typing import NamedTuple

import pandas as pd

from stylevote.report.render import markdown


class Experiment(NamedTuple):
    """A published table: its title, notes, and the table that `comparison.tabulate` returns."""

    title: str
    notes: str
    table: pd.DataFrame


def experiments_page(experiments: dict[str, Experiment], score: str) -> str:
    """Return the page.

    Args:
        experiments: the tables, by their names.
        score: name of the F-beta.
    """
    return markdown("published_tables.md", experiments=experiments, score=score)
