"""Published tables compared with what runs of this configuration reach. Needs out-of-fold scores; gives tables, and a page
of them.

A table reads the predictions of its own runs, and not the collated scores of all: so it can be had before all are trained.
"""


localrules:
    experiments,
    summarize_experiments,


def compared_runs(wildcards):
    """The runs that a published table is compared with."""
    repetitions = [part for cell in SETTINGS.cells[wildcards.table] for part in cell["repetitions"]]
    return sorted({run for part in repetitions for run in part.values()})


def compared_predictions(wildcards):
    """The out-of-fold predictions of these runs."""
    return expand(
        results("runs/{run}/fold{fold}/validation.parquet"), run=compared_runs(wildcards), fold=SETTINGS.folds
    )


def comparison_spec(wildcards):
    """The settings that a table of published figures and ours depends on."""
    return canonical(
        {
            "runs": compared_runs(wildcards),
            "labels": SETTINGS.labels,
            "beta": BETA,
            "cells": SETTINGS.cells[wildcards.table],
        }
    )


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
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program("published/tabulate_runs", comparison_spec),
        # Snakemake does not compare which input files there are.
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
    benchmark:
        benchmarks("tabulate_sizes/{table}.tsv")
    wildcard_constraints:
        table=one_of(name for name in EXPERIMENTS if name not in SETTINGS.cells),
    conda:
        "../envs/environment.yaml"
    params:
        **program(
            "published/tabulate_sizes",
            lambda wildcards: canonical({"labels": SETTINGS.labels, "paper": EXPERIMENTS[wildcards.table].sizes}),
        ),
    shell:
        PROGRAM


def published_tables(path):
    """A path for each published table."""

    def of_all(wildcards):
        if not EXPERIMENTS:
            raise WorkflowError(
                "experiments: the configuration names no published tables; config/experiments.yaml does"
            )
        return expand(results(path), table=EXPERIMENTS)

    return of_all


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
        **program(
            "published/summarize_experiments",
            spec(
                "beta",
                experiments=[
                    {"name": name, "title": table.title, "notes": table.notes}
                    for name, table in EXPERIMENTS.items()
                ],
            ),
        ),
    shell:
        PROGRAM


rule experiments:
    """All published tables, and the page of them."""
    input:
        published_tables("experiments/{table}.csv"),
        results("experiments/tables.md"),
