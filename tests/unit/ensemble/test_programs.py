"""The programs, called as the workflow calls them: simulated predictions in, decisions and estimates out."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from stylevote.metrics import f_beta
from stylevote.tables import read_json, read_table, write_table

PROGRAMS = Path(__file__).parents[3] / "workflow_scripts"
RUNS = ["run0", "run1", "run2"]
SELECTION = {"method": "top_n", "top_n": 20, "correlation": 0.9}
STACK = {
    "combiner": "xgboost",
    "xgboost": {
        "grid": {"eta": [0.1, 0.2], "max_depth": [2], "min_child_weight": [1]},
        "rounds": 50,
        "patience": 5,
        "seed": 1,
    },
}
THRESHOLD = {"method": "greedy", "steps": 100}
VOTES = {"aggregation": "average_then_vote", "least": 0, "most": None}


def call(folder, program, *arguments, expected=0):
    """Run a program in ``folder``; a value that is no text is JSON. Return what it says."""
    words = [word if isinstance(word, str) else json.dumps(word) for word in arguments]
    command = [sys.executable, str(PROGRAMS / f"{program}.py"), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stderr
    return done.stdout + done.stderr


def run_chain(folder, bank, test):
    """Run all programs in the workflow's order; return what the last one prints."""
    write_table(bank.manifest, folder / "train.parquet")
    write_table(bank.fold_table, folder / "folds.parquet")
    write_table(test.manifest, folder / "test.parquet")
    predictions = [f"runs/{run}/fold{fold}/validation.parquet" for run in RUNS for fold in range(3)]
    for path in predictions:
        _, run, fold, _ = path.split("/")
        write_table(bank.predictions(run, bank.folds == int(fold[-1])), folder / path)

    labels, numbers = {"labels": bank.labels}, range(len(bank.labels))
    train, folds = ["--manifest", "train.parquet"], ["--fold-table", "folds.parquet"]
    scores, members = [f"scores/{k}.parquet" for k in numbers], [f"members/{k}.parquet" for k in numbers]
    stackers = [f"stackers/{k}/fold{fold}.stacker" for k in numbers for fold in range(3)]
    thresholds, estimates = [f"thresholds/{k}.json" for k in numbers], [f"honest/{k}.parquet" for k in numbers]
    runs = ["--runs", *RUNS, "--folds", "3"]
    collate = [
        "--predictions",
        "runs/{run}/fold{fold}/validation.parquet",
        *runs,
        *train,
        *folds,
        "--spec",
        labels,
        "--outputs",
        *scores,
    ]
    call(folder, "collate_scores", *collate)
    for k, label in enumerate(bank.labels):
        candidates, name = ["--scores", scores[k], *train], {"label": label}
        call(folder, "select_members", *candidates, "--spec", name | SELECTION, "--output", members[k])
        outputs = ["--stackers", *stackers[3 * k : 3 * k + 3], "--grid", f"stackers/{k}/grid.parquet"]
        outputs += ["--stacked", f"stackers/{k}/stacked.parquet"]
        stack = [*candidates, *folds, "--members", members[k], "--spec", name | STACK, "--threads", "1", *outputs]
        call(folder, "stack_members", *stack)
        search = ["--stacked", f"stackers/{k}/stacked.parquet", *train, "--spec", name | THRESHOLD]
        call(folder, "search_threshold", *search, "--output", thresholds[k])
        settings = name | {"selection": SELECTION, "stack": STACK, "threshold": THRESHOLD}
        call(folder, "estimate_label", *candidates, *folds, "--spec", settings, "--output", estimates[k])
    call(folder, "gather_members", "--members", *members, "--spec", labels, "--output", "members.parquet")

    selected = read_table(folder / "members.parquet").groupby("run")["epoch"].unique()
    predictions = [f"predictions/{run}/fold{fold}.parquet" for run in RUNS for fold in range(3)]
    for path in predictions:
        table = test.predictions(path.split("/")[1], np.arange(len(test.truth)))
        write_table(table[table["epoch"].isin(selected.get(path.split("/")[1], []))], folder / path)
    votes = ["--manifest", "test.parquet", "--photoset", "test", *runs, "--members", "members.parquet"]
    votes += ["--predictions", "predictions/{run}/fold{fold}.parquet"]
    votes += ["--stackers", *stackers, "--thresholds", *thresholds]
    call(
        folder,
        "cast_votes",
        *votes,
        "--spec",
        labels | {"combiner": "xgboost", "votes": VOTES},
        "--output",
        "votes.parquet",
    )
    decisions = ["--votes", "votes.parquet", "--manifest", "test.parquet"]
    for form in ("table", "challenge"):
        call(folder, "write_decisions", *decisions, "--spec", labels | {"format": form}, "--output", f"{form}.csv")
    call(folder, "score_decisions", *decisions, "--spec", labels, "--output", "scores.parquet")
    honest = ["--estimates", *estimates, *train, "--thresholds", *thresholds, "--spec", labels | {"votes": VOTES}]
    call(folder, "estimate_honestly", *honest, "--decisions", "honest_decisions.parquet", "--output", "honest.parquet")
    summary = ["--honest", "honest.parquet", "--scores", "scores.parquet", "--votes", "votes.parquet"]
    return call(folder, "summarize", *summary, "--output", "summary.txt")


