"""What people look at. Needs decisions, the estimates and what led to them; gives one page, a model card, and the pictures.

The pictures are those of `snakemake --report`, too.
"""

from stylevote.report.runs import setting_text
from stylevote.wording import escape_bidi


localrules:
    write_report,
    write_model_card,


LABEL_OF = {stem: label for label, stem in SETTINGS.slugs.items()}
SIZED = SETTINGS.config.report.sizes or SETTINGS.config.target is not None
MOST_PICTURED = SETTINGS.config.report.pictures


@cache
def compared_losses():
    """Return the runs that were trained with each loss and its parameters; nothing if there is one loss."""
    losses = {}
    for run, setting in SETTINGS.runs.items():
        losses.setdefault(setting_text(setting["loss"]), []).append(run)
    return dict(sorted(losses.items())) if len(losses) > 1 else {}


def rst(text):
    """Return a text for a caption, in which every mark of reStructuredText stands for itself."""
    return re.sub(r"([^A-Za-z0-9\s])", r"\\\1", escape_bidi(text))


def colors_of(names):
    """Return the meaning of a picture's colours, for its caption."""
    pairs = zip(("blue", "orange", "green", "purple"), names)
    return "; ".join(f"{color}: {rst(name)}" for color, name in pairs)


def caption_of(pattern):
    """The name of a picture's caption: its own, or its folder's where it is one of each run."""
    parent, stem = Path(pattern).parent.name, Path(pattern).stem
    return parent if "{" in stem else stem


def picture(pattern, category, wanted=True, **labels):
    """A picture of the report, if it is wanted, which `snakemake --report` shows, too, with a caption of its own.

    It is listed by the labels that its path is made of.
    """
    path = results(f"report/{pattern}").format(**labels)
    caption = f"captions/{caption_of(pattern)}.rst"
    return report(path, caption=caption, category=category, labels=labels) if wanted else []


def label_pictures(name, category, wanted=True):
    """Return a folder of pictures of a block's labels, which `snakemake --report` lists by the labels' names."""

    def labels(wildcards):
        # Snakemake would take a brace for a wildcard: a word joiner, which is not seen, comes between.
        return {"label": escape_bidi(LABEL_OF[wildcards.stem]).replace("{", "{\u2060")}

    folder = directory(results(f"report/{name}/{{block}}"))
    caption = f"captions/{name}.rst"
    return report(folder, patterns=["{stem}.svg"], caption=caption, category=category, labels=labels) if wanted else []


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
        votes=results("predictions/test/votes.parquet"),
        test_manifest=results("photos/test/manifest.parquet"),
        # If there are many labels, their scores say which are drawn.
        honest=results("estimate/summary.parquet") if len(SETTINGS.labels) > MOST_PICTURED else [],
        predictions=every_run("predictions/test/{run}/fold{fold}.parquet") if compared_losses() else [],
    output:
        threshold_pictures=label_pictures("thresholds", "Thresholds"),
        reliability_pictures=label_pictures("reliability", "Reliability"),
        correlation_pictures=label_pictures("correlation", "Correlation of members"),
        loss_pictures=label_pictures("losses", "Losses", bool(compared_losses())),
        singles=results("report/labels/{block}/singles.parquet"),
        figures=results("report/labels/{block}/figures.parquet"),
    log:
        logs("draw_labels/{block}.log"),
    benchmark:
        benchmarks("draw_labels/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program(
            "report/draw_labels",
            block_spec(beta=BETA, most=MOST_PICTURED, external=list(SETTINGS.external), losses=compared_losses()),
            runs=list(SETTINGS.runs) if compared_losses() else [],
        ),
        colors=colors_of(list(compared_losses())),  # for the caption
    shell:
        PROGRAM


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
    params:
        **program("report/draw_training", spec("labels", runs=list(SETTINGS.runs), folds=len(SETTINGS.folds))),
    shell:
        PROGRAM


