"""Compare photos per second of the training engine, of a constant batch, and of two ordinary data paths.

Measured in turn, several times: (a) `stylevote.cnn.train` on a cache of decoded photos; (b) the same network and
optimizer on one constant batch; (c) the plain way: the same network with PyTorch's defaults, a torchvision dataset of
800 x 800 JPEG files, v2 transforms, and a DataLoader with a worker per core; (d) the same with timm's loader and
training transforms, and as many workers; and the data paths of (a) and (c) alone. (a) is also measured with light and
heavy augmentation (`LIGHT`, `HEAVY`). (c) and (d) run in their own process; `--only-engine` leaves them out.
Loaders are warm when the clock starts: batches that they fetched in advance are not counted. Photos are drawn, enlarged
and made grainy, so that their files have as many bits per pixel as real photos:

    python benchmarks/training.py --backbone mobilenetv2_100 --size 128
"""

import itertools
import multiprocessing
import os
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench import make_parser

# Waiting threads sleep. If they spin on the cores that a loader's workers need, (c) and (d) can take several times as
# long on two cores. Set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image
from timm.data import create_loader
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from stylevote.cnn.batches import PixelCache
from stylevote.cnn.fold_data import FoldData
from stylevote.cnn.network import Network
from stylevote.cnn.train import Training
from stylevote.demo.scene import draw
from stylevote.demo.styles import LABELS
from stylevote.machine.device import open_device
from stylevote.photos.decoding import decode_photo
from stylevote.photos.pixels import open_pixels, resize_photo, write_pixels

