"""What is computed again after a change: what the change reaches, and nothing else."""

import copy
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file, save_file

from workflow.checkout import RUNS, VOTED, draw_photo, draw_photos

LABEL_JOBS = {"select_members": 3, "stack_members": 3, "search_thresholds": 3, "estimate_nested": 3}
ENDING = {**VOTED, "summarize_estimates": 1}
COMBINING = {**ENDING, "stack_members": 3, "search_thresholds": 3, "estimate_nested": 3}
AFTER_COLLATING = {**LABEL_JOBS, **ENDING, "gather_members": 1, "predict_photos": 2}
AFTER_RANKING = {**AFTER_COLLATING, "rank_candidates": 3}
AFTER_TRAINING = {**AFTER_RANKING, "collate_scores": 1}


def test_nothing_is_to_be_done_after_a_run_nor_in_a_copy_nor_after_touching(finished, checkout, tmp_path):
    assert finished.copy(tmp_path / "same", times=True).plan() == {}
    assert checkout.plan() == {}
    later = time.time() + 100
    for number, path in enumerate(sorted(checkout.folder.rglob("*"), reverse=True)):
        if ".snakemake" not in path.parts:
            os.utime(path, (later + number, later + number))
    assert checkout.plan() == {}


# Words, resources and packages; the code of losses, models and combiners that are not chosen.
SOMETHING = ("import numpy as np", "import numpy as np\nX = 1")
MEANT_NOTHING = [
    ("workflow_scripts/stylevote/augment/recolor.py", '"""', '"""Words. '),
    ("workflow_scripts/train/train_cnn.py", "import hashlib\n", "# Words.\nimport hashlib\n"),
    ("workflow_scripts/stylevote/cnn/train.py", '"""Training of one run', '"""The training of one run'),
    ("workflow_scripts/stylevote/photos/ingest.py", '"""', '"""Words. '),
    ("rules/train.smk", "mem_mb=by_attempt(8000)", "mem_mb=by_attempt(9000)"),
    ("rules/train.smk", "    resources:\n", "    threads: 2\n    resources:\n"),
    ("rules/ensemble.smk", '"""Gather', '"""Collect'),
    ("envs/environment.yaml", "torch==", "torch>="),
    ("workflow_scripts/stylevote/cnn/losses/asymmetric.py", "import torch\n", "import torch\nX = 1\n"),
    ("workflow_scripts/stylevote/augment/segmenters/maskrcnn.py", *SOMETHING),
    ("workflow_scripts/stylevote/ensemble/combiners/mean.py", *SOMETHING),
    ("workflow_scripts/stylevote/ensemble/combiners/auto.py", *SOMETHING),
]


def test_what_means_nothing_computes_nothing_again_all_at_once(checkout):
    for path, old, new in MEANT_NOTHING:
        checkout.edit(path, old, new)
    # The order of runs and of keys; whole numbers as fractions.
    checkout.config["runs"] = [dict(reversed(run.items())) for run in reversed(RUNS)]
    checkout.config["folds"] = {"seed": 1, "count": 3.0}
    for branch in (checkout.config, checkout.config["photosets"], checkout.config["recipes"]):
        keys = list(reversed(branch))
        branch |= {key: branch.pop(key) for key in keys}
    assert list(checkout.config["photosets"]) == ["test", "train"]
    # Settings of methods that are not chosen, and a recipe that no run uses.
    checkout.config["threshold"] = {"method": "exact", "steps": 7, "resamples": 7, "shrink": 7, "seed": 7}
    checkout.config["selection"] = {"greedy": {"bags": 3}}
    checkout.config["stack"] |= {"auto": {"among": ["mean", "ridge"]}, "logistic": {"alpha": [7]}}
    checkout.config["recipes"]["balanced"] = {"balanced": {}}
    # Photos that no table names, a file that is no photo among test photos without a table, and a moved folder.
    photos = checkout.folder / "photos"
    for name in ("train/.DS_Store", "train/notes.txt", "train/unnamed.png", "test/notes.txt"):
        (photos / name).write_text("something")
    (photos / "train").rename(checkout.folder / "moved")
    # The table in other words.
    (checkout.folder / "labels.tsv").write_text(
        (photos / "train.csv").read_text().replace(",", "\t ").replace("\n", "\r\n\r\n")
    )
    (photos / "train.csv").unlink()
    checkout.config["photosets"]["train"] |= {"photos": "moved", "labels": "labels.tsv"}
    assert checkout.plan() == {}