@pytest.fixture(scope="module")
def chain(tmp_path_factory, simulate):
    """Return the folder of a finished chain, its training bank, its test bank and what was printed last."""
    folder = tmp_path_factory.mktemp("chain")
    bank, test = simulate(), simulate(photos=50, seed=1)
    test.image_ids[[0, 1]] = ['a, "quoted" photo.jpg', "fotografía.jpg"]
    return folder, bank, test, run_chain(folder, bank, test)


def test_the_submission_is_a_header_and_a_row_a_photo(chain):
    folder, bank, test, _ = chain
    text = (folder / "table.csv").read_bytes().decode("utf-8")
    assert "\r" not in text
    assert text.splitlines()[0] == "image,style 0,style 1"
    assert text.splitlines()[1].startswith('"a, ""quoted"" photo.jpg",')
    table = pd.read_csv(folder / "table.csv")
    assert table["image"].tolist() == test.image_ids.tolist()
    votes = read_table(folder / "votes.parquet")
    for label in bank.labels:
        assert table[label].tolist() == votes.loc[votes["label"] == label, "decision"].tolist()


def test_the_challenges_form_has_no_header(chain):
    folder = chain[0]
    assert (folder / "challenge.csv").read_text(encoding="utf-8").splitlines() == (folder / "table.csv").read_text(
        encoding="utf-8"
    ).splitlines()[1:]


def test_the_votes_are_label_major_in_the_manifests_order(chain):
    folder, bank, test, _ = chain
    votes = read_table(folder / "votes.parquet")
    assert list(votes.columns) == ["image_id", "label", "fold0", "fold1", "fold2", "score", "votes", "decision"]
    assert votes["label"].tolist() == np.repeat(bank.labels, len(test.truth)).tolist()
    assert votes["image_id"].tolist() == [*test.image_ids, *test.image_ids]
    scores = votes[["fold0", "fold1", "fold2"]].to_numpy(dtype=float)
    assert np.allclose(votes["score"], scores.mean(axis=1))
    threshold = np.repeat([read_json(folder / f"thresholds/{k}.json")["threshold"] for k in range(2)], len(test.truth))
    assert votes["votes"].tolist() == (scores >= threshold[:, None]).sum(axis=1).tolist()


def test_members_are_the_selections_members(chain):
    folder, bank, _, _ = chain
    members = read_table(folder / "members.parquet")
    assert list(members.columns) == ["label", "run", "epoch", "member"]
    for k, label in enumerate(bank.labels):
        selection = read_table(folder / f"members/{k}.parquet")
        assert list(selection.columns) == ["run", "epoch", "f2", "threshold", "rank", "member", "weight", "reason"]
        assert len(selection) == 6
        taken = selection[selection["member"] > 0]
        assert members.loc[members["label"] == label, "run"].tolist() == taken["run"].tolist()


def test_the_stack_leaves_its_grid_and_scores(chain):
    folder, bank, _, _ = chain
    grid = read_table(folder / "stackers/1/grid.parquet")
    columns = ["eta", "max_depth", "min_child_weight", "f2", "threshold", "logloss", "rounds"]
    assert list(grid.columns) == [*columns, "heat_f2", "photos", "chosen"]
    assert grid["chosen"].sum() == 1
    stacked = read_table(folder / "stackers/1/stacked.parquet")
    assert stacked["image_id"].tolist() == bank.image_ids.tolist()
    assert stacked["fold"].tolist() == bank.folds.tolist()
    booster = xgb.Booster(model_file=bytearray((folder / "stackers/1/fold2.stacker").read_bytes()))
    assert booster.num_boosted_rounds() > 0


