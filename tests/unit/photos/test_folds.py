"""Folds and holdout photos: equal shares of every label, near-duplicates together, the same from the same seed."""

import numpy as np
import pandas as pd
import pytest

from programs import call
from stylevote.errors import InputError
from stylevote.files.tables import UNKNOWN, label_matrix, read_table, write_table
from stylevote.photos import folds as folds_module
from stylevote.photos.folds import (
    assign_folds,
    count_positives,
    folds_digest,
    hold_out_photos,
    read_folds,
    stratify,
    take_folds,
)

LABELS = ["common", "usual", "rare", "rarest"]


def manifest_of(values, group=None, labels=LABELS):
    table = pd.DataFrame(np.asarray(values, dtype=np.uint8), columns=labels)
    table.insert(0, "image_id", [f"{k}.jpg" for k in range(len(table))])
    table.insert(1, "group", np.arange(len(table)) if group is None else group)
    return table


@pytest.fixture
def manifest():
    """600 photos; labels at 60, 20, 3 and 1 %; every tenth photo has a near-duplicate elsewhere in the table."""
    generator = np.random.default_rng(3)
    values = generator.random((600, 4)) < [0.6, 0.2, 0.03, 0.0]
    values[generator.choice(540, 6, replace=False), 3] = True
    group = np.arange(600)
    group[540:] = np.arange(60) * 9
    return manifest_of(values, group)


def spread(values, folds, count=5):
    """Mean over labels of the standard deviation over folds of the share of positives that a fold holds."""
    counts = count_positives(values, folds, count)
    return (counts / counts.sum(axis=0)).std(axis=0).mean()


def test_folds_have_equal_shares(manifest):
    table = assign_folds(manifest, LABELS, 5, 1)
    assert table.columns.tolist() == ["image_id", "fold"]
    assert table["image_id"].tolist() == manifest["image_id"].tolist()
    assert table["fold"].dtype == np.int16
    assert table["fold"].value_counts().between(100, 140).all()
    values = label_matrix(manifest, LABELS)
    plain = [np.random.default_rng(seed).permutation(600) % 5 for seed in range(10)]
    assert spread(values, table["fold"].to_numpy()) < 0.5 * np.mean([spread(values, folds) for folds in plain])
    assert count_positives(values, table["fold"].to_numpy(), 5).min() >= 1


def test_near_duplicates_share_a_fold(manifest):
    table = assign_folds(manifest, LABELS, 5, 1)
    assert table["fold"].groupby(manifest["group"].to_numpy()).nunique().eq(1).all()
    assert manifest["group"].nunique() < len(manifest)


def test_a_group_counts_with_the_labels_of_all_its_photos():
    manifest = manifest_of([[1, 0], [0, 1]] * 6, np.repeat(np.arange(6), 2), ["a", "b"])
    folds = assign_folds(manifest, ["a", "b"], 6, 1)["fold"].to_numpy()
    assert sorted(folds[::2]) == list(range(6))
    assert (folds[::2] == folds[1::2]).all()


def test_the_seed_alone_decides(manifest):
    first = assign_folds(manifest, LABELS, 5, 1)
    pd.testing.assert_frame_equal(first, assign_folds(manifest, LABELS, 5, 1))
    assert (first["fold"] != assign_folds(manifest, LABELS, 5, 2)["fold"]).any()


def test_one_label():
    manifest = manifest_of([[1]] * 7 + [[0]] * 30, labels=["only"])
    table = assign_folds(manifest, ["only"], 5, 1)
    counts = count_positives(label_matrix(manifest, ["only"]), table["fold"].to_numpy(), 5)
    assert sorted(counts[:, 0]) == [1, 1, 1, 2, 2]


