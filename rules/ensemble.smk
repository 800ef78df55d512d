"""Scores into decisions. Needs every run's out-of-fold scores; gives members, stackers, thresholds and votes.

`{ensemble}` is the folder of an ensemble: `ensemble`, or `small`, whose members `bundle.smk` chooses.

`collate_scores` reads every run once, and `combine_folds` every run's predictions once per photoset (the members are not
known before jobs are planned). The other rules work on a block of labels each, one label after another.
"""

from stylevote.ensemble.external import external_fingerprint, external_predictions, refuse_missing_predictions


localrules:
    write_decisions,
    write_details,
    write_submission,


# The members whose predictions a program gets: the runs, then the external members.
PREDICTING = {"runs": [*SETTINGS.runs, *SETTINGS.external], "external": list(SETTINGS.external)}
STACK = SETTINGS.config.stack
# The settings of all rules that stack members.
STACKING = {"beta": BETA, "features": SETTINGS.common_features, "stack": STACK}
# The modules of the chosen combiner, and of those that `auto` chooses among: only their code counts.
COMBINERS = [f"ensemble/combiners/{name}" for name in dict.fromkeys([STACK.combiner, *STACK.combiners])]

if not SETTINGS.config.simulation:
    made = {name: results(f"predictions/{name}/votes.parquet") for name in SETTINGS.config.photosets}
    made["validation"] = results(f"ensemble/scores/{next(iter(SETTINGS.blocks))}.parquet")
    or_refused(lambda: refuse_missing_predictions(SETTINGS, made))


def every_feature(path):
    """Return an input function for the path of a block or, if stackers use the members of all labels, of all blocks."""
    path, others = results(path), every_block(path) if SETTINGS.common_features else []
    return lambda wildcards: list(dict.fromkeys([path.replace("{block}", wildcards.block), *others]))


rule collate_scores:
    """Gather the out-of-fold scores of every epoch of every run, a file per block of labels."""
    input:
        predictions=[
            *every_run("runs/{run}/fold{fold}/validation.parquet"),
            *external_predictions(SETTINGS, "validation"),
        ],
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        scores=every_block("ensemble/scores/{block}.parquet"),
    log:
        logs("collate_scores.log"),
    benchmark:
        benchmarks("collate_scores.tsv")
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(120),
    params:
        **program("ensemble/collate_scores", settings(blocks=list(SETTINGS.blocks.values()), **PREDICTING)),
        # The folders of predictions: Snakemake compares params, and not the names of inputs.
        folders=[SETTINGS.networks, *SETTINGS.external.values()],
        contents=lambda wildcards: external_fingerprint(SETTINGS, "validation"),
    shell:
        PROGRAM


