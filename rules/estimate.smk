"""Estimates of quality. Needs candidates, members and votes; gives nested estimates, sizes and alarms for leaks.

`choose_sizes` also sets the size of an ensemble: of the whole one for `target`, of the small one for `bundle`.
"""


localrules:
    check_leakage,


rule score_decisions:
    """Score a photoset's decisions against its labels, if it has any."""
    input:
        votes=results("{decisions}/{photoset}/votes.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        scores=results("{decisions}/{photoset}/scores.parquet"),
    log:
        logs("score_decisions/{decisions}/{photoset}.log"),
    params:
        **program("estimate/score_decisions", settings("labels", "beta")),
    shell:
        PROGRAM


rule estimate_nested:
    """Decide each label of every training photo by an ensemble that was chosen without the photo's fold."""
    input:
        scores=every_feature("ensemble/scores/{block}.parquet"),
        members=every_feature("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        estimates=results("estimate/nested/{block}.parquet"),
    log:
        logs("estimate_nested/{block}.log"),
    benchmark:
        benchmarks("estimate_nested/{block}.tsv")
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "estimate/estimate_nested",
            block_settings(**STACKING, threshold=SETTINGS.config.threshold),
            digest=code("estimate/estimate_nested", *COMBINERS),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule summarize_estimates:
    """Compare the nested estimate of every label, and of the macro F-beta, with the non-nested one."""
    input:
        estimates=every_block("estimate/nested/{block}.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        holdout_votes=results("predictions/holdout/votes.parquet") if HOLDOUT else [],
        holdout_manifest=results("photos/holdout/manifest.parquet") if HOLDOUT else [],
    output:
        summary=results("estimate/summary.parquet"),
        decisions=results("estimate/nested_decisions.parquet"),
    log:
        logs("summarize_estimates.log"),
    params:
        **program("estimate/summarize_estimates", settings("labels", "beta", voting=SETTINGS.config.votes)),
    shell:
        PROGRAM


rule estimate_fold_averaging:
    """Estimate the gain from averaging all folds' networks instead of using one fold's."""
    input:
        estimates=every_block("estimate/nested/{block}.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        votes=results("predictions/{photoset}/votes.parquet"),
    output:
        gains=results("predictions/{photoset}/fold_averaging.parquet"),
    log:
        logs("estimate_fold_averaging/{photoset}.log"),
    params:
        **program("estimate/estimate_fold_averaging", settings("labels", "beta", fold_count=len(SETTINGS.folds))),
    shell:
        PROGRAM


rule estimate_sizes:
    """Decide each label of every training photo by ensembles of several sizes, chosen without the photo's fold."""
    input:
        scores=every_feature("ensemble/scores/{block}.parquet"),
        rankings=every_feature("ensemble/rankings/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        estimates=results("estimate/sizes/{block}/estimates.parquet"),
        members=results("estimate/sizes/{block}/members.parquet"),
    log:
        logs("estimate_sizes/{block}.log"),
    benchmark:
        benchmarks("estimate_sizes/{block}.tsv")
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(1440),
    params:
        **program(
            "estimate/estimate_sizes",
            block_settings(**STACKING, selection=SETTINGS.config.selection, threshold=SETTINGS.config.threshold),
            digest=code("estimate/estimate_sizes", *COMBINERS),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule measure_sizes:
    """Compare the nested macro F-beta of every size with its members, CNNs and hours of training."""
    input:
        estimates=every_block("estimate/sizes/{block}/estimates.parquet"),
        members=every_block("estimate/sizes/{block}/members.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        histories=every_run("runs/{run}/fold{fold}/history.parquet"),
    output:
        curve=results("estimate/size_curve.parquet"),
    log:
        logs("measure_sizes.log"),
    params:
        **program(
            "estimate/measure_sizes",
            settings(
                "labels",
                "beta",
                voting=SETTINGS.config.votes,
                runs=list(SETTINGS.runs),
                fold_count=len(SETTINGS.folds),
            ),
        ),
        # The folder of the histories: Snakemake compares params, and not the names of inputs.
        folders=[SETTINGS.networks],
    shell:
        PROGRAM


def size_settings(wildcards):
    """Return the settings that the size of an ensemble depends on."""
    aim = BUNDLE if wildcards.ensemble == "small" else SETTINGS.config.target
    tolerance = aim and aim.tolerance
    return settings("labels", "beta", voting=SETTINGS.config.votes, tolerance=tolerance)(wildcards)


rule choose_sizes:
    """Choose the smallest size within the tolerance of the best, on all photos and without each fold."""
    input:
        estimates=every_block("estimate/sizes/{block}/estimates.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        # The small ensemble is compared with the whole one.
        members=lambda wildcards: (
            every_block("ensemble/members/{block}.parquet") if wildcards.ensemble == "small" else []
        ),
        decisions=lambda wildcards: rules.summarize_estimates.output.decisions if wildcards.ensemble == "small" else [],
    output:
        sizes=results("{ensemble}/sizes.parquet"),
    log:
        logs("choose_sizes/{ensemble}.log"),
    params:
        **program("estimate/choose_sizes", size_settings),
    shell:
        PROGRAM


rule measure_leakage:
    """Try each label's ensemble on shuffled labels and on random scores; measure its runs fold by fold."""
    input:
        scores=every_feature("ensemble/scores/{block}.parquet"),
        members=every_feature("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        alarms=results("estimate/leakage/{block}/alarms.parquet"),
        figures=results("estimate/leakage/{block}/figures.parquet"),
    log:
        logs("measure_leakage/{block}.log"),
    benchmark:
        benchmarks("measure_leakage/{block}.tsv")
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "estimate/measure_leakage",
            block_settings(
                **STACKING, selection=SETTINGS.config.selection, threshold=SETTINGS.config.threshold, seed=1
            ),
            digest=code("estimate/measure_leakage", *COMBINERS),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule check_leakage:
    """Gather the alarms, and list those that are raised."""
    input:
        alarms=every_block("estimate/leakage/{block}/alarms.parquet"),
        figures=every_block("estimate/leakage/{block}/figures.parquet"),
        estimate=results("estimate/summary.parquet"),
    output:
        leaks=results("estimate/leakage.parquet"),
    log:
        logs("check_leakage.log"),
    params:
        **program("estimate/check_leakage"),
    shell:
        PROGRAM