def test_too_few_positives_name_label_and_counts():
    manifest = manifest_of([[1, 0]] * 20 + [[1, 1]] * 4, np.r_[np.arange(22), 20, 21], ["a", "b"])
    with pytest.raises(InputError) as caught:
        assign_folds(manifest, ["a", "b"], 3, 1)
    title, line = str(caught.value).splitlines()
    assert title == "some folds have no positive photo of a label:"
    name, _, rest = line.partition(": ")
    assert name == "label 'b'"
    counts, _, rest = rest.partition(" positives in the 3 folds ")
    assert sorted(counts.split(", ")) == ["0", "2", "2"]
    assert rest == (
        "(2 distinct positives, near-duplicates and groups counted once);"
        " use fewer folds, add photos or merge the label with another"
    )


@pytest.mark.parametrize("other", [1, UNKNOWN])
def test_labels_that_no_photo_lacks_are_refused(other):
    values = [[k % 2, 1 if k % 3 else other] for k in range(30)]
    with pytest.raises(InputError, match="no photo is known to lack 'b', so nothing can be learnt"):
        assign_folds(manifest_of(values, labels=["a", "b"]), ["a", "b"], 3, 1)
    values[5][1] = 0
    assign_folds(manifest_of(values, labels=["a", "b"]), ["a", "b"], 3, 1)


def test_a_division_with_an_empty_fold_is_drawn_again(monkeypatch):
    tried = []

    def unlucky(positives, count, seed):
        tried.append(seed)
        return np.zeros(len(positives), dtype=int) if len(tried) < 3 else stratify(positives, count, seed)

    monkeypatch.setattr(folds_module, "stratify", unlucky)
    table = assign_folds(manifest_of([[1, 0], [0, 1]] * 5, labels=["a", "b"]), ["a", "b"], 5, 8)
    assert tried == [[8, 0], [8, 1], [8, 2]]
    assert table["fold"].nunique() == 5


def many_rare_labels(photos, labels, positives, seed):
    """Photos of which each label has so few positives that chance leaves a fold without any of one or another."""
    generator = np.random.default_rng(seed)
    values = np.zeros((photos, labels), dtype=bool)
    for k in range(labels):
        values[generator.choice(photos, positives, replace=False), k] = True
    return values


@pytest.mark.parametrize(("photos", "labels", "positives"), [(200, 60, 6), (400, 300, 10)])
def test_hundreds_of_rare_labels_are_in_every_fold(photos, labels, positives):
    names = [f"label {k}" for k in range(labels)]
    values = many_rare_labels(photos, labels, positives, seed=1)
    folds = assign_folds(manifest_of(values, labels=names), names, 5, 1)["fold"]
    assert count_positives(values, folds.to_numpy(), 5).min() >= 1
    assert folds.value_counts().between(0.8 * photos / 5, 1.2 * photos / 5).all()


def test_an_exchange_mostly_moves_as_little_as_it_can():
    values = np.array([[1, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 1, 0], [0, 1, 1]], dtype=bool)
    parts = np.array([0, 0, 0, 1, 1, 1])
    found = [folds_module.exchange(values, parts, np.array([1, 1]), seed).tolist() for seed in range(30)]
    # The photo with the label alone, for the one without any.
    assert found.count([0, 1, 0, 0, 1, 1]) > 20
    for exchanged in found:
        assert np.bincount(exchanged).tolist() == [3, 3]
        assert count_positives(values, np.array(exchanged), 2).min() >= 1


@pytest.mark.parametrize("share", [0.05, 0.1, 0.35])
def test_holdout_photos_are_a_share_of_each_label(manifest, share):
    """Groups of near-duplicates count once, and so near to the share as no random choice comes."""
    first = manifest.drop_duplicates("group").index
    union = manifest.groupby("group")[LABELS].max().to_numpy()
    wanted = share * union[:, :3].sum(axis=0)  # the rarest has too few for a share of 5 %

    def away(holdout):
        return np.abs(union[holdout[first], :3].sum(axis=0) - wanted)

    labels = LABELS[:3]
    chosen = [hold_out_photos(manifest, labels, share, 3, seed) for seed in range(4)]
    rng = np.random.default_rng(0)
    random = [away(np.isin(manifest["group"], rng.choice(540, round(540 * share), replace=False))) for _ in range(200)]
    for holdout in chosen:
        assert holdout.shape == (600,)
        assert holdout.dtype == bool
        assert holdout[first].sum() == pytest.approx(540 * share, abs=2)
        assert (away(holdout) <= 1.5).all()
    assert np.mean([away(holdout) for holdout in chosen]) < 0.5 * np.mean(random)


