"""The label sets of the JD AI Fashion Challenge 2018, without photos."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.errors import InputError

# The 192 label sets of the challenge's training photos, each with its number of photos (54,908 in all).
LABEL_SETS_FILE = Path(__file__).with_name("jd2018_label_sets.csv")
MIN_TEST_POSITIVES = 4  # per label among the test photos: a single photo must not decide a rare label's score


@cache
def label_set_table() -> pd.DataFrame:
    """Return the real label sets: a 0/1 column per label in the challenge's order, and ``images``, their frequencies.

    Do not write to the table: every caller gets the same one.
    """
    return pd.read_csv(LABEL_SETS_FILE)


def sample_label_sets(count: int, min_positives: int, rng: np.random.Generator, where: str = "demo") -> pd.DataFrame:
    """Draw label sets with their real frequencies, except for rare labels, which get ``min_positives``.

    Sets are replaced one at a time by sets with a label that lacks positives, the rarest label first. Only sets that no
    label needs are replaced, which are frequent ones.

    Args:
        min_positives: Minimum number of positives per label.
        where: Key of the configuration, for messages.

    Returns:
        ``count`` rows of 0/1, a column per label.

    Raises:
        InputError: If ``count`` sets cannot hold that many positives of every label.
    """
    table = label_set_table()
    sets = table.drop(columns="images").to_numpy(dtype=np.uint8)
    images = table["images"].to_numpy(dtype=float)
    drawn = sets[rng.choice(len(sets), size=count, p=images / images.sum())]
    for column in np.argsort(images @ sets):
        weights = images * sets[:, column]
        while drawn[:, column].sum() < min_positives:
            needed = drawn.sum(axis=0) <= min_positives
            spare = np.flatnonzero(~(drawn[:, needed] > 0).any(axis=1))
            if not len(spare):
                raise InputError(
                    f"{where}: {count} label sets cannot hold {min_positives} positives of every label; draw more sets"
                )
            drawn[rng.choice(spare)] = sets[rng.choice(len(sets), p=weights / weights.sum())]
    return pd.DataFrame(drawn, columns=table.columns.drop("images"))
