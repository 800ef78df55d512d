"""Which weights stay on the disk, and that nothing is trained for it."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from stylevote.files.tables import read_table
from stylevote.metrics import best_threshold
from workflow.checkout import LABELS, VOTED, Checkout

pytestmark = pytest.mark.slow


def weights(checkout: Checkout) -> dict[str, list[set[int]]]:
    """Return which epochs' weights lie there, by run and fold."""
    found = {}
    for folder in (checkout.folder / "out" / "runs").iterdir():
        found[folder.name] = [
            {
                int(path.stem.removeprefix("epoch"))
                for path in (folder / f"fold{fold}" / "weights").glob("*.safetensors")
            }
            for fold in range(3)
        ]
    return found


def best_of_a_label(folder: Path) -> dict[str, list[set[int]]]:
    """Return each run's epochs that are its best for some label, by the out-of-fold scores of all folds or of one."""
    truth = read_table(folder / "photos" / "train" / "manifest.parquet").set_index("image_id")
    best = {}
    for run in (folder / "runs").iterdir():
        tables = [read_table(run / f"fold{fold}" / "validation.parquet") for fold in range(3)]
        epochs = tables[0]["epoch"].unique()
        best[run.name] = [set(), set(), set()]
        for label, judges in itertools.product(LABELS, [[0, 1, 2], [0], [1], [2]]):
            f2 = []
            for epoch in epochs:
                rows = [tables[fold][tables[fold]["epoch"] == epoch] for fold in judges]
                scores, ids = (np.concatenate([table[name] for table in rows]) for name in (label, "image_id"))
                f2.append(best_threshold(truth.loc[ids, label].to_numpy(), scores)[1])
            for fold in judges:
                best[run.name][fold].add(int(epochs[np.argmax(f2)]))
    return best


def test_weights_of_epochs_that_cannot_become_members_go_and_are_not_missed(checkout):
    everything = weights(checkout)
    assert all(epochs == [{0, 1}] * 3 for epochs in everything.values())
    checkout.config["keep_weights"] = "selectable"
    assert checkout.plan() == {"choose_epochs": 2, **VOTED}
    checkout.run()
    assert weights(checkout) == best_of_a_label(checkout.folder / "out")
    assert checkout.plan() == {}
    # They are enough for other members, and for further photos.
    checkout.config["selection"] = {"correlation": 0.999}
    checkout.config["photosets"]["more"] = {"photos": "photos/test", "labels": None}
    assert "train_cnn" not in checkout.plan("out/submission.csv", "out/predictions/more/decisions.csv")
    checkout.run("out/submission.csv", "out/predictions/more/decisions.csv")


def test_without_any_weights_the_submission_is_the_same(fresh, finished):
    fresh.config["keep_weights"] = "none"
    fresh.run("out/submission.csv")
    submission = (fresh.folder / "out" / "submission.csv").read_bytes()
    assert submission == (finished.folder / "out" / "submission.csv").read_bytes()
    assert all(epochs == [set()] * 3 for epochs in weights(fresh).values())
    assert not list(fresh.folder.glob("out/runs/**/*.safetensors"))
    assert fresh.plan("out/submission.csv") == {}
    # Other decisions from the same networks train nothing; only further photos need networks that are gone.
    fresh.config["threshold"] = {"method": "greedy"}
    fresh.config["selection"] = {"correlation": 0.999}
    assert not {"train_cnn", "predict_photos"} & fresh.plan("out/submission.csv").keys()
    fresh.config["photosets"]["more"] = {"photos": "photos/test", "labels": None}
    assert fresh.plan("out/predictions/more/decisions.csv")["train_cnn"] == 6
