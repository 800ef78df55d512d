"""Figures that only the report needs: curves, reliability, what single networks decide, and photos worth a look."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from stylevote.ensemble.rank import ALL
from stylevote.ensemble.threshold import f_beta_at, log_odds
from stylevote.estimate.single_networks import predict_by_best_network
from stylevote.metrics import BETA

POINTS = 160  # of a curve: more cannot be seen
FLAT = 0.01  # a threshold is as good as the chosen one if its F-beta is no further below
BINS = 8  # of a reliability curve


def curve_points(scores: np.ndarray, threshold: float, points: int = POINTS) -> np.ndarray:
    """Return the thresholds at which a curve over all of them is drawn: ascending, in 0..1, each once.

    They lie at even log odds between the lowest and the highest score, and at quantiles of the scores, so that neither
    a rare label's few high scores nor the crowd of low ones is passed over. The chosen threshold is among them. What is
    drawn there is exact.

    Args:
        scores: in 0..1, shape (photos,).
        threshold: the chosen one.
        points: how many at most, besides the chosen one.
    """
    odds = log_odds(scores)
    even = 1 / (1 + np.exp(-np.linspace(odds.min(), odds.max(), points // 2)))
    quantiles = np.quantile(scores.astype(np.float64), np.linspace(0, 1, points - points // 2))
    return np.unique(np.concatenate([even, quantiles, [threshold]]))


def flat_range(
    labels: np.ndarray, scores: np.ndarray, threshold: float, beta: float = BETA, loss: float = FLAT
) -> tuple[float, float]:
    """Return how far the threshold can be moved down and up before its F-beta is worse by more than ``loss``.

    Args:
        labels: 0/1, shape (photos,).
        scores: in 0..1, shape (photos,).
        threshold: the chosen one.
        beta: weight of recall against precision.
        loss: what is still as good.

    Returns:
        low and high: every threshold above ``low`` and up to ``high`` is as good. Only scores need to be tried, since
        F-beta changes nowhere else.
    """
    tried = np.unique(scores.astype(np.float64))
    enough = f_beta_at(labels, scores, np.array([threshold]), beta)[0] - loss - 1e-12  # which rounding may take
    good = f_beta_at(labels, scores, tried, beta) >= enough
    place = int(np.searchsorted(tried, threshold))  # the first score that is decided
    below, above = np.flatnonzero(~good[:place]), np.flatnonzero(~good[place:])
    low = tried[below[-1]] if len(below) else 0.0
    high = tried[place + above[0] - 1] if len(above) else max(tried[-1], threshold)
    return float(low), float(high)


def reliability(labels: np.ndarray, scores: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Compare what scores say with how often the label is there (a reliability diagram, Murphy & Winkler 1977).

    Photos in the order of their scores are divided so that each part's scores add up to the same: parts of equally many
    expected positives. Even widths or equal numbers of photos would leave all of a rare label's positives in one part.
    Photos of equal scores stay together.

    Args:
        labels: 0/1, shape (photos,).
        scores: in 0..1, shape (photos,).
        bins: parts at most.

    Returns:
        a row a part, the lowest scores first: photos, expected (mean score), observed (share with the label), low and
        high (its 95 % interval, Wilson 1927).
    """
    order = np.argsort(scores, kind="stable")
    ordered, truth = scores[order].astype(np.float64), labels[order].astype(np.float64)
    total = np.cumsum(ordered)
    part = np.minimum((total - ordered / 2) / max(total[-1], 1e-300) * bins, bins - 1e-9).astype(int)
    firsts = np.append(True, ordered[1:] != ordered[:-1])
    part = part[np.flatnonzero(firsts)[np.cumsum(firsts) - 1]]
    table = pd.DataFrame({"part": part, "expected": ordered, "observed": truth}).groupby("part")
    result = table.mean().assign(photos=table.size()).reset_index(drop=True)
    low, high = wilson(result["observed"].to_numpy(), result["photos"].to_numpy())
    return result.assign(low=low, high=high)[["photos", "expected", "observed", "low", "high"]]


