"""What the README tells people to type is there."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest

from places import REPOSITORY
from workflow.checkout import PARTS

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
TYPED = re.findall(r"^    (\S.*)$|`([^`\n]*(?:snakemake|make|python) [^`\n]*)`", README, flags=re.MULTILINE)
COMMANDS = list(dict.fromkeys((block or inline).split("  #")[0].strip() for block, inline in TYPED))
SNAKEMAKE = ".venv/bin/snakemake "
# Of other photos, of a student and downloads that the demo does not have, and of results that a dry run does not make.
ELSEWHERE = ("--configfile", "/distilled/", "/downloaded", "--report")
PLANNED = [
    command for command in COMMANDS if command.startswith(SNAKEMAKE) and not any(x in command for x in ELSEWHERE)
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The repository's own files, as they come."""
    folder = tmp_path_factory.mktemp("readme") / "stylevote"
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copyfile
        copy(REPOSITORY / part, folder / part)
    return folder


def test_snakemake_is_called_where_it_is_installed():
    assert len(PLANNED) > 8
    assert [command for command in COMMANDS if "snakemake " in command and SNAKEMAKE not in command] == []


@pytest.mark.parametrize("command", PLANNED)
def test_every_command_of_the_demo_can_be_planned(clone, command):
    arguments = shlex.split(command.removeprefix(SNAKEMAKE))
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", *arguments],
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_targets_of_make_and_files_are_there():
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)(?:`|  )", README)) <= set(targets)
    paths = re.findall(r"(?:`|\]\()((?:config|docs|benchmarks|profiles|workflow_scripts|tests|envs)/[\w./]+)", README)
    paths += re.findall(r"--(?:configfile|profile) ([\w./]+)", README)
    assert len(paths) > 10
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []
