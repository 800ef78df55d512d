"""Photos into more and rebalanced photos. Needs manifest and folds; gives what each epoch of a recipe sees."""


rule resample_manifest:
    """Draw what each epoch of a recipe sees on one fold."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        epochs=results("manifests/{recipe}/{epochs}/fold{fold}.parquet"),
    log:
        logs("resample_manifest/{recipe}/{epochs}/fold{fold}.log"),
    benchmark:
        benchmarks("resample_manifest/{recipe}/{epochs}/fold{fold}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        spec=lambda wildcards: canonical(
            {**SETTINGS.config["recipes"][wildcards.recipe], "epochs": int(wildcards.epochs)}
        ),
        code=code("resample_manifest"),
    shell:
        "python workflow_scripts/resample_manifest.py --manifest {input.manifest:q} --fold-table {input.folds:q}"
        " --fold {wildcards.fold} --spec {params.spec:q} --output {output.epochs:q} > {log:q} 2>&1"
