"""Published figures next to ours: nested estimates of single networks over several seeds, and sizes of the ensemble."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stylevote import bootstrap
from stylevote.estimate.single_networks import estimate_runs
from stylevote.files.tables import replacing, write_table
from stylevote.metrics import BETA, macro_f_beta

COLUMNS = {
    "row": "str",
    "label": "str",
    "paper": "float64",
    "ours": "float64",
    "low": "float64",
    "high": "float64",
    "non_nested": "float64",
    "photos_low": "float64",
    "photos_high": "float64",
    "seeds": "int64",
    "positives": "int64",
}


def seed_interval(values: np.ndarray) -> tuple[float, float]:
    """Return the confidence interval of the mean over all seeds, given the F-beta of a few (Student 1908).

    It covers the chance of training, on the same photos. It is clipped to 0..1. With one seed it is NaN.
    """
    from scipy.stats import t as student  # noqa: PLC0415 (slow to import, and only published tables need it)

    if len(values) < 2:
        return np.nan, np.nan
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    margin = student.ppf((1 + bootstrap.SHARE) / 2, len(values) - 1) * error
    return max(float(np.mean(values) - margin), 0.0), min(float(np.mean(values) + margin), 1.0)


def tabulate(
    cells: list[dict[str, Any]],
    labels: pd.DataFrame,
    folds: np.ndarray,
    read_run: Callable[[str], Mapping[str, np.ndarray]],
    groups: np.ndarray | None = None,
    *,
    beta: float = BETA,
) -> pd.DataFrame:
    """Put the figures of runs next to published ones.

    Args:
        cells: from `published.resolve_cells`.
        labels: 0, 1 or `UNKNOWN`, a row per photo and a column per label.
        folds: shape (photos,).
        read_run: returns a run's out-of-fold scores by label, each of shape (epochs, photos). Each run is read once.
        groups: see `bootstrap_f_beta`.

    Returns:
        the columns `COLUMNS`, a row per cell: ``ours`` is the mean over seeds of the nested F-beta (`estimate_runs`) or
        of its mean over labels; low and high are its `seed_interval`; ``non_nested`` is the mean of the non-nested
        F-beta; photos_low and photos_high are the `bootstrap.interval` of ``ours`` over photos, for these networks;
        ``positives`` counts the photos with the label, or sums these counts.
    """
    truth = {label: column.to_numpy(dtype=np.uint8) for label, column in labels.items()}
    estimates = {}
    for (label, threshold, *runs), scores in _scores_by_need(cells, read_run):
        estimates[label, threshold, *runs] = estimate_runs(truth[label], scores, folds, threshold=threshold, beta=beta)
    rows = []
    for cell in cells:
        names = list(cell["repetitions"][0])
        known = np.column_stack([truth[label] for label in names])
        by_seed = [[estimates[label, cell["cut"], *runs[label]] for label in names] for runs in cell["repetitions"]]
        decisions = [np.column_stack([decided for decided, _ in by_label]) for by_label in by_seed]
        f_betas = np.array([macro_f_beta(known, decided, beta) for decided in decisions])
        resampled = bootstrap.bootstrap_f_beta(known, decisions, groups, beta=beta).mean(axis=(0, 2))
        (low, high), (photos_low, photos_high) = seed_interval(f_betas), bootstrap.interval(resampled)
        rows.append(
            {
                **{key: cell[key] for key in ("row", "label", "paper")},
                "ours": np.mean(f_betas),
                "low": low,
                "high": high,
                "non_nested": np.mean([non_nested for by_label in by_seed for _, non_nested in by_label]),
                "photos_low": photos_low,
                "photos_high": photos_high,
                "seeds": len(f_betas),
                "positives": np.count_nonzero(known == 1),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _scores_by_need(
    cells: Iterable[dict[str, Any]], read_run: Callable[[str], Mapping[str, np.ndarray]]
) -> Iterator[tuple[tuple[Any, ...], list[np.ndarray]]]:
    """Yield each label, given threshold and runs that a cell needs, and the runs' scores. Each run is read once.

    In memory are the scores of one run, and those of runs that wait for others with which they are fused.
    """
    needs = {
        (label, cell["cut"], *runs): {}
        for cell in cells
        for repetition in cell["repetitions"]
        for label, runs in repetition.items()
    }
    for run in dict.fromkeys(run for _, _, *runs in needs for run in runs):
        scores = read_run(run)
        for (label, threshold, *runs), known in needs.items():
            if run in runs:
                known[run] = scores[label]
                if len(known) == len(runs):
                    yield (label, threshold, *runs), [known[name] for name in runs]
                    known.clear()


def tabulate_sizes(curve: pd.DataFrame, paper: dict[str, float | None], positives: int) -> pd.DataFrame:
    """Put the figures of ensembles of several sizes next to published ones.

    Args:
        curve: from `sizes.size_curve`.
        paper: the published macro F-beta of some sizes.
        positives: sum over all labels.

    Returns:
        the columns `COLUMNS`, a row per size. There is one ensemble of a size, so no interval over seeds, and no
        non-nested F-beta.
    """
    columns = {
        "row": ["every run" if size == "all" else f"top {size}" for size in curve["size"]],
        "label": "macro",
        "paper": [paper.get(size) for size in curve["size"]],
        "ours": curve["nested_f_beta"],
        "photos_low": curve["nested_low"],
        "photos_high": curve["nested_high"],
        "seeds": 1,
        "positives": positives,
    }
    return pd.DataFrame(columns, columns=list(COLUMNS)).astype(COLUMNS)


def write_comparison(table: pd.DataFrame, path: Path, csv: Path) -> None:
    """Write a table of `COLUMNS` as Parquet for the workflow, and as CSV for people."""
    write_table(table, path)
    with replacing(csv) as partial:
        table.to_csv(partial, index=False, float_format="%.4f", lineterminator="\n", encoding="utf-8")
