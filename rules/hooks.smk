"""What is done before and after a call, so that a call that fails or is killed loses nothing and leaves nothing stale."""

import shutil
from contextlib import suppress

import psutil

from stylevote.machine.clock import bring_to_present
from stylevote.wording import plural

# Files that jobs of this call make again, as they were before: another name of each, and Snakemake's record of it.
ASIDE = {}
ASIDE_FOLDER = RESULTS / ".aside"
# What is made before networks are trained, and by which they are judged to be up to date. (Pixels are large, and are
# cached when all that a user can mistake was found to be good.)
BEFORE_TRAINING = ("photos.smk", "folds.smk", "augment.smk")
# Files whose text is shown at the end of a call that made them, by rule, in this order.
TEXTS = {
    "unused": logs("unused.log"),
    "remove_unused": logs("remove_unused.log"),
    "plan": logs("plan.log"),
    "check_leakage": logs("check_leakage.log"),
    "compare_student": results("student/summary.txt"),
    "write_submission": results("summary.txt"),
}


def set_aside():
    """Give another name to files that this call makes again and that trainings depend on.

    Snakemake removes a job's old output before the job, and its new output if the job fails: a mistake in the configuration,
    or a folder of photos that is not there today, would have all networks trained again once the user mends it.
    """
    made_again = [
        path
        for job in workflow.dag.needrun_jobs()
        if Path(job.rule.snakefile).name in BEFORE_TRAINING and not job.rule.name.startswith("cache_")
        for path in job.output
        if os.path.isfile(path)
    ]
    if not made_again:
        return  # `plan` and `unused` may run while another call is at work and uses the folder
    shutil.rmtree(ASIDE_FOLDER, ignore_errors=True)  # of a call that was killed
    for number, path in enumerate(made_again):
        name = ASIDE_FOLDER / str(number)
        with suppress(OSError):  # a disk that is full or read-only, as the job will say
            ASIDE_FOLDER.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, name)
            except OSError:  # a file system without links
                shutil.copy2(path, name)
            ASIDE[path] = name, workflow.persistence.metadata(path)


def put_back():
    """Undo what failed jobs did to files that were there before them, so that Snakemake judges them as it did then."""
    missing = {path for path in ASIDE if not os.path.exists(path)}
    if ASIDE and workflow.local_exec:
        # After Ctrl-C, Snakemake may come here before its jobs have ended: they would replace what is put back.
        psutil.wait_procs(psutil.Process().children())
    # Of jobs that go on after Ctrl-C, some end well, and Snakemake does not know of it.
    unknown = workflow.persistence._filter_incomplete_keys(map(str, ASIDE)) if workflow.local_exec else set()
    lost = [
        path
        for path, (name, _) in ASIDE.items()
        if name.exists() and (path in missing or not os.path.exists(path) or str(path) in unknown)
    ]
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
        more = f" and {plural(len(lost) - 1, 'other file')}" if len(lost) > 1 else ""
        print(f"{lost[0]}{more}: as before this call, since what was to replace it failed", file=sys.stderr)


def forget_aside():
    """Remove the other names."""
    if ASIDE:
        shutil.rmtree(ASIDE_FOLDER, ignore_errors=True)


def refuse_unrecorded():
    """Stop if Snakemake has no record of some results: it would take them as they are, and say nothing."""
    for job in workflow.dag.jobs:
        if not workflow.dag.needrun(job) and workflow.dag.reason(job).no_metadata:
            for path in job.output:
                if os.path.exists(path) and workflow.persistence.metadata(path) is None:
                    raise WorkflowError(
                        f"{path}: Snakemake has no record of how it was made (was .snakemake removed, damaged, or not copied"
                        " along?), and cannot tell whether it is what this configuration asks for; bring .snakemake back;"
                        " or accept all that is there as it is (the same command with --touch --forceall); or remove it"
                    )


def forget_finished():
    """Remove the files that trainings leave in case Snakemake is killed before it knows of their end."""
    for pattern in ("runs/*/fold*/unfinished", "student/fold*/unfinished"):
        for work in (*RESULTS.glob(pattern), *NETWORKS.glob(pattern)):
            history = str(work.with_name("history.parquet"))
            if os.path.exists(history) and not workflow.persistence._filter_incomplete_keys([history]):
                shutil.rmtree(work, ignore_errors=True)


def show_texts():
    """Print the texts of this call's rules, and the path of the report."""
    if SCREEN:
        SCREEN.finish()
    done = {job.rule.name for job in workflow.dag.finished_jobs}
    for name, path in TEXTS.items():
        if name in done:
            print("", Path(path).read_text(encoding="utf-8").rstrip(), sep="\n", flush=True)
    if "write_report" in done:
        print("", f"The report: {results('report.html')}", sep="\n", flush=True)


def begin():
    """Prepare a call."""
    if workflow.is_main_process and not workflow.touch:
        for folder in {RESULTS, NETWORKS}:
            bring_to_present(folder)
        refuse_unrecorded()
        forget_finished()
        set_aside()


def succeed():
    """Tidy up after a call that did all its jobs."""
    if workflow.is_main_process:
        forget_aside()
        forget_finished()
        if not workflow.touch:
            show_texts()


def fail():
    """Tidy up after a call that failed: put files back."""
    if workflow.is_main_process:
        put_back()
        forget_aside()
        forget_finished()
        show_texts()
