"""Alarms: signs of leakage, and of a selection that selects noise."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from stylevote.bootstrap import bootstrap_f_beta
from stylevote.config.ensemble import Selection, Stack, Threshold
from stylevote.config.identity import seed as seed_of
from stylevote.ensemble.inputs import BlockInputs
from stylevote.ensemble.rank import ALL, best_epochs, rank_candidates
from stylevote.ensemble.select import select_by_fold
from stylevote.estimate.nested import select_and_predict_nested
from stylevote.metrics import BETA, drop_unknown, f_beta

LEVEL = 0.001  # maximum chance of a false alarm
MAX_GAIN = 0.25  # share of its errors that a fold's CNN may lose, because trainings differ
MAX_SEPARATION = 0.8  # AUC of telling a fold's scores from those of other folds, because CNNs differ
MAX_ERROR_RATIO = 4.0  # errors of the median run, as a multiple of a run's
MIN_RUNS = 3  # with fewer runs, none can be called unusual
NOISE = "noise_like_"

COLUMNS = ["alarm", "subject", "value", "expected", "limit", "raised", "meaning"]


def measure_leakage(
    block: BlockInputs,
    label: str,
    selection: Selection,
    stack: Stack,
    threshold: Threshold,
    *,
    seed: int,
    beta: float,
    threads: int,
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Try a label's ensemble on labels in random order and on noise, and measure its runs by fold.

    Args:
        block: inputs of the block.
        label: label of the block.
        selection, stack, threshold, beta, threads: see `nested.select_and_predict_nested`.
        seed: of the random order and of the noise.

    Returns:
        the alarms (see `COLUMNS`), raised or not; and `fold_aucs` of every run's best epoch.
    """
    truth, folds = block.truth(label), block.folds
    candidates, scores = block.candidates.of(label)
    random_labels = truth[shuffle_within_folds(folds, seed_of(seed, label, "labels in random order"))]
    common = [name for name in block.common if name != label]
    estimate = select_and_predict_nested(
        candidates,
        scores,
        random_labels,
        folds,
        selection,
        stack,
        threshold,
        groups=block.groups,
        common_features=(lambda fold: block.features_of(common, fold)) if common else None,
        beta=beta,
        threads=threads,
    )
    alarms = [
        permuted_alarm(label, random_labels, estimate["decision"].to_numpy(), block.groups, beta=beta),
        noise_alarm(label, candidates, scores, truth, folds, block.halves(label), selection, seed=seed, beta=beta),
    ]
    best = best_epochs(rank_candidates(candidates, truth, scores, beta))
    return alarms, fold_aucs(best[["run", "epoch"]], scores[best.index], truth, folds)


def shuffle_within_folds(folds: np.ndarray, seed: int) -> np.ndarray:
    """Return the photos' positions in random order within each fold: int, shape (photos,)."""
    rng = np.random.default_rng(seed)
    positions = np.arange(len(folds))
    for fold in np.unique(folds):
        positions[folds == fold] = rng.permutation(positions[folds == fold])
    return positions


def permuted_alarm(
    label: str, labels: np.ndarray, decisions: np.ndarray, groups: np.ndarray | None = None, *, beta: float = BETA
) -> dict[str, Any]:
    """Check that an ensemble cannot predict labels in random order. If it can, it has seen them.

    Args:
        label: name of the label.
        labels: 0, 1 or `UNKNOWN` in random order, shape (photos,).
        decisions: the nested estimate's, for these labels, in the same shape.
        groups: see `bootstrap_f_beta`.

    Returns:
        an alarm: the F-beta, that of assigning the label to every photo, and the limit of chance.
    """
    all_ones = np.ones_like(labels)
    value, expected = f_beta(labels, decisions, beta), f_beta(labels, all_ones, beta)
    both = [decisions[:, None], all_ones[:, None]]
    decided, ones = bootstrap_f_beta(labels[:, None], both, groups, beta=beta)[:, :, 0]
    limit = expected + norm.isf(LEVEL) * float(np.std(decided - ones))
    meaning = "nested F-beta for labels in random order; expected: that of assigning the label to all photos"
    return _alarm("permuted", label, value, expected, limit, meaning)


