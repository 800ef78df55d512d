"""The report. Needs decisions, estimates, and the tables behind them; gives one page, a model card, and their pictures.

`snakemake --report` shows the same pictures.
"""

from stylevote.report.contents import (
    card_settings,
    color_legend,
    comparable_runs,
    loss_names,
    resampling_recipes,
    threshold_decides,
)
from stylevote.wording import escape_bidi


localrules:
    write_report,
    write_model_card,


LABEL_OF = {slug: label for label, slug in SETTINGS.slugs.items()}
SIZED = SETTINGS.config.report.sizes or SETTINGS.config.target is not None
MAX_PICTURES = SETTINGS.config.report.pictures
LOSS_GROUPS = comparable_runs(SETTINGS.runs)
LOSSES = loss_names(LOSS_GROUPS)
# Runs with several epochs: probes are fitted at once.
FINE_TUNED = {run: setting for run, setting in SETTINGS.runs.items() if not setting.get("probe")}
# Those that predict every label.
COMPLETE = [run for run, setting in FINE_TUNED.items() if len(SETTINGS.labels_of(setting)) == len(SETTINGS.labels)]
# Photos that chose no threshold: the test photos, or the holdout photos if the labels of the test photos are not known.
KNOWN_TEST = TESTED and SETTINGS.config.photosets["test"].labels
CHECKED = "holdout" if HOLDOUT and not KNOWN_TEST else "test" if TESTED else ""
RESAMPLED = resampling_recipes(SETTINGS.runs, SETTINGS.config.only("recipes")["recipes"])
DESCRIBED = ["train", *(["test"] if TESTED else []), *(["holdout"] if HOLDOUT else [])]


def wanted(condition, path):
    """Return a path in the results folder if the condition is true."""
    path = results(path)
    return path if condition else []


def picture(pattern, category, condition=True, **labels):
    """Return a picture that `snakemake --report` lists by these labels; they also fill its path."""
    path = results(f"report/{pattern}").format(**labels)
    caption = f"captions/{Path(pattern).parts[0].removesuffix('.svg')}.rst"
    shown = report(path, caption=caption, category=category, labels=labels)
    return shown if condition else []


def label_pictures(kind, category, condition=True):
    """Return a folder of pictures of a block's labels, which `snakemake --report` lists by the labels' names."""
    shown = report(
        directory(results(f"report/{kind}/{{block}}")),
        patterns=["{slug}.svg"],
        caption=f"captions/{kind}.rst",
        category=category,
        # Snakemake would take a brace for a wildcard: an invisible word joiner comes between.
        labels=lambda wildcards: {"label": escape_bidi(LABEL_OF[wildcards.slug]).replace("{", "{\u2060")},
    )
    return shown if condition else []


