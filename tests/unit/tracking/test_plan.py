"""The plan of a configuration: its runs, the reasons to train them, their hours, and the pending jobs."""

import pandas as pd
import pytest

from stylevote.config.identity import features_id
from stylevote.files.tables import write_json, write_table
from stylevote.tracking import disk, plan
from unit.tracking.planned import LABELS, PHASES, settings_of


def write_history(root, run, seconds, fold=0, rate=0.1):
    """Write the history of a training with epochs of so many seconds."""
    history = pd.DataFrame({"epoch": range(len(seconds)), "highest_lr": rate, "seconds": seconds})
    write_table(history, root / "runs" / run / f"fold{fold}" / "history.parquet")


def phase(text, **keys):
    settings = settings_of({"backbone": "ResNet50", "phases": [{"epochs": 3, "lr": 0.0003, "train": "all", **keys}]})
    (phases,) = plan.plan_runs(settings)["phases"]
    assert phases == text


def test_the_catalogue_is_planned_without_making_a_network(monkeypatch):
    monkeypatch.setattr(disk, "_measure", None)
    entry = {"backbone": {"each": ["VGG16", "ResNet50"]}, "phases": PHASES}
    runs = plan.plan_runs(settings_of(entry)).set_index("backbone")
    assert list(runs["epochs"]) == [5, 5]
    assert list(runs["networks"]) == [15, 15]
    assert runs["megabytes"]["vgg16.tv_in1k"] == pytest.approx(2 * (14.71 + 512 * 256 / 1e6), rel=0.01)
    assert list(runs["gigabytes"]) == pytest.approx(list(15 * runs["megabytes"] / 1000), abs=0.0001)


def test_phases_are_short():
    phase("3 all 0.0003")
    phase("3 head 0.0003", train="head")
    phase("3 last 0.4 2e-05", train={"last": 0.4}, lr=2.0e-5)
    phase("1 groups 2 1", train={"groups": 2}, epochs=1, lr=1.0)
    phase("3 all 0.0003 triangular2 cycle 0.5", policy="triangular2", cycle=0.5)
    phases = plan.plan_runs(settings_of({"backbone": "ResNet50", "phases": PHASES}))["phases"]
    assert list(phases) == ["1 head 0.001, 4 last 0.4 0.0003"]


def test_runs_show_drawn_values():
    drawn = {
        "backbone": "ResNet50",
        "hidden_units": {"layers": [1, 3], "units": {"choose": [128, 256]}},
        "batch": {"choose": [8, 16]},
        "crop": {"min_scale": {"uniform": [0.5, 0.9]}, "stretch": 0.3},
        "loss": {"focal": {"gamma": {"uniform": [1, 3]}}},
        "phases": [{"epochs": {"integers": [1, 9]}, "lr": {"log_uniform": [1e-5, 1e-1]}, "train": "all"}],
        "seed": {"integers": [0, 1000]},
        "draws": 20,
    }
    settings = settings_of(drawn)
    runs = plan.plan_runs(settings).set_index("run")
    assert list(runs.index) == list(settings.runs)
    for run, setting in settings.runs.items():
        row, (only,) = runs.loc[run], setting["phases"]
        assert (row["seed"], row["batch"], row["epochs"]) == (setting["seed"], setting["batch"], only["epochs"])
        assert row["phases"] == f"{only['epochs']} all {only['lr']}"
        assert row["hidden_units"] == str(setting["hidden_units"]).strip("[]")
        assert row["loss"] == f"focal gamma {setting['loss']['focal']['gamma']} alpha 0.25"
        # Common settings are left out.
        assert row["other"] == f"crop.min_scale {setting['crop']['min_scale']}"


def test_probes_show_what_has_an_effect_on_them():
    tuned = {"backbone": "ResNet50", "phases": PHASES, "crop": {"min_scale": 0.5}}
    probes = {"backbone": "ResNet50", "probe": {"each": [{}, {"pooling": "token", "layers": 1, "penalties": [0.1]}]}}
    settings = settings_of(tuned, probes, {**probes, "probe": {}, "tta": "none"})
    table = plan.plan_runs(settings).set_index("run")
    texts = {(row.phases, row.other) for row in table.itertuples()}
    # Crops are those of all runs that have any.
    assert texts == {
        ("1 head 0.001, 4 last 0.4 0.0003", "tta mirror"),
        ("probe", "tta mirror"),
        ("probe", "tta none"),
        ("probe, pooling token, penalties [0.1]", "tta mirror"),
    }
    of_probes = table[table["phases"].str.startswith("probe")]
    assert list(of_probes["networks"]) == [3] * 3
    assert list(of_probes["hidden_units"]) == ["none"] * 3
    # Four labels and 2,048 features in single precision: the backbone is not in it.
    assert list(of_probes["megabytes"]) == pytest.approx([4 * 4 * 2049 / 1e6] * 3, rel=0.02)
    (line,) = plan.feature_totals(settings)
    assert line.startswith("features:  of 3 frozen backbones of probes (141.")
    assert line.endswith(f", stored once): {3 * 2 * 2048:,} bytes per photo")