def test_near_duplicates_are_holdout_together(manifest):
    holdout = pd.Series(hold_out_photos(manifest, LABELS, 0.2, 3, 1))
    of_group = holdout.groupby(manifest["group"])
    assert of_group.nunique().eq(1).all()
    assert (of_group.size()[of_group.first()] == 2).any()


def test_a_rare_label_is_holdout_and_stays_in_every_fold(manifest):
    for seed in range(10):
        holdout = hold_out_photos(manifest, LABELS, 0.1, 5, seed)
        assert manifest.loc[holdout, "rarest"].sum() == 1
        folds = assign_folds(manifest[~holdout], LABELS, 5, seed)
        assert folds["fold"].nunique() == 5
        assert set(folds["image_id"]) == set(manifest.loc[~holdout, "image_id"])


def test_the_seed_alone_decides_what_is_holdout(manifest):
    first = hold_out_photos(manifest, LABELS, 0.2, 3, 1)
    assert (first == hold_out_photos(manifest.assign(image_id="x"), LABELS, 0.2, 3, 1)).all()
    assert (first != hold_out_photos(manifest, LABELS, 0.2, 3, 2)).any()


@pytest.mark.parametrize(
    ("positives", "share", "folds", "counts"),
    [
        (4, 0.05, 3, "4 to train on and 0 held out"),  # there would be one to spare, but a twentieth of four is none
        (4, 0.5, 3, "2 to train on and 2 held out"),
        (3, 0.25, 3, "2 to train on and 1 held out"),
        (1, 0.25, 3, "1 to train on and 0 held out"),
    ],
)
def test_too_few_positives_to_lock_name_label_and_counts(positives, share, folds, counts):
    values = np.zeros((40, 2))
    values[:, 0] = 1
    values[:positives, 1] = 1
    with pytest.raises(InputError) as caught:
        hold_out_photos(manifest_of(values, labels=["a", "b"]), ["a", "b"], share, folds, 1)
    title, line = str(caught.value).splitlines()
    assert title == (
        "too few photos per label to hold some out; expected at least 3 positives to train on (one per fold) and"
        " 1 held out, near-duplicates and groups counted once:"
    )
    assert line == f"label 'b': {counts}; change holdout.share, add photos or merge the label with another"


def test_near_duplicates_count_once_where_photos_are_holdout():
    values, group = [[1]] * 6 + [[0]] * 20, np.r_[0, 0, 0, 1, 1, 2, np.arange(3, 23)]
    with pytest.raises(InputError, match=r"label 'only': [0-3] to train on and [0-3] held out"):
        hold_out_photos(manifest_of(values, group, ["only"]), ["only"], 0.3, 3, 1)
    holdout = hold_out_photos(manifest_of(values, group, ["only"]), ["only"], 0.3, 2, 1)
    assert pd.Series(group[:6][holdout[:6]]).nunique() == 1


def run(program, manifest, folder, outputs, *options, expected=0, **settings):
    """Run a program; return what it says."""
    write_table(manifest, folder / "manifest")
    options = ["--manifest=manifest", *(f"--{name}={name}" for name in outputs), *options]
    settings = {"labels": LABELS, "seed": 1, **settings}
    return call(folder, f"photos/{program}", *options, "--settings", settings, expected=expected)


