"""Scores into decisions. Needs every run's out-of-fold scores; gives members, stackers, thresholds and votes.

`collate_scores` reads every run once, and `combine_folds` every run's predictions once per photoset (who is a member is not
known before jobs are planned). The others work on a block of labels each, one label after another.
"""


localrules:
    write_decisions,
    write_details,
    write_submission,


def every_external(photos):
    """A path for each external member and fold, of the predictions for these photos."""
    return [f"{folder}/fold{fold}/{photos}.parquet" for folder in SETTINGS.external.values() for fold in SETTINGS.folds]


def external_contents(photos):
    """What these predictions are known by, besides their time stamps, which a file that replaces another may have kept."""
    return "" if SETTINGS.config.simulation else quick_fingerprint(every_external(photos))


def refuse_missing_members():
    """Stop where external predictions are missing of which something was made before: Snakemake 9.27 would take that as it
    is, since no rule makes them, and say nothing."""
    for photos, made in [
        ("validation", results(f"ensemble/scores/{next(iter(SETTINGS.blocks))}.parquet")),
        *((name, results(f"predictions/{name}/votes.parquet")) for name in SETTINGS.config.photosets),
    ]:
        wanted = every_external(photos)
        missing = [path for path in wanted if not os.path.exists(path)]
        if missing and os.path.exists(made):
            raise WorkflowError(
                f"members.external: {missing[0]} is not there ({len(missing)} of {len(wanted)} such files are missing), so"
                f" that {made} would stay as it is; bring the file back, or take its member out until it is there"
            )


if not SETTINGS.config.simulation:
    refuse_missing_members()

# Whose predictions a program gets: the runs', then the external members'.
PREDICTING = {"runs": [*SETTINGS.runs, *SETTINGS.external], "external": list(SETTINGS.external)}


