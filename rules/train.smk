"""Training and prediction. Needs pixel caches, folds and what each epoch sees; gives weights and scores of every epoch.

Pixels and weights are large: they must be there, but their time means nothing (`ancient`). The small file that is made
with them, the index or the history, is compared by content in their place. (An input may be `ancient` only beside another
one of the same job: where all are, Snakemake 9.27 plans that job and forgets to look at those that follow.)
"""


rule train_cnn:
    """Train one run on one fold; keep every epoch's weights and out-of-fold predictions."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        epochs=run_path("manifests/{recipe}/{epochs}/fold{fold}.parquet"),
        index=run_path("pixels/train/{size}/index.parquet"),
        pixels=ancient(run_path("pixels/train/{size}/pixels.bin")),
        recolored_index=recolored_path("pixels/train-recolored/{size}/index.parquet"),
        recolored_pixels=ancient(recolored_path("pixels/train-recolored/{size}/pixels.bin")),
        compared=first_comparison,
        weights=start_weights,
    output:
        history=results("runs/{run}/fold{fold}/history.parquet"),
        validation=results("runs/{run}/fold{fold}/validation.parquet"),
        weights=unless_kept(directory(results("runs/{run}/fold{fold}/weights"))),
    log:
        logs("train_cnn/{run}/fold{fold}.log"),
    benchmark:
        benchmarks("train_cnn/{run}/fold{fold}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        # No more at another attempt: it goes on from the last finished epoch.
        runtime=1440,
    params:
        spec=run_spec,
        code=loss_code,
    shell:
        "python workflow_scripts/train_cnn.py --manifest {input.manifest:q} --fold-table {input.folds:q}"
        " --epochs {input.epochs:q} --index {input.index:q} --pixels {input.pixels:q} --fold {wildcards.fold}"
        " --recolored-index {input.recolored_index:q} --recolored-pixels {input.recolored_pixels:q} --run {wildcards.run:q} --start {input.weights:q}"
        " --spec - <<< {params.spec:q} --threads {threads} --processes {resources.gpu} --history {output.history:q}"
        " --validation {output.validation:q} --weights {output.weights:q} > {log:q} 2>&1"


rule choose_epochs:
    """List the epochs of a run that may become members, and remove the others' weights."""
    input:
        predictions=every_fold("runs/{run}/fold{fold}/validation.parquet"),
        weights=ancient(every_fold("runs/{run}/fold{fold}/weights")),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        epochs=results("runs/{run}/epochs.parquet"),
    log:
        logs("choose_epochs/{run}.log"),
    benchmark:
        benchmarks("choose_epochs/{run}.tsv")
    # Before further networks are trained: it makes room for theirs.
    priority: 10
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(30),
    params:
        spec=lambda wildcards: canonical({"labels": run_labels(wildcards), "beta": BETA}),
        code=code("choose_epochs"),
    shell:
        "python workflow_scripts/choose_epochs.py --predictions {input.predictions:q} --weights {input.weights:q}"
        " --manifest {input.manifest:q} --fold-table {input.folds:q} --run {wildcards.run:q} --spec - <<< {params.spec:q}"
        " --output {output.epochs:q} > {log:q} 2>&1"


rule predict_photos:
    """Score a photoset with one run's networks of every fold, at the epochs that the ensemble selected or may select.

    Scores are kept: if other members were selected, only what they lack is computed.
    """
    input:
        manifest=results("photos/{photoset}/manifest.parquet"),
        index=run_path("pixels/{photoset}/{size}/index.parquet"),
        pixels=ancient(run_path("pixels/{photoset}/{size}/pixels.bin")),
        wanted=wanted_epochs,
        history=every_fold("runs/{run}/fold{fold}/history.parquet"),
        weights=ancient(every_fold("runs/{run}/fold{fold}/weights")),
    output:
        predictions=every_fold("predictions/{photoset}/{run}/fold{fold}.parquet"),
    log:
        logs("predict_photos/{photoset}/{run}.log"),
    benchmark:
        benchmarks("predict_photos/{photoset}/{run}.tsv")
    # Where it runs before further networks are trained, it makes room for theirs.
    priority: 10
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        runtime=by_attempt(240),
    params:
        kept=lambda wildcards: results(f"scores/{wildcards.photoset}/{wildcards.run}"),
        spec=run_spec,
        code=code("predict_photos"),
    shell:
        "python workflow_scripts/predict_photos.py --manifest {input.manifest:q} --index {input.index:q} --pixels {input.pixels:q}"
        " --wanted {input.wanted:q} --history {input.history:q} --weights {input.weights:q} --run {wildcards.run:q}"
        " --kept {params.kept:q} --code {params.code} --spec - <<< {params.spec:q} --threads {threads}"
        " --output {output.predictions:q} > {log:q} 2>&1"
