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
    params:
        **program("photos/assign_folds", spec("labels", **SETTINGS.config.folds.used())),
    shell:
        PROGRAM
