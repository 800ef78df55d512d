"""Check and measure training, prediction and features on a GPU, in at most eight minutes, and print a Markdown table.

It needs torch, timm (torchvision, pillow, safetensors and tqdm come with it), numpy, pandas and pyarrow, and fetches
nothing: photos are noise, weights are random. `stylevote.cnn` needs no more; Snakemake, pydantic, scipy, scikit-learn,
scikit-image, xgboost, rich and segmentation-models-pytorch may be missing. Each part runs in a process of its own with
a time limit. The others go on if one fails. From the repository's root:

    python benchmarks/gpu.py

On a CPU, `--tiny` runs every part with a tiny network, in two processor minutes. It then needs onnxruntime, too.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import timm
import torch
from bench import make_parser
from torch.nn.functional import binary_cross_entropy_with_logits
from training import Engine, run_setting, shares

from stylevote.cnn.batches import PixelCache
from stylevote.cnn.fold_data import FoldData
from stylevote.cnn.predict import predict
from stylevote.cnn.train import Training
from stylevote.machine.device import open_device

LABELS = 13
TINY = {"backbone": "test_resnet", "size": 32, "batch": 8, "photos": 24, "steps": 2, "rounds": 1}
CHECKED = {"backbone": "resnet50", "size": 224, "batch": 64, "photos": 512, "steps": 4, "rounds": 1}
MEASURED = {"batch": 64, "photos": 640, "steps": 10, "rounds": 3}
TRAINED = {
    "ResNet50": {"backbone": "resnet50", "size": 224},
    "DenseNet169": {"backbone": "densenet169", "size": 224},
    "Xception": {"backbone": "legacy_xception", "size": 299},
    "ConvNeXt-Tiny": {"backbone": "convnext_tiny", "size": 224},
}
FROZEN = {
    "ConvNeXt-Tiny": {"backbone": "convnext_tiny", "size": 224},
    "ViT-B/16": {"backbone": "vit_base_patch16_224", "size": 224},
}


class Job:
    """What the parts share: the device, photos and a setting.

    Args:
        tiny: whether to use the tiny network.
        folder: of trainings.
        values: of the photos and the network (`CHECKED`).
    """

    def __init__(self, tiny: bool, folder: Path, **values: Any) -> None:
        self.options = Namespace(**{**values, **(TINY if tiny else {})}, precision="float32", compile=False)
        self.folder, self.device = folder, open_device(os.cpu_count() or 1)
        count, side = self.options.photos, self.options.size
        pixels = np.random.default_rng(1).integers(0, 256, count * side * side * 3, dtype=np.uint8)
        index = {"offset": np.arange(count) * side * side * 3, "height": side, "width": side}
        self.cache = PixelCache.open(pixels, pd.DataFrame(index), self.device)

    def train(self, name: str = "training", **keys: Any) -> tuple[Training, float]:
        """Train two epochs in a folder of this name, check their scores, and return the training and its seconds."""
        options, rows = self.options, torch.arange(self.options.photos)
        targets = (torch.arange(options.photos)[:, None] % torch.arange(2, LABELS + 2) == 0).float()
        held_out = options.photos // 4
        orders = [rows[held_out:], rows[held_out:].flip(0)]
        loss = binary_cross_entropy_with_logits
        data = FoldData(self.cache, targets.to(self.device), orders, rows[:held_out], loss)
        setting = run_setting(self.options, epochs=2, gradient_clip=1.0, **keys)
        start = time.monotonic()
        training = Training("check", setting, 0, data, folder=self.folder / name, device=self.device, key="")
        history, scores = training.run()
        assert scores.shape == (2, held_out, LABELS)
        assert np.isfinite(history["train_loss"]).all()
        assert not np.array_equal(scores[0], scores[1]), "the second epoch learned nothing"
        return training, time.monotonic() - start


def check_training(job: Job) -> str:
    """Train, and score the photos again with the stored weights."""
    training, seconds = job.train(augment={"auto": "trivial", "erasing": 0.3, "cutmix": 1.0}, ema={"decay": 0.9})
    rows, side = training.data.validation, job.options.size
    scores = [predict(training.stored, job.cache, rows, side, batch, tta="mirror") for batch in (job.options.batch, 3)]
    difference = np.abs(scores[0] - training.validation[-1].numpy()).max()
    assert difference == 0, f"the same weights score differently, by {difference}"
    assert np.abs(scores[0] - scores[1]).max() < 2e-3, "scores depend on the size of batches"
    return f"two epochs in {seconds:.0f} s; scores repeat"


def check_repetition(job: Job) -> str:
    """Train twice, and compare the scores."""
    first, second = (job.train(name)[0].validation[-1].numpy() for name in ("first", "second"))
    return f"largest difference of scores {np.abs(first - second).max():.1e}"


def check_bfloat16(job: Job) -> str:
    """Train in mixed precision; weights stay in float32, photos are channels last."""
    seen = set()
    original = Training._photos

    def watch(self: Training, draws: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        photos, targets = original(self, draws)
        seen.add(photos.is_contiguous(memory_format=torch.channels_last))
        return photos, targets

    Training._photos = watch
    training, seconds = job.train(precision="bfloat16", augment={"rotation": 20, "auto": "rand", "mixup": 0.2})
    assert seen == {True}, "photos are not channels last"
    kernels = [weight for weight in training.network.parameters() if weight.ndim == 4]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in kernels)
    assert {weight.dtype for weight in training.network.parameters()} == {torch.float32}
    return f"two epochs in {seconds:.0f} s; photos and weights are channels last"


def check_compile(job: Job) -> str:
    """Train a compiled network; on a CPU it is only traced, because machine code would take minutes."""
    if job.device.type == "cpu":
        torch.compile = functools.partial(torch.compile, backend="eager")
    _, seconds = job.train(compile=True)
    return f"two epochs in {seconds:.0f} s, compilation included"


def check_memory(job: Job) -> str:
    """Let a training run out of memory, so that it computes batches in parts."""
    if job.device.type == "cpu":
        limit = job.options.batch // 2
        original = Training._photos

        def refuse(self: Training, draws: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
            if len(draws["rows"]) > limit:
                raise torch.OutOfMemoryError("a CPU has no limit; this one is simulated")
            return original(self, draws)

        Training._photos = refuse
    else:
        training, _ = job.train()
        need, total = torch.cuda.max_memory_allocated(), torch.cuda.get_device_properties(job.device).total_memory
        del training
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(0.6 * need / total)
    training, _ = job.train("short")
    assert training.parts > 1, "the memory sufficed"
    return f"batches in {training.parts} parts; the training ends"


def measure_training(job: Job) -> str:
    """Return rates of training in bfloat16, against one constant batch."""
    job.options.precision, job.options.threads = "bfloat16", torch.get_num_threads()
    engine = Engine(job.options, job.device, job.cache, job.folder)
    rates = pd.DataFrame([engine.measure() for _ in range(job.options.rounds)])
    middle = rates.median()
    texts = [f"{name} {share.median():.1%}" for name, share in shares(rates).items()]
    peak = f"; {torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if job.device.type == "cuda" else ""
    return (
        f"{middle['(a) this engine, crops']:.0f} photos/s; constant batch {middle['(b) one constant batch']:.0f};"
        f" heavy augmentation {middle['(a) this engine, heavy']:.0f}; data path {', '.join(texts)}{peak}"
    )


def measure_features(job: Job) -> str:
    """Return the rate of a frozen backbone's features in bfloat16, against one constant batch."""
    from stylevote.cnn.frozen import FrozenBackbone  # noqa: PLC0415 (the other parts do without it)

    probe = {"pooling": "mean", "layers": 1, "scales": [1]}
    network = FrozenBackbone(run_setting(job.options, probe=probe, tta="none")).to(
        job.device, memory_format=torch.channels_last
    )
    boxes, flips = torch.tensor([[0.0, 0, 1, 1]]), torch.zeros(job.options.batch, dtype=torch.bool)
    rows = torch.arange(job.options.photos).split(job.options.batch)[: job.options.steps]
    rows = [part for part in rows if len(part) == job.options.batch]
    taken = [job.cache.take(rows[0], boxes.expand(len(rows[0]), 4), flips, job.options.size)]

    def rate(batches: Callable[[torch.Tensor], torch.Tensor]) -> float:
        if job.device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        for part in rows:
            features = network(batches(part))
        assert torch.isfinite(features).all()  # waits for the device
        return len(rows) * job.options.batch / (time.perf_counter() - start)

    def take(part: torch.Tensor) -> torch.Tensor:
        return job.cache.take(part, boxes.expand(len(part), 4), flips, job.options.size)

    with torch.inference_mode(), torch.autocast(job.device.type, torch.bfloat16):
        network(taken[0])
        pairs = [(rate(take), rate(lambda _: taken[0])) for _ in range(job.options.rounds)]
    ours, constant = np.median(pairs, axis=0)
    return f"{ours:.0f} photos/s; constant batch {constant:.0f}"