rule collate_scores:
    """Gather the out-of-fold scores of every epoch of every run, a file per block of labels."""
    input:
        predictions=[*every_run("runs/{run}/fold{fold}/validation.parquet"), *every_external("validation")],
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        scores=every_block("ensemble/scores/{block}.parquet"),
    log:
        logs("collate_scores.log"),
    benchmark:
        benchmarks("collate_scores.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(120),
    params:
        **program("ensemble/collate_scores", spec(blocks=list(SETTINGS.blocks.values()), **PREDICTING)),
        # Where the predictions are: Snakemake compares params, and not the names of inputs.
        folders=[SETTINGS.networks, *SETTINGS.external.values()],
        contents=lambda wildcards: external_contents("validation"),
    shell:
        PROGRAM


rule rank_candidates:
    """Rank every epoch of every run for each label of a block, by all photos and by those outside each fold."""
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
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program("ensemble/rank_candidates", block_spec(beta=BETA)),
    shell:
        PROGRAM


def chosen_sizes(wildcards):
    """The sizes that `target` chooses, if it is set."""
    return results("estimate/chosen_sizes.parquet") if SETTINGS.config.target else []


rule select_members:
    """Select the members of each label of a block, by all photos and by those outside each fold."""
    input:
        scores=results("ensemble/scores/{block}.parquet"),
        rankings=results("ensemble/rankings/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        sizes=chosen_sizes,
    output:
        members=results("ensemble/members/{block}.parquet"),
    log:
        logs("select_members/{block}.log"),
    benchmark:
        benchmarks("select_members/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program("ensemble/select_members", block_spec(beta=BETA, selection=SETTINGS.config.selection)),
        sized=SETTINGS.config.target is not None,
    shell:
        PROGRAM


rule gather_members:
    """List the members of all labels, so that prediction reads one file."""
    input:
        selections=every_block("ensemble/members/{block}.parquet"),
    output:
        members=results("ensemble/members.parquet"),
    log:
        logs("gather_members.log"),
    benchmark:
        benchmarks("gather_members.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("ensemble/gather_members", spec("labels")),
    shell:
        PROGRAM


def of_features(path):
    """A path for each block that holds a label whose members a block's stackers take; the block itself comes first."""

    def of_block(wildcards):
        blocks = [wildcards.block, *(SETTINGS.blocks if SETTINGS.common_features else [])]
        return expand(results(path), block=dict.fromkeys(blocks))

    return of_block


def stack_settings():
    """The combiner's name and its own settings; of auto, those of the combiners that it chooses among, in their order."""
    used = STACK.used()
    if STACK.combiner == "auto":
        among = [[name, used.get(name, {})] for name in STACK.combiners]
        return {"combiner": "auto", "auto": {**used["auto"], "among": among}}
    return used


def stack_spec(**settings):
    """What depends on how labels are stacked: the settings, and whose members all stackers take."""
    return block_spec(**settings, beta=BETA, features=SETTINGS.common_features)


def parts_of(combiner):
    """The combiners that a combiner chooses among."""
    return STACK.auto.among if combiner == "auto" else []


def combining_code(program):
    """The code of a program that fits or uses stackers: of the combiners, the chosen one alone."""
    name = STACK.combiner
    return code(program, *(f"ensemble/combiners/{part}" for part in [name, *parts_of(name)]))


rule stack_members:
    """Combine the members of each label of a block, fold by fold."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        members=of_features("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        stackers=results("ensemble/stackers/{block}.parquet"),
        grid=results("ensemble/grids/{block}.parquet"),
        stacked=results("ensemble/stacked/{block}.parquet"),
    log:
        logs("stack_members/{block}.log"),
    benchmark:
        benchmarks("stack_members/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        **program(
            "ensemble/stack_members",
            stack_spec(stack=stack_settings()),
            digest=combining_code("ensemble/stack_members"),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule search_thresholds:
    """Find the threshold of each label's stacked scores."""
    input:
        stacked=results("ensemble/stacked/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
    output:
        thresholds=results("ensemble/thresholds/{block}.parquet"),
    log:
        logs("search_thresholds/{block}.log"),
    benchmark:
        benchmarks("search_thresholds/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("ensemble/search_thresholds", block_spec(beta=BETA, threshold=SETTINGS.config.threshold)),
    shell:
        PROGRAM


def certainty_spec(wildcards):
    """The precision that is asked for."""
    if not SETTINGS.config.abstain:
        raise WorkflowError("abstain is null: no precision is asked for")
    return canonical({**SETTINGS.config.abstain.used(), "labels": SETTINGS.blocks[wildcards.block]})


rule search_precision_thresholds:
    """Find the score from which on each label is given with the precision that `abstain` asks for."""
    input:
        stacked=results("ensemble/stacked/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
    output:
        certain=results("ensemble/precision_thresholds/{block}.parquet"),
    log:
        logs("search_precision_thresholds/{block}.log"),
    benchmark:
        benchmarks("search_precision_thresholds/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("ensemble/search_precision_thresholds", certainty_spec),
    shell:
        PROGRAM


rule combine_folds:
    """Let the folds vote on every photo and label of a photoset."""
    input:
        results("photos/shared_photos.parquet"),
        ancient(chosen_epochs()),
        predictions=[*every_run("predictions/{photoset}/{run}/fold{fold}.parquet"), *every_external("{photoset}")],
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
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program(
            "ensemble/combine_folds",
            spec(
                "labels",
                features=SETTINGS.common_features,
                combiner=STACK.combiner,
                voting=SETTINGS.config.votes,
                **PREDICTING,
                fold_count=len(SETTINGS.folds),
            ),
            digest=combining_code("ensemble/combine_folds"),
            threads="{threads}",
        ),
        # Where the predictions are: Snakemake compares params, and not the names of inputs.
        folders=list(SETTINGS.external.values()),
        contents=lambda wildcards: external_contents(wildcards.photoset),
    shell:
        PROGRAM


rule write_decisions:
    """Write a photoset's decisions, a row per photo; score them if it has labels."""
    input:
        results("predictions/{photoset}/scores.parquet"),
        votes=results("predictions/{photoset}/votes.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        decisions=results("predictions/{photoset}/decisions.csv"),
    log:
        logs("write_decisions/{photoset}.log"),
    conda:
        "../envs/environment.yaml"
    params:
        **program("ensemble/write_decisions", spec("labels")),
    shell:
        PROGRAM


def certainty(part):
    """What `search_precision_thresholds` finds, if a precision is chosen; of the whole ensemble, or of a part."""
    return every_block(f"{part}precision_thresholds/{{block}}.parquet") if SETTINGS.config.abstain else []


rule write_details:
    """Write what led to a photoset's decisions, a row per photo and label."""
    input:
        votes=results("predictions/{photoset}/votes.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        certain=certainty("ensemble/"),
    output:
        details=results("predictions/{photoset}/details.csv"),
    log:
        logs("write_details/{photoset}.log"),
    conda:
        "../envs/environment.yaml"
    params:
        **program("ensemble/write_details", spec("labels")),
        abstain=SETTINGS.config.abstain is not None,
    shell:
        PROGRAM


def if_averaged(path):
    """A path in the results folder, if a photo's decision is by the mean of all outputs."""
    return results(path) if SETTINGS.config.votes.aggregation == "average_scores" else []


rule write_submission:
    """Write the decisions for the photoset `test`, and how good they can be expected to be."""
    input:
        votes=results("predictions/test/votes.parquet"),
        manifest=results("photos/test/manifest.parquet"),
        scores=results("predictions/test/scores.parquet"),
        honest=results("estimate/summary.parquet"),
        joining=if_averaged("predictions/test/fold_averaging.parquet"),
        holdout_scores=if_held_out("predictions/holdout/scores.parquet"),
    output:
        submission=results("submission.csv"),
        summary=results("summary.txt"),
    log:
        logs("write_submission.log"),
    conda:
        "../envs/environment.yaml"
    params:
        **program("ensemble/write_submission", spec("labels", "beta", form=SETTINGS.config.submission)),
    shell:
        PROGRAM
