"""What the benchmarks on real photos share: data, calls of the workflow with their processor time, and intervals."""

import json
import os
import resource
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from bench import ROOT

from stylevote.bootstrap import bootstrap_f_beta
from stylevote.ensemble.decisions import decision_matrix, read_decisions
from stylevote.files.tables import label_matrix, read_table

RESAMPLES = 1000
# In a results folder: decisions for the training photos by the nested estimate, and for the test photos.
TARGETS = ("estimate/summary.parquet", "predictions/test/scores.parquet")


@dataclass(frozen=True)
class Data:
    """Folders and tables of photos: training photos and test photos, both with labels.

    Attributes:
        photosets: the configuration's.
        tables: of each photoset: file names in the first column, then a column of 0 and 1 per label.
    """

    photosets: dict[str, dict[str, str]]
    tables: dict[str, pd.DataFrame]

    @property
    def labels(self) -> list[str]:
        """The labels, in the table's order."""
        return list(self.tables["train"].columns[1:])

    def truth(self, name: str) -> np.ndarray:
        """Return the labels of a photoset, 0 or 1, shape (photos, labels), in the table's order."""
        return self.tables[name].iloc[:, 1:].to_numpy(np.uint8)

    def files(self, name: str) -> list[Path]:
        """Return the photos of a photoset, in the table's order."""
        return [Path(self.photosets[name]["photos"], file) for file in self.tables[name].iloc[:, 0]]


def add_data_options(parser: ArgumentParser) -> None:
    """Add the options that say where photos, tables and weights are, and how to compute."""
    parser.add_argument("data", type=Path, help="folder with labels.csv, test_labels.csv, images/train, images/test")
    parser.add_argument("--train", nargs=2, metavar=("PHOTOS", "TABLE"), help="other training photos and their table")
    parser.add_argument("--test", nargs=2, metavar=("PHOTOS", "TABLE"), help="other test photos and their table")
    parser.add_argument("--weights", type=Path, help="folder of pretrained weights (`weights_folder`)")
    parser.add_argument("--work", type=Path, required=True, help="folder of all results; a further call continues")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--threads", type=int, default=1, help="threads, and jobs of the workflow at a time")


def open_data(arguments: Any) -> Data:
    """Return the data that the options of `add_data_options` name. Masks are in DATA/masks and DATA/mask_labels.csv."""
    folder = arguments.data.resolve()
    train = arguments.train or (folder / "images" / "train", folder / "labels.csv")
    test = arguments.test or (folder / "images" / "test", folder / "test_labels.csv")
    photosets, tables = {}, {}
    for name, (photos, table) in {"train": train, "test": test}.items():
        photosets[name] = {"photos": str(Path(photos).resolve()), "labels": str(Path(table).resolve())}
        tables[name] = pd.read_csv(table, dtype={0: str})
    if (folder / "masks").is_dir():
        photosets["train"] |= {"masks": str(folder / "masks"), "mask_labels": str(folder / "mask_labels.csv")}
    return Data(photosets, tables)


