"""What the rules of published tables are given: which predictions each reads."""


def compared_predictions(wildcards):
    """The out-of-fold predictions of the runs that a published table is compared with."""
    repetitions = [part for cell in SETTINGS.cells[wildcards.table] for part in cell["repetitions"]]
    runs = sorted({run for part in repetitions for run in part.values()})
    return expand(results("runs/{run}/fold{fold}/validation.parquet"), run=runs, fold=SETTINGS.folds)


def published_tables(path):
    """A path for each published table."""

    def of_all(wildcards):
        if not EXPERIMENTS:
            raise WorkflowError(
                "experiments: the configuration names no published tables; config/experiments.yaml does"
            )
        return expand(results(path), table=EXPERIMENTS)

    return of_all


def comparison_spec(wildcards):
    """What a table of published figures and ours depends on."""
    return canonical({"labels": SETTINGS.labels, "beta": BETA, "cells": SETTINGS.cells[wildcards.table]})
