"""What the rules of photos are given: what photosets are known by before they are read, and which photos are to be fetched."""

from datetime import datetime

from stylevote.photos.label_tables import file_names, meaning, read_label_table
from stylevote.photos.listing import changed_photos, list_files, names_and_sizes
from stylevote.photos.problems import number_of, problem_report, shown
from stylevote.tables import read_table


def ingest_spec(wildcards):
    """What a photoset's manifest depends on: the settings, what its label table says, and which photos there are."""
    name = INGESTED[wildcards.photoset]
    folds = {"folds": SETTINGS.config["folds"]["count"]} if name == "train" else {}
    locked = {"locked": True} if name == "train" and LOCKED else {}
    return canonical(
        {
            "labels": SETTINGS.labels,
            "photoset": name,
            "photos": photos_of(wildcards.photoset)[0],
            **folds,
            **locked,
        }
    )


def on_bad_photo(wildcards, input):
    """What to do with a bad photo. It takes `input` so that Snakemake does not compare it: a manifest that was made is
    good under either answer, and `compare_photosets` sees to `fail`."""
    return SETTINGS.config["on_bad_photo"]


def photos_of(ingested):
    """What an ingested photoset is known by until it is read, those of its photos that changed since they were, and those
    that its table has and its folder lacks (only where photos are downloaded).

    It is known by what its table says, and by the names and sizes of the photos: of a photoset with a table, of those
    that it names.
    """
    downloaded = results(f"photos/{ingested}/downloaded")
    # The job that downloads photos changes what a later one of this call depends on.
    return photos_at(ingested, os.path.getmtime(downloaded) if os.path.exists(downloaded) else None)


@cache
def photos_at(ingested, downloaded):
    """The same, as it was after the last download."""
    name = INGESTED[ingested]
    photoset, said, named, missing = SETTINGS.config["photosets"][name], None, None, []
    folder, table = photoset["photos"], photoset["labels"]
    if is_drawn(folder):
        return [SETTINGS.config["demo"], code("draw_demo")], [], []
    try:
        if table and os.path.isfile(table):
            labels, entries, problems = read_label_table(Path(table), SETTINGS.labels, name == "train")
            if problems:
                raise InputError(problem_report(problems, name))
            said, named = meaning(labels, entries), file_names(entries)
        files = list_files(folder, named)
        if named is None:
            from stylevote.photos.folders import is_photo  # slow to import, and seldom needed

            files = [file for file in files if is_photo(file.path)]
        changed = changed_photos(folder, files, Path(results(f"photos/{ingested}/manifest.parquet")))
        if named and photoset["download"]:
            missing = without_files(name, table, entries, files)
    except InputError as error:
        raise WorkflowError(error) from None
    return [said, names_and_sizes(files)], changed, missing


def without_files(name, table, entries, files):
    """The photos of a table that are none of these files."""
    from stylevote.photos.folders import photos_without_file

    if not any(entry.url for entry in entries):
        raise InputError(
            f"{table}: no URLs, which photosets.{name}.download asks for; expected a column `url`, or the challenge's form"
            " (id,url,... without a header)"
        )
    return photos_without_file(entries, [file.path for file in files])


def failed_downloads(ingested):
    """The table of the photos that could not be downloaded. It is no job's output: it stays where the job fails."""
    return results(f"photos/{ingested}/failed_downloads.parquet") if ingested in DOWNLOADED else ""


def to_download(ingested):
    """The photos that are to be fetched: those that are missing, but for those that could not be had and may be left
    out. To try these again is a matter of its own: where one comes, everything that follows is computed again."""
    missing, failures = photos_of(ingested)[2], failed_downloads(ingested)
    if not missing or SETTINGS.config["on_bad_photo"] == "fail" or not os.path.exists(failures):
        return missing
    failed = read_table(Path(failures), ["image_id", "url"])
    before = set(zip(failed["image_id"], failed["url"]))
    return [entry for entry in missing if (entry.name, entry.url) not in before]


def download(wildcards):
    """What says that photos were fetched, if any are to be."""
    try:
        missing = to_download(wildcards.photoset)
    except InputError as error:
        raise WorkflowError(error) from None
    return results("photos/{photoset}/downloaded") if missing else []


def reasons(wildcards, input):
    """The table that says why photos could not be downloaded. It takes `input` so that Snakemake does not compare it: it
    explains what is missing, and changes nothing."""
    return failed_downloads(wildcards.photoset)


def download_spec(wildcards):
    """How photos are downloaded, and what is needed to read their table."""
    name = INGESTED[wildcards.photoset]
    return canonical({**SETTINGS.config["downloads"], "labels": SETTINGS.labels, "photoset": name})


def never_the_same(wildcards):
    """How many photos are missing, and when: nobody asks for a download unless there are some, and so it is always done."""
    return f"{number_of(len(photos_of(wildcards.photoset)[2]), 'photo')} missing, {datetime.now()}"


def changed_since_read(wildcards):
    """The photos whose bytes changed after the manifest was made, by which Snakemake sees that it is old."""
    return photos_of(wildcards.photoset)[1]


def photos_folder(wildcards, input):
    """The folder of a photoset's photos. It takes `input` so that Snakemake does not compare it: what is in the folder
    counts, and not where it lies."""
    return SETTINGS.config["photosets"][INGESTED.get(wildcards.photoset, wildcards.photoset)]["photos"]


def made_table(wildcards):
    """The label table of an ingested photoset, if it is made here, or missing, which Snakemake then says."""
    table = SETTINGS.config["photosets"][INGESTED[wildcards.photoset]]["labels"]
    return table if table and (is_drawn(table) or not os.path.exists(table)) else []


def label_table(wildcards, input):
    """The label table of an ingested photoset, if it has one. It takes `input` so that Snakemake does not compare it: what
    the table says counts, and neither where it lies nor how it is written."""
    return SETTINGS.config["photosets"][INGESTED[wildcards.photoset]]["labels"] or ""


def refuse_lost_photos():
    """Stop where downloaded photos are gone after they were read, unless the call is to fetch them alone.

    What is made anew on the way is taken as new, and training would follow even where they come back as they were.
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
                f"photosets.{name}: {number_of(len(lost), 'photo')} gone after they were read, {shown(lost[0])} first."
                f" Fetch them alone, with the target {downloaded}: where they come back as they were, nothing is computed"
                " again"
            )


if workflow.is_main_process:
    # A mistake in a table is to be known before a job has removed what it made of the former one.
    for ingested in INGESTED:
        photos_of(ingested)
    try:
        refuse_lost_photos()
    except InputError as error:
        raise WorkflowError(error) from None
