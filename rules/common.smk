"""Reads and checks the configuration; gives the rules their paths, settings and code digests. No rule is here."""

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))

from stylevote.digests import canonical, digest
from stylevote.program import InputError
from stylevote.provenance import code_digest
from stylevote.settings import resolve

# Rules call `python`: the one that runs Snakemake, also where its environment is not activated.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", os.defpath)]))

try:
    SETTINGS = resolve(config)
except InputError as error:
    raise WorkflowError(error) from None

LABEL_OF = {stem: label for label, stem in SETTINGS.stems.items()}


wildcard_constraints:
    photoset="[a-z][a-z0-9_]*",
    size=r"\d+",
    recipe="[a-z][a-z0-9_]*",
    run="|".join(map(re.escape, SETTINGS.runs)),
    fold=r"\d+",
    label="|".join(map(re.escape, LABEL_OF)),


def results(path):
    """A path in the results folder."""
    return f"{SETTINGS.config['results']}/{path}"


def logs(path):
    """A path for what a job prints."""
    return results(f"logs/{path}")


def benchmarks(path):
    """A path for what a job costs."""
    return results(f"benchmarks/{path}")


def code(program):
    """A digest of the code that a program executes."""
    return code_digest(SCRIPTS / f"{program}.py")


def spec(*keys, **more):
    """The named branches of the configuration and further settings, as the text that a program gets and is judged by."""
    return canonical({**{key: SETTINGS.config[key] for key in keys}, **more})


def label_spec(**settings):
    """The same for a rule of one label."""
    return lambda wildcards: canonical({**settings, "label": LABEL_OF[wildcards.label]})


def run_spec(wildcards):
    """What a run's networks depend on."""
    return spec("labels", setting=SETTINGS.runs[wildcards.run])


def ingest_spec(wildcards):
    """What a photoset's manifest depends on besides its label table: the settings, and which photos there are."""
    photoset = SETTINGS.config["photosets"][wildcards.photoset]
    return spec(
        "labels",
        "on_bad_photo",
        photoset=wildcards.photoset,
        folds=SETTINGS.config["folds"]["count"],
        listing=listing(photoset["photos"]),
    )


def listing(folder):
    """A digest of the names and sizes of the photos in a user's folder, so that a changed folder is read again.

    A folder below the results is the work of a rule, and its label table tells when it changes.
    """
    inside = Path(folder).is_relative_to(SETTINGS.config["results"])
    if inside or not os.path.isdir(folder):
        return None
    found = []
    for parent, _, names in os.walk(folder):
        with os.scandir(parent) as entries:
            found += [[entry.path, entry.stat().st_size] for entry in entries if entry.is_file()]
    return digest([[os.path.relpath(path, folder), size] for path, size in sorted(found)], 16)


def photos_folder(wildcards):
    """The folder of a photoset's photos."""
    return SETTINGS.config["photosets"][wildcards.photoset]["photos"]


def label_table(wildcards):
    """The photoset's label table, if it has one."""
    return SETTINGS.config["photosets"][wildcards.photoset]["labels"] or []


def run_path(path):
    """A path that depends on a run's setting: `{size}` and `{recipe}` stand in it for the run's."""

    def of_run(wildcards):
        setting = SETTINGS.runs[wildcards.run]
        return expand(results(path), size=setting["size"], recipe=setting["recipe"], allow_missing=True)[0].format(
            **wildcards
        )

    return of_run


def start_weights(wildcards):
    """The file of weights that a run starts from, if the user brings one."""
    weights = SETTINGS.runs[wildcards.run]["weights"]
    return [] if weights in ("none", "pretrained") else weights


def every_label(path):
    """A path for each label, in the configuration's order."""
    return expand(results(path), label=SETTINGS.stems.values(), allow_missing=True)


def every_fold(path):
    """A path for each fold."""
    return expand(results(path), fold=SETTINGS.folds, allow_missing=True)


def every_run(path):
    """A path for each run and fold, the folds of a run together."""
    return expand(results(path), run=SETTINGS.runs, fold=SETTINGS.folds, allow_missing=True)
