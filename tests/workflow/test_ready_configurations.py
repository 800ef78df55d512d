"""The ready configurations: planned as they stand without a photo being opened, and run at a tiny scale."""

from collections.abc import Callable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from scipy.stats import ttest_1samp
from sklearn.metrics import fbeta_score

from places import REPOSITORY
from stylevote.cnn.backbones import create_backbone, layers, trained_layers
from stylevote.config.backbones import BACKBONES
from stylevote.config.identity import slug
from stylevote.config.resolve import resolve
from stylevote.config.runs import Run
from stylevote.files.tables import read_table
from workflow.checkout import LABELS, Checkout

NETWORKS = ["test_resnet", "test_byobnet"]


def ready(name: str) -> dict:
    """Return a ready configuration."""
    return yaml.safe_load((REPOSITORY / "config" / f"{name}.yaml").read_text())


def put_challenge(checkout: Checkout) -> None:
    """Put files in the place of the challenge's photos; none can be opened."""
    photos = checkout.folder / "jd2018"
    for photoset in ("train", "test"):
        (photos / photoset).mkdir(parents=True)
        for number in range(20):
            (photos / photoset / f"{number}.jpg").touch()
    rows = [f"{number}.jpg,http://somewhere/{number}.jpg," + ",".join("0" * 13) for number in range(20)]
    (photos / "train.csv").write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize(("name", "runs", "shards"), [("jd2018", 96, 32), ("second_place", 3 * 26, 0)])
def test_the_challenge_is_planned_without_opening_a_photo(fresh, name, runs, shards):
    fresh.config = ready(name)
    put_challenge(fresh)
    plan = fresh.plan()
    assert (plan["train_cnn"], plan["predict_photos"]) == (5 * runs, runs)
    recoloring = [plan.get(rule, 0) for rule in ("segment_photos", "recolor_photos", "draw_contact_sheet")]
    assert recoloring == [shards, shards, min(shards, 1)]
    assert "train_segmenter" not in plan


def first_team_runs(name: str) -> list[dict]:
    """Return a ready configuration's runs, without the second team's, which have a constant rate."""
    runs = resolve(ready(name)).runs.values()
    return [run for run in runs if {phase["policy"] for phase in run["phases"]} == {"triangular"}]


@cache
def without_numbers(name: str) -> torch.nn.Module:
    """Return a backbone whose weights have shapes and no values, which takes little time."""
    with torch.device("meta"):
        return create_backbone(name, "none", {})[0]


@pytest.mark.parametrize("name", ["jd2018", "experiments"])
def test_every_run_of_the_first_team_is_as_its_report_says(name):
    """Ding and Wan 2018: each assertion is a sentence of sections II.A, II.B and II.D."""
    unsaid = Run(backbone="any").used()
    for run in first_team_runs(name):
        # "training a model used less than 8 epochs"
        assert sum(phase["epochs"] for phase in run["phases"]) < 8
        # "the learning rate is gradually reduced"
        rates = [phase["lr"] for phase in run["phases"]]
        assert rates == sorted(set(rates), reverse=True)
        # "the number of layers trained is increased, and don't training a small part of the network under the bottom"
        backbone = without_numbers(run["backbone"])
        total = len(list(layers(backbone)))
        trained = [len(trained_layers(backbone, phase["train"])) for phase in run["phases"]]
        assert trained == sorted(set(trained))
        assert trained[0] == 0
        assert 0.8 * total <= trained[-1] < total
        # "with its shorter side range in [224, 400]"
        assert 224 <= run["size"] <= 400
        # "mini-batch size of 32 ([...] DenseNet201 and large resolution image, the batch size is 16)"
        assert run["batch"] == (16 if run["size"] > 256 or run["backbone"].startswith("densenet201") else 32)
        # "hidden fully connected layer is in [1, 3], with neurons in [128, 1024]"
        assert 1 <= len(run["hidden_units"]) <= 3
        assert all(128 <= units <= 1024 for units in run["hidden_units"])
        # "stretching and compression within 10% of the side"
        assert run["crop"]["stretch"] == 0.1
        # Cross-entropy of all labels, Adam with its default parameters, and the mean with the mirror image.
        varied = {"backbone", "size", "recipe", "hidden_units", "batch", "phases", "crop", "seed"}
        assert {key for key, value in run.items() if value != unsaid[key]} <= varied


