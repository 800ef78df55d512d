"""The drawn photos: label sets, pictures and masks, and whether their styles can be learnt."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stylevote.config.photos import Demo
from stylevote.demo.canvas import CLASS_VALUES, CLASSES
from stylevote.demo.label_sets import label_set_table, sample_label_sets
from stylevote.demo.photos import split_rng, write_demo
from stylevote.demo.scene import draw
from stylevote.demo.styles import LABELS, compose
from stylevote.errors import InputError


@pytest.fixture(scope="module")
def label_sets():
    return sample_label_sets(600, 6, split_rng(2018, "train"))


@pytest.fixture(scope="module")
def drawings(label_sets):
    rows = label_sets.to_numpy()[:300]
    return [
        draw([label for label, value in zip(LABELS, row, strict=True) if value], split_rng(2018, "train", number))
        for number, row in enumerate(rows, start=1)
    ]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder, Demo(train=90, test=45, min_positives=4, seed=7))
    return folder


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_label_table_is_the_real_one():
    table = label_set_table()
    assert list(table.columns) == [*LABELS, "images"]
    assert len(table) == 192
    assert table["images"].sum() == 54908


def test_only_real_label_sets_are_drawn(label_sets):
    real = set(map(tuple, label_set_table()[list(LABELS)].to_numpy()))
    assert set(map(tuple, label_sets.to_numpy())) <= real


def test_frequent_labels_keep_their_shares_and_rare_ones_are_raised_just_enough(label_sets):
    table = label_set_table()
    real = table[list(LABELS)].mul(table["images"], axis=0).sum() / table["images"].sum()
    frequent = real[real > 0.06].index
    assert np.allclose(label_sets.mean()[frequent], real[frequent], atol=0.05)
    positives = label_sets.sum()
    assert positives.min() == 6
    assert positives["sport"] == 6


def test_too_few_label_sets_are_refused():
    with pytest.raises(InputError, match="draw more sets"):
        sample_label_sets(8, 6, np.random.default_rng(0))


def test_unknown_label_is_refused():
    with pytest.raises(ValueError, match="baroque"):
        compose(["lady", "baroque"], np.random.default_rng(0))


def test_cues_of_a_set_label_show_mostly_and_others_seldom():
    rng = np.random.default_rng(3)
    tartan = [compose(["office", "lady", "england"], rng)["pattern"] == "tartan" for _ in range(300)]
    stray = [compose(["office", "lady"], rng)["pattern"] == "tartan" for _ in range(300)]
    assert 0.8 < np.mean(tartan) < 0.97
    assert np.mean(stray) < 0.04


def test_photos_vary_in_size_and_aspect(drawings):
    shapes = np.array([drawing.photo.shape[:2] for drawing in drawings])
    aspect = shapes[:, 0] / shapes[:, 1]
    assert len(np.unique(shapes, axis=0)) > 100
    assert shapes.min() >= 140
    assert shapes.max() <= 300
    assert 0.05 < np.mean(aspect == 1) < 0.3
    assert np.mean(aspect > 1.2) > 0.6


def test_masks_cover_what_is_drawn(drawings):
    groups = CLASSES["group"].to_numpy()
    for drawing in drawings:
        assert drawing.photo.dtype == drawing.classes.dtype == np.uint8
        assert drawing.photo.shape == (*drawing.classes.shape, 3)
        counts = np.bincount(drawing.classes.ravel(), minlength=len(CLASSES))
        assert len(counts) == len(CLASSES)
        shares = counts / drawing.classes.size
        assert shares[CLASS_VALUES["skin"]] > 0.002
        assert shares[CLASS_VALUES["background"]] > 0.15
        assert shares[groups == "clothing"].sum() > 0.02


def test_demo_on_disk_is_consistent(demo):
    for split, count, least in [("train", 90, 4), ("test", 45, 2)]:
        table = pd.read_csv(demo / f"{split}.csv")
        assert list(table.columns) == ["image", *LABELS]
        assert len(table) == count
        assert table[list(LABELS)].sum().min() >= least
        for name in table["image"]:
            with Image.open(demo / split / name) as photo:
                mask = Image.open((demo / "masks" / split / name).with_suffix(".png"))
                assert photo.format == "JPEG"
                assert mask.mode == "L"
                assert photo.size == mask.size
    classes = pd.read_csv(demo / "mask_labels.csv")
    assert list(classes.columns) == ["value", "name", "group"]
    assert set(classes["group"]) == {"background", "body", "clothing", "accessory"}
    assert {"skin", "hair"} <= set(classes["name"])


def test_same_seed_gives_the_same_bytes_and_another_does_not(demo, tmp_path):
    write_demo(tmp_path / "same", Demo(train=90, test=45, min_positives=4, seed=7))
    write_demo(tmp_path / "other", Demo(train=90, test=45, min_positives=4, seed=8))
    assert digests(tmp_path / "same") == digests(demo)
    assert digests(tmp_path / "other")["train/train_0001.jpg"] != digests(demo)["train/train_0001.jpg"]


def test_simple_features_beat_chance_on_common_labels(drawings, label_sets):
    def features(photo):
        small = np.asarray(Image.fromarray(photo).resize((12, 18), Image.Resampling.BOX), dtype=float) / 255
        edges = np.abs(np.diff(small, axis=0)).mean(axis=(0, 2))
        counts = np.histogramdd(photo.reshape(-1, 3), bins=4, range=[(0, 256)] * 3)[0]
        return np.concatenate([small.ravel(), edges, np.sqrt(counts.ravel() / counts.sum())])

    inputs = np.array([features(drawing.photo) for drawing in drawings])
    for label in ("korean", "european", "office", "lady"):
        truth = label_sets[label].to_numpy()[:300]
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        scores = model.fit(inputs[:200], truth[:200]).predict_proba(inputs[200:])[:, 1]
        assert roc_auc_score(truth[200:], scores) > 0.65, label
