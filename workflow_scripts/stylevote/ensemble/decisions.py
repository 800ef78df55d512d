"""What decisions are worth: their figures where the labels are known, honest beside naive."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.ensemble.threshold import decide
from stylevote.errors import InputError
from stylevote.estimate.bootstrap import bootstrap_f_beta, interval, with_mean
from stylevote.files.tables import label_matrix, read_table, replacing
from stylevote.metrics import BETA, f_beta, precision_recall

INTERVAL = "95 % bootstrap interval over photos, networks held fixed"

SCORE_COLUMNS = {
    "label": "str",
    "photos": "int64",
    "positives": "int64",
    "decided": "int64",
    "precision": "float64",
    "recall": "float64",
    "f_beta": "float64",
    "all_ones_f_beta": "float64",
}


def decision_matrix(votes: pd.DataFrame, image_ids: np.ndarray, labels: list[str]) -> np.ndarray:
    """Return the decisions of a vote table as uint8 of shape (photos, labels).

    `InputError` unless the table holds exactly these labels, in this order, and for each these photos, in this order.
    """
    expected = (np.repeat(labels, len(image_ids)), np.tile(image_ids, len(labels)))
    found = (votes["label"].to_numpy(), votes["image_id"].to_numpy())
    if not all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True)):
        raise InputError(
            f"the votes ({len(votes)} rows) are not those of {len(labels)} labels x {len(image_ids)} photos"
        )
    return votes["decision"].to_numpy(dtype=np.uint8).reshape(len(labels), len(image_ids)).T


def read_nested(path: Path, image_ids: Sequence[str], labels: list[str]) -> np.ndarray:
    """Return the decisions that an ensemble's honest estimate is made of, uint8 of shape (photos, labels).

    Raises:
        InputError: they are of other photos, or in another order.
    """
    table = read_table(path, ["image_id", *labels])
    if table["image_id"].tolist() != list(image_ids):
        raise InputError(f"{path}: its {len(table)} photos are not the manifest's {len(image_ids)}")
    return label_matrix(table, labels)


def write_decisions(
    decisions: np.ndarray, image_ids: np.ndarray, labels: list[str], path: Path, *, header: bool = True
) -> None:
    """Write decisions as CSV, a row per photo: its name, and 0 or 1 for each label.

    Args:
        decisions: 0/1, shape (photos, labels).
        image_ids: the photos' names.
        labels: their names stand in the header.
        path: the file.
        header: whether there is one.
    """
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if header:
            writer.writerow(["image", *labels])
        writer.writerows([name, *row] for name, row in zip(image_ids, decisions.tolist(), strict=True))


def details(
    votes: pd.DataFrame, thresholds: Mapping[str, float], precision_threshold: Mapping[str, float | None] | None = None
) -> pd.DataFrame:
    """Say of every decision how it came about, and how far it can be relied on.

    Args:
        votes: a row per label and photo, as `combine_folds` makes them: image_id, label, fold0, fold1, ..., score,
            decision.
        thresholds: of each label.
        precision_threshold: of each label, what `threshold.precision_threshold` found, if a precision was chosen.

    Returns:
        a row per photo and label, photo by photo: image_id, label, score, threshold, decision, agreement (the share of
        folds whose own mean output, cut at the threshold, is the decision) and, where a precision was chosen, abstain:
        1 where the label is given, but by a score from which it is not given with that precision.
    """
    folds = [name for name in votes if name.startswith("fold")]
    threshold, decision = votes["label"].map(thresholds).to_numpy(), votes["decision"].to_numpy()
    table = votes[["image_id", "label", "score"]].assign(threshold=threshold, decision=decision)
    table["agreement"] = (decide(votes[folds].to_numpy(), threshold[:, None]) == decision[:, None]).mean(axis=1)
    if precision_threshold is not None:
        least = votes["label"].map(
            {label: np.inf if cut is None else cut for label, cut in precision_threshold.items()}
        )
        table["abstain"] = ((decision == 1) & (votes["score"] < least)).astype(np.uint8)
    photos = len(votes) // max(votes["label"].nunique(), 1)
    order = np.arange(len(votes)).reshape(-1, photos).T.ravel()
    return table.iloc[order].reset_index(drop=True)


def write_details(table: pd.DataFrame, path: Path) -> None:
    """Write what `details` returns as CSV."""
    with replacing(path) as partial:
        table.rename(columns={"image_id": "image"}).to_csv(partial, index=False, lineterminator="\n")


def score_decisions(labels: np.ndarray, decisions: np.ndarray, names: list[str], beta: float = BETA) -> pd.DataFrame:
    """Compare decisions with known labels, both 0/1 of shape (photos, labels).

    Returns:
        the columns `SCORE_COLUMNS`, a row per label and a last row ``macro``: the means over the labels, but for
        ``positives`` and ``decided`` the sums. ``all_ones_f_beta`` is the F-beta of giving the label to every photo.
    """
    rows = []
    for k, name in enumerate(names):
        truth, decided = labels[:, k], decisions[:, k]
        precision, recall = precision_recall(truth, decided)
        rows.append(
            {
                "label": name,
                "photos": len(truth),
                "positives": int(truth.sum()),
                "decided": int(decided.sum()),
                "precision": precision,
                "recall": recall,
                "f_beta": f_beta(truth, decided, beta),
                "all_ones_f_beta": f_beta(truth, np.ones_like(truth), beta),
            }
        )
    table = pd.DataFrame(rows)
    macro = {"label": "macro", "photos": len(labels)} | table[["positives", "decided"]].sum().to_dict()
    macro |= table[["precision", "recall", "f_beta", "all_ones_f_beta"]].mean().to_dict()
    return pd.concat([table, pd.DataFrame([macro])], ignore_index=True).astype(SCORE_COLUMNS)


def no_scores() -> pd.DataFrame:
    """Return the empty table of `SCORE_COLUMNS`, for a photoset whose labels are not known."""
    return pd.DataFrame(columns=list(SCORE_COLUMNS)).astype(SCORE_COLUMNS)


def nested_scores(
    labels: np.ndarray, decisions: np.ndarray, naive: list[float], names: list[str], beta: float = BETA
) -> pd.DataFrame:
    """Set the honest figures beside the naive ones.

    Args:
        labels, decisions: 0/1, shape (photos, labels); the decisions are those of `honest.estimate_nested_label`.
        naive: for each label the F-beta that its final threshold reaches on the photos that chose it.
        names: the labels.
        beta: weight of recall against precision.

    Returns:
        a row per label and a last row ``macro`` (the means; of ``positives`` the sum): label, positives,
        non_nested_f_beta, nested_f_beta, nested_low, nested_high (the interval of the nested one, see
        `bootstrap.interval`), nested_precision, nested_recall, all_ones_f_beta.
    """
    scores = score_decisions(labels, decisions, names, beta)
    (resampled,) = bootstrap_f_beta(labels, [decisions], beta=beta)
    low, high = interval(with_mean(resampled))
    columns = {
        "label": scores["label"],
        "positives": scores["positives"],
        "non_nested_f_beta": [*naive, np.mean(naive)],
        "nested_f_beta": scores["f_beta"],
        "nested_low": low,
        "nested_high": high,
        "nested_precision": scores["precision"],
        "nested_recall": scores["recall"],
        "all_ones_f_beta": scores["all_ones_f_beta"],
    }
    return pd.DataFrame(columns)


def holdout_scores(labels: np.ndarray, decisions: np.ndarray, names: list[str], beta: float = BETA) -> pd.DataFrame:
    """Score the decisions for photos that were held out.

    Args:
        labels, decisions: 0/1, shape (photos, labels).
        names: the labels.
        beta: weight of recall against precision.

    Returns:
        a row per label and a last row of the means, as in `nested_scores`: holdout_f_beta, holdout_low, holdout_high
        (the bootstrap's interval).
    """
    (resampled,) = bootstrap_f_beta(labels, [decisions], beta=beta)
    low, high = interval(with_mean(resampled))
    score = score_decisions(labels, decisions, names, beta)["f_beta"]
    return pd.DataFrame({"holdout_f_beta": score, "holdout_low": low, "holdout_high": high})


def summary_lines(
    honest: pd.DataFrame,
    scores: pd.DataFrame,
    photos: int,
    *,
    joining: float | None = None,
    holdout: pd.DataFrame | None = None,
    beta: float = BETA,
) -> list[str]:
    """Say in a few plain lines what was decided and how good it is.

    Args:
        honest: what `nested_scores` returns, with the columns of `holdout_scores` where photos were held out.
        scores: what `score_decisions` returns for the photoset; empty where its labels are not known.
        photos: how many photos were decided.
        joining: the mean over labels of `joining.fold_averaging_gain`, if it was estimated.
        holdout: what `score_decisions` returns for the holdout photos, if there are any.
        beta: of the figures.
    """
    macro, name = honest.iloc[-1], f"macro F{beta:g}"
    lines = [
        f"{photos} photos decided, {len(honest) - 1} labels each",
        f"{name}, honest: {macro['nested_f_beta']:.4f}  each photo judged by an ensemble chosen without its fold;"
        f" {INTERVAL}: {macro['nested_low']:.4f} to {macro['nested_high']:.4f}",
        f"{name}, naive:  {macro['non_nested_f_beta']:.4f}  judged by the photos that chose the ensemble",
        f"{name} of giving every label to every training photo: {macro['all_ones_f_beta']:.4f}",
    ]
    if joining is not None:
        lines.insert(
            2,
            f"{name}, expected: {macro['nested_f_beta'] + joining:.4f}  the honest figure {joining:+.4f}: the networks"
            " of all folds decide a new photo, those of a single fold decided each of these",
        )
    if holdout is not None:
        count, low, high = holdout.iloc[-1]["photos"], macro["holdout_low"], macro["holdout_high"]
        line = (
            f"{name}, holdout: {macro['holdout_f_beta']:.4f}  on {count} photos that nothing saw before the end;"
            f" {INTERVAL}: {low:.4f} to {high:.4f}"
        )
        lines.insert(len(lines) - 2, line)
    if scores.empty:
        return [*lines, "test photos: their labels are not known"]
    test = scores.iloc[-1]
    return [
        *lines,
        f"{name}, test:   {test['f_beta']:.4f}  on {test['photos']} photos with known labels",
        f"{name} of giving every label to every test photo: {test['all_ones_f_beta']:.4f}",
    ]


def student_lines(scores: pd.DataFrame, beta: float = BETA) -> list[str]:
    """Say in a few plain lines what the student is worth beside its ensemble.

    Args:
        scores: what `distillation.compare_student` returns, with the columns of `compare_holdout` where photos were
            held out.
        beta: of the figures.
    """
    macro, name = scores.iloc[-1], f"macro F{beta:g}"

    def difference(where: str = "") -> str:
        middle, low, high = (macro[f"{where}{key}"] for key in ("difference", "low", "high"))
        return f"{middle:+.4f}  {INTERVAL}: {low:+.4f} to {high:+.4f}"

    lines = [
        f"{name}, ensemble: {macro['ensemble_f_beta']:.4f}  honest, as in the summary",
        f"{name}, student:  {macro['student_f_beta']:.4f}  each photo judged by its fold's network, whose epoch and"
        " thresholds were chosen without the fold",
        f"{name}, student less ensemble: {difference()}",
        f"{name}, single networks trained on labels: {macro['single_f_beta']:.4f}  for each label the best, chosen"
        " without the photo's fold",
        "The student's figure is probably too high: it learned from networks that had seen the labels of the photos"
        " that judge it. Only photos that are held out (holdout.share) tell what it is worth.",
    ]
    if "holdout_difference" in scores:
        lines += [
            f"{name}, ensemble, holdout photos: {macro['holdout_ensemble_f_beta']:.4f}",
            f"{name}, student, holdout photos:  {macro['holdout_student_f_beta']:.4f}",
            f"{name}, student less ensemble, holdout photos: {difference('holdout_')}",
        ]
    return lines
