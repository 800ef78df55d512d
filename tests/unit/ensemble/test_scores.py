"""Collated scores hold every run's out-of-fold predictions, and nothing that cannot be used gets in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from stylevote.ensemble.rank import ALL
from stylevote.ensemble.scores import (
    collate_scores,
    files_of_runs,
    open_candidates,
    read_features,
    read_predictions,
)
from stylevote.errors import InputError
from stylevote.files.tables import read_table, write_table


@pytest.fixture
def collated(ensemble, tmp_path):
    ensemble.scores["run0"] = ensemble.scores["run0"][:1]  # runs need not have as many epochs as each other
    path = tmp_path / "scores.parquet"
    collate_scores(
        ensemble.write_predictions(tmp_path / "runs"), ensemble.image_ids, ensemble.folds, {path: ensemble.labels}
    )
    return path


def candidates_of(path, image_ids, label):
    """Return a label's candidates and scores."""
    with open_candidates([path], image_ids) as candidates:
        return candidates.of(label)


def test_candidates_come_back_in_the_manifests_order(ensemble, collated):
    for k, label in enumerate(ensemble.labels):
        candidates, scores = candidates_of(collated, ensemble.image_ids, label)
        expected, expected_scores = ensemble.candidates(k)
        assert candidates["run"].tolist() == expected["run"].tolist()
        assert candidates["epoch"].tolist() == expected["epoch"].tolist()
        assert candidates["epoch"].dtype == np.int16
        assert scores.dtype == np.float32
        assert np.array_equal(scores, expected_scores)


def test_each_run_is_a_row_group_per_label(ensemble, collated):
    metadata = pq.ParquetFile(collated).metadata
    assert metadata.num_row_groups == len(ensemble.scores) * len(ensemble.labels)


def test_labels_are_found_in_the_file_of_their_block(ensemble, tmp_path):
    blocks = {tmp_path / "one.parquet": ["style 1"], tmp_path / "other.parquet": ["style 0"]}
    collate_scores(ensemble.write_predictions(tmp_path), ensemble.image_ids, ensemble.folds, blocks)
    with open_candidates(list(blocks), ensemble.image_ids) as candidates:
        assert candidates.labels == ["style 1", "style 0"]
        for k, label in enumerate(ensemble.labels):
            assert np.array_equal(candidates.of(label)[1], ensemble.candidates(k)[1])
        with pytest.raises(InputError, match="no file of candidates holds the label 'style 2'"):
            candidates.of("style 2")


def test_the_order_of_rows_does_not_matter(ensemble, tmp_path):
    files = ensemble.write_predictions(tmp_path)
    write_table(read_table(files["run1"][2]).sample(frac=1, random_state=0), files["run1"][2])
    collate_scores(files, ensemble.image_ids, ensemble.folds, {tmp_path / "scores": ensemble.labels})
    _, scores = candidates_of(tmp_path / "scores", ensemble.image_ids, "style 1")
    assert np.array_equal(scores, ensemble.candidates(1)[1])


def test_other_photos_or_another_order_are_refused(ensemble, collated):
    with pytest.raises(InputError, match=r"scores\.parquet: was collated for other photos"):
        candidates_of(collated, ensemble.image_ids[::-1], "style 0")


def test_members_come_in_their_order_from_their_row_groups_only(ensemble, collated, monkeypatch):
    candidates, scores = ensemble.candidates(0)
    members = candidates.iloc[[4, 0, 3]]
    groups = []
    read = pq.ParquetFile.read_row_group

    def noting(file, group, **arguments):
        groups.append(int(group))
        return read(file, group, **arguments)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noting)
    with open_candidates([collated], ensemble.image_ids) as opened:
        assert np.array_equal(opened.members("style 0", members), scores[[4, 0, 3]])
    assert groups == [0, 4]  # a row group per run and label: those of the first label come at 0, 2 and 4


def test_a_member_that_is_no_candidate_is_refused(ensemble, collated):
    members = pd.DataFrame({"run": ["run0", "run9"], "epoch": np.array([1, 1], dtype=np.int16)})
    with (
        open_candidates([collated], ensemble.image_ids) as candidates,
        pytest.raises(InputError, match="1 of the 2 members of style 0 are not in it"),
    ):
        candidates.members("style 0", members)