def test_another_run_is_trained_and_nothing_else(checkout):
    checkout.config["runs"] = [*RUNS, {**RUNS[0], "seed": 5}]
    assert checkout.plan() == {**AFTER_TRAINING, "train_cnn": 3, "predict_photos": 3}


@pytest.mark.slow
def test_networks_that_scored_the_photos_do_not_score_them_again(checkout):
    out = checkout.folder / "out"
    kept = {path: path.stat().st_mtime_ns for path in (out / "scores").rglob("*.parquet")}
    assert len(kept) == len(list((out / "scores" / "test").glob("*/*.parquet"))) > 0
    checkout.config["runs"] = [*RUNS, {**RUNS[0], "seed": 5}]
    checkout.run()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    for folder in (out / "scores" / "test").iterdir():
        new = sum(path not in kept for path in folder.glob("*.parquet"))
        log = (out / "logs" / "predict_photos" / "test" / f"{folder.name}.log").read_text()
        assert f"{new} networks scored the photos" in log
    # Lost predictions are written again from what was kept, and are the same.
    lost = next((out / "predictions" / "test").glob(f"{RUNS[0]['backbone']}*/fold0.parquet"))
    before = lost.read_bytes()
    lost.unlink()
    checkout.run(str(lost.relative_to(checkout.folder)))
    assert lost.read_bytes() == before
    assert "0 networks scored the photos" in (out / "logs/predict_photos/test" / f"{lost.parent.name}.log").read_text()


@pytest.mark.slow
def test_another_ensemble_of_the_same_networks_trains_nothing(checkout):
    own = checkout.config
    checkout.config = {**own, "results": "other", "networks": "out", "stack": {"combiner": "mean"}}
    assert checkout.plan() == AFTER_TRAINING
    checkout.run()
    assert not (checkout.folder / "other" / "runs").exists()
    assert not (checkout.folder / "other" / "photos").exists()
    logs = (checkout.folder / "other" / "logs" / "predict_photos" / "test").glob("*.log")
    assert all("0 networks scored the photos" in log.read_text() for log in logs)
    assert checkout.plan() == {}
    checkout.config = own
    assert checkout.plan() == {}


def test_a_run_at_another_size_brings_its_pixels(checkout):
    checkout.config["runs"] = [*RUNS, {**RUNS[0], "size": 48}]
    plan = checkout.plan()
    assert plan == {**AFTER_TRAINING, "train_cnn": 3, "cache_pixels": 2, "predict_photos": 3}
    # Trained at a size that has its pixels, and scored at one that has none.
    checkout.config["runs"] = [*RUNS, {**RUNS[0], "test_size": 48}]
    assert checkout.plan() == plan


def test_a_run_less_trains_nothing(checkout):
    checkout.config["runs"] = RUNS[:1]
    assert checkout.plan() == {**AFTER_TRAINING, "predict_photos": 1}


@pytest.mark.parametrize(
    ("branch", "jobs"),
    [
        (
            {"threshold": {"method": "greedy"}},
            {**ENDING, "search_thresholds": 3, "estimate_nested": 3},
        ),
        (
            {"stack": {"combiner": "xgboost", "xgboost": {"grid": {"eta": [0.2]}, "rounds": 20}}},
            COMBINING,
        ),
        ({"stack": {"combiner": "mean"}}, COMBINING),
        ({"stack": {"combiner": "logistic", "features": "all"}}, COMBINING),
        ({"beta": 1}, AFTER_RANKING),
        ({"target": {"tolerance": 0.01}}, {**AFTER_COLLATING, "estimate_sizes": 3, "choose_sizes": 1}),
        (
            {"votes": {"aggregation": "vote_all", "max_labels": 2}},
            {"combine_folds": 1, "score_decisions": 1, "summarize_estimates": 1, "write_submission": 1},
        ),
        ({"selection": {"top_n": 1}}, AFTER_COLLATING),
        ({"selection": {"method": "greedy"}}, AFTER_COLLATING),
        ({"submission": "challenge"}, {"write_submission": 1}),
    ],
)
def test_a_branch_of_the_configuration_reaches_what_uses_it(checkout, branch, jobs):
    checkout.config.update(branch)
    assert checkout.plan() == jobs