SIDE = 800  # of the challenge's photos, in pixels
QUALITY = 90  # of JPEG files
# Standard deviation in levels. Files have 1.9 bits per pixel with it, 1.0 without it: smooth photos decode faster.
# Four photographs that come with scikit-image (astronaut, coffee, chelsea, rocket) have 1.5 to 2.4 at that quality.
GRAIN = 4
AHEAD = 2  # batches that each worker fetches in advance: the DataLoader's default
LIGHT = {"jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4}, "erasing": 0.25}
HEAVY = {"auto": "trivial", "cutmix": 1}
AUGMENTS = {"crops": {}, "light": LIGHT, "heavy": HEAVY}
# The challenge's training photos, the share that a fold trains on, and of the first-place report (docs/fidelity.md) the
# number of CNNs and of epochs ("less than 8").
PHOTOS, SHARE, MODELS, EPOCHS = 54_908, 4 / 5, 726, 7


class Files(Dataset):
    """JPEG files with targets, read like torchvision's datasets, and repeated up to ``length``."""

    def __init__(self, paths: list[Path], length: int, transform: Callable | None) -> None:
        self.paths, self.length, self.transform = paths, length, transform

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> tuple[Any, int]:
        with Image.open(self.paths[number % len(self.paths)]) as photo:
            return self.transform(photo.convert("RGB")), number % len(LABELS)


def run_setting(options: Namespace, *, epochs: int = 1, **keys: Any) -> dict[str, Any]:
    """Return a run's setting by the program's options (`backbone`, `size`, `batch`, `precision`, `compile`)."""
    phase = {"epochs": epochs, "lr": 1e-4, "train": "all", "policy": "triangular", "cycle": 1}
    setting = {"backbone": options.backbone, "backbone_args": {}, "weights": "none", "size": options.size}
    setting |= {"hidden_units": [256], "batch": options.batch, "loss": {"bce": {}}, "phases": [phase], "ema": None}
    setting |= {"gradient_clip": None, "precision": options.precision, "compile": options.compile, "tta": "mirror"}
    return {**setting, "crop": {"min_scale": 0.8, "stretch": 0.1}, "seed": 0, **keys}


class Bench:
    """Measurements on one device with one network, by the program's options."""

    def __init__(self, options: Namespace, device: torch.device) -> None:
        self.options, self.device = options, device
        self.count = options.steps * options.batch  # photos a measurement
        self.targets = torch.eye(len(LABELS))[torch.arange(options.photos) % len(LABELS)].to(device)
        self.setting = run_setting(options)

    def steps(
        self, forward: Callable, optimizer: torch.optim.Optimizer, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]
    ) -> None:
        """Train one step with each batch, and do nothing else."""
        precision = getattr(torch, self.options.precision)
        for photos, targets in batches:
            with torch.autocast(self.device.type, precision, enabled=precision != torch.float32):
                logits = forward(photos)
            loss = binary_cross_entropy_with_logits(logits, targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    def rate(self, work: Callable[[], Any]) -> float:
        """Return photos per second of ``work``, which uses `count` photos."""
        self.wait()
        start = time.perf_counter()
        work()
        self.wait()
        return self.count / (time.perf_counter() - start)

    def wait(self) -> None:
        """Wait for a GPU to finish."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class Engine(Bench):
    """(a), (b), and the data path of (a), with the photos of a cache; the training is in a folder."""

    def __init__(self, options: Namespace, device: torch.device, cache: PixelCache, folder: Path) -> None:
        super().__init__(options, device)
        rows = torch.randint(options.photos, (self.count,), generator=torch.Generator().manual_seed(1))
        data = FoldData(cache, self.targets, [rows], rows[:0], binary_cross_entropy_with_logits)
        self.training = Training("benchmark", self.setting, 0, data, folder=folder, device=device, key="")
        self.training._enter_phase(0)
        self.constant = next(self.batches("crops"))
        for name in AUGMENTS:  # warm-up: memory, kernels, compilation
            self.train(name)

    def train(self, augment: str) -> None:
        """Train an epoch."""
        self.training.setting = {**self.setting, "augment": AUGMENTS[augment]}
        self.training._train_epoch(0)

    def batches(self, augment: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the engine's batches, as the network sees them."""
        self.training.setting = {**self.setting, "augment": AUGMENTS[augment]}
        for batch in self.training._epoch_batches(0, self.options.steps):
            yield self.training._photos(batch)

    def measure(self) -> dict[str, float]:
        """Return the rates of (a) and its data path for each augmentation, and of (b)."""
        training, same = self.training, itertools.repeat(self.constant, self.options.steps)
        rates = {"(b) one constant batch": self.rate(lambda: self.steps(training.forward, training.optimizer, same))}
        for name in AUGMENTS:
            rates[f"(a) this engine, {name}"] = self.rate(lambda name=name: self.train(name))
            rates[f"data path of (a), {name}"] = self.rate(lambda name=name: exhaust(self.batches(name)))
        return rates


class Plain(Bench):
    """(c), (d), and the data path of (c): the same network with PyTorch's defaults, and the photos as files."""

    def __init__(self, options: Namespace, paths: list[Path]) -> None:
        super().__init__(options, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
        torch.set_num_threads(options.threads)
        self.paths, self.workers = paths, os.cpu_count()
        network = Network(self.setting, len(LABELS)).to(self.device).train()
        self.forward = torch.compile(network) if options.compile else network
        self.optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
        self.train(itertools.islice(self.torchvision(4 * options.batch), 2))  # warm-up

    def train(self, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Train one step with each batch."""
        self.steps(self.forward, self.optimizer, batches)

    def torchvision(self, count: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (c)'s batches: crop, mirror image and floats as in torchvision's guide."""
        crop = v2.RandomResizedCrop(self.options.size, scale=(0.64, 1), antialias=True)
        floats = v2.ToDtype(torch.float32, scale=True)
        transform = v2.Compose([v2.ToImage(), crop, v2.RandomHorizontalFlip(), floats])
        loader = DataLoader(
            Files(self.paths, count, transform),
            self.options.batch,
            shuffle=True,
            num_workers=self.workers,
            prefetch_factor=AHEAD,
            pin_memory=self.device.type == "cuda",
        )
        return self.sent(loader)

    def timm(self, count: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (d)'s batches."""
        loader = create_loader(
            Files(self.paths, count, None),
            (3, self.options.size, self.options.size),
            self.options.batch,
            is_training=True,
            num_workers=self.workers,
            use_prefetcher=self.device.type == "cuda",
            pin_memory=self.device.type == "cuda",
            device=self.device,
            persistent_workers=False,
        )
        return self.sent(loader)

    def sent(self, loader: Iterable) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield a loader's batches on the device, with one target per label."""
        for photos, labels in loader:
            yield photos.to(self.device, non_blocking=True), self.targets[labels.to(self.device, non_blocking=True)]

    def loaded(self, batches: Callable[[int], Iterator], work: Callable[[Iterable], None]) -> float:
        """Return the rate of ``work`` with a loader's batches, without those that were fetched in advance."""
        ahead = AHEAD * self.workers
        # As many again at the end keep the workers busy until the clock stops.
        iterator = batches((2 * ahead + self.options.steps) * self.options.batch)
        work(itertools.islice(iterator, ahead))
        return self.rate(lambda: work(itertools.islice(iterator, self.options.steps)))

    def measure(self) -> dict[str, float]:
        """Return the rates of (c), (d) and the data path of (c)."""
        return {
            "(c) torchvision, DataLoader": self.loaded(self.torchvision, self.train),
            "(d) timm's loader": self.loaded(self.timm, self.train),
            "data path of (c)": self.loaded(self.torchvision, exhaust),
        }


def serve_plain(connection: Connection, options: Namespace, paths: list[Path]) -> None:
    """Measure the plain ways at each request of the connection's other end."""
    bench = Plain(options, paths)
    connection.send("ready")
    while connection.recv():
        connection.send(bench.measure())


def exhaust(batches: Iterable) -> None:
    """Take all batches and do nothing with them."""
    for _ in batches:
        pass


def write_files(count: int, folder: Path) -> list[Path]:
    """Draw photos, enlarge them to the challenge's size, add grain and write them as JPEG files."""
    paths = [folder / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        random = np.random.default_rng(number)
        photo = Image.fromarray(draw([LABELS[number % len(LABELS)]], random).photo)
        enlarged = np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.float32)
        grainy = enlarged + random.normal(0, GRAIN, (SIDE, SIDE, 1))
        Image.fromarray(grainy.clip(0, 255).astype(np.uint8)).save(path, "JPEG", quality=QUALITY)
    return paths


def shares(rates: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the share of the data path in a step on one constant batch and the data path, per augmentation.

    Args:
        rates: of `Engine.measure`, a row per round.
    """
    step = 1 / rates["(b) one constant batch"]
    paths = {name: 1 / rates[f"data path of (a), {name}"] for name in AUGMENTS}
    return {name: path / (step + path) for name, path in paths.items()}


def report(bench: Bench, paths: list[Path], rates: pd.DataFrame) -> None:
    """Print the table; ratios are medians of each round's."""
    options, device = bench.options, bench.device
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    print(f"torch {torch.__version__}, timm {timm.__version__}, {os.cpu_count()} cores, {options.threads} threads")
    if device.type == "cuda":
        total, peak = torch.cuda.mem_get_info(device)[1] / 1e9, torch.cuda.max_memory_allocated(device) / 1e9
        print(f"{torch.cuda.get_device_name(device)}, {total:.0f} GB, of which at most {peak:.1f} GB were used")
    print(
        f"{options.backbone} at {options.size} px, batch {options.batch}, {options.precision}"
        f"{', compiled' if options.compile else ''}; {len(rates)} rounds of {bench.count} photos; "
        f"{options.photos} JPEG files of {1000 * megabytes / options.photos:.0f} kB on average"
    )
    for name, rate in sorted(rates.median().items()):
        print(f"{name:30}{rate:10.1f} photos per second")
    ours = rates["(a) this engine, crops"]
    ratios = {f"share of data path, {name}": share for name, share in shares(rates).items()}
    ratios |= {
        f"(a) {name} / (b)": rates[f"(a) this engine, {name}"] / rates["(b) one constant batch"] for name in AUGMENTS
    }
    if not options.only_engine:
        ratios["(a) / (c)"] = ours / rates["(c) torchvision, DataLoader"]
        ratios["(a) / (d)"] = ours / rates["(d) timm's loader"]
        ratios["data paths"] = rates["data path of (a), crops"] / rates["data path of (c)"]
    for name, ratio in ratios.items():
        print(f"{name:30}{ratio.median():10.3f} ({', '.join(f'{value:.3f}' for value in ratio.sort_values())})")
    rate = ours.median()
    hours = MODELS * SHARE * PHOTOS / rate / 3600
    print(
        f"Training {MODELS} of these CNNs: {MODELS} x {SHARE} x {PHOTOS} photos / {rate:.1f} per second = "
        f"{hours:.1f} hours\nif every epoch's weights are a member; {EPOCHS} times that, {EPOCHS * hours:.1f} hours, "
        f"if one of {EPOCHS} is. Out-of-fold predictions come on top."
    )


def main() -> None:
    """Measure and print the table."""
    arguments = make_parser(__doc__)
    arguments.add_argument("--backbone", default="mobilenetv2_100", help="a timm model")
    arguments.add_argument("--size", type=int, default=128, help="side of its input in pixels (default 128)")
    arguments.add_argument("--batch", type=int, default=32, help="photos per step (default 32)")
    arguments.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    arguments.add_argument("--compile", action="store_true", help="compile the network first")
    arguments.add_argument("--threads", type=int, default=os.cpu_count(), help="of torch (default: every core)")
    arguments.add_argument("--photos", type=int, default=256, help="different photos (default 256)")
    arguments.add_argument("--steps", type=int, default=12, help="batches per measurement (default 12; 200 for a GPU)")
    arguments.add_argument("--rounds", type=int, default=3, help="measurements of each kind (default 3)")
    arguments.add_argument("--only-engine", action="store_true", help="leave out (c) and (d)")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_files(options.photos, folder)
        # In its own process: the engine changes settings of the C library and of torch for its whole process.
        here, there = multiprocessing.Pipe()
        plain = multiprocessing.get_context("spawn").Process(target=serve_plain, args=(there, options, paths))
        if not options.only_engine:
            plain.start()
        device = open_device(options.threads)
        photos = (resize_photo(decode_photo(path.read_bytes(), options.size), options.size) for path in paths)
        index = write_pixels(map(np.ascontiguousarray, photos), folder / "pixels")
        engine = Engine(options, device, PixelCache.open(open_pixels(folder / "pixels", index), index, device), folder)
        rates = []
        if not options.only_engine:
            here.recv()
        for _ in range(options.rounds):
            rates.append(engine.measure())
            if not options.only_engine:
                here.send(True)
                rates[-1] |= here.recv()
        if not options.only_engine:
            here.send(False)
            plain.join()
        report(engine, paths, pd.DataFrame(rates))


if __name__ == "__main__":
    main()
