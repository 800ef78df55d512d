"""Published tables beside what runs of this configuration reach. Needs out-of-fold scores; gives tables, and a page of them.

A table reads the predictions of its own runs, and not the collated scores of all: so it can be had before all are trained.
"""


include: "given/experiments.smk"


localrules:
    experiments,
    summarize_experiments,


rule tabulate_runs:
    """Judge the runs that a published table's figures are compared with."""
    input:
        predictions=compared_predictions,
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
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(60),
    params:
        predictions=lambda wildcards: results("runs/{run}/fold{fold}/validation.parquet"),
        folds=len(SETTINGS.folds),
        spec=comparison_spec,
        code=code("tabulate_runs"),
    shell:
        "python workflow_scripts/tabulate_runs.py --predictions {params.predictions:q} --folds {params.folds}"
        " --manifest {input.manifest:q} --fold-table {input.folds:q} --spec - <<< {params.spec:q} --table {output.table:q}"
        " --csv {output.csv:q} > {log:q} 2>&1"


rule tabulate_sizes:
    """Set the size curve beside a published table of sizes."""
    input:
        curve=results("ensemble/size_curve.parquet"),
        manifest=results("photos/train/manifest.parquet"),
    output:
        table=results("experiments/{table}.parquet"),
        csv=results("experiments/{table}.csv"),
    log:
        logs("tabulate_sizes/{table}.log"),
    benchmark:
        benchmarks("tabulate_sizes/{table}.tsv")
    wildcard_constraints:
        table=one_of(name for name in EXPERIMENTS if name not in SETTINGS.cells),
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(10),
    params:
        spec=lambda wildcards: canonical({"labels": SETTINGS.labels, "paper": EXPERIMENTS[wildcards.table]["sizes"]}),
        code=code("tabulate_sizes"),
    shell:
        "python workflow_scripts/tabulate_sizes.py --curve {input.curve:q} --manifest {input.manifest:q}"
        " --spec - <<< {params.spec:q} --table {output.table:q} --csv {output.csv:q} > {log:q} 2>&1"


rule summarize_experiments:
    """Put all tables, with their notes, on one page."""
    input:
        tables=published_tables("experiments/{table}.parquet"),
    output:
        page=results("experiments/tables.md"),
    log:
        logs("summarize_experiments.log"),
    conda:
        "../envs/environment.yaml"
    params:
        spec=spec(
            "beta",
            experiments=[
                {"name": name, "title": table["title"], "notes": table["notes"]} for name, table in EXPERIMENTS.items()
            ],
        ),
        code=code("summarize_experiments"),
    shell:
        "python workflow_scripts/summarize_experiments.py --tables {input.tables:q} --spec - <<< {params.spec:q}"
        " --output {output.page:q} > {log:q} 2>&1"


rule experiments:
    """All published tables, and the page of them."""
    input:
        published_tables("experiments/{table}.csv"),
        results("experiments/tables.md"),
