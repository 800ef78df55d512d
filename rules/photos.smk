"""Files into tables and pixels. Needs the configured photosets; gives manifests and pixel caches."""


include: "given/photos.smk"


localrules:
    download_photos,


rule draw_demo:
    """Draw the demo's photos, with their labels and true masks."""
    input:
        # Read by the program itself; named here so that its content counts.
        label_sets="workflow_scripts/stylevote/photos/jd2018_label_sets.csv",
    output:
        train=results("demo/train.csv"),
        test=results("demo/test.csv"),
        mask_labels=results("demo/mask_labels.csv"),
        photos=directory(expand(results("demo/{photoset}"), photoset=["train", "test"])),
        masks=directory(results("demo/masks")),
    log:
        logs("draw_demo.log"),
    benchmark:
        benchmarks("draw_demo.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 2
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(30),
    params:
        folder=lambda wildcards, output: os.path.dirname(output.train),
        spec=canonical(SETTINGS.config["demo"]),
        code=code("draw_demo"),
    shell:
        "python workflow_scripts/draw_demo.py --spec - <<< {params.spec:q} --threads {threads} --output {params.folder:q}"
        " > {log:q} 2>&1"


rule download_photos:
    """Fetch the photos that a photoset's folder lacks from the URLs in its table."""
    output:
        # The photos themselves are the user's, and no output: what came stays, also where others could not be had.
        downloaded=touch(results("photos/{photoset}/downloaded")),
    log:
        logs("download_photos/{photoset}.log"),
    benchmark:
        benchmarks("download_photos/{photoset}.tsv")
    wildcard_constraints:
        photoset=one_of(DOWNLOADED),
    retries: 0  # each photo was tried again already; the next call goes on
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(1440),
    params:
        # No digest of the code: what was fetched is what is there.
        missing=never_the_same,
        photos=photos_folder,
        table=label_table,
        failures=lambda wildcards: failed_downloads(wildcards.photoset),
        on_bad_photo=on_bad_photo,
        spec=download_spec,
    shell:
        "python workflow_scripts/download_photos.py --photos {params.photos:q} --table {params.table:q}"
        " --on-bad-photo {params.on_bad_photo} --spec - <<< {params.spec:q} --failures {params.failures:q} > {log:q} 2>&1"


rule ingest_photos:
    """Check every photo and label of a photoset, and list what is good."""
    input:
        table=made_table,
        downloaded=download,
        # Not read by this name: they are here because they are newer than the manifest.
        changed=changed_since_read,
    output:
        manifest=results("photos/{photoset}/manifest.parquet"),
        quarantine=results("photos/{photoset}/quarantine.parquet"),
    log:
        logs("ingest_photos/{photoset}.log"),
    benchmark:
        benchmarks("ingest_photos/{photoset}.tsv")
    wildcard_constraints:
        photoset=one_of(INGESTED),
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        photos=photos_folder,
        table=label_table,
        failures=reasons,
        on_bad_photo=on_bad_photo,
        spec=ingest_spec,
        code=code("ingest_photos"),
    shell:
        "python workflow_scripts/ingest_photos.py --photos {params.photos:q} --table {params.table:q}"
        " --failures {params.failures:q} --on-bad-photo {params.on_bad_photo} --spec - <<< {params.spec:q} --threads {threads}"
        " --manifest {output.manifest:q} --quarantine {output.quarantine:q} > {log:q} 2>&1"


if LOCKED:

    rule lock_photos:
        """Set photos apart that nothing sees before the end."""
        input:
            manifest=results("photos/labelled/manifest.parquet"),
        output:
            train=results("photos/train/manifest.parquet"),
            locked=results("photos/locked/manifest.parquet"),
        log:
            logs("lock_photos.log"),
        benchmark:
            benchmarks("lock_photos.tsv")
        conda:
            "../envs/environment.yaml"
        threads: 1
        resources:
            mem_mb=by_attempt(2000),
            runtime=by_attempt(30),
        params:
            spec=spec("labels", share=LOCKED, seed=SETTINGS.config["honest"]["seed"], folds=len(SETTINGS.folds)),
            code=code("lock_photos"),
        shell:
            "python workflow_scripts/lock_photos.py --manifest {input.manifest:q} --spec - <<< {params.spec:q}"
            " --train {output.train:q} --locked {output.locked:q} > {log:q} 2>&1"


rule compare_photosets:
    """See to it that no photo was left out that should not be, and that no training photo is among others."""
    input:
        manifests=expand(results("photos/{photoset}/manifest.parquet"), photoset=INGESTED),
        quarantines=expand(results("photos/{photoset}/quarantine.parquet"), photoset=INGESTED),
    output:
        shared=results("photos/shared_photos.parquet"),
    log:
        logs("compare_photosets.log"),
    benchmark:
        benchmarks("compare_photosets.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(10),
    params:
        names=list(INGESTED.values()),
        spec=spec("on_bad_photo"),
        code=code("compare_photosets"),
    shell:
        "python workflow_scripts/compare_photosets.py --manifests {input.manifests:q}"
        " --quarantines {input.quarantines:q} --names {params.names:q}"
        " --spec - <<< {params.spec:q} --output {output.shared:q} > {log:q} 2>&1"


rule cache_pixels:
    """Decode every photo of a photoset once, at one size."""
    input:
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        pixels=results("pixels/{photoset}/{size}/pixels.bin"),
        index=results("pixels/{photoset}/{size}/index.parquet"),
    log:
        logs("cache_pixels/{photoset}/{size}.log"),
    benchmark:
        benchmarks("cache_pixels/{photoset}/{size}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(240),
    params:
        photos=photos_folder,
        spec=lambda wildcards: canonical({"size": int(wildcards.size)}),
        code=code("cache_pixels"),
    shell:
        "python workflow_scripts/cache_pixels.py --photos {params.photos:q} --manifest {input.manifest:q}"
        " --spec - <<< {params.spec:q} --threads {threads} --pixels {output.pixels:q} --index {output.index:q}"
        " > {log:q} 2>&1"
