"""The budget of recoloured copies: whose photos are recoloured, how often, and what becomes of each attempt."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from stylevote.augment.attempts import attempt_copy, rare_labels, recolor_shard
from stylevote.augment.shards import FIGURES, MADE, Attempt, read_photos, write_shard
from stylevote.config.photos import Recolor
from stylevote.config.resolve import resolve
from stylevote.errors import InputError
from stylevote.files.tables import UNKNOWN

LABELS = ["rare", "scarce", "common"]
CONFIG = {
    "labels": LABELS,
    "photosets": {"train": {"photos": "a"}, "test": {"photos": "b"}},
    "runs": [{"backbone": "resnet10t"}],
}
SHARDS = 3


@pytest.fixture
def settings():
    return Recolor.model_validate({**resolve(CONFIG).config.recolor.used(), "total": 30, "copies": 4})


@pytest.fixture
def manifest():
    """60 photos: 3 rare, 9 scarce, the others common."""
    numbers = np.arange(60)
    columns = {"rare": numbers % 20 == 4, "scarce": numbers % 7 == 1, "common": numbers % 7 != 1}
    table = pd.DataFrame({name: column.astype(np.uint8) for name, column in columns.items()})
    table.insert(0, "image_id", [f"p{number:02d}" for number in numbers])
    return table


def dressed(row: int):
    """A photo of something blue before a light grey wall, and where it is."""
    noise = np.random.default_rng(row).integers(-8, 9, (64, 48, 3))
    photo = np.full((64, 48, 3), 200)
    mask = np.zeros((64, 48), dtype=bool)
    mask[10:60, 12:36] = True
    photo[mask] = [40, 60, 170]
    return (photo + noise).clip(0, 255).astype(np.uint8), mask


def attempts_of(manifest, labels, settings, open_photo=dressed):
    return [a for shard in range(SHARDS) for a in recolor_shard(manifest, labels, settings, SHARDS, shard, open_photo)]


def test_so_many_are_made_as_the_budget_says_and_of_rare_photos_alone(manifest, settings):
    attempts = attempts_of(manifest, ["rare", "scarce"], settings)
    assert sum(attempt.outcome == MADE for attempt in attempts) == 30
    rare = set(manifest.loc[manifest["rare"] | manifest["scarce"] > 0, "image_id"])
    tried = Counter(attempt.image_id for attempt in attempts)
    assert set(tried) <= rare
    assert max(tried.values()) <= 4
    assert len({(attempt.image_id, attempt.variant) for attempt in attempts}) == len(attempts)


def test_the_rarest_come_first(manifest, settings):
    attempts = attempts_of(manifest, ["rare", "scarce"], settings.model_copy(update={"total": 4}))
    rarest = set(manifest.loc[manifest["rare"] == 1, "image_id"])
    assert {attempt.image_id for attempt in attempts} == rarest  # one more of each leaves rare below scarce


def test_a_photo_without_a_person_is_tried_once_and_another_takes_its_place(manifest, settings):
    nobody = set(manifest.loc[manifest["scarce"] == 1, "image_id"].iloc[:3])

    def open_photo(row):
        photo, mask = dressed(row)
        return photo, None if f"p{row:02d}" in nobody else mask

    attempts = attempts_of(manifest, ["scarce"], settings.model_copy(update={"total": 15}), open_photo)
    outcomes = Counter((attempt.image_id in nobody, attempt.outcome) for attempt in attempts)
    assert outcomes == {(True, "nothing found"): 3, (False, MADE): 15}


def test_what_fails_a_gate_is_dropped_counted_and_tried_again(manifest, settings):
    settings.gates.min_clothing_change = 1000
    attempts = attempts_of(manifest, ["rare"], settings)
    assert {attempt.outcome for attempt in attempts} == {"gate: clothing_change"}
    assert all(attempt.recoloring is None and attempt.figures["clothing_change"] > 0 for attempt in attempts)
    assert Counter(Counter(attempt.image_id for attempt in attempts).values()) == {4: 3}


def test_the_same_seed_gives_the_same_bytes_and_each_copy_other_hues(settings):
    first, again, second = (attempt_copy("p", copy, *dressed(1), settings) for copy in (0, 0, 1))
    assert first == again
    assert first.recoloring != second.recoloring
    assert first.hues_to != second.hues_to
    other = attempt_copy("p", 0, *dressed(1), settings.model_copy(update={"seed": 2}))
    assert other.hues_to != first.hues_to


def test_rare_labels_are_the_named_ones_or_those_below_the_share(manifest, settings):
    assert rare_labels(manifest, LABELS, settings) == ["rare"]
    assert rare_labels(manifest, LABELS, settings.model_copy(update={"rarer_than": 0.2})) == ["rare", "scarce"]
    assert rare_labels(manifest, LABELS, settings.model_copy(update={"labels": ["common"]})) == ["common"]
    with pytest.raises(InputError, match=r"rarer_than: no label is on less than 0\.01 .* rarest is on 0\.050"):
        rare_labels(manifest, LABELS, settings.model_copy(update={"rarer_than": 0.01}))


def test_a_shard_keeps_photos_and_attempts(tmp_path, settings):
    made = attempt_copy("p", 0, *dressed(1), settings)
    hopeless = Attempt("q", "recolored0", "nothing found", [], [], {}, None)
    table = write_shard([hopeless, made, hopeless], tmp_path / "photos.parquet", tmp_path / "attempts.parquet")
    assert table["outcome"].tolist() == ["nothing found", MADE, "nothing found"]
    assert table[list(FIGURES)].notna().all(axis=1).tolist() == [False, True, False]
    (photo,) = read_photos([tmp_path / "photos.parquet"])
    assert (photo["recoloring"], photo["hues_to"]) == (made.recoloring, pytest.approx(made.hues_to, abs=1e-3))


def test_a_shard_of_many_photos_comes_back_in_order(tmp_path):
    figures = dict.fromkeys(FIGURES, 1.0)
    attempts = [Attempt(f"p{n}", "recolored0", MADE, [1.0], [2.0], figures, bytes([n])) for n in range(200)]
    write_shard(attempts, tmp_path / "photos.parquet", tmp_path / "attempts.parquet")
    stored = [photo["recoloring"] for photo in read_photos([tmp_path / "photos.parquet"])]
    assert stored == [bytes([n]) for n in range(200)]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"bad\.parquet: damaged"):
        list(read_photos([tmp_path / "bad.parquet"]))


def test_photos_of_unknown_label_are_not_recoloured_for_it_and_labels_are_rare_among_known_ones(manifest, settings):
    partly = manifest.copy()
    partly.loc[partly["rare"] == 0, "rare"] = np.where(np.arange(57) < 50, UNKNOWN, 0)
    attempts = attempts_of(partly, ["rare"], settings)
    assert {attempt.image_id for attempt in attempts} == set(manifest.loc[manifest["rare"] == 1, "image_id"])
    partly["common"] = 1
    chosen = settings.model_copy(update={"labels": None, "rarer_than": 0.25})
    assert rare_labels(manifest, LABELS, chosen) == ["rare", "scarce"]
    assert rare_labels(partly, LABELS, chosen) == ["scarce"]  # 3 of 10 known photos have the rare label
