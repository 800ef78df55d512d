"""Stacking: the combiner of the settings makes one score per label from the members' out-of-fold scores."""

from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import pandas as pd

from stylevote.config.ensemble import Stack
from stylevote.errors import InputError
from stylevote.files.tables import UNKNOWN
from stylevote.metrics import BETA, best_threshold


class Stacker(Protocol):
    """A model that combines the members' scores into one."""

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return one score per photo, float32, shape (photos,), from the members' scores, float32 (photos, members)."""

    def to_bytes(self) -> bytes:
        """Return the stacker as it is stored."""


@dataclass(frozen=True)
class FittedStack:
    """A label's fitted stackers.

    Attributes:
        stackers: one per fold, in the order of the fold numbers.
        scores: out-of-fold stacked scores, float32, shape (photos,).
        grid: a row per setting that was tried: f_beta, threshold and logloss of its scores, whether it was ``chosen``,
            and the setting.
    """

    stackers: list[Stacker]
    scores: np.ndarray
    grid: pd.DataFrame


def fit_stack(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    stack: Stack,
    *,
    groups: np.ndarray | None = None,
    beta: float = BETA,
    threads: int = 1,
) -> FittedStack:
    """Fit a label's stackers, one per fold.

    Args:
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0, 1 or `UNKNOWN`, shape (photos,). Photos with an unknown label are scored, but nothing is fitted to
            them.
        folds: shape (photos,); at least two different ones, each with photos whose label is known.
        stack: the combiner and its settings.
        groups: of the photos, see `bootstrap_f_beta`: ``auto`` takes its standard errors over groups.
        beta: of the F-beta to maximize.
    """
    name = stack.combiner
    fit = load_combiner(name).fit
    known = labels != UNKNOWN
    if not known.all():
        known_groups = None if groups is None else groups[known]
        fitted = fit_stack(
            features[known], labels[known], folds[known], stack, groups=known_groups, beta=beta, threads=threads
        )
        scores = out_of_fold_scores(fitted.stackers, features, folds)
        scores[known] = fitted.scores
        return replace(fitted, scores=scores)
    arguments = _fit_arguments(stack, name) | ({"groups": groups} if name == "auto" else {})
    return fit(features, labels, folds, **arguments, beta=beta, threads=threads)


def _fit_arguments(stack: Stack, combiner: str) -> dict[str, Any]:
    """Return a combiner's own settings. Those of ``auto`` include the settings of the combiners it chooses from."""
    settings = getattr(stack, combiner, None)
    arguments = settings.used() if settings else {}
    if combiner == "auto":
        arguments["among"] = [(name, _fit_arguments(stack, name)) for name in stack.auto.among]
    return arguments


def load_combiner(name: str) -> ModuleType:
    """Import a combiner's module by its name, so that results do not depend on the code of other combiners."""
    return import_module(f"stylevote.ensemble.combiners.{name}")


def load_stackers(label: str, stored: pd.DataFrame, combiner: str, folds: int, threads: int) -> list[Stacker]:
    """Return a label's stackers, one per fold, in the order of the folds.

    Args:
        label: name of the label, for messages.
        stored: columns fold, stacker (bytes); a row per fold.
        combiner: name of the combiner that made the stackers.
        folds: number of folds.
        threads: processor threads for the stackers.

    Raises:
        InputError: there is not one stacker per fold, or they are of another combiner.
    """
    if len(stored) != folds:
        raise InputError(f"stackers of {label!r}: found {len(stored)}, expected one per fold: {folds}")
    load = load_combiner(combiner).load
    try:
        return [load(raw, threads) for raw in stored.sort_values("fold")["stacker"]]
    except InputError as error:
        raise InputError(f"stackers of {label!r}: {error}") from error


def unsearched_stack(stackers: list[Stacker], scores: np.ndarray, labels: np.ndarray, beta: float) -> FittedStack:
    """Return the stack of a combiner that tries nothing: its grid has one row (f_beta, threshold, logloss, chosen).

    Stackers and out-of-fold scores are those of a `FittedStack`; the labels are 0/1, shape (photos,).
    """
    threshold, f_beta = best_threshold(labels, scores, beta)
    row = {"f_beta": f_beta, "threshold": threshold, "logloss": log_loss(labels, scores), "chosen": True}
    return FittedStack(stackers, scores, pd.DataFrame([row]))


def check_members(features: np.ndarray, expected: int, made_of: str) -> None:
    """Raise `InputError` unless ``features`` (photos, members) have as many members as a stacker is ``made_of``."""
    members = features.shape[1]
    if members != expected:
        raise InputError(f"found the scores of {members} members, expected {expected}, as {made_of}")


def stacked_scores(stackers: list[Stacker], features: np.ndarray) -> np.ndarray:
    """Return the mean of the stackers' scores for ``features`` (photos, members): float32, shape (photos,)."""
    outputs = np.array([stacker.scores(features) for stacker in stackers])
    return outputs.mean(axis=0, dtype=np.float64).astype(np.float32)


def out_of_fold_scores(stackers: list[Stacker], features: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return each photo's score by the stacker of its own fold: float32, shape (photos,).

    The stackers are in the order of the fold numbers. Features have the shape (photos, members), folds (photos,).
    """
    scores = np.empty(len(folds), dtype=np.float32)
    for stacker, fold in zip(stackers, np.unique(folds), strict=True):
        scores[folds == fold] = stacker.scores(features[folds == fold])
    return scores


def log_loss(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean binary cross-entropy of ``scores`` in nats."""
    right = np.where(labels == 1, scores, 1 - scores).astype(np.float64)
    return float(-np.mean(np.log(np.maximum(right, np.finfo(np.float32).eps))))
