"""Reads and checks the configuration; gives the rules their paths, settings and code digests. No rule is here.

Functions that the rules of one stage alone use are in that stage's file.
"""

import gc
import os
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
sys.path[:0] = [str(SCRIPTS), str(Path(workflow.basedir) / "rules")]

import screen
from stylevote.config.reading import refuse_repeated_keys
from stylevote.config.resolve import resolve
from stylevote.config.settings import epochs_of
from stylevote.config.identity import canonical
from stylevote.photos.listing import quick_fingerprint
from stylevote.errors import InputError
from stylevote.tracking.code_digest import code_digest, remember_modules

SCREEN = screen.attach(workflow)

# Planning thousands of jobs makes millions of objects that stay: looking among them for garbage takes a tenth of its time.
gc.set_threshold(100_000, 50, 100)

# Rules call `python`: the one that runs Snakemake, also where its environment is not activated.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", os.defpath)]))

# Programs import the library; those of a cluster's jobs do so by this file, which their Snakemake reads, too.
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(SCRIPTS), os.getenv("PYTHONPATH")])))

# How many jobs may share a GPU: a matter of where they run, as `gpu` is, and nothing that results depend on.
if "gpu_share" in workflow.resource_settings.resources:
    os.environ.update(STYLEVOTE_GPU_SHARE=str(workflow.resource_settings.resources["gpu_share"].value))

# Snakemake merges a configuration into config.yaml key by key. One that the user names stands for itself: what it leaves
# out has the default of its key, and is not the demo's.
if workflow.overwrite_configfiles:
    config = workflow.config_settings.overwrite_config

try:
    for path in workflow.overwrite_configfiles or workflow.configfiles:
        refuse_repeated_keys(Path(path))
    SETTINGS = resolve(config)
except InputError as error:
    raise WorkflowError(error) from None

RESULTS, NETWORKS = Path(SETTINGS.config.results), Path(SETTINGS.networks)
for key, folder in [("results", RESULTS), ("networks", NETWORKS)]:
    expected = "expected a folder, or a place where one can be made"
    try:
        there = next(part for part in (folder, *folder.parents) if part.exists())
    except OSError as error:
        raise WorkflowError(f"{key}: {folder}: {error.strerror}; {expected}")
    if not there.is_dir():
        raise WorkflowError(f"{key}: found {there}, which is a file; {expected}")
# What lies in NETWORKS, and the rules that make it, whose logs and costs lie there, too.
SHARED = {"demo", "photos", "pixels", "masks", "segmenter", "recolored", "manifests", "runs", "scores"}
SHARED_RULES = {
    "draw_demo",
    "download_photos",
    "ingest_photos",
    "hold_out_photos",
    "compare_photosets",
    "assign_folds",
    "cache_pixels",
    "train_segmenter",
    "segment_photos",
    "recolor_photos",
    "gather_recolored",
    "draw_contact_sheet",
    "cache_recolored",
    "resample_manifest",
    "train_cnn",
    "choose_epochs",
}

SEGMENTATION = SETTINGS.config.segmentation
STACK = SETTINGS.config.stack
BETA = SETTINGS.config.beta
STUDENT = SETTINGS.student
BUNDLE = SETTINGS.config.bundle
# The settings of all networks that are trained.
TRAINED = [*SETTINGS.runs.values(), *([STUDENT] if STUDENT else [])]
KEEP_WEIGHTS = SETTINGS.config.keep_weights
EXPERIMENTS = SETTINGS.config.experiments
HOLDOUT = SETTINGS.config.holdout.share
# The photosets that are made of files, by their folders. Where photos are held out, all training photos are `labelled`,
# and `train` and `holdout` are made of those.
# They have an order of their own: where they stand in the configuration means nothing.
INGESTED = {name: name for name in sorted(SETTINGS.config.photosets, key=lambda name: (name != "train", name))}
if HOLDOUT:
    INGESTED = {"labelled": "train", **{name: name for name in INGESTED if name not in ("train", "holdout")}}
# Those of them whose photos are fetched where their folders lack them.
DOWNLOADED = [made for made, name in INGESTED.items() if SETTINGS.config.photosets[name].download]


# Every path that was asked of `results`, with its wildcards: what rules make and read in any configuration.
PATHS = set()


def one_of(values):
    """A wildcard's constraint: these values."""
    return "|".join(re.escape(str(value)) for value in values) or "(?!)"


wildcard_constraints:
    photoset=one_of(SETTINGS.config.photosets),
    size=one_of(sorted({setting["size"] for setting in TRAINED})),
    epochs=one_of(sorted({epochs_of(setting) for setting in TRAINED})),
    recipe=one_of(SETTINGS.config.recipes),
    shard=one_of(range(SEGMENTATION.shards)),
    run=one_of(SETTINGS.runs),
    fold=one_of(SETTINGS.folds),
    block=one_of(SETTINGS.blocks),
    table=one_of(EXPERIMENTS),


