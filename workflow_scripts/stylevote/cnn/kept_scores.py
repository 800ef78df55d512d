"""Scores of a photoset by single networks, kept for the next time that they are wanted.

Members change when a run is added, and Snakemake then starts the prediction of every run again. What a network said of
the same photos is read from here instead.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stylevote.config.identity import digest
from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table


class KeptScores:
    """Scores of one photoset by the networks of one run, a file per network.

    Args:
        folder: that holds them.
        labels: that the run predicts.
        photos: number of photos.
        made_of: all that the scores depend on besides the weights.
    """

    def __init__(self, folder: Path, labels: list[str], photos: int, made_of: Any) -> None:
        self._folder, self._labels, self._photos, self._made_of = folder, labels, photos, made_of

    def read(self, fold: int, epoch: int, weights: str) -> np.ndarray | None:
        """Return a network's scores, float32 of shape (photos, labels), or None if they are not kept, or are damaged.

        Args:
            fold, epoch: of the network.
            weights: digest of its weights.
        """
        path = self._path(fold, epoch, weights)
        if not path.is_file():
            return None
        try:
            table = read_table(path, self._labels)
        except InputError:
            return None
        return table.to_numpy(dtype=np.float32) if len(table) == self._photos else None

    def write(self, fold: int, epoch: int, weights: str, scores: np.ndarray) -> None:
        """Keep a network's ``scores``; remove what the same fold and epoch said with other weights, photos or code."""
        path = self._path(fold, epoch, weights)
        write_table(pd.DataFrame(scores, columns=self._labels), path)
        for other in self._folder.glob(f"fold{fold}-epoch{epoch}-*.parquet"):
            if other != path:
                other.unlink(missing_ok=True)

    def _path(self, fold: int, epoch: int, weights: str) -> Path:
        return self._folder / f"fold{fold}-epoch{epoch}-{digest([weights, self._labels, self._made_of], 16)}.parquet"