def noise_alarm(
    label: str,
    candidates: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    halves: np.ndarray,
    selection: Selection,
    *,
    seed: int,
    beta: float = BETA,
) -> dict[str, Any]:
    """Check that noise does not become a member more often than by chance.

    A copy of every run is added, with its scores shuffled among the photos.

    Args:
        label: name of the label.
        candidates: columns run, epoch; a row per candidate.
        scores: their out-of-fold scores, float32, shape (candidates, photos).
        labels, folds, halves: shape (photos,).
        selection: method and its settings.
        seed: of the noise.

    Returns:
        an alarm: the share of noise among the members, that among the runs, and the limit of chance.
    """
    noise = np.empty_like(scores)
    for run, rows in candidates.groupby("run").indices.items():
        noise[rows] = scores[np.ix_(rows, shuffle_within_folds(folds, seed_of(seed, run, "noise")))]
    both = pd.concat([candidates, candidates.assign(run=NOISE + candidates["run"])], ignore_index=True)
    all_scores = np.concatenate([scores, noise])
    ranking = rank_candidates(both, labels, all_scores, beta).rename_axis("candidate").reset_index()
    ranking["held_out_fold"] = ALL
    selected = select_by_fold(ranking, all_scores, labels, folds, halves, selection, beta=beta)
    members = selected.loc[selected["member"] > 0, "run"]
    share = float(members.str.startswith(NOISE).mean())
    limit = 0.5 + norm.isf(LEVEL) * 0.5 / np.sqrt(len(members))
    return _alarm("noise", label, share, 0.5, limit, "share of noise among the members; expected: among the runs")