def test_most_runs_of_the_winners_bank_are_as_most_of_theirs():
    runs = first_team_runs("jd2018")
    assert len(runs) == 96
    # "in most cases, the newly added hidden layer should be 1 with 256 neurons"; "we mainly use the size of 224"
    assert sum(run["hidden_units"] == [256] for run in runs) > 0.7 * len(runs)
    assert sum(run["size"] == 224 for run in runs) > 0.5 * len(runs)
    # "the default parameters of Adam": its rate is 0.001
    assert min(run["phases"][0]["lr"] for run in runs) < 0.001 < max(run["phases"][0]["lr"] for run in runs)
    # "Adopting all of the pre-trained models in Keras": those with weights here
    keras = {backbone.timm for backbone in BACKBONES.values() if backbone.family == "keras"}
    assert {run["backbone"] for run in runs} == keras
    assert {run["recipe"] for run in runs} == ready("jd2018")["recipes"].keys()


@pytest.mark.parametrize("name", ["jd2018", "experiments"])
def test_the_first_team_s_recipes_are_those_of_its_tables(name):
    rare, common = ("sport", "japanese", "england", "nation"), ("office", "korean", "lady")  # labels 0, 3, 6 and 12
    thinned = {common, ("office", "lady"), ("office",), ("lady",)}  # by the team's code
    alone, kept = set(), set()
    for recipe in resolve(ready(name)).config.recipes.values():
        if recipe.repeat:
            assert tuple(recipe.repeat.labels) in [rare, rare[:1]]
            alone |= {(len(recipe.repeat.labels), recipe.repeat.times)} if not recipe.drop else set()
        if recipe.drop:
            assert set(map(tuple, recipe.drop.label_sets)) == thinned
            kept.add(recipe.drop.keep)
    assert alone == {(1, 10), (1, 30), (1, 50), (4, 10), (4, 30), (4, 50)}
    assert kept == {0.8, 0.6, 0.4}


@pytest.mark.slow
def test_the_papers_tables_are_planned_together_and_each_with_its_own_runs(fresh):
    fresh.config = ready("experiments")
    put_challenge(fresh)
    plan = fresh.plan("experiments")
    assert plan["train_cnn"] == 5 * 3 * (3 * 12 + 14 + 3) == 5 * 159
    assert (plan["tabulate_runs"], plan["tabulate_sizes"], plan["estimate_sizes"]) == (7, 1, 13)
    assert (plan["recolor_photos"], plan["summarize_experiments"]) == (32, 1)
    for name, runs, recolored in [("table6", 9, True), ("second_place_losses", 3 * 6, False)]:
        alone = fresh.plan(f"results_experiments/experiments/{name}.csv")
        assert (alone["train_cnn"], alone["tabulate_runs"]) == (5 * runs, 1)
        assert ("recolor_photos" in alone) == recolored
        assert not {"collate_scores", "estimate_sizes"} & alone.keys()


def test_the_simulated_ensemble_is_planned_at_full_size(fresh):
    fresh.config = ready("simulated")
    plan = fresh.plan()
    assert (plan["simulate_photos"], plan["simulate_member"], plan["estimate_nested"]) == (1, 60, 13)
    assert not {"ingest_photos", "cache_pixels", "train_cnn", "predict_photos"} & plan.keys()


