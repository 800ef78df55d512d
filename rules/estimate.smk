"""What the ensemble is worth. Needs candidates, members and votes; gives honest estimates, sizes and alarms for leaks.

`choose_sizes` also gives the size that is enough, if `target` is set.
"""


localrules:
    check_leaks,


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


rule estimate_labels:
    """Repeat selection, stack and threshold of each label inside each outer fold, and decide the photos left out."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        members=of_features("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        estimates=results("ensemble/honest/{block}.parquet"),
    log:
        logs("estimate_labels/{block}.log"),
    benchmark:
        benchmarks("estimate_labels/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "estimate/estimate_labels",
            stack_spec(stack=stack_settings(), threshold=threshold_settings()),
            digest=combining_code("estimate/estimate_labels"),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule estimate_honestly:
    """Compare the nested estimate of every label and of the macro F-beta with the naive one."""
    input:
        estimates=every_block("ensemble/honest/{block}.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        locked_votes=if_locked("predictions/locked/votes.parquet"),
        locked_manifest=if_locked("photos/locked/manifest.parquet"),
    output:
        honest=results("ensemble/honest.parquet"),
        decisions=results("ensemble/honest_decisions.parquet"),
    log:
        logs("estimate_honestly.log"),
    benchmark:
        benchmarks("estimate_honestly.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("estimate/estimate_honestly", spec("labels", "beta", voting=SETTINGS.config["votes"])),
    shell:
        PROGRAM


rule estimate_joining:
    """Estimate the gain if all folds' networks decide a photoset: in the honest estimate, those of one fold do."""
    input:
        estimates=every_block("ensemble/honest/{block}.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        votes=results("predictions/{photoset}/votes.parquet"),
    output:
        joining=results("predictions/{photoset}/joining.parquet"),
    log:
        logs("estimate_joining/{photoset}.log"),
    benchmark:
        benchmarks("estimate_joining/{photoset}.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("estimate/estimate_joining", spec("labels", "beta", fold_count=len(SETTINGS.folds))),
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
        estimates=results("ensemble/sizes/{block}/estimates.parquet"),
        members=results("ensemble/sizes/{block}/members.parquet"),
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
                selection=selection_settings(),
                stack=stack_settings(),
                threshold=threshold_settings(),
            ),
            digest=combining_code("estimate/estimate_sizes"),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule measure_sizes:
    """Compare the honest macro F-beta of every size with its members, CNNs and hours of training."""
    input:
        estimates=every_block("ensemble/sizes/{block}/estimates.parquet"),
        members=every_block("ensemble/sizes/{block}/members.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        histories=every_run("runs/{run}/fold{fold}/history.parquet"),
    output:
        curve=results("ensemble/size_curve.parquet"),
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
                voting=SETTINGS.config["votes"],
                runs=list(SETTINGS.runs),
                fold_count=len(SETTINGS.folds),
            ),
        ),
        # Where the histories are: Snakemake compares params, and not the names of inputs.
        folders=[SETTINGS.networks],
    shell:
        PROGRAM


def size_spec(loss):
    """What the choice of a size depends on: how much less than the best is good enough, too."""
    return spec("labels", "beta", voting=SETTINGS.config["votes"], loss=loss)


rule choose_sizes:
    """Choose the smallest size within `target.loss` of the best, by all photos and by those outside each fold."""
    input:
        estimates=every_block("ensemble/sizes/{block}/estimates.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        members=[],
        whole=[],
    output:
        sizes=results("ensemble/chosen_sizes.parquet"),
    log:
        logs("choose_sizes.log"),
    benchmark:
        benchmarks("choose_sizes.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("estimate/choose_sizes", size_spec((SETTINGS.config["target"] or {}).get("loss"))),
    shell:
        PROGRAM


rule check_labels:
    """Try one label's ensemble on labels in random order and on noise; measure its runs fold by fold."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        members=of_features("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        alarms=results("ensemble/leaks/{block}/alarms.parquet"),
        figures=results("ensemble/leaks/{block}/figures.parquet"),
    log:
        logs("check_labels/{block}.log"),
    benchmark:
        benchmarks("check_labels/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "estimate/check_labels",
            stack_spec(
                selection=selection_settings(),
                stack=stack_settings(),
                threshold=threshold_settings(),
                seed=1,
            ),
            digest=combining_code("estimate/check_labels"),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule check_leaks:
    """Gather the alarms, and say which are raised."""
    input:
        alarms=every_block("ensemble/leaks/{block}/alarms.parquet"),
        figures=every_block("ensemble/leaks/{block}/figures.parquet"),
        honest=results("ensemble/honest.parquet"),
    output:
        leaks=results("ensemble/leaks.parquet"),
    log:
        logs("check_leaks.log"),
    conda:
        "../envs/environment.yaml"
    params:
        **program("estimate/check_leaks"),
    shell:
        PROGRAM
