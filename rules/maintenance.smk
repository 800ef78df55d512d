"""What there is to do, and what is no longer used. Needs the configuration alone; gives lists, and more room.

Any file that a rule can make for this configuration is used, whether somebody asked for it or not.
"""

import subprocess
import tempfile

from snakemake.io import regex_from_filepattern, update_wildcard_constraints


localrules:
    plan,
    unused,
    remove_unused,


# With this argument, Snakemake prints its own words, which programs can read, and the screen keeps out.
OWN_WORDS = "--quiet=host"


def dry_run():
    """Return what a dry run of everything prints, in Snakemake's own words; None if it ends in an error."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(canonical(config))
        file.flush()
        arguments = [OWN_WORDS, "--dry-run", "--nolock", "--configfile", file.name, "--", "all"]
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    return None if done.returncode else done.stdout


rule plan:
    """Print the runs that the configuration stands for, which are to be trained and why, all jobs, and the disk."""

    # Without an output it is always done. A thousand runs are too long for a program's arguments: it is called here.
    log:
        logs("plan.log"),
    run:
        from stylevote.tracking.plan import write_plan

        or_refused(lambda: write_plan(SETTINGS, Path(log[0]), dry_run()))


# What a wildcard may have stood for in any configuration; the ids of runs are as `stylevote.config.identity.run_id` makes them.
EVER = {
    "photoset": "[a-z][a-z0-9_]*",
    "size": r"\d+",
    "epochs": r"\d+",
    "recipe": "[a-z][a-z0-9_]*",
    "shard": r"\d+",
    "run": r"[A-Za-z0-9_.]+-\d+-[a-z][a-z0-9_]*-[0-9a-f]{8}",
    "fold": r"\d+",
    "block": "[a-z0-9_-]+",
    "number": r"\d{3}",
    "table": "[a-z][a-z0-9_]*",
}
# What programs leave in the results folder that no rule declares.
UNDECLARED = [
    results("plan.tsv"),
    results("unused.json"),
    results("runs/{run}/fold{fold}/unfinished"),
    results("runs/{run}/fold{fold}/.training"),
    results("scores/{photoset}/{run}"),
    *expand(results("photos/{photoset}/unchanged"), photoset=INGESTED),
    *expand(results("photos/{photoset}/failed_downloads.parquet"), photoset=DOWNLOADED),
]
UNDECLARED_OF_STUDENT = [
    results("student/fold{fold}/unfinished"),
    results("student/fold{fold}/.training"),
    results("student/scores/{photoset}"),
]


def paths_left_out():
    """Return the paths of the rules that are left out: those of photos in a simulation, and else those of a simulation."""
    left_out = "photos.smk" if SETTINGS.config.simulation else "simulate.smk"
    text = (Path(workflow.basedir) / "rules" / left_out).read_text(encoding="utf-8")
    folders = {"results": "", "every_fold": "", "logs": "logs/", "benchmarks": "benchmarks/"}
    found = re.findall(rf'\b({"|".join(folders)})\("([^"]+)"\)', text)
    return {folders[kind] + path for kind, path in found}


def in_results(pattern, constraints):
    """Return a path pattern as a regular expression of the path in the results folder."""
    inside = os.path.relpath(pattern, RESULTS)
    return regex_from_filepattern(update_wildcard_constraints(inside, constraints, {}))


def with_files_in_results(act, log):
    """Write the text to the log that ``act`` returns for the files in the results folder, used and unused."""
    from stylevote.tracking.unused import paths_within, sort_files

    rules = [rule for rule in workflow.rules if not is_idle(rule)]
    declared = [path for rule in rules for path in (*rule.output, *rule.log, rule.benchmark) if path]
    used = [in_results(path, {}) for path in declared]
    undeclared = [*UNDECLARED, *(UNDECLARED_OF_STUDENT if STUDENT else [])]
    used += [in_results(path, workflow.wildcard_constraints) for path in undeclared]
    made = [in_results(results(path), EVER) for path in sorted(PATHS | paths_left_out())]
    kept = paths_within(RESULTS, [SETTINGS.config.model_dump(), SETTINGS.runs, SETTINGS.external])
    text = or_refused(lambda: act(RESULTS, sort_files(RESULTS, used, made, kept)))
    Path(log).write_text(f"{text}\n")


rule unused:
    """List what is in the results folder and is no longer used by the configuration; remove nothing."""
    log:
        logs("unused.log"),
    run:
        from stylevote.tracking.unused import list_unused

        with_files_in_results(list_unused, log[0])


rule remove_unused:
    """Remove what `unused` listed, unless anything has changed since."""
    log:
        logs("remove_unused.log"),
    run:
        from stylevote.tracking.unused import remove_unused

        with_files_in_results(remove_unused, log[0])
