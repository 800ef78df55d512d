"""A simulated ensemble runs from scores to a submission without a photo, with every combiner and size."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import fbeta_score

from stylevote.ensemble.rank import ALL
from stylevote.files.tables import read_table
from workflow.checkout import VOTED, Checkout, make_checkout

pytestmark = pytest.mark.slow

LABELS = ["sport", "korean"]
FOLDS = 4
ENDING = {**VOTED, "summarize_estimates": 1}
COMBINED = {**ENDING, "stack_members": 2, "search_thresholds": 2, "estimate_nested": 2}
SELECTED = {**COMBINED, "select_members": 2, "gather_members": 1}


@pytest.fixture(scope="module")
def averaged(tmp_path_factory) -> Checkout:
    """A finished workflow on a simulated ensemble, combined by the mean. Not to be changed."""
    checkout = make_checkout(tmp_path_factory.mktemp("averaged") / "stylevote")
    checkout.config = {
        "results": "out",
        "labels": LABELS,
        "simulation": {"photos": 1500, "test": 800, "members": 6, "epochs": 2, "families": 2, "twins": 3},
        "folds": {"count": FOLDS},
        "stack": {"combiner": "mean"},
    }
    checkout.printed = checkout.run()
    return checkout


@pytest.fixture
def simulated(averaged, tmp_path) -> Checkout:
    """A copy of `averaged`, to be changed."""
    other = averaged.copy(tmp_path / "copy")
    other.config = copy.deepcopy(averaged.config)
    return other


def table(checkout, path) -> pd.DataFrame:
    return read_table(checkout.folder / "out" / path)


def stackers(checkout, label) -> list[bytes]:
    """Return a label's stackers, in the order of the folds."""
    stored = table(checkout, f"ensemble/stackers/{label}.parquet")
    assert stored["fold"].tolist() == list(range(FOLDS))
    return stored["stacker"].tolist()


def members_without(checkout, label, fold=ALL) -> pd.DataFrame:
    """Return a label's members, selected without a fold, in their order."""
    selections = table(checkout, f"ensemble/members/{label}.parquet")
    members = selections[(selections["held_out_fold"] == fold) & (selections["member"] > 0)]
    return members.sort_values("member")


def assert_submission_is_scored(checkout, beta=2) -> None:
    """The submission tells photos apart, its figures are scikit-learn's, and there is an honest estimate near them."""
    truth = table(checkout, "photos/test/manifest.parquet")
    submission = pd.read_csv(checkout.folder / "out" / "submission.csv")
    assert list(submission.columns) == ["image", *LABELS]
    assert submission["image"].tolist() == truth["image_id"].tolist()
    reached = fbeta_score(truth[LABELS], submission[LABELS], beta=beta, average="macro")
    everything = fbeta_score(truth[LABELS], np.ones((len(truth), len(LABELS))), beta=beta, average="macro")
    assert reached > everything + 0.1
    summary = (checkout.folder / "out" / "summary.txt").read_text()
    assert f"macro F{beta:g}, test:   {reached:.4f}  on 800 photos" in summary
    nested = table(checkout, "estimate/summary.parquet").set_index("label")
    assert f"macro F{beta:g}, honest: {nested.loc['macro', 'nested_f_beta']:.4f}" in summary
    truth, decided = (
        table(checkout, f"{path}.parquet") for path in ("photos/train/manifest", "estimate/nested_decisions")
    )
    expected = fbeta_score(truth[LABELS], decided[LABELS], beta=beta, average=None)
    assert nested["nested_f_beta"].tolist() == pytest.approx([*expected, expected.mean()])
    assert nested.loc["macro", "nested_f_beta"] == pytest.approx(reached, abs=0.15)


def test_a_simulated_ensemble_decides(averaged, simulated):
    assert_submission_is_scored(averaged)
    assert (averaged.folder / "out" / "summary.txt").read_text() in averaged.printed
    # Members 2 and 5 copy 1 and 4.
    for label in LABELS:
        members = set(members_without(averaged, label)["run"])
        assert {"member000", "member003"} <= members
        for twins in ({"member001", "member002"}, {"member004", "member005"}):
            assert len(members & twins) == 1
        selections = table(averaged, f"ensemble/members/{label}.parquet")
        reasons = selections.loc[selections["held_out_fold"] == ALL, "reason"]
        assert reasons.str.match(r"correlates 0\.9\d+ with member00[1245]").sum() == 2

    assert simulated.plan() == {}
    simulated.config["simulation"]["members"] = 7
    plan = simulated.plan()
    assert plan["simulate_member"] == 1
    assert "simulate_photos" not in plan
    simulated.config["simulation"]["skill"] = 0.5
    plan = simulated.plan()
    assert plan["simulate_member"] == 7
    assert not {"simulate_photos", "assign_folds"} & plan.keys()