rule rank_candidates:
    """Rank every epoch of every run for each label of a block, on all photos and without each fold."""
    input:
        scores=results("ensemble/scores/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        rankings=results("ensemble/rankings/{block}.parquet"),
    log:
        logs("rank_candidates/{block}.log"),
    benchmark:
        benchmarks("rank_candidates/{block}.tsv")
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program("ensemble/rank_candidates", block_settings(beta=BETA)),
    shell:
        PROGRAM


rule select_members:
    """Select the members of each label of a block, on all photos and without each fold."""
    input:
        scores=results("ensemble/scores/{block}.parquet"),
        rankings=rules.rank_candidates.output.rankings,
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        sizes=results("ensemble/sizes.parquet") if SETTINGS.config.target else [],
    output:
        members=results("ensemble/members/{block}.parquet"),
    log:
        logs("select_members/{block}.log"),
    benchmark:
        benchmarks("select_members/{block}.tsv")
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program("ensemble/select_members", block_settings(beta=BETA, selection=SETTINGS.config.selection)),
        sized=SETTINGS.config.target is not None,
    shell:
        PROGRAM


def composition_settings(wildcards):
    """Return the settings of the members' count. Only the whole ensemble of `top_n` should have a number of members."""
    selection = SETTINGS.config.selection
    counted = wildcards.ensemble == "ensemble" and selection.method == "top_n" and not SETTINGS.config.target
    top_n = selection.top_n if counted else None
    probes = {run: features_id(setting) for run, setting in SETTINGS.runs.items() if setting.get("probe")}
    counted = {"top_n": top_n, "correlation": selection.correlation, "backbones": probes}
    return settings("labels", fold_count=len(SETTINGS.folds), **counted)(wildcards)


rule gather_members:
    """List the members of all labels, so that prediction reads one file, and count their different CNNs."""
    input:
        selections=every_block("{ensemble}/members/{block}.parquet"),
    output:
        members=results("{ensemble}/members.parquet"),
        composition=results("{ensemble}/composition.json"),
    log:
        logs("gather_members/{ensemble}.log"),
    params:
        **program("ensemble/gather_members", composition_settings),
    shell:
        PROGRAM


rule stack_members:
    """Combine the members of each label of a block, fold by fold."""
    input:
        scores=every_feature("ensemble/scores/{block}.parquet"),
        members=every_feature("{ensemble}/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        stackers=results("{ensemble}/stackers/{block}.parquet"),
        grid=results("{ensemble}/grids/{block}.parquet"),
        stacked=results("{ensemble}/stacked/{block}.parquet"),
    log:
        logs("stack_members/{ensemble}/{block}.log"),
    benchmark:
        benchmarks("stack_members/{ensemble}/{block}.tsv")
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        **program(
            "ensemble/stack_members",
            block_settings(**STACKING),
            digest=code("ensemble/stack_members", *COMBINERS),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule search_thresholds:
    """Search the threshold of each label's stacked scores."""
    input:
        stacked=rules.stack_members.output.stacked,
        manifest=results("photos/train/manifest.parquet"),
    output:
        thresholds=results("{ensemble}/thresholds/{block}.parquet"),
    log:
        logs("search_thresholds/{ensemble}/{block}.log"),
    params:
        **program("ensemble/search_thresholds", block_settings(beta=BETA, threshold=SETTINGS.config.threshold)),
    shell:
        PROGRAM


def precision_settings(wildcards):
    """Return the precision that `abstain` asks for, and the labels of a block."""
    if not SETTINGS.config.abstain:
        raise WorkflowError("abstain is null: no precision is asked for")
    return block_settings(**SETTINGS.config.abstain.used())(wildcards)


rule search_precision_thresholds:
    """Search the lowest threshold at which each label has the precision that `abstain` asks for."""
    input:
        stacked=rules.stack_members.output.stacked,
        manifest=results("photos/train/manifest.parquet"),
    output:
        precision_thresholds=results("{ensemble}/precision_thresholds/{block}.parquet"),
    log:
        logs("search_precision_thresholds/{ensemble}/{block}.log"),
    params:
        **program("ensemble/search_precision_thresholds", precision_settings),
    shell:
        PROGRAM


rule combine_folds:
    """Combine the folds' scores of every photo and label of a photoset into a decision."""
    input:
        results("photos/shared_photos.parquet"),
        ancient(CHOSEN_EPOCHS),
        predictions=[
            *every_run("predictions/{photoset}/{run}/fold{fold}.parquet"),
            *external_predictions(SETTINGS, "{photoset}"),
        ],
        manifest=results("photos/{photoset}/manifest.parquet"),
        members=results("ensemble/members.parquet"),
        stackers=every_block("ensemble/stackers/{block}.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
    output:
        votes=results("predictions/{photoset}/votes.parquet"),
    log:
        logs("combine_folds/{photoset}.log"),
    benchmark:
        benchmarks("combine_folds/{photoset}.tsv")
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program(
            "ensemble/combine_folds",
            settings(
                "labels",
                features=SETTINGS.common_features,
                combiner=SETTINGS.config.stack.combiner,
                voting=SETTINGS.config.votes,
                **PREDICTING,
                fold_count=len(SETTINGS.folds),
            ),
            digest=code("ensemble/combine_folds", *COMBINERS),
            threads="{threads}",
        ),
        # The folders of predictions: Snakemake compares params, and not the names of inputs.
        folders=list(SETTINGS.external.values()),
        contents=lambda wildcards: external_fingerprint(SETTINGS, wildcards.photoset),
    shell:
        PROGRAM


rule write_decisions:
    """Write a photoset's decisions by the ensemble, or by the student, a row per photo; score them if it has labels."""
    input:
        results("{decisions}/{photoset}/scores.parquet"),
        votes=results("{decisions}/{photoset}/votes.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        decisions=results("{decisions}/{photoset}/decisions.csv"),
    log:
        logs("write_decisions/{decisions}/{photoset}.log"),
    params:
        **program("ensemble/write_decisions", settings("labels")),
    shell:
        PROGRAM


rule write_details:
    """Write the scores, thresholds and decisions of a photoset, a row per photo and label."""
    input:
        votes=rules.combine_folds.output.votes,
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        precision_thresholds=(
            every_block("ensemble/precision_thresholds/{block}.parquet") if SETTINGS.config.abstain else []
        ),
    output:
        details=results("predictions/{photoset}/details.csv"),
    log:
        logs("write_details/{photoset}.log"),
    params:
        **program("ensemble/write_details", settings("labels")),
        abstain=SETTINGS.config.abstain is not None,
    shell:
        PROGRAM


def if_averaged(path):
    """Return a path in the results folder if the mean of all folds' scores decides the photoset `test`."""
    return of_test(path) if SETTINGS.config.votes.aggregation == "average_scores" else []


# The photosets that have files.
READ = {} if SETTINGS.config.simulation else INGESTED


rule write_submission:
    """Write the decisions for the photoset `test`, if there is one, and a summary of the expected quality."""
    input:
        votes=of_test("predictions/test/votes.parquet"),
        manifest=of_test("photos/test/manifest.parquet"),
        composition=results("ensemble/composition.json"),
        scores=of_test("predictions/test/scores.parquet"),
        estimate=results("estimate/summary.parquet"),
        fold_averaging=if_averaged("predictions/test/fold_averaging.parquet"),
        holdout_scores=results("predictions/holdout/scores.parquet") if HOLDOUT else [],
        manifests=expand(results("photos/{photoset}/manifest.parquet"), photoset=READ),
        quarantines=expand(results("photos/{photoset}/quarantine.parquet"), photoset=READ),
    output:
        submission=of_test("submission.csv"),
        summary=results("summary.txt"),
        left_out=results("left_out.csv"),
    log:
        logs("write_submission.log"),
    params:
        **program(
            "ensemble/write_submission",
            settings("labels", "beta", form=SETTINGS.config.submission, photosets=list(READ.values())),
        ),
        tested=TESTED,  # Snakemake does not compare lists of inputs
    shell:
        PROGRAM
