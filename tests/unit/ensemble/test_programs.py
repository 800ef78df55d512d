"""The programs, called as the workflow calls them: simulated predictions in, decisions and estimates out."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.metrics import fbeta_score

from programs import PROGRAMS, call
from stylevote.config.ensemble import Selection, Stack, Threshold
from stylevote.ensemble.sizes import SIZES
from stylevote.estimate.nested import select_and_predict_nested
from stylevote.files.tables import read_json, read_table, write_table
from stylevote.metrics import f_beta, macro_f_beta

RUNS = ["run0", "run1", "run2"]
SELECTION = {"method": "top_n", "top_n": 20, "correlation": 0.9}
GRID = {"eta": [0.1, 0.2], "max_depth": [2], "min_child_weight": [1]}
STACK = {"combiner": "xgboost", "xgboost": {"grid": GRID, "rounds": 50, "patience": 5, "seed": 1}}
THRESHOLD = {"method": "greedy", "steps": 100}
VOTES = {"aggregation": "average_then_vote", "min_labels": 0, "max_labels": None}


PREDICTIONS = [f"predictions/{run}/fold{fold}.parquet" for run in RUNS for fold in range(3)]
NONE_HOLDOUT = ["--holdout-votes", "", "--holdout-manifest", ""]


def voting(stackers, thresholds, combiner, settings=VOTES):
    """Return the arguments of `combine_folds` in the chain's folder, but for the votes."""
    words = ["--predictions", *PREDICTIONS, "--manifest", "test.parquet", "--members", "members.parquet"]
    words += ["--stackers", *stackers, "--thresholds", *thresholds, "--threads", "1"]
    combined = {"labels": ["style 0", "style 1"], "features": [], "combiner": combiner, "voting": settings}
    return [*words, "--settings", combined | {"runs": RUNS, "external": [], "fold_count": 3}]


def run_chain(folder, ensemble, test, blocks):
    """Run all programs in the workflow's order, the labels in these blocks; return what the last one prints."""
    write_table(ensemble.manifest, folder / "train.parquet")
    write_table(ensemble.fold_table, folder / "folds.parquet")
    write_table(test.manifest, folder / "test.parquet")
    predictions = [f"runs/{run}/fold{fold}/validation.parquet" for run in RUNS for fold in range(3)]
    for path in predictions:
        _, run, fold, _ = path.split("/")
        write_table(ensemble.predictions(run, ensemble.folds == int(fold[-1])), folder / path)

    photos = ["--manifest", "train.parquet", "--folds", "folds.parquet"]
    scores, rankings, members, stackers, thresholds, estimates = (
        [f"{part}/{k}.parquet" for k in range(len(blocks))]
        for part in ("scores", "rankings", "members", "stackers", "thresholds", "nested")
    )
    runs = {"runs": RUNS, "external": []}
    collate = ["--predictions", *predictions, *photos, "--scores", *scores]
    call(folder, "ensemble/collate_scores", *collate, "--settings", {"blocks": blocks} | runs)
    for k, block in enumerate(blocks):
        name = {"labels": block, "beta": 2}
        ranked = ["--scores", scores[k], *photos, "--rankings", rankings[k]]
        call(folder, "ensemble/rank_candidates", *ranked, "--settings", name)
        select = [*ranked, "--sizes", "", "--members", members[k], "--settings", name | {"selection": SELECTION}]
        call(folder, "ensemble/select_members", *select)
        candidates = ["--scores", scores[k], *photos, "--members", members[k], "--threads", "1"]
        outputs = ["--stackers", stackers[k], "--grid", f"grids/{k}.parquet", "--stacked", f"stacked/{k}.parquet"]
        stack = name | {"features": [], "stack": STACK}
        call(folder, "ensemble/stack_members", *candidates, *outputs, "--settings", stack)
        search = ["--stacked", f"stacked/{k}.parquet", *photos[:2], "--thresholds", thresholds[k]]
        call(folder, "ensemble/search_thresholds", *search, "--settings", name | {"threshold": THRESHOLD})
        estimate = [*candidates, "--estimates", estimates[k], "--settings", stack | {"threshold": THRESHOLD}]
        call(folder, "estimate/estimate_nested", *estimate)
    gather = ["--selections", *members, "--members", "members.parquet", "--composition", "composition.json"]
    counted = {"labels": ensemble.labels, "fold_count": 3, "top_n": 20, "correlation": 0.9, "backbones": {}}
    call(folder, "ensemble/gather_members", *gather, "--settings", counted)

    selected = read_table(folder / "members.parquet").groupby("run")["epoch"].unique()
    for path in PREDICTIONS:
        table = test.predictions(path.split("/")[1], np.arange(len(test.truth)))
        write_table(table[table["epoch"].isin(selected.get(path.split("/")[1], []))], folder / path)
    call(folder, "ensemble/combine_folds", *voting(stackers, thresholds, "xgboost"), "--votes", "votes.parquet")
    labels = {"labels": ensemble.labels, "beta": 2}
    decisions = ["--votes", "votes.parquet", "--manifest", "test.parquet"]
    call(folder, "estimate/score_decisions", *decisions, "--scores", "scores.parquet", "--settings", labels)
    write = [*decisions, "--decisions", "table.csv", "--settings", {"labels": ensemble.labels}]
    call(folder, "ensemble/write_decisions", *write)
    nested = ["--estimates", *estimates, *photos[:2], "--thresholds", *thresholds, *NONE_HOLDOUT]
    nested += ["--decisions", "nested_decisions.parquet", "--summary", "summary.parquet"]
    call(folder, "estimate/summarize_estimates", *nested, "--settings", labels | {"voting": VOTES})
    return submit(folder, "challenge")