def wilson(share: np.ndarray, count: np.ndarray, z: float = 1.959964) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of a share that was found among ``count`` photos (Wilson 1927); ``z`` 1.96 is 95 %."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.clip(middle - reach, 0, 1), np.clip(middle + reach, 0, 1)


def backbone_of(run: str, external: set[str]) -> str:
    """Return the backbone of a run, by its id, or that it is an external member."""
    return "external member" if run in external else run.rsplit("-", 3)[0]


def decide_by_singles(
    rankings: pd.DataFrame,
    read_scores: Callable[[pd.DataFrame], np.ndarray],
    folds: np.ndarray,
    external: set[str],
) -> pd.DataFrame:
    """Decide on every photo by the best single network, and by the best of each backbone, as honestly as by the
    ensemble.

    For each fold, the network (a run at an epoch) and its threshold are those that are best on the photos of the
    others.

    Args:
        rankings: what `rank.rank_by_fold` returns.
        read_scores: returns the out-of-fold scores of the networks in a table with the columns run and epoch: shape
            (networks, photos).
        folds: shape (photos,).
        external: names of external members, which count as one backbone.

    Returns:
        a row per photo: ``best`` and a column per backbone, uint8.
    """
    ranked = rankings.assign(kind=[backbone_of(run, external) for run in rankings["run"]])
    kinds = {"best": ranked, **dict(list(ranked.groupby("kind")))}
    return pd.DataFrame({kind: predict_by_best_network(rows, read_scores, folds) for kind, rows in kinds.items()})


def decide_by_one(
    rankings: Sequence[pd.DataFrame], read_scores: Sequence[Callable[[pd.DataFrame], np.ndarray]], folds: np.ndarray
) -> np.ndarray | None:
    """Decide on every photo and label by one and the same network, as honestly as by the ensemble.

    For each fold it is the network (a run at an epoch) whose mean over labels of F-beta is highest on the photos of the
    others, each label at its best threshold there.

    Args:
        rankings, read_scores: of each label, see `decide_by_singles`.
        folds: shape (photos,).

    Returns:
        0/1, uint8, shape (photos, labels); None where no network predicts every label.
    """
    ranked = [table[table["held_out_fold"] != ALL].set_index(["held_out_fold", "run", "epoch"]) for table in rankings]
    reached = pd.concat([table["f_beta"] for table in ranked], axis=1, join="inner").mean(axis=1).sort_index()
    if reached.empty:
        return None
    best = list(reached.groupby(level="held_out_fold").idxmax())
    decided = [
        predict_by_best_network(table.loc[best].reset_index(), read, folds)
        for table, read in zip(ranked, read_scores, strict=True)
    ]
    return np.stack(decided, axis=1)


def compare_losses(
    rankings: pd.DataFrame,
    read_scores: Callable[[pd.DataFrame], np.ndarray],
    labels: np.ndarray,
    losses: dict[str, list[str]],
    *,
    beta: float = BETA,
    tested: tuple[np.ndarray, Callable[[str, int], np.ndarray | None]] | None = None,
) -> tuple[dict[str, pd.DataFrame], dict[str, tuple[np.ndarray, list[np.ndarray]]]]:
    """Compare one label's best runs of different losses, as the second-place team of 2018 did.

    Args:
        rankings, read_scores: see `decide_by_singles`.
        labels: 0/1, shape (photos,).
        losses: the runs that were trained with each loss; losses without a run of this label are left out.
        beta: weight of recall against precision.
        tested: the labels of the test photos, 0/1, and what returns the scores of a run at an epoch for them, or None
            where it did not decide them.

    Returns:
        for each loss the columns epoch and f_beta (of scores cut at 0.5), and the curve of the run's best epoch: the
        thresholds, and the F-beta there on the training photos and, where it is known, on the test photos.
    """
    ranked, epochs, curves = rankings[rankings["held_out_fold"] == ALL].sort_values("rank"), {}, {}
    for loss, runs in losses.items():
        best_run = ranked.loc[ranked["run"].isin(runs), "run"].head(1)
        networks = ranked[ranked["run"].isin(best_run)].sort_values("epoch")
        if networks.empty:
            continue
        scores = read_scores(networks)
        at_half = [f_beta_at(labels, row, np.array([0.5]), beta)[0] for row in scores]
        epochs[loss] = pd.DataFrame({"epoch": networks["epoch"].to_numpy(), "f_beta": at_half})
        place = int(networks["rank"].argmin())
        points = curve_points(scores[place], 0.5)
        curves[loss] = points, [f_beta_at(labels, scores[place], points, beta)]
        test_scores = tested[1](*networks[["run", "epoch"]].iloc[place]) if tested else None
        if test_scores is not None:
            curves[loss][1].append(f_beta_at(tested[0], test_scores, points, beta))
    return epochs, curves