# By name: the limit in seconds, the function, and what it works on. The limits sum to less than eight minutes.
PARTS: dict[str, tuple[int, Callable[[Job], str], dict[str, Any]]] = {
    "training, prediction": (40, check_training, CHECKED),
    "repetition": (40, check_repetition, CHECKED),
    "bfloat16, channels last": (35, check_bfloat16, CHECKED),
    "compile": (100, check_compile, CHECKED),
    "out of memory": (40, check_memory, CHECKED),
    **{f"features, {name}": (30, measure_features, {**MEASURED, **values}) for name, values in FROZEN.items()},
    **{f"rates, {name}": (40, measure_training, {**MEASURED, **values}) for name, values in TRAINED.items()},
}


def run_part(name: str, *, tiny: bool) -> None:
    """Run one part, and write its result as the last line."""
    _, work, values = PARTS[name]
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(work(Job(tiny, Path(folder), **values))))


def start_part(name: str, *, tiny: bool) -> tuple[str, str]:
    """Run one part in its own process; return whether it passed, and its result or the reason."""
    command = [sys.executable, __file__, "--part", name, *(["--tiny"] if tiny else [])]
    limit = 1200 if tiny else PARTS[name][0]  # a CPU may be shared by many
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return "no", f"not done after {limit} s"
    if done.returncode:
        sys.stderr.write(done.stderr)
        return "no", (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return "yes", json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run all parts and print the table; the exit status is 1 if one failed."""
    arguments = make_parser(__doc__)
    arguments.add_argument("--tiny", action="store_true", help="a tiny network, also on a CPU")
    arguments.add_argument("--part", choices=PARTS, help="run only this part, in this process")
    options = arguments.parse_args()
    if options.part:
        run_part(options.part, tiny=options.tiny)
        return
    if not (options.tiny or torch.cuda.is_available()):
        sys.exit("found no GPU; `--tiny` checks the program on a CPU")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(f"{device}, torch {torch.__version__}, timm {timm.__version__}{', tiny' if options.tiny else ''}\n")
    print("| part | passed | seconds | result |\n|---|---|---|---|")
    failed = False
    for name in PARTS:
        start = time.monotonic()
        passed, text = start_part(name, tiny=options.tiny)
        failed |= passed == "no"
        print(f"| {name} | {passed} | {time.monotonic() - start:.0f} | {text.replace('|', '/')} |", flush=True)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
