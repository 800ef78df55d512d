"""Training of one run on one fold: phases of fine-tuning, and after every epoch its weights and out-of-fold scores."""

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from stylevote.cnn.average import WeightAverage
from stylevote.cnn.batches import JoinedCaches, PixelCache, random_boxes
from stylevote.cnn.network import Network
from stylevote.cnn.predict import predict
from stylevote.cnn.schedule import epoch_phases, learning_rate
from stylevote.config.identity import seed
from stylevote.errors import InputError
from stylevote.files.tables import check_seal, replacing, seal
from stylevote.files.weights import load_weights, store_weights, weights_sha256
from stylevote.machine.processes import ALONE, Processes
from stylevote.machine.uncompiled import uncompiled

Adam = uncompiled(torch.optim.Adam)
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

CHECKS_AN_EPOCH = 10  # how often the loss is looked at: each look waits for the device
LEAST_PART = 2  # photos: BatchNorm needs two


@dataclass
class Epoch:
    """What one epoch came to: a row of ``history.parquet``."""

    epoch: int
    phase: int
    photos: int
    highest_lr: float
    train_loss: float
    validation_loss: float
    seconds: float
    weights_sha256: str


@dataclass(frozen=True)
class FoldData:
    """The photos of one fold's training.

    Attributes:
        bank: every training photo's pixels, and those of recoloured ones behind them.
        targets: float32, shape (photos, labels), where the network is.
        epochs: int64, one per epoch, in main memory: the rows of ``bank`` in the order in which the epoch sees them.
        validation: int64, in main memory: the rows held out.
        loss: what training makes small: logits and targets, each of shape (photos, labels), to a scalar.
    """

    bank: PixelCache | JoinedCaches
    targets: torch.Tensor
    epochs: list[torch.Tensor]
    validation: torch.Tensor
    loss: Loss