def non_nested_alarms(summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Check for each row of `scores.nested_scores` that the nested estimate is not above the non-nested one.

    The nested estimate comes from other photos than those that chose the ensemble, so it should be lower.

    Returns:
        an alarm per row: the lower bound of the nested F-beta, and the non-nested F-beta as the limit.
    """
    meaning = "lower bound of the nested F-beta; limit: the non-nested F-beta"
    return [
        _alarm("non_nested", row.label, row.nested_low, row.nested_f_beta, row.non_nested_f_beta, meaning)
        for row in summary.itertuples()
    ]


def fold_aucs(candidates: pd.DataFrame, scores: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> pd.DataFrame:
    """Measure for each candidate and fold how well its scores separate the fold's positives from its negatives.

    Args:
        candidates: columns run, epoch; a row per candidate.
        scores: their out-of-fold scores, shape (candidates, photos).
        labels: 0, 1 or `UNKNOWN`, shape (photos,).
        folds: shape (photos,).

    Returns:
        columns run, epoch, fold, auc (area under the ROC curve within the fold), error (its standard error) and
        separation (AUC, from 0.5, of telling the fold's negatives from those of other folds by the score). Folds
        without positives or without negatives are left out.
    """
    rows = []
    labels, folds, scores = drop_unknown(labels, folds, scores)
    negative = labels == 0
    for candidate, values in zip(candidates.itertuples(), scores, strict=True):
        ranks_of_negatives = rankdata(values[negative])
        for fold in np.unique(folds):
            inside = folds == fold
            positives, negatives = int(labels[inside].sum()), int(np.count_nonzero(inside & negative))
            if not positives or not negatives or negatives == np.count_nonzero(negative):
                continue
            auc = _auc(rankdata(values[inside]), labels[inside] == 1)
            separation = _auc(ranks_of_negatives, inside[negative])
            error = auc_error(auc, positives, negatives)
            rows.append([candidate.run, candidate.epoch, int(fold), auc, error, max(separation, 1 - separation)])
    return pd.DataFrame(rows, columns=["run", "epoch", "fold", "auc", "error", "separation"])


def _auc(ranks: np.ndarray, positive: np.ndarray) -> float:
    """Return the area under the ROC curve, from the ranks of all scores (Mann & Whitney 1947)."""
    positives = np.count_nonzero(positive)
    above = ranks[positive].sum() - positives * (positives + 1) / 2
    return above / (positives * (len(ranks) - positives))


def auc_error(auc: float, positives: int, negatives: int) -> float:
    """Return the standard error of an area under the ROC curve (Hanley & McNeil 1982)."""
    # At most half a pair short of perfect: an error of zero would make every difference significant.
    auc = np.clip(auc, 0.5 / (positives * negatives), 1 - 0.5 / (positives * negatives))
    two_positives, two_negatives = auc / (2 - auc) - auc**2, 2 * auc**2 / (1 + auc) - auc**2
    variance = auc * (1 - auc) + (positives - 1) * two_positives + (negatives - 1) * two_negatives
    return float(np.sqrt(variance / (positives * negatives)))


def run_alarms(figures: pd.DataFrame) -> list[dict[str, Any]]:
    """Check whether runs seem to know the labels of photos that they should not know.

    ``fold``: a run makes far fewer errors in one fold than in its others, unlike the other runs. The CNN that scored
    this fold was probably trained on it. ``separation``: one fold's scores differ from the others', perhaps in scale.
    ``error``: a run makes far fewer errors than the other runs. Its CNNs were probably trained on the photos that they
    score here, or the run is really that good.

    Args:
        figures: `fold_aucs` of each run's best epoch, for all labels, with the column label.

    Returns:
        an alarm of each kind and run (see `COLUMNS`); of the folds, the worst.
    """
    figures = figures[figures.groupby(["label", "run"])["fold"].transform("size") > 1]
    alarms = []
    for run, gain in _fold_gains(figures).groupby("run"):
        fold = gain.idxmax()[1]
        meaning = f"share of its errors that it does not make in fold {fold}, beyond chance and the other runs' share"
        alarms.append(_alarm("fold", run, gain.max(), 0.0, MAX_GAIN, meaning))
    for run, separation in figures.groupby(["run", "fold"])["separation"].max().groupby("run"):
        fold = separation.idxmax()[1]
        meaning = f"AUC of telling fold {fold} from the others by the scores of photos without a label"
        alarms.append(_alarm("separation", run, separation.max(), 0.5, MAX_SEPARATION, meaning))
    errors = (1 - figures["auc"]).groupby([figures["label"], figures["run"]]).mean().unstack("run")
    if len(errors.columns) >= MIN_RUNS:
        shares = errors.div(np.maximum(errors.median(axis=1), 1e-9), axis=0).median()
        for run, share in shares.items():
            ratio = 1 / max(share, 1e-9)
            alarms.append(_alarm("error", run, ratio, 1.0, MAX_ERROR_RATIO, "errors of the median run, as a multiple"))
    return alarms


def _fold_gains(figures: pd.DataFrame) -> pd.Series:
    """Return for each run and fold the share of its errors, 1 - AUC, that the run does not make in this fold.

    The share is relative to the errors in the run's other folds, averaged over the labels by inverse variance. It is at
    most 0 if chance explains it: if Stouffer's sum of the labels' z-scores is not significant for any run and fold.
    """
    of_run = [figures["label"], figures["run"]]
    others = figures["fold"].groupby(of_run).transform("size") - 1  # number of the run's other folds
    other_auc = (figures["auc"].groupby(of_run).transform("sum") - figures["auc"]) / others
    variance = figures["error"] ** 2
    other_variance = (variance.groupby(of_run).transform("sum") - variance) / others**2
    deviation = np.sqrt(variance + other_variance)  # of the difference of the two AUCs
    other_errors = np.maximum(1 - other_auc, deviation)
    difference = figures["auc"] - other_auc
    if figures["run"].nunique() >= MIN_RUNS:
        # A fold may be easier for all runs: subtract the usual share of the errors.
        usual = (difference / other_errors).groupby([figures["label"], figures["fold"]]).transform("median")
        difference -= usual * other_errors
    weight = (other_errors / deviation) ** 2
    z_scores = (difference / deviation).groupby([figures["run"], figures["fold"]])
    stouffer = z_scores.sum() / np.sqrt(z_scores.size())
    weighted = (weight * difference / other_errors).groupby([figures["run"], figures["fold"]]).sum()
    gain = weighted / weight.groupby([figures["run"], figures["fold"]]).sum()
    significant = stouffer >= norm.isf(LEVEL / max(len(gain), 1))
    return gain.where(significant, np.minimum(gain, 0.0))


def _alarm(alarm: str, subject: str, value: float, expected: float, limit: float, meaning: str) -> dict[str, Any]:
    values = [alarm, subject, float(value), float(expected), float(limit), bool(value > limit), meaning]
    return dict(zip(COLUMNS, values, strict=True))
