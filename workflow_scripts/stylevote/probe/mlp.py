"""Heads with hidden layers, trained on features. Importing this module imports torch."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import nn

from stylevote.cnn.network import make_head
from stylevote.cnn.unknown_labels import known_loss
from stylevote.config.identity import OMITTED, seed
from stylevote.probe.logits import mean_loss
from stylevote.probe.training import Training, standardize

LEARNING_RATE = 0.001  # Adam's default (Kingma and Ba 2015)
MAX_EPOCHS = 50
PATIENCE = 3  # epochs without a lower loss of any held-out rows


def train_mlp(
    training: Training, setting: dict[str, Any], purpose: str, epochs: int, judges: Sequence[Training] = ()
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Train the layers of `stylevote.cnn.network.make_head` with Adam on standardized features.

    Args:
        training: the rows. In each epoch they are in another order.
        setting: of the run: ``hidden_units``, ``batch_norm``, ``batch``, ``loss``; all of it is the seed.
        purpose: of the training, which its seed depends on.
        epochs: number of epochs. With judges, the training also ends once no judge has had a lower loss for a while.
        judges: held-out rows.

    Returns:
        The layers' weights, which act on the features as `Rows` has them, and the judges' mean losses after each epoch,
        shape (epochs, judges).
    """
    torch.manual_seed(seed(setting, purpose, "initial weights"))
    generator = np.random.default_rng(seed(setting, purpose, "order"))
    mean, scale = standardize(training)
    units, labels = setting["hidden_units"], training.targets.shape[1]
    head = make_head(len(mean), units, labels, batch_norm={**OMITTED, **setting}["batch_norm"])
    optimizer = torch.optim.Adam(head.parameters(), lr=LEARNING_RATE, fused=True)
    loss, class_weights = make_loss(training), training.class_weights()
    places = np.repeat(np.arange(len(training.positions)), training.counts.astype(int))
    history: list[list[float]] = []
    for epoch in range(epochs):
        generator.shuffle(places)
        for batch in np.array_split(places, -(-len(places) // setting["batch"])):
            values = (training.rows.at(training.positions[batch]) - mean) * scale
            optimizer.zero_grad()
            logits, targets = head(torch.from_numpy(values)), torch.from_numpy(training.targets[batch])
            if training.known is None:
                loss(logits, targets).backward()
            else:
                targets[torch.from_numpy(~training.known[batch])] = torch.nan
                known_loss(loss, logits, targets).backward()
            optimizer.step()
        state = on_features(head, mean, scale)
        history.append([mean_loss(state, judge, class_weights) for judge in judges])
        best = np.argmin(history, axis=0)
        if judges and (epoch - best >= PATIENCE).all():
            break
    return on_features(head, mean, scale), np.array(history)


def on_features(head: nn.Module, mean: np.ndarray, scale: np.ndarray) -> dict[str, np.ndarray]:
    """Return weights that act on features as ``head``'s do on (features - mean) * scale."""
    state = {name: part.numpy() for name, part in head.state_dict().items()}
    state["0.bias"] = state["0.bias"] - state["0.weight"] @ (mean * scale)
    state["0.weight"] = state["0.weight"] * scale
    return state


def make_loss(training: Training) -> nn.Module:
    """Return the run's loss with the class weights of the rows."""
    ((name, parameters),) = training.loss.items()
    positives = torch.from_numpy(training.positives().astype(np.float32))
    photos = torch.from_numpy(training.photos().astype(np.float32))
    return import_module(f"stylevote.cnn.losses.{name}").make_loss(positives, photos, **parameters)
