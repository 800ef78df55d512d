"""What the ensemble is worth. Needs candidates, members and votes; gives honest estimates, sizes and alarms for leaks.

`choose_sizes` also gives the size that is enough, if `target` is set.
"""


localrules:
    check_leakage,


rule score_decisions:
    """Score the decisions for a photoset against its labels, if it has any."""
    input:
        votes=results("predictions/{photoset}/votes.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        scores=results("predictions/{photoset}/scores.parquet"),
    log:
        logs("score_decisions/{photoset}.log"),
    benchmark:
        benchmarks("score_decisions/{photoset}.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("estimate/score_decisions", spec("labels", "beta")),
    shell:
        PROGRAM


rule estimate_nested:
    """Repeat selection, stack and threshold of each label inside each outer fold, and decide the photos left out."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        members=of_features("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        estimates=results("estimate/nested/{block}.parquet"),
    log:
        logs("estimate_nested/{block}.log"),
    benchmark:
        benchmarks("estimate_nested/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "estimate/estimate_nested",
            stack_spec(stack=stack_settings(), threshold=SETTINGS.config.threshold),
            digest=combining_code("estimate/estimate_nested"),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule summarize_estimates:
    """Compare the nested estimate of every label and of the macro F-beta with the naive one."""
    input:
        estimates=every_block("estimate/nested/{block}.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        holdout_votes=if_held_out("predictions/holdout/votes.parquet"),
        holdout_manifest=if_held_out("photos/holdout/manifest.parquet"),
    output:
        honest=results("estimate/summary.parquet"),
        decisions=results("estimate/nested_decisions.parquet"),
    log:
        logs("summarize_estimates.log"),
    benchmark:
        benchmarks("summarize_estimates.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("estimate/summarize_estimates", spec("labels", "beta", voting=SETTINGS.config.votes)),
    shell:
        PROGRAM


rule estimate_fold_averaging:
    """Estimate the gain if all folds' networks decide a photoset: in the honest estimate, those of one fold do."""
    input:
        estimates=every_block("estimate/nested/{block}.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        votes=results("predictions/{photoset}/votes.parquet"),
    output:
        joining=results("predictions/{photoset}/fold_averaging.parquet"),
    log:
        logs("estimate_fold_averaging/{photoset}.log"),
    benchmark:
        benchmarks("estimate_fold_averaging/{photoset}.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("estimate/estimate_fold_averaging", spec("labels", "beta", fold_count=len(SETTINGS.folds))),
    shell:
        PROGRAM


rule estimate_sizes:
    """Decide one label of every training photo by ensembles of several sizes, chosen without the photo's fold."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        rankings=of_features("ensemble/rankings/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        estimates=results("estimate/sizes/{block}/estimates.parquet"),
        members=results("estimate/sizes/{block}/members.parquet"),
    log:
        logs("estimate_sizes/{block}.log"),
    benchmark:
        benchmarks("estimate_sizes/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(1440),
    params:
        **program(
            "estimate/estimate_sizes",
            stack_spec(
                selection=SETTINGS.config.selection,
                stack=stack_settings(),
                threshold=SETTINGS.config.threshold,
            ),
            digest=combining_code("estimate/estimate_sizes"),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule measure_sizes:
    """Compare the honest macro F-beta of every size with its members, CNNs and hours of training."""
    input:
        estimates=every_block("estimate/sizes/{block}/estimates.parquet"),
        members=every_block("estimate/sizes/{block}/members.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        histories=every_run("runs/{run}/fold{fold}/history.parquet"),
    output:
        curve=results("estimate/size_curve.parquet"),
    log:
        logs("measure_sizes.log"),
    benchmark:
        benchmarks("measure_sizes.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program(
            "estimate/measure_sizes",
            spec(
                "labels",
                "beta",
                voting=SETTINGS.config.votes,
                runs=list(SETTINGS.runs),
                fold_count=len(SETTINGS.folds),
            ),
        ),
        # Where the histories are: Snakemake compares params, and not the names of inputs.
        folders=[SETTINGS.networks],
    shell:
        PROGRAM


def size_spec(tolerance):
    """What the choice of a size depends on: how much less than the best is good enough, too."""
    return spec("labels", "beta", voting=SETTINGS.config.votes, tolerance=tolerance)


rule choose_sizes:
    """Choose the smallest size within `target.tolerance` of the best, by all photos and by those outside each fold."""
    input:
        estimates=every_block("estimate/sizes/{block}/estimates.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        members=[],
        whole=[],
    output:
        sizes=results("estimate/chosen_sizes.parquet"),
    log:
        logs("choose_sizes.log"),
    benchmark:
        benchmarks("choose_sizes.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("estimate/choose_sizes", size_spec(SETTINGS.config.target and SETTINGS.config.target.tolerance)),
    shell:
        PROGRAM


rule measure_leakage:
    """Try one label's ensemble on labels in random order and on noise; measure its runs fold by fold."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        members=of_features("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        alarms=results("estimate/leakage/{block}/alarms.parquet"),
        figures=results("estimate/leakage/{block}/figures.parquet"),
    log:
        logs("measure_leakage/{block}.log"),
    benchmark:
        benchmarks("measure_leakage/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "estimate/measure_leakage",
            stack_spec(
                selection=SETTINGS.config.selection,
                stack=stack_settings(),
                threshold=SETTINGS.config.threshold,
                seed=1,
            ),
            digest=combining_code("estimate/measure_leakage"),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule check_leakage:
    """Gather the alarms, and say which are raised."""
    input:
        alarms=every_block("estimate/leakage/{block}/alarms.parquet"),
        figures=every_block("estimate/leakage/{block}/figures.parquet"),
        honest=results("estimate/summary.parquet"),
    output:
        leaks=results("estimate/leakage.parquet"),
    log:
        logs("check_leakage.log"),
    conda:
        "../envs/environment.yaml"
    params:
        **program("estimate/check_leakage"),
    shell:
        PROGRAM