def test_features_count_once_and_fits_by_themselves(tmp_path):
    probes = [{"backbone": "resnet18", "size": 64, "probe": {"penalties": {"each": [[0.1], [1]]}}}]
    tuned = {"backbone": "resnet18", "size": 64, "phases": PHASES}
    settings = settings_of(*probes, tuned, results=str(tmp_path))
    first, second = (run for run, setting in settings.runs.items() if setting.get("probe"))
    (other,) = settings.runs.keys() - {first, second}
    features = features_id(settings.runs[first])
    write_history(tmp_path, first, [36.0], rate=0.0)
    write_history(tmp_path, other, [3600.0])
    measured = tmp_path / "benchmarks" / "extract_features" / "train" / features / "0.tsv"
    measured.parent.mkdir(parents=True)
    measured.write_text("s\tmax_rss\n1800.0\t5\n")
    outputs = [f"f/fold{k}/{name}" for k in range(3) for name in ("history.parquet", "validation.parquet", "weights")]
    jobs = [("fit_probe", {"run": second}, f"Missing output files: {', '.join(outputs)}")]
    jobs += [("train_cnn", {"run": other, "fold": "1"}, "Forced execution")]
    jobs += [("extract_features", {"features": features, "photoset": p, "shard": "0"}, "x") for p in ("train", "test")]
    table = plan.plan_trainings(settings, jobs).set_index("run")
    assert dict(table["to_do"]) == {first: 0, second: 3, other: 1}
    assert table.loc[second, "why"] == "new"
    assert dict(table["hours"]) == {first: "0.00", second: "0.03", other: "5.00"}
    assert list(plan.feature_hours(settings, jobs)) == ["features:  2 jobs to extract them, 1.0 hours"]
    jobs.append(("extract_features", {"features": "x-64-00000000", "photoset": "test", "shard": "0"}, "x"))
    (line,) = plan.feature_hours(settings, jobs)
    assert line == "features:  3 jobs to extract them, 1.0 hours, and 1 jobs that are not measured"
    assert list(plan.feature_hours(settings, jobs[:2])) == []


def test_labels_are_named_or_counted():
    settings = settings_of(
        *({"backbone": "ResNet50", "labels": labels} for labels in ("all", ["soft"], ["red", "soft"], LABELS[:4])),
        labels=[*LABELS, "old"],
    )
    labels = plan.plan_runs(settings)["labels"]
    assert sorted(labels) == ["4 of 5", "all", "red, soft", "soft"]


@pytest.mark.parametrize(
    ("keys", "cnns"),
    [
        ({"selection": {"top_n": 2}}, 3 * 4 * 2),
        ({}, 3 * 6 * 4),  # each of 6 runs gives a label one of its 5 epochs
        ({"selection": {"method": "greedy", "greedy": {"max_members": 1}}}, 3 * 4),
        ({"selection": {"method": "each_backbone"}}, 3 * 4 * 2),
        ({"selection": {"top_n": 1}, "target": {"tolerance": 0}}, 3 * 6 * 4),
        ({"selection": {"top_n": 1, "method": "each_backbone"}, "members": {"external": ["mine"]}}, 3 * 4 * 3),
    ],
)
def test_the_ensemble_has_at_most_the_cnns_that_labels_and_runs_allow(keys, cnns):
    runs = {"backbone": {"each": ["ResNet50", "VGG16"]}, "seed": {"each": [1, 2, 3]}, "phases": PHASES}
    assert plan.max_cnns(settings_of(runs, **keys)) == cnns


def test_the_bound_on_cnns_knows_the_labels_and_epochs_of_runs():
    short = [{"epochs": 1, "lr": 0.001, "train": "head"}]
    entries = [{"backbone": "ResNet50", "labels": [label], "phases": PHASES} for label in LABELS[:2]]
    settings = settings_of(*entries, {"backbone": "VGG16", "phases": short})
    assert plan.max_cnns(settings) == 3 * (1 + 1 + 1)


