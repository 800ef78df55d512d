"""The combiner that the nested estimate prefers; a simpler one if it is nearly as good."""

import json
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stylevote.bootstrap import bootstrap_f_beta
from stylevote.config.ensemble import Stack, Threshold
from stylevote.ensemble.nested import predict_nested
from stylevote.ensemble.stack import FittedStack, Stacker, fit_stack, load_combiner
from stylevote.errors import InputError
from stylevote.metrics import BETA, f_beta

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chosen:
    """A ``stacker`` of the chosen combiner, and the combiner's ``name``."""

    name: str
    stacker: Stacker

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the stacker's scores for ``features`` (photos, members): float32, shape (photos,)."""
        return self.stacker.scores(features)

    def to_bytes(self) -> bytes:
        """Return the combiner's name as a line of JSON, then the stacker as it is stored."""
        return json.dumps(self.name).encode() + b"\n" + self.stacker.to_bytes()


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    *,
    among: list[tuple[str, dict[str, Any]]],
    seed: int,
    groups: np.ndarray | None = None,
    beta: float = BETA,
    threads: int = 1,
) -> FittedStack:
    """Fit the simplest combiner whose nested estimate is within one standard error of the best one's.

    The rule is that of Breiman et al. (1984, section 3.4.3). The members are given; for each fold, the stack and an
    exact threshold are fitted to the photos of the other folds (`nested.predict_nested`). The standard error is that of
    the difference between two combiners on the same photos, by the bootstrap.

    Args:
        folds: shape (photos,); at least three different ones.
        among: combiners and their settings, the simplest first.
        seed: of the bootstrap.
        groups: of the photos, see `bootstrap_f_beta`.

    Returns:
        the chosen combiner's stack. The grid has a row per combiner: combiner, nested_f_beta, behind (difference to the
        best combiner), standard_error (of that difference), chosen and, for the chosen one alone, f_beta, threshold and
        logloss of the pooled scores.

    Raises:
        InputError: there are fewer than three folds.
    """
    stacks = {name: Stack.model_validate({"combiner": name} | ({name: own} if own else {})) for name, own in among}
    exact, decisions = Threshold(method="exact"), []
    for stack in stacks.values():
        predicted = predict_nested(lambda _: features, labels, folds, stack, exact, beta=beta, threads=threads)
        decisions.append(predicted["decision"].to_numpy()[:, None])
    nested = np.array([f_beta(labels, decided[:, 0], beta) for decided in decisions])
    resampled = bootstrap_f_beta(labels[:, None], decisions, groups, seed=seed, beta=beta)[:, :, 0]
    best = int(np.argmax(nested))
    behind, errors = nested[best] - nested, np.std(resampled[best] - resampled, axis=1)
    chosen = int(np.argmax(behind <= errors))
    names = list(stacks)
    name = names[chosen]
    logger.info("%s: chosen among %s by %s", name, ", ".join(names), np.round(nested, 4))
    stack = fit_stack(features, labels, folds, stacks[name], beta=beta, threads=threads)
    columns = {"combiner": names, "nested_f_beta": nested, "behind": behind, "standard_error": errors}
    grid = pd.DataFrame(columns).assign(chosen=np.arange(len(names)) == chosen)
    # If each fold chose a point of its own, the mean over these points.
    points = stack.grid.loc[stack.grid["chosen"], ["f_beta", "threshold", "logloss"]].mean()
    for column, value in points.items():
        grid[column] = np.where(grid["chosen"], value, np.nan)
    return FittedStack([Chosen(name, stacker) for stacker in stack.stackers], stack.scores, grid)


def load(raw: bytes, threads: int = 1) -> Chosen:
    """Return the stacker that `Chosen.to_bytes` wrote; raise `InputError` for other bytes."""
    line, _, rest = raw.partition(b"\n")
    try:
        name = json.loads(line)
        if name == "auto" or not name.isidentifier():
            raise ValueError(name)
        load_chosen = load_combiner(name).load
    except (ValueError, ImportError, AttributeError) as error:
        raise InputError("found no combiner's name before the stacker") from error
    return Chosen(name, load_chosen(rest, threads))
