"""What becomes of probes: a bundle, the report, the plan, heads of fine-tuned runs, unused files."""

import json

import pandas as pd
import pytest

from stylevote.config.identity import features_id
from stylevote.config.resolve import resolve
from stylevote.files.tables import read_table
from workflow.checkout import RUNS, Checkout
from workflow.test_probes import PROBE, bring_weights

# Its head starts from a probe that is not among the runs.
TUNED = {**RUNS[0], "backbone": "test_resnet", "weights": "net.safetensors", "size": 40, "hidden_units": []}
TUNED |= {"head_from": "probe", "tta": "none"}
TARGETS = ("decide", "out/bundle", "out/report.html", "out/model_card.md")


@pytest.fixture(scope="session")
def used(once) -> Checkout:
    """A small workflow of two probes on one backbone and a run that starts from another, computed once."""

    def compute(checkout: Checkout) -> str:
        bring_weights(checkout)
        checkout.config["runs"] = [PROBE, {**PROBE, "loss": "weighted_bce"}, TUNED]
        return checkout.run(*TARGETS)

    return once("probe_uses", compute)


@pytest.fixture
def changed(used, tmp_path) -> Checkout:
    """A copy of that workflow, to be changed."""
    other = used.copy(tmp_path / "copy")
    other.config = {**used.config, "runs": [*used.config["runs"]]}
    return other


def settings_of(checkout: Checkout):
    return resolve(json.loads(json.dumps(checkout.config)))


def test_nothing_is_left_to_do(used):
    assert used.plan(*TARGETS) == {}


def test_a_bundle_of_probes_decides_as_the_workflow_does(used):
    out = used.folder / "out"
    assert used.decided_by("out/bundle") == (out / "submission.csv").read_bytes()
    stored = [path.stem for path in (out / "bundle" / "backbones").iterdir()]
    members = set(read_table(out / "ensemble" / "members.parquet")["run"])
    settings = settings_of(used)
    assert stored == list({features_id(settings.runs[run]) for run in members if settings.runs[run].get("probe")})


def test_the_report_names_probes(used):
    page = (used.folder / "out" / "report.html").read_text()
    settings = settings_of(used)
    probes = [run for run, setting in settings.runs.items() if setting.get("probe")]
    assert "it has no curves" in page
    assert all(run in page for run in settings.runs)
    drawn = [path.stem for path in (used.folder / "out" / "report" / "training").iterdir()]
    assert drawn == [run for run in settings.runs if run not in probes]
    card = (used.folder / "out" / "model_card.md").read_text()
    assert "heads on 1 frozen backbone) of" in card
    assert "| probe, penalties" in card


def test_the_plan_counts_features_once(used):
    printed = used.run("plan", cores=1)
    table = pd.read_csv(used.folder / "out" / "plan.tsv", sep="\t", keep_default_na=False).set_index("run")
    settings = settings_of(used)
    for run, setting in settings.runs.items():
        row = table.loc[run]
        assert (row["done"], row["to_do"], row["hours"]) == (3, 0, 0)
        heads = [path.stat().st_size for path in (used.folder / "out" / "runs" / run).rglob("*.safetensors")]
        if setting.get("probe"):
            assert row["phases"] == "probe, penalties [0.01]"
            assert row["networks"] == 3
        assert row["gigabytes"] == pytest.approx(sum(heads) / 1e9, abs=0.0001)
    # Those of the two probes, and of the probe whose head starts the third run: its views are others.
    assert "features:  of 2 frozen backbones of probes" in printed


def test_a_head_starts_from_a_probe_that_never_saw_the_fold(used):
    settings = settings_of(used)
    (run,) = settings.head_probes
    probe = settings.head_probes[run]
    assert probe not in settings.runs
    out = used.folder / "out"
    folds = read_table(out / "photos" / "train" / "folds.parquet")
    for fold in range(3):
        held_out = set(folds.loc[folds["fold"] == fold, "image_id"])
        for name in (run, probe):
            scored = read_table(out / "runs" / name / f"fold{fold}" / "validation.parquet")
            assert set(scored["image_id"]) == held_out
        log = (out / "logs" / "train_cnn" / run / f"fold{fold}.log").read_text()
        assert "Traceback" not in log
    members = set(read_table(out / "ensemble" / "members.parquet")["run"])
    assert probe not in members


def test_another_head_trains_its_run_again_and_the_same_one_does_not(changed):
    settings = settings_of(changed)
    ((run, probe),) = settings.head_probes.items()
    out = changed.folder / "out"
    history = out / "runs" / probe / "fold0" / "history.parquet"
    history.unlink()
    changed.run(str(history.relative_to(changed.folder)))
    assert "train_cnn" not in changed.plan(*TARGETS)
    bring_weights(changed, seed=1)
    assert changed.plan(*TARGETS)["train_cnn"] == 3
    changed.run(f"out/runs/{probe}/penalties.parquet")
    assert changed.plan(f"out/runs/{run}/fold0/history.parquet")["train_cnn"] == 1
