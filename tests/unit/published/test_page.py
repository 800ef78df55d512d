"""The page of published tables says every figure, and no text of it is taken for Markdown."""

import numpy as np
import pandas as pd

from stylevote.published.page import Experiment, experiments_page


def test_the_page_says_each_tables_figures_and_notes():
    table = pd.DataFrame(
        {
            "row": ["ResNet50", "a|b *c*"],
            "label": ["sport", "macro"],
            "paper": [0.3191, np.nan],
            "ours": [0.3025, 0.61234],
            "low": [0.21, np.nan],
            "high": [0.39, np.nan],
            "non_nested": [0.35, np.nan],
            "photos_low": [0.2511, 0.6],
            "photos_high": [0.3511, 0.62],
            "seeds": [3, 1],
            "positives": [104, 5000],
        }
    )
    page = experiments_page(
        {"table2": Experiment("Table <II>", "Notes of it.", table), "bare": Experiment("Another", "", table)}, "F2"
    )
    lines = page.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ResNet50")]
    expected = ["ResNet50", "sport", "0.3191", "0.3025", "0.2100 to 0.3900", "0.2511 to 0.3511", "0.3500", "3", "104"]
    assert cells == [expected] * 2
    (other, _) = [line for line in lines if line.startswith("| a")]
    assert other == r"| a\|b \*c\* | macro |  | 0.6123 |  | 0.6000 to 0.6200 |  | 1 | 5000 |"
    assert r"## Table \<II\>" in lines
    assert "Notes of it. As numbers: `table2.csv`." in lines
    assert "As numbers: `bare.csv`." in lines
    assert "All figures are F2" in page