def test_the_ensemble_is_as_small_as_its_target_allows(averaged, simulated):
    simulated.config["target"] = {"tolerance": 0.02}
    assert simulated.plan() == {**SELECTED, "estimate_sizes": 2, "choose_sizes": 1}
    simulated.run()
    assert_submission_is_scored(simulated)
    chosen = table(simulated, "ensemble/sizes.parquet").set_index("held_out_fold")["size"].astype(int)
    assert chosen.index.tolist() == [ALL, *range(FOLDS)]
    for label in LABELS:
        for fold, size in chosen.items():
            plain = members_without(averaged, label, fold)
            assert members_without(simulated, label, fold)["run"].tolist() == plain["run"].tolist()[:size]
        assert len(members_without(averaged, label)) > chosen[ALL]
        assert [json.loads(raw) for raw in stackers(simulated, label)] == [{"members": chosen[ALL]}] * FOLDS
        nested = table(simulated, f"estimate/nested/{label}.parquet")
        assert nested.groupby("fold")["members"].unique().explode().to_dict() == chosen.drop(ALL).to_dict()
    gathered = table(simulated, "ensemble/members.parquet")
    assert gathered["label"].value_counts().to_dict() == dict.fromkeys(LABELS, chosen[ALL])
    assert simulated.plan() == {}

    # The curve is there for those who ask for it; the size is the smallest that loses as little.
    curve = "out/estimate/size_curve.parquet"
    assert simulated.plan(curve) == {"measure_sizes": 1}
    simulated.run(curve)
    curve = read_table(simulated.folder / curve).set_index("size")
    assert int(curve.index[curve["loss"] <= 0.02][0]) == chosen[ALL]
    assert curve.loc[str(chosen[ALL]), "external"] == gathered["run"].nunique()

    simulated.config["target"] = {"tolerance": 0.2}
    assert simulated.plan() == {**SELECTED, "choose_sizes": 1}
    del simulated.config["target"]
    assert simulated.plan() == SELECTED


def test_all_labels_members_are_features_of_each(simulated):
    simulated.config["stack"] = {"combiner": "logistic", "features": "all", "logistic": {"alpha": [1, 100]}}
    assert simulated.plan() == COMBINED
    simulated.run()
    assert_submission_is_scored(simulated)
    members = {label: members_without(simulated, label) for label in LABELS}
    votes = table(simulated, "predictions/test/votes.parquet")
    for label, other in (LABELS, LABELS[::-1]):
        # Its own come first: the stackers' output for the first fold's members, by hand.
        columns = []
        for name in (label, other):
            for row in members[name].itertuples():
                scores = table(simulated, f"simulated/{row.run}/fold0/test.parquet")
                columns.append(scores.loc[scores["epoch"] == row.epoch, name].to_numpy(dtype=float))
        found = [json.loads(raw) for raw in stackers(simulated, label)]
        assert {len(one["weights"]) for one in found} == {sum(map(len, members.values()))} == {len(columns)}
        odds = logit(np.clip(np.transpose(columns), 1e-6, 1 - 1e-6))
        outputs = [expit(odds @ one["weights"] + one["intercept"]) for one in found]
        assert np.allclose(votes.loc[votes["label"] == label, "fold0"], np.mean(outputs, axis=0), atol=1e-5)
        counts = table(simulated, f"estimate/nested/{label}.parquet").groupby("fold")["members"].unique().explode()
        both = [sum(len(members_without(simulated, name, fold)) for name in LABELS) for fold in range(FOLDS)]
        assert counts.tolist() == both


@pytest.mark.parametrize("features", ["own", "all"])
def test_what_is_decided_does_not_depend_on_how_many_labels_a_job_has(simulated, features):
    simulated.config |= {"stack": {"combiner": "logistic", "features": features}, "report": {"sizes": True}}
    simulated.run("all")
    found = [(simulated.folder / "out" / name).read_bytes() for name in ("submission.csv", "summary.txt")]
    curve = table(simulated, "estimate/size_curve.parquet")
    simulated.config["labels_per_job"] = 2
    of_labels = ("rank_candidates", "select_members", "stack_members", "search_thresholds", "estimate_nested")
    plan = simulated.plan("all")
    assert {plan[rule] for rule in (*of_labels, "estimate_sizes", "draw_labels")} == {1}
    assert "simulate_member" not in plan
    simulated.run("all")
    assert [(simulated.folder / "out" / name).read_bytes() for name in ("submission.csv", "summary.txt")] == found
    pd.testing.assert_frame_equal(table(simulated, "estimate/size_curve.parquet"), curve)
    assert simulated.plan("all") == {}