def confident_mistakes(
    labels: np.ndarray, decided: np.ndarray, scores: np.ndarray, thresholds: np.ndarray, count: int
) -> pd.DataFrame:
    """Return the wrong decisions that lie furthest from their thresholds, in log odds: where labels may be wrong, too.

    A photo is shown once, and a label at most a third of the time, so that one label's oddity is not all that is seen.

    Args:
        labels: as given, 0/1, shape (photos, labels).
        decided: as decided, in the same form.
        scores: in 0..1, in the same shape.
        thresholds: of the scores, in the same shape.
        count: how many of each kind.

    Returns:
        columns photo, label (numbers), kind (``added``: decided and not given; ``missed``: given and not decided), away
        (the distance in log odds), the furthest first within a kind.
    """
    away = log_odds(scores) - log_odds(thresholds)
    parts = []
    for kind, wrong, distance in (
        ("added", (decided == 1) & (labels == 0), away),
        ("missed", (decided == 0) & (labels == 1), -away),
    ):
        photo, label = np.nonzero(wrong)
        found = pd.DataFrame({"photo": photo, "label": label, "kind": kind, "away": distance[wrong]})
        found = found.sort_values(["away", "photo", "label"], ascending=[False, True, True]).drop_duplicates("photo")
        found = found[found.groupby("label").cumcount() < max(-(-count // 3), 1)]
        parts.append(found.head(count))
    return pd.concat(parts, ignore_index=True)


def disagreements(fold_scores: np.ndarray, thresholds: np.ndarray, count: int) -> pd.DataFrame:
    """Return where the folds disagree most: nearly as many are for the label as against it, and they are far apart.

    Args:
        fold_scores: shape (photos, labels, folds), in 0..1.
        thresholds: shape (labels,).
        count: how many, each of another photo.

    Returns:
        columns photo, label (numbers), votes (folds for the label), spread (of the folds' scores, in log odds); only
        photos on which at least one fold is of another mind.
    """
    odds = log_odds(fold_scores) - log_odds(np.asarray(thresholds))[None, :, None]
    votes, folds = (odds >= 0).sum(axis=2), fold_scores.shape[2]
    photo, label = np.nonzero((votes > 0) & (votes < folds))
    found = pd.DataFrame({"photo": photo, "label": label, "votes": votes[photo, label]})
    # How far the milder camp is from the threshold: a spread by one fold that is far out says less.
    found["spread"] = np.minimum(odds.max(axis=2), -odds.min(axis=2))[photo, label]
    found["split"] = np.minimum(found["votes"], folds - found["votes"])
    found = found.sort_values(["split", "spread", "photo", "label"], ascending=[False, False, True, True])
    found = found.drop_duplicates("photo")
    found = found[found.groupby("label").cumcount() < max(-(-count // 3), 1)]
    return found.drop(columns="split").head(count).reset_index(drop=True)


def co_occurrence(labels: np.ndarray) -> np.ndarray:
    """Return for each label (row) the share of its photos that have each other label (column), float64; 0 without any.

    Args:
        labels: 0/1, shape (photos, labels).
    """
    together = labels.T.astype(np.int64) @ labels.astype(np.int64)
    return together / np.maximum(np.diag(together), 1)[:, None]
