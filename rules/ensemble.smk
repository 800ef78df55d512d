"""Scores into decisions. Needs every run's out-of-fold scores; gives members, stackers, thresholds, votes and estimates.

`collate_scores` reads every run once, and `cast_votes` every run's predictions once per photoset (who is a member is not
known before jobs are planned). The others work on a block of labels each, one label after another.
"""


include: "given/ensemble.smk"


localrules:
    write_decisions,
    write_details,
    write_submission,


rule collate_scores:
    """Gather the out-of-fold scores of every epoch of every run, a file per block of labels."""
    input:
        predictions=every_run("runs/{run}/fold{fold}/validation.parquet"),
        external=every_external("validation"),
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
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(120),
    params:
        predictions=lambda wildcards: results("runs/{run}/fold{fold}/validation.parquet"),
        runs=list(SETTINGS.runs),
        external=list(SETTINGS.external.values()),
        contents=lambda wildcards: external_contents("validation"),
        folds=len(SETTINGS.folds),
        spec=spec(blocks=list(SETTINGS.blocks.values())),
        code=code("collate_scores"),
    shell:
        "python workflow_scripts/collate_scores.py --predictions {params.predictions:q} --runs {params.runs:q}"
        " --external {params.external:q}"
        " --folds {params.folds} --manifest {input.manifest:q} --fold-table {input.folds:q} --spec - <<< {params.spec:q}"
        " --outputs {output.scores:q} > {log:q} 2>&1"


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
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program("ensemble/rank_candidates", block_spec(beta=BETA)),
    shell:
        PROGRAM


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
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program("ensemble/select_members", block_spec(beta=BETA, selection=selection_settings())),
        sized=SETTINGS.config["target"] is not None,
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
    params:
        **program("ensemble/gather_members", spec("labels")),
    shell:
        PROGRAM


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
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        spec=stack_spec(**stack_settings()),
        code=combining_code("stack_members"),
    shell:
        "python workflow_scripts/stack_members.py --scores {input.scores:q} --members {input.members:q}"
        " --manifest {input.manifest:q} --fold-table {input.folds:q} --spec - <<< {params.spec:q} --threads {threads}"
        " --stackers {output.stackers:q} --grid {output.grid:q} --stacked {output.stacked:q} > {log:q} 2>&1"


