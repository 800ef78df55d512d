"""What a failing call would lose: what is made anew is kept under another name, and put back."""

import shutil
from contextlib import suppress

from stylevote.clock import bring_to_present
from stylevote.photos.problems import number_of

# Files that jobs of this call make anew, as they were before: another name of each, and Snakemake's record of it.
ASIDE = {}
ASIDE_FOLDER = RESULTS / ".aside"
# What is made before networks are trained, and by which they are judged to be up to date. (Pixels are large, and are
# cached when all that a user can mistake was found to be good.)
BEFORE_TRAINING = ("photos.smk", "folds.smk", "augment.smk")


def set_aside():
    """Give what this call makes anew, and trainings depend on, another name.

    Snakemake removes a job's old output before the job, and its new one where it fails: a mistake in the configuration,
    or a folder of photos that is not there today, would have all networks trained again once it is mended.
    """
    if not workflow.is_main_process:
        return
    shutil.rmtree(ASIDE_FOLDER, ignore_errors=True)  # of a call that was killed
    for job in workflow.dag.needrun_jobs():
        if Path(job.rule.snakefile).name in BEFORE_TRAINING and not job.rule.name.startswith("cache_"):
            for path in filter(os.path.isfile, job.output):
                name = ASIDE_FOLDER / str(len(ASIDE))
                with suppress(OSError):  # a disk that is full or read-only, as the job will say
                    ASIDE_FOLDER.mkdir(parents=True, exist_ok=True)
                    try:
                        os.link(path, name)
                    except OSError:  # a file system without links
                        shutil.copy2(path, name)
                    ASIDE[path] = name, workflow.persistence.metadata(path)


def put_back():
    """Undo what failed jobs did to files that were there before them, so that Snakemake judges them as it did then."""
    lost = [path for path in ASIDE if not os.path.exists(path)]
    for path in lost:
        name, record = ASIDE[path]
        # The record first: a file without one would be taken as it is, whatever the configuration says.
        if record is not None:
            workflow.persistence._write_record(str(path), record)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(name, path)
        if workflow.local_exec:  # jobs were killed with Ctrl-C; on a cluster, one may still write there
            workflow.persistence._unmark_incomplete(str(path))
    if lost:
        more = f" and {number_of(len(lost) - 1, 'other file')}" if len(lost) > 1 else ""
        print(f"{lost[0]}{more}: as before this call, since what was to replace it failed", file=sys.stderr)


def forget_aside():
    """Remove the other names."""
    if ASIDE:
        shutil.rmtree(ASIDE_FOLDER, ignore_errors=True)
