"""Scores of a photoset by single networks, kept so that none is computed twice.

If a run is added, the members change, and Snakemake starts the prediction jobs of every run again.
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
        folder: of the files.
        labels: labels of the run.
        photos: number of photos.
        sources: all that the scores depend on besides the weights.
    """

    def __init__(self, folder: Path, labels: list[str], photos: int, sources: Any) -> None:
        self._folder, self._labels, self._photos, self._sources = folder, labels, photos, sources

    def read(self, fold: int, epoch: int, weights: str) -> np.ndarray | None:
        """Return a network's scores, float32 of shape (photos, labels), or None if they are missing or damaged.

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
        """Keep a network's ``scores``; remove those by other weights, photos or code of the same fold and epoch."""
        path = self._path(fold, epoch, weights)
        write_table(pd.DataFrame(scores, columns=self._labels), path)
        for stale in self._folder.glob(f"fold{fold}-epoch{epoch}-*.parquet"):
            if stale != path:
                stale.unlink(missing_ok=True)

    def _path(self, fold: int, epoch: int, weights: str) -> Path:
        return self._folder / f"fold{fold}-epoch{epoch}-{digest([weights, self._labels, self._sources], 16)}.parquet"
