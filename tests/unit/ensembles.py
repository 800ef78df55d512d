"""A simulated ensemble, for tests of the ensemble and of its estimates."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.files.tables import write_table


@dataclass
class SimulatedEnsemble:
    """Photos with labels and folds, and the out-of-fold scores (epochs, photos, labels) of some runs."""

    labels: list[str]
    truth: np.ndarray
    folds: np.ndarray
    scores: dict[str, np.ndarray]
    image_ids: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.image_ids = np.array([f"photo {k}.jpg" for k in range(len(self.truth))], dtype=object)

    @property
    def manifest(self) -> pd.DataFrame:
        truth = {label: self.truth[:, k] for k, label in enumerate(self.labels)}
        return pd.DataFrame({"image_id": self.image_ids, "group": np.arange(len(self.image_ids))} | truth)

    @property
    def fold_table(self) -> pd.DataFrame:
        return pd.DataFrame({"image_id": self.image_ids, "fold": self.folds})

    def candidates(self, label: int) -> tuple[pd.DataFrame, np.ndarray]:
        """Return one label's candidates and their scores, as `scores.Candidates.of` does."""
        rows = [(run, epoch + 1) for run, scores in self.scores.items() for epoch in range(len(scores))]
        table = pd.DataFrame(rows, columns=["run", "epoch"]).astype({"epoch": "int16"})
        return table, np.concatenate([scores[:, :, label] for scores in self.scores.values()])

    def predictions(self, run: str, photos: np.ndarray) -> pd.DataFrame:
        """Return the predictions table of one run for the photos of that mask or those numbers."""
        parts = [
            pd.DataFrame(scores[photos], columns=self.labels).assign(image_id=self.image_ids[photos], epoch=epoch)
            for epoch, scores in enumerate(self.scores[run], start=1)
        ]
        return pd.concat(parts, ignore_index=True).astype({"epoch": "int16"})[["image_id", "epoch", *self.labels]]

    def write_predictions(self, folder: Path) -> dict[str, list[Path]]:
        """Write every run's out-of-fold predictions; return the paths of each run."""
        files: dict[str, list[Path]] = {}
        for run in self.scores:
            files[run] = [folder / run / f"fold{fold}.parquet" for fold in np.unique(self.folds)]
            for fold, path in enumerate(files[run]):
                write_table(self.predictions(run, self.folds == fold), path)
        return files


def simulate(
    *,
    photos: int = 240,
    prevalence: tuple[float, ...] = (0.5, 0.2),
    runs: int = 3,
    epochs: int = 2,
    folds: int = 3,
    strength: float = 2.0,
    seed: int = 0,
) -> SimulatedEnsemble:
    """Draw labels, and scores that tell them apart by ``strength`` standard deviations of the noise."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((photos, len(prevalence))) < prevalence).astype(np.uint8)
    scores = {}
    for run in range(runs):
        noise = rng.normal(size=truth.shape) + 0.5 * rng.normal(size=(epochs, *truth.shape))
        scores[f"run{run}"] = (1 / (1 + np.exp(-(strength * (truth - 0.5) + noise)))).astype(np.float32)
    labels = [f"style {k}" for k in range(len(prevalence))]
    return SimulatedEnsemble(labels, truth, rng.permutation(np.arange(photos) % folds), scores)