def processor_seconds() -> float:
    """Return the processor seconds (user and system) of this process and of the processes that it has waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def rarest_labels(data: Data) -> list[str]:
    """Return the labels that fewer than a twentieth of the training photos have, or the rarest one."""
    shares = dict(zip(data.labels, data.truth("train").mean(axis=0), strict=True))
    return [label for label in data.labels if shares[label] < 0.05] or [min(shares, key=shares.get)]


def base_configuration(data: Data, arguments: Any) -> dict[str, Any]:
    """Return the part of a configuration that all measurements share."""
    config = {"labels": data.labels, "labels_per_job": len(data.labels), "photosets": data.photosets}
    weights = {"weights_folder": str(arguments.weights.resolve())} if arguments.weights else {}
    return {**config, "keep_weights": "selectable", **weights}


def run_workflow(config: dict[str, Any], threads: int) -> float:
    """Run the workflow up to `TARGETS`, unless it has with this configuration; return its processor seconds.

    Args:
        config: a configuration, whose results are in an absolute path.
        threads: jobs at a time.

    Raises:
        SystemExit: a job fails.
    """
    folder = Path(config["results"])
    folder.mkdir(parents=True, exist_ok=True)
    path, done = folder / "configuration.yaml", folder / "measured.json"
    text = yaml.safe_dump(config, sort_keys=False)
    if done.exists() and path.read_text(encoding="utf-8") == text:
        return json.loads(done.read_text(encoding="utf-8"))["processor_seconds"]
    done.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--cores", str(threads), "--nolock", "--configfile", str(path), "--"]
    command += [str(folder / target) for target in TARGETS]
    one_thread = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")} if threads == 1 else {}
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    before = processor_seconds()
    with (folder / "call.log").open("w", encoding="utf-8") as log:
        call = subprocess.run(
            command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | one_thread | {"PATH": paths}, check=False
        )
    if call.returncode:
        raise SystemExit(f"{folder / 'call.log'}: the workflow failed")
    seconds = processor_seconds() - before
    done.write_text(json.dumps({"processor_seconds": seconds}), encoding="utf-8")
    return seconds


@dataclass(frozen=True)
class Outcome:
    """What an ensemble decided, in the order of the tables. Scores are out of fold for the training photos.

    Attributes:
        decisions: 0 or 1, shape (photos, labels), by photoset.
        scores: likewise.
    """

    decisions: dict[str, np.ndarray]
    scores: dict[str, np.ndarray]


def read_outcome(data: Data, folder: Path, networks: Path) -> Outcome:
    """Return the outcome in a results folder whose photos are in the folder ``networks``."""
    decisions, scores, labels = {}, {}, data.labels
    for name in ("train", "test"):
        manifest = read_table(networks / "photos" / name / "manifest.parquet")
        ids = manifest["image_id"].to_numpy()
        if name == "train":
            decisions[name] = read_decisions(folder / "estimate" / "nested_decisions.parquet", ids, labels)
            stacked = pd.concat([read_table(path) for path in (folder / "ensemble" / "stacked").glob("*.parquet")])
        else:
            stacked = read_table(folder / "predictions" / name / "votes.parquet")
            decisions[name] = decision_matrix(stacked, ids, labels)
        scores[name] = stacked.pivot(index="image_id", columns="label", values="score").loc[ids, labels].to_numpy()
        # The manifest may have another order than the table.
        order = pd.Index(data.tables[name].iloc[:, 0]).get_indexer(ids)
        assert np.array_equal(data.truth(name)[order], label_matrix(manifest, labels))
        back = np.argsort(order)
        decisions[name], scores[name] = decisions[name][back], scores[name][back]
    return Outcome(decisions, scores)


def resampled_f(truth: np.ndarray, decisions: Sequence[np.ndarray]) -> np.ndarray:
    """Return the macro F2 of each of ``decisions`` in the same resamples of photos, shape (decisions, resamples)."""
    return bootstrap_f_beta(truth, decisions, resamples=RESAMPLES).mean(axis=2)


def resampled_auc(truth: np.ndarray, scores: Sequence[np.ndarray], resamples: int = RESAMPLES) -> np.ndarray:
    """Return the macro AUC of each of ``scores``: of all photos first, then of the same resamples of photos.

    Returns:
        shape (scores, 1 + resamples).
    """
    photos, random = len(truth), np.random.default_rng(1)
    draws = [np.bincount(random.integers(0, photos, photos), minlength=photos) for _ in range(resamples)]
    weights = np.array([np.ones(photos), *draws])
    result = np.zeros((len(scores), len(weights)))
    for number, table in enumerate(scores):
        for label in range(truth.shape[1]):
            values, tie = np.unique(table[:, label], return_inverse=True)
            positive, negative = (
                np.stack([np.bincount(tie, row * (truth[:, label] == sign), len(values)) for row in weights])
                for sign in (1, 0)
            )
            below = np.cumsum(negative, axis=1) - negative / 2
            pairs = np.maximum(positive.sum(axis=1) * negative.sum(axis=1), 1)
            result[number] += (positive * below).sum(axis=1) / pairs
    return result / truth.shape[1]


def signed(value: float, samples: np.ndarray) -> str:
    """Return a difference with the interval that holds 95 % of its resamples."""
    low, high = np.quantile(samples, [0.025, 0.975])
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def markdown(rows: Sequence[Sequence[Any]]) -> str:
    """Return rows, of which the first is the head, as a table."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