rule search_thresholds:
    """Find the threshold of each label's stacked scores."""
    input:
        stacked=results("ensemble/stacked/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
    output:
        threshold=results("ensemble/thresholds/{block}.parquet"),
    log:
        logs("search_thresholds/{block}.log"),
    benchmark:
        benchmarks("search_thresholds/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(1000),
        runtime=by_attempt(10),
    params:
        spec=block_spec(beta=BETA, **threshold_settings()),
        code=code("search_thresholds"),
    shell:
        "python workflow_scripts/search_thresholds.py --stacked {input.stacked:q} --manifest {input.manifest:q}"
        " --spec - <<< {params.spec:q} --output {output.threshold:q} > {log:q} 2>&1"


rule search_certainty:
    """Find the score from which on each label is given with the precision that `abstain` asks for."""
    input:
        stacked=results("ensemble/stacked/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
    output:
        certain=results("ensemble/certain/{block}.parquet"),
    log:
        logs("search_certainty/{block}.log"),
    benchmark:
        benchmarks("search_certainty/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(1000),
        runtime=by_attempt(10),
    params:
        spec=certainty_spec,
        code=code("search_certainty"),
    shell:
        "python workflow_scripts/search_certainty.py --stacked {input.stacked:q} --manifest {input.manifest:q}"
        " --spec - <<< {params.spec:q} --output {output.certain:q} > {log:q} 2>&1"


rule cast_votes:
    """Let the folds vote on every photo and label of a photoset."""
    input:
        predictions=every_run("predictions/{photoset}/{run}/fold{fold}.parquet"),
        external=lambda wildcards: every_external(wildcards.photoset),
        manifest=results("photos/{photoset}/manifest.parquet"),
        members=results("ensemble/members.parquet"),
        compared=results("photos/shared_photos.parquet"),
        chosen=ancient(chosen_epochs()),
        stackers=every_block("ensemble/stackers/{block}.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
    output:
        votes=results("predictions/{photoset}/votes.parquet"),
    log:
        logs("cast_votes/{photoset}.log"),
    benchmark:
        benchmarks("cast_votes/{photoset}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(60),
    params:
        predictions=lambda wildcards: results(f"predictions/{wildcards.photoset}/{{run}}/fold{{fold}}.parquet"),
        runs=list(SETTINGS.runs),
        external=list(SETTINGS.external.values()),
        contents=lambda wildcards: external_contents(wildcards.photoset),
        folds=len(SETTINGS.folds),
        spec=spec(
            "labels",
            "votes",
            combiner=STACK["combiner"],
            features=SETTINGS.common_features,
        ),
        code=combining_code("cast_votes"),
    shell:
        "python workflow_scripts/cast_votes.py --predictions {params.predictions:q} --runs {params.runs:q}"
        " --photoset {wildcards.photoset:q} --external {params.external:q}"
        " --folds {params.folds} --manifest {input.manifest:q} --members {input.members:q}"
        " --stackers {input.stackers:q} --thresholds {input.thresholds:q} --spec - <<< {params.spec:q} --threads {threads}"
        " --output {output.votes:q} > {log:q} 2>&1"


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
    threads: 1
    resources:
        mem_mb=by_attempt(1000),
        runtime=by_attempt(10),
    params:
        spec=spec("labels", "beta"),
        code=code("score_decisions"),
    shell:
        "python workflow_scripts/score_decisions.py --votes {input.votes:q} --manifest {input.manifest:q}"
        " --spec - <<< {params.spec:q} --output {output.scores:q} > {log:q} 2>&1"


rule write_decisions:
    """Write a photoset's decisions, a row per photo; print how good they are where it has labels."""
    input:
        votes=results("predictions/{photoset}/votes.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
        scores=results("predictions/{photoset}/scores.parquet"),
    output:
        decisions=results("predictions/{photoset}/decisions.csv"),
    log:
        logs("write_decisions/{photoset}.log"),
    conda:
        "../envs/environment.yaml"
    params:
        spec=spec("labels", format="table"),
        code=code("write_decisions"),
    shell:
        "python workflow_scripts/write_decisions.py --votes {input.votes:q} --manifest {input.manifest:q}"
        " --spec - <<< {params.spec:q} --output {output.decisions:q} > {log:q} 2>&1"


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
        spec=spec("labels"),
        abstain=SETTINGS.config["abstain"] is not None,
        code=code("write_details"),
    shell:
        "python workflow_scripts/write_details.py --votes {input.votes:q} --thresholds {input.thresholds:q}"
        " --certain {input.certain:q} --spec - <<< {params.spec:q} --output {output.details:q} > {log:q} 2>&1"


rule estimate_labels:
    """Repeat selection, stack and threshold of each label inside each outer fold, and decide the photos left out."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        members=of_features("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        estimate=results("ensemble/honest/{block}.parquet"),
    log:
        logs("estimate_labels/{block}.log"),
    benchmark:
        benchmarks("estimate_labels/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        spec=stack_spec(stack=stack_settings(), threshold=threshold_settings()),
        code=combining_code("estimate_labels"),
    shell:
        "python workflow_scripts/estimate_labels.py --scores {input.scores:q} --members {input.members:q}"
        " --manifest {input.manifest:q} --fold-table {input.folds:q} --spec - <<< {params.spec:q} --threads {threads} --output {output.estimate:q}"
        " > {log:q} 2>&1"


rule estimate_honestly:
    """Put the nested estimate of every label and of the macro F2 beside the naive one."""
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
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(10),
    params:
        spec=spec("labels", "votes", "beta"),
        code=code("estimate_honestly"),
    shell:
        "python workflow_scripts/estimate_honestly.py --estimates {input.estimates:q} --thresholds {input.thresholds:q}"
        " --manifest {input.manifest:q} --locked-votes {input.locked_votes:q}"
        " --locked-manifest {input.locked_manifest:q} --spec - <<< {params.spec:q} --decisions {output.decisions:q}"
        " --output {output.honest:q} > {log:q} 2>&1"


rule estimate_joining:
    """Estimate what it adds that all folds' networks decide a photoset, where the honest estimate has those of one."""
    input:
        estimates=every_block("ensemble/honest/{block}.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        votes=results("predictions/{photoset}/votes.parquet"),
    output:
        gains=results("predictions/{photoset}/joining.parquet"),
    log:
        logs("estimate_joining/{photoset}.log"),
    benchmark:
        benchmarks("estimate_joining/{photoset}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(10),
    params:
        folds=len(SETTINGS.folds),
        spec=spec("labels", "beta"),
        code=code("estimate_joining"),
    shell:
        "python workflow_scripts/estimate_joining.py --estimates {input.estimates:q} --thresholds {input.thresholds:q}"
        " --manifest {input.manifest:q} --votes {input.votes:q} --folds {params.folds} --spec - <<< {params.spec:q}"
        " --output {output.gains:q} > {log:q} 2>&1"


rule write_submission:
    """Write the decisions for the photoset `test`, and how good they can be expected to be."""
    input:
        votes=results("predictions/test/votes.parquet"),
        manifest=results("photos/test/manifest.parquet"),
        scores=results("predictions/test/scores.parquet"),
        honest=results("ensemble/honest.parquet"),
        joining=if_averaged("predictions/test/joining.parquet"),
        locked_scores=if_locked("predictions/locked/scores.parquet"),
    output:
        submission=results("submission.csv"),
        summary=results("summary.txt"),
    log:
        logs("write_submission.log"),
    conda:
        "../envs/environment.yaml"
    params:
        spec=spec("labels", format=SETTINGS.config["submission"]),
        summary=spec("beta"),
        code=code("write_decisions") + code("summarize"),
    shell:
        "python workflow_scripts/write_decisions.py --votes {input.votes:q} --manifest {input.manifest:q}"
        " --spec - <<< {params.spec:q} --output {output.submission:q} > {log:q} 2>&1"
        " && python workflow_scripts/summarize.py --honest {input.honest:q} --scores {input.scores:q}"
        " --joining {input.joining:q} --locked-scores {input.locked_scores:q} --votes {input.votes:q} --spec - <<< {params.summary:q}"
        " --output {output.summary:q} >> {log:q} 2>&1"
