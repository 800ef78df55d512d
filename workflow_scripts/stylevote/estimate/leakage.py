"""Alarms: signs that what is judged has seen the answers, or that what chooses would choose anything."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from stylevote.config.identity import seed as seed_of
from stylevote.ensemble.rank import rank_candidates
from stylevote.ensemble.select import select_members
from stylevote.estimate.bootstrap import bootstrap_f_beta
from stylevote.metrics import BETA, f_beta

LEVEL = 0.001  # how often an alarm is false, at most, where chance alone would raise it
MAX_GAIN = 0.25  # share of its error that a CNN of one fold loses by chance, at most: their trainings differ
MAX_SEPARATION = 0.8  # AUC at which a fold's scores lie apart from the others': their CNNs differ, too
MAX_ERROR_RATIO = 4.0  # how many times as many errors as the best run the median one makes
FEW_RUNS = 3  # with fewer there is no telling what is usual
NOISE = "noise like "

COLUMNS = ["alarm", "of", "found", "expected", "limit", "raised", "meaning"]


def shuffle_within_folds(folds: np.ndarray, seed: int) -> np.ndarray:
    """Return the photos' numbers in random order within each fold, int of shape (photos,)."""
    rng = np.random.default_rng(seed)
    numbers = np.arange(len(folds))
    for fold in np.unique(folds):
        numbers[folds == fold] = rng.permutation(numbers[folds == fold])
    return numbers


def permuted_alarm(label: str, labels: np.ndarray, decisions: np.ndarray, beta: float = BETA) -> dict[str, Any]:
    """Say whether an ensemble finds a label that was dealt out at random: then it has seen which photos it fell to.

    Args:
        label: its name.
        labels: 0/1, shape (photos,), in random order.
        decisions: the nested estimate's, for these labels, in the same shape.
        beta: weight of recall against precision.

    Returns:
        `COLUMNS`: the F-beta found, that of giving the label to every photo, and the lowest that is no chance.
    """
    everywhere = np.ones_like(labels)
    found, expected = f_beta(labels, decisions, beta), f_beta(labels, everywhere, beta)
    decided, ones = bootstrap_f_beta(labels[:, None], [decisions[:, None], everywhere[:, None]], beta=beta)[:, :, 0]
    limit = expected + norm.isf(LEVEL) * float(np.std(decided - ones))
    meaning = "nested F-beta for labels in random order; expected: that of giving the label to all photos"
    return _alarm("permuted", label, found, expected, limit, meaning=meaning)


def noise_alarm(
    label: str,
    candidates: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    settings: dict[str, Any],
    seed: int,
    beta: float = BETA,
) -> dict[str, Any]:
    """Say whether scores that mean nothing become members more often than by chance.

    As many runs are added as there are: each has the scores of one of them, dealt out to other photos.

    Args:
        label: its name.
        candidates: columns run, epoch; a row a candidate.
        scores: their out-of-fold scores, float32, shape (candidates, photos).
        labels, folds: shape (photos,).
        settings: of `select.select_members`.
        seed: of the dealing.
        beta: weight of recall against precision.

    Returns:
        `COLUMNS`: the share of noise among the members, and among the runs; the highest share that can be chance.
    """
    noise = np.empty_like(scores)
    for run, rows in candidates.groupby("run").indices.items():
        noise[rows] = scores[np.ix_(rows, shuffle_within_folds(folds, seed_of(seed, run, "noise")))]
    both = pd.concat([candidates, candidates.assign(run=NOISE + candidates["run"])], ignore_index=True)
    all_scores = np.concatenate([scores, noise])
    ranking = rank_candidates(both, labels, all_scores, beta)
    selection = select_members(ranking, all_scores, labels, **settings, beta=beta)
    members = selection.loc[selection["member"] > 0, "run"]
    found = float(members.str.startswith(NOISE).mean())
    limit = 0.5 + norm.isf(LEVEL) * 0.5 / np.sqrt(len(members))
    return _alarm(
        "noise", label, found, 0.5, limit, meaning="share of noise among the members; expected: among the runs"
    )


def non_nested_alarms(honest: pd.DataFrame) -> list[dict[str, Any]]:
    """Say for each row of `scores.nested_scores` whether the honest figure is above the naive one.

    Returns:
        `COLUMNS` a row: the lower end of the honest interval, and the naive figure, which it should not exceed.
    """
    meaning = "lower end of the honest F-beta's interval; expected: below the naive F-beta"
    return [
        _alarm("naive", row.label, row.nested_low, row.nested_f_beta, row.non_nested_f_beta, meaning=meaning)
        for row in honest.itertuples()
    ]


