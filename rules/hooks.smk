"""Start and end hooks: keep old results until their replacements succeed, and print summaries at the end.

Needs nothing; gives nothing to other files.
"""

import shutil
import time
from contextlib import suppress

from snakemake_internals import OldResults, is_recorded, unrecorded_results
from stylevote.wording import plural

OLD_RESULTS = OldResults(workflow, RESULTS / ".aside")
# A mistake in the configuration, or a folder of photos that is missing for a day, must not train all networks again. So
# results of these rules are kept: they decide whether trainings are up to date. (Pixels are large, and are only cached
# after the user's files were checked.)
BEFORE_TRAINING = ("photos.smk", "folds.smk", "augment.smk")
SLACK = 60  # seconds by which the clock of a file server may be ahead
# Files whose text is shown at the end of a call, by the rule that writes them.
TEXTS = {
    "unused": logs("unused.log"),
    "remove_unused": logs("remove_unused.log"),
    "plan": logs("plan.log"),
    "check_leakage": logs("check_leakage.log"),
    "compare_student": results("student/summary.txt"),
    "write_submission": results("summary.txt"),
}


def made_again():
    """Return the existing files that this call makes again and that trainings depend on."""
    return [
        path
        for job in workflow.dag.needrun_jobs()
        if Path(job.rule.snakefile).name in BEFORE_TRAINING and not job.rule.name.startswith("cache_")
        for path in job.output
        if os.path.isfile(path)
    ]


def touch_future_results():
    """Give results with a time in the future the present time.

    After a clock was set back, Snakemake would fail all jobs that read them. Contents still decide what is made again;
    `--touch` would accept results of other settings, too.
    """
    for path in {path for job in workflow.dag.jobs for path in job.output}:
        with suppress(OSError):  # it is not there, or the disk is read-only
            own_time = f"{path}/.snakemake_timestamp" if os.path.isdir(path) else path
            if os.lstat(own_time).st_mtime > time.time() + SLACK:
                path.touch()


def refuse_unrecorded():
    """Stop if Snakemake would accept results of which it has no record."""
    for path in unrecorded_results(workflow):
        raise WorkflowError(
            f"{path}: Snakemake has no record of how it was made (was .snakemake removed, damaged, or not copied?), so it"
            " may be of another configuration. Bring .snakemake back; or accept all results as they are, by the same"
            " command with --touch --forceall; or remove the file"
        )


def forget_finished():
    """Remove the work folders of trainings whose end Snakemake has recorded: no next call needs them."""
    for work in NETWORKS.glob("runs/*/fold*/unfinished"):
        history = str(work.with_name("history.parquet"))
        if os.path.exists(history) and is_recorded(workflow, history):
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


onstart:
    if workflow.is_main_process and not workflow.touch:
        if workflow.executor_plugin.name == "slurm":
            or_refused(environment.check_slurm)
        touch_future_results()
        refuse_unrecorded()
        forget_finished()
        OLD_RESULTS.keep(made_again())


onsuccess:
    if workflow.is_main_process:
        OLD_RESULTS.forget()
        forget_finished()
        if not workflow.touch:
            show_texts()


onerror:
    if workflow.is_main_process:
        if restored := OLD_RESULTS.restore():
            more = f" and {plural(len(restored) - 1, 'other file')}" if len(restored) > 1 else ""
            print(
                f"{restored[0]}{more}: restored the previous version, because the job that replaces it failed",
                file=sys.stderr,
            )
        OLD_RESULTS.forget()
        forget_finished()
        show_texts()
