"""Runs are checked before anything is trained, each network once; other runs are not trained again."""

import json
import shutil

import pytest
import safetensors.torch
import torch


def test_broken_runs_end_with_one_message_before_any_training(fresh):
    safetensors.torch.save_file({"conv.weight": torch.zeros(2, 2)}, fresh.folder / "other.safetensors")
    good = fresh.config["runs"][0]
    fresh.config["runs"] += [
        {**good, "backbone_args": {"drop_pth_rate": 0.1}},
        {**good, "weights": "other.safetensors"},
    ]
    done = fresh.snakemake("--cores", "2", check=False)
    assert done.returncode != 0
    assert "2 problems of runs; nothing was trained:" in done.stdout
    assert "did you mean 'drop_path_rate'" in done.stdout
    assert "runs[3]: other.safetensors: not the weights of this network" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (fresh.folder / "out" / "runs").exists()
    assert not (fresh.folder / "out" / "photos").exists()  # nor was anything else done
    fresh.config["runs"] = [*fresh.config["runs"][:2], {**good, "size": 36}]
    assert "1/1  check_runs" in fresh.run("out/checks/runs.json")


def test_another_run_is_checked_and_trained_without_the_others(checkout):
    passed = checkout.folder / "out" / "checks" / "passed.json"
    before = json.loads(passed.read_text())["passed"]
    first = checkout.config["runs"][0]
    checkout.config["runs"].append({**first, "size": 36})
    assert checkout.plan()["train_cnn"] == 3
    checkout.run("out/checks/runs.json")
    after = json.loads(passed.read_text())["passed"]
    assert set(before) < set(after)
    assert len(after) == len(before) + 1
    assert checkout.plan()["train_cnn"] == 3
    checkout.config["runs"].pop()
    assert checkout.plan() == {}
    checkout.config["runs"][0] = {**first, "seed": 7}  # the same network
    assert checkout.plan()["train_cnn"] == 3
    assert "check_runs" not in checkout.snakemake("--dry-run", "--quiet", "--", "out/checks/runs.json").stdout


def test_another_node_starts_a_job_without_the_checks(checkout):
    """Checks may be missing: results are older, or of another configuration. The job's old results are removed."""
    out = checkout.folder / "out"
    run = next(path.name for path in (out / "runs").iterdir() if path.name.startswith("test_byobnet"))
    shutil.rmtree(out / "checks")
    (out / "photos" / "shared_photos.parquet").unlink()
    (out / "runs" / run / "fold0" / "history.parquet").unlink()
    job = ["--target-jobs", f"train_cnn:fold=0,run={run}", "--allowed-rules", "train_cnn", "--force"]
    done = checkout.snakemake(
        "--mode", "remote", "--nolock", "--no-hooks", "--ignore-incomplete", "--cores", "1", *job, check=False
    )
    assert done.returncode == 0, done.stdout
    assert (out / "runs" / run / "fold0" / "history.parquet").exists()


@pytest.mark.slow
def test_a_simulated_ensemble_has_no_networks_to_check(fresh):
    fresh.config = {"results": "out", "labels": ["a", "b"], "simulation": {"members": 2}}
    printed = fresh.snakemake("--dry-run").stdout
    assert "simulate_member" in printed
    assert "check_runs" not in printed