@pytest.mark.parametrize("loss", ["bce", "focal"])
def test_another_loss_trains_the_runs_that_use_it_and_leaves_photos_alone(checkout, loss):
    checkout.edit(f"workflow_scripts/stylevote/cnn/losses/{loss}.py", "import torch\n", "import torch\nX = 1\n")
    assert checkout.plan() == {**AFTER_TRAINING, "train_cnn": 3}


RECOLORED = {
    "gather_recolored": 1,
    "draw_contact_sheet": 1,
    "cache_recolored": 1,
    "resample_manifest": 3,
    "train_cnn": 3,
}
RECOLORING = {**AFTER_TRAINING, **RECOLORED, "recolor_photos": 2}


def test_other_recoloring_trains_the_runs_that_use_it(checkout):
    checkout.edit("workflow_scripts/stylevote/augment/recolor.py", "import numpy as np", "import numpy as np\nX = 1")
    assert checkout.plan() == RECOLORING


def test_more_recolored_photos_to_make(checkout):
    checkout.config["recolor"]["total"] = 14
    assert checkout.plan() == RECOLORING


def test_more_recolored_photos_to_use_draws_epochs_and_no_photos(checkout):
    checkout.config["recolor"]["per_epoch"] = 4
    assert checkout.plan() == {**AFTER_TRAINING, "resample_manifest": 3, "train_cnn": 3}


def test_another_mask_recolors_again(checkout):
    mask = checkout.folder / "photos" / "masks" / "0003.png"
    mask.write_bytes(mask.read_bytes() + b" ")
    assert checkout.plan() == {**RECOLORING, "segment_photos": 2}


def test_a_mask_whose_bytes_change_recolors_again(checkout):
    change_a_byte(checkout.folder / "photos" / "masks" / "0003.png")
    assert checkout.plan() == {**RECOLORING, "segment_photos": 2}


def test_other_code_of_the_chosen_model_segments_again(checkout):
    checkout.edit("workflow_scripts/stylevote/augment/segmenters/given.py", *SOMETHING)
    assert checkout.plan() == {**RECOLORING, "segment_photos": 2}


def test_of_the_combiners_the_chosen_one_alone_counts(checkout):
    folder = "workflow_scripts/stylevote/ensemble/combiners"
    checkout.edit(f"{folder}/mean.py", *SOMETHING)
    checkout.edit(f"{folder}/xgboost.py", *SOMETHING)
    assert checkout.plan() == COMBINING
    checkout.config["stack"]["combiner"] = "mean"
    checkout.snakemake("--touch", "--cores", "2")  # as if the mean had made what there is
    checkout.edit(f"{folder}/xgboost.py", "X = 1", "X = 2")
    checkout.config["stack"]["xgboost"]["rounds"] = 30
    assert checkout.plan() == {}
    checkout.edit(f"{folder}/mean.py", "X = 1", "X = 2")
    assert checkout.plan() == COMBINING


def test_lost_recolored_photos_are_made_again_when_they_are_wanted(checkout):
    shutil.rmtree(checkout.folder / "out" / "pixels" / "train-recolored")
    shutil.rmtree(checkout.folder / "out" / "recolored")
    checkout.config["runs"] = [*RUNS, {**RUNS[0], "seed": 5}]
    assert checkout.plan("out/submission.csv") == {**AFTER_TRAINING, "train_cnn": 3, "predict_photos": 3}
    checkout.config["runs"] = [*RUNS, {**RUNS[1], "seed": 5}]
    plan = checkout.plan("out/submission.csv")
    assert (plan["recolor_photos"], plan["cache_recolored"]) == (2, 1)


