"""Published tables compared with this configuration's results. Needs out-of-fold scores; gives tables and one page.

A table reads the predictions of its own runs, and not the collated scores of all runs, so that it needs no other runs.
"""

from itertools import chain


localrules:
    experiments,
    summarize_experiments,


# The runs that each published table of runs is compared with.
COMPARED = {
    table: sorted({run for cell in cells for runs in cell["repetitions"] for run in chain(*runs.values())})
    for table, cells in SETTINGS.cells.items()
}


rule tabulate_runs:
    """Score the runs that a published table's figures are compared with."""
    input:
        predictions=lambda wildcards: expand(
            results("runs/{run}/fold{fold}/validation.parquet"), run=COMPARED[wildcards.table], fold=SETTINGS.folds
        ),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        table=results("experiments/{table}.parquet"),
        csv=results("experiments/{table}.csv"),
    log:
        logs("tabulate_runs/{table}.log"),
    benchmark:
        benchmarks("tabulate_runs/{table}.tsv")
    wildcard_constraints:
        table=one_of(SETTINGS.cells),
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program(
            "published/tabulate_runs",
            settings(
                "labels",
                "beta",
                runs=lambda wildcards: COMPARED[wildcards.table],
                cells=lambda wildcards: SETTINGS.cells[wildcards.table],
            ),
        ),
        # Snakemake does not compare the list of input files.
        folds=len(SETTINGS.folds),
    shell:
        PROGRAM


rule tabulate_sizes:
    """Compare the size curve with a published table of sizes."""
    input:
        curve=results("estimate/size_curve.parquet"),
        manifest=results("photos/train/manifest.parquet"),
    output:
        table=results("experiments/{table}.parquet"),
        csv=results("experiments/{table}.csv"),
    log:
        logs("tabulate_sizes/{table}.log"),
    wildcard_constraints:
        table=one_of(name for name in EXPERIMENTS if name not in SETTINGS.cells),
    params:
        **program(
            "published/tabulate_sizes",
            settings("labels", paper=lambda wildcards: EXPERIMENTS[wildcards.table].sizes),
        ),
    shell:
        PROGRAM


def every_table(wildcards):
    """Return the path of each published table."""
    if not EXPERIMENTS:
        raise WorkflowError("experiments: found none, expected published tables; config/experiments.yaml is an example")
    return expand(results("experiments/{table}.parquet"), table=EXPERIMENTS)


rule summarize_experiments:
    """Put all tables, with their notes, on one page."""
    input:
        tables=every_table,
    output:
        page=results("experiments/tables.md"),
    log:
        logs("summarize_experiments.log"),
    params:
        **program(
            "published/summarize_experiments",
            settings(
                "beta",
                experiments=[
                    {"name": name, "title": table.title, "notes": table.notes} for name, table in EXPERIMENTS.items()
                ],
            ),
        ),
    shell:
        PROGRAM


rule experiments:
    """Make all published tables, and one page with all of them."""
    input:
        expand(results("experiments/{table}.csv"), table=EXPERIMENTS),
        results("experiments/tables.md"),
