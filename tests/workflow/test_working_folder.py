"""The workflow is called from another folder than its own."""

import shutil
import subprocess
from pathlib import Path

import pytest

import warm
from workflow.checkout import make_checkout

OUTPUT = "out/photos/train/manifest.parquet"


@pytest.fixture
def apart(tmp_path):
    """The workflow, and a folder with photos and configuration, but without it."""
    clone, data = make_checkout(tmp_path / "clone"), tmp_path / "data"
    clone.configure()
    data.mkdir()
    for name in ("photos", "small.yaml"):
        shutil.move(clone.folder / name, data / name)
    return clone.folder, data


def call(folder, *arguments):
    return subprocess.run(
        [warm.python(), "-m", "snakemake", *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


def test_paths_are_relative_to_the_folder_in_which_it_works(apart):
    clone, data = apart
    done = call(data, "-s", "../clone/Snakefile", "--configfile", "small.yaml", "--cores", "1", "--", OUTPUT)
    assert done.returncode == 0, done.stdout
    assert (data / OUTPUT).exists()
    assert not (clone / "out").exists()
    # The same from elsewhere, and with the settings of the profile: contents decide, and not time stamps.
    (data / "photos" / "train.csv").touch()
    done = call(clone, "--directory", "../data", "--configfile", "../data/small.yaml", "--cores", "1", "--", OUTPUT)
    assert "Nothing to be done" in done.stdout
    done = call(data, "-s", "../clone/Snakefile", "--configfile", "small.yaml", "--cores", "1", "--", "plan")
    assert done.returncode == 0, done.stdout
    assert "train_cnn" in done.stdout
    assert "ingest_photos" in done.stdout


def test_a_missing_configuration_is_named(apart):
    _, data = apart
    for quiet in ((), ("--quiet", "all")):
        done = call(data, "-s", "../clone/Snakefile", "--cores", "1", *quiet)
        assert done.returncode == 1
        assert "config.yaml: there is no such file; name your configuration: --configfile FILE" in done.stdout
        assert "Traceback" not in done.stdout


def test_slurm_is_missing(apart, monkeypatch):
    _, data = apart
    tools = data / "bin"
    tools.mkdir()
    for path in Path("/usr/bin").iterdir():
        if path.name not in ("sbatch", "sinfo"):
            (tools / path.name).symlink_to(path)
    monkeypatch.setenv("PATH", str(tools))
    command = ["-s", "../clone/Snakefile", "--profile", "../clone/profiles/slurm", "--configfile", "small.yaml"]
    done = call(data, *command, "--", OUTPUT)
    assert done.returncode == 1
    assert "Slurm: this machine has no sbatch and no sinfo; run Snakemake on the cluster's login node" in done.stdout
    assert "failed after" not in done.stdout
    for name in ("sbatch", "squeue"):
        (tools / name).unlink(missing_ok=True)
        (tools / name).symlink_to("/bin/true")
    (tools / "sinfo").write_text("#!/bin/bash\necho 'sinfo: error: no controller' >&2; exit 1\n")
    (tools / "sinfo").chmod(0o755)
    done = call(data, *command, "--", OUTPUT)
    assert "Slurm does not answer (sinfo: sinfo: error: no controller)." in done.stdout
    assert not (data / "out").exists()
