"""Old results stay until their replacements succeed, and results without a record are found.

Snakemake offers neither: its flag `update` keeps old files, too, but records them with the settings of the job that
failed. This is the only file that uses private attributes of Snakemake. `tests/unit/test_snakemake_internals.py` fails
with the name of the attribute if a version changes one.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil


def is_recorded(workflow: Any, path: str) -> bool:
    """Return whether Snakemake knows that the job that made a result has ended."""
    return not workflow.persistence._filter_incomplete_keys([path])


def unrecorded_results(workflow: Any) -> Iterator[str]:
    """Yield results without a record, which this call would accept whatever the configuration."""
    for job in workflow.dag.jobs:
        if not workflow.dag.needrun(job) and workflow.dag.reason(job).no_metadata:
            yield from (path for path in job.output if Path(path).exists() and not workflow.persistence.metadata(path))


class OldResults:
    """Second names, in a folder, of files that this call makes again, and Snakemake's records of them."""

    def __init__(self, workflow: Any, folder: Path) -> None:
        self.workflow, self.folder = workflow, folder
        self.kept: dict[str, tuple[Path, Any]] = {}

    def keep(self, paths: list[str]) -> None:
        """Give files second names: Snakemake removes a job's output before the job, and again if the job fails."""
        if not paths:
            return  # another call may be at work and use the folder
        shutil.rmtree(self.folder, ignore_errors=True)  # of a call that was killed
        for number, path in enumerate(paths):
            name = self.folder / str(number)
            with suppress(OSError):  # the disk is full or read-only: the job will fail and explain it
                self.folder.mkdir(parents=True, exist_ok=True)
                try:
                    name.hardlink_to(path)
                except OSError:  # this file system has no links
                    shutil.copy2(path, name)
                self.kept[path] = name, self.workflow.persistence.metadata(path)

    def restore(self) -> list[str]:
        """Put files back whose jobs failed or were stopped, with their records; return their paths."""
        missing = {path for path in self.kept if not Path(path).exists()}
        local = self.workflow.local_exec  # on a cluster, a job may still write
        if self.kept and local:
            # After Ctrl-C, Snakemake may come here before its jobs have ended: they would replace the files again.
            psutil.wait_procs(psutil.Process().children())
        missing |= {path for path in self.kept if not Path(path).exists()}
        missing |= {path for path in self.kept if local and not is_recorded(self.workflow, str(path))}
        restored = [path for path, (name, _) in self.kept.items() if path in missing and name.exists()]
        for path in restored:
            name, record = self.kept[path]
            if record is not None:  # it comes first: Snakemake accepts any file without a record
                self.workflow.persistence._write_record(str(path), record)
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            name.replace(path)
            if local:
                self.workflow.persistence._unmark_incomplete(str(path))
        return restored

    def forget(self) -> None:
        """Remove the second names."""
        if self.kept:
            shutil.rmtree(self.folder, ignore_errors=True)