def test_a_run_without_a_label_is_no_candidate_for_it(ensemble, tmp_path):
    files = ensemble.write_predictions(tmp_path)
    for path in files["run1"]:
        write_table(read_table(path).drop(columns="style 1"), path)
    collate_scores(files, ensemble.image_ids, ensemble.folds, {tmp_path / "scores": ensemble.labels})
    assert set(candidates_of(tmp_path / "scores", ensemble.image_ids, "style 0")[0]["run"]) == {"run0", "run1", "run2"}
    assert set(candidates_of(tmp_path / "scores", ensemble.image_ids, "style 1")[0]["run"]) == {"run0", "run2"}


def test_a_label_that_no_run_predicts_is_refused(ensemble, tmp_path):
    outputs = {tmp_path / "scores": [*ensemble.labels, "style 9"]}
    with pytest.raises(InputError, match="none of the 3 runs predicts the label style 9"):
        collate_scores(ensemble.write_predictions(tmp_path / "runs"), ensemble.image_ids, ensemble.folds, outputs)


def spoil(table, column, count, value):
    table.loc[table.index[:count], column] = value
    return table


SPOILED = {
    "missing": (lambda t: t.iloc[3:], "3 rows are missing: each of 2 epochs needs every photo of fold 1"),
    "foreign": (lambda t: spoil(t, "image_id", 2, "else.jpg"), "2 rows hold photos that are not of fold 1"),
    "doubled": (lambda t: pd.concat([t, t.iloc[:4]]), "4 rows repeat a photo at the same epoch"),
    "nan": (lambda t: spoil(t, "style 0", 5, np.nan), "5 scores are NaN"),
    "above": (lambda t: spoil(t, "style 0", 6, 1.5), "6 scores are outside 0..1"),
    "below": (lambda t: spoil(t, "style 1", 1, -0.1), "1 scores are outside 0..1"),
    "infinite": (lambda t: spoil(t, "style 1", 1, np.inf), "1 scores are outside 0..1"),
    "epochs": (lambda t: t[t["epoch"] == 1], r"holds the epochs \[1\], but .*fold0.parquet holds \[1, 2\]"),
    "empty": (lambda t: t.iloc[:0], "holds no predictions"),
    "column": (lambda t: t.drop(columns="epoch"), "has no column epoch"),
    "unknown": (lambda t: t.assign(colour=0.5), "1 columns are no label: colour"),
    "text": (lambda t: t.assign(**{"style 0": "high"}), "1 columns do not hold numbers: style 0"),
    "half epochs": (lambda t: t.assign(epoch=t["epoch"] / 2), "80 epochs are no whole numbers from 0 to 32767"),
    "large epochs": (lambda t: t.assign(epoch=t["epoch"] + 32_766), "80 epochs are no whole numbers"),
    "no epochs": (lambda t: t.assign(epoch=np.nan), "160 epochs are no whole numbers"),
    "labels": (lambda t: t.drop(columns="style 0"), "holds 1 labels, but .*fold0.parquet holds 2"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_predictions_that_cannot_be_used_are_refused_with_file_and_count(case, ensemble, tmp_path):
    change, message = SPOILED[case]
    files = ensemble.write_predictions(tmp_path / "runs")
    path = files["run2"][1]
    write_table(change(read_table(path)), path)
    outputs = {tmp_path / "scores" / "x.parquet": ensemble.labels}
    with pytest.raises(InputError, match=rf"run2.fold1\.parquet: {message}"):
        collate_scores(files, ensemble.image_ids, ensemble.folds, outputs)
    assert list((tmp_path / "scores").iterdir()) == []


def test_photos_of_another_fold_are_refused(ensemble, tmp_path):
    files = ensemble.write_predictions(tmp_path)
    files["run0"].reverse()
    with pytest.raises(InputError, match=r"fold2\.parquet: 160 rows hold photos that are not of fold 0"):
        collate_scores(files, ensemble.image_ids, ensemble.folds, {tmp_path / "scores": ensemble.labels})


def test_a_file_that_is_no_table_is_refused(ensemble, tmp_path):
    (tmp_path / "x.parquet").write_text("not a table")
    with pytest.raises(InputError, match=r"x\.parquet: cannot be read"):
        read_predictions(tmp_path / "x.parquet", ensemble.image_ids, ensemble.labels, "the photoset")
    with pytest.raises(InputError, match=r"x\.parquet: damaged"):
        candidates_of(tmp_path / "x.parquet", ensemble.image_ids, "style 0")


def test_a_list_of_files_is_cut_into_those_of_each_run():
    paths = [Path(f"{run}/{fold}") for run in "ab" for fold in range(3)]
    assert files_of_runs(["a", "b"], paths, 3) == {"a": paths[:3], "b": paths[3:]}
    assert files_of_runs([], [], 3) == {}
    with pytest.raises(InputError, match="found 5 files of 2 runs, expected 3 of each, one per fold"):
        files_of_runs(["a", "b"], paths[1:], 3)
    with pytest.raises(InputError, match="1 runs are named twice"):
        files_of_runs(["a", "a"], paths, 3)


MEMBERS = pd.DataFrame(
    [("style 0", "run2", 2, ALL, 1), ("style 0", "run0", 1, ALL, 2), ("style 1", "run2", 1, ALL, 1)],
    columns=["label", "run", "epoch", "fold", "member"],
)


def write_photoset(ensemble, folder, folds=2):
    """Write a photoset's predictions; fold k's are lower by k tenths; run1 holds no epoch, as it has no member."""
    everything = np.arange(len(ensemble.image_ids))
    files = {run: [folder / f"{run}-{fold}.parquet" for fold in range(folds)] for run in ensemble.scores}
    for run, paths in files.items():
        table = ensemble.predictions(run, everything)
        for fold, path in enumerate(paths):
            lowered = (table[ensemble.labels] * (1 - fold / 10)).astype(np.float32)
            write_table(table.assign(**lowered).iloc[: 0 if run == "run1" else None], path)
    return files


def test_features_are_the_members_scores_by_each_folds_cnns(ensemble, tmp_path):
    features = read_features(write_photoset(ensemble, tmp_path), MEMBERS, ensemble.image_ids, ensemble.labels)
    assert features["style 0"].shape == (2, len(ensemble.image_ids), 2)
    assert np.array_equal(features["style 0"][0, :, 0], ensemble.scores["run2"][1, :, 0])
    assert np.array_equal(features["style 0"][0, :, 1], ensemble.scores["run0"][0, :, 0])
    assert np.allclose(features["style 1"][1, :, 0], 0.9 * ensemble.scores["run2"][0, :, 1])


def test_each_fold_has_its_own_members_if_folds_chose_them(ensemble, tmp_path):
    files = write_photoset(ensemble, tmp_path)
    own = [("style 0", "run2", 2, 0, 1), ("style 0", "run0", 1, 0, 2), ("style 0", "run0", 2, 1, 1)]
    own = pd.DataFrame([*own, ("style 0", "run2", 1, 1, 2)], columns=MEMBERS.columns)
    features = read_features(files, own, ensemble.image_ids, ensemble.labels, wanted=["style 0"])["style 0"]
    assert features.shape == (2, len(ensemble.image_ids), 2)
    expected = [("run2", 1, 1.0), ("run0", 0, 1.0), ("run0", 1, 0.9), ("run2", 0, 0.9)]
    for scores, (run, epoch, factor) in zip([*features[0].T, *features[1].T], expected, strict=True):
        assert np.allclose(scores, factor * ensemble.scores[run][epoch, :, 0])


def test_features_without_a_members_epoch_or_run_are_refused(ensemble, tmp_path):
    files = write_photoset(ensemble, tmp_path)
    lacking = pd.concat([MEMBERS, pd.DataFrame([("style 1", "run1", 2, ALL, 2)], columns=MEMBERS.columns)])
    with pytest.raises(InputError, match=r"run1-0\.parquet: lacks epoch 2 of the label style 1"):
        read_features(files, lacking, ensemble.image_ids, ensemble.labels)
    files.pop("run2")
    with pytest.raises(InputError, match="2 members are of the run run2, whose predictions are not given"):
        read_features(files, MEMBERS, ensemble.image_ids, ensemble.labels)


def test_a_runs_own_table_must_be_whole_and_an_external_ones_need_no_seal(ensemble, tmp_path):
    files = ensemble.write_predictions(tmp_path / "runs")
    outputs = {tmp_path / "scores": ensemble.labels}
    run, paths = next(iter(files.items()))
    table = pd.read_parquet(paths[0])
    table.to_parquet(paths[0])
    collate_scores(files, ensemble.image_ids, ensemble.folds, outputs, external=[run])
    with pytest.raises(InputError, match=r"damaged .* Delete it and run again"):
        collate_scores(files, ensemble.image_ids, ensemble.folds, outputs)
