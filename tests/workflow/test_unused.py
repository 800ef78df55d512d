"""Files that a changed configuration does not use are listed with sizes, and removed on demand; no others are."""

import json
import shutil

import pandas as pd
import pytest

from stylevote.config.resolve import resolve
from stylevote.files.tables import read_json
from workflow.checkout import LABELS, RUNS, Checkout, make_checkout, small_config

OPTIONAL = ["estimate/size_curve.parquet", "estimate/leakage.parquet", "predictions/summer/decisions.csv"]
OPTIONAL += ["student/scores.parquet", "student/predictions/summer/decisions.csv", "experiments/theirs.csv"]
OPTIONAL += ["bundle", "predictions/summer/details.csv"]


def config() -> dict:
    """Return the small configuration with four folds and all optional results."""
    small = small_config()
    small["abstain"], small["bundle"] = {"precision": 0.9}, {"members": 1}
    small["distillation"] = {**RUNS[0], "seed": 5}
    small["folds"]["count"] = 4
    small["photosets"]["summer"] = {"photos": "photos/test", "labels": None}
    rows = [{"row": "theirs", "runs": {"backbone": "test_byobnet"}, "paper": {"red": 0.5}}]
    small["experiments"] = {"theirs": {"title": "a published table", "rows": rows}}
    return small


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory) -> Checkout:
    """The small workflow with ten bytes in the place of every result, log and benchmark. Not to be changed."""
    checkout = make_checkout(tmp_path_factory.mktemp("stand_ins") / "stylevote")
    checkout.config = config()
    checkout.targets = ["all", *(f"out/{path}" for path in OPTIONAL)]
    checkout.stand_in(*checkout.targets)
    return checkout


@pytest.fixture
def used(stand_ins, tmp_path) -> Checkout:
    """A copy of it, to be changed."""
    shutil.copytree(
        stand_ins.folder, tmp_path / "copy"
    )  # with its time stamps: Snakemake knows no checksums of stand-ins
    other = Checkout(tmp_path / "copy")
    other.config, other.targets = config(), stand_ins.targets
    return other


def ask(checkout) -> tuple[list[str], set[str]]:
    """Return the lines printed, and the files listed."""
    text = checkout.run("unused", cores=1)
    lines = text[text.index("out: ") :].splitlines()
    return lines[: lines.index("") if "" in lines else None], set(read_json(checkout.folder / "out" / "unused.json"))


def files(checkout) -> set[str]:
    own = ("unused.json", "logs/unused.log", "logs/remove_unused.log")
    out = checkout.folder / "out"
    paths = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    return paths.difference(own)


def keep_columns(checkout) -> None:
    """Leave the columns of the configured labels in the label table: others are refused."""
    table = checkout.folder / "photos" / "train.csv"
    pd.read_csv(table)[["image", *checkout.config["labels"]]].to_csv(table, index=False)


def run_of(small, backbone):
    return next(run for run in resolve(json.loads(json.dumps(small))).runs if run.startswith(backbone))


def test_everything_that_can_be_made_is_used_and_notes_are_left_alone(used):
    run = run_of(used.config, "test_resnet")
    used.put(
        *(f"out/{path}" for path in ("plan.tsv", "logs/plan.log", f"runs/{run}/epochs.parquet", "demo/train/1.jpg")),
        *(f"out/runs/{run}/fold0/unfinished/{path}" for path in ("last.ckpt", "weights/epoch0.safetensors")),
        *("out/notes.txt", f"out/runs/{run}/notes.txt"),
        *(f"out/mine/test_old/fold{k}/{name}.parquet" for k in range(4) for name in ("validation", "test", "summer")),
    )
    text = used.run("unused", cores=1)
    assert "out: 0 files, 0 B no longer used by this configuration\n\n14 files, 140 B that no rule makes" in text
    assert f"10 B  runs/{run}/notes.txt\n" in text
    used.config["members"] = {"external": ["out/mine/test_old"]}
    assert "2 files, 20 B that no rule makes" in used.run("unused", cores=1)


def student_of(small):
    """Return the id of the student's run. Other runs are another ensemble, whose student is another run."""
    return resolve(json.loads(json.dumps(small))).student


def without_a_run(small):
    olds = [run_of(small, "test_resnet"), student_of(small)]
    small["runs"] = RUNS[:1]
    # The run that is left sees every photo once.
    return lambda path: any(old in path for old in olds) or "/40" in path or "/report/resampling." in path


def with_another_seed(small):
    olds = [run_of(small, "test_byobnet"), student_of(small)]
    small["runs"][0]["seed"] = 7
    return lambda path: any(old in path for old in olds)


def without_a_label(small):
    small["labels"] = LABELS[:2]
    return lambda path: "dark-sky" in path


