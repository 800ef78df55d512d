"""Whichever combiner the nested estimate prefers, the simpler one where it is nearly as good."""

import json
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stylevote.ensemble.stack import Stack, Stacker, combiner, fit_stack
from stylevote.errors import InputError
from stylevote.estimate.bootstrap import bootstrap_f_beta
from stylevote.estimate.nested import predict_nested
from stylevote.metrics import BETA, f_beta

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chosen:
    """The ``stacker`` of the combiner that was chosen, and its ``name``."""

    name: str
    stacker: Stacker

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the stacker's scores for ``features`` (photos, members): float32, shape (photos,)."""
        return self.stacker.scores(features)

    def to_bytes(self) -> bytes:
        """Return the combiner's name as a line of JSON, then the stacker as it is stored by itself."""
        return json.dumps(self.name).encode() + b"\n" + self.stacker.to_bytes()


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    among: list[tuple[str, dict[str, Any]]],
    seed: int,
    beta: float = BETA,
    threads: int = 1,
) -> Stack:
    """Fit the simplest combiner whose nested estimate is within one standard error of the best one's.

    The rule is that of Breiman et al. (1984, section 3.4.3). The members are given; for each fold, stack and exact
    threshold are repeated on the others' photos (`honest.predict_nested`). The standard error is that of the difference
    between the two combiners on the same photos, by the bootstrap: what makes both better or worse is not in it.

    Args:
        features: the members' out-of-fold scores, float32, shape (photos, members).
        labels: 0/1, shape (photos,).
        folds: shape (photos,); at least three different ones.
        among: names of combiners with the settings of their ``fit``, from the simplest.
        seed: of the bootstrap.
        beta: of the F-beta that is to be high.
        threads: that the combiners may use.

    Returns:
        the chosen combiner's stackers and scores; the grid has a row a combiner: combiner, nested_f_beta, behind (by
        how much the best one is better), standard_error (of that), chosen, and, of the chosen one, f_beta, threshold
        and logloss of the pooled scores.

    Raises:
        InputError: for fewer than three folds.
    """
    settings = {name: {"combiner": name, name: own} for name, own in among}
    decisions = [
        predict_nested(
            lambda _: features,
            labels,
            folds,
            {"stack": stack, "threshold": {"method": "exact"}},
            beta=beta,
            threads=threads,
        )["decision"].to_numpy()[:, None]
        for stack in settings.values()
    ]
    reached = np.array([f_beta(labels, decided[:, 0], beta) for decided in decisions])
    resampled = bootstrap_f_beta(labels[:, None], decisions, seed=seed, beta=beta)[:, :, 0]
    best = int(np.argmax(reached))
    errors = np.std(resampled[best] - resampled, axis=1)
    behind = reached[best] - reached
    chosen = int(np.argmax(behind <= errors))
    names = list(settings)
    name = names[chosen]
    logger.info("%s: chosen among %s by %s", name, ", ".join(names), np.round(reached, 4))
    stack = fit_stack(features, labels, folds, settings[name], beta=beta, threads=threads)
    rows = {"combiner": names, "nested_f_beta": reached, "behind": behind, "standard_error": errors}
    grid = pd.DataFrame(rows).assign(chosen=np.arange(len(names)) == chosen)
    (point,) = stack.grid.loc[stack.grid["chosen"], ["f_beta", "threshold", "logloss"]].to_dict("records")
    for column, value in point.items():
        grid[column] = np.where(grid["chosen"], value, np.nan)
    return Stack([Chosen(name, stacker) for stacker in stack.stackers], stack.scores, grid)


def load(raw: bytes, threads: int = 1) -> Chosen:
    """Return the stacker that `Chosen.to_bytes` wrote; `InputError` where the bytes are something else."""
    line, _, rest = raw.partition(b"\n")
    try:
        name = json.loads(line)
        if name == "auto" or not name.isidentifier():
            raise ValueError(name)
        load_chosen = combiner(name).load
    except (ValueError, ImportError, AttributeError) as error:
        raise InputError("found no combiner's name before the stacker") from error
    return Chosen(name, load_chosen(rest, threads))
