"""The label sets of the JD AI Fashion Challenge 2018: how often its styles go together, without a photo."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.errors import InputError

# The 192 label sets of the training photos in the label table of the JD AI Fashion Challenge 2018, each with the number
# of photos (54,908 in all) that hold it.
LABEL_SETS_FILE = Path(__file__).with_name("jd2018_label_sets.csv")


@cache
def label_set_table() -> pd.DataFrame:
    """The real label sets: a 0/1 column a label in the challenge's order, and ``images``, how often the set occurs.

    Do not write to the table: every caller gets the same one.
    """
    return pd.read_csv(LABEL_SETS_FILE)


def sample_label_sets(count: int, least: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw label sets as often as they occur in the real table, rare labels raised just enough.

    Sets are replaced one at a time, by sets drawn from the table among those with the missing label, until every label
    has ``least`` positives, the rarest label first. Only sets that no label needs any more are given up, which are
    frequent ones.

    Args:
        count: Number of label sets.
        least: Least number of positives a label.
        rng: Source of randomness.

    Returns:
        ``count`` rows of 0/1, a column per label.

    Raises:
        InputError: If ``count`` sets cannot hold ``least`` positives of every label.
    """
    table = label_set_table()
    sets = table.drop(columns="images").to_numpy(dtype=np.uint8)
    images = table["images"].to_numpy(dtype=float)
    drawn = sets[rng.choice(len(sets), size=count, p=images / images.sum())]
    for column in np.argsort(images @ sets):
        weights = images * sets[:, column]
        while drawn[:, column].sum() < least:
            needed = drawn.sum(axis=0) <= least
            spare = np.flatnonzero(~(drawn[:, needed] > 0).any(axis=1))
            if not len(spare):
                raise InputError(f"{count} label sets cannot hold {least} positives of every label; draw more sets")
            drawn[rng.choice(spare)] = sets[rng.choice(len(sets), p=weights / weights.sum())]
    return pd.DataFrame(drawn, columns=table.columns.drop("images"))