def submit(folder, name, form="challenge", **files):
    """Write the submission and the summary of the chain in ``folder``, with other files; return what is printed."""
    files = {"estimate": "summary.parquet", "fold-averaging": "", "holdout-scores": ""} | files
    words = [word for option, path in files.items() for word in (f"--{option}", path)]
    words += ["--votes", "votes.parquet", "--manifest", "test.parquet", "--scores", "scores.parquet"]
    words += ["--composition", "composition.json"]
    left_out = pd.DataFrame({"image_id": ["a.heic"], "path": ["a.heic"], "problem": ["a HEIC photo"]}, dtype="str")
    write_table(left_out, folder / "quarantine.parquet")
    write_table(pd.DataFrame({"pixel_range": ["", "16 bits 0.0 4095.0"]}, dtype="str"), folder / "ranges.parquet")
    words += ["--manifests", "ranges.parquet", "--quarantines", "quarantine.parquet", "--left-out", "left_out.csv"]
    words += ["--submission", f"{name}.csv", "--summary", f"{name}.txt"]
    settings = {"labels": ["style 0", "style 1"], "beta": 2, "form": form, "photosets": ["test"]}
    return call(folder, "ensemble/write_submission", *words, "--settings", settings)


@pytest.fixture(scope="module")
def chain(tmp_path_factory, simulate):
    """Return the folder of a finished chain of one block, its training and test ensemble, and what was printed last."""
    folder = tmp_path_factory.mktemp("chain")
    ensemble, test = simulate(), simulate(photos=50, seed=1)
    test.image_ids[[0, 1]] = ['a, "quoted" photo.jpg', "fotografía.jpg"]
    return folder, ensemble, test, run_chain(folder, ensemble, test, [ensemble.labels])


def test_the_summary_names_what_was_left_out_and_the_range_of_values(chain):
    folder, *_, printed = chain
    lines = (folder / "challenge.txt").read_text().splitlines()
    assert lines[-2:] == [
        "photos of test: of the values of 16 bits, 0 is black and 4095 is white",
        "left out of test: 1 file, 'a.heic' (see left_out.csv)",
    ]
    assert "\n".join(lines[-2:]) in printed
    assert (folder / "left_out.csv").read_text() == "photoset,file,problem\ntest,a.heic,a HEIC photo\n"


