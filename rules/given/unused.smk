"""What the rules of leftovers are given: which paths are used, and which would be by another configuration."""

from snakemake.io import regex_from_filepattern, update_wildcard_constraints

# What a wildcard may have stood for in any configuration; the ids of runs are as `stylevote.digests.run_id` makes them.
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
    results("distilled/fold{fold}/unfinished"),
    results("distilled/fold{fold}/.training"),
    results("distilled/scores/{photoset}"),
]


def paths_left_out():
    """The paths of those rules that are left out here: of photos where they are simulated, or of a simulation."""
    left_out = "photos.smk" if SETTINGS.config["simulation"] else "simulate.smk"
    text = (Path(workflow.basedir) / "rules" / left_out).read_text(encoding="utf-8")
    folders = {"results": "", "every_fold": "", "logs": "logs/", "benchmarks": "benchmarks/"}
    found = re.findall(rf'\b({"|".join(folders)})\("([^"]+)"\)', text)
    return {folders[kind] + path for kind, path in found}


def in_results(pattern, constraints):
    """A path pattern as a regular expression of the path in the results folder."""
    inside = os.path.relpath(pattern, RESULTS)
    return regex_from_filepattern(update_wildcard_constraints(inside, constraints, {}))


def with_files_in_results(act, log):
    """Write to the log what a function has to say of the files in the results folder, used and unused."""
    from stylevote.leftovers import paths_within, sort_files

    rules = [rule for rule in workflow.rules if not is_idle(rule)]
    declared = [path for rule in rules for path in (*rule.output, *rule.log, rule.benchmark) if path]
    used = [in_results(path, {}) for path in declared]
    undeclared = [*UNDECLARED, *(UNDECLARED_OF_STUDENT if STUDENT else [])]
    used += [in_results(path, workflow.wildcard_constraints) for path in undeclared]
    made = [in_results(results(path), EVER) for path in sorted(PATHS | paths_left_out())]
    kept = paths_within(RESULTS, [SETTINGS.config, SETTINGS.runs, SETTINGS.external])
    text = or_refused(lambda: act(RESULTS, sort_files(RESULTS, used, made, kept)))
    Path(log).write_text(f"{text}\n")
