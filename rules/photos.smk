"""Files into tables and pixels. Needs the configured photosets; gives manifests and pixel caches."""

from datetime import datetime

from stylevote.config.label_table import as_option
from stylevote.photos.photosets import Photoset
from stylevote.wording import plural


localrules:
    download_photos,


PHOTOSETS = {}
for ingested, name in INGESTED.items():
    photoset = SETTINGS.config.photosets[name]
    PHOTOSETS[ingested] = Photoset(
        name=name,
        photos=photoset.photos,
        table=photoset.labels,
        download=photoset.download,
        skip_failed=SETTINGS.config.on_bad_photo == "skip",
        labels=SETTINGS.labels,
        manifest=Path(results(f"photos/{ingested}/manifest.parquet")),
        mark=results(f"photos/{ingested}/downloaded"),
        drawn=[SETTINGS.config.demo, code("photos/draw_demo")] if is_drawn(photoset.photos) else None,
    )
    if workflow.is_main_process:
        # Report a mistake in a table before a job removes the results of the former table.
        or_refused(lambda: PHOTOSETS[ingested].refuse_lost(sys.argv))


def configured(wildcards):
    """Return a photoset's keys of the configuration."""
    return SETTINGS.config.photosets[INGESTED.get(wildcards.photoset, wildcards.photoset)]


def photos_folder(wildcards):
    """Return the folder of a photoset's photos, as an option: its photos count, and its path does not."""
    return configured(wildcards).photos


rule draw_demo:
    """Draw the demo's photos, with their labels and true masks."""
    input:
        # The program reads it by itself; it is an input so that its content counts.
        os.path.relpath(SCRIPTS / "stylevote/demo/jd2018_label_sets.csv"),
    output:
        # The program gets their folder.
        results("demo/train.csv"),
        results("demo/test.csv"),
        results("demo/mask_labels.csv"),
        directory(expand(results("demo/{photoset}"), photoset=["train", "test"])),
        directory(results("demo/masks")),
    log:
        logs("draw_demo.log"),
    benchmark:
        benchmarks("draw_demo.tsv")
    threads: 2
    params:
        **program("photos/draw_demo", settings("demo"), folder=NETWORKS / "demo", threads="{threads}"),
    shell:
        PROGRAM


rule download_photos:
    """Download the photos that a photoset's folder lacks from the URLs in its table."""
    input:
        checked_before("photos/{photoset}/downloaded", fetched=False),
    output:
        # The photos belong to the user and are no output: they stay, even if others cannot be downloaded.
        touch(results("photos/{photoset}/downloaded")),
    log:
        logs("download_photos/{photoset}.log"),
    benchmark:
        benchmarks("download_photos/{photoset}.tsv")
    wildcard_constraints:
        photoset=one_of(DOWNLOADED),
    retries: 0  # the program itself tries each photo several times, and the next call continues
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(1440),
    params:
        **program(
            "photos/download_photos",
            settings("downloads", "labels", photoset=lambda wildcards: INGESTED[wildcards.photoset]),
            photos=photos_folder,
            table=lambda wildcards: as_option(PHOTOSETS[wildcards.photoset].table),
            failures=lambda wildcards: PHOTOSETS[wildcards.photoset].failures,
            on_bad_photo=SETTINGS.config.on_bad_photo,
        ),
        # Different at each call: if photos are missing, Snakemake always runs this job.
        missing=lambda wildcards: (
            f"{plural(len(PHOTOSETS[wildcards.photoset].survey().missing), 'photo')} missing, {datetime.now()}"
        ),
    shell:
        PROGRAM


def sources(wildcards):
    """Return the files whose time stamps decide whether a photoset is ingested again.

    These are: a table that a rule makes, or that is missing; the mark of a download, if photos are to be downloaded;
    photos that changed after they were ingested.
    """
    photoset = PHOTOSETS[wildcards.photoset]
    table = photoset.table.file if photoset.table else ""
    made = [table] if table and (is_drawn(table) or not os.path.exists(table)) else []
    mark = [photoset.mark] if or_refused(photoset.to_download) else []
    return [*made, *mark, *photoset.survey().changed]