def test_blocks_change_nothing(chain, tmp_path):
    folder, ensemble, test, printed = chain
    assert run_chain(tmp_path, ensemble, test, [[label] for label in ensemble.labels]) == printed
    for name in ("members.parquet", "votes.parquet", "summary.parquet", "nested_decisions.parquet"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def of_label(path, label):
    """Return a label's rows of a block's table."""
    table = read_table(path)
    return table[table["label"] == label].drop(columns="label").reset_index(drop=True)


def thresholds_of(folder):
    """Return the thresholds of both labels."""
    return read_table(folder / "thresholds/0.parquet")["threshold"].to_numpy()


def test_forms_of_the_submission(chain):
    folder, ensemble, test, _ = chain
    votes = read_table(folder / "votes.parquet").pivot(index="image_id", columns="label")
    submit(folder, "probabilities", "probabilities")
    scores = pd.read_csv(folder / "probabilities.csv", index_col="image")
    assert list(scores) == ensemble.labels
    assert scores.index.tolist() == test.image_ids.tolist()
    assert np.abs(scores - votes["score"].loc[scores.index]).to_numpy().max() < 1e-6
    assert scores.nunique().min() > 10
    submit(folder, "joined", {"joined": "|"})
    joined = pd.read_csv(folder / "joined.csv", keep_default_na=False)
    assert list(joined) == ["image", "labels"]
    decided = votes["decision"].loc[joined["image"]]
    assert [set(cell.split("|")) - {""} for cell in joined["labels"]] == [
        {label for label in ensemble.labels if row[label]} for _, row in decided.iterrows()
    ]
    assert joined["labels"].str.contains("style 0|style 1", regex=False).any()


def test_without_test_photos_the_summary_is_all(chain, tmp_path):
    folder, _, _, printed = chain
    words = ["--composition", "composition.json", "--estimate", "summary.parquet", "--summary", str(tmp_path / "s.txt")]
    words += [word for name in ("votes", "manifest", "scores", "submission") for word in (f"--{name}", "")]
    words += ["--fold-averaging", "", "--holdout-scores", "", "--left-out", str(tmp_path / "left_out.csv")]
    words += ["--manifests", "ranges.parquet", "--quarantines", "quarantine.parquet"]
    settings = {"labels": ["style 0", "style 1"], "beta": 2, "form": "table", "photosets": ["train"]}
    text = call(folder, "ensemble/write_submission", *words, "--settings", settings)
    lines = text.splitlines()
    assert lines[-3] == "no photoset `test`: no photo was decided"
    assert lines[-1].startswith("left out of train: 1 file, 'a.heic'")
    assert set(lines[:-3]) < set(printed.splitlines())
    assert not any("photos decided" in line for line in lines)


def test_the_submission_is_a_header_and_a_row_a_photo(chain):
    folder, ensemble, test, _ = chain
    text = (folder / "table.csv").read_bytes().decode("utf-8")
    assert "\r" not in text
    assert text.splitlines()[0] == "image,style 0,style 1"
    assert text.splitlines()[1].startswith('"a, ""quoted"" photo.jpg",')
    table = pd.read_csv(folder / "table.csv")
    assert table["image"].tolist() == test.image_ids.tolist()
    votes = read_table(folder / "votes.parquet")
    for label in ensemble.labels:
        assert table[label].tolist() == votes.loc[votes["label"] == label, "decision"].tolist()


def test_the_challenges_form_has_no_header(chain):
    challenge, table = ((chain[0] / f"{name}.csv").read_text("utf-8").splitlines() for name in ("challenge", "table"))
    assert challenge == table[1:]


def test_the_votes_are_label_major_in_the_manifests_order(chain):
    folder, ensemble, test, _ = chain
    votes = read_table(folder / "votes.parquet")
    assert list(votes.columns) == ["image_id", "label", "fold0", "fold1", "fold2", "score", "votes", "decision"]
    assert votes["label"].tolist() == np.repeat(ensemble.labels, len(test.truth)).tolist()
    assert votes["image_id"].tolist() == [*test.image_ids, *test.image_ids]
    scores = votes[["fold0", "fold1", "fold2"]].to_numpy(dtype=float)
    assert np.allclose(votes["score"], scores.mean(axis=1))
    threshold = np.repeat(thresholds_of(folder), len(test.truth))
    assert votes["votes"].tolist() == (scores >= threshold[:, None]).sum(axis=1).tolist()


def test_members_are_the_selections_members(chain):
    folder, ensemble, _, _ = chain
    members = read_table(folder / "members.parquet")
    assert read_json(folder / "composition.json")["cnns"] == 3 * len(members[["run", "epoch"]].drop_duplicates())
    assert list(members.columns) == ["label", "run", "epoch", "fold", "member"]
    for label in ensemble.labels:
        selection = of_label(folder / "members/0.parquet", label)
        ranked = ["candidate", "run", "epoch", "f_beta", "threshold", "rank", "held_out_fold"]
        assert list(selection.columns) == [*ranked, "member", "weight", "reason", "fold", "held_out_half"]
        assert selection["held_out_fold"].value_counts().to_dict() == {-1: 6, 0: 6, 1: 6, 2: 6}
        taken = selection[(selection["member"] > 0) & (selection["held_out_fold"] == -1)]
        assert members.loc[members["label"] == label, "run"].tolist() == taken["run"].tolist()


def test_the_stack_leaves_its_grid_and_scores(chain):
    folder, ensemble, _, _ = chain
    grid = of_label(folder / "grids/0.parquet", ensemble.labels[1])
    columns = ["eta", "max_depth", "min_child_weight", "f_beta", "threshold", "logloss", "rounds"]
    assert list(grid.columns) == [*columns, "heat_f_beta", "photos", "chosen"]
    assert grid["chosen"].sum() == 1
    stacked = of_label(folder / "stacked/0.parquet", ensemble.labels[1])
    assert stacked["image_id"].tolist() == ensemble.image_ids.tolist()
    assert stacked["fold"].tolist() == ensemble.folds.tolist()
    stackers = of_label(folder / "stackers/0.parquet", ensemble.labels[1])
    assert stackers["fold"].tolist() == [0, 1, 2]
    booster = xgb.Booster(model_file=bytearray(stackers["stacker"].iloc[2]))
    assert booster.num_boosted_rounds() > 0


def voted_by(stackers, combiner, settings=VOTES):
    """Return the arguments of `combine_folds` for one block's stackers and other votes than the chain's."""
    return [*voting([stackers], ["thresholds/0.parquet"], combiner, settings), "--votes", "voted.parquet"]


def test_the_mean_is_stacked_and_votes_without_xgboost(chain, monkeypatch):
    folder, ensemble, test, _ = chain
    (folder / "lacking").mkdir()
    (folder / "lacking" / "xgboost.py").write_text("raise ImportError('there is no xgboost here')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "lacking"), str(PROGRAMS)]))

    def call_alone(program, *arguments, expected=0):
        words = [word if isinstance(word, str) else json.dumps(word) for word in arguments]
        command = [sys.executable, str(PROGRAMS / f"{program}.py"), *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == expected, done.stderr
        return done.stdout + done.stderr

    arguments = ["--scores", "scores/0.parquet", "--members", "members/0.parquet", "--threads", "1"]
    arguments += ["--manifest", "train.parquet", "--folds", "folds.parquet"]
    settings = {"labels": ensemble.labels, "features": [], "beta": 2, "stack": {"combiner": "mean"}}
    outputs = ["--stackers", "means/0.parquet", "--grid", "means/grid.parquet", "--stacked", "means/stacked.parquet"]
    call_alone("ensemble/stack_members", *arguments, *outputs, "--settings", settings)
    call_alone("ensemble/combine_folds", *voted_by("means/0.parquet", "mean"))
    output = call_alone("ensemble/combine_folds", *voted_by("means/0.parquet", "xgboost"), expected=1)
    assert "no xgboost here" in output
    members, votes = read_table(folder / "members.parquet"), read_table(folder / "voted.parquet")
    for k, label in enumerate(ensemble.labels):
        chosen = members[members["label"] == label]
        for photos, scores, actual in [
            (ensemble, ensemble.scores, of_label(folder / "means/stacked.parquet", label)["score"]),
            (test, test.scores, votes.loc[votes["label"] == label, "fold1"]),
        ]:
            mean = np.mean([scores[m.run][m.epoch - 1, :, k] for m in chosen.itertuples()], axis=0)
            assert len(actual) == len(photos.truth)
            assert np.allclose(actual, mean, atol=1e-7)


def test_stackers_of_another_combiner_are_refused(chain):
    folder = chain[0]
    output = call(folder, "ensemble/combine_folds", *voted_by("stackers/0.parquet", "mean"), expected=1)
    assert output == """error: stackers of 'style 0': found no mean, expected {"members": N}\n"""


ONE_LABEL = {"aggregation": "average_scores", "min_labels": 1, "max_labels": 1}


def nearest_label(scores, thresholds):
    """Return 1 for the label, of two, whose odds are the most times the odds at its threshold: (photos, labels)."""
    odds = np.array(scores, dtype=float) / (1 - np.array(scores, dtype=float))
    times = odds / (np.array(thresholds) / (1 - np.array(thresholds)))
    return (times == times.max(axis=1, keepdims=True)).astype(int)


def test_limits_go_over_all_labels_of_a_photo(chain):
    folder = chain[0]
    call(folder, "ensemble/combine_folds", *voted_by("stackers/0.parquet", "xgboost", ONE_LABEL))
    votes = read_table(folder / "voted.parquet")
    scores, decisions = (votes[name].to_numpy().reshape(2, -1).T for name in ("score", "decision"))
    thresholds = thresholds_of(folder)
    assert np.array_equal(decisions, nearest_label(scores, thresholds))
    assert set((scores >= thresholds).sum(axis=1)) == {0, 1, 2}


@pytest.mark.parametrize("settings", [VOTES, {**VOTES, "aggregation": "vote_all"}, ONE_LABEL])
def test_the_honest_figures_are_of_the_decisions_that_the_settings_lead_to(chain, settings):
    folder, ensemble, _, _ = chain
    estimates = [of_label(folder / "nested/0.parquet", label) for label in ensemble.labels]
    scores, thresholds = (np.array([estimate[name] for estimate in estimates]).T for name in ("score", "threshold"))
    decisions = (scores >= thresholds).astype(int)
    # As if the stackers' majority were always against their mean.
    estimate = read_table(folder / "nested/0.parquet")
    write_table(estimate.assign(voted=1 - estimate["decision"]), folder / "turned/0.parquet")
    if settings["aggregation"] == "vote_all":
        decisions = 1 - decisions
    elif settings == ONE_LABEL:
        decisions = nearest_label(scores, thresholds)
    arguments = ["--estimates", "turned/0.parquet", "--manifest", "train.parquet"]
    arguments += ["--thresholds", "thresholds/0.parquet", *NONE_HOLDOUT]
    arguments += ["--settings", {"labels": ensemble.labels, "beta": 2, "voting": settings}]
    arguments += ["--decisions", "turned_decisions.parquet", "--summary", "turned.parquet"]
    call(folder, "estimate/summarize_estimates", *arguments)
    actual = read_table(folder / "turned.parquet")["nested_f_beta"].tolist()[:2]
    assert actual == [f_beta(ensemble.truth[:, k], decisions[:, k]) for k in range(2)]
    written = read_table(folder / "turned_decisions.parquet")
    assert written["image_id"].tolist() == ensemble.image_ids.tolist()
    assert (written[ensemble.labels].to_numpy() == decisions).all()


def test_what_joining_the_folds_is_worth_is_a_row_a_label_and_their_mean(chain):
    folder, ensemble, *_ = chain
    arguments = ["--estimates", "nested/0.parquet", "--manifest", "train.parquet"]
    arguments += ["--thresholds", "thresholds/0.parquet", "--gains", "fold_averaging.parquet"]
    arguments += ["--settings", {"labels": ensemble.labels, "beta": 2, "fold_count": 3}]
    votes = read_table(folder / "votes.parquet")
    write_table(votes.assign(fold1=1 - votes["fold0"]), folder / "differing.parquet")
    call(folder, "estimate/estimate_fold_averaging", *arguments, "--votes", "differing.parquet")
    gains = read_table(folder / "fold_averaging.parquet")
    assert gains["label"].tolist() == [*ensemble.labels, "macro"]
    assert (gains["gain"] != 0).all()
    assert gains["gain"].iloc[2] == pytest.approx(gains["gain"].iloc[:2].mean())
    # Folds that agree in everything gain nothing together.
    write_table(votes.assign(fold1=votes["fold0"], fold2=votes["fold0"]), folder / "agreeing.parquet")
    call(folder, "estimate/estimate_fold_averaging", *arguments, "--votes", "agreeing.parquet")
    assert read_table(folder / "fold_averaging.parquet")["gain"].tolist() == [0, 0, 0]
    nested = read_table(folder / "summary.parquet")["nested_f_beta"].iloc[-1]
    output = submit(folder, "expected", **{"fold-averaging": "fold_averaging.parquet"})
    assert f"\nmacro F2, expected: {nested:.4f}  the honest figure +0.0000" in output


def test_the_summary_joins_holdout_photos_to_the_nested_estimate(chain):
    """The test photos, as if they had been held out."""
    folder, ensemble, test, printed = chain
    arguments = ["--estimates", "nested/0.parquet", "--manifest", "train.parquet"]
    arguments += ["--thresholds", "thresholds/0.parquet"]
    arguments += ["--settings", {"labels": ensemble.labels, "beta": 2, "voting": VOTES}]
    arguments += ["--decisions", "joined_decisions.parquet", "--summary", "joined.parquet"]
    holdout = ["--holdout-votes", "votes.parquet", "--holdout-manifest", "test.parquet"]
    call(folder, "estimate/summarize_estimates", *arguments, *holdout)
    joined, nested = read_table(folder / "joined.parquet"), read_table(folder / "summary.parquet")
    assert list(joined.columns) == [*nested.columns, "holdout_f_beta", "holdout_low", "holdout_high"]
    pd.testing.assert_frame_equal(joined[nested.columns], nested)
    decided = pd.read_csv(folder / "table.csv")[ensemble.labels].to_numpy()
    scores = [fbeta_score(test.truth[:, k], decided[:, k], beta=2) for k in range(2)]
    assert joined["holdout_f_beta"].tolist() == pytest.approx([*scores, np.mean(scores)])
    output = submit(folder, "joined", **{"estimate": "joined.parquet", "holdout-scores": "scores.parquet"})
    assert f"\nmacro F2, holdout: {np.mean(scores):.4f}  on 50 photos that no step used" in output
    assert [line for line in output.splitlines() if "holdout" not in line] == printed.splitlines()
    none = ["--holdout-votes", "--holdout-manifest"]  # as Snakemake says: no file
    call(folder, "estimate/summarize_estimates", *arguments, *none)
    pd.testing.assert_frame_equal(read_table(folder / "joined.parquet"), nested)
    assert "found one of the two, expected both" in call(
        folder, "estimate/summarize_estimates", *arguments, *holdout[:2], expected=1
    )


SIZING = {
    "labels": ["style 0", "style 1"],
    "features": [],
    "beta": 2,
    "selection": SELECTION,
    "stack": {"combiner": "mean"},
    "threshold": {"method": "exact"},
}
# The third run is another program's.
HISTORIES = [f"runs/{run}/fold{fold}/history.parquet" for run in RUNS[:2] for fold in range(3)]


@pytest.fixture(scope="module")
def sized(chain):
    """Return the folder and the training ensemble, once the programs of sizes have run in it."""
    folder, ensemble, *_ = chain
    photos = ["--manifest", "train.parquet", "--folds", "folds.parquet"]
    estimates, members = ["--estimates", "sizes/estimates.parquet"], ["--members", "sizes/members.parquet"]
    inputs = ["--scores", "scores/0.parquet", "--rankings", "rankings/0.parquet", *photos, "--threads", "1"]
    call(folder, "estimate/estimate_sizes", *inputs, *estimates, *members, "--settings", SIZING)
    for path in HISTORIES:
        write_table(pd.DataFrame({"epoch": [1, 2], "seconds": [30.0, 30.0]}), folder / path)
    voted = {"labels": ensemble.labels, "beta": 2, "voting": VOTES}
    measure = [*estimates, *members, *photos[:2], "--histories", *HISTORIES, "--curve", "size_curve.parquet"]
    call(folder, "estimate/measure_sizes", *measure, "--settings", voted | {"runs": RUNS[:2], "fold_count": 3})
    choose = [*estimates, *photos, "--members", "--decisions", "--sizes", "chosen_sizes.parquet"]
    call(folder, "estimate/choose_sizes", *choose, "--settings", voted | {"tolerance": 0.02})
    return folder, ensemble


def test_decisions_of_a_size_are_the_nested_ones_of_an_ensemble_of_that_size(sized):
    folder, ensemble = sized
    settings = {"stack": Stack(combiner="mean"), "threshold": Threshold(method="exact")}
    table = of_label(folder / "sizes/estimates.parquet", ensemble.labels[1])
    assert list(table["size"].unique()) == list(SIZES)
    assert (table.groupby("size")["image_id"].agg(list).map(ensemble.image_ids.tolist().__eq__)).all()
    actual = {size: part["decision"] for size, part in table.groupby("size")}
    for size, most in [("1", 1), ("2", 2), ("5", 3), ("all", 3)]:  # there are three runs
        selection = Selection(**SELECTION | {"top_n": most})
        estimate = select_and_predict_nested(
            *ensemble.candidates(1), ensemble.truth[:, 1], ensemble.folds, selection, **settings
        )
        assert actual[size].tolist() == estimate["decision"].tolist()
    assert actual["1"].tolist() != actual["2"].tolist() != actual["5"].tolist()
    members = of_label(folder / "sizes/members.parquet", ensemble.labels[1])
    sizes = {"1": 1, "2": 2} | dict.fromkeys(SIZES[2:], 3)
    assert members["size"].value_counts().to_dict() == sizes


@pytest.mark.parametrize(("right", "tolerance", "size"), [(True, 0, "all"), (True, 1, "1"), (False, 0, "1")])
def test_an_ensemble_that_is_cut_short_is_chosen_among_its_own_sizes(sized, tmp_path, right, tolerance, size):
    folder, ensemble = sized
    # Of the sizes 1, 2, 5, ... an ensemble of two members has the first, and itself.
    selection = pd.DataFrame({"held_out_fold": [-1, -1, -1, 0], "member": [1, 2, 0, 3]}).astype("int16")
    selections = pd.concat([selection.assign(label=label) for label in ensemble.labels])
    write_table(selections, tmp_path / "members.parquet")
    decided = ensemble.truth if right else 1 - ensemble.truth
    whole = ensemble.manifest[["image_id"]].assign(**dict(zip(ensemble.labels, decided.T, strict=True)))
    write_table(whole, tmp_path / "whole.parquet")
    inputs = ["--estimates", "sizes/estimates.parquet", "--manifest", "train.parquet"]
    inputs += ["--folds", "folds.parquet", "--members", str(tmp_path / "members.parquet")]
    settings = ["--settings", {"labels": ensemble.labels, "beta": 2, "voting": VOTES, "tolerance": tolerance}]
    outputs, whole = ["--sizes", str(tmp_path / "sizes.parquet")], ["--decisions", str(tmp_path / "whole.parquet")]
    call(folder, "estimate/choose_sizes", *inputs, *whole, *outputs, *settings)
    output = call(folder, "estimate/choose_sizes", *inputs, "--decisions", *outputs, *settings, expected=1)
    assert output == "error: --members and --decisions: found one of the two, expected both or none\n"
    assert read_table(tmp_path / "sizes.parquet")["size"].tolist() == [size] * 4


def test_the_size_curve_adds_up_all_labels(sized):
    folder, ensemble = sized
    curve = read_table(folder / "size_curve.parquet").set_index("size")
    for size in SIZES:
        tables = [of_label(folder / "sizes/estimates.parquet", label) for label in ensemble.labels]
        decided = [table.loc[table["size"] == size, "decision"].to_numpy() for table in tables]
        assert curve.loc[size, "nested_f_beta"] == macro_f_beta(ensemble.truth, np.transpose(decided))
        members = read_table(folder / "sizes/members.parquet")
        taken = members[members["size"] == size]
        assert curve.loc[size, "members"] == len(taken)
        assert curve.loc[size, "cnns"] == 3 * len(set(zip(taken["run"], taken["epoch"], strict=True)))
        epochs = taken.groupby("run")["epoch"].max()
        hours = sum(3 * 30 * epochs.get(run, 0) for run in RUNS[:2]) / 3600
        assert curve.loc[size, "training_hours"] == pytest.approx(hours)
        assert curve.loc[size, "external"] == ("run2" in epochs)
    assert curve.loc["all", "training_hours"] > 0


def test_the_size_that_is_chosen_is_selected_for_each_part_its_own(sized):
    folder, ensemble = sized
    sizes = pd.DataFrame({"held_out_fold": [-1, 0, 1, 2], "size": ["2", "1", "all", "2"]})
    write_table(sizes, folder / "sizes.parquet")
    inputs = ["--scores", "scores/0.parquet", "--rankings", "rankings/0.parquet", "--manifest", "train.parquet"]
    settings = {"labels": ensemble.labels, "beta": 2, "selection": SELECTION}
    select = [*inputs, "--folds", "folds.parquet", "--settings", settings]
    call(folder, "ensemble/select_members", *select, "--sizes", "sizes.parquet", "--members", "sized.parquet")
    selections = of_label(folder / "sized.parquet", ensemble.labels[1])
    counts = selections[selections["member"] > 0].groupby("held_out_fold").size()
    assert counts.to_dict() == {-1: 2, 0: 1, 1: 3, 2: 2}
    call(folder, "ensemble/select_members", *select, "--sizes", "chosen_sizes.parquet", "--members", "sized.parquet")
    chosen = read_table(folder / "chosen_sizes.parquet").set_index("held_out_fold")["size"]
    curve = read_table(folder / "size_curve.parquet")
    assert chosen[-1] == curve["size"][curve["nested_f_beta"] >= curve["nested_f_beta"].max() - 0.02].iloc[0]
    selections = of_label(folder / "sized.parquet", ensemble.labels[1])
    counts = selections[selections["member"] > 0].groupby("held_out_fold").size()
    assert counts.to_dict() == {fold: min(int(size), 3) if size != "all" else 3 for fold, size in chosen.items()}
    # Snakemake leaves the word out where `target` is not set.
    for none in (["--sizes"], ["--sizes", ""], []):
        call(folder, "ensemble/select_members", *select, *none, "--members", "unsized.parquet")
        assert read_table(folder / "unsized.parquet").equals(read_table(folder / "members/0.parquet"))


def test_sizes_are_measured_as_photos_are_decided(sized):
    folder, ensemble = sized
    arguments = ["--estimates", "sizes/estimates.parquet", "--manifest", "train.parquet"]
    arguments += ["--members", "sizes/members.parquet", "--histories", "--curve", "least.parquet"]
    settings = {"labels": ensemble.labels, "beta": 2, "voting": VOTES | {"min_labels": 2}, "runs": [], "fold_count": 3}
    call(folder, "estimate/measure_sizes", *arguments, "--settings", settings)
    everything = [fbeta_score(truth, np.ones_like(truth), beta=2) for truth in ensemble.truth.T]
    assert read_table(folder / "least.parquet")["nested_f_beta"].tolist() == pytest.approx(
        [np.mean(everything)] * len(SIZES)
    )
    # The majority of the stackers decides where the configuration says so.
    tables = [of_label(folder / "sizes/estimates.parquet", label) for label in ensemble.labels]
    table = read_table(folder / "sizes/estimates.parquet")
    write_table(table.assign(voted=1 - table["decision"]), folder / "voted.parquet")
    arguments[1] = "voted.parquet"
    settings["voting"] = VOTES | {"aggregation": "vote_all"}
    call(folder, "estimate/measure_sizes", *arguments, "--settings", settings)
    decided = [1 - table.loc[table["size"] == "1", "decision"].to_numpy() for table in tables]
    curve = read_table(folder / "least.parquet").set_index("size")
    assert curve.loc["1", "nested_f_beta"] == macro_f_beta(ensemble.truth, np.transpose(decided))


def test_a_label_that_a_file_lacks_ends_in_one_sentence(sized):
    folder, ensemble = sized
    inputs = ["--scores", "scores/0.parquet", "--manifest", "train.parquet", "--folds", "folds.parquet"]
    outputs = ["--estimates", "x.parquet", "--members", "y.parquet", "--threads", "1"]
    rankings = read_table(folder / "rankings/0.parquet")
    write_table(rankings[rankings["label"] == "style 0"], folder / "fewer.parquet")
    estimate = [*inputs, "--rankings", "fewer.parquet", *outputs, "--settings", SIZING]
    output = call(folder, "estimate/estimate_sizes", *estimate, expected=1)
    assert output == "error: fewer.parquet: found no rows of 1 labels, of which 'style 1' is the first\n"
    sizes = pd.DataFrame({"held_out_fold": [-1, 0, 2], "size": ["2", "1", "all"]})
    settings = {"labels": ensemble.labels, "beta": 2, "selection": SELECTION}
    select = [*inputs, "--rankings", "rankings/0.parquet", "--members", "x.parquet", "--settings", settings]
    for table, wrong in [
        (sizes, "held_out_fold: found [-1, 0, 2], expected each of [-1, 0, 1, 2] once"),
        (sizes.assign(size="3"), "size: found '3', expected one of 1, 2, 5, 10, 20, 40, all"),
    ]:
        write_table(table, folder / "bad_sizes.parquet")
        output = call(folder, "ensemble/select_members", *select, "--sizes", "bad_sizes.parquet", expected=1)
        assert output == f"error: bad_sizes.parquet: {wrong}\n"


def test_decisions_for_other_photos_end_in_one_sentence(sized):
    folder, ensemble = sized
    write_table(read_table(folder / "sizes/estimates.parquet").iloc[:-1], folder / "other.parquet")
    estimates = ["--estimates", "other.parquet", "--manifest", "train.parquet"]
    settings = {"labels": ensemble.labels, "beta": 2, "voting": VOTES}
    choose = [*estimates, "--folds", "folds.parquet", "--members", "--decisions"]
    choose += ["--settings", settings | {"tolerance": 0}]
    reason = "its 239 photos are not the 240 expected; delete it and run again"
    sentence = f"error: the nested estimate of style 1: {reason}\n"
    assert call(folder, "estimate/choose_sizes", *choose, "--sizes", "x.parquet", expected=1) == sentence
    measure = [*estimates, "--members", "sizes/members.parquet", "--histories", "--curve", "x.parquet"]
    measure += ["--settings", settings | {"runs": [], "fold_count": 3}]
    assert call(folder, "estimate/measure_sizes", *measure, expected=1) == sentence
    inputs = ["--scores", "scores/0.parquet", "--rankings", "rankings/0.parquet", "--manifest", "test.parquet"]
    outputs = ["--estimates", "x.parquet", "--members", "y.parquet", "--threads", "1"]
    test_folds = read_table(folder / "test.parquet")[["image_id"]].assign(fold=0)
    write_table(test_folds, folder / "test_folds.parquet")
    estimate = [*inputs, "--folds", "test_folds.parquet", "--settings", SIZING]
    output = call(folder, "estimate/estimate_sizes", *estimate, *outputs, expected=1)
    assert output.startswith("error: scores/0.parquet: was collated for other photos than the manifest's 50")
    assert output.count("\n") == 1
    assert not (folder / "x.parquet").exists()


def test_the_threshold_says_how_it_was_found(chain):
    folder, ensemble, _, _ = chain
    actual = read_table(folder / "thresholds/0.parquet").iloc[0]
    assert (actual["label"], actual["method"], actual["positives"]) == ("style 0", "greedy", ensemble.truth[:, 0].sum())
    assert len(actual["curve"]) == 101
    scores = of_label(folder / "stacked/0.parquet", "style 0")["score"].to_numpy(dtype=float)
    assert actual["f_beta"] == f_beta(ensemble.truth[:, 0], scores >= actual["threshold"]) == max(actual["curve"])


def test_the_figures_are_those_of_the_decisions(chain):
    folder, ensemble, test, printed = chain
    scores = read_table(folder / "scores.parquet")
    table = pd.read_csv(folder / "table.csv")
    assert scores["label"].tolist() == [*ensemble.labels, "macro"]
    assert scores["f_beta"].tolist()[:2] == [f_beta(test.truth[:, k], table[f"style {k}"].to_numpy()) for k in range(2)]
    assert scores["f_beta"].iloc[-1] > scores["all_ones_f_beta"].iloc[-1] + 0.1
    nested = read_table(folder / "summary.parquet")
    estimate = of_label(folder / "nested/0.parquet", ensemble.labels[1])
    assert list(estimate.columns) == ["image_id", "fold", "score", "threshold", "decision", "voted", "members"]
    assert nested["nested_f_beta"].iloc[1] == f_beta(ensemble.truth[:, 1], estimate["decision"].to_numpy())
    assert nested["non_nested_f_beta"].iloc[1] == read_table(folder / "thresholds/0.parquet")["f_beta"].iloc[1]
    assert printed == (folder / "challenge.txt").read_text(encoding="utf-8")
    assert printed.startswith("50 photos decided, 2 labels each\n")
    assert f"macro F2, test:   {scores['f_beta'].iloc[-1]:.4f}" in printed


def test_a_photoset_without_labels_has_an_empty_score_table(chain):
    folder, _, test, _ = chain
    write_table(test.manifest[["image_id"]], folder / "unlabelled.parquet")
    votes = ["--votes", "votes.parquet", "--manifest", "unlabelled.parquet"]
    votes += ["--settings", {"labels": ["style 0", "style 1"], "beta": 2}]
    assert "not known" in call(folder, "estimate/score_decisions", *votes, "--scores", "none.parquet")
    assert read_table(folder / "none.parquet").empty


def test_a_wrong_input_ends_in_one_sentence(chain):
    folder, ensemble, _, _ = chain
    arguments = ["--predictions", *(f"runs/run0/fold{fold}/validation.parquet" for fold in range(2))]
    arguments += ["--manifest", "train.parquet", "--folds", "folds.parquet", "--scores", "x.parquet"]
    settings = {"blocks": [ensemble.labels], "runs": ["run0"], "external": []}
    output = call(folder, "ensemble/collate_scores", *arguments, "--settings", settings, expected=1)
    assert output == "error: found 2 files of 1 runs, expected 3 of each, one per fold\n"
    settings["blocks"] = [[label] for label in ensemble.labels]
    output = call(folder, "ensemble/collate_scores", *arguments, "--settings", settings, expected=1)
    assert output == "error: --scores: found 1 files, expected 2, one per block of labels\n"
