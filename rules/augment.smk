"""Photos into more and rebalanced photos. Needs manifest and folds; gives masks, recoloured photos, and what each epoch of
a recipe sees.

Masks and recoloured photos lie in shards, a job each. Shards of recoloured photos are large: what follows compares the
small table of attempts that is made with each (see `train.smk`).
"""


include: "given/augment.smk"


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
    threads: 1
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        runtime=by_attempt(240),
    params:
        photos=training_photos,
        masks=masks_folder,
        given=brought(encoder_weights),
        spec=segmentation_spec("region", "size"),
        code=code("train_segmenter"),
    shell:
        "python workflow_scripts/train_segmenter.py --photos {params.photos:q} --manifest {input.manifest:q}"
        " --masks {params.masks:q} --mask-labels {input.mask_labels:q} --start {input.start:q} --spec - <<< {params.spec:q}"
        " --threads {threads} --weights {output.weights:q} --history {output.history:q} --summary {output.summary:q}"
        " > {log:q} 2>&1"


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
    threads: 1
    resources:
        gpu=int(SEGMENTATION["model"] != "given"),
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        photos=training_photos,
        masks=masks_folder,
        given=brought(segmenter_weights),
        spec=segmentation_spec("model", "region", "size", "shards"),
        code=segmenter_code,
    shell:
        "python workflow_scripts/segment_photos.py --photos {params.photos:q} --manifest {input.manifest:q}"
        " --masks {params.masks:q} --mask-labels {input.mask_labels:q} --weights {input.weights:q} --shard {wildcards.shard}"
        " --spec - <<< {params.spec:q} --threads {threads} --output {output.masks:q} > {log:q} 2>&1"


rule recolor_photos:
    """Recolour the clothes of a shard's photos with a rare label."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        masks=results("masks/{shard}.parquet"),
    output:
        photos=results("recolored/{shard}.parquet"),
        attempts=results("recolored/attempts/{shard}.parquet"),
    log:
        logs("recolor_photos/{shard}.log"),
    benchmark:
        benchmarks("recolor_photos/{shard}.tsv")
    priority: 10
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        photos=training_photos,
        spec=recolor_spec,
        code=code("recolor_photos"),
    shell:
        "python workflow_scripts/recolor_photos.py --photos {params.photos:q} --manifest {input.manifest:q}"
        " --masks {input.masks:q} --shard {wildcards.shard} --spec - <<< {params.spec:q} --output {output.photos:q}"
        " --attempts {output.attempts:q} > {log:q} 2>&1"


rule gather_recolored:
    """List every attempt at recolouring, with its figures, so that what follows reads one small file."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        attempts=every_shard("recolored/attempts/{shard}.parquet"),
    output:
        index=results("recolored/index.parquet"),
    log:
        logs("gather_recolored.log"),
    benchmark:
        benchmarks("gather_recolored.tsv")
    priority: 10
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(10),
    params:
        spec=spec("labels"),
        code=code("gather_recolored"),
    shell:
        "python workflow_scripts/gather_recolored.py --manifest {input.manifest:q} --attempts {input.attempts:q}"
        " --spec - <<< {params.spec:q} --output {output.index:q} > {log:q} 2>&1"


rule draw_contact_sheet:
    """Show examples of recoloured photos: before, mask, after."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        index=results("recolored/index.parquet"),
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
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(10),
    params:
        photos=training_photos,
        spec=canonical({"size": SEGMENTATION["size"]}),
        code=code("draw_contact_sheet"),
    shell:
        "python workflow_scripts/draw_contact_sheet.py --photos {params.photos:q} --manifest {input.manifest:q}"
        " --index {input.index:q} --masks {input.masks:q} --recolored {input.recolored:q} --spec - <<< {params.spec:q}"
        " --output {output.sheet:q} > {log:q} 2>&1"


rule cache_recolored:
    """Decode every recoloured photo once, at one size."""
    input:
        index=results("recolored/index.parquet"),
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
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(240),
    params:
        spec=lambda wildcards: canonical({"size": int(wildcards.size)}),
        code=code("cache_recolored"),
    shell:
        "python workflow_scripts/cache_recolored.py --recolored {input.recolored:q} --list {input.index:q}"
        " --spec - <<< {params.spec:q} --pixels {output.pixels:q} --index {output.index:q} > {log:q} 2>&1"


rule resample_manifest:
    """Draw what each epoch of a recipe sees on one fold."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        recolored=recolored_list,
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
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(10),
    params:
        spec=recipe_spec,
        code=code("resample_manifest"),
    shell:
        "python workflow_scripts/resample_manifest.py --manifest {input.manifest:q} --fold-table {input.folds:q}"
        " --recolored {input.recolored:q} --fold {wildcards.fold} --name {wildcards.recipe} --spec - <<< {params.spec:q}"
        " --output {output.epochs:q} > {log:q} 2>&1"
