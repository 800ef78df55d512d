"""A small workflow of photos drawn here, and what one does with it."""

import copy
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

import warm
from places import REPOSITORY

PARTS = ["Snakefile", "config.yaml", "rules", "workflow_scripts", "profiles", "envs"]
LABELS = ["red", "{round}", "dark sky / night"]
VOTED = {
    "combine_folds": 1,
    "score_decisions": 1,
    "estimate_fold_averaging": 1,
    "write_submission": 1,
}  # what follows new votes
PHASES = [{"epochs": 2, "lr": 0.01, "train": "all"}]
RUNS = [
    {"backbone": "test_byobnet", "weights": "none", "size": 32, "batch": 16, "hidden_units": [16], "phases": PHASES},
    {
        "backbone": "test_resnet",
        "weights": "none",
        "size": 40,
        "batch": 16,
        "hidden_units": [16],
        "phases": PHASES,
        "recipe": "more",
        "loss": {"focal": {"gamma": 1}},
    },
]


def small_config() -> dict:
    """Return a configuration of three labels, three folds and two runs, one with recoloured photos."""
    return {
        "results": "out",
        "labels": LABELS,
        "photosets": {
            "train": {"photos": "photos/train", "labels": "photos/train.csv", "masks": "photos/masks"},
            "test": {"photos": "photos/test", "labels": None},
        },
        "segmentation": {"model": "given", "shards": 2},
        "recolor": {"labels": ["red", "{round}"], "total": 12, "per_epoch": 8},
        "recipes": {"plain": {}, "more": {"recolored": True, "repeat": {"labels": ["red"], "times": 2}}},
        "folds": {"count": 3},
        "runs": copy.deepcopy(RUNS),  # a test may change its own
        "stack": {
            "combiner": "xgboost",
            "xgboost": {"grid": {"eta": [0.1], "max_depth": [2], "min_child_weight": [1]}, "rounds": 20, "patience": 5},
        },
        "threshold": {"method": "exact"},
    }


