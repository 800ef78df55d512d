"""Recipes: what they promise is exact, every epoch draws anew, and nothing of the held-out fold comes in."""

import math
from collections import Counter
from fractions import Fraction
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from programs import call
from stylevote.augment.resample import positives_table, resample
from stylevote.config.photos import Drop
from stylevote.demo.label_sets import label_set_table
from stylevote.errors import InputError
from stylevote.files.tables import UNKNOWN, read_table, write_table

LABELS = ["sport", "office", "lady"]
SPORT, OFFICE, BOTH, LADY, EMPTY = (1, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (0, 0, 0)
PLAIN = {"seed": 1, "epochs": 3, "recolored": None, "repeat": None, "drop": None, "balanced": None}
NO_RECOLORED = pd.DataFrame({"image_id": [], "variant": []}, dtype=str)


def drop_of(label_sets=None, largest=None, rarer_than=0, keep=0.5):
    return {"label_sets": label_sets, "largest": largest, "rarer_than": rarer_than, "keep": keep}


def photos_of(*label_sets):
    photos = pd.DataFrame(np.array(label_sets, dtype=np.uint8).reshape(-1, 3), columns=LABELS)
    photos.insert(0, "image_id", [f"p{number}" for number in range(len(photos))])
    return photos


# 2 of sport alone, 12 of office alone, 21 of office and lady, 10 of lady alone, 5 of none.
PHOTOS = photos_of(*[SPORT] * 2, *[OFFICE] * 12, *[BOTH] * 21, *[LADY] * 10, *[EMPTY] * 5)


def recolored_of(image_ids, variants=4):
    pairs = [(image_id, f"recolored{number}") for image_id in image_ids for number in range(variants)]
    return pd.DataFrame(pairs, columns=["image_id", "variant"], dtype=str)


def draw(recipe, photos=PHOTOS, recolored=NO_RECOLORED, fold=0):
    return resample(photos, LABELS, recolored, {**PLAIN, **recipe}, fold, name="mixed")


def epochs_of(table):
    """Each epoch's (image_id, variant) pairs in their order."""
    return [list(zip(part["image_id"], part["variant"], strict=True)) for _, part in table.groupby("epoch")]


def originals(epoch):
    return Counter(image_id for image_id, variant in epoch if variant == "original")


def ids_with(*label_sets, photos=PHOTOS):
    return [row.image_id for row in photos.itertuples() if (row.sport, row.office, row.lady) in label_sets]


# ---- the plain recipe


def test_columns():
    table = draw({"epochs": 2})
    assert table.dtypes.astype(str).to_dict() == {
        "epoch": "int16",
        "position": "int32",
        "image_id": "str",
        "variant": "str",
    }
    assert table["epoch"].tolist() == [0] * 50 + [1] * 50
    assert table["position"].tolist() == [*range(50), *range(50)]


# ---- every recipe

RECOLORED = recolored_of(ids_with(SPORT, LADY))
RECIPES = {
    "plain": {},
    "recolored": {"recolored": {"labels": None, "per_epoch": 9}},
    "repeat": {"repeat": {"labels": ["sport"], "times": 10}},
    "drop": {"drop": drop_of(largest=2, keep=0.6)},
    "balanced": {"balanced": {"power": 0.5}},
}
RECIPES["mixed"] = {key: part for recipe in RECIPES.values() for key, part in recipe.items()}


@pytest.fixture(params=RECIPES)
def recipe(request):
    return RECIPES[request.param]


def test_every_epoch_draws_anew(recipe):
    drawn = epochs_of(draw({**recipe, "epochs": 6}, recolored=RECOLORED))
    assert len({tuple(epoch) for epoch in drawn}) == 6


@pytest.mark.parametrize("name", ["recolored", "drop", "balanced", "mixed"])
def test_every_epoch_draws_other_photos(name):
    drawn = epochs_of(draw({**RECIPES[name], "epochs": 6}, recolored=RECOLORED))
    assert len({frozenset(Counter(epoch).items()) for epoch in drawn}) == 6


def test_more_epochs_leave_the_first_as_they_are(recipe):
    few, many = (draw({**recipe, "epochs": epochs}, recolored=RECOLORED) for epochs in (2, 5))
    pd.testing.assert_frame_equal(few, many.iloc[: len(few)])


def test_seed_and_fold_change_the_draws(recipe):
    first = epochs_of(draw(recipe, recolored=RECOLORED))
    assert first != epochs_of(draw({**recipe, "seed": 2}, recolored=RECOLORED))
    assert first != epochs_of(draw(recipe, recolored=RECOLORED, fold=1))


def test_nothing_of_other_folds_comes_in(recipe):
    # The held-out photos have recoloured versions, too.
    held_out = [f"v{number}" for number in range(30)]
    both = pd.concat([recolored_of(held_out), RECOLORED, recolored_of(held_out, 8)], ignore_index=True)
    table = draw(recipe, recolored=both)
    assert set(table["image_id"]) <= set(PHOTOS["image_id"])
    pd.testing.assert_frame_equal(table, draw(recipe, recolored=RECOLORED))


# ---- what each part promises


def test_recolored_photos_go_to_the_rarest_label_first():
    # 2 positives of sport, 31 of lady: all 8 recoloured photos of sport come before any of lady.
    for epoch in epochs_of(draw({"recolored": {"labels": ["sport", "lady"], "per_epoch": 11}}, recolored=RECOLORED)):
        used = [image_id for image_id, variant in epoch if variant != "original"]
        assert sum(image_id in ids_with(SPORT) for image_id in used) == 8
        assert sum(image_id in ids_with(LADY) for image_id in used) == 3


def test_sources_of_a_label_take_turns():
    for epoch in epochs_of(draw({"recolored": {"labels": ["lady"], "per_epoch": 20}}, recolored=RECOLORED)):
        used = Counter(image_id for image_id, variant in epoch if variant != "original")
        assert used == dict.fromkeys(ids_with(LADY), 2)


def test_all_recolored_photos_of_a_source_come_up():
    table = draw({"recolored": {"labels": ["lady"], "per_epoch": 10}, "epochs": 20}, recolored=RECOLORED)
    assert set(table["variant"]) == {"original", "recolored0", "recolored1", "recolored2", "recolored3"}


def test_dropped_label_sets():
    recipe = {"drop": drop_of(label_sets=[["lady", "office"], []])}
    for epoch in epochs_of(draw(recipe)):
        count = originals(epoch)
        assert set(count.values()) == {1}
        # 21 and 5 photos have them; 10.5 and 2.5 are rounded up.
        assert sum(image_id in count for image_id in ids_with(BOTH)) == 11
        assert sum(image_id in count for image_id in ids_with(EMPTY)) == 3
        assert set(count) >= set(ids_with(SPORT, OFFICE, LADY))


def test_the_largest_of_the_challenge_s_label_sets_are_the_winners():
    """Their code thins these four. European and simple, lose no photo."""
    table = label_set_table()
    photos = table.loc[table.index.repeat(table["images"])].drop(columns="images").reset_index(drop=True)
    labels = list(photos)
    photos.insert(0, "image_id", [f"p{number}" for number in range(len(photos))])
    drop = Drop(largest=4, keep=0.4).used()
    drawn = resample(photos, labels, NO_RECOLORED, {**PLAIN, "epochs": 1, "drop": drop}, 0, name="keep40")
    lost = photos[~photos["image_id"].isin(drawn["image_id"])]
    sizes = Counter(tuple(label for label in labels if row[label]) for row in lost[labels].to_dict("records"))
    # 60 % of 16,181, 15,497, 806 and 105.
    assert sizes == {("office", "korean", "lady"): 9709, ("office", "lady"): 9298, ("office",): 484, ("lady",): 63}


def test_all_of_the_largest_and_named_label_sets_are_thinned_once():
    count = originals(epochs_of(draw({"drop": drop_of(label_sets=[["lady"]], largest=9)}))[0])
    kinds = (SPORT, OFFICE, BOTH, LADY, EMPTY)
    assert [sum(image_id in count for image_id in ids_with(kind)) for kind in kinds] == [1, 6, 11, 5, 3]


def test_what_is_dropped_is_not_repeated_and_its_recolored_photos_are_used_all_the_same():
    recipe = {
        "drop": drop_of(label_sets=[["lady"]], keep=0.4),
        "repeat": {"labels": ["lady"], "times": 3},
        "recolored": {"labels": ["lady"], "per_epoch": 10},
    }
    for epoch in epochs_of(draw(recipe, recolored=RECOLORED)):
        count = originals(epoch)
        assert sorted(count[image_id] for image_id in ids_with(LADY)) == [0] * 6 + [3] * 4
        assert {image_id for image_id, variant in epoch if variant != "original"} == set(ids_with(LADY))


def test_balanced_draws_neighbors_together_as_well():
    # Each of the 5 photos without labels is in 2 of 5 epochs; steps over photos in their order would never meet two.
    drawn = epochs_of(draw({"balanced": {"power": 1}, "epochs": 200}))
    pairs = {pair for epoch in drawn for pair in combinations(sorted(set(originals(epoch)) & set(ids_with(EMPTY))), 2)}
    assert len(pairs) == 10


# ---- unknown labels


def partly_unknown():
    """20 more photos: of 10 only lady is known, of 10 only that they are no lady."""
    more = photos_of(*[(UNKNOWN, UNKNOWN, 1)] * 10, *[(UNKNOWN, UNKNOWN, 0)] * 10)
    more["image_id"] = [f"unknown{number}" for number in range(20)]
    return pd.concat([PHOTOS, more], ignore_index=True)


def test_a_photo_with_an_unknown_label_has_no_label_set_to_drop():
    photos = partly_unknown()
    unknown = {f"unknown{number}" for number in range(20)}
    for drop, gone in (
        (drop_of(label_sets=[["lady"], []], keep=0), ids_with(LADY, EMPTY)),
        (drop_of(largest=1, keep=0), ids_with(BOTH)),
    ):
        for epoch in epochs_of(draw({"drop": drop, "repeat": {"labels": ["sport"], "times": 3}}, photos)):
            count = originals(epoch)
            assert set(count) == set(photos["image_id"]) - set(gone)
            assert {count[name] for name in unknown} == {1}


def test_a_label_is_rare_among_the_photos_for_which_it_is_known():
    # 2 of 50 known photos have sport: less than 1 in 20, but more than 1 in 30 (it would be 2 of 70).
    photos = partly_unknown()
    kept = [
        originals(epoch) for epoch in epochs_of(draw({"drop": drop_of(largest=9, rarer_than=1 / 30, keep=0.5)}, photos))
    ]
    assert all(sum(name in count for name in ids_with(SPORT)) == 1 for count in kept)


def test_balanced_weighs_by_the_share_of_known_photos():
    # Of 50 photos, 2 have sport and 33 office; of 70, 41 have lady. Others weigh 1.
    photos = partly_unknown()
    weights = {SPORT: 25, OFFICE: 50 / 33, BOTH: 70 / 41, LADY: 70 / 41, EMPTY: 1}
    total = sum(weight * len(ids_with(kind)) for kind, weight in weights.items()) + 10 * 70 / 41 + 10
    counts = [originals(epoch) for epoch in epochs_of(draw({"balanced": {"power": 1}, "epochs": 400}, photos))]
    names = {kind: ids_with(kind) for kind in weights} | {"lady": [f"unknown{n}" for n in range(10)]}
    for kind, weight in (weights | {"lady": 70 / 41}).items():
        expected = 70 * weight / total
        assert np.mean([count[name] for count in counts for name in names[kind]]) == pytest.approx(expected, abs=0.05)


def test_recolored_photos_are_added_for_known_labels():
    photos = partly_unknown()
    recolored = recolored_of(photos["image_id"], 1)
    recipe = {"recolored": {"labels": ["sport", "office"], "per_epoch": 99}}
    for epoch in epochs_of(draw(recipe, photos, recolored)):
        assert {name for name, variant in epoch if variant != "original"} == set(ids_with(SPORT, OFFICE, BOTH))
    table = positives_table(photos, LABELS, draw(recipe, photos, recolored))
    assert table["positives"].tolist() == [2, 33, 41]
    assert table["an epoch"].tolist() == [4, 66, 62]


# ---- all together


@st.composite
def tasks(draw_value):
    """Photos with recoloured ones, and a recipe of any of the parts."""
    label_sets = draw_value(st.lists(st.tuples(*[st.integers(0, 1)] * 3), min_size=1, max_size=30))
    photos = photos_of(*label_sets)
    present = [label for label in LABELS if photos[label].any()]
    assume(present)
    named = st.lists(st.sampled_from(present), min_size=1, unique=True)
    made = draw_value(st.lists(st.integers(0, 4), min_size=len(photos), max_size=len(photos)))
    recolored = pd.concat(
        [
            NO_RECOLORED,
            *(recolored_of([image_id], count) for image_id, count in zip(photos["image_id"], made, strict=True)),
        ]
    )
    recipe = {
        "seed": draw_value(st.integers(0, 9)),
        "epochs": 2,
        "recolored": draw_value(
            st.none() | st.fixed_dictionaries({"labels": st.none() | named, "per_epoch": st.integers(1, 40)})
        ),
        "repeat": draw_value(st.none() | st.fixed_dictionaries({"labels": named, "times": st.integers(1, 50)})),
        "drop": draw_value(
            st.none()
            | st.builds(
                drop_of,
                largest=st.integers(1, 4),
                rarer_than=st.sampled_from([0, 0.2, 0.5, 1]),
                keep=st.floats(0.3, 1, exclude_min=True),
            )
        ),
    }
    return photos, recolored, recipe


def sets_of(photos):
    """Each photo's labels in alphabetical order."""
    return {
        row["image_id"]: tuple(sorted(label for label in LABELS if row[label])) for row in photos.to_dict("records")
    }


@given(tasks())
def test_counts_of_every_combination_are_exact(task):
    photos, recolored, recipe = task
    sets = sets_of(photos)
    wanted = set((recipe["recolored"] or {}).get("labels") or LABELS)
    usable = {pair for pair in recolored.itertuples(index=False, name=None) if wanted & set(sets[pair[0]])}
    assume(usable or not recipe["recolored"])
    try:
        drawn = epochs_of(draw(recipe, photos, recolored))
    except InputError as error:
        assert recipe["drop"]
        assert "`drop` leaves none" in str(error) or "`drop` finds no photos" in str(error)
        return
    sizes, drop = Counter(sets.values()), recipe["drop"] or drop_of(largest=0, keep=1)
    positives = Counter(label for names in sets.values() for label in names)
    common = [names for names in sizes if all(positives[label] >= drop["rarer_than"] * len(sets) for label in names)]
    largest = sorted(common, key=lambda names: (-sizes[names], names))[: drop["largest"]]
    assert largest or not recipe["drop"]
    repeated = set(recipe["repeat"]["labels"]) if recipe["repeat"] else set()
    for epoch in drawn:
        count = originals(epoch)
        kept = Counter(sets[image_id] for image_id in count)
        for names, size in sizes.items():
            assert kept[names] == (
                math.floor(Fraction(str(drop["keep"])) * size + Fraction(1, 2)) if names in largest else size
            )
        for image_id, times in count.items():
            assert times == (recipe["repeat"]["times"] if repeated & set(sets[image_id]) else 1)
        used = Counter(entry for entry in epoch if entry[1] != "original")
        assert set(used.values()) <= {1}
        assert set(used) <= usable
        assert len(used) == (min(recipe["recolored"]["per_epoch"], len(usable)) if recipe["recolored"] else 0)


@given(tasks(), st.floats(0, 1.5))
def test_balanced_rounds_each_expected_count_up_or_down(task, power):
    photos, recolored, recipe = task
    sets = sets_of(photos)
    try:
        pools = epochs_of(draw(recipe, photos, recolored))
        drawn = epochs_of(draw({**recipe, "balanced": {"power": power}}, photos, recolored))
    except InputError:
        assume(False)
    for before, after in zip(pools, drawn, strict=True):
        assert len(after) == len(before)
        positives = Counter(label for image_id, _ in before for label in sets[image_id])
        weights = {
            image_id: max([len(before) / positives[label] for label in names], default=1) ** power
            for image_id, names in sets.items()
        }
        total, size = sum(weights[image_id] for image_id, _ in before), len(before)
        pool, count = Counter(before), Counter(after)
        assert set(count) <= set(pool)
        for entry, times in pool.items():  # a repeated photo stands in the pool several times
            expected = size * weights[entry[0]] / total
            assert times * math.floor(expected + 1e-9) <= count[entry] <= times * math.ceil(expected - 1e-9)


@given(tasks())
def test_power_0_takes_every_entry_once(task):
    photos, recolored, recipe = task
    try:
        pools = epochs_of(draw(recipe, photos, recolored))
    except InputError:
        assume(False)
    drawn = epochs_of(draw({**recipe, "balanced": {"power": 0}}, photos, recolored))
    assert [Counter(epoch) for epoch in drawn] == [Counter(epoch) for epoch in pools]


# ---- recipes that cannot be kept

NO_SPORT = photos_of(*[OFFICE] * 5, *[LADY] * 5)


@pytest.mark.parametrize(
    ("recipe", "photos", "message"),
    [
        (
            {"repeat": {"labels": ["lady", "sport"], "times": 10}},
            NO_SPORT,
            "`repeat` names the label 'sport', but no training photo has it; remove it",
        ),
        (
            {"recolored": {"labels": ["sport"], "per_epoch": 10}},
            NO_SPORT,
            "`recolored` names the label 'sport', but no training photo has it; remove it",
        ),
        (
            {"recolored": {"labels": ["office"], "per_epoch": 10}},
            PHOTOS,
            "`recolored` has no photos: none of the 48 recoloured photos has one of its labels and a source outside the"
            " fold; recolour more, or change its labels",
        ),
        (
            {"drop": drop_of(label_sets=[["office"], ["sport", "lady"]])},
            PHOTOS,
            "`drop` names the label set ['lady', 'sport'], which no training photo has",
        ),
        (
            {"drop": drop_of(largest=2, rarer_than=0.6)},
            photos_of(*[OFFICE] * 5, *[LADY] * 5),
            "`drop` finds no photos: all have a label that less than 0.6 of them have; lower `rarer_than`, or name"
            " `label_sets`",
        ),
    ],
)
def test_impossible_recipes_are_refused(recipe, photos, message):
    with pytest.raises(InputError) as caught:
        draw(recipe, photos, RECOLORED, fold=3)
    assert str(caught.value) == f"recipe mixed, fold 3: {message}"


def test_a_label_that_dropping_loses_is_refused():
    recipe = {"drop": drop_of(label_sets=[["sport"]], keep=0.2)}
    with pytest.raises(InputError) as caught:
        draw(recipe)
    assert str(caught.value) == (
        "recipe mixed, fold 0, epoch 0: `drop` leaves none of the 2 positives of the label 'sport'"
    )


def test_a_label_that_balancing_loses_is_refused():
    photos = photos_of(SPORT, *[OFFICE] * 4, *[LADY] * 200)
    with pytest.raises(InputError, match=r"epoch 0: `balanced` leaves none of the \d+ positives of the label 'office'"):
        draw({"balanced": {"power": 20}}, photos)


def test_a_label_without_positives_is_no_reason_to_refuse():
    drawn = epochs_of(
        draw({"balanced": {"power": 0.5}, "recolored": {"labels": None, "per_epoch": 3}}, NO_SPORT, RECOLORED)
    )
    assert [len(epoch) for epoch in drawn] == [13] * 3


# ---- the table and the program


def test_positives_table():
    recipe = {"repeat": {"labels": ["sport"], "times": 10}, "recolored": {"labels": ["lady"], "per_epoch": 5}}
    photos = PHOTOS.assign(lady=np.where(PHOTOS["office"], 0, PHOTOS["lady"]))
    table = positives_table(photos, LABELS, draw(recipe, photos, RECOLORED))
    assert table.index.tolist() == LABELS
    assert table["positives"].tolist() == [2, 33, 10]
    assert table["an epoch"].tolist() == [20, 33, 15]
    assert table["ratio"].tolist() == [10, 1, 1.5]


def run_program(folder, recipe, attempts="", expected=0):
    """Run the program on 60 photos, every third of which is in fold 0; return what it says."""
    manifest = photos_of(*[SPORT, SPORT, OFFICE, BOTH, BOTH, LADY] * 10)
    write_table(manifest, folder / "manifest")
    folds = pd.DataFrame({"image_id": manifest["image_id"], "fold": np.arange(60, dtype=np.int16) % 3})
    write_table(folds, folder / "folds")
    options = ["--manifest=manifest", "--folds=folds", "--epochs=epochs", "--attempts", attempts]
    settings = {"labels": LABELS, "recipe": {**PLAIN, **recipe}}
    words = [*options, "--name=mixed", "--fold=0", "--settings", settings]
    return call(folder, "augment/resample_manifest", *words, expected=expected)


RECIPE = {"recolored": {"labels": None, "per_epoch": 100}}


def test_program(tmp_path):
    recolored = recolored_of([f"p{number}" for number in range(60)], 2)
    recolored["outcome"] = ["made", "clipped"] * 60
    write_table(recolored, tmp_path / "attempts")
    said = run_program(tmp_path, RECIPE, "attempts")
    assert "fold 0: 3 epochs of 80 photos, 40 of these recoloured" in said
    assert ["sport", "10", "20.0", "2.0"] in [line.split() for line in said.splitlines()]
    table = read_table(tmp_path / "epochs")
    assert set(table["image_id"]) == {f"p{number}" for number in range(60) if number % 3}
    assert set(table["variant"]) == {"original", "recolored0"}


def test_program_without_recolored_photos(tmp_path):
    run_program(tmp_path, {})
    assert len(read_table(tmp_path / "epochs")) == 3 * 40
    (tmp_path / "epochs").unlink()
    said = run_program(tmp_path, RECIPE, expected=1)
    assert said.startswith("error: recipe mixed, fold 0: `recolored` has no photos: none of the 0 ")
    assert not (tmp_path / "epochs").exists()