def voting(stackers, combiner, settings=VOTES):
    """Return the arguments of `cast_votes` in the chain's folder, with other stackers or settings."""
    votes = [
        "--manifest",
        "test.parquet",
        "--photoset",
        "test",
        "--runs",
        *RUNS,
        "--folds",
        "3",
        "--members",
        "members.parquet",
    ]
    votes += ["--predictions", "predictions/{run}/fold{fold}.parquet", "--stackers", *stackers]
    votes += ["--thresholds", "thresholds/0.json", "thresholds/1.json"]
    spec = {"labels": ["style 0", "style 1"], "combiner": combiner, "votes": settings}
    return [*votes, "--spec", spec, "--output", "voted.parquet"]


def test_the_mean_is_stacked_and_votes_without_xgboost(chain, monkeypatch):
    folder, bank, test, _ = chain
    (folder / "lacking").mkdir()
    (folder / "lacking" / "xgboost.py").write_text("raise ImportError('there is no xgboost here')")
    monkeypatch.setenv("PYTHONPATH", str(folder / "lacking"))
    stackers = [f"means/{k}/fold{fold}.stacker" for k in range(2) for fold in range(3)]
    for k, label in enumerate(bank.labels):
        arguments = ["--scores", f"scores/{k}.parquet", "--members", f"members/{k}.parquet"]
        arguments += ["--manifest", "train.parquet", "--fold-table", "folds.parquet"]
        arguments += ["--spec", {"label": label, "combiner": "mean"}, "--stackers", *stackers[3 * k : 3 * k + 3]]
        outputs = ["--grid", f"means/{k}/grid.parquet", "--stacked", f"means/{k}/stacked.parquet"]
        call(folder, "stack_members", *arguments, *outputs)
    call(folder, "cast_votes", *voting(stackers, "mean"))
    assert "no xgboost here" in call(folder, "cast_votes", *voting(stackers, "xgboost"), expected=1)
    members, votes = read_table(folder / "members.parquet"), read_table(folder / "voted.parquet")
    for k, label in enumerate(bank.labels):
        chosen = members[members["label"] == label]
        for photos, scores, found in [
            (bank, bank.scores, read_table(folder / f"means/{k}/stacked.parquet")["score"]),
            (test, test.scores, votes.loc[votes["label"] == label, "fold1"]),
        ]:
            mean = np.mean([scores[m.run][m.epoch - 1, :, k] for m in chosen.itertuples()], axis=0)
            assert len(found) == len(photos.truth)
            assert np.allclose(found, mean, atol=1e-7)


def test_stackers_of_another_combiner_are_refused(chain):
    folder = chain[0]
    stackers = [f"stackers/{k}/fold{fold}.stacker" for k in range(2) for fold in range(3)]
    said = call(folder, "cast_votes", *voting(stackers, "mean"), expected=1)
    assert said == 'error: stackers/0: found no mean, expected {"members": N}\n'


ONE_LABEL = {"aggregation": "average_scores", "least": 1, "most": 1}


def nearest_label(scores, thresholds):
    """Return 1 for the label, of two, whose odds are the most times the odds at its threshold: (photos, labels)."""
    odds = np.array(scores, dtype=float) / (1 - np.array(scores, dtype=float))
    times = odds / (np.array(thresholds) / (1 - np.array(thresholds)))
    return (times == times.max(axis=1, keepdims=True)).astype(int)


def test_limits_go_over_all_labels_of_a_photo(chain):
    folder = chain[0]
    stackers = [f"stackers/{k}/fold{fold}.stacker" for k in range(2) for fold in range(3)]
    call(folder, "cast_votes", *voting(stackers, "xgboost", ONE_LABEL))
    votes = read_table(folder / "voted.parquet")
    scores, decisions = (votes[name].to_numpy().reshape(2, -1).T for name in ("score", "decision"))
    thresholds = [read_json(folder / f"thresholds/{k}.json")["threshold"] for k in range(2)]
    assert np.array_equal(decisions, nearest_label(scores, thresholds))
    assert set((scores >= thresholds).sum(axis=1)) == {0, 1, 2}


