"""What people look at. Needs decisions, the estimates and what led to them; gives one page, a model card, and the pictures.

The pictures are those of `snakemake --report`, too.
"""


include: "given/report.smk"


localrules:
    write_report,
    write_model_card,


TRAINING_PICTURES = results("report/training/{run}.svg")


rule draw_labels:
    """Draw the pictures of a block's labels, and decide by single networks, to compare them with the ensemble."""
    input:
        scores=results("ensemble/scores/{block}.parquet"),
        rankings=results("ensemble/rankings/{block}.parquet"),
        members=results("ensemble/members/{block}.parquet"),
        stacked=results("ensemble/stacked/{block}.parquet"),
        estimate=results("ensemble/honest/{block}.parquet"),
        threshold=results("ensemble/thresholds/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        votes=results("predictions/test/votes.parquet"),
        test_manifest=results("photos/test/manifest.parquet"),
        # Of many labels, their scores say which are drawn.
        honest=results("ensemble/honest.parquet") if len(SETTINGS.labels) > MOST_PICTURED else [],
        predictions=every_run("predictions/test/{run}/fold{fold}.parquet") if compared_losses() else [],
    output:
        thresholds=label_pictures("thresholds", "Thresholds"),
        reliability=label_pictures("reliability", "Reliability"),
        correlation=label_pictures("correlation", "Correlation of members"),
        losses=label_pictures("losses", "Losses", bool(compared_losses())),
        singles=results("report/labels/{block}/singles.parquet"),
        figures=results("report/labels/{block}/figures.parquet"),
    log:
        logs("draw_labels/{block}.log"),
    benchmark:
        benchmarks("draw_labels/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(30),
    params:
        spec=block_spec(beta=BETA, most=MOST_PICTURED, external=list(SETTINGS.external), losses=compared_losses()),
        predictions=lambda wildcards: results("predictions/test/{run}/fold{fold}.parquet"),
        losses=colors_of(list(compared_losses())),  # for the caption
        code=code("draw_labels"),
    shell:
        "python workflow_scripts/draw_labels.py --scores {input.scores:q} --rankings {input.rankings:q}"
        " --members {input.members:q} --stacked {input.stacked:q} --estimate {input.estimate:q}"
        " --threshold {input.threshold:q} --manifest {input.manifest:q} --fold-table {input.folds:q}"
        " --votes {input.votes:q} --test-manifest {input.test_manifest:q} --honest {input.honest:q}"
        " --test-predictions {params.predictions:q} --spec - <<< {params.spec:q}"
        " --thresholds-pictures {output.thresholds:q} --reliability-pictures {output.reliability:q}"
        " --correlation-pictures {output.correlation:q} --losses-pictures {output.losses:q}"
        " --singles {output.singles:q} --figures {output.figures:q} > {log:q} 2>&1"


rule draw_training:
    """Draw every run's training: losses, and the F-beta of every label, by epoch."""
    input:
        histories=every_run("runs/{run}/fold{fold}/history.parquet"),
        rankings=every_block("ensemble/rankings/{block}.parquet"),
    output:
        pictures=[picture("training/{run}.svg", "Training", run=run) for run in SETTINGS.runs],
        reached=results("report/training.parquet"),
    log:
        logs("draw_training.log"),
    benchmark:
        benchmarks("draw_training.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(30),
    params:
        histories=lambda wildcards: results("runs/{run}/fold{fold}/history.parquet"),
        pictures=lambda wildcards: TRAINING_PICTURES,
        runs=list(SETTINGS.runs),
        folds=len(SETTINGS.folds),
        spec=spec("labels"),
        code=code("draw_training"),
    shell:
        "python workflow_scripts/draw_training.py --rankings {input.rankings:q} --histories {params.histories:q}"
        " --runs {params.runs:q} --folds {params.folds} --spec - <<< {params.spec:q} --output {params.pictures:q}"
        " --reached {output.reached:q} > {log:q} 2>&1"


rule draw_overview:
    """Draw the pictures of all labels together, and write the figures that the report says."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        test_manifest=results("photos/test/manifest.parquet"),
        honest=results("ensemble/honest.parquet"),
        decisions=results("ensemble/honest_decisions.parquet"),
        candidates=every_block("ensemble/scores/{block}.parquet"),
        rankings=every_block("ensemble/rankings/{block}.parquet"),
        stacked=every_block("ensemble/stacked/{block}.parquet"),
        singles=every_block("report/labels/{block}/singles.parquet"),
        figures=every_block("report/labels/{block}/figures.parquet"),
        votes=results("predictions/test/votes.parquet"),
        scores=results("predictions/test/scores.parquet"),
        joining=if_averaged("predictions/test/joining.parquet"),
        sizes=if_sized("ensemble/size_curve.parquet"),
        epochs=resampled_epochs(),
    output:
        macro=results("report/macro.parquet"),
        labels=results("report/labels.parquet"),
        gains=results("report/gains.parquet"),
        scores=picture("scores.svg", "Result", picture="macro F-beta"),
        by_label=picture("labels.svg", "Result", picture="F-beta by label"),
        distribution=picture("distribution.svg", "Labels", picture="positives"),
        together=picture("co_occurrence.svg", "Labels", picture="co-occurrence"),
        single=picture("gains.svg", "Result", picture="ensemble and single networks"),
        size=picture("sizes.svg", "Result", SIZED, picture="size against score"),
        resampling=picture("resampling.svg", "Labels", bool(resampling_recipes()), picture="resampling"),
        counts=if_resampled("report/resampling.parquet"),
    log:
        logs("draw_overview.log"),
    benchmark:
        benchmarks("draw_overview.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(30),
    params:
        pictures=lambda wildcards, output: os.path.dirname(output.macro),
        recipes=list(resampling_recipes()),
        colors=colors_of(["before", *resampling_recipes()]),  # for the caption
        spec=spec("labels", "beta", sized=SIZED, most=MOST_PICTURED),
        code=code("draw_overview"),
    shell:
        "python workflow_scripts/draw_overview.py --manifest {input.manifest:q} --fold-table {input.folds:q}"
        " --test-manifest {input.test_manifest:q} --honest {input.honest:q} --decisions {input.decisions:q}"
        " --candidates {input.candidates:q} --rankings {input.rankings:q} --stacked {input.stacked:q}"
        " --singles {input.singles:q} --figures {input.figures:q} --votes {input.votes:q}"
        " --scores {input.scores:q} --joining {input.joining:q} --sizes {input.sizes:q} --recipes {params.recipes:q}"
        " --epochs {input.epochs:q} --spec - <<< {params.spec:q} --macro {output.macro:q} --labels {output.labels:q}"
        " --gains {output.gains:q} --pictures {params.pictures:q} > {log:q} 2>&1"


rule write_report:
    """Put figures, pictures and photos on one page that stands alone."""
    input:
        figures=rules.draw_overview.output,
        by_label=every_block("report/labels/{block}/figures.parquet"),
        # Folders have no content that Snakemake compares: the tables that are made with them stand for them.
        pictures=ancient([path for name in LABEL_PICTURES for path in every_block(f"report/{name}/{{block}}")]),
        training=rules.draw_training.output.pictures if SETTINGS.runs else [],
        reached=rules.draw_training.output.reached if SETTINGS.runs else [],
        manifest=results("photos/train/manifest.parquet"),
        test_manifest=results("photos/test/manifest.parquet"),
        estimates=every_block("ensemble/honest/{block}.parquet"),
        decisions=results("ensemble/honest_decisions.parquet"),
        votes=results("predictions/test/votes.parquet"),
        members=results("ensemble/members.parquet"),
        runs=results("ensemble/runs.json"),
        sizes=if_sized("ensemble/size_curve.parquet"),
        resampling=if_resampled("report/resampling.parquet"),
        index=results("recolored/index.parquet") if contact_sheet() else [],
        sheet=contact_sheet(),
    output:
        report=results("report.html"),
    log:
        logs("write_report.log"),
    conda:
        "../envs/environment.yaml"
    params:
        # They take `input`, so that Snakemake does not compare them: where photos lie does not count, and what jobs took
        # is read as it is found.
        photos=lambda wildcards, input: SETTINGS.config["photosets"]["train"]["photos"] or "",
        test_photos=lambda wildcards, input: SETTINGS.config["photosets"]["test"]["photos"] or "",
        gpu=lambda wildcards, input: [rule.name for rule in workflow.rules if "gpu" in rule.resources],
        known=lambda wildcards, input: present_names(),
        idle=lambda wildcards, input: [rule.name for rule in workflow.rules if is_idle(rule)],
        results=lambda wildcards, input, output: os.path.dirname(output.report),
        shared=lambda wildcards, input: str(NETWORKS),
        shared_rules=lambda wildcards, input: sorted(SHARED_RULES),
        spec=spec(
            "labels",
            "beta",
            blocks=SETTINGS.blocks,
            folds=len(SETTINGS.folds),
            losses=list(compared_losses()),
            cut=only_cut(),
            sized=SIZED,
            most=MOST_PICTURED,
        ),
        code=code("write_report"),
    shell:
        "python workflow_scripts/write_report.py --pictures {params.results:q}/report --manifest {input.manifest:q}"
        " --test-manifest {input.test_manifest:q} --estimates {input.estimates:q} --decisions {input.decisions:q}"
        " --votes {input.votes:q} --members {input.members:q} --runs {input.runs:q} --networks {params.shared:q}"
        " --network-rules {params.shared_rules:q} --by-label {input.by_label:q}"
        " --results {params.results:q} --photos {params.photos:q} --test-photos {params.test_photos:q}"
        " --gpu {params.gpu:q} --known {params.known:q} --idle {params.idle:q} --reached {input.reached:q} --sizes {input.sizes:q} --resampling {input.resampling:q}"
        " --index {input.index:q} --sheet {input.sheet:q} --spec - <<< {params.spec:q} --output {output.report:q} > {log:q} 2>&1"


rule write_model_card:
    """Write the model card: data, intended use, measures with intervals, limits, settings, versions and digests."""
    input:
        macro=results("report/macro.parquet"),
        labels=results("report/labels.parquet"),
        members=results("ensemble/members.parquet"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        runs=results("ensemble/runs.json"),
        manifests=expand(results("photos/{photoset}/manifest.parquet"), photoset=described_photosets()),
        submission=results("submission.csv"),
    output:
        card=results("model_card.md"),
    log:
        logs("write_model_card.log"),
    conda:
        "../envs/environment.yaml"
    params:
        spec=card_spec,
        code=code("write_model_card"),
    shell:
        "python workflow_scripts/write_model_card.py --macro {input.macro:q} --labels {input.labels:q}"
        " --members {input.members:q} --thresholds {input.thresholds:q} --runs {input.runs:q}"
        " --manifests {input.manifests:q} --submission {input.submission:q}"
        " --spec - <<< {params.spec:q} --output {output.card:q} > {log:q} 2>&1"
