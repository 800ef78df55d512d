"""Plan jobs, and remove unused files. Needs only the configuration; gives lists, and free disk space."""

import json
import subprocess
import tempfile

from snakemake.io import regex_from_filepattern, update_wildcard_constraints


localrules:
    plan,
    unused,
    remove_unused,


def pending_jobs():
    """Return rule, wildcards and reason of each job in a dry run of everything; None if the dry run fails."""
    with tempfile.TemporaryDirectory() as folder:
        configuration, jobs = Path(folder, "config.yaml"), Path(folder, "jobs")
        configuration.write_text(canonical(config), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "--snakefile", workflow.main_snakefile, "--dry-run", "--nolock"]
        command += ["--configfile", configuration, "--", "all"]
        environment = os.environ | {screen.JOBS_AS_JSON: str(jobs)}
        done = subprocess.run(command, env=environment, capture_output=True)
        return None if done.returncode else list(map(json.loads, jobs.read_text(encoding="utf-8").splitlines()))


rule plan:
    """Print the runs, the reasons to train them, all pending jobs, and the disk space."""

    # It has no output, so that it always runs. The settings of a thousand runs are too long for a command line.
    log:
        logs("plan.log"),
    run:
        from stylevote.tracking.plan import write_plan

        or_refused(lambda: write_plan(SETTINGS, Path(log[0]), pending_jobs()))


# Possible values of each wildcard in any configuration; `stylevote.config.identity.run_id` makes the ids of runs.
EVER = {
    "photoset": "[a-z][a-z0-9_]*|train-recolored",
    "size": r"\d+",
    "epochs": r"\d+",
    "recipe": "[a-z][a-z0-9_]*",
    "shard": r"\d+",
    "run": r"[A-Za-z0-9_.]+-\d+-[a-z][a-z0-9_]*-[0-9a-f]{8}",
    "features": r"[A-Za-z0-9_.]+-\d+-[0-9a-f]{8}",
    "fold": r"\d+",
    "block": "[a-z0-9_-]+",
    "number": r"\d{3}",
    "table": "[a-z][a-z0-9_]*",
    "ensemble": "ensemble|small",
    "decisions": "(?:student/)?predictions",
}
# Programs also write files and folders that no rule declares: these names next to declared files, and these paths.
UNDECLARED = r"unfinished|\.training|unchanged|failed_downloads\.parquet"
UNDECLARED_PATHS = [results("plan.tsv"), results("unused.json"), results("scores/{photoset}/{run}")]
UNDECLARED_PATHS += [results("checks/passed.json")]


def left_out_paths():
    """Return the paths in the rules file that is not included: photos.smk in a simulation, else simulate.smk."""
    name = "photos.smk" if SETTINGS.config.simulation else "simulate.smk"
    text = (Path(workflow.basedir) / "rules" / name).read_text(encoding="utf-8")
    paths = re.findall(r'\b(results|every_fold|logs|benchmarks)\("([^"]+)"\)', text)
    return {f"{kind}/{path}" if kind in ("logs", "benchmarks") else path for kind, path in paths}


def in_results(paths, constraints):
    """Return path patterns, and undeclared files next to them, as regular expressions relative to the results folder."""
    paths = {os.path.relpath(path, RESULTS) for path in paths}
    paths |= {os.path.join(os.path.dirname(path), f"{{undeclared,{UNDECLARED}}}") for path in paths}
    return [regex_from_filepattern(update_wildcard_constraints(path, constraints, {})) for path in sorted(paths)]


def act_on_unused(act, log):
    """Call a function of the results folder and its sorted files; write the text that it returns to the log."""
    from stylevote.tracking.unused import paths_within, sort_files

    rules = [rule for rule in workflow.rules if not is_idle(rule)]
    declared = [path for rule in rules for path in (*rule.output, *rule.log, rule.benchmark) if path]
    used = in_results([*declared, *UNDECLARED_PATHS], workflow.wildcard_constraints)
    made = in_results(map(results, PATHS | left_out_paths()), EVER)
    named = paths_within(RESULTS, [SETTINGS.config.model_dump(), SETTINGS.runs, SETTINGS.external])
    text = or_refused(lambda: act(RESULTS, sort_files(RESULTS, used, made, named)))
    Path(log).write_text(f"{text}\n")


rule unused:
    """List the files in the results folder that the configuration does not use; remove nothing."""
    log:
        logs("unused.log"),
    run:
        from stylevote.tracking.unused import list_unused

        act_on_unused(list_unused, log[0])


rule remove_unused:
    """Remove the files that `unused` listed, unless anything has changed since."""
    log:
        logs("remove_unused.log"),
    run:
        from stylevote.tracking.unused import remove_unused

        act_on_unused(remove_unused, log[0])