@pytest.mark.parametrize("settings", [VOTES, {**VOTES, "aggregation": "vote_all"}, ONE_LABEL])
def test_the_honest_figures_are_of_the_decisions_that_the_settings_lead_to(chain, settings):
    folder, bank, _, _ = chain
    estimates = [read_table(folder / f"honest/{k}.parquet") for k in range(2)]
    scores, thresholds = (np.array([estimate[name] for estimate in estimates]).T for name in ("score", "threshold"))
    decisions = (scores >= thresholds).astype(int)
    for k, estimate in enumerate(estimates):  # as if the stackers' majority were always against their mean
        write_table(estimate.assign(voted=1 - estimate["decision"]), folder / f"turned/{k}.parquet")
    if settings["aggregation"] == "vote_all":
        decisions = 1 - decisions
    elif settings == ONE_LABEL:
        decisions = nearest_label(scores, thresholds)
    arguments = ["--estimates", "turned/0.parquet", "turned/1.parquet", "--manifest", "train.parquet"]
    arguments += ["--thresholds", "thresholds/0.json", "thresholds/1.json"]
    arguments += ["--spec", {"labels": bank.labels, "votes": settings}]
    arguments += ["--decisions", "turned_decisions.parquet", "--output", "turned.parquet"]
    call(folder, "estimate_honestly", *arguments)
    found = read_table(folder / "turned.parquet")["honest_f2"].tolist()[:2]
    assert found == [f_beta(bank.truth[:, k], decisions[:, k]) for k in range(2)]
    written = read_table(folder / "turned_decisions.parquet")
    assert written["image_id"].tolist() == bank.image_ids.tolist()
    assert (written[bank.labels].to_numpy() == decisions).all()


def test_the_threshold_says_how_it_was_found(chain):
    folder, bank, _, _ = chain
    found = read_json(folder / "thresholds/0.json")
    assert (found["label"], found["method"], found["positives"]) == ("style 0", "greedy", bank.truth[:, 0].sum())
    assert len(found["curve"]["threshold"]) == len(found["curve"]["f2"]) == 101
    scores = read_table(folder / "stackers/0/stacked.parquet")["score"].to_numpy(dtype=float)
    assert found["f2"] == f_beta(bank.truth[:, 0], scores >= found["threshold"]) == max(found["curve"]["f2"])


def test_the_figures_are_those_of_the_decisions(chain):
    folder, bank, test, printed = chain
    scores = read_table(folder / "scores.parquet")
    table = pd.read_csv(folder / "table.csv")
    assert scores["label"].tolist() == [*bank.labels, "macro"]
    assert scores["f2"].tolist()[:2] == [f_beta(test.truth[:, k], table[f"style {k}"].to_numpy()) for k in range(2)]
    assert scores["f2"].iloc[-1] > scores["all_ones_f2"].iloc[-1] + 0.1
    honest = read_table(folder / "honest.parquet")
    estimate = read_table(folder / "honest/1.parquet")
    assert list(estimate.columns) == ["image_id", "fold", "score", "threshold", "decision", "voted", "members"]
    assert honest["honest_f2"].iloc[1] == f_beta(bank.truth[:, 1], estimate["decision"].to_numpy())
    assert honest["naive_f2"].iloc[1] == read_json(folder / "thresholds/1.json")["f2"]
    assert printed == (folder / "summary.txt").read_text(encoding="utf-8")
    assert printed.startswith("50 photos decided, 2 labels each\n")
    assert f"macro F2, test:   {scores['f2'].iloc[-1]:.4f}" in printed


def test_a_photoset_without_labels_has_an_empty_score_table(chain):
    folder, _, test, _ = chain
    write_table(test.manifest[["image_id"]], folder / "unlabelled.parquet")
    votes = [
        "--votes",
        "votes.parquet",
        "--manifest",
        "unlabelled.parquet",
        "--spec",
        {"labels": ["style 0", "style 1"]},
    ]
    assert "not known" in call(folder, "score_decisions", *votes, "--output", "none.parquet")
    assert read_table(folder / "none.parquet").empty


def test_a_wrong_input_ends_in_one_sentence(chain):
    folder, bank, _, _ = chain
    arguments = ["--predictions", "runs/run0/fold{fold}/validation.parquet", "--runs", "run0", "--folds", "3"]
    arguments += ["--manifest", "train.parquet", "--fold-table", "folds.parquet", "--spec", {"labels": bank.labels}]
    said = call(folder, "collate_scores", *arguments, "--outputs", "x.parquet", "y.parquet", expected=1)
    assert (
        said
        == "error: --predictions runs/run0/fold{fold}/validation.parquet: expected a path with {run} and {fold} in it\n"
    )
