"""Score a photoset with one run's networks of every fold, at the wanted epochs.

Scores are kept by the weights, photos, settings and code that they come from, and computed once. Without a missing one,
PyTorch is not imported: it takes seconds.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cnn.kept_scores import KeptScores
from stylevote.digests import file_sha256
from stylevote.errors import InputError
from stylevote.photos.pixels import check_index
from stylevote.program import add_spec, add_threads, parser, run
from stylevote.tables import read_table, write_table

# Of a run's setting, what its scores for given weights depend on.
USED = ("backbone", "backbone_args", "hidden", "dropout", "size", "test_time")


def main(arguments: argparse.Namespace) -> None:
    """Read the scores that are kept, predict the others, and write each fold's wanted epochs."""
    labels = arguments.spec["labels"]
    wanted, index = read_table(arguments.wanted), read_table(arguments.index)
    check_index(index, read_table(arguments.manifest), arguments.index)
    epochs = sorted(wanted.loc[wanted["run"] == arguments.run, "epoch"].unique().tolist())
    logging.info("%d photos, epochs %s", len(index), ", ".join(map(str, epochs)) or "none wanted")
    setting = {key: value for key, value in arguments.spec["setting"].items() if key in USED}
    kept = KeptScores(arguments.kept, labels, len(index), [file_sha256(arguments.index), setting, arguments.code])
    digests = [read_table(history).set_index("epoch")["weights_sha256"] for history in arguments.history]
    networks = [(fold, epoch, of_fold[epoch]) for fold, of_fold in enumerate(digests) for epoch in epochs]
    scores = {network[:2]: kept.read(*network) for network in networks}
    missing = [network for network in networks if scores[network[:2]] is None]
    if missing:
        from stylevote.cnn.failures import shortages_explained  # noqa: PLC0415

        remedy = "give the job more memory, or a GPU that it shares with nobody"
        with shortages_explained(f"run {arguments.run}", remedy):
            predict(arguments, index, missing, kept, scores)
    logging.info("%d networks scored the photos, %d had before", len(missing), len(networks) - len(missing))
    for fold, output in enumerate(arguments.output):
        parts = [empty_predictions(labels)]
        for epoch in epochs:
            part = pd.DataFrame(scores[fold, epoch], columns=labels)
            part.insert(0, "image_id", index["image_id"].to_numpy())
            part.insert(1, "epoch", np.int16(epoch))
            parts.append(part)
        write_table(pd.concat(parts), output)


def predict(
    arguments: argparse.Namespace,
    index: pd.DataFrame,
    missing: list[tuple[int, int, str]],
    kept: KeptScores,
    scores: dict[tuple[int, int], np.ndarray | None],
) -> None:
    """Score the photos by the networks whose scores are missing, and keep these.

    Args:
        arguments: the program's.
        index: of the pixel cache.
        missing: fold, epoch and digest of the weights of each network.
        kept: where scores are kept.
        scores: by fold and epoch; the missing ones are added, float32 of shape (photos, labels).
    """
    import torch  # noqa: PLC0415

    from stylevote.cnn.batches import PhotoBank  # noqa: PLC0415
    from stylevote.cnn.network import Network  # noqa: PLC0415
    from stylevote.cnn.predict import predict as predict_photos  # noqa: PLC0415
    from stylevote.device import open_device  # noqa: PLC0415
    from stylevote.photos.pixels import open_pixels  # noqa: PLC0415
    from stylevote.weights import forget_work, load_weights  # noqa: PLC0415

    setting = arguments.spec["setting"]
    device = open_device(arguments.threads)
    bank = PhotoBank.open(open_pixels(arguments.pixels, index), index, device)
    network = Network({**setting, "weights": "none"}, len(arguments.spec["labels"]))
    network = network.to(device, memory_format=torch.channels_last)
    rows = torch.arange(len(index))
    side, batch, test_time = (setting[key] for key in ("size", "batch", "test_time"))
    for fold, epoch, digest in missing:
        path = arguments.weights[fold] / f"epoch{epoch}.safetensors"
        check_digest(path, digest)
        load_weights(network, path)
        found = np.asarray(predict_photos(network, bank, rows, side, batch, test_time=test_time), dtype=np.float32)
        kept.write(fold, epoch, digest, found)
        scores[fold, epoch] = found
    for weights in arguments.weights:
        forget_work(weights)


def empty_predictions(labels: list[str]) -> pd.DataFrame:
    """Return a predictions table without rows."""
    columns = {"image_id": "str", "epoch": "int16", **dict.fromkeys(labels, "float32")}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def check_digest(path: Path, expected: str) -> None:
    """Raise `InputError` unless the file is the one that training wrote."""
    from stylevote.weights import weights_sha256  # noqa: PLC0415

    found = weights_sha256(path)
    remedy = f"Remove the folder {path.parent} and start again: it is trained anew"
    if found is None:
        raise InputError(f"{path}: missing. {remedy}")
    if found != expected:
        raise InputError(f"{path}: damaged (its checksum is not that in the run's history). {remedy}")


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the photoset's photos",
        index="index of the photoset's pixel cache",
        pixels="the photoset's pixel cache",
        wanted="label, run and epoch of the networks wanted: the ensemble's members, or all that may become some",
        history="the run's history on each fold...",
        weights="folder of the run's weights on each fold...",
        output="to write: predictions table of each fold...",
    )
    options.add_argument("--run", required=True, help="id of the run")
    options.add_argument("--kept", type=Path, required=True, help="folder of the scores that are kept")
    options.add_argument("--code", required=True, help="digest of the code, by which kept scores are known")
    add_spec(options, "`labels` and the run's `setting`")
    add_threads(options)
    run(options, main)