def fold_aucs(candidates: pd.DataFrame, scores: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> pd.DataFrame:
    """Tell for each candidate and fold how well the fold's photos with the label are told from those without.

    Args:
        candidates: columns run, epoch; a row a candidate.
        scores: their out-of-fold scores, shape (candidates, photos).
        labels: 0/1, shape (photos,).
        folds: shape (photos,).

    Returns:
        columns run, epoch, fold, auc (area under the ROC curve within the fold), error (its standard error: Hanley &
        McNeil 1982) and apart (AUC, from 0.5, of telling this fold's photos without the label from other folds' by the
        score). Folds without both kinds of photos are left out.
    """
    rows = []
    negative = labels == 0
    for candidate, values in zip(candidates.itertuples(), scores, strict=True):
        ranks = rankdata(values[negative])
        for fold in np.unique(folds):
            inside = folds == fold
            positives, negatives = int(labels[inside].sum()), int(np.count_nonzero(inside & negative))
            if not positives or not negatives or negatives == np.count_nonzero(negative):
                continue
            ranked = rankdata(values[inside])[labels[inside] == 1]
            auc = (ranked.sum() - positives * (positives + 1) / 2) / (positives * negatives)
            in_fold = inside[negative]
            above = ranks[in_fold].sum() - negatives * (negatives + 1) / 2
            apart = above / (negatives * np.count_nonzero(~in_fold))
            rows.append(
                {
                    "run": candidate.run,
                    "epoch": candidate.epoch,
                    "fold": int(fold),
                    "auc": auc,
                    "error": auc_error(auc, positives, negatives),
                    "apart": max(apart, 1 - apart),
                }
            )
    return pd.DataFrame(rows, columns=["run", "epoch", "fold", "auc", "error", "apart"])


def auc_error(auc: float, positives: int, negatives: int) -> float:
    """Return the standard error of an area under the ROC curve (Hanley & McNeil 1982)."""
    # Half a pair short of perfect: of no error at all nothing could be said.
    auc = np.clip(auc, 0.5 / (positives * negatives), 1 - 0.5 / (positives * negatives))
    one, other = auc / (2 - auc) - auc**2, 2 * auc**2 / (1 + auc) - auc**2
    return float(np.sqrt((auc * (1 - auc) + (positives - 1) * one + (negatives - 1) * other) / (positives * negatives)))


def run_alarms(figures: pd.DataFrame) -> list[dict[str, Any]]:
    """Say which runs' scores know more than they should.

    ``fold``: in one fold a run makes far fewer errors than in its others, which the other runs do not: the CNN that
    scored this fold has probably been trained on it. ``apart``: the scores of one fold lie apart from the others':
    another scale, perhaps. ``error``: a run makes far fewer errors than the others, in all folds: its CNNs have
    probably been trained on the very photos that they score here, or it is really that good.

    Args:
        figures: those of `fold_aucs` at each run's best epoch, of all labels, with the column label.

    Returns:
        `COLUMNS`, an alarm of each kind and run; of the folds, the worst.
    """
    figures = figures[figures.groupby(["label", "run"])["fold"].transform("size") > 1].copy()
    grouped = figures.groupby(["label", "run"])
    folds = grouped["fold"].transform("size")
    others = (grouped["auc"].transform("sum") - figures["auc"]) / (folds - 1)
    square = figures["error"] ** 2
    others_square = (square.groupby([figures["label"], figures["run"]]).transform("sum") - square) / (folds - 1) ** 2
    deviation = np.sqrt(square + others_square)
    mistakes = np.maximum(1 - others, deviation)
    excess = figures["auc"] - others
    if figures["run"].nunique() >= FEW_RUNS:  # a fold may be easier for all of them: the same share of the errors
        usual = (excess / mistakes).groupby([figures["label"], figures["fold"]]).transform("median")
        excess -= usual * mistakes
    weight = (mistakes / deviation) ** 2
    figures = figures.assign(
        surprise=excess / deviation, gain=weight * excess / mistakes, weight=weight, mistakes=1 - figures["auc"]
    )
    by_fold = figures.groupby(["run", "fold"]).agg(
        surprise=("surprise", lambda parts: parts.sum() / np.sqrt(len(parts))),  # Stouffer's sum over the labels
        gain=("gain", "sum"),
        weight=("weight", "sum"),
        apart=("apart", "max"),
    )
    gain = by_fold["gain"] / by_fold["weight"]
    chance = by_fold["surprise"] < norm.isf(LEVEL / max(len(by_fold), 1))
    gain = gain.where(~chance, np.minimum(gain, 0.0))
    alarms = []
    for run in by_fold.index.unique("run"):
        fold = gain[run].idxmax()
        meaning = f"share of its errors that it does not make in fold {fold}, beyond chance and what other runs do"
        alarms.append(_alarm("fold", run, gain[run].max(), 0.0, MAX_GAIN, meaning=meaning))
        fold = by_fold.loc[run, "apart"].idxmax()
        meaning = f"AUC of telling fold {fold} from the others by its scores for photos without a label"
        alarms.append(_alarm("apart", run, by_fold.loc[run, "apart"].max(), 0.5, MAX_SEPARATION, meaning=meaning))
    mistakes = figures.groupby(["label", "run"])["mistakes"].mean().unstack("run")
    if len(mistakes.columns) >= FEW_RUNS:
        relative = mistakes.div(np.maximum(mistakes.median(axis=1), 1e-9), axis=0).median()
        for run, share in relative.items():
            meaning = "how many times as many errors the median run makes"
            alarms.append(_alarm("error", run, 1 / max(share, 1e-9), 1.0, MAX_ERROR_RATIO, meaning=meaning))
    return alarms


def _alarm(alarm: str, of: str, found: float, expected: float, limit: float, *, meaning: str) -> dict[str, Any]:
    values = [alarm, of, float(found), float(expected), float(limit), bool(found > limit), meaning]
    return dict(zip(COLUMNS, values, strict=True))