rule ingest_photos:
    """Check every photo and label of a photoset, and list the good photos."""
    input:
        # An impossible run ends the call in seconds, before photos are read for hours.
        checked_before("photos/{photoset}/manifest.parquet", fetched=False),
        sources,
    output:
        manifest=results("photos/{photoset}/manifest.parquet"),
        quarantine=results("photos/{photoset}/quarantine.parquet"),
        thumbnails=results("photos/{photoset}/thumbnails.parquet"),
    log:
        logs("ingest_photos/{photoset}.log"),
    benchmark:
        benchmarks("ingest_photos/{photoset}.tsv")
    wildcard_constraints:
        photoset=one_of(INGESTED),
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        **program(
            "photos/ingest_photos",
            settings(
                "labels",
                "cut_photos",
                photoset=lambda wildcards: INGESTED[wildcards.photoset],
                folds=lambda wildcards: len(SETTINGS.folds) if INGESTED[wildcards.photoset] == "train" else 1,
                holdout=lambda wildcards: INGESTED[wildcards.photoset] == "train" and bool(HOLDOUT),
                max_difference=SETTINGS.config.near_duplicates.max_difference,
                value_range=lambda wildcards: configured(wildcards).range,
            ),
            # Paths do not count, and neither do `on_bad_photo` and `links`: a finished manifest is right with any, and
            # `compare_photosets` fails if photos were left out although `on_bad_photo` is `fail`.
            photos=photos_folder,
            table=lambda wildcards: as_option(PHOTOSETS[wildcards.photoset].table),
            failures=lambda wildcards: PHOTOSETS[wildcards.photoset].failures,
            on_bad_photo=SETTINGS.config.on_bad_photo,
            links=lambda wildcards: configured(wildcards).links,
            threads="{threads}",
        ),
        # The manifest depends on the content of the label table, and on the names and sizes of the photos.
        known_by=lambda wildcards: canonical(PHOTOSETS[wildcards.photoset].survey().identity),
    shell:
        PROGRAM


if HOLDOUT:

    rule hold_out_photos:
        """Hold out a fraction of the labelled photos for the final evaluation."""
        input:
            manifest=results("photos/labelled/manifest.parquet"),
        output:
            train=results("photos/train/manifest.parquet"),
            holdout=results("photos/holdout/manifest.parquet"),
        log:
            logs("hold_out_photos.log"),
        params:
            **program(
                "photos/hold_out_photos",
                settings("labels", share=HOLDOUT, seed=SETTINGS.config.holdout.seed, folds=len(SETTINGS.folds)),
            ),
        shell:
            PROGRAM


rule compare_photosets:
    """Fail on unreadable photos, and on training photos that another photoset contains; find their near-duplicates."""
    input:
        manifests=expand(results("photos/{photoset}/manifest.parquet"), photoset=INGESTED),
        quarantines=expand(results("photos/{photoset}/quarantine.parquet"), photoset=INGESTED),
        thumbnails=expand(results("photos/{photoset}/thumbnails.parquet"), photoset=INGESTED),
    output:
        shared=results("photos/shared_photos.parquet"),
    log:
        logs("compare_photosets.log"),
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        **program(
            "photos/compare_photosets",
            settings(
                "on_bad_photo",
                photosets=list(INGESTED.values()),
                stated=[name for name in INGESTED.values() if SETTINGS.config.photosets[name].range],
                **SETTINGS.config.near_duplicates.used(),
            ),
        ),
    shell:
        PROGRAM


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
    resources:
        runtime=by_attempt(240),
    params:
        **program(
            "photos/cache_pixels",
            settings(size=lambda wildcards: int(wildcards.size)),
            photos=photos_folder,
            threads="{threads}",
        ),
    shell:
        PROGRAM
