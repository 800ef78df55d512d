"""The weights that may become members stay: those of the best epochs by all photos, or by each fold's own."""

import numpy as np

from programs import call
from stylevote.files.tables import read_table, write_table
from stylevote.metrics import best_threshold


def test_the_best_epochs_stay(simulate, tmp_path):
    ensemble = simulate(runs=1, epochs=6, strength=0.8)
    paths = ensemble.write_predictions(tmp_path / "runs")["run0"]
    write_table(ensemble.manifest, tmp_path / "train.parquet")
    write_table(ensemble.fold_table, tmp_path / "folds.parquet")
    for fold in range(3):
        for epoch in range(1, 7):
            path = tmp_path / f"weights{fold}" / f"epoch{epoch}.safetensors"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"weights")
    words = ["--predictions", *map(str, paths), "--weights", *(f"weights{fold}" for fold in range(3)), "--run", "run0"]
    words += ["--manifest", "train.parquet", "--folds", "folds.parquet", "--epochs", "epochs.parquet"]
    call(tmp_path, "train/choose_epochs", *words, "--settings", {"labels": ensemble.labels, "beta": 2})
    scores, expected = ensemble.scores["run0"], []
    for fold in range(3):
        f2 = [
            [best_threshold(ensemble.truth[judges, k], epoch[judges, k])[1] for epoch in scores]
            for k in range(len(ensemble.labels))
            for judges in (ensemble.folds == fold, np.full(len(ensemble.folds), True))
        ]
        expected.append({int(np.argmax(of_label)) + 1 for of_label in f2})
        kept = {int(path.stem.removeprefix("epoch")) for path in (tmp_path / f"weights{fold}").iterdir()}
        assert kept == expected[-1]
    assert expected[0] != expected[1] or expected[1] != expected[2]
    assert sorted(set(read_table(tmp_path / "epochs.parquet")["fold"])) == [-1, 0, 1, 2]
