"""`make setup`, with programs that record their arguments instead of Python, pip and uv."""

import os
import re
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from places import REPOSITORY

# `python -m venv` copies this program. As pip, it prints its settings and installs uv.
PYTHON = """#!/bin/sh
echo "python $*" >> calls
case "$*" in
    "-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"pip config list") cat pip_settings ;;
    *requirements.lock) exit ${PIP_FAILS:-0} ;;
    *uv-requirements.txt) cp ready_uv .venv/bin/uv ;;
esac
"""
UV = """#!/bin/sh
echo "uv $1 $2, index $UV_DEFAULT_INDEX" >> calls
[ "$1" = --version ] || exit ${UV_FAILS:-0}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "requirements.lock").touch()
    (tmp_path / "envs" / "uv-requirements.txt").touch()
    (tmp_path / "pip_settings").touch()
    for name, text in {"python": PYTHON, "ready_uv": UV}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    # The Makefile's commands, without this machine's uv.
    (tmp_path / "bin").mkdir()
    for name in ["make", "sh", "rm", "sed", "head", "touch", "mkdir", "cp", "cat"]:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    return tmp_path


def set_up(folder: Path, **environment: str) -> tuple[bool, list[str]]:
    """Run the set-up; return whether `make` succeeded, and the calls of Python and uv."""
    python = f"PYTHON={folder / 'python'}"
    environment |= {"PATH": str(folder / "bin"), "TMPDIR": os.environ.get("TMPDIR", "/tmp")}
    done = subprocess.run(["make", "setup", python], check=False, cwd=folder, env=environment, capture_output=True)
    succeeded = done.returncode == 0
    assert (folder / ".venv" / "installed").exists() == succeeded
    return succeeded, [line for line in (folder / "calls").read_text().splitlines() if "--version" not in line]


def installations(calls: list[str]) -> list[str]:
    """Return the installers that were called, with the file that pip installed from."""
    return [
        f"pip {line.split('/')[-1]}" if "pip install" in line else line.split(",")[0]
        for line in calls
        if "pip install" in line or "pip sync" in line
    ]


def test_the_library_is_found_in_the_folder_in_which_it_lies(folder, tmp_path):
    """The Makefile's own line, run by a Python of a fresh environment."""
    (tmp_path / "workflow_scripts" / "stylevote").mkdir(parents=True)
    (tmp_path / "workflow_scripts" / "stylevote" / "__main__.py").write_text("print('found')")
    venv.create(tmp_path / ".venv", symlinks=True)
    shown = subprocess.run(["make", "-n", "setup"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    (line,) = re.findall(r"^\.venv/bin/python -c .*\n.*stylevote\.pth.*$", shown, re.MULTILINE)
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
    moved = tmp_path.with_name(f"{tmp_path.name} moved")
    tmp_path.rename(moved)
    python, environment = moved / ".venv" / "bin" / "python", {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        [python, "-m", "stylevote"], cwd="/", env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "found\n"


def test_pip_installs_uv_which_installs_the_rest(folder):
    succeeded, calls = set_up(folder)
    assert succeeded
    assert installations(calls) == ["pip uv-requirements.txt", "uv pip sync"]
    assert all("--require-hashes" in line for line in calls if "pip install" in line)


def test_uv_of_the_machine_is_used(folder):
    shutil.copy(folder / "ready_uv", folder / "bin" / "uv")
    succeeded, calls = set_up(folder)
    assert succeeded
    assert installations(calls) == ["uv pip sync"]


def test_a_uv_that_does_not_run_is_ignored(folder):
    (folder / "bin" / "uv").write_text("#!/bin/sh\nexit 127\n")
    (folder / "bin" / "uv").chmod(0o755)
    assert installations(set_up(folder)[1]) == ["pip uv-requirements.txt", "uv pip sync"]


@pytest.mark.parametrize(
    ("settings", "environment", "index"),
    [
        ("global.cert='/c.pem'\nglobal.extra-index-url='more'\nglobal.index-url='mine'\n", {}, "mine"),
        (":env:.index-url='mine'\nglobal.index-url='other'\n", {}, "mine"),
        ("install.index-url='mine'\n", {}, "mine"),
        ("global.index-url='other'\n", {"UV_DEFAULT_INDEX": "mine"}, "mine"),
        ("global.extra-index-url='more'\n", {}, ""),
    ],
)
def test_uv_gets_pips_index_unless_it_has_its_own(folder, settings, environment, index):
    (folder / "pip_settings").write_text(settings)
    assert f"uv pip sync, index {index}" in set_up(folder, **environment)[1]


def test_pip_installs_if_uv_cannot(folder):
    succeeded, calls = set_up(folder, UV_FAILS="2")
    assert succeeded
    assert installations(calls) == ["pip uv-requirements.txt", "uv pip sync", "pip requirements.lock"]


def test_a_failed_set_up_does_not_look_installed_and_the_next_one_starts_again(folder):
    assert not set_up(folder, UV_FAILS="2", PIP_FAILS="1")[0]
    assert set_up(folder)[0]