def test_other_threshold_code_reaches_thresholds_and_votes(checkout):
    checkout.edit("workflow_scripts/stylevote/ensemble/threshold.py", "import numpy as np", "import numpy as np\nX = 1")
    plan = checkout.plan()
    assert plan == {**ENDING, "search_thresholds": 3, "estimate_nested": 3}


def test_another_test_photo_trains_nothing(checkout):
    draw_photo([1, 0, 1], 7).save(checkout.folder / "photos" / "test" / "new.png")
    plan = checkout.plan()
    assert plan == {
        "ingest_photos": 1,
        "compare_photosets": 1,
        "cache_pixels": 2,
        "predict_photos": 2,
        **VOTED,
    }
    checkout.run()
    assert len((checkout.folder / "out" / "submission.csv").read_text().splitlines()) == 1 + 13
    assert checkout.plan() == {}


def test_another_photoset_is_decided_without_training(checkout):
    draw_photos(checkout.folder / "photos" / "summer", 5, first=2000)
    checkout.config["photosets"]["summer"] = {"photos": "photos/summer"}
    # Of what there was, the votes wait for the new photos to be compared with the training photos.
    assert checkout.plan() == {"ingest_photos": 1, "compare_photosets": 1, **VOTED}
    target = "out/predictions/summer/decisions.csv"
    plan = checkout.plan(target)
    assert "train_cnn" not in plan
    assert plan == {
        "ingest_photos": 1,
        "compare_photosets": 1,
        "cache_pixels": 2,
        "predict_photos": 2,
        "combine_folds": 1,
        "score_decisions": 1,
        "write_decisions": 1,
    }
    checkout.run(target)
    assert len((checkout.folder / target).read_text().splitlines()) == 1 + 5


def test_a_longer_run_draws_its_own_epochs(checkout):
    longer = {**RUNS[0], "phases": [{"epochs": 3, "lr": 0.01, "train": "all"}]}
    checkout.config["runs"] = [*RUNS, longer]
    assert checkout.plan() == {**AFTER_TRAINING, "resample_manifest": 3, "train_cnn": 3, "predict_photos": 3}


def test_two_changes_at_once_are_both_seen(checkout):
    """A job that runs again must not hide what else is to be done behind it."""
    draw_photo([1, 0, 1], 7).save(checkout.folder / "photos" / "test" / "new.png")
    checkout.config["runs"] = [*RUNS, {**RUNS[0], "seed": 5}]
    checkout.config["threshold"] = {"method": "greedy"}
    photos = {"ingest_photos": 1, "compare_photosets": 1, "cache_pixels": 2}
    assert checkout.plan() == {**AFTER_TRAINING, **photos, "train_cnn": 3, "predict_photos": 3}


def test_other_pixel_code_trains(checkout):
    checkout.edit("workflow_scripts/stylevote/photos/pixels.py", "import zlib", "import zlib\nX = 1")
    plan = checkout.plan()
    assert (plan["cache_pixels"], plan["train_cnn"], plan["predict_photos"]) == (4, 6, 2)


def test_another_answer_to_bad_photos_only_compares(checkout):
    checkout.config["on_bad_photo"] = "skip"
    assert checkout.plan() == {"compare_photosets": 1, **VOTED}


TRAINING_PHOTOS = {
    **RECOLORING,
    "ingest_photos": 1,
    "compare_photosets": 1,
    "assign_folds": 1,
    "cache_pixels": 2,
    "segment_photos": 2,
    "resample_manifest": 6,
    "train_cnn": 6,
}


def test_a_training_photo_whose_size_changes_is_read_again(checkout):
    draw_photo([1, 1, 1], 99).save(checkout.folder / "photos" / "train" / "0003.png")
    assert checkout.plan() == TRAINING_PHOTOS


