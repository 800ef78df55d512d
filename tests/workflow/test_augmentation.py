"""Recoloured and rebalanced photos on their way through the small workflow."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stylevote.augment.recolor import Recoloring, recolor
from stylevote.files.tables import read_table
from stylevote.photos.pixels import open_pixels


@pytest.fixture(scope="module")
def out(finished):
    return finished.folder / "out"


def test_a_shard_holds_the_photos_that_were_made(out):
    index = read_table(out / "recolored" / "index.parquet")
    made = index[index["outcome"] == "made"]
    assert len(made) == 12
    photos = read_table(out / "photos" / "train" / "manifest.parquet").set_index("image_id")
    assert photos.loc[made["image_id"], ["red", "{round}"]].any(axis=1).all()
    shards = [read_table(path) for path in sorted((out / "recolored").glob("[01].parquet"))]
    assert sorted(name for shard in shards for name in shard["image_id"]) == sorted(made["image_id"])
    for row in shards[0].itertuples():
        source = photos.loc[row.image_id]
        before = np.array(Image.open(out.parent / "photos" / "train" / source["path"]).convert("RGB"))
        after, _ = recolor(before, Recoloring.from_bytes(row.recoloring))
        thing = np.asarray(Image.open(out.parent / "photos" / "masks" / source["path"])) > 0
        change = np.abs(after.astype(int) - before).mean(axis=2)
        assert change[thing].mean() > 20
        assert change[~thing].mean() < 5
        assert row.clothing_change > 15
        assert row.skin_change <= 2


def test_copies_have_the_pixels_of_their_photos_except_for_the_new_colors(out):
    """No other resizing or encoding: a network could learn its traces instead of the labels."""
    manifest = read_table(out / "photos" / "train" / "manifest.parquet")
    shards = [read_table(path) for path in sorted((out / "recolored").glob("[01].parquet"))]
    recolorings = pd.concat(shards).set_index(["image_id", "variant"])["recoloring"]
    (folder,) = (out / "pixels" / "train-recolored").iterdir()
    caches = []
    for cache in (out / "pixels" / "train" / folder.name, folder):
        index = read_table(cache / "index.parquet")
        flat = open_pixels(cache / "pixels.bin", index)
        photos = [
            flat[row.offset : row.offset + 3 * row.height * row.width].reshape(row.height, row.width, 3)
            for row in index.itertuples()
        ]
        caches.append((index, photos))
    (_, originals), (copies, recolored) = caches
    sources = dict(zip(manifest["image_id"], originals, strict=True))
    assert len(copies) == 12
    for row, after in zip(copies.itertuples(), recolored, strict=True):
        before = sources[row.image_id]
        recoloring = Recoloring.from_bytes(recolorings[row.image_id, row.variant])
        touched = Image.fromarray((recoloring.levels.max(axis=0) > 0).astype(np.float32))
        untouched = np.asarray(touched.resize(before.shape[1::-1], Image.Resampling.BILINEAR)) == 0
        assert before.shape == after.shape
        assert untouched.mean() > 0.3
        assert (before[untouched] == after[untouched]).all()
        assert (before != after).any(axis=2).mean() > 0.02


def test_an_epoch_holds_what_the_recipe_promises_and_nothing_of_its_fold(out):
    index = read_table(out / "recolored" / "index.parquet")
    made = index[index["outcome"] == "made"]
    folds = read_table(out / "photos" / "train" / "folds.parquet").set_index("image_id")["fold"]
    red = read_table(out / "photos" / "train" / "manifest.parquet").set_index("image_id")["red"]
    for fold in range(3):
        epochs = read_table(out / "manifests" / "more" / "2" / f"fold{fold}.parquet")
        assert (folds[epochs["image_id"]] != fold).all()
        available = (folds[made["image_id"]] != fold).sum()
        for _, epoch in epochs.groupby("epoch"):
            original = epoch[epoch["variant"] == "original"]
            expected = {name: 2 if red[name] else 1 for name in folds.index[folds != fold]}
            assert Counter(original["image_id"]) == expected
            recolored = epoch[epoch["variant"] != "original"]
            assert len(recolored) == min(8, available)
            assert not recolored.duplicated(["image_id", "variant"]).any()
        (run,) = (out / "runs").glob("test_resnet*")
        history = read_table(run / f"fold{fold}" / "history.parquet")
        assert history["photos"].tolist() == epochs.groupby("epoch").size().tolist()
        validation = read_table(run / f"fold{fold}" / "validation.parquet")
        assert set(validation["image_id"]) == set(folds.index[folds == fold])


def test_the_log_shows_positives_before_and_after(out):
    epochs = read_table(out / "manifests" / "more" / "2" / "fold0.parquet")
    folds = read_table(out / "photos" / "train" / "folds.parquet")["fold"]
    photos = read_table(out / "photos" / "train" / "manifest.parquet").set_index("image_id")
    log = (out / "logs" / "resample_manifest" / "more" / "2" / "fold0.log").read_text()
    for label in ("red", "{round}"):
        before = photos.loc[(folds != 0).to_numpy(), label].sum()
        after = photos.loc[epochs["image_id"], label].sum() / 2
        (line,) = (line for line in log.splitlines() if line.startswith(label))
        assert [float(figure) for figure in line.split()[1:]] == pytest.approx(
            [before, after, after / before], abs=0.01
        )


def test_the_contact_sheet_is_a_picture(out):
    with Image.open(out / "recolored" / "contact_sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert np.asarray(sheet.convert("RGB")).std() > 20


def test_an_impossible_recipe_is_refused_before_anything_is_trained(fresh):
    fresh.config["recipes"]["more"] = {"drop": {"largest": 8, "keep": 0}}
    done = fresh.snakemake("--cores", "2", "--", "out/submission.csv", check=False)
    assert done.returncode != 0
    assert "recipe more, fold 0, epoch 0: `drop` leaves none of the" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "0003.png").write_bytes(b"no mask"), "0003.png"),
        (lambda folder: Image.new("L", (5, 5)).save(folder / "0003.png"), "0003.png"),
        (lambda folder: Image.new("RGB", (50, 50)).save(folder / "0003.png"), "0003.png"),
        (lambda folder: folder.rename(folder.with_name("elsewhere")), "photos/masks: expected a folder of masks"),
    ],
)
def test_a_mask_that_cannot_be_used_is_named(fresh, harm, said):
    harm(fresh.folder / "photos" / "masks")
    done = fresh.snakemake("--cores", "2", "--", "out/masks/1.parquet", check=False)
    assert done.returncode != 0
    assert said in done.stdout
    assert "Traceback" not in done.stdout


def test_photos_without_masks_are_left_alone(fresh):
    masks = fresh.folder / "photos" / "masks"
    for number in range(0, 60, 2):
        (masks / f"{number:04d}.png").unlink()
    fresh.run("out/recolored/index.parquet")
    index = read_table(fresh.folder / "out" / "recolored" / "index.parquet").set_index("image_id")
    outcomes = index["outcome"].groupby(index.index.str[:4].astype(int) % 2).agg(set)
    assert outcomes[0] == {"nothing found"}
    assert "made" in outcomes[1]


@pytest.mark.slow
def test_a_network_can_learn_the_masks(fresh):
    """A real training, cut short: what it learnt is written down, and what it finds is used."""
    fresh.config["segmentation"] = {
        "model": "smp",
        "shards": 1,
        "smp": {"encoder": "tu-test_resnet", "weights": "none", "size": 64, "epochs": 10, "lr": 0.01, "batch": 4},
    }
    fresh.run("out/recolored/index.parquet")
    history = read_table(fresh.folder / "out" / "segmenter" / "history.parquet")
    assert len(history) == 10
    assert history["train_loss"].iloc[-1] < 0.7 * history["train_loss"].iloc[0]
    index = read_table(fresh.folder / "out" / "recolored" / "index.parquet")
    assert (index["outcome"] == "made").sum() >= 6
