"""Training of one run on one fold: phases of fine-tuning; weights and out-of-fold scores after every epoch."""

import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from stylevote.cnn.augmentation import Draws, change, draw_changes, mix, with_partners
from stylevote.cnn.average import WeightAverage, WeightSoup
from stylevote.cnn.backbones import refuse_other_head
from stylevote.cnn.batches import random_boxes
from stylevote.cnn.checkpoints import read_checkpoint, write_checkpoint
from stylevote.cnn.fold_data import FoldData
from stylevote.cnn.network import Network, at_size
from stylevote.cnn.optimizer import make_optimizer, set_rate
from stylevote.cnn.outputs import weights_path
from stylevote.cnn.predict import predict
from stylevote.cnn.schedule import epoch_phases, learning_rate
from stylevote.cnn.settings import RunSetting, scoring
from stylevote.cnn.unknown_labels import known_loss, known_share
from stylevote.config.identity import OMITTED, file_sha256, seed
from stylevote.errors import InputError
from stylevote.files.tables import replacing
from stylevote.files.weights import load_weights, store_weights
from stylevote.machine.processes import ALONE, Processes

CHECKS_PER_EPOCH = 10  # of the loss; each waits for the device
MIN_PHOTOS = 2  # in a batch or a part of one: BatchNorm needs two