class Checkout:
    """A copy of the workflow with photos of its own, and what one does with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = small_config()

    def configure(self) -> None:
        """Write the configuration, if it is not there as it is."""
        path, text = self.folder / "small.yaml", yaml.safe_dump(self.config, sort_keys=False)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)

    def snakemake(self, *arguments: str, check: bool = True, python: str = "") -> subprocess.CompletedProcess:
        """Run Snakemake here, by a Python that starts at once or another one; return what it printed."""
        self.configure()
        command = [python or warm.python(), "-m", "snakemake", "--configfile", "small.yaml", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout[-6000:]
        return done

    def run(self, *targets: str, cores: int = 2, python: str = "") -> str:
        """Compute the targets (default: everything but the report); return what Snakemake printed."""
        done = self.snakemake("--cores", str(cores), "--", *(targets or ["decide"]), python=python)
        return done.stdout

    def plan(self, *targets: str) -> dict[str, int]:
        """Return how many jobs of each rule a dry run of the targets (as for `run`) announces."""
        return announced(self.snakemake("--dry-run", "--", *(targets or ["decide"])).stdout)

    def put(self, *paths: str) -> None:
        """Write files of ten bytes."""
        for path in paths:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(bytes(10))

    def stand_in(self, *targets: str) -> None:
        """Put ten bytes in the place of every result, log and benchmark; Snakemake takes them for its own.

        It judges them by their time stamps.
        """
        planned = self.snakemake("--dry-run", "--quiet", "host", "--", *targets).stdout  # in Snakemake's own words
        lines = [line.strip().partition(": ") for line in planned.splitlines()]
        paths = {path for key, _, text in lines if key in ("output", "log", "benchmark") for path in text.split(", ")}
        folders = re.compile(r"/(weights|bundle|report/(thresholds|reliability|correlation|losses)/[^/]+)$")
        self.put(*(f"{path}/epoch0.safetensors" if folders.search(path) else path for path in paths))
        self.snakemake("--cores", "1", "--touch", "--forceall", "--", *targets)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        text = (self.folder / path).read_text()
        assert old in text
        (self.folder / path).write_text(text.replace(old, new, 1))

    def export(self, backbone: str, name: str, *photosets: str) -> None:
        """Copy what a run predicted into a folder, as another program would leave it."""
        out = self.folder / "out"
        (run,) = (path.name for path in (out / "runs").iterdir() if path.name.startswith(backbone))
        for fold in range(3):
            folder = self.folder / name / f"fold{fold}"
            folder.mkdir(parents=True)
            shutil.copy(out / "runs" / run / f"fold{fold}" / "validation.parquet", folder / "validation.parquet")
            for photoset in photosets:
                shutil.copy(
                    out / "predictions" / photoset / run / f"fold{fold}.parquet", folder / f"{photoset}.parquet"
                )

    def decided_by(self, bundle: str) -> bytes:
        """Return what the command line writes of the test photos, by a bundle."""
        command = [warm.python(), "-m", "stylevote", bundle, "photos/test", "-o", "by_bundle.csv"]
        environment = os.environ | {"PYTHONPATH": str(self.folder / "workflow_scripts")}
        subprocess.run(command, cwd=self.folder, env=environment, check=True, capture_output=True, timeout=300)
        return (self.folder / "by_bundle.csv").read_bytes()

    def copy(self, folder: Path, times: bool = False) -> "Checkout":
        """Copy everything, results too; with the same time stamps, or with its own in no particular order."""
        shutil.copytree(self.folder, folder, copy_function=shutil.copy2 if times else shutil.copyfile)
        other = Checkout(folder)
        other.config = self.config
        return other


def announced(printed: str) -> dict[str, int]:
    """Return how many jobs of each rule a dry run announced, by what it printed."""
    if "Nothing to be done" in printed:
        return {}
    table = re.search(r"Job stats:\njob +count.*?\n[- ]+\n(.*?)\n\n", printed, re.DOTALL).group(1)
    counts = {name: int(count) for name, count in (line.split()[:2] for line in table.splitlines())}
    # The check of runs is repeated for any other list of networks, and takes a second if none is new (`test_checks`).
    return {name: count for name, count in counts.items() if name not in ("all", "decide", "total", "check_runs")}


def draw_thing(marks: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a noisy photo, a red or blue, round or square thing before a light or dark sky, and its mask."""
    random = np.random.default_rng([number, *marks])
    red, round_, dark = marks
    height, width = random.integers(48, 64, 2)
    photo = random.integers(0, 60, (height, width, 3)) + (20 if dark else 160)
    y, x = np.mgrid[:height, :width]
    centre, size = random.integers(22, 28, 2), random.integers(12, 18)
    away = np.hypot(y - centre[0], x - centre[1]) if round_ else np.maximum(abs(y - centre[0]), abs(x - centre[1]))
    photo[away < size] = [200, 30, 30] if red else [30, 30, 200]
    return photo.clip(0, 255).astype(np.uint8), (away < size).astype(np.uint8)


def draw_photo(marks: np.ndarray, number: int) -> Image.Image:
    """Draw a photo of a thing."""
    return Image.fromarray(draw_thing(marks, number)[0])


def draw_photos(folder: Path, count: int, first: int = 0) -> np.ndarray:
    """Write ``count`` photos; return their labels."""
    folder.mkdir(parents=True, exist_ok=True)
    marks = np.random.default_rng(first).integers(0, 2, (count, 3))
    for number, row in enumerate(marks, start=first):
        draw_photo(row, number).save(folder / f"{number:04d}.png")
    return marks


def draw_masks(folder: Path, marks: np.ndarray) -> None:
    """Write masks of the things on the photos with these labels, numbered from 0."""
    folder.mkdir(parents=True)
    for number, row in enumerate(marks):
        Image.fromarray(draw_thing(row, number)[1]).save(folder / f"{number:04d}.png")


def make_checkout(folder: Path) -> Checkout:
    """Return a fresh copy of the workflow with photos, and no results."""
    folder.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignored)
        else:
            shutil.copyfile(source, folder / part)
    marks = draw_photos(folder / "photos" / "train", 60)
    draw_masks(folder / "photos" / "masks", marks)
    rows = [f"{number:04d}.png,{','.join(map(str, row))}" for number, row in enumerate(marks)]
    (folder / "photos" / "train.csv").write_text("\n".join(["image," + ",".join(LABELS), *rows]) + "\n")
    draw_photos(folder / "photos" / "test", 12, first=1000)
    return Checkout(folder)