def test_the_plan_gives_the_number_of_cnns_once_members_are_selected(tmp_path):
    settings = settings_of({"backbone": "ResNet50", "phases": PHASES}, results=str(tmp_path))
    assert plan.ensemble_size(settings, []) == "ensemble:  at most 12 different CNNs"
    (tmp_path / "ensemble").mkdir()
    write_json({"size": "9 different CNNs of 1 runs"}, tmp_path / "ensemble" / "composition.json")
    assert plan.ensemble_size(settings, []) == "ensemble:  9 different CNNs of 1 runs"
    pending = [("gather_members", {"ensemble": name}, "Updated input files") for name in ("small", "ensemble")]
    assert plan.ensemble_size(settings, pending[:1]) == "ensemble:  9 different CNNs of 1 runs"
    assert plan.ensemble_size(settings, pending) == "ensemble:  at most 12 different CNNs"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Missing output files: f/history.parquet, f/weights, f/validation.parquet", "new"),
        ("Missing output files: f/weights; Params have changed since last execution: x", "weights gone"),
        ("Missing output files: f/weights, f/history.parquet", "history.parquet and weights gone"),
        ("Updated input files: a; Params have changed since last execution", "setting or code changed, inputs changed"),
    ],
)
def test_the_reason_of_a_training_is_short(tmp_path, reason, words):
    assert plan.training_reason(reason, tmp_path) == words
    (tmp_path / "unfinished").mkdir()
    assert plan.training_reason(reason, tmp_path) == ("unfinished" if reason.startswith("Missing") else words)


def test_hours_are_those_of_the_same_backbone_and_size(tmp_path):
    five = [{"epochs": 5, "lr": 0.001, "train": "all"}]
    sizes = [{"backbone": "ResNet50", "size": size, "phases": five} for size in (64, 128)]
    settings = settings_of(*sizes, {**sizes[0], "seed": 2}, results=str(tmp_path))
    of_64 = [run for run in settings.runs if "-64-" in run]
    (of_128,) = settings.runs.keys() - set(of_64)
    write_history(tmp_path, of_64[0], [100, 200])
    write_history(tmp_path, of_64[0], [300, 600], fold=1)
    write_history(tmp_path, "resnet50.tv_in1k-648-a-b", [9])
    to_do = [(of_64[0], 2), *((run, fold) for run in (of_64[1], of_128) for fold in range(3))]
    jobs = [("train_cnn", {"run": run, "fold": str(fold)}, "Forced execution") for run, fold in to_do]
    jobs += [("combine_folds", {"photoset": "test"}, "Missing output files: a"), ("all", {}, "Missing output files: a")]
    table = plan.plan_trainings(settings, jobs).set_index("run")
    # 300 seconds per epoch on average, five epochs: 25 minutes per fold.
    assert dict(table["hours"]) == {of_64[0]: "0.42", of_64[1]: "1.25", of_128: "not measured"}
    assert dict(table["done"]) == {of_64[0]: 2, of_64[1]: 0, of_128: 0}
    assert dict(table["to_do"]) == {of_64[0]: 1, of_64[1]: 3, of_128: 3}
    assert [*plan.training_totals(table), *plan.job_totals(jobs)] == [
        "trainings: 7 to do, 2 done",
        "hours:     1.7 of training, one device per job, and 3 trainings of a kind that is not measured",
        "jobs:      8 to do",
        "        7  train_cnn",
        "        1  combine_folds",
    ]


def test_without_measured_runs_hours_are_those_of_the_configuration(tmp_path):
    runs = [
        {"backbone": "resnet18", "size": size, "phases": [{"epochs": 6, "lr": 0.1, "train": "all"}]}
        for size in (64, 96)
    ]
    stated = {"epoch_seconds": {"resnet18-64": 600, "resnet18-96": 1200}}
    settings = settings_of(*runs, results=str(tmp_path), plan=stated)
    of_64, of_96 = sorted(settings.runs)
    write_history(tmp_path, of_64, [60.0])
    jobs = [("train_cnn", {"run": run, "fold": "1"}, "Forced execution") for run in (of_64, of_96)]
    table = plan.plan_trainings(settings, jobs).set_index("run")
    assert dict(table["hours"]) == {of_64: "0.10", of_96: "2.00"}


def test_trainings_that_another_configuration_shares_are_done(tmp_path):
    settings = settings_of({"backbone": "resnet18", "size": 64}, results=str(tmp_path / "own"), networks=str(tmp_path))
    (run,) = settings.runs
    for fold in settings.folds:
        write_history(tmp_path, run, [60.0], fold=fold)
    assert plan.plan_trainings(settings, [])["done"].tolist() == [len(settings.folds)]


def test_jobs_are_not_known_if_a_dry_run_fails():
    (line,) = plan.job_totals(None)
    assert "not known" in line


def test_no_jobs_are_none_to_do():
    assert plan.job_totals([]) == ["jobs:      0 to do"]


def test_the_table_is_aligned():
    table = pd.DataFrame({"run": ["a", "bbbb"], "number": [7, 12345]})
    assert plan.as_text(table) == "run   number\na          7\nbbbb   12345"
