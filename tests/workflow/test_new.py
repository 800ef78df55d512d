"""`python -m stylevote new` on folders as people have them, and the workflow with the configuration that it writes."""

import os
import re
import shlex
import subprocess

import pytest
import yaml

import warm
from workflow.checkout import LABELS, RUNS, Checkout, announced


def begin(checkout: Checkout, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command in a checkout."""
    command = [warm.python(), "-m", "stylevote", "new", *arguments]
    environment = os.environ | {"PYTHONPATH": str(checkout.folder / "workflow_scripts")}
    return subprocess.run(command, cwd=checkout.folder, env=environment, capture_output=True, text=True, check=False)


def snakemake(checkout: Checkout, *arguments: str) -> str:
    """Run the workflow in a checkout; return what it printed."""
    command = [warm.python(), "-m", "snakemake", *arguments]
    done = subprocess.run(
        command, cwd=checkout.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def words_of(checkout: Checkout, path: str) -> None:
    """Write the labels of the training photos as words in one column."""
    lines = (checkout.folder / "photos" / "train.csv").read_text().splitlines()[1:]
    rows = [line.split(",") for line in lines]
    cells = [
        (name, "|".join(label for label, bit in zip(LABELS, bits, strict=True) if bit == "1")) for name, *bits in rows
    ]
    (checkout.folder / path).write_text("picture,tags\n" + "".join(f"{name},{cell}\n" for name, cell in cells))


def test_what_it_writes_can_be_planned_by_the_command_that_it_prints(fresh):
    """Names have spaces, quotes, umlauts and what YAML and shells read as more than text."""
    photos = fresh.folder / "photos"
    photos.rename(photos.with_name("Ümläute 'und' \"$(touch ran)\": {x} #1"))
    photos = f"{photos.with_name(next(path.name for path in fresh.folder.iterdir() if path.name.startswith('Üm')))}"
    os.rename(f"{photos}/train.csv", f"{photos}/Tafel; eins.csv")  # noqa: PTH104
    done = begin(fresh, f"{photos}/train", f"{photos}/Tafel; eins.csv", "--test", f"{photos}/test", "--hours", "0.0001")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (fresh.folder / "config" / "mine_photos.png").exists()
    command = shlex.split(done.stdout.strip().splitlines()[-1])
    assert command[1:] == ["--cores", command[2], "--configfile", "config/mine.yaml"]
    planned = announced(snakemake(fresh, "--dry-run", *command[1:]))
    assert planned["ingest_photos"] == 2 and planned["write_submission"] == 1
    assert not (fresh.folder / "ran").exists()
    again = begin(fresh, f"{photos}/train", f"{photos}/Tafel; eins.csv")
    assert again.returncode == 1
    assert re.fullmatch(r"error: config/mine\.yaml: is there already, .*\n", again.stderr)


@pytest.mark.slow
def test_a_tiny_set_runs_to_the_end(fresh):
    words_of(fresh, "tags.csv")
    done = begin(fresh, "photos/train", "tags.csv", "--test", "photos/test", "--hours", "0.0001")
    assert done.returncode == 0, done.stderr
    path = fresh.folder / "config" / "mine.yaml"
    config = yaml.safe_load(path.read_text())
    assert config["photosets"]["train"]["labels"]["cell"] == {"column": "tags", "separator": "|"}
    assert sorted(config["labels"]) == sorted(LABELS)
    config["runs"] = RUNS[:1]  # no weights to download
    config["folds"]["count"] = 3
    path.write_text(yaml.safe_dump(config, allow_unicode=True))
    snakemake(fresh, "--cores", "2", "--configfile", "config/mine.yaml")
    lines = (fresh.folder / "results_mine" / "submission.csv").read_text().splitlines()
    assert lines[0].split(",")[1:] == config["labels"]
    assert len(lines) == 1 + 12
    assert (fresh.folder / "results_mine" / "report.html").exists()
