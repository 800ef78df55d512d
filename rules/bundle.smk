"""Decisions elsewhere. Needs the ensemble and its weights; gives a folder that decides photos without the workflow.

If `bundle` asks for fewer members, `small/` holds an ensemble of the first of them, with its own stackers and thresholds.
The ensemble itself stays as it is.
"""

from stylevote.files.tables import write_json


localrules:
    describe_runs,


BUNDLED = ENSEMBLES[-1]
BUNDLED_BACKBONES = sorted({features_id(setting) for setting in SETTINGS.runs.values() if setting.get("probe")})


rule describe_runs:
    """Write the settings of the networks of every run."""
    output:
        runs=results("ensemble/runs.json"),
    log:
        logs("describe_runs.log"),
    params:
        settings=lambda wildcards: canonical(SETTINGS.described_runs),
    run:
        write_json(SETTINGS.described_runs, Path(output.runs))


rule shorten_members:
    """Keep the first members of each label of a block."""
    input:
        selections=results("ensemble/members/{block}.parquet"),
        sizes=results("{ensemble}/sizes.parquet") if (BUNDLE and BUNDLE.tolerance) is not None else [],
    output:
        members=results("{ensemble}/members/{block}.parquet"),
    log:
        logs("shorten_members/{ensemble}/{block}.log"),
    wildcard_constraints:
        ensemble=one_of(ENSEMBLES[1:]),
    params:
        **program("ensemble/shorten_members", block_settings(max_members=BUNDLE and BUNDLE.members)),
        sized=(BUNDLE and BUNDLE.tolerance) is not None,
    shell:
        PROGRAM


def bundled_weights(wildcards):
    """Return the weights of all runs; end the call, before any is trained, if a bundle cannot hold all members."""
    from stylevote.bundle.requirements import refuse_settings

    or_refused(lambda: refuse_settings(SETTINGS))
    return every_run("runs/{run}/fold{fold}/weights")


rule make_bundle:
    """Put everything that a decision needs into one folder."""
    input:
        ancient(CHOSEN_EPOCHS),
        expand(results("backbones/{features}.json"), features=BUNDLED_BACKBONES),
        manifest=results("photos/train/manifest.parquet"),
        members=results(f"{BUNDLED}/members.parquet"),
        whole=results("ensemble/members.parquet"),
        runs=rules.describe_runs.output.runs,
        histories=every_run("runs/{run}/fold{fold}/history.parquet"),
        weights=ancient(bundled_weights),
        backbones=ancient(expand(results("backbones/{features}.safetensors"), features=BUNDLED_BACKBONES)),
        stackers=every_block(f"{BUNDLED}/stackers/{{block}}.parquet"),
        thresholds=every_block(f"{BUNDLED}/thresholds/{{block}}.parquet"),
        precision_thresholds=(
            every_block(f"{BUNDLED}/precision_thresholds/{{block}}.parquet") if SETTINGS.config.abstain else []
        ),
        estimate=results("estimate/summary.parquet"),
    output:
        bundle=directory(results("bundle")),
    log:
        logs("make_bundle.log"),
    benchmark:
        benchmarks("make_bundle.tsv")
    params:
        **program(
            "bundle/make_bundle",
            settings(
                "labels", "beta", "votes", combiner=SETTINGS.config.stack.combiner, features=SETTINGS.common_features
            ),
            digest=code("bundle/make_bundle", *COMBINERS),
        ),
        # Snakemake does not compare the list of inputs.
        folds=len(SETTINGS.folds),
        abstain=SETTINGS.config.abstain is not None,
        small=settings("bundle"),
    shell:
        PROGRAM
