"""Logits of a head, and their losses."""

import numpy as np

from stylevote.probe.training import Training

EPSILON = np.float32(1e-5)  # of torch's batch normalization


def head_logits(state: dict[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """Return the logits of a head, in the precision of its arguments, shape (photos, labels).

    Args:
        state: the head's weights by their names in `stylevote.cnn.network.make_head`.
        features: shape (photos, width).
    """
    first = True
    for layer in sorted({int(name.split(".")[0]) for name in state}):
        part = {name.split(".")[1]: value for name, value in state.items() if name.startswith(f"{layer}.")}
        if "running_var" in part:
            factor = part["weight"] / np.sqrt(part["running_var"] + EPSILON)
            features = (features - part["running_mean"]) * factor + part["bias"]
        else:
            features = (features if first else np.maximum(features, 0)) @ part["weight"].T + part["bias"]
        first = False
    return features


def log_losses(logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log loss and the probability of each logit, without overflow."""
    small = np.exp(-np.abs(logits))
    losses = np.maximum(logits, 0)
    losses -= logits * targets
    losses += np.log1p(small)
    return losses, np.where(logits > 0, 1, small) / (1 + small)


def sum_losses(
    state: dict[str, np.ndarray], rows: Training, labels: np.ndarray, class_weights: np.ndarray
) -> np.ndarray:
    """Return the sum of the rows' losses, each as often as it counts, without unknown labels: float64, shape (logits,).

    Args:
        state: of a head, see `head_logits`.
        rows: the rows.
        labels: number of each logit's label, shape (logits,).
        class_weights: of negatives and positives, shape (2, logits).
    """
    total = np.zeros(len(labels))
    for part, block in rows.rows.blocks(rows.positions):
        targets = rows.targets[part][:, labels]
        losses, _ = log_losses(head_logits(state, block), targets)
        total += rows.counts[part] @ (losses * rows.cell_weights(part, labels, class_weights))
    return total


def mean_loss(state: dict[str, np.ndarray], rows: Training, class_weights: np.ndarray | None = None) -> float:
    """Return the mean of the rows' losses over known labels; class weights are those of the rows by default."""
    weights = rows.class_weights() if class_weights is None else class_weights
    losses = sum_losses(state, rows, np.arange(rows.targets.shape[1]), weights)
    return float(losses.mean() / rows.photos().mean())
