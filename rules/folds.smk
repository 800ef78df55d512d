"""The training photos into folds. Needs their manifest; gives each photo's fold.

It is a separate file, because both `photos.smk` and `simulate.smk` need it, and only one of them is included.
"""

from stylevote.photos.folds import folds_digest, read_folds

FOLDS = SETTINGS.config.folds
# The content of a user's table, by which it counts. Mistakes are reported before any job starts.
FOLDS_DIGEST = or_refused(lambda: folds_digest(read_folds(Path(FOLDS.table), FOLDS.count))) if FOLDS.table else None


rule assign_folds:
    """Divide the training photos into folds with an equal share of every label, or take a table of folds."""
    input:
        manifest=results("photos/train/manifest.parquet"),
    output:
        folds=results("photos/train/folds.parquet"),
    log:
        logs("assign_folds.log"),
    params:
        **program(
            "photos/assign_folds",
            settings("labels", **FOLDS.used()),
            table=FOLDS.table or "",
            divided=SETTINGS.config.near_duplicates.divided,
        ),
        known_by=[FOLDS_DIGEST, SETTINGS.config.near_duplicates.divided] if FOLDS.table else "drawn",
    shell:
        PROGRAM