def tiny(checkout: Checkout, config: dict, labels: list[str]) -> dict:
    """Return a ready configuration for a small checkout's photos, with what costs time made small, and no more.

    The first two of ``labels`` stand for the challenge's sport and japanese, the last for all others.
    """
    small = {"sport": labels[0], "japanese": labels[1]}

    def fewer(challenge: list[str]) -> list[str]:
        return list(dict.fromkeys(small.get(label, labels[-1]) for label in challenge))

    table = checkout.folder / "photos" / "train.csv"
    columns = slice(1 + len(labels))
    table.write_text("".join(",".join(row.split(",")[columns]) + "\n" for row in table.read_text().splitlines()))
    config["labels"] = labels
    config["photosets"]["train"] |= {"photos": "photos/train", "labels": "photos/train.csv"}
    config["photosets"]["test"]["photos"] = "photos/test"
    config["folds"]["count"] = 3
    if "segmentation" in config:
        config["photosets"]["train"]["masks"] = "photos/masks"
        config["segmentation"] |= {"model": "given", "shards": 2}
        config["recolor"] |= {"labels": fewer(config["recolor"]["labels"]), "total": 12, "per_epoch": 8}
    for recipe in config.get("recipes", {}).values():
        if "drop" in recipe:
            recipe["drop"]["label_sets"] = [[labels[-1]], [labels[0], labels[-1]]]
        if "repeat" in recipe:
            recipe["repeat"] = {"labels": fewer(recipe["repeat"]["labels"]), "times": recipe["repeat"]["times"] // 5}
    for number, run in enumerate(config["runs"]):
        run |= {"backbone": NETWORKS[number], "weights": "none", "batch": 16}
        run["size"] = scaled(run["size"], lambda pixels: 32 if pixels == 224 else 40)
        run["hidden_units"] = scaled(run["hidden_units"], lambda units: units // 16 if units > 3 else units)
        if "draws" in run:
            run["draws"] = 2 - number
        for phase in phases_of(run):
            phase["epochs"] = scaled(phase["epochs"], lambda epochs: max(epochs // 2, 1))
    if config.get("preset") == "paper_2018":
        grid = {"eta": [0.05], "max_depth": [2], "min_child_weight": [1]}  # the first of each of the paper's
        config["stack"] = {"xgboost": {"grid": grid, "rounds": 20}}
    return config


def phases_of(run: dict) -> list[dict]:
    """Return the phases of a run, those of all its alternatives included."""
    return list(chain(*run["phases"]["each"])) if "each" in run["phases"] else run["phases"]


def scaled(value: Any, scale: Callable[[int], int]) -> Any:
    """Return a run's value, in which lists and draws may be, with every number scaled."""
    if isinstance(value, dict):
        return {key: scaled(part, scale) for key, part in value.items()}
    return [scaled(part, scale) for part in value] if isinstance(value, list) else scale(value)


def check_submission(checkout: Checkout, labels: int) -> np.ndarray:
    """See to it that the submission has the challenge's form; return its decisions (photos, labels)."""
    path = checkout.folder / checkout.config["results"] / "submission.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert [row[0] for row in rows] == sorted(p.name for p in (checkout.folder / "photos" / "test").iterdir())
    decisions = np.array([row[1:] for row in rows])
    assert decisions.shape == (12, labels)
    assert set(decisions.ravel()) <= {"0", "1"}
    return decisions.astype(int)


@pytest.mark.slow
def test_the_winners_ensemble_at_a_tiny_scale(fresh):
    fresh.config = tiny(fresh, ready("jd2018"), LABELS)
    fresh.run("results_jd2018/submission.csv")
    check_submission(fresh, 3)
    out = fresh.folder / "results_jd2018"
    photos = read_table(out / "photos" / "train" / "manifest.parquet").set_index("image_id")
    folds = read_table(out / "photos" / "train" / "folds.parquet").set_index("image_id")["fold"]
    recipes = set()
    for path in (out / "runs").glob("*/fold0/history.parquet"):
        recipe = path.parts[-3].split("-")[2]
        history = read_table(path)
        epochs = read_table(out / "manifests" / recipe / f"{len(history)}" / "fold0.parquet")
        assert history["photos"].tolist() == epochs.groupby("epoch").size().tolist()
        recipes.add(recipe)
        if recipe.startswith("mixed"):
            assert (epochs["variant"] != "original").any()
            original = epochs[epochs["variant"] == "original"]
            assert (original.groupby("epoch")["image_id"].nunique() < (folds != 0).sum()).all(), "nothing was dropped"
            repeat = fresh.config["recipes"][recipe]["repeat"]
            repeated = set(photos.index[photos[repeat["labels"]].any(axis=1)])
            for (_, name), times in original.groupby(["epoch", "image_id"]).size().items():
                assert times == (repeat["times"] if name in repeated else 1)
    assert len(recipes) >= 2
    assert any(recipe.startswith("mixed") for recipe in recipes)


def read_scores(paths: list[Path], member: Any) -> pd.Series:
    """Return one member's scores of the photos in these predictions tables."""
    table = pd.concat([read_table(path) for path in paths])
    return table[table["epoch"] == member.epoch].set_index("image_id")[member.label]


def read_rates(run: Path) -> tuple[float, ...]:
    """Return a run's highest learning rate of each epoch."""
    return tuple(read_table(run / "fold0" / "history.parquet")["highest_lr"])


@pytest.mark.slow
def test_the_second_place_at_a_tiny_scale(fresh):
    """A label's decisions are computed again from what the networks said."""
    labels = LABELS[:2]
    fresh.config = tiny(fresh, ready("second_place"), labels)
    (run,) = fresh.config["runs"]
    run["backbone"] = {"each": NETWORKS}
    for phase in phases_of(run):
        phase["lr"] *= 1000  # what begins with nothing has more to learn
    alone, _ = fresh.config["experiments"]["second_place_fusion"]["rows"]
    alone["runs"]["backbone"] = NETWORKS[0]
    fresh.run("results_second_place/submission.csv", "experiments")
    decisions = check_submission(fresh, len(labels))
    out = fresh.folder / "results_second_place"
    learned, rates = [], set()
    for path in (out / "runs").glob("*/fold0"):
        learned.append(tuple(read_table(path / "validation.parquet").columns[2:]))
        rates.add(read_rates(path.parent))
    assert sorted(learned) == sorted([(label,) for label in labels] * 4)
    assert rates == {(1e-2, 1e-2, 1e-2), (1e-2, 1e-3, 1e-3)}
    kept = [run for run in (out / "runs").glob(f"{NETWORKS[0]}*") if read_rates(run)[-1] == 1e-2]
    one_each = [nested_f2(out, run.name, read_table(run / "fold0" / "validation.parquet").columns[2]) for run in kept]
    table = pd.read_csv(out / "experiments" / "second_place_fusion.csv")
    assert table["paper"].tolist() == pytest.approx([np.nan, 0.6525], nan_ok=True)
    assert table["ours"][0] == pytest.approx(np.mean(one_each), abs=1e-4)
    assert table["ours"][1] != table["ours"][0]
    members = read_table(out / "ensemble" / "members.parquet")
    votes = read_table(out / "predictions" / "test" / "votes.parquet")
    photos = read_table(out / "photos" / "train" / "manifest.parquet").set_index("image_id")
    for k, label in enumerate(labels):
        stem = slug(label)
        chosen = list(members[members["label"] == label].itertuples())
        assert sorted(member.run.split("-")[0] for member in chosen) == sorted(NETWORKS)
        everywhere = [read_scores(sorted((out / "runs" / m.run).glob("*/validation.parquet")), m) for m in chosen]
        mean = pd.concat(everywhere, axis=1).mean(axis=1)
        found = read_table(out / "ensemble" / "thresholds" / f"{stem}.parquet").iloc[0]
        best = max(fbeta_score(photos[label], mean[photos.index] >= cut, beta=2) for cut in mean)
        assert found["f_beta"] == pytest.approx(best)
        of_label = votes[votes["label"] == label].set_index("image_id")
        means = []
        for fold in range(3):
            said = [read_scores([out / "predictions" / "test" / m.run / f"fold{fold}.parquet"], m) for m in chosen]
            mean = pd.concat(said, axis=1).mean(axis=1)[of_label.index]
            assert np.allclose(of_label[f"fold{fold}"], mean, atol=1e-6)
            means.append(mean)
        yes = sum(means) / 3 >= found["threshold"]
        assert of_label["decision"].tolist() == decisions[:, k].tolist() == yes.astype(int).tolist()


def of_tables(config: dict, labels: list[str]) -> dict:
    """Return the configuration of the papers' tables with two runs, a row for them, and the table of sizes."""
    schedule = {"hidden_units": [256], "phases": [{"epochs": 4, "lr": 0.01, "train": "all"}]}
    config["runs"] = [config["runs"][0] | schedule | {"recipe": "plain", "seed": {"each": [0, 1]}}]
    tables = {name: config["experiments"][name] for name in ("table6", "table7")}
    tables["table6"]["runs"] = {"recipe": "plain"}
    (row,) = tables["table6"]["rows"] = tables["table6"]["rows"][:1]
    row["runs"]["backbone"] = NETWORKS[0]
    row["paper"][labels[0]] = row["paper"].pop("sport")
    return config | {"experiments": tables}


def nested_f2(out: Path, run: str, label: str) -> float:
    """Return a run's F2, each fold decided at the epoch and cut that are best on the others, from its predictions."""
    photos = read_table(out / "photos" / "train" / "manifest.parquet").set_index("image_id")[label]
    said = pd.concat(read_table(path) for path in sorted((out / "runs" / run).glob("*/validation.parquet")))
    scores = said.pivot_table(index="epoch", columns="image_id", values=label)[photos.index].astype(float)
    folds = read_table(out / "photos" / "train" / "folds.parquet").set_index("image_id")["fold"][photos.index]
    decided = pd.Series(False, index=photos.index)
    for fold in folds.unique():
        known, best = folds != fold, (-1.0,)
        for epoch, row in scores.iterrows():
            values = np.sort(row[known].unique())
            for below, value in zip([0, *values], values, strict=False):
                reached = fbeta_score(photos[known], row[known] >= value, beta=2, zero_division=0)
                # Of equals, the first epoch and its highest cut.
                if reached > best[0] + 1e-12 or (abs(reached - best[0]) < 1e-12 and epoch == best[1]):
                    best = (reached, epoch, (below + value) / 2)
        decided[~known] = scores.loc[best[1]][~known] >= best[2]
    return fbeta_score(photos, decided, beta=2, zero_division=0)


@pytest.mark.slow
def test_the_papers_tables_at_a_tiny_scale(fresh):
    """Figures are computed again from the networks' out-of-fold predictions."""
    labels = LABELS[:2]
    fresh.config = tiny(fresh, of_tables(ready("experiments"), labels), labels)
    fresh.config["stack"] = {"combiner": "mean"}  # trees learn nothing of so few photos, and all sizes would be alike
    fresh.run("experiments")
    out = fresh.folder / "results_experiments"
    runs = [path.name for path in (out / "runs").iterdir()]
    assert len(runs) == 2
    tables = {name: pd.read_csv(out / "experiments" / f"{name}.csv") for name in ("table6", "table7")}
    photos = read_table(out / "photos" / "train" / "manifest.parquet")
    figures = tables["table6"].set_index("label")
    assert figures["paper"].to_dict() == {labels[0]: 0.4964, "macro": 0.6292}
    assert figures["positives"].to_dict() == {labels[0]: photos[labels[0]].sum(), "macro": photos[labels].sum().sum()}
    reached = pd.DataFrame({label: [nested_f2(out, run, label) for run in runs] for label in labels})
    assert reached.nunique().max() == 2, "both seeds reach the same: nothing is tested"
    for label, seeds in [(labels[0], reached[labels[0]]), ("macro", reached.mean(axis=1))]:
        assert figures["ours"][label] == pytest.approx(seeds.mean(), abs=1e-4)
        low, high = ttest_1samp(seeds, 0).confidence_interval(0.95)
        found = figures.loc[label, ["low", "high"]].tolist()
        assert found == pytest.approx([max(low, 0), min(high, 1)], abs=2e-4)

    sizes = tables["table7"].set_index("row")
    assert sizes["paper"].dropna().to_dict() == {"top 5": 0.672, "top 10": 0.676, "top 20": 0.6834}
    parts = [read_table(out / "estimate" / "sizes" / slug(label) / "estimates.parquet") for label in labels]
    for size, name in [("1", "top 1"), ("5", "top 5"), ("all", "every run")]:
        decided = [part[part["size"] == size].set_index("image_id")["decision"] for part in parts]
        reached = [
            fbeta_score(photos[label], of_label[photos["image_id"]], beta=2)
            for label, of_label in zip(labels, decided, strict=True)
        ]
        assert sizes["ours"][name] == pytest.approx(np.mean(reached), abs=1e-4)
    assert sizes["ours"].nunique() > 1

    page = (out / "experiments" / "tables.md").read_text()
    for table in tables.values():
        assert all(f"| {ours:.4f} |" in page for ours in table["ours"])
    assert fresh.plan("experiments") == {}
    fresh.config["experiments"]["table6"]["rows"][0]["paper"][labels[0]] = 0.5
    assert fresh.plan("experiments") == {"tabulate_runs": 1, "summarize_experiments": 1, "experiments": 1}