rule draw_labels:
    """Draw the pictures of a block's labels, and decide by single networks, to compare them with the ensemble."""
    input:
        scores=results("ensemble/scores/{block}.parquet"),
        rankings=results("ensemble/rankings/{block}.parquet"),
        members=results("ensemble/members/{block}.parquet"),
        stacked=results("ensemble/stacked/{block}.parquet"),
        estimate=results("estimate/nested/{block}.parquet"),
        threshold=results("ensemble/thresholds/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        votes=wanted(CHECKED, f"predictions/{CHECKED or 'test'}/votes.parquet"),
        checked_manifest=wanted(CHECKED, f"photos/{CHECKED or 'test'}/manifest.parquet"),
        # If there are many labels, their scores choose those that are drawn.
        summary=results("estimate/summary.parquet") if len(SETTINGS.labels) > MAX_PICTURES else [],
        predictions=every_run(f"predictions/{CHECKED}/{{run}}/fold{{fold}}.parquet") if LOSSES and CHECKED else [],
    output:
        pictures=[
            label_pictures("thresholds", "Thresholds"),
            label_pictures("reliability", "Reliability"),
            label_pictures("correlation", "Correlation of members"),
            label_pictures("losses", "Losses", bool(LOSSES)),
        ],
        singles=results("report/labels/{block}/singles.parquet"),
        figures=results("report/labels/{block}/figures.parquet"),
        searches=results("report/labels/{block}/searches.parquet"),
        losses=[
            wanted(LOSSES, "report/labels/{block}/losses.parquet"),
            wanted(LOSSES, "report/labels/{block}/loss_samples.parquet"),
        ],
    log:
        logs("draw_labels/{block}.log"),
    benchmark:
        benchmarks("draw_labels/{block}.tsv")
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program(
            "report/draw_labels",
            block_settings(
                beta=BETA, max_pictures=MAX_PICTURES, external=list(SETTINGS.external), compared=LOSS_GROUPS
            ),
        ),
        colors=color_legend(LOSSES),  # for the caption
        checked=CHECKED,
    shell:
        PROGRAM


rule draw_training:
    """Draw every run's training: losses, and the F-beta of every label, by epoch. A probe has none."""
    input:
        histories=[
            path.replace("{run}", run)
            for run in FINE_TUNED
            for path in every_fold("runs/{run}/fold{fold}/history.parquet")
        ],
        rankings=every_block("ensemble/rankings/{block}.parquet"),
    output:
        pictures=[picture("training/{run}.svg", "Training", run=run) for run in FINE_TUNED],
        table=results("report/training.parquet"),
    log:
        logs("draw_training.log"),
    benchmark:
        benchmarks("draw_training.tsv")
    params:
        **program(
            "report/draw_training",
            settings("labels", runs=list(SETTINGS.runs), drawn=list(FINE_TUNED), folds=len(SETTINGS.folds)),
        ),
    shell:
        PROGRAM


rule draw_overview:
    """Draw the pictures of all labels together, and write the figures of the report."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        test_manifest=of_test("photos/test/manifest.parquet"),
        summary=results("estimate/summary.parquet"),
        decisions=results("estimate/nested_decisions.parquet"),
        candidates=every_block("ensemble/scores/{block}.parquet"),
        rankings=every_block("ensemble/rankings/{block}.parquet"),
        stacked=every_block("ensemble/stacked/{block}.parquet"),
        singles=every_block("report/labels/{block}/singles.parquet"),
        figures=every_block("report/labels/{block}/figures.parquet"),
        searches=every_block("report/labels/{block}/searches.parquet"),
        loss_samples=every_block("report/labels/{block}/loss_samples.parquet") if LOSSES else [],
        votes=of_test("predictions/test/votes.parquet"),
        scores=of_test("predictions/test/scores.parquet"),
        fold_averaging=if_averaged("predictions/test/fold_averaging.parquet"),
        sizes=wanted(SIZED, "estimate/size_curve.parquet"),
        # The photos that the first fold's networks see.
        epochs=[results(f"manifests/{name}/{epochs}/fold0.parquet") for name, epochs in RESAMPLED.items()],
    output:
        tables=[
            results("report/macro.parquet"),
            results("report/labels.parquet"),
            results("report/gains.parquet"),
            results("report/searches.parquet"),
            wanted(LOSSES, "report/loss_gains.parquet"),
            wanted(RESAMPLED, "report/resampling.parquet"),
        ],
        pictures=[
            picture("scores.svg", "Result", picture="macro F-beta"),
            picture("labels.svg", "Result", picture="F-beta by label"),
            picture("distribution.svg", "Labels", picture="positives"),
            picture("co_occurrence.svg", "Labels", picture="co-occurrence"),
            picture("gains.svg", "Result", picture="ensemble and single networks"),
            picture("sizes.svg", "Result", SIZED, picture="size against score"),
            picture("resampling.svg", "Labels", bool(RESAMPLED), picture="resampling"),
            picture("epochs.svg", "Training", bool(COMPLETE), picture="labels by epoch"),
        ],
    log:
        logs("draw_overview.log"),
    benchmark:
        benchmarks("draw_overview.tsv")
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program(
            "report/draw_overview",
            settings("labels", "beta", max_pictures=MAX_PICTURES, recipes=list(RESAMPLED), runs=COMPLETE),
        ),
        sized=SIZED,  # Snakemake does not compare lists of inputs
        tested=TESTED,
        colors=color_legend(["before", *RESAMPLED]),  # for the caption
    shell:
        PROGRAM


def benchmarked_rules(wildcards):
    """Return the benchmark file or folder of each rule that the configuration uses, without its suffix."""
    folder_of = {rule.name: NETWORKS if rule.name in SHARED_RULES else RESULTS for rule in workflow.rules}
    return [folder_of[rule.name] / "benchmarks" / rule.name for rule in workflow.rules if not is_idle(rule)]


def wildcard_patterns(wildcards):
    """Return the values that wildcards have in the configuration, as regular expressions."""
    constraints = [workflow.wildcard_constraints, *(rule.wildcard_constraints for rule in workflow.rules)]
    return sorted({pattern for part in constraints for pattern in part.values()})


rule write_report:
    """Put figures, pictures and photos on one page that needs no other file."""
    input:
        tables=[
            *rules.draw_overview.output.tables,
            results("estimate/nested_decisions.parquet"),
            of_test("predictions/test/votes.parquet"),
            results("ensemble/members.parquet"),
            results("photos/shared_photos.parquet"),
            wanted(SETTINGS.runs, "report/training.parquet"),
            wanted(SIZED, "estimate/size_curve.parquet"),
            wanted(contact_sheet(), "recolored/index.parquet"),
        ],
        pictures=[
            *rules.draw_overview.output.pictures,
            *(rules.draw_training.output.pictures if SETTINGS.runs else []),
            # Folders have no content that Snakemake compares: the tables that are made with them stand for them.
            *ancient(every_block("report/thresholds/{block}")),
            *ancient(every_block("report/reliability/{block}")),
            *ancient(every_block("report/correlation/{block}")),
            *ancient(every_block("report/losses/{block}") if LOSSES else []),
        ],
        figures=every_block("report/labels/{block}/figures.parquet"),
        estimates=every_block("estimate/nested/{block}.parquet"),
        losses=every_block("report/labels/{block}/losses.parquet") if LOSSES else [],
        manifest=results("photos/train/manifest.parquet"),
        test_manifest=of_test("photos/test/manifest.parquet"),
        runs=results("ensemble/runs.json"),
        composition=results("ensemble/composition.json"),
        sheet=contact_sheet(),
    output:
        report=results("report.html"),
    log:
        logs("write_report.log"),
    params:
        # Folders of photos and costs of jobs are options, which Snakemake does not compare.
        **program(
            "report/write_report",
            settings(
                "labels",
                "beta",
                max_pictures=MAX_PICTURES,
                folds=len(SETTINGS.folds),
                combiner=SETTINGS.config.stack.combiner,
                features=SETTINGS.config.stack.features,
                aggregation=SETTINGS.config.votes.aggregation,
                compared=LOSSES,
                checked=CHECKED,
                threshold_decides=threshold_decides(SETTINGS.config.votes.used()),
            ),
            train_photos=lambda wildcards: SETTINGS.config.photosets["train"].photos or "",
            test_photos=lambda wildcards: SETTINGS.config.photosets["test"].photos if TESTED else "",
            results=lambda wildcards: str(RESULTS),
            benchmarks=benchmarked_rules,
            wildcards=wildcard_patterns,
            gpu_rules=lambda wildcards: [rule.name for rule in workflow.rules if "gpu" in rule.resources],
        ),
        sized=SIZED,  # Snakemake does not compare lists of inputs
        tested=TESTED,
    shell:
        PROGRAM


rule write_model_card:
    """Write the model card: data, intended use, measures with intervals, limits, settings, versions and digests."""
    input:
        macro=results("report/macro.parquet"),
        by_label=results("report/labels.parquet"),
        members=results("ensemble/members.parquet"),
        composition=results("ensemble/composition.json"),
        thresholds=every_block("ensemble/thresholds/{block}.parquet"),
        runs=results("ensemble/runs.json"),
        manifests=expand(results("photos/{photoset}/manifest.parquet"), photoset=DESCRIBED),
        submission=of_test("submission.csv"),
    output:
        card=results("model_card.md"),
    log:
        logs("write_model_card.log"),
    params:
        **program(
            "report/write_model_card",
            settings(
                configuration=card_settings(SETTINGS.config.model_dump(), list(SETTINGS.external)),
                photosets=DESCRIBED,
                drawn=is_drawn(SETTINGS.config.photosets["train"].photos or ""),
            ),
        ),
    shell:
        PROGRAM
