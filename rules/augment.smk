"""Photos into more and rebalanced photos. Needs manifest and folds; gives masks, recoloured photos, and what each epoch of
a recipe sees.

Masks and recoloured photos are kept in shards, a job each. Shards of recoloured photos are large: what follows compares
the small table of attempts that is made with each (see `train.smk`).
"""

from stylevote.photos.listing import list_files, names_and_contents

READS_MASKS = SEGMENTATION.model in ("given", "smp")


# The following two return options of programs, which Snakemake does not compare: the folders may be anywhere.


def training_photos(wildcards):
    """Return the folder of the training photos."""
    return SETTINGS.config.photosets["train"].photos


def masks_folder(wildcards):
    """Return the folder of the training photos' masks, if there is one."""
    return SETTINGS.config.photosets["train"].masks or ""


@cache
def contents_of_masks():
    """Return a digest of what a segmentation by given masks, or a training on them, depends on: which masks there are, and
    what they show."""
    folder = SETTINGS.config.photosets["train"].masks
    if not READS_MASKS:
        return ""
    if is_drawn(folder):
        return canonical([SETTINGS.config.demo, code("photos/draw_demo")])
    return or_refused(lambda: names_and_contents(folder, list_files(folder)))


def mask_labels(wildcards):
    """Return the table that names the masks' classes, if there is one."""
    return (SETTINGS.config.photosets["train"].mask_labels if READS_MASKS else None) or []


def brought(weights):
    """Return a function that returns a digest of what the user brings to a segmentation: masks, the table of their classes,
    and these weights."""

    def contents(wildcards):
        made_here = results("segmenter/weights.safetensors")
        files = [mask_labels(wildcards), weights(wildcards)]
        files = [path for path in files if path and path != made_here and not is_drawn(path)]
        return " ".join([contents_of_masks(), *([quick_fingerprint(files)] if files else [])])

    return contents


def segmentation_settings(*keys):
    """Return the named settings of segmentation, and those of the chosen model."""
    return {key: value for key, value in SEGMENTATION.used().items() if key in (*keys, SEGMENTATION.model)}


def every_shard(path):
    """Return a path for each shard of the training photos."""
    return expand(results(path), shard=range(SEGMENTATION.shards), allow_missing=True)


def encoder_weights(wildcards):
    """Return the file of weights that the segmenter's encoder starts from, if the user brings one."""
    if SEGMENTATION.model != "smp":
        raise WorkflowError(f"segmentation.model is {SEGMENTATION.model}: only smp is trained here")
    weights = SEGMENTATION.smp.weights
    return [] if weights in ("none", "pretrained") else weights


rule train_segmenter:
    """Train a network on the masks that the training photos bring."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        mask_labels=mask_labels,
        start=encoder_weights,
    output:
        weights=results("segmenter/weights.safetensors"),
        history=results("segmenter/history.parquet"),
        summary=results("segmenter/summary.json"),
    log:
        logs("train_segmenter.log"),
    benchmark:
        benchmarks("train_segmenter.tsv")
    priority: 10
    conda:
        "../envs/environment.yaml"
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        runtime=by_attempt(240),
    params:
        **program(
            "augment/train_segmenter",
            spec(**segmentation_settings("region", "size")),
            photos=training_photos,
            given_masks=masks_folder,
            threads="{threads}",
        ),
        brought=brought(encoder_weights),
    shell:
        PROGRAM


def segmenter_weights(wildcards):
    """Return the weights that photos are segmented with: those trained here, or the user's."""
    if SEGMENTATION.model == "smp":
        return results("segmenter/weights.safetensors")
    weights = SEGMENTATION.maskrcnn.weights
    return weights if SEGMENTATION.model == "maskrcnn" and weights != "pretrained" else []


def segmenter_code(wildcards):
    """Return a digest of the code of segmentation: of the models, the chosen one alone."""
    if SEGMENTATION.model == "none":
        raise WorkflowError("segmentation.model is none: there are no masks, and no recoloured photos")
    return code("augment/segment_photos", f"augment/segmenters/{SEGMENTATION.model}")


