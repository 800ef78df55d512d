"""Decisions elsewhere. Needs the ensemble and its weights; gives a folder from which photos are decided without the workflow."""

from stylevote.files.tables import write_json


localrules:
    describe_runs,


def settings_of_runs():
    """The setting of every run and the labels that it predicts."""
    return {run: {**setting, "labels": SETTINGS.labels_of(setting)} for run, setting in SETTINGS.runs.items()}


rule describe_runs:
    """Write the settings of the networks of every run."""
    output:
        runs=results("ensemble/runs.json"),
    log:
        logs("describe_runs.log"),
    params:
        spec=lambda wildcards: canonical(settings_of_runs()),
    run:
        write_json(settings_of_runs(), Path(output.runs))


def bundled(path):
    """A path of the ensemble's, or of that of the fewer members that the bundle is to have."""
    return f"ensemble/fewer/{path}" if BUNDLE else f"ensemble/{path}"


def weights_to_bundle(wildcards):
    """The weights of all runs; every member must have some that stay."""
    if SETTINGS.external:
        raise WorkflowError("bundle: members.external have predictions and no networks; leave them out")
    if KEEP_WEIGHTS == "none":
        raise WorkflowError("bundle: keep_weights is none, so that there are no weights to put into it")
    for run, setting in SETTINGS.runs.items():
        refuse_to_bundle(setting, f"bundle: the run {run}")
    return every_run("runs/{run}/fold{fold}/weights")


def refuse_to_bundle(setting, where):
    """End in a sentence where a bundle cannot hold the networks of a setting: before anything is trained for it."""
    from stylevote.bundle.contents import refuse_arguments

    try:
        refuse_arguments(setting["backbone_args"], f"{where}: backbone_args")
    except InputError as error:
        raise WorkflowError(error) from None


rule make_bundle:
    """Put everything that a decision needs into one folder."""
    input:
        ancient(chosen_epochs()),
        members=results(bundled("members.parquet")),
        whole=results("ensemble/members.parquet"),
        runs=results("ensemble/runs.json"),
        histories=every_run("runs/{run}/fold{fold}/history.parquet"),
        weights=ancient(weights_to_bundle),
        stackers=every_block(bundled("stackers/{block}.parquet")),
        thresholds=every_block(bundled("thresholds/{block}.parquet")),
        certain=certainty(bundled("")),
        honest=results("estimate/summary.parquet"),
    output:
        bundle=directory(results("bundle")),
    log:
        logs("make_bundle.log"),
    benchmark:
        benchmarks("make_bundle.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program(
            "bundle/make_bundle",
            spec("labels", "beta", "votes", combiner=STACK.combiner, features=SETTINGS.common_features),
            digest=combining_code("bundle/make_bundle"),
        ),
        # Snakemake does not compare which input files there are.
        folds=len(SETTINGS.folds),
        abstain=SETTINGS.config.abstain is not None,
        fewer=spec("bundle"),
    shell:
        PROGRAM