def test_locking_program(manifest, tmp_path):
    manifest.insert(1, "sha256", [f"{k:064x}" for k in range(600)])
    said = run("hold_out_photos", manifest, tmp_path, ["train", "holdout"], share=0.1, folds=5)
    train, holdout = (read_table(tmp_path / name) for name in ("train", "holdout"))
    assert f"{len(holdout)} of 600 photos held out" in said
    assert not set(train["group"]) & set(holdout["group"])
    together = pd.concat([train, holdout]).sort_values("sha256", ignore_index=True)
    pd.testing.assert_frame_equal(together, manifest)  # every row is in one of the two, as it was
    assert train["sha256"].is_monotonic_increasing
    assert holdout["sha256"].is_monotonic_increasing


def test_program(manifest, tmp_path):
    said = run("assign_folds", manifest, tmp_path, ["folds"], "--table", "", "--divided=warn", count=5)
    assert "rarest" in said
    assert "fold 4" in said
    folds = read_table(tmp_path / "folds")
    pd.testing.assert_frame_equal(folds, assign_folds(manifest, LABELS, 5, 1))
    folds_table(tmp_path / "mine.csv", folds.iloc[::-1].itertuples(index=False))
    run("assign_folds", manifest, tmp_path, ["folds"], "--table=mine.csv", "--divided=warn", count=5)
    pd.testing.assert_frame_equal(read_table(tmp_path / "folds"), folds)


def test_programs_end_with_the_message(manifest, tmp_path):
    said = run("hold_out_photos", manifest, tmp_path, ["train", "holdout"], share=0.1, folds=9, expected=1)
    assert said.startswith("error: too few photos per label to hold some out; expected at least 9 positives to train")
    assert "label 'rarest': 5 to train on and 1 held out; change holdout.share" in said
    said = run("assign_folds", manifest, tmp_path, ["folds"], "--table", "", "--divided=warn", count=9, expected=1)
    assert said.startswith("error: some folds have no positive photo of a label:\nlabel 'rarest': ")
    assert [path.name for path in tmp_path.iterdir()] == ["manifest"]


# ---- a table of folds


def folds_table(path, rows):
    path.write_text("".join(f"{name},{fold}\n" for name, fold in [("image_id", "fold"), *rows]))
    return path


@pytest.fixture
def plain():
    """Twelve photos with one of two labels; the last two are near-duplicates."""
    return manifest_of([[1, 0], [0, 1]] * 6, [*range(11), 10], ["a", "b"])


