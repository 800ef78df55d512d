"""Masks, recoloured photos, resampled epochs. Needs manifest and folds; gives the photos that each epoch of a recipe sees.

Masks and the colours of recoloured photos are kept in shards, one per job. Shards of colours are large, so later rules
compare the small table of attempts that is made with each shard (see `train.smk`).
"""

from stylevote.photos.listing import list_files, names_and_contents

TRAIN = SETTINGS.config.photosets["train"]
MODEL = SEGMENTATION.model
READS_MASKS = MODEL in ("given", "smp")
MASK_LABELS = [TRAIN.mask_labels] if READS_MASKS and TRAIN.mask_labels else []
# A user's file of weights: the segmenter's, or its encoder's if the segmenter is trained here.
SEGMENTER_WEIGHTS = [getattr(SEGMENTATION, MODEL).weights] if MODEL in ("maskrcnn", "smp") else []
SEGMENTER_WEIGHTS = [path for path in SEGMENTER_WEIGHTS if path not in ("none", "pretrained")]


@cache
def brought():
    """Return a digest of the user's files for a segmentation: masks, the table of their classes, weights."""
    masks = ""
    if READS_MASKS and is_drawn(TRAIN.masks):
        masks = canonical([SETTINGS.config.demo, code("photos/draw_demo")])
    elif READS_MASKS:
        masks = or_refused(lambda: names_and_contents(TRAIN.masks, list_files(TRAIN.masks)))
    files = [path for path in (*MASK_LABELS, *SEGMENTER_WEIGHTS) if not is_drawn(path)]
    return " ".join([masks, *([quick_fingerprint(files)] if files else [])])


def every_shard(path):
    """Return a path for each shard of the training photos."""
    return expand(results(path), shard=range(SEGMENTATION.shards), allow_missing=True)


def encoder_weights(wildcards):
    """Return the file of the encoder's weights, if the user brings one."""
    if MODEL != "smp":
        raise WorkflowError(f"segmentation.model: found {MODEL}, expected smp: no other model is trained here")
    return SEGMENTER_WEIGHTS


rule train_segmenter:
    """Train a segmentation network on the training photos' own masks."""
    input:
        checked_before("segmenter/weights.safetensors"),
        manifest=results("photos/train/manifest.parquet"),
        mask_labels=MASK_LABELS,
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
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        runtime=by_attempt(240),
    params:
        **program(
            "augment/train_segmenter",
            settings(**SEGMENTATION.only("region", "size", "smp")),
            photos=lambda wildcards: TRAIN.photos,
            given_masks=lambda wildcards: TRAIN.masks or "",
            threads="{threads}",
        ),
        brought=lambda wildcards: brought(),
    shell:
        PROGRAM


def segmenter_code(wildcards):
    """Return a digest of the code of segmentation, with the chosen model and no other."""
    if MODEL == "none":
        raise WorkflowError(
            "segmentation.model: found none, expected a model: without one there are no recoloured photos"
        )
    return code("augment/segment_photos", f"augment/segmenters/{MODEL}")


rule segment_photos:
    """Find the person, or the clothing, in each training photo of a shard."""
    input:
        checked_before("masks/{shard}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        mask_labels=MASK_LABELS,
        weights=results("segmenter/weights.safetensors") if MODEL == "smp" else SEGMENTER_WEIGHTS,
    output:
        masks=results("masks/{shard}.parquet"),
    log:
        logs("segment_photos/{shard}.log"),
    benchmark:
        benchmarks("segment_photos/{shard}.tsv")
    priority: 10
    resources:
        gpu=int(SEGMENTATION.model != "given"),
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "augment/segment_photos",
            settings(segmentation=SEGMENTATION),
            digest=segmenter_code,
            photos=lambda wildcards: TRAIN.photos,
            given_masks=lambda wildcards: TRAIN.masks or "",
            shard="{shard}",
            threads="{threads}",
        ),
        brought=lambda wildcards: brought(),
    shell:
        PROGRAM


rule recolor_photos:
    """Draw new colours for the clothes of a shard's photos with a rare label."""
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
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "augment/recolor_photos",
            settings("labels", "recolor", size=SEGMENTATION.size, shards=SEGMENTATION.shards),
            photos=lambda wildcards: TRAIN.photos,
            shard="{shard}",
        ),
    shell:
        PROGRAM


rule gather_recolored:
    """List every attempt at recolouring, with its measures, in one small file for later rules."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        shards=every_shard("recolored/attempts/{shard}.parquet"),
    output:
        attempts=results("recolored/index.parquet"),
    log:
        logs("gather_recolored.log"),
    priority: 10
    params:
        **program("augment/gather_recolored", settings("labels")),
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
    # Before networks are trained, so that a user can look at it first.
    priority: 10
    params:
        **program("augment/draw_contact_sheet", settings(size=SEGMENTATION.size), photos=lambda wildcards: TRAIN.photos),
    shell:
        PROGRAM


rule cache_recolored:
    """Give cached pixels the colours of the recoloured photos, at one size."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        attempts=results("recolored/index.parquet"),
        recolored=ancient(every_shard("recolored/{shard}.parquet")),
        originals_index=results("pixels/train/{size}/index.parquet"),
        originals=ancient(results("pixels/train/{size}/pixels.bin")),
    output:
        pixels=results("pixels/train-recolored/{size}/pixels.bin"),
        index=results("pixels/train-recolored/{size}/index.parquet"),
    log:
        logs("cache_recolored/{size}.log"),
    benchmark:
        benchmarks("cache_recolored/{size}.tsv")
    resources:
        runtime=by_attempt(240),
    params:
        **program("augment/cache_recolored"),
    shell:
        PROGRAM


def recipe_settings(wildcards):
    """Return the settings of a recipe, and the number of its epochs."""
    return {**SETTINGS.config.recipes[wildcards.recipe].used(), "epochs": int(wildcards.epochs)}


rule resample_manifest:
    """Draw the photos that each epoch of a recipe sees on one fold."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        attempts=lambda wildcards: results("recolored/index.parquet") if uses_recolored(wildcards.recipe) else [],
    output:
        epochs=results("manifests/{recipe}/{epochs}/fold{fold}.parquet"),
    log:
        logs("resample_manifest/{recipe}/{epochs}/fold{fold}.log"),
    benchmark:
        benchmarks("resample_manifest/{recipe}/{epochs}/fold{fold}.tsv")
    # Before pixels are cached and networks trained, so that an impossible recipe fails early.
    priority: 10
    params:
        **program(
            "augment/resample_manifest",
            settings("labels", recipe=recipe_settings),
            name="{recipe}",
            fold="{fold}",
        ),
    shell:
        PROGRAM
