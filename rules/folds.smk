"""The training photos into folds. Needs their manifest; gives each photo's fold.

It is a separate file, because both `photos.smk` and `simulate.smk` need it, and only one of them is included.
"""


rule assign_folds:
    """Divide the training photos into folds with an equal share of every label."""
    input:
        manifest=results("photos/train/manifest.parquet"),
    output:
        folds=results("photos/train/folds.parquet"),
    log:
        logs("assign_folds.log"),
    conda:
        "../envs/environment.yaml"
    params:
        **program("photos/assign_folds", settings("labels", **SETTINGS.config.folds.used())),
    shell:
        PROGRAM