def change_a_byte(path):
    """Change the time of a PNG's last chunk, or its check: what is seen stays."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def test_a_photo_whose_bytes_change_is_read_again(checkout):
    change_a_byte(checkout.folder / "photos" / "train" / "0003.png")
    assert checkout.plan() == TRAINING_PHOTOS


def test_a_test_photo_whose_bytes_change_trains_nothing(checkout):
    photo = checkout.folder / "photos" / "test" / "1003.png"
    draw_photo([1, 1, 1], 99).save(photo)
    photo.write_bytes(photo.read_bytes().ljust((checkout.folder / "photos" / "test" / "1004.png").stat().st_size))
    assert checkout.plan() == {
        "ingest_photos": 1,
        "compare_photosets": 1,
        "cache_pixels": 2,
        "predict_photos": 2,
        **VOTED,
    }


def test_a_photo_that_changed_behind_an_old_time_stamp_is_named(checkout):
    photo = checkout.folder / "photos" / "test" / "1003.png"
    change_a_byte(photo)
    os.utime(photo, (1e9, 1e9))
    done = checkout.snakemake("--dry-run", check=False)
    assert done.returncode != 0
    assert "photos/test/1003.png: its bytes changed" in done.stdout
    assert "Traceback" not in done.stdout
    photo.touch()
    assert checkout.plan()["ingest_photos"] == 1


def test_another_label_trains_all(checkout):
    checkout.config["labels"] = [*checkout.config["labels"], "new"]
    table = checkout.folder / "photos" / "train.csv"
    lines = table.read_text().splitlines()
    lines = [lines[0] + ",new", *(f"{line},{number % 2}" for number, line in enumerate(lines[1:]))]
    table.write_text("\n".join(lines) + "\n")
    of_labels = {
        rule: 4 if rule in {*LABEL_JOBS, "rank_candidates"} else count for rule, count in TRAINING_PHOTOS.items()
    }
    assert checkout.plan() == {**of_labels, "ingest_photos": 2, "cache_pixels": 4}


def test_another_training_label_trains(checkout):
    table = checkout.folder / "photos" / "train.csv"
    lines = table.read_text().splitlines()
    name, *marks = lines[1].split(",")
    lines[1] = ",".join([name, str(1 - int(marks[0])), *marks[1:]])
    table.write_text("\n".join(lines) + "\n")
    plan = checkout.plan()
    assert plan["train_cnn"] == 6
    assert plan["ingest_photos"] == 1


def test_a_mistake_in_the_table_costs_nothing(checkout):
    table = checkout.folder / "photos" / "train.csv"
    good = table.read_text()
    table.write_text(good.replace(",1\n", ",2\n", 1))
    done = checkout.snakemake("--cores", "2", check=False)
    assert done.returncode != 0
    assert "photos/train.csv, row" in done.stdout
    assert "Traceback" not in done.stdout
    table.write_text(good)
    assert checkout.plan() == {}


def mistake(checkout, *messages: str) -> None:
    """Run the workflow, and expect it to fail with these messages."""
    done = checkout.snakemake("--cores", "2", "--", "decide", check=False)
    assert done.returncode != 0
    for message in messages:
        assert message in done.stdout, done.stdout[-4000:]
    assert "Traceback" not in done.stdout


def test_photos_that_are_elsewhere_for_a_while_cost_nothing(checkout):
    photos = checkout.folder / "photos" / "train"
    photos.rename(checkout.folder / "away")
    mistake(checkout, "restored the previous version, because the job that replaces it failed")
    (checkout.folder / "away").rename(photos)
    assert checkout.plan() == {}


def test_a_photo_that_was_damaged_for_a_while_costs_nothing(checkout):
    photo = checkout.folder / "photos" / "train" / "0003.png"
    good = photo.read_bytes()
    photo.write_bytes(b"no photo")
    mistake(checkout, "0003.png")
    photo.write_bytes(good)
    assert checkout.plan() == {}


RED = [["red"], ["red", "{round}"], ["red", "dark sky / night"], ["red", "{round}", "dark sky / night"]]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"folds": {"count": 20}, "holdout": {"share": 0.5}}, "label"),
        ({"recipes": {"plain": {}, "more": {"drop": {"label_sets": RED, "keep": 0}}}}, "recipe more"),
    ],
)
def test_a_setting_that_cannot_be_costs_nothing_once_it_is_taken_back(checkout, change, message):
    before = copy.deepcopy(checkout.config)
    checkout.config |= change
    mistake(checkout, message)
    checkout.config = before
    assert checkout.plan() == {}


@pytest.mark.slow
@pytest.mark.parametrize("tell", [os.killpg, os.kill], ids=["jobs, too", "Snakemake alone"])
def test_a_change_that_is_stopped_at_once_and_taken_back_costs_nothing(checkout, tell):
    table, manifest = (checkout.folder / path for path in ("photos/train.csv", "out/photos/train/manifest.parquet"))
    good = table.read_text()
    table.write_text(good.replace(",1\n", ",0\n", 1))
    command = [sys.executable, "-m", "snakemake", "--configfile", "small.yaml", "--cores", "2", "--", "decide"]
    checkout.plan()  # which writes the configuration
    slow = checkout.folder / "slow"  # the job must not end before the signal
    slow.mkdir()
    program = "import sys, time\nif any('ingest_photos' in word for word in sys.orig_argv): time.sleep(5)\n"
    (slow / "sitecustomize.py").write_text(program)
    environment = os.environ | {"PYTHONPATH": str(slow)}
    snakemake = subprocess.Popen(command, cwd=checkout.folder, start_new_session=True, env=environment)
    while manifest.exists():
        assert snakemake.poll() is None
        time.sleep(0.01)
    tell(snakemake.pid, signal.SIGINT)  # as Ctrl-C in a terminal, which reaches the job, too; or the job ends well
    assert snakemake.wait(60) != 0
    table.write_text(good)
    assert checkout.plan() == {}


def test_a_training_photo_among_the_test_photos_costs_no_training_once_it_is_removed(checkout):
    twin = checkout.folder / "photos" / "test" / "twin.png"
    shutil.copyfile(checkout.folder / "photos" / "train" / "0004.png", twin)
    mistake(checkout, "twin.png")
    twin.unlink()
    assert "train_cnn" not in checkout.plan()


def test_a_manifest_that_is_made_again_alone_computes_nothing_else(checkout):
    manifest = "out/photos/train/manifest.parquet"
    (checkout.folder / manifest).unlink()
    checkout.run(manifest)
    assert checkout.plan() == {}


def test_a_lost_fold_is_trained_again_and_alone(checkout):
    (run,) = (checkout.folder / "out" / "runs").glob("test_byobnet*")
    shutil.rmtree(run / "fold1")
    assert checkout.plan() == {}  # no target needs it yet
    checkout.config["runs"] = [*RUNS, {**RUNS[0], "seed": 5}]
    assert checkout.plan() == {**AFTER_TRAINING, "train_cnn": 3 + 1, "predict_photos": 3}


def test_lost_weights_are_trained_again(checkout):
    (run,) = (checkout.folder / "out" / "runs").glob("test_byobnet*")
    shutil.rmtree(run / "fold1" / "weights")
    checkout.config["photosets"]["summer"] = {"photos": "photos/test"}
    assert checkout.plan("out/predictions/summer/decisions.csv")["train_cnn"] == 1


def test_a_comparison_that_was_lost_is_made_again_and_trains_nothing(checkout):
    (checkout.folder / "out" / "photos" / "shared_photos.parquet").unlink()
    checkout.config["threshold"] = {"method": "greedy"}
    assert checkout.plan() == {**ENDING, "search_thresholds": 3, "estimate_nested": 3, "compare_photosets": 1}


def test_own_photos_below_the_results_are_looked_at_as_anywhere(checkout):
    photos = checkout.folder / "out" / "mine"
    (checkout.folder / "photos" / "train").rename(photos)
    checkout.config["photosets"]["train"]["photos"] = "out/mine"
    assert checkout.plan() == {}
    change_a_byte(photos / "0003.png")
    assert checkout.plan() == TRAINING_PHOTOS


def test_photos_that_lay_elsewhere_before_the_others_were_read_are_read(checkout):
    """Bitmaps of one size have files of one size, whatever they show."""
    other = checkout.folder / "other"
    shutil.copytree(checkout.folder / "photos" / "train", other)
    change_a_byte(other / "0003.png")
    for path in other.iterdir():
        os.utime(path, (2e9, 2e9))
    checkout.config["photosets"]["train"]["photos"] = "other"
    assert checkout.plan() == TRAINING_PHOTOS


@pytest.mark.slow
def test_weights_to_start_from_are_known_by_content_and_not_by_time(checkout):
    (weights,) = (checkout.folder / "out" / "runs").glob("test_byobnet*/fold0/weights/epoch0.safetensors")
    start = checkout.folder / "start.safetensors"

    def bring(epoch: int) -> None:
        state = load_file(weights.with_name(f"epoch{epoch}.safetensors"))
        save_file({name.removeprefix("backbone."): tensor for name, tensor in state.items()}, start)

    bring(0)
    checkout.config["runs"] = [*RUNS, {**RUNS[0], "weights": "start.safetensors"}]
    checkout.run()
    bring(1)
    os.utime(start, (1e9, 1e9))
    assert checkout.plan() == {**AFTER_TRAINING, "train_cnn": 3, "predict_photos": 3}
    bring(0)
    assert checkout.plan() == {}


@pytest.mark.slow
def test_what_is_asked_for_while_another_call_is_at_work_leaves_its_precautions(checkout):
    kept = checkout.folder / "out" / ".aside" / "0"
    kept.parent.mkdir()
    kept.write_text("of the other call")
    for target in ("plan", "unused"):
        checkout.run(target)
    assert kept.read_text() == "of the other call"


def test_results_that_snakemake_has_no_record_of_are_not_taken_for_this_configurations(checkout):
    shutil.rmtree(checkout.folder / ".snakemake")
    checkout.config["threshold"] = {"method": "greedy"}
    done = checkout.snakemake("--cores", "2", "--", "decide", check=False)
    assert done.returncode != 0
    assert "has no record of how it was made" in done.stdout
    assert "--touch --forceall" in done.stdout
    assert "Traceback" not in done.stdout
    checkout.snakemake("--cores", "2", "--touch", "--forceall", "--", "decide")
    assert checkout.plan() == {}
    checkout.config["threshold"] = {"method": "exact"}
    assert checkout.plan() == {**ENDING, "search_thresholds": 3, "estimate_nested": 3}


@pytest.mark.slow
def test_trainings_that_end_after_snakemake_alone_was_killed_are_not_repeated(fresh):
    fresh.run("out/photos/shared_photos.parquet")
    fresh.config["runs"] = [{**run, "phases": [{"epochs": 40, "lr": 0.01, "train": "all"}]} for run in RUNS]
    fresh.snakemake("--dry-run")  # which writes the configuration
    command = [sys.executable, "-m", "snakemake", "--configfile", "small.yaml", "--cores", "2", "--", "decide"]
    snakemake = subprocess.Popen(command, cwd=fresh.folder, start_new_session=True)
    runs = fresh.folder / "out" / "runs"
    while len(list(runs.glob("*/*/unfinished/last.ckpt"))) < 2:
        assert snakemake.poll() is None
        time.sleep(0.05)
    going_on = {path.parents[1] for path in runs.glob("*/*/unfinished/last.ckpt")}
    snakemake.kill()
    snakemake.wait()
    give_up = time.monotonic() + 300
    while not all((folder / "history.parquet").exists() for folder in going_on):
        assert time.monotonic() < give_up
        time.sleep(0.1)
    fresh.snakemake("--unlock")
    fresh.run()
    for folder in going_on:
        log = (fresh.folder / "out" / "logs" / "train_cnn" / folder.parent.name / f"{folder.name}.log").read_text()
        assert "continuing after 40 of 40 epochs" in log
    assert not list(runs.glob("*/*/unfinished"))
