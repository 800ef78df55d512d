"""Stacking: one score a label from its members' out-of-fold scores, by the combiner that the settings name."""

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import pandas as pd

from stylevote.errors import InputError
from stylevote.metrics import BETA, best_threshold


class Stacker(Protocol):
    """What makes one score of the members' scores."""

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return one score a photo, float32 (photos,), from the members' float32 (photos, members)."""

    def to_bytes(self) -> bytes:
        """Return the stacker as its file holds it."""


@dataclass(frozen=True)
class Stack:
    """A label's ``stackers``, one per fold in the order of their numbers, their out-of-fold ``scores`` (photos,), and
    the ``grid`` searched: a row per point, with its f_beta, threshold and logloss (of the pooled scores), and the
    ``chosen``.
    """

    stackers: list[Stacker]
    scores: np.ndarray
    grid: pd.DataFrame


def fit_stack(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    settings: dict[str, Any],
    *,
    beta: float = BETA,
    threads: int = 1,
) -> Stack:
    """Fit a label's stackers, one per fold.

    Args:
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least two different ones.
        settings: ``combiner``, the name of a module of `stylevote.ensemble.combiners`, and under that name the settings
            that its ``fit`` takes, if any.
        beta: of the F-beta that is to be high.
        threads: to use.
    """
    name = settings["combiner"]
    return combiner(name).fit(features, labels, folds, **settings.get(name, {}), beta=beta, threads=threads)


def combiner(name: str) -> ModuleType:
    """Return a combiner's module. It is imported by its name, so that the code of no other counts for what is made."""
    return import_module(f"stylevote.ensemble.combiners.{name}")


def unsearched_stack(stackers: list[Stacker], scores: np.ndarray, labels: np.ndarray, beta: float) -> Stack:
    """Return the stack of a combiner that searches nothing: its grid is one row (f_beta, threshold, logloss, chosen).

    Args:
        stackers: one per fold, in the order of their numbers.
        scores: out-of-fold, float32, shape (photos,).
        labels: 0/1, shape (photos,); they only measure.
        beta: of the F-beta that is measured.
    """
    threshold, reached = best_threshold(labels, scores, beta)
    row = {"f_beta": reached, "threshold": threshold, "logloss": log_loss(labels, scores), "chosen": True}
    return Stack(stackers, scores, pd.DataFrame([row]))


def check_members(features: np.ndarray, expected: int, made_of: str) -> None:
    """Raise `InputError` unless ``features`` (photos, members) are of as many members as a stacker is ``made_of``."""
    found = features.shape[1]
    if found != expected:
        raise InputError(f"found the scores of {found} members, expected {expected}, as {made_of}")


def stacked_scores(stackers: list[Stacker], features: np.ndarray) -> np.ndarray:
    """Return the mean of the stackers' scores for ``features`` (photos, members): float32, shape (photos,)."""
    outputs = np.array([stacker.scores(features) for stacker in stackers])
    return outputs.mean(axis=0, dtype=np.float64).astype(np.float32)


def out_of_fold_scores(stackers: list[Stacker], features: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return each photo's score by its own fold's stacker: float32, shape (photos,).

    Args:
        stackers: one per fold, in the order of the fold numbers.
        features: the members' scores, float32, shape (photos, members).
        folds: shape (photos,).
    """
    scores = np.empty(len(folds), dtype=np.float32)
    for stacker, fold in zip(stackers, np.unique(folds), strict=True):
        scores[folds == fold] = stacker.scores(features[folds == fold])
    return scores


def log_loss(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean binary cross-entropy of ``scores`` in nats."""
    right = np.where(labels == 1, scores, 1 - scores).astype(np.float64)
    return float(-np.mean(np.log(np.maximum(right, np.finfo(np.float32).eps))))
