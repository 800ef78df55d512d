"""External members: which files they need, and what happens if one is replaced or missing."""

import pytest

from stylevote.config.resolve import resolve
from stylevote.ensemble.external import external_fingerprint, external_predictions, refuse_missing_predictions
from stylevote.errors import InputError


@pytest.fixture
def settings(tmp_path):
    """Settings with one external member, whose files are there."""
    photosets = {"train": {"photos": "train", "labels": "train.csv"}, "test": {"photos": "test", "labels": None}}
    members = {"external": [str(tmp_path / "theirs")]}
    resolved = resolve({"results": "out", "labels": ["red", "blue"], "photosets": photosets, "members": members})
    for photos in ("validation", "test"):
        for path in external_predictions(resolved, photos):
            folder = tmp_path / "theirs" / path.split("/")[-2]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{photos}.parquet").write_text(photos)
    return resolved


def test_a_member_has_a_file_per_fold(settings, tmp_path):
    folds = settings.config.folds.count
    assert external_predictions(settings, "test") == [f"{tmp_path}/theirs/fold{k}/test.parquet" for k in range(folds)]


def test_the_fingerprint_is_that_of_the_contents(settings, tmp_path):
    before = external_fingerprint(settings, "validation"), external_fingerprint(settings, "test")
    (tmp_path / "theirs" / "fold0" / "test.parquet").write_text("tost")
    after = external_fingerprint(settings, "validation"), external_fingerprint(settings, "test")
    assert before[0] == after[0]
    assert before[1] != after[1]


def test_a_missing_file_is_refused_only_if_something_was_made_of_it(settings, tmp_path):
    votes = tmp_path / "votes.parquet"
    missing = tmp_path / "theirs" / "fold1" / "test.parquet"
    missing.unlink()
    refuse_missing_predictions(settings, {"test": str(votes)})
    votes.write_text("")
    with pytest.raises(InputError, match=r"fold1/test\.parquet is missing \(1 of 5 .*votes\.parquet would stay"):
        refuse_missing_predictions(settings, {"test": str(votes)})
    refuse_missing_predictions(settings, {"validation": str(votes)})