def if_sized(path):
    """Return a path in the results folder, if the report is to say what ensembles of other sizes are worth."""
    return results(path) if SIZED else []


@cache
def resampling_recipes():
    """Return the epochs of the longest run of each recipe that repeats, drops or adds photos, by the recipe's name."""
    found = {}
    for setting in SETTINGS.runs.values():
        name = setting["recipe"]
        if any(SETTINGS.config.recipes[name].model_dump(exclude={"seed"}).values()):
            found[name] = max(found.get(name, 0), epochs_of(setting))
    return dict(sorted(found.items()))


def if_resampled(path):
    """Return a path in the results folder, if there are such recipes."""
    path = results(path)
    return path if resampling_recipes() else []


def resampled_epochs():
    """Return the tables of what the first fold's networks see with each of these recipes, in their order."""
    return [results(f"manifests/{name}/{epochs}/fold0.parquet") for name, epochs in resampling_recipes().items()]


rule draw_overview:
    """Draw the pictures of all labels together, and write the figures that the report says."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        test_manifest=results("photos/test/manifest.parquet"),
        honest=results("estimate/summary.parquet"),
        decisions=results("estimate/nested_decisions.parquet"),
        candidates=every_block("ensemble/scores/{block}.parquet"),
        rankings=every_block("ensemble/rankings/{block}.parquet"),
        stacked=every_block("ensemble/stacked/{block}.parquet"),
        singles=every_block("report/labels/{block}/singles.parquet"),
        figures=every_block("report/labels/{block}/figures.parquet"),
        votes=results("predictions/test/votes.parquet"),
        scores=results("predictions/test/scores.parquet"),
        joining=if_averaged("predictions/test/fold_averaging.parquet"),
        sizes=if_sized("estimate/size_curve.parquet"),
        epochs=resampled_epochs(),
    output:
        macro=results("report/macro.parquet"),
        by_label=results("report/labels.parquet"),
        gains=results("report/gains.parquet"),
        resampling=if_resampled("report/resampling.parquet"),
        # The program draws those that are here, and knows them by these names.
        pictures=[
            picture("scores.svg", "Result", picture="macro F-beta"),
            picture("labels.svg", "Result", picture="F-beta by label"),
            picture("distribution.svg", "Labels", picture="positives"),
            picture("co_occurrence.svg", "Labels", picture="co-occurrence"),
            picture("gains.svg", "Result", picture="ensemble and single networks"),
            picture("sizes.svg", "Result", SIZED, picture="size against score"),
            picture("resampling.svg", "Labels", bool(resampling_recipes()), picture="resampling"),
        ],
    log:
        logs("draw_overview.log"),
    benchmark:
        benchmarks("draw_overview.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program(
            "report/draw_overview",
            spec("labels", "beta", most=MOST_PICTURED, recipes=list(resampling_recipes())),
        ),
        sized=SIZED,  # Snakemake does not compare lists of inputs
        colors=colors_of(["before", *resampling_recipes()]),  # for the caption
    shell:
        PROGRAM


def present_names():
    """Return the values of wildcards in paths of benchmark files that this configuration has."""
    simulated = SETTINGS.config.simulation
    numbers = {*range(SEGMENTATION.shards), *(setting["size"] for setting in TRAINED), *map(epochs_of, TRAINED)}
    return sorted(
        {
            *SETTINGS.runs,
            *SETTINGS.config.photosets,
            *SETTINGS.config.recipes,
            *INGESTED,
            *EXPERIMENTS,
            *SETTINGS.blocks,
            *map(str, numbers),
            *(f"fold{fold}" for fold in SETTINGS.folds),
            *(f"{number:03d}" for number in range(simulated.members if simulated else 0)),
        }
    )


def only_cut():
    """Return whether new photos get a label if its score reaches the threshold, and never otherwise."""
    return SETTINGS.config.votes.used() == {"aggregation": "average_scores", "min_labels": 0, "max_labels": None}


rule write_report:
    """Put figures, pictures and photos on one page that stands alone."""
    input:
        macro=rules.draw_overview.output.macro,
        by_label=rules.draw_overview.output.by_label,
        gains=rules.draw_overview.output.gains,
        resampling=rules.draw_overview.output.resampling,
        pictures=rules.draw_overview.output.pictures,
        figures=every_block("report/labels/{block}/figures.parquet"),
        # Folders have no content that Snakemake compares: the tables that are made with them stand for them.
        threshold_pictures=ancient(every_block("report/thresholds/{block}")),
        reliability_pictures=ancient(every_block("report/reliability/{block}")),
        correlation_pictures=ancient(every_block("report/correlation/{block}")),
        loss_pictures=ancient(every_block("report/losses/{block}") if compared_losses() else []),
        training_pictures=rules.draw_training.output.pictures if SETTINGS.runs else [],
        reached=rules.draw_training.output.reached if SETTINGS.runs else [],
        manifest=results("photos/train/manifest.parquet"),
        test_manifest=results("photos/test/manifest.parquet"),
        estimates=every_block("estimate/nested/{block}.parquet"),
        decisions=results("estimate/nested_decisions.parquet"),
        votes=results("predictions/test/votes.parquet"),
        members=results("ensemble/members.parquet"),
        runs=results("ensemble/runs.json"),
        sizes=if_sized("estimate/size_curve.parquet"),
        index=results("recolored/index.parquet") if contact_sheet() else [],
        sheet=contact_sheet(),
    output:
        report=results("report.html"),
    log:
        logs("write_report.log"),
    conda:
        "../envs/environment.yaml"
    params:
        # Where photos are does not count, and the costs of jobs are read as they are found: options are not compared.
        **program(
            "report/write_report",
            spec(
                "labels",
                "beta",
                most=MOST_PICTURED,
                blocks=list(SETTINGS.blocks.values()),
                folds=len(SETTINGS.folds),
                losses=list(compared_losses()),
                cut=only_cut(),
            ),
            train_photos=lambda wildcards: SETTINGS.config.photosets["train"].photos or "",
            test_photos=lambda wildcards: SETTINGS.config.photosets["test"].photos or "",
            results=lambda wildcards: str(RESULTS),
            shared=lambda wildcards: str(NETWORKS),
            shared_rules=sorted(SHARED_RULES),
            gpu=lambda wildcards: [rule.name for rule in workflow.rules if "gpu" in rule.resources],
            known=lambda wildcards: present_names(),
            idle=lambda wildcards: [rule.name for rule in workflow.rules if is_idle(rule)],
        ),
        sized=SIZED,  # Snakemake does not compare lists of inputs
    shell:
        PROGRAM


def described_photosets():
    """Return the photosets that the model card describes."""
    return ["train", "test", *(["holdout"] if HOLDOUT else [])]


def card_spec(wildcards):
    """Return the settings that the model card names.

    It does not say how photos come, nor what else is made of the decisions. The program reads the settings of runs from
    a file, and an external member's name stands for its folder.
    """
    aside = {
        "results",
        "photosets",
        "downloads",
        "runs",
        "abstain",
        "bundle",
        "distillation",
        "experiments",
        "plan",
        "report",
    }
    settings = SETTINGS.config.model_dump(exclude=aside)
    settings["members"] = {**settings["members"], "external": list(SETTINGS.external)}
    return canonical(
        {
            "configuration": settings,
            "photosets": described_photosets(),
            "drawn": is_drawn(SETTINGS.config.photosets["train"].photos or ""),
        }
    )


rule write_model_card:
    """Write the model card: data, intended use, measures with intervals, limits, settings, versions and digests."""
    input:
        macro=rules.draw_overview.output.macro,
        by_label=rules.draw_overview.output.by_label,
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
        **program("report/write_model_card", card_spec),
    shell:
        PROGRAM