class Training:
    """The training of one network.

    Args:
        name: id of the run, for messages.
        setting: resolved setting of the run.
        fold: number of the fold held out.
        data: the photos.
        key: digest of all that the training depends on. A checkpoint with another key is ignored.
        folder: work folder for weights and the checkpoint (see `cnn.checkpoints`).
        device: where to compute.
        weights: file of weights to start from, or None: those that the setting names.
        head: weights of a probe's head that the network's head starts from (Kumar et al. 2022), if any.
        processes: processes that share the job. All train the same network with the same batches. Each computes a part
            of a batch, and the first writes. The weights equal those of a single process except for BatchNorm, which
            sees one part at a time (the first process's running statistics are kept), and dropout, which each draws.

    Attributes:
        finished: number of epochs on disk, after which a stopped job continues.

    Raises:
        InputError: the network cannot be made, cannot be trained like this on this device, or has another head.
    """

    def __init__(
        self,
        name: str,
        setting: RunSetting,
        fold: int,
        data: FoldData,
        *,
        folder: Path,
        device: torch.device,
        key: str,
        weights: Path | None = None,
        head: Path | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self.name, self.setting, self.fold, self.data = name, setting, fold, data
        self.options = {**OMITTED, **setting}
        self.folder, self.device, self.key, self.processes = folder, device, key, processes
        if setting["precision"] == "float16" and device.type == "cpu":
            raise InputError(f"run {name}: `precision: float16` needs a GPU, there is none; take bfloat16 or float32")
        labels = data.targets.shape[1]
        torch.manual_seed(seed(setting, fold, "initial weights"))
        self.network = Network(setting, labels, str(weights or setting["weights"]))
        if head:
            refuse_other_head(self.network.backbone, setting["head_from"])
            load_weights(nn.ModuleDict({"head": self.network.head}), head)
        self.network.to(device, memory_format=torch.channels_last)
        # Predicts with the stored weights, which are rounded, at the size of scores.
        self.side = scoring(setting)["size"]
        self.stored = Network(scoring(setting), labels).to(device, memory_format=torch.channels_last)
        self.forward = torch.compile(self.network) if setting["compile"] else self.network
        self.average = WeightAverage(self.network, setting["ema"]["decay"]) if setting["ema"] else None
        self.soup = WeightSoup(self.network, self.options["soup"]) if self.options["soup"] > 1 else None
        self.scaler = torch.amp.GradScaler(device.type, enabled=setting["precision"] == "float16")
        self.scaler.scale(torch.zeros((), device=device))  # a process without a part of the batch needs its scale, too
        self.some_unknown = bool(data.targets.isnan().any())
        self.parts = processes.size  # of each batch, which pass through the network one by one
        self.phase_of = epoch_phases(setting["phases"])
        self.phase = -1
        self.parameters: list[nn.Parameter] = []  # that the phase trains
        self.optimizer: torch.optim.Optimizer | None = None
        self.history: list[dict[str, Any]] = []  # rows of ``history.parquet``
        self.validation: list[torch.Tensor] = []
        self.finished = 0

    def run(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Train the epochs that are left.

        Returns:
            The history, a row per epoch, and the validation photos' probabilities, float32 of shape (epochs, validation
            photos, labels).
        """
        (self.folder / "weights").mkdir(parents=True, exist_ok=True)
        self._resume()
        if not self.processes.all_equal(self.finished):
            raise InputError(
                f"run {self.name}: {self.folder} is not the same for all processes; put it on a shared disk"
            )
        for epoch in range(self.finished, len(self.phase_of)):
            self._enter_phase(self.phase_of[epoch])
            start = time.monotonic()
            self.processes.broadcast(self.network)  # BatchNorm's running statistics differ
            train_loss, highest_lr = self._train_epoch(epoch)
            self._finish_epoch(epoch, train_loss, highest_lr, start)
            self._write_checkpoint()
        return pd.DataFrame(self.history), torch.stack(self.validation).numpy()

    def progress(self) -> str:
        """Return a text about the point from which the next start would continue."""
        return f"the next start continues after {self.finished} of {len(self.phase_of)} epochs"

    def _enter_phase(self, phase: int) -> None:
        """Choose the trained layers, and start a new optimizer unless they are those of the phase before.

        As in Keras: other trained layers need a new `compile`, and so a new optimizer; another rate does not.
        """
        if phase == self.phase:
            return
        self.phase = phase
        parameters = self.network.choose_trained(self.setting["phases"][phase]["train"])
        if list(map(id, parameters)) != list(map(id, self.parameters)):
            self.parameters, fused = parameters, self.device.type == "cuda"
            self.optimizer = make_optimizer(self.network, parameters, self.options["optimizer"], fused=fused)

    def _train_epoch(self, epoch: int) -> tuple[float, float]:
        """Train one epoch and return the mean loss over its photos and the highest learning rate."""
        rows, phase = self.data.epochs[epoch], self.setting["phases"][self.phase]
        # Batches of equal size, none of a single photo.
        steps = max(1, min(-(-len(rows) // self.setting["batch"]), len(rows) // MIN_PHOTOS))
        first_step = (epoch - self.phase_of.index(self.phase)) * steps
        rates = [learning_rate(phase, first_step + step, steps) for step in range(steps)]
        batches = self._epoch_batches(epoch, steps)
        torch.manual_seed(seed(self.setting, self.fold, epoch, "dropout") + self.processes.rank)
        total = torch.zeros((), device=self.device)
        self.network.train()
        # A progress bar on a terminal; a log gets a line per epoch instead.
        shown = self.processes.is_main and sys.stderr.isatty()
        title = f"fold {self.fold}, epoch {epoch} of 0 to {len(self.phase_of) - 1}"
        for step, batch in enumerate(tqdm(batches, desc=title, unit="batch", leave=False, disable=not shown)):
            set_rate(self.optimizer, rates[step])
            total += self._step(batch) * len(batch["rows"])
            if step % -(-steps // CHECKS_PER_EPOCH) == 0 or step == steps - 1:
                self._check_finite(total.item(), epoch)
        return total.item() / len(rows), max(rates)

    def _epoch_batches(self, epoch: int, steps: int) -> list[Draws]:
        """Draw the crops and changes of an epoch's photos, and return its batches."""
        rows = self.data.epochs[epoch]
        crops = torch.Generator().manual_seed(seed(self.setting, self.fold, epoch, "augmentation"))
        boxes, flips = random_boxes(len(rows), crops, **self.setting["crop"])
        changes = dict(self.setting.get("augment", {}))
        flips &= changes.pop("mirror", True)
        draws = draw_changes(len(rows), seed(self.setting, self.fold, epoch, "changes"), **changes)
        draws |= {"rows": rows, "boxes": boxes, "flips": flips}
        return [_rows_of(draws, positions) for positions in torch.arange(len(rows)).tensor_split(steps)]

    def _step(self, batch: Draws) -> torch.Tensor:
        """Take one step with a batch and return its mean loss, without waiting for the device."""
        while (loss := self._gradients(batch)) is None:
            self.parts *= 2
            logging.info("out of memory: from here on, each batch is computed in %d parts", self.parts)
            torch.cuda.empty_cache()
        self.processes.all_reduce(loss, self.parameters)
        if self.setting["gradient_clip"]:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.parameters, self.setting["gradient_clip"])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average:
            self.average.update()
        return loss

    def _gradients(self, batch: Draws) -> torch.Tensor | None:
        """Compute this process's gradients of a batch's mean loss, and return its share of the loss.

        Return None if memory is short and smaller parts may fit. Several processes cannot retry: they would wait for
        each other. The gradients of parts add up to those of the batch, except that BatchNorm sees one part at a time.
        A failed attempt only leaves its traces in BatchNorm's running statistics.
        """
        self.optimizer.zero_grad(set_to_none=True)
        total, precision = torch.zeros((), device=self.device), getattr(torch, self.setting["precision"])
        count, local = len(batch["rows"]), slice(self.processes.rank, None, self.processes.size)
        max_parts = max(1, count // MIN_PHOTOS)
        loss_of = self.data.loss
        if self.some_unknown:
            share = known_share(self._targets(batch["rows"]), mixed="mixed" in batch)
            loss_of = partial(known_loss, loss_of, share=share)
        try:
            for part in torch.arange(count).tensor_split(min(self.parts, max_parts))[local]:
                photos, targets = self._photos(_rows_of(batch, with_partners(part, count, batch)))
                with torch.autocast(self.device.type, precision, enabled=precision != torch.float32):
                    logits = self.forward(photos)
                loss = loss_of(logits, targets) * (len(part) / count)
                self.scaler.scale(loss).backward()
                total += loss.detach()
        except torch.OutOfMemoryError:
            if self.parts >= max_parts or self.processes.size > 1:
                raise
            return None
        return total

    def _photos(self, draws: Draws) -> tuple[torch.Tensor, torch.Tensor]:
        """Return photos as the network sees them, and their targets."""
        photos = self.data.cache.take(draws["rows"], draws["boxes"], draws["flips"], self.setting["size"])
        smoothing = self.options["label_smoothing"]
        targets = self._targets(draws["rows"]) * (1 - smoothing) + smoothing / 2
        return mix(change(photos, draws), targets, draws)

    def _targets(self, rows: torch.Tensor) -> torch.Tensor:
        return self.data.targets[rows.to(self.device, non_blocking=True)]

    def _check_finite(self, loss: float, epoch: int) -> None:
        if not np.isfinite(loss):
            phase = self.setting["phases"][self.phase]
            raise InputError(
                f"run {self.name}, fold {self.fold}, epoch {epoch}: the loss is {loss}; lower `lr` of phase "
                f"{self.phase} (now {phase['lr']:g}) or train fewer layers in it"
                + ("; or take `precision: bfloat16`" if self.setting["precision"] == "float16" else "")
            )

    def _finish_epoch(self, epoch: int, train_loss: float, highest_lr: float, start: float) -> None:
        """Store the epoch's weights, score the validation photos with the stored weights, and extend the history."""
        path = weights_path(self.folder / "weights", epoch)
        if self.processes.is_main:
            if self.soup:
                self.soup.update()
            averaged = self.average or self.soup
            network = averaged.network if averaged else self.network
            with replacing(path) as partial:
                store_weights(network if self.side == self.setting["size"] else at_size(network, self.side), partial)
        self.processes.wait()
        load_weights(self.stored, path)
        rows = self.processes.shard(self.data.validation)
        cache = self.data.test_cache or self.data.cache
        scores = predict(self.stored, cache, rows, self.side, self.setting["batch"], tta=self.setting["tta"])
        scores = self.processes.gather(scores, len(self.data.validation))
        if not np.isfinite(scores).all():
            self._check_finite(float("nan"), epoch)
        truth = self.data.targets[self.data.validation].cpu()
        known = ~truth.isnan()
        self.validation.append(torch.from_numpy(scores))
        row = {
            "epoch": epoch,
            "phase": self.phase,
            "photos": len(self.data.epochs[epoch]),
            "highest_lr": highest_lr,
            "train_loss": train_loss,
            "validation_loss": nn.functional.binary_cross_entropy(self.validation[-1][known], truth[known]).item(),
            "seconds": time.monotonic() - start,
            "weights_sha256": file_sha256(path),
        }
        self.history.append(row)
        logging.info(
            "epoch %d of 0 to %d, phase %d: loss %.4f, validation loss %.4f, %.1f s",
            *(epoch, len(self.phase_of) - 1, self.phase),
            *(row["train_loss"], row["validation_loss"], row["seconds"]),
        )

    def _write_checkpoint(self) -> None:
        state = {"key": self.key, "history": self.history, "validation": self.validation}
        if len(self.history) < len(self.phase_of):
            states = {name: stateful.state_dict() for name, stateful in self._stateful().items()}
            state["next"] = {**states, "parts": self.parts, "phase": self.phase}
        if self.processes.is_main:
            write_checkpoint(self.folder, state)
        self.finished = len(self.history)

    def _stateful(self) -> dict[str, Any]:
        """Return all whose state the next epoch needs, by the names in a checkpoint."""
        names = ("network", "average", "soup", "optimizer", "scaler")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def _resume(self) -> None:
        """Continue after the last finished epoch, if there is a checkpoint of this training."""
        state = read_checkpoint(self.folder, self.key)
        if state is None:
            return
        if following := state.get("next"):
            self._enter_phase(following["phase"])
            for name, stateful in self._stateful().items():
                stateful.load_state_dict(following[name])
            self.parts = max(following["parts"], self.processes.size)
        self.history, self.validation = state["history"], state["validation"]
        self.finished = len(self.history)
        logging.info("continuing after %d of %d epochs", self.finished, len(self.phase_of))


def _rows_of(draws: Draws, positions: torch.Tensor) -> Draws:
    return {name: rows[positions] for name, rows in draws.items()}
