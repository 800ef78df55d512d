"""What training settings are worth: single networks judged honestly, repeated with several seeds."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stylevote.estimate import bootstrap
from stylevote.estimate.single_networks import estimate_run
from stylevote.files.tables import replacing, write_table
from stylevote.metrics import BETA, macro_f_beta

COLUMNS = {
    "row": "str",
    "label": "str",
    "paper": "float64",
    "ours": "float64",
    "low": "float64",
    "high": "float64",
    "naive": "float64",
    "photos_low": "float64",
    "photos_high": "float64",
    "seeds": "int64",
    "positives": "int64",
}


def seed_interval(values: np.ndarray, share: float = bootstrap.SHARE) -> tuple[float, float]:
    """Return what holds the mean over all seeds with confidence ``shard``, by the figures of a few (Student 1908).

    It says how far the chance of training reaches, on the same photos. It is cut to 0..1, where F-beta lies. With one
    seed nothing is known: NaN.
    """
    from scipy.stats import t as student  # noqa: PLC0415 (slow to import, and only published tables need it)

    if len(values) < 2:
        return np.nan, np.nan
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    reach = student.ppf((1 + share) / 2, len(values) - 1) * error
    return max(float(np.mean(values) - reach), 0.0), min(float(np.mean(values) + reach), 1.0)


def tabulate(
    cells: list[dict[str, Any]],
    labels: pd.DataFrame,
    folds: np.ndarray,
    read_run: Callable[[str], Mapping[str, np.ndarray]],
    *,
    beta: float = BETA,
) -> pd.DataFrame:
    """Set what runs reach beside what was published.

    Args:
        cells: what `experiments.resolve_cells` returns.
        labels: 0/1, a row per photo and a column per label.
        folds: shape (photos,).
        read_run: returns a run's out-of-fold scores by label, each of shape (epochs, photos). Each run is read once.
        beta: weight of recall against precision.

    Returns:
        the columns `COLUMNS`, a row a cell: ``ours`` is the mean over seeds of the nested F-beta (`estimate_run`) or of
        its mean over labels; low, high its `seed_interval`; ``naive`` the mean of the figures of photos that chose
        epoch and cut; photos_low, photos_high what holds ``ours`` in 95 % of samples of such photos (the bootstrap's,
        with these networks); ``positives`` are the photos with the label, or the sum.
    """
    truth = {label: column.to_numpy(dtype=np.uint8) for label, column in labels.items()}
    judged = {}
    for run, wanted in _wanted(cells).items():
        scores = read_run(run)
        for label, cut in wanted:
            judged[run, label, cut] = estimate_run(truth[label], scores[label], folds, cut=cut, beta=beta)
    rows = []
    for cell in cells:
        names = list(cell["repetitions"][0])
        known = np.column_stack([truth[label] for label in names])
        of_seeds = [[judged[runs[label], label, cell["cut"]] for label in names] for runs in cell["repetitions"]]
        decisions = [np.column_stack([decided for decided, _ in of_labels]) for of_labels in of_seeds]
        reached = np.array([macro_f_beta(known, decided, beta) for decided in decisions])
        resampled = bootstrap.bootstrap_f_beta(known, decisions, beta=beta).mean(axis=(0, 2))
        (low, high), (photos_low, photos_high) = seed_interval(reached), bootstrap.interval(resampled)
        rows.append(
            {
                **{key: cell[key] for key in ("row", "label", "paper")},
                "ours": np.mean(reached),
                "low": low,
                "high": high,
                "naive": np.mean([naive for of_labels in of_seeds for _, naive in of_labels]),
                "photos_low": photos_low,
                "photos_high": photos_high,
                "seeds": len(reached),
                "positives": int(known.sum()),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _wanted(cells: Iterable[dict[str, Any]]) -> dict[str, set[tuple[str, float | None]]]:
    """Return for each run the labels, and cuts, at which cells need it."""
    found: dict[str, set[tuple[str, float | None]]] = {}
    for cell in cells:
        for repetition in cell["repetitions"]:
            for label, run in repetition.items():
                found.setdefault(run, set()).add((label, cell["cut"]))
    return found


def tabulate_sizes(curve: pd.DataFrame, paper: dict[str, float | None], positives: int) -> pd.DataFrame:
    """Set what ensembles of several sizes reach beside what was published.

    Args:
        curve: what `size.size_curve` returns.
        paper: the published macro F-beta of some sizes.
        positives: of all labels together.

    Returns:
        the columns `COLUMNS`, a row a size of the curve. There is one ensemble of a size, so no interval over seeds,
        and no naive figure.
    """
    table = pd.DataFrame(
        {
            "row": ["every run" if size == "all" else f"top {size}" for size in curve["size"]],
            "label": "macro",
            "paper": [paper.get(size) for size in curve["size"]],
            "ours": curve["nested_f_beta"],
            "low": np.nan,
            "high": np.nan,
            "naive": np.nan,
            "photos_low": curve["nested_low"],
            "photos_high": curve["nested_high"],
            "seeds": 1,
            "positives": positives,
        }
    )
    return table.astype(COLUMNS)


def write_comparison(table: pd.DataFrame, path: Path, csv: Path) -> None:
    """Write a table of the columns `COLUMNS` for the workflow, and as CSV for people and their programs."""
    write_table(table, path)
    with replacing(csv) as partial:
        table.to_csv(partial, index=False, float_format="%.4f", lineterminator="\n", encoding="utf-8")