rule segment_photos:
    """Find the person, or the clothing, in each training photo of a shard."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        mask_labels=mask_labels,
        weights=segmenter_weights,
    output:
        masks=results("masks/{shard}.parquet"),
    log:
        logs("segment_photos/{shard}.log"),
    benchmark:
        benchmarks("segment_photos/{shard}.tsv")
    priority: 10
    conda:
        "../envs/environment.yaml"
    resources:
        gpu=int(SEGMENTATION.model != "given"),
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "augment/segment_photos",
            spec(segmentation=segmentation_settings("model", "region", "size", "shards")),
            digest=segmenter_code,
            photos=training_photos,
            given_masks=masks_folder,
            shard="{shard}",
            threads="{threads}",
        ),
        brought=brought(segmenter_weights),
    shell:
        PROGRAM


rule recolor_photos:
    """Recolour the clothes of a shard's photos with a rare label."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        masks=results("masks/{shard}.parquet"),
    output:
        recolored=results("recolored/{shard}.parquet"),
        attempts=results("recolored/attempts/{shard}.parquet"),
    log:
        logs("recolor_photos/{shard}.log"),
    benchmark:
        benchmarks("recolor_photos/{shard}.tsv")
    priority: 10
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "augment/recolor_photos",
            spec(
                "labels",
                size=SEGMENTATION.size,
                shards=SEGMENTATION.shards,
                recolor=SETTINGS.config.recolor,
            ),
            photos=training_photos,
            shard="{shard}",
        ),
    shell:
        PROGRAM


rule gather_recolored:
    """List every attempt at recolouring, with its figures, so that what follows reads one small file."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        shards=every_shard("recolored/attempts/{shard}.parquet"),
    output:
        attempts=results("recolored/index.parquet"),
    log:
        logs("gather_recolored.log"),
    benchmark:
        benchmarks("gather_recolored.tsv")
    priority: 10
    conda:
        "../envs/environment.yaml"
    params:
        **program("augment/gather_recolored", spec("labels")),
    shell:
        PROGRAM


def contact_sheet():
    """Return the contact sheet of recoloured photos, if any run uses them."""
    used = any(uses_recolored(setting["recipe"]) for setting in SETTINGS.runs.values())
    return results("recolored/contact_sheet.png") if used else []


rule draw_contact_sheet:
    """Show examples of recoloured photos: before, mask, after."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        attempts=results("recolored/index.parquet"),
        masks=every_shard("masks/{shard}.parquet"),
        recolored=ancient(every_shard("recolored/{shard}.parquet")),
    output:
        sheet=report(
            results("recolored/contact_sheet.png"),
            caption="captions/contact_sheet.rst",
            category="Labels",
            labels={"picture": "recolouring"},
        ),
    log:
        logs("draw_contact_sheet.log"),
    benchmark:
        benchmarks("draw_contact_sheet.tsv")
    # Before networks are trained: somebody may want to see it first.
    priority: 10
    conda:
        "../envs/environment.yaml"
    params:
        **program("augment/draw_contact_sheet", spec(size=SEGMENTATION.size), photos=training_photos),
    shell:
        PROGRAM


rule cache_recolored:
    """Decode every recoloured photo once, at one size."""
    input:
        attempts=results("recolored/index.parquet"),
        recolored=ancient(every_shard("recolored/{shard}.parquet")),
    output:
        pixels=results("pixels/train-recolored/{size}/pixels.bin"),
        index=results("pixels/train-recolored/{size}/index.parquet"),
    log:
        logs("cache_recolored/{size}.log"),
    benchmark:
        benchmarks("cache_recolored/{size}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        runtime=by_attempt(240),
    params:
        **program("augment/cache_recolored", lambda wildcards: canonical({"size": int(wildcards.size)})),
    shell:
        PROGRAM


def recolored_list(wildcards):
    """Return the list of recoloured photos, if the recipe uses them."""
    return results("recolored/index.parquet") if uses_recolored(wildcards.recipe) else []


def recipe_spec(wildcards):
    """Return what a recipe's epochs depend on."""
    recipe = {**SETTINGS.config.recipes[wildcards.recipe].used(), "epochs": int(wildcards.epochs)}
    return canonical({"labels": SETTINGS.labels, "recipe": recipe})


rule resample_manifest:
    """Draw what each epoch of a recipe sees on one fold."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        attempts=recolored_list,
    output:
        epochs=results("manifests/{recipe}/{epochs}/fold{fold}.parquet"),
    log:
        logs("resample_manifest/{recipe}/{epochs}/fold{fold}.log"),
    benchmark:
        benchmarks("resample_manifest/{recipe}/{epochs}/fold{fold}.tsv")
    # Before pixels are cached and networks trained: an impossible recipe is to be known early.
    priority: 10
    conda:
        "../envs/environment.yaml"
    params:
        **program("augment/resample_manifest", recipe_spec, name="{recipe}", fold="{fold}"),
    shell:
        PROGRAM