def test_a_table_of_folds_is_taken_as_it_is(plain, tmp_path, caplog):
    rows = [(f"{k}.jpg", (k // 2) % 3) for k in range(12)]
    path = folds_table(tmp_path / "folds.csv", [*rows[::-1], ("held out.jpg", 0)])
    table = take_folds(plain, ["a", "b"], 3, read_folds(path, 3), divided="fail")
    assert table["image_id"].tolist() == plain["image_id"].tolist()
    assert table["fold"].tolist() == [fold for _, fold in rows]
    assert table["fold"].dtype == np.int16
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_table_of_folds_counts_by_its_content(tmp_path):
    rows = [(f"{k}.jpg", k % 3) for k in range(6)]
    first = folds_digest(read_folds(folds_table(tmp_path / "folds.csv", rows), 3))
    path = tmp_path / "again.parquet"
    pd.DataFrame(rows[::-1], columns=["image_id", "fold"]).assign(more=1.5).to_parquet(path)
    assert folds_digest(read_folds(path, 3)) == first
    rows[0] = ("0.jpg", 1)
    assert folds_digest(read_folds(folds_table(tmp_path / "folds.csv", rows), 3)) != first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image_id,fold\na,0\na,1\n", ", row 3: photo 'a' occurs twice, expected each once"),
        ("image_id,fold\na,3\nb,\n", ", row 2: photo 'a' is in fold '3', expected 0 to 2; see folds.count"),
        ("image_id,fold\na,3\nb,\n", ", row 3: photo 'b' has no fold, expected 0 to 2; see folds.count"),
        ("image_id,fold\na,x\n", ", row 2: photo 'a' is in fold 'x', expected 0 to 2; see folds.count"),
        ("image_id,fold\na,0.5\n", ", row 2: photo 'a' is in fold '0.5', expected 0 to 2; see folds.count"),
        ("image_id,folds\na,0\n", ": no column 'fold'; did you mean 'folds'?"),
        ("", ": no column 'image_id'"),
    ],
)
def test_faults_of_a_table_of_folds(tmp_path, text, expected):
    path = tmp_path / "folds.csv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_folds(path, 3)
    assert f"{path}{expected}" in str(caught.value)


def test_faults_of_a_table_of_folds_that_the_photos_show(plain, tmp_path, caplog):
    rows = [(f"{k}.jpg", (k // 2) % 3) for k in range(12)]

    def take(rows, **settings):
        return take_folds(plain, ["a", "b"], 3, read_folds(folds_table(tmp_path / "f.csv", rows), 3), **settings)

    with pytest.raises(InputError) as caught:
        take(rows[1:])
    assert str(caught.value) == "folds.table has no fold for 1 training photo:\n'0.jpg'; did you mean '10.jpg'?"
    with pytest.raises(InputError, match="label 'b': 6, 0, 0 positives in the 3 folds"):
        take([(name, fold if k % 2 == 0 else 0) for k, (name, fold) in enumerate(rows)])
    divided = [*rows[:11], ("11.jpg", 0)]
    with pytest.raises(InputError) as caught:
        take(divided, divided="fail")
    title, line = str(caught.value).splitlines()
    assert title.startswith(
        "1 group of near-duplicates, or of the label table, in several folds of folds.table; change"
    )
    assert line == "'10.jpg', '11.jpg': folds 0, 2"
    assert take(divided)["fold"].tolist() == [fold for _, fold in divided]
    assert any("estimates will be too high:\n'10.jpg', '11.jpg'" in message for message in caplog.messages)


def test_uneven_folds_are_warned_of(caplog):
    manifest = manifest_of([[1], [0]] * 30, [*range(30), *[30] * 30], ["a"])
    assign_folds(manifest, ["a"], 3, 1)
    assert any(
        message.startswith("folds differ in size: ")
        and "together has 30. " in message
        and "near_duplicates.max_difference; 0 keeps only files of the same content together" in message
        for message in caplog.messages
    )
    caplog.clear()
    assign_folds(manifest_of([[1], [0]] * 30, labels=["a"]), ["a"], 3, 1)
    assert not caplog.messages


def test_known_positives_and_known_negatives_are_divided_evenly():
    manifest = manifest_of([[1]] * 5 + [[0]] * 5 + [[UNKNOWN]] * 40, labels=["only"])
    for seed in range(3):
        folds = assign_folds(manifest, ["only"], 5, seed)["fold"].to_numpy()
        assert sorted(folds[:5]) == sorted(folds[5:10]) == list(range(5))
        assert np.bincount(folds[10:]).tolist() == [8] * 5
    held_out = hold_out_photos(manifest, ["only"], 0.4, 3, 1)
    assert [held_out[:5].sum(), held_out[5:10].sum(), held_out[10:].sum()] == [2, 2, 16]


def test_an_unknown_label_is_no_positive_for_a_fold():
    manifest = manifest_of([[1], [1], [UNKNOWN], [UNKNOWN], [0], [0]], labels=["only"])
    with pytest.raises(InputError, match="2 distinct positives"):
        assign_folds(manifest, ["only"], 3, 1)
    with pytest.raises(InputError, match="2 distinct positives"):
        take_folds(manifest, ["only"], 3, pd.Series([0, 1, 2, 2, 0, 1], index=manifest["image_id"]))
