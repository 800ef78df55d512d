"""Files into tables and pixels. Needs the configured photosets; gives manifests and pixel caches."""

from datetime import datetime

from stylevote.wording import plural, quote
from stylevote.photos.unread import Unread, look_at, without_failed
from stylevote.files.tables import read_table


localrules:
    download_photos,


def photos_of(ingested):
    """Return what an ingested photoset is known by until it is read, which of its photos changed since they were, and
    which its table has and its folder lacks (only if photos are downloaded)."""
    downloaded = results(f"photos/{ingested}/downloaded")
    # The job that downloads photos changes what a later one of this call depends on.
    return photos_at(ingested, os.path.getmtime(downloaded) if os.path.exists(downloaded) else None)


@cache
def photos_at(ingested, downloaded):
    """Return the same, as it was after the last download."""
    name = INGESTED[ingested]
    photoset = SETTINGS.config.photosets[name]
    if is_drawn(photoset.photos):
        return Unread([SETTINGS.config.demo, code("photos/draw_demo")], [], [])
    manifest = Path(results(f"photos/{ingested}/manifest.parquet"))
    return or_refused(lambda: look_at(name, photoset.used(), SETTINGS.labels, manifest))


def failed_downloads(ingested):
    """Return the table of the photos that could not be downloaded. It is no job's output: it stays if the job fails."""
    return results(f"photos/{ingested}/failed_downloads.parquet") if ingested in DOWNLOADED else ""


def to_download(ingested):
    """Return the photos that are to be fetched: those that are missing, but for those that could not be had and may be
    left out. The user may have these tried again: if one comes, everything that follows is computed again."""
    missing = photos_of(ingested).missing
    if SETTINGS.config.on_bad_photo == "fail":
        return missing
    return without_failed(missing, Path(failed_downloads(ingested)))


# The following three return options of programs, which Snakemake does not compare.


def photos_folder(wildcards):
    """Return the folder of a photoset's photos: what is in the folder counts, and not where it is."""
    return SETTINGS.config.photosets[INGESTED.get(wildcards.photoset, wildcards.photoset)].photos


def label_table(wildcards):
    """Return the label table of an ingested photoset, if it has one: what the table says counts, and neither where it is
    nor how it is written."""
    return SETTINGS.config.photosets[INGESTED[wildcards.photoset]].labels or ""


def reasons(wildcards):
    """Return the table that says why photos could not be downloaded: it explains what is missing, and changes nothing."""
    return failed_downloads(wildcards.photoset)


rule draw_demo:
    """Draw the demo's photos, with their labels and true masks."""
    input:
        # Read by the program itself; here so that its content counts.
        "workflow_scripts/stylevote/demo/jd2018_label_sets.csv",
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
    conda:
        "../envs/environment.yaml"
    threads: 2
    params:
        **program(
            "photos/draw_demo",
            spec(**SETTINGS.config.demo.used()),
            folder=NETWORKS / "demo",
            threads="{threads}",
        ),
    shell:
        PROGRAM


def download_spec(wildcards):
    """Return how photos are downloaded, and what is needed to read their table."""
    name = INGESTED[wildcards.photoset]
    return canonical({**SETTINGS.config.downloads.used(), "labels": SETTINGS.labels, "photoset": name})


def never_the_same(wildcards):
    """Return how many photos are missing, and when: a download is asked for only if some are, and is always done then."""
    return f"{plural(len(photos_of(wildcards.photoset).missing), 'photo')} missing, {datetime.now()}"


rule download_photos:
    """Fetch the photos that a photoset's folder lacks from the URLs in its table."""
    output:
        # The photos themselves are the user's, and no output: what came stays, even if others could not be had.
        touch(results("photos/{photoset}/downloaded")),
    log:
        logs("download_photos/{photoset}.log"),
    benchmark:
        benchmarks("download_photos/{photoset}.tsv")
    wildcard_constraints:
        photoset=one_of(DOWNLOADED),
    retries: 0  # each photo was tried again already; the next call goes on
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(1440),
    params:
        **program(
            "photos/download_photos",
            download_spec,
            photos=photos_folder,
            table=label_table,
            failures=reasons,
            on_bad_photo=SETTINGS.config.on_bad_photo,
        ),
        missing=never_the_same,
    shell:
        PROGRAM


