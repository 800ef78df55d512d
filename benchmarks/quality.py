"""Compare this software with what people would do instead, on labelled photos: macro F2 on test photos, and its price.

    python benchmarks/quality.py DATA --weights FOLDER --work WORK [--seeds 3] [--sets quick_cpu standard_cpu]

DATA is a folder with labels.csv, test_labels.csv, images/train and images/test. The ways:

    all-ones    every label on every photo
    probe       features of the frozen backbone (photo and mirror image), scikit-learn's logistic regression per label
    plain       the backbone fine-tuned by a few lines of timm and torchvision: five folds, 8 epochs; the folds' mean,
                at 0.5 and at each label's best threshold out of fold
    fastai      `vision_learner` with its `fine_tune`, five folds, where fastai is installed
    each set    this software with a ready set of runs
    paper       this software with `preset: paper_2018` on two fine-tuned runs: one repeats photos of rare labels

Each way's own estimate is of the training photos: thresholds from the other folds, or the workflow's nested estimate.
Differences are to the plain way with best thresholds, means over the seeds, with 95 % intervals of paired resamples of
test photos. Seeds change folds and trainings. Minutes are of the processor (user and system, with all processes). WORK
keeps results, and a further call continues. Begin a new folder after a change of the workflow's code.
"""

import sys
from argparse import Namespace
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import timm
import torch
from bench import make_parser
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold
from measuring import (
    Data,
    Outcome,
    add_data_options,
    base_configuration,
    markdown,
    open_data,
    processor_seconds,
    rarest_labels,
    read_outcome,
    resampled_f,
    run_workflow,
    signed,
)
from PIL import Image
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from stylevote.config.run_sets import SETS, entries_of
from stylevote.metrics import best_threshold, macro_f_beta

BASE = "plain, best thresholds"
PHASES = [{"epochs": 1, "lr": 1e-3, "train": "head"}, {"epochs": 2, "lr": 3e-4, "train": {"last": 0.4}}]
PHASES += [{"epochs": 4, "lr": 1e-4, "train": {"last": 0.8}}]
# A fifteenth of the paper's grid, which would take most of the time and gain nothing on small sets of photos.
GRID = {"eta": [0.05, 0.1], "max_depth": [2, 4, 6], "min_child_weight": [1, 4]}


class Photos(Dataset):
    """Photos and their labels, as a user would write it."""

    def __init__(self, data: Data, name: str, rows: np.ndarray, transform: Callable[[Any], torch.Tensor]) -> None:
        self.files, self.truth, self.rows = data.files(name), data.truth(name), rows
        self.transform = transform

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        row = self.rows[number]
        photo = Image.open(self.files[row]).convert("RGB")
        return self.transform(photo), torch.from_numpy(self.truth[row]).float()


def pretrained(arguments: Namespace, **keys: Any) -> torch.nn.Module:
    """Return the backbone with its pretrained weights, from the folder of weights if there is one."""
    name = arguments.backbone
    file = {"file": str(arguments.weights / f"{name}.safetensors")} if arguments.weights else {}
    return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=file or None, **keys)


def tensors(network: torch.nn.Module, *augmentation: v2.Transform) -> v2.Compose:
    """Return a transform of a photo into the network's normalized input."""
    published = network.pretrained_cfg
    last = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(published["mean"], published["std"])]
    return v2.Compose([*augmentation, *last])


def whole(side: int) -> v2.Transform:
    """Return the transform that squeezes the whole photo into a square."""
    return v2.Resize((side, side), antialias=True)


@torch.inference_mode()
def outputs(network: torch.nn.Module, photos: Photos) -> np.ndarray:
    """Return the mean of a network's outputs for photos and their mirror images."""
    network.eval()
    views = [(network(batch) + network(batch.flip(3))) / 2 for batch, _ in DataLoader(photos, 32)]
    return torch.cat(views).numpy()


def folds(truth: np.ndarray, arguments: Namespace, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the rows to train on and those held out, for each fold."""
    division = MultilabelStratifiedKFold(arguments.folds, shuffle=True, random_state=seed)
    return list(division.split(np.zeros(len(truth)), truth))


def decide(truth: np.ndarray, held_out: list[np.ndarray], train: np.ndarray, test: np.ndarray) -> Outcome:
    """Decide at each label's best threshold; training photos at that of the other folds' photos."""
    labels = range(truth.shape[1])
    own, others = np.zeros_like(truth), np.ones(len(truth), bool)
    for rows in held_out:
        others[:] = True
        others[rows] = False
        for label in labels:
            own[rows, label] = train[rows, label] >= best_threshold(truth[others, label], train[others, label])[0]
    best = [best_threshold(truth[:, label], train[:, label])[0] for label in labels]
    return Outcome({"train": own, "test": (test >= best).astype(np.uint8)}, {"train": train, "test": test})


def probe_scores(data: Data, arguments: Namespace, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return out-of-fold scores, and scores of the test photos: logistic regressions on frozen features."""
    network = pretrained(arguments, num_classes=0)
    transform, truth = tensors(network, whole(arguments.probe_size)), data.truth("train")
    features = {
        name: outputs(network, Photos(data, name, np.arange(len(data.tables[name])), transform))
        for name in ("train", "test")
    }
    train, test = np.zeros(truth.shape), np.zeros(data.truth("test").shape)
    for others, held_out in folds(truth, arguments, seed):
        for label in range(truth.shape[1]):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=1000))
            model.fit(features["train"][others], truth[others, label])
            train[held_out, label] = model.predict_proba(features["train"][held_out])[:, 1]
            test[:, label] += model.predict_proba(features["test"])[:, 1] / arguments.folds
    return train, test