def test_auto_takes_one_of_its_combiners_for_each_label(simulated):
    simulated.config["stack"] = {"combiner": "auto", "auto": {"among": ["mean", "ridge", "logistic"]}}
    assert simulated.plan() == COMBINED
    simulated.run()
    assert_submission_is_scored(simulated)
    for label in LABELS:
        grid = table(simulated, f"ensemble/grids/{label}.parquet")
        assert grid["combiner"].tolist() == ["mean", "ridge", "logistic"]
        assert grid["chosen"].tolist().index(True) == np.argmax(grid["behind"] <= grid["standard_error"])
        (chosen,) = grid.loc[grid["chosen"], "combiner"]
        assert {json.loads(raw.splitlines()[0]) for raw in stackers(simulated, label)} == {chosen}
    assert simulated.plan() == {}
    # Of the combiners, those among which it chooses count, and no others.
    simulated.config["stack"]["xgboost"] = {"rounds": 7}
    assert simulated.plan() == {}
    folder = "workflow_scripts/stylevote/ensemble/combiners"
    edit = ("import numpy as np", "import numpy as np\nX = 1")
    simulated.edit(f"{folder}/rank_mean.py", *edit)
    assert simulated.plan() == {}
    simulated.edit(f"{folder}/ridge.py", *edit)
    assert simulated.plan() == COMBINED


def test_another_beta_goes_from_the_ranking_to_the_summary(averaged, simulated):
    simulated.config["beta"] = 1
    assert simulated.plan() == {**SELECTED, "rank_candidates": 2}
    simulated.run()
    assert_submission_is_scored(simulated, beta=1)
    assert "F2" not in (simulated.folder / "out" / "summary.txt").read_text()
    decided, before = (
        pd.read_csv(one.folder / "out" / "submission.csv")[LABELS].sum() for one in (simulated, averaged)
    )
    assert (decided < before).all(), "where recall counts less, fewer photos have a label"


@pytest.mark.parametrize("preset", ["paper_2018", "winners_2018"])
def test_the_first_place_teams_ensembles_decide(simulated, preset):
    grid = {"eta": [0.1, 0.3], "max_depth": [2], "min_child_weight": [1]}
    simulated.config |= {"preset": preset, "stack": {"xgboost": {"grid": grid, "rounds": 30}}}
    simulated.config |= {"report": {"sizes": True}, "bundle": {"members": 1}}
    targets = ["out/submission.csv", "out/estimate/size_curve.parquet", "out/estimate/leakage.parquet"]
    targets += ["out/report.html", "out/model_card.md", "out/small/members.parquet"] if preset == "paper_2018" else []
    simulated.run(*targets)
    assert_submission_is_scored(simulated)
    votes = table(simulated, "predictions/test/votes.parquet")
    for label in LABELS:
        # Each fold's own photos chose, and the numbers of members are those of the fold with the fewest.
        members = table(simulated, "ensemble/members.parquet").query("label == @label")
        numbers = members.groupby("fold")["member"].agg(list)
        assert numbers.index.tolist() == list(range(FOLDS))
        assert numbers.tolist() == [numbers[0]] * FOLDS
        manifest, folds = (table(simulated, f"photos/train/{name}.parquet") for name in ("manifest", "folds"))
        for fold in range(FOLDS):
            inside = (folds["fold"] == fold).to_numpy()
            truth, f2 = manifest.loc[inside, label], {}
            for run in range(6):
                path = f"simulated/member{run:03d}/fold{fold}/validation.parquet"
                for epoch, scores in table(simulated, path).groupby("epoch"):
                    cuts = np.quantile(scores[label], np.linspace(0, 1, 80))
                    f2[f"member{run:03d}", epoch] = max(
                        fbeta_score(truth, scores[label] >= cut, beta=2) for cut in cuts
                    )
            first = members[(members["fold"] == fold) & (members["member"] == 1)].iloc[0]
            assert f2[first["run"], first["epoch"]] == pytest.approx(max(f2.values()), abs=0.03)
        of_label = votes[votes["label"] == label]
        thresholds = table(simulated, f"ensemble/thresholds/{label}.parquet").iloc[0]
        if preset == "paper_2018":
            yes = sum(of_label[f"fold{fold}"].astype(float) >= thresholds["threshold"] for fold in range(FOLDS))
            assert of_label["votes"].tolist() == yes.tolist()
        else:
            assert len(thresholds["of_stackers"]) == FOLDS
        assert (of_label["decision"].eq(1) == of_label["votes"].gt(FOLDS / 2))[of_label["votes"] != FOLDS / 2].all()
        if preset == "paper_2018":
            small = table(simulated, "small/members.parquet").query("label == @label")
            small, first = (rows[["run", "epoch", "fold"]] for rows in (small, members[members["member"] == 1]))
            assert small.to_numpy().tolist() == first.to_numpy().tolist()
    curve = table(simulated, "estimate/size_curve.parquet").set_index("size")
    assert curve.loc["1", "members"] == len(LABELS)
    assert curve.loc["1", "cnns"] <= FOLDS * len(LABELS)
    assert simulated.plan(*targets) == {}


@pytest.mark.parametrize("combiner", ["ridge", "rank_mean"])
def test_other_combiners_decide(averaged, simulated, combiner):
    simulated.config["stack"] = {"combiner": combiner}
    assert simulated.plan() == COMBINED
    simulated.run()
    assert_submission_is_scored(simulated)
    for label in LABELS:
        raw = stackers(simulated, label)
        if combiner == "ridge":
            assert {len(json.loads(one)["weights"]) for one in raw} == {len(members_without(simulated, label))}
        assert raw != stackers(averaged, label)
