"""Size and score: how good smaller ensembles are, and which size is enough."""

import logging

import numpy as np
import pandas as pd

from stylevote.bootstrap import bootstrap_f_beta, interval, with_mean
from stylevote.config.ensemble import Selection, Stack, Threshold
from stylevote.ensemble.composition import count_cnns
from stylevote.ensemble.inputs import BlockInputs
from stylevote.ensemble.nested import predict_nested
from stylevote.ensemble.rank import held_out_folds
from stylevote.ensemble.select import members_of, select_by_fold
from stylevote.ensemble.sizes import SIZES
from stylevote.metrics import BETA, f_beta, macro_f_beta

logger = logging.getLogger(__name__)


def select_sizes(
    rankings: pd.DataFrame,
    scores: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    halves: np.ndarray,
    selection: Selection,
    *,
    beta: float = BETA,
) -> dict[str, pd.DataFrame]:
    """Choose a label's members at every size of `SIZES`, as `select.select_by_fold` does at one.

    The members are selected once: those of a smaller size are the first members of a larger one.
    """

    def select(size: int | None) -> pd.DataFrame:
        sizes = dict.fromkeys(held_out_folds(folds), size)
        return select_by_fold(rankings, scores, labels, folds, halves, selection, sizes=sizes, beta=beta)

    sizes = [int(size) for size in SIZES if size != "all"]
    largest, every = select(max(sizes)), select(None)
    by_size = {str(size): largest[largest["member"].between(1, size)] for size in sizes}
    return by_size | {"all": every[every["member"] > 0]}


def estimate_sizes(
    block: BlockInputs,
    label: str,
    selections: dict[str, dict[str, pd.DataFrame]],
    stack: Stack,
    threshold: Threshold,
    *,
    beta: float,
    threads: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimate a label's ensemble at every size.

    Args:
        block: inputs of the block.
        label: label of the block.
        selections: for each size and label the members (see `select_sizes`).
        stack, threshold, beta, threads: see `nested.predict_nested`.

    Returns:
        the columns of `nested.predict_nested`, size and image_id; and the ensemble's members: run, epoch, fold and
        size.
    """
    columns = ["held_out_fold", "fold", "held_out_half", "run", "epoch", "weight"]
    truth, estimates, members, previous = block.truth(label), [], [], None
    for size, selected in selections.items():
        used = {name: selected[name][columns] for name in [label, *block.common]}
        # If there are no further runs, a larger size is the same ensemble.
        if previous is None or not all(table.equals(previous[name]) for name, table in used.items()):
            estimate = predict_nested(
                lambda fold, selected=selected: block.features(label, fold, selected),
                truth,
                block.folds,
                stack,
                threshold,
                groups=block.groups,
                beta=beta,
                threads=threads,
            )
        previous = used
        estimates.append(estimate.assign(size=size, image_id=block.image_ids))
        nested = f_beta(truth, estimate["decision"].to_numpy(), beta)
        logger.info("%s, size %s: nested F%g %.4f", label, size, beta, nested)
        networks = members_of(selected[label])[["run", "epoch", "fold"]].drop_duplicates()
        members.append(networks.assign(size=size))
    return pd.concat(estimates), pd.concat(members)


def size_curve(
    labels: np.ndarray,
    decisions: dict[str, np.ndarray],
    members: pd.DataFrame,
    folds: int,
    histories: pd.DataFrame,
    groups: np.ndarray | None = None,
    *,
    beta: float = BETA,
) -> pd.DataFrame:
    """Compare the nested score of each size with its cost (Ding & Wan 2018, Table VII, extended).

    Args:
        labels: 0, 1 or `UNKNOWN`, shape (photos, labels).
        decisions: for each size, the smallest first, the nested decisions: 0/1, in the same shape.
        members: columns size, label, run, epoch and fold; a row per member of a label, or of a label and fold.
        folds: number of CNNs per run.
        histories: columns run, epoch, seconds; a row per epoch and fold of every run that is trained here.
        groups: see `bootstrap_f_beta`.
        beta: of the macro F-beta.

    Returns:
        a row per size: size, nested_f_beta (the macro F-beta), nested_low, nested_high (its `bootstrap.interval`), loss
        (the best size's F-beta minus this one's), loss_low, loss_high (of the paired differences), members (of all
        labels), runs, cnns (different combinations of run, epoch and fold), external (runs that other programs trained)
        and training_hours (of the other runs, up to the last epoch that is needed).
    """
    f_betas = np.array([macro_f_beta(labels, decided, beta) for decided in decisions.values()])
    best = int(np.argmax(f_betas))
    resampled = bootstrap_f_beta(labels, list(decisions.values()), groups, beta=beta)
    means = np.array([with_mean(resamples)[:, -1] for resamples in resampled])
    rows = []
    for size, score, resamples in zip(decisions, f_betas, means, strict=True):
        of_size = members[members["size"] == size]
        networks = of_size[["run", "epoch", "fold"]]
        last = networks.groupby("run")["epoch"].max()
        of_runs = histories[histories["run"].isin(last.index)]
        needed = of_runs["epoch"].to_numpy() <= last.loc[of_runs["run"]].to_numpy()
        (low, high), (loss_low, loss_high) = interval(resamples), interval(means[best] - resamples)
        rows.append(
            {
                "size": size,
                "nested_f_beta": score,
                "nested_low": low,
                "nested_high": high,
                "loss": f_betas[best] - score,
                "loss_low": loss_low,
                "loss_high": loss_high,
                "members": of_size.groupby(["label", "fold"]).size().groupby("label").max().sum(),
                "runs": len(last),
                "cnns": count_cnns(networks, folds),
                "external": len(last) - of_runs["run"].nunique(),
                "training_hours": of_runs.loc[needed, "seconds"].sum() / 3600,
            }
        )
    return pd.DataFrame(rows)


def choose_sizes(
    labels: np.ndarray, decisions: dict[str, np.ndarray], folds: np.ndarray, tolerance: float, beta: float = BETA
) -> pd.DataFrame:
    """Choose the smallest size whose nested macro F-beta is within ``tolerance`` of the best.

    For the nested estimate of an ensemble of that size, the choice is repeated for each fold, by the decisions for the
    photos of the other folds. The ensembles behind these decisions may have seen the fold's photos.

    Args:
        labels, decisions, beta: see `size_curve`.
        folds: shape (photos,).
        tolerance: acceptable difference from the best F-beta.

    Returns:
        columns held_out_fold (int16: a fold, or `rank.ALL`) and size.
    """
    rows = []
    for held_out_fold in held_out_folds(folds):
        known = folds != held_out_fold
        f_betas = {size: macro_f_beta(labels[known], decided[known], beta) for size, decided in decisions.items()}
        size = next(size for size, score in f_betas.items() if score >= max(f_betas.values()) - tolerance)
        rows.append({"held_out_fold": held_out_fold, "size": size})
    return pd.DataFrame(rows).astype({"held_out_fold": "int16"})
