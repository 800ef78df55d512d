"""Checkpoints: how a training that was stopped or killed continues after its last finished epoch.

1. A training works in the folder ``unfinished``, next to its outputs. The workflow does not know this folder, so a
   retry finds it.
2. After each epoch it writes ``weights/epoch{n}.safetensors`` and then ``last.ckpt``: history, out-of-fold scores, and
   the state that the next epoch needs. Each file is renamed into place, so a kill leaves the old or the new one.
3. SIGTERM and SIGINT end the process at once: finished epochs are on disk (`exit_on_signals`).
4. The next start reads ``last.ckpt`` and continues (`read_checkpoint`). It starts from the beginning if the file is
   damaged, has another key (settings, code and data), or if weights differ from the history.
5. After the last epoch, `cnn.outputs.publish` links the weights to the outputs and writes the tables.
6. The work folder stays, without the optimizer's state, until a later program has read the outputs, or the workflow has
   recorded them. Until then, a job that was killed at the end, or whose end the workflow missed, only has to publish
   again.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from stylevote.cnn.outputs import weights_path
from stylevote.config.identity import file_sha256
from stylevote.files.tables import check_seal, replacing, seal

CHECKPOINT = "last.ckpt"


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write a training's state; `read_checkpoint` checks its ``key`` and ``history``."""
    with replacing(folder / CHECKPOINT) as partial:
        torch.save(state, partial)
        seal(partial)


def read_checkpoint(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the state in a training's work folder, or None if there is none that fits; the log tells why.

    Args:
        folder: the work folder.
        key: digest of all that the training depends on, which the state must have.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        check_seal(path)
        state = torch.load(path, map_location="cpu", weights_only=True)  # ignores the seal at the end
    except Exception as error:
        problem = f"cannot be read ({error})"
    else:
        if state["key"] != key:
            problem = "belongs to another setting or other data"
        elif not all(_is_stored(folder, row) for row in state["history"]):
            problem = "does not fit the weights on disk"
        else:
            return state
    logging.info("%s %s: training starts from the beginning", path.name, problem)
    return None


def _is_stored(folder: Path, row: dict[str, Any]) -> bool:
    """Return whether the weights of an epoch of the history are on disk."""
    path = weights_path(folder / "weights", row["epoch"])
    return path.is_file() and file_sha256(path) == row["weights_sha256"]


def exit_on_signals(progress: Callable[[], str] | None) -> None:
    """Let SIGTERM and SIGINT end the process at once, with status 128 + the signal's number.

    Python runs a signal's handler between two of its own instructions. A GPU or another process may delay that, so a
    thread also waits for the signal.

    Args:
        progress: returns the text to print then, about the point from which the next start continues; None prints
            nothing.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)

    def stop() -> None:
        number = os.read(reading, 1)[0]
        if progress:
            # The logging module may be in the middle of a line.
            os.write(2, f"stopped by {signal.Signals(number).name}: {progress()}\n".encode())
        os._exit(128 + number)

    stopping = threading.Thread(target=stop, daemon=True)
    stopping.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.join())