def without_a_student(small):
    parts = ("student", student_of(small), "/make_distillation_targets/", "/gather_targets")
    del small["distillation"]
    return lambda path: any(part in path for part in parts)


def without_a_photoset(small):
    del small["photosets"]["summer"]
    return lambda path: "/summer" in path


def without_a_table(small):
    del small["experiments"]
    return lambda path: path.startswith("/experiments/") or "/tabulate_runs/" in path


def with_a_whole_bundle(small):
    small["bundle"] = None
    parts = ("/small/", "/small.", "/shorten_members/")
    return lambda path: any(part in path for part in parts)


def with_other_recipes(small):
    olds = [*(run_of(small, backbone) for backbone in ("test_byobnet", "test_resnet")), student_of(small)]
    small["recipes"] = {"even": {"repeat": {"labels": ["red"], "times": 2}}}
    for setting in (*small["runs"], small["distillation"]):
        setting["recipe"] = "even"
    return lambda path: any(part in path for part in ("manifests/", "resample_manifest/", *olds))


def with_fewer_folds(small):
    small["folds"]["count"] = 3
    return lambda path: "fold3" in path


def with_fewer_shards(small):
    small["segmentation"]["shards"] = 1
    return lambda path: path.endswith(("/1.parquet", "/1.log", "/1.tsv"))


# Changes that reach files of their own, so that several at once tell as much as one after the other.
ALONE = [without_a_run, with_other_recipes, with_a_whole_bundle]
APART = [with_another_seed, without_a_student, without_a_label, without_a_photoset, with_fewer_folds]
APART += [with_fewer_shards, without_a_table]


@pytest.mark.parametrize(
    "changes", [APART, *([change] for change in ALONE), *(pytest.param([x], marks=pytest.mark.slow) for x in APART)]
)
def test_files_that_changes_leave_behind_are_listed(used, changes):
    there = files(used)
    gone = [change(used.config) for change in changes]
    keep_columns(used)
    _, listed = ask(used)
    left = [{path for path in there if goes(f"/{path}")} for goes in gone]
    assert all(left)
    assert listed == set().union(*left)
    assert files(used) == there


@pytest.mark.slow
def test_listed_files_are_removed_and_no_plan_changes(used):
    assert used.plan(*used.targets) == {}
    old = run_of(used.config, "test_resnet")
    used.config["runs"] = RUNS[:1]
    before = used.plan(*used.targets)
    used.put("out/notes.txt")
    there = files(used)
    refused = used.snakemake("--cores", "1", "--", "remove_unused", check=False)
    assert refused.returncode != 0
    assert "out/unused.json: not found; run the target unused first" in refused.stdout
    lines, listed = ask(used)
    assert f"       120 B  runs/{old}/" in lines  # three results for each of four folds
    total = sum((used.folder / "out" / path).stat().st_size for path in listed)
    assert sum(int(line.split()[0]) for line in lines if line.startswith("  ")) == total
    assert lines[0] == f"out: {len(listed)} files, {total} B no longer used by this configuration"
    # Another configuration's list removes nothing.
    kept = used.config
    used.config = kept | {"runs": RUNS[1:], "experiments": {}}
    refused = used.snakemake("--cores", "1", "--", "remove_unused", check=False)
    assert "run the target unused again" in refused.stdout
    assert files(used) == there
    used.config = kept
    used.run("remove_unused", cores=1)
    assert files(used) == there - listed
    assert not (used.folder / "out" / "runs" / old).exists()
    assert used.plan(*used.targets) == before
    assert ask(used)[1] == set()


@pytest.mark.slow
def test_files_of_a_former_simulated_member_are_unused(fresh):
    fresh.config = {
        "results": "out",
        "labels": ["sport", "korean"],
        "simulation": {"photos": 1500, "test": 800, "members": 3, "epochs": 2},
        "folds": {"count": 3},
    }
    members = [f"out/simulated/member{number:03d}/fold0/test.parquet" for number in range(3)]
    fresh.put(*members, "out/logs/simulate_member/002.log", "out/photos/train/manifest.parquet")
    assert ask(fresh)[1] == set()
    fresh.config["simulation"]["members"] = 2
    assert ask(fresh)[1] == {"simulated/member002/fold0/test.parquet", "logs/simulate_member/002.log"}


@pytest.mark.slow
def test_files_of_a_simulation_are_unused_if_there_are_photos(used):
    left = [f"out/simulated/member007/fold1/{name}.parquet" for name in ("validation", "test")]
    used.put(*left, "out/logs/simulate_member/007.log", "out/simulated/notes.txt")
    text = used.run("unused", cores=1)
    assert "out: 3 files, 30 B no longer used by this configuration" in text
    used.run("remove_unused", cores=1)
    assert not any((used.folder / path).exists() for path in left)
    assert (used.folder / "out" / "simulated" / "notes.txt").exists()