class Training:
    """One network on its way through the epochs of a run.

    Args:
        name: of the run, for messages.
        setting: the run's resolved setting.
        fold: number of the fold held out.
        data: the photos.
        key: digest of all that the training depends on. State left by a training of another key is not resumed.
        folder: where weights are written (``weights/epoch{n}.safetensors``) and the state to resume from
            (``last.ckpt``), after every epoch.
        device: where to compute.
        processes: those that share the job. All train the same network with the same batches, of which each computes a
            part, and the first alone writes; weights are those of one process but for BatchNorm and dropout: BatchNorm
            sees a part at a time (its running statistics are the first process's), and dropout draws for each.

    Attributes:
        kept: how many epochs are done and on disk: a job that is stopped now goes on after them.

    Raises:
        InputError: the network cannot be made, or not trained so on this device.
    """

    def __init__(
        self,
        name: str,
        setting: dict,
        fold: int,
        data: FoldData,
        *,
        folder: Path,
        device: torch.device,
        key: str,
        processes: Processes = ALONE,
    ) -> None:
        self.name, self.setting, self.fold, self.data = name, setting, fold, data
        self.folder, self.device, self.key, self.processes = folder, device, key, processes
        if setting["precision"] == "float16" and device.type == "cpu":
            raise InputError(f"run {name}: `precision: float16` needs a GPU, there is none; take bfloat16 or float32")
        labels = data.targets.shape[1]
        torch.manual_seed(seed(setting, fold, "initial weights"))
        self.network = Network(setting, labels).to(device, memory_format=torch.channels_last)
        # Built from the setting alone: its weights are replaced by stored ones before it predicts.
        self.stored = Network({**setting, "weights": "none"}, labels).to(device, memory_format=torch.channels_last)
        self.forward = torch.compile(self.network) if setting["compile"] else self.network
        self.average = WeightAverage(self.network, setting["ema"]["decay"]) if setting["ema"] else None
        self.scaler = torch.amp.GradScaler(device.type, enabled=setting["precision"] == "float16")
        self.scaler.scale(torch.zeros((), device=device))  # a step without a part of the batch needs its scale, too
        self.parts = processes.size  # a batch goes through the network in so many parts
        self.phase_of = epoch_phases(setting["phases"])
        self.phase = -1
        self.optimizer: torch.optim.Optimizer | None = None
        self.history: list[Epoch] = []
        self.validation: list[torch.Tensor] = []
        self.kept = 0

    def run(self) -> tuple[pd.DataFrame, np.ndarray]:
        """Train all epochs, or those that are left.

        Returns:
            The history (a row per epoch, the fields of `Epoch`) and the validation photos' probabilities, float32 of
            shape (epochs, validation photos, labels).
        """
        (self.folder / "weights").mkdir(parents=True, exist_ok=True)
        self._resume()
        if not self.processes.all_equal(len(self.history)):
            raise InputError(
                f"run {self.name}: {self.folder} is not the same for all processes; put it on a shared disk"
            )
        for epoch in range(len(self.history), len(self.phase_of)):
            self._enter_phase(self.phase_of[epoch])
            start = time.monotonic()
            self.processes.broadcast(self.network)  # in BatchNorm's running statistics
            train_loss, highest_lr = self._train_epoch(epoch)
            self._finish_epoch(epoch, train_loss, highest_lr, start)
            self._checkpoint()
        return pd.DataFrame([asdict(row) for row in self.history]), torch.stack(self.validation).numpy()

    def _enter_phase(self, phase: int) -> None:
        """Set what is trained and start a new Adam, unless the phase goes on."""
        if phase == self.phase:
            return
        self.phase = phase
        parameters = self.network.choose_trained(self.setting["phases"][phase]["train"])
        self.optimizer = Adam(parameters, fused=self.device.type == "cuda")

    def _train_epoch(self, epoch: int) -> tuple[float, float]:
        """Train one epoch and return the mean loss over its photos and the highest learning rate."""
        rows, phase = self.data.epochs[epoch], self.setting["phases"][self.phase]
        # Batches of equal size, none of one photo: BatchNorm cannot do with that.
        steps = max(1, min(-(-len(rows) // self.setting["batch"]), len(rows) // LEAST_PART))
        first_step = (epoch - self.phase_of.index(self.phase)) * steps
        rates = [learning_rate(phase, first_step + step, steps) for step in range(steps)]
        augmentation = torch.Generator().manual_seed(seed(self.setting, self.fold, epoch, "augmentation"))
        boxes, flips = random_boxes(len(rows), augmentation, **self.setting["crop"])
        batches = list(zip(*(part.tensor_split(steps) for part in (rows, boxes, flips)), strict=True))
        torch.manual_seed(seed(self.setting, self.fold, epoch, "dropout") + self.processes.rank)
        total = torch.zeros((), device=self.device)
        self.network.train()
        for step, batch in enumerate(self._progress(batches, epoch)):
            self.optimizer.param_groups[0]["lr"] = rates[step]
            total += self._step(*batch) * len(batch[0])
            if step % -(-steps // CHECKS_AN_EPOCH) == 0 or step == steps - 1:
                self._check_finite(total, epoch)
        return total.item() / len(rows), max(rates)

    def _step(self, rows: torch.Tensor, boxes: torch.Tensor, flips: torch.Tensor) -> torch.Tensor:
        """Take one step with a batch and return its mean loss, without waiting for the device."""
        while (loss := self._gradients(rows, boxes, flips)) is None:  # the memory does not hold it
            self.parts *= 2
            logging.info("out of memory: from here on, each batch is computed in %d parts", self.parts)
            torch.cuda.empty_cache()
        self.processes.all_reduce(loss, self.optimizer.param_groups[0]["params"])
        if self.setting["gradient_clip"]:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.optimizer.param_groups[0]["params"], self.setting["gradient_clip"])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average:
            self.average.update()
        return loss

    def _gradients(self, *batch: torch.Tensor) -> torch.Tensor | None:
        """Compute this process's share of a batch's mean loss, which is returned, and its gradients.

        None is returned if smaller parts may fit the memory: a process alone tries them; for one of several, the
        others would wait. Computed in parts, gradients are those of the whole batch but for BatchNorm, which sees a
        part at a time. Of an attempt that failed nothing remains but what it added to BatchNorm's running statistics.
        """
        self.optimizer.zero_grad(set_to_none=True)
        total, precision = torch.zeros((), device=self.device), getattr(torch, self.setting["precision"])
        most_parts = max(1, len(batch[0]) // LEAST_PART)
        split = (self.processes.local_parts(tensor.tensor_split(min(self.parts, most_parts))) for tensor in batch)
        try:
            for rows, boxes, flips in zip(*split, strict=True):
                photos = self.data.bank.take(rows, boxes, flips, self.setting["size"])
                with torch.autocast(self.device.type, precision, enabled=precision != torch.float32):
                    logits = self.forward(photos)
                targets = self.data.targets[rows.to(self.device, non_blocking=True)]
                loss = self.data.loss(logits, targets) * (len(rows) / len(batch[0]))
                self.scaler.scale(loss).backward()
                total += loss.detach()
        except torch.OutOfMemoryError:
            if self.parts >= most_parts or self.processes.size > 1:
                raise
            return None
        return total

    def _progress(self, batches: list[tuple[torch.Tensor, ...]], epoch: int) -> tqdm:
        """Return the batches with a progress bar where somebody watches; a log gets a line per epoch instead."""
        title = f"fold {self.fold}, epoch {epoch} of 0 to {len(self.phase_of) - 1}"
        return tqdm(
            batches, desc=title, unit="batch", leave=False, disable=self.processes.rank > 0 or not sys.stderr.isatty()
        )

    def _check_finite(self, loss: torch.Tensor, epoch: int) -> None:
        if not torch.isfinite(loss):
            phase = self.setting["phases"][self.phase]
            raise InputError(
                f"run {self.name}, fold {self.fold}, epoch {epoch}: the loss is "
                f"{loss.item()}; lower `lr` of phase {self.phase} (now {phase['lr']:g}) or train fewer layers in it"
                + ("; or take `precision: bfloat16`" if self.setting["precision"] == "float16" else "")
            )

    def _finish_epoch(self, epoch: int, train_loss: float, highest_lr: float, start: float) -> None:
        """Store the epoch's weights, predict the validation photos with the stored ones and write down the figures."""
        path = self._weights_path(epoch)
        if self.processes.rank == 0:
            with replacing(path) as partial:
                store_weights(self.average.network if self.average else self.network, partial)
        self.processes.wait()
        load_weights(self.stored, path)
        side, batch, tta = (self.setting[key] for key in ("size", "batch", "tta"))
        rows = self.processes.shard(self.data.validation)
        scores = predict(self.stored, self.data.bank, rows, side, batch, tta=tta)
        scores = self.processes.gather(scores, len(self.data.validation))
        if not np.isfinite(scores).all():
            self._check_finite(torch.tensor(float("nan")), epoch)
        truth = self.data.targets[self.data.validation].cpu()
        self.validation.append(torch.from_numpy(scores))
        row = Epoch(
            epoch=epoch,
            phase=self.phase,
            photos=len(self.data.epochs[epoch]),
            highest_lr=highest_lr,
            train_loss=train_loss,
            validation_loss=nn.functional.binary_cross_entropy(self.validation[-1], truth).item(),
            seconds=time.monotonic() - start,
            weights_sha256=weights_sha256(path),
        )
        self.history.append(row)
        logging.info(
            "epoch %d of 0 to %d, phase %d: loss %.4f, validation loss %.4f, %.1f s",
            *(epoch, len(self.phase_of) - 1, self.phase),
            *(row.train_loss, row.validation_loss, row.seconds),
        )

    def _checkpoint(self) -> None:
        """Write down all that the next epoch needs, if there is one: a killed job goes on from here."""
        state = {"key": self.key, "history": [asdict(row) for row in self.history], "validation": self.validation}
        if len(self.history) < len(self.phase_of):
            state["next"] = {
                "network": self.network.state_dict(),
                "average": self.average.state_dict() if self.average else None,
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "parts": self.parts,
                "phase": self.phase,
            }
        if self.processes.rank == 0:
            with replacing(self.folder / "last.ckpt") as partial:
                torch.save(state, partial)
                seal(partial)
        self.kept = len(self.history)

    def _resume(self) -> None:
        """Take up the last finished epoch, if a checkpoint of this very setting lies here."""
        path = self.folder / "last.ckpt"
        if not path.exists():
            return
        try:
            check_seal(path)
            state = torch.load(path, map_location="cpu", weights_only=True)  # it does not mind what follows
        except Exception as error:
            logging.info("%s cannot be read (%s): training starts anew", path.name, error)
            return
        if state["key"] != self.key:
            logging.info("%s is of another setting or other data: training starts anew", path.name)
            return
        if any(weights_sha256(self._weights_path(row["epoch"])) != row["weights_sha256"] for row in state["history"]):
            logging.info("%s goes with weights that are not there: training starts anew", path.name)
            return
        if following := state.get("next"):
            self._enter_phase(following["phase"])
            self.network.load_state_dict(following["network"])
            if self.average:
                self.average.load_state_dict(following["average"])
            self.optimizer.load_state_dict(following["optimizer"])
            self.scaler.load_state_dict(following["scaler"])
            self.parts = max(following["parts"], self.processes.size)
        self.history = [Epoch(**row) for row in state["history"]]
        self.validation = list(state["validation"])
        self.kept = len(self.history)
        logging.info("going on after %d of %d epochs", len(self.history), len(self.phase_of))

    def _weights_path(self, epoch: int) -> Path:
        return self.folder / "weights" / f"epoch{epoch}.safetensors"