def plain_scores(data: Data, arguments: Namespace, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the same of networks that are fine-tuned as a user would do it."""
    truth = data.truth("train")
    train, test = np.zeros(truth.shape), np.zeros(data.truth("test").shape)
    for number, (others, held_out) in enumerate(folds(truth, arguments, seed)):
        torch.manual_seed(1000 * seed + number)
        network = pretrained(arguments, num_classes=truth.shape[1])
        side = arguments.size
        augmented = tensors(network, v2.RandomResizedCrop(side, (0.5, 1), antialias=True), v2.RandomHorizontalFlip())
        loader = DataLoader(Photos(data, "train", others, augmented), 32, shuffle=True, drop_last=True)
        optimizer, steps = torch.optim.AdamW(network.parameters(), 1e-3), arguments.epochs * len(loader)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
        for _ in range(arguments.epochs):
            network.train()
            for batch, labels in loader:
                optimizer.zero_grad()
                torch.nn.functional.binary_cross_entropy_with_logits(network(batch), labels).backward()
                optimizer.step()
                schedule.step()
        transform = tensors(network, whole(side))
        every = np.arange(len(test))
        train[held_out] = expit(outputs(network, Photos(data, "train", held_out, transform)), dtype=np.float64)
        scores = outputs(network, Photos(data, "test", every, transform))
        test += expit(scores, dtype=np.float64) / arguments.folds
    return train, test


def fastai_scores(data: Data, arguments: Namespace, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the same of fastai's `vision_learner`, fine-tuned with its defaults for as many epochs."""
    from fastai.vision import all as fastai  # noqa: PLC0415 (is not installed everywhere)

    name, truth = arguments.backbone, data.truth("train")
    file = {"file": str(arguments.weights / f"{name}.safetensors")} if arguments.weights else {}
    train, test = np.zeros(truth.shape), np.zeros(data.truth("test").shape)
    files, names = data.files("train"), np.array(data.labels)
    labels_of = {file: names[row == 1].tolist() for file, row in zip(files, truth, strict=True)}
    for number, (_, held_out) in enumerate(folds(truth, arguments, seed)):
        fastai.set_seed(1000 * seed + number)
        block = fastai.DataBlock(
            blocks=(fastai.ImageBlock, fastai.MultiCategoryBlock(vocab=data.labels)),
            get_y=labels_of.get,
            splitter=fastai.IndexSplitter(held_out.tolist()),
            item_tfms=fastai.Resize(arguments.size, method="squish"),
            batch_tfms=fastai.aug_transforms(),
        )
        loaders = block.dataloaders(files, bs=32, num_workers=0)
        learner = fastai.vision_learner(loaders, name, n_out=len(names), pretrained_cfg_overlay=file or None)
        with learner.no_bar(), learner.no_logging():
            learner.fine_tune(arguments.epochs)
            train[held_out] = learner.get_preds()[0].numpy()
            photos = loaders.test_dl(data.files("test"), num_workers=0)
            test += learner.get_preds(dl=photos)[0].numpy() / arguments.folds
    return train, test


SCORES = {"probe": probe_scores, "plain": plain_scores, "fastai": fastai_scores}


def measure_scores(way: str, data: Data, arguments: Namespace, seed: int) -> tuple[Outcome, float]:
    """Return the outcome of one of `SCORES`, and its processor seconds; it is computed once."""
    path = arguments.work / way / f"seed{seed}.npz"
    if not path.exists():
        before = processor_seconds()
        train, test = SCORES[way](data, arguments, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, train=train, test=test, seconds=processor_seconds() - before)
    stored, truth = np.load(path), data.truth("train")
    held_out = [rows for _, rows in folds(truth, arguments, seed)]
    return decide(truth, held_out, stored["train"], stored["test"]), float(stored["seconds"])


def measure_workflow(way: str, data: Data, arguments: Namespace, seed: int) -> tuple[Outcome, float]:
    """Return the outcome of this software with a ready set, or as the paper says, and its processor seconds."""
    entries = entries_of(way) if way in SETS else []
    folder = (arguments.work / f"stylevote_{way}" / f"seed{seed}").resolve()
    config = {"results": str(folder), "folds": {"count": arguments.folds, "seed": seed}}
    config |= base_configuration(data, arguments)
    config["runs"] = [{**entry, "seed": entry.get("seed", 0) + 10 * seed} for entry in entries]
    if way == "paper":
        config["preset"], config["stack"] = "paper_2018", {"xgboost": {"grid": GRID}}
        config["recipes"] = {"plain": {}, "rare": {"repeat": {"labels": rarest_labels(data), "times": 3}}}
        run = {"backbone": arguments.backbone, "size": arguments.size, "phases": PHASES, "seed": seed}
        config["runs"] = [{**run, "recipe": {"each": ["plain", "rare"]}}]
    seconds = run_workflow(config, arguments.threads)
    return read_outcome(data, folder, folder), seconds


def outcomes(way: str, data: Data, arguments: Namespace, seed: int) -> dict[str, tuple[Outcome, float]]:
    """Return a way's outcomes, by the names of its rows in the table, with their processor seconds."""
    if way == "all-ones":
        ones = {name: np.ones_like(data.truth(name)) for name in ("train", "test")}
        return {way: (Outcome(ones, ones), 0.0)}
    if way not in SCORES:
        return {f"Stylevote, {way}": measure_workflow(way, data, arguments, seed)}
    found, seconds = measure_scores(way, data, arguments, seed)
    rows = {f"{way}, best thresholds": (found, seconds)}
    if way == "plain":
        half = {name: (scores >= 0.5).astype(np.uint8) for name, scores in found.scores.items()}
        rows = {f"{way}, at 0.5": (Outcome(half, found.scores), seconds), **rows}
    return rows


def table(measured: dict[str, list[tuple[Outcome, float]]], data: Data) -> str:
    """Return a row per way; ``measured`` has each way's outcome and seconds for each seed."""
    rows = [["way", "test macro F2", "difference to plain", "its own estimate", "estimate - test", "minutes"]]
    truth = {name: data.truth(name) for name in ("train", "test")}
    for way, seeds in measured.items():
        scores = {
            name: np.array([macro_f_beta(truth[name], found.decisions[name]) for found, _ in seeds]) for name in truth
        }
        difference = ""
        if way != BASE and len(measured.get(BASE, [])) == len(seeds):
            pairs = zip(measured[BASE], seeds, strict=True)
            both = [found.decisions["test"] for pair in pairs for found, _ in pair]
            samples = resampled_f(truth["test"], both)
            values = np.array([macro_f_beta(truth["test"], each) for each in both])
            difference = signed((values[1::2] - values[::2]).mean(), (samples[1::2] - samples[::2]).mean(axis=0))
        spread = f" ± {scores['test'].std(ddof=1):.3f}" if len(seeds) > 1 else ""
        test, own = scores["test"].mean(), scores["train"].mean()
        minutes = np.mean([seconds for _, seconds in seeds]) / 60
        rows.append([way, f"{test:.3f}{spread}", difference, f"{own:.3f}", f"{own - test:+.3f}", f"{minutes:.1f}"])
    return markdown(rows)


def parse_arguments(words: list[str] | None = None) -> Namespace:
    """Return the options."""
    parser = make_parser(__doc__)
    add_data_options(parser)
    parser.add_argument("--sets", nargs="+", default=["quick_cpu", "standard_cpu"], choices=SETS, help="ready sets")
    parser.add_argument("--ways", nargs="+", help="ways to measure (default: all, with the sets)")
    parser.add_argument("--backbone", default="mobilenetv2_100.ra_in1k", help="of probe, plain, fastai and paper")
    parser.add_argument("--size", type=int, default=161, help="pixels of fine-tuned networks")
    parser.add_argument("--probe-size", type=int, default=225, help="pixels of the probe")
    parser.add_argument("--epochs", type=int, default=8, help="of plain and fastai")
    parser.add_argument("--folds", type=int, default=5, help="number of folds")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    """Measure what is missing, and print the table after each seed."""
    arguments = parse_arguments(words)
    torch.set_num_threads(arguments.threads)
    data = open_data(arguments)
    measured: dict[str, list[tuple[Outcome, float]]] = {}
    for seed in range(arguments.seeds):
        for way in arguments.ways or ["all-ones", *SCORES, *arguments.sets, "paper"]:
            if way == "fastai" and not find_spec("fastai"):
                print("fastai is not installed: left out", file=sys.stderr)
                continue
            for name, found in outcomes(way, data, arguments, seed).items():
                measured.setdefault(name, []).append(found)
            print(f"seed {seed}: {way} is measured", file=sys.stderr, flush=True)
        print(f"{seed + 1} of {arguments.seeds} seeds\n\n{table(measured, data)}\n", flush=True)


if __name__ == "__main__":
    main()