def results(path):
    """A path in the results folder, or, of what configurations may share, in that of the networks."""
    PATHS.add(path)
    kind, *rest = Path(path).parts
    shared = Path(rest[0]).stem in SHARED_RULES if kind in ("logs", "benchmarks") else kind in SHARED
    return f"{SETTINGS.networks if shared else SETTINGS.config.results}/{path}"


def logs(path):
    """A path for what a job prints."""
    return results(f"logs/{path}")


def benchmarks(path):
    """A path for what a job costs."""
    return results(f"benchmarks/{path}")


def by_attempt(amount):
    """Memory or time of a job: as much at its first attempt, and as much more at each further one."""
    return lambda wildcards, attempt: amount * attempt


remember_modules(Path(".snakemake/modules.json"))


@cache
def code(program, *modules):
    """A digest of the code that a program executes, with those modules of the library that its settings choose."""
    return code_digest(SCRIPTS / f"{program}.py", *(SCRIPTS / "stylevote" / f"{module}.py" for module in modules))


# The shell command of a rule whose params are made by `program`.
PROGRAM = "python workflow_scripts/{params.program}.py {params.arguments} <<< {params.settings:q} > {log:q} 2>&1"


def program(path, settings=None, *, digest=None, **options):
    """Return the params of a rule that runs a program.

    The rule's named inputs, its outputs and these options are the command line. Inputs without a name are only waited for.

    Args:
        path: the program's, in `workflow_scripts`.
        settings: a function of the wildcards that returns what the program reads as JSON; None if it reads nothing.
        digest: that of the program's code, or a function of the wildcards that returns it, if settings choose code.
        options: further values of the command line, or functions of the wildcards that return them; in a text, `{run}`
            stands for that wildcard, and so does `{threads}` for the job's. Snakemake does not compare them.
    """

    # It takes `input` so that Snakemake does not compare it: paths and threads change nothing by themselves.
    def arguments(wildcards, input, output, threads, resources):
        further = {**wildcards, "threads": threads, "resources": resources}
        words = ["--settings", "-"] if settings else []
        for name, value in [*input.items(), *output.items(), *options.items()]:
            values = value(wildcards) if callable(value) else value
            values = [values] if isinstance(values, str) or not hasattr(values, "__iter__") else values
            if name in options and not callable(value):
                values = [str(part).format(**further) for part in values]
            words += [f"--{name.replace('_', '-')}", *map(str, values)]
        return shlex.join(words)

    return {
        "program": path,
        "arguments": arguments,
        "settings": settings or "none",  # for a shell, which needs a word there; Snakemake does not quote an empty one
        "code": digest or code(path),
    }


def spec(*keys, **more):
    """The named branches of the configuration and further settings, as the text that a program gets and is judged by.

    It is given as a function, since Snakemake would take a brace in a plain text for a wildcard.
    """
    text = canonical({**{key: getattr(SETTINGS.config, key) for key in keys}, **more})
    return lambda wildcards: text


def block_spec(**settings):
    """The same for a rule of a block of labels."""
    return lambda wildcards: canonical({**settings, "labels": SETTINGS.blocks[wildcards.block]})


def is_drawn(folder):
    """Whether a folder is the work of `draw_demo`: what that depends on stands for it."""
    return Path(folder).is_relative_to(results("demo"))


def uses_recolored(recipe):
    """Whether a recipe, by its name, uses recoloured photos."""
    return bool(SETTINGS.config.recipes[recipe].recolored)


def chosen_epochs():
    """The lists that are made when the weights of epochs that cannot become members are removed. They are nobody's input
    by content: votes wait for them, so that they are made."""
    return expand(results("runs/{run}/epochs.parquet"), run=SETTINGS.runs) if KEEP_WEIGHTS == "selectable" else []


def if_held_out(path):
    """A path in the results folder, where photos are held out."""
    return results(path) if HOLDOUT else []


def every_block(path):
    """A path for each block of labels, in the configuration's order."""
    return expand(results(path), block=SETTINGS.blocks, allow_missing=True)


def every_fold(path):
    """A path for each fold."""
    return expand(results(path), fold=SETTINGS.folds, allow_missing=True)


def every_run(path):
    """A path for each run and fold, the folds of a run together."""
    return expand(results(path), run=SETTINGS.runs, fold=SETTINGS.folds, allow_missing=True)


# Files of rules without whose settings nothing they make is used.
IDLE = {name for name, wanted in {"student.smk": STUDENT, "fewer.smk": BUNDLE}.items() if not wanted}


def is_idle(rule):
    """Whether a rule makes what the configuration does not use."""
    return Path(rule.snakefile).name in IDLE


def or_refused(work):
    """Return what a function returns; a user's mistake ends the job with a sentence."""
    try:
        return work()
    except InputError as error:
        raise WorkflowError(error) from None