def made_table(wildcards):
    """Return the label table of an ingested photoset, if it is made here, or missing, which Snakemake then says."""
    table = SETTINGS.config.photosets[INGESTED[wildcards.photoset]].labels
    return table if table and (is_drawn(table) or not os.path.exists(table)) else []


def download(wildcards):
    """Return the file that says that photos were fetched, if any are to be."""
    return results("photos/{photoset}/downloaded") if or_refused(lambda: to_download(wildcards.photoset)) else []


def changed_since_read(wildcards):
    """Return the photos whose bytes changed after the manifest was made, by which Snakemake sees that it is old."""
    return photos_of(wildcards.photoset).changed


def ingest_spec(wildcards):
    """Return the settings that a photoset's manifest depends on."""
    name = INGESTED[wildcards.photoset]
    trained = name == "train"
    return canonical(
        {
            "labels": SETTINGS.labels,
            "photoset": name,
            "folds": SETTINGS.config.folds.count if trained else 1,
            "holdout": trained and bool(HOLDOUT),
        }
    )


rule ingest_photos:
    """Check every photo and label of a photoset, and list what is good."""
    input:
        made_table,
        download,
        # They are here because they are newer than the manifest.
        changed_since_read,
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
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        **program(
            "photos/ingest_photos",
            ingest_spec,
            photos=photos_folder,
            table=label_table,
            failures=reasons,
            # A manifest that was made is good under either answer, and `compare_photosets` sees to `fail`.
            on_bad_photo=SETTINGS.config.on_bad_photo,
            threads="{threads}",
        ),
        # The manifest depends on what its label table says, and on which photos there are.
        known_by=lambda wildcards: canonical(photos_of(wildcards.photoset).known_by),
    shell:
        PROGRAM


if HOLDOUT:

    rule hold_out_photos:
        """Set photos apart that nothing sees before the end."""
        input:
            manifest=results("photos/labelled/manifest.parquet"),
        output:
            train=results("photos/train/manifest.parquet"),
            holdout=results("photos/holdout/manifest.parquet"),
        log:
            logs("hold_out_photos.log"),
        benchmark:
            benchmarks("hold_out_photos.tsv")
        conda:
            "../envs/environment.yaml"
        params:
            **program(
                "photos/hold_out_photos",
                spec("labels", share=HOLDOUT, seed=SETTINGS.config.holdout.seed, folds=len(SETTINGS.folds)),
            ),
        shell:
            PROGRAM


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
    params:
        **program("photos/compare_photosets", spec("on_bad_photo", photosets=list(INGESTED.values()))),
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
    conda:
        "../envs/environment.yaml"
    resources:
        runtime=by_attempt(240),
    params:
        **program(
            "photos/cache_pixels",
            lambda wildcards: canonical({"size": int(wildcards.size)}),
            photos=photos_folder,
            threads="{threads}",
        ),
    shell:
        PROGRAM


def refuse_lost_photos():
    """Stop if downloaded photos are gone after they were read, unless the call is to fetch them alone.

    What is made again on the way is taken as new, and training would follow even if they come back as they were.
    """
    for ingested in DOWNLOADED:
        downloaded = results(f"photos/{ingested}/downloaded")
        manifest = Path(results(f"photos/{ingested}/manifest.parquet"))
        missing = {entry.name for entry in to_download(ingested)}
        # Snakemake itself does not know the targets yet.
        if not missing or not manifest.exists() or downloaded in sys.argv:
            continue
        lost = [name for name in read_table(manifest, ["image_id"])["image_id"] if name in missing]
        if len(lost) == len(missing):
            name = INGESTED[ingested]
            raise InputError(
                f"photosets.{name}: {plural(len(lost), 'photo')} gone after they were read, {quote(lost[0])} first."
                f" Fetch them alone, with the target {downloaded}: where they come back as they were, nothing is computed"
                " again"
            )


if workflow.is_main_process:
    # A mistake in a table is to be known before a job has removed what it made of the former one.
    for ingested in INGESTED:
        photos_of(ingested)
    or_refused(refuse_lost_photos)
