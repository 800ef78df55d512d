"""The training photos into folds. Needs their manifest; gives each photo's fold."""


rule assign_folds:
    """Divide the training photos into folds with an equal share of every label."""
    input:
        manifest=results("photos/train/manifest.parquet"),
    output:
        folds=results("photos/train/folds.parquet"),
    log:
        logs("assign_folds.log"),
    benchmark:
        benchmarks("assign_folds.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(30),
    params:
        spec=spec("labels", **SETTINGS.config["folds"]),
        code=code("assign_folds"),
    shell:
        "python workflow_scripts/assign_folds.py --manifest {input.manifest:q} --spec - <<< {params.spec:q}"
        " --output {output.folds:q} > {log:q} 2>&1"
