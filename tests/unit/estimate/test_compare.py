"""Two results folders are compared if they hold the same photos with the same labels."""

import pandas as pd
import pytest

from stylevote.errors import InputError
from stylevote.estimate.compare import compare_folders
from stylevote.files.tables import MANIFEST_COLUMNS, write_table

MANIFEST = pd.DataFrame({column: ["a", "b", "c"] for column in MANIFEST_COLUMNS}).assign(
    red=pd.Series([1, 0, 1], dtype="uint8"), round=pd.Series([0, 1, 1], dtype="uint8")
)


def make_folder(folder, manifest=MANIFEST, decided=None):
    """Return a results folder that holds a manifest and honest decisions for its photos."""
    write_table(manifest, folder / "photos" / "train" / "manifest.parquet")
    decided = manifest[["image_id", "red", "round"]] if decided is None else decided
    write_table(decided, folder / "estimate" / "nested_decisions.parquet")
    return folder


def test_an_ensemble_that_decides_all_photos_rightly_has_the_best_score(tmp_path):
    wrong = MANIFEST[["image_id", "red", "round"]].assign(red=pd.Series([0, 1, 0], dtype="uint8"))
    text = compare_folders(make_folder(tmp_path / "one", decided=wrong), make_folder(tmp_path / "other"), resamples=20)
    head, _, red, *_, macro = text.splitlines()
    assert head.endswith("3 photos; low and high hold 95 % of the differences")
    assert red.split()[:5] == ["red", "2", "0.0000", "1.0000", "1.0000"]
    assert macro.split()[:5] == ["macro", "4", "0.5000", "1.0000", "0.5000"]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (MANIFEST.rename(columns={"round": "square"}), "other: has other labels for the photoset 'train' than .*one"),
        (MANIFEST.assign(image_id=["a", "b", "d"]), "other: has other photos in 'train', or other labels for them"),
        (MANIFEST.assign(red=MANIFEST["round"]), "other: has other photos in 'train', or other labels for them"),
    ],
)
def test_other_photos_or_labels_are_refused(tmp_path, other, message):
    one = make_folder(tmp_path / "one")
    write_table(other, tmp_path / "other" / "photos" / "train" / "manifest.parquet")
    with pytest.raises(InputError, match=message):
        compare_folders(one, tmp_path / "other")
