"""Prepare the process that runs Snakemake, and what its jobs inherit."""

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from stylevote.errors import InputError
from stylevote.tracking.code_digest import remember_modules


def prepare(workflow: Any, scripts: str) -> None:
    """Set what this process and the environment of its jobs need; ``scripts`` is the folder of programs and library."""
    # Planning thousands of jobs makes millions of objects that stay: a search for garbage among them takes a tenth of
    # the time.
    gc.set_threshold(100_000, 50, 100)
    # Rules call `python`: the one that runs Snakemake, even if its environment is not activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", os.defpath)])
    os.environ["STYLEVOTE_SCRIPTS"] = scripts
    # Programs import the library. Those of a cluster's jobs do so because their Snakemake comes here, too.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [scripts, os.getenv("PYTHONPATH")]))
    # The number of jobs that share a GPU depends on where they run, as `gpu` does; results do not depend on it.
    if "gpu_share" in workflow.resource_settings.resources:
        os.environ["STYLEVOTE_GPU_SHARE"] = str(workflow.resource_settings.resources["gpu_share"].value)
    remember_modules(Path(".snakemake/modules.json"))


def check_slurm() -> None:
    """Raise `InputError` if no job can be submitted to Slurm from this machine: each would fail with an empty log."""
    where = "run Snakemake on the cluster's login node, or without --profile profiles/slurm"
    if missing := [name for name in ("sbatch", "sinfo") if shutil.which(name) is None]:
        raise InputError(f"Slurm: this machine has no {' and no '.join(missing)}; {where}")
    done = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise InputError(f"Slurm does not answer (sinfo: {lines[-1]}). Try again later; or {where}")
