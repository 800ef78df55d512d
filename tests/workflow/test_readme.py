"""The commands in the documents can be planned."""

import os
import re
import shlex
import shutil
import subprocess

import pytest

import warm
from places import REPOSITORY
from workflow.checkout import PARTS, draw_photos

PAGES = {
    name: (REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "docs/guide.md", "docs/cluster.md")
}
ALL = "\n".join(PAGES.values())
TYPED = re.findall(r"^ {4,7}(\S.*)$|`([^`\n]*(?:snakemake|make|python) [^`\n]*)`", ALL, flags=re.MULTILINE)
COMMANDS = list(dict.fromkeys((block or inline).split("  #")[0].strip() for block, inline in TYPED))
SNAKEMAKE, PYTHON = ".venv/bin/snakemake ", ".venv/bin/python "
NEW = f"{PYTHON}-m stylevote new "
# Of the challenge's photos, of a student, downloads and runs that the demo does not have, of a cluster, and of results
# that a dry run does not make.
ELSEWHERE = ("config/experiments.yaml", "/student/", "/downloaded", "RUN", "slurm", "--report")
PLANNED = [
    command for command in COMMANDS if command.startswith(SNAKEMAKE) and not any(x in command for x in ELSEWHERE)
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The repository's own files, as they come."""
    folder = tmp_path_factory.mktemp("readme") / "stylevote"
    folder.mkdir()
    for part in [*PARTS, "config"]:
        copy = shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copyfile
        copy(REPOSITORY / part, folder / part)
    # "Your own photos": what the README has its reader bring, and its command.
    for name in ("train", "test"):
        marks = draw_photos(folder / "my_photos" / name, 30, first=1000 * (name == "test"))
    rows = [f"{number:04d}.png,{','.join(map(str, row))}" for number, row in enumerate(marks)]
    (folder / "my_photos" / "train.csv").write_text("\n".join(["image,coat,dress,hat", *rows]))
    (command,) = (command for command in COMMANDS if command.startswith(NEW))
    environment = os.environ | {"PYTHONPATH": str(folder / "workflow_scripts")}
    arguments = shlex.split(command.removeprefix(PYTHON))
    subprocess.run([warm.python(), *arguments], cwd=folder, env=environment, check=True, capture_output=True)
    return folder


def test_snakemake_is_called_where_it_is_installed():
    assert len(PLANNED) > 8
    assert [command for command in COMMANDS if "snakemake " in command and SNAKEMAKE not in command] == []


@pytest.mark.parametrize("command", PLANNED)
def test_every_command_of_the_demo_can_be_planned(clone, command):
    arguments = shlex.split(command.removeprefix(SNAKEMAKE))
    done = subprocess.run(
        [warm.python(), "-m", "snakemake", "--dry-run", *arguments],
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.fixture(scope="module")
def mistaken(clone, tmp_path_factory):
    """The clone with a misspelt key in every configuration."""
    folder = tmp_path_factory.mktemp("mistaken") / "stylevote"
    shutil.copytree(clone, folder)
    for path in [folder / "config.yaml", *(folder / "config").glob("*.yaml")]:
        path.write_text(f"{path.read_text()}\ntresholds: {{}}\n")
    return folder


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith(SNAKEMAKE)])
def test_every_command_names_a_mistake_once_even_if_it_is_quiet(mistaken, command):
    words = ["--quiet", "all", "--nocolor", *shlex.split(command.removeprefix(SNAKEMAKE))]
    done = subprocess.run(
        [warm.python(), "-m", "snakemake", *words], cwd=mistaken, capture_output=True, text=True, check=False
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 1
    assert printed.count("unknown key 'tresholds'; did you mean 'threshold'?") == 1, printed
    assert "Traceback" not in printed
    assert not (mistaken / "results").exists()
