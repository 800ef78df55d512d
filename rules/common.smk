"""Configuration and paths of all rules. Needs only the configuration; has no rule."""

import os
import re
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
sys.path[:0] = [str(SCRIPTS), str(Path(workflow.basedir) / "rules")]

import environment
import screen
from commands import PROGRAM, by_attempt, code, program
from stylevote.config.identity import canonical, features_id, features_setting, score_size
from stylevote.config.layout import SHARED_RULES, Layout
from stylevote.config.reading import check_file
from stylevote.config.resolve import resolve
from stylevote.config.settings import epochs_of
from stylevote.errors import InputError
from stylevote.photos.listing import quick_fingerprint

SCREEN = screen.attach(workflow)
environment.prepare(workflow, str(SCRIPTS))


def or_refused(work):
    """Return the value of a function; a user's mistake ends the call or the job with a sentence."""
    try:
        return work()
    except InputError as error:
        raise WorkflowError(str(error)) from None


# Snakemake merges a user's configuration into config.yaml key by key. Ours stands for itself: a key that it leaves out
# has its default, and not the demo's value.
if workflow.overwrite_configfiles:
    config = workflow.config_settings.overwrite_config
for path in workflow.overwrite_configfiles or workflow.configfiles:
    or_refused(lambda: check_file(Path(path)))
SETTINGS = or_refused(lambda: resolve(config))
or_refused(SETTINGS.check_weights_folder)

LAYOUT = or_refused(lambda: Layout(SETTINGS))
RESULTS, NETWORKS = LAYOUT.results_folder, LAYOUT.networks_folder
# Every path that was passed to `results`, with its wildcards: the files that rules make and read in any configuration.
PATHS = LAYOUT.patterns
results, logs, benchmarks = LAYOUT.results, LAYOUT.logs, LAYOUT.benchmarks
is_drawn, every_block, every_fold, every_run = LAYOUT.is_drawn, LAYOUT.every_block, LAYOUT.every_fold, LAYOUT.every_run

SEGMENTATION = SETTINGS.config.segmentation
BETA = SETTINGS.config.beta
STUDENT = SETTINGS.student_setting
BUNDLE = SETTINGS.config.bundle
KEEP_WEIGHTS = SETTINGS.config.keep_weights
EXPERIMENTS = SETTINGS.config.experiments
HOLDOUT = SETTINGS.config.holdout.share
# The setting of each run, and of the student, by their ids.
TRAINED = SETTINGS.trained
start_weights = SETTINGS.start_weights
PROBES = {run: setting for run, setting in TRAINED.items() if setting.get("probe")}
# Those whose backbones are trained.
TUNED = {run: setting for run, setting in TRAINED.items() if run not in PROBES}
uses_recolored = SETTINGS.uses_recolored
# The ensembles, by their folders: the whole one, and the small one of a bundle.
ENSEMBLES = ["ensemble", *(["small"] if BUNDLE else [])]
# The photosets that are read from files: their names, by their folders in the results. If photos are held out,
# `labelled` has all training photos, and is divided into `train` and `holdout`. Their order in the configuration does
# not count.
INGESTED = {name: name for name in sorted(SETTINGS.config.photosets, key=lambda name: (name != "train", name))}
if HOLDOUT:
    INGESTED = {"labelled": "train", **{name: name for name in INGESTED if name not in ("train", "holdout")}}
# Whether there are photos to decide for the submission.
TESTED = "test" in SETTINGS.config.photosets
# Those whose missing photos are downloaded.
DOWNLOADED = [folder for folder, name in INGESTED.items() if SETTINGS.config.photosets[name].download]


def one_of(values):
    """Return a wildcard's constraint: one of these values."""
    return "|".join(re.escape(str(value)) for value in values) or "(?!)"


wildcard_constraints:
    photoset=one_of(SETTINGS.config.photosets),
    size=one_of(sorted({size for run in TRAINED.values() for size in (run["size"], score_size(run))})),
    epochs=one_of(sorted({epochs_of(setting) for setting in TRAINED.values()})),
    recipe=one_of(SETTINGS.config.recipes),
    shard=one_of(range(SEGMENTATION.shards)),
    run=one_of(TRAINED),
    fold=one_of(SETTINGS.folds),
    block=one_of(SETTINGS.blocks),
    table=one_of(EXPERIMENTS),
    ensemble=one_of(ENSEMBLES),
    # Folders of decisions: by the ensemble, and by the student.
    decisions=one_of(["predictions", *(["student/predictions"] if STUDENT else [])]),


def of_test(path):
    """Return a path in the results folder if there is a photoset `test`."""
    return results(path) if TESTED else []


def settings(*keys, **more):
    """Return a function that returns a program's settings as JSON: these keys of the configuration, and more.

    Among the latter may be functions of the wildcards. (In a plain text, Snakemake would take a brace for a wildcard.)
    """
    values = {**{key: getattr(SETTINGS.config, key) for key in keys}, **more}
    if any(map(callable, more.values())):
        return lambda wildcards: canonical({k: v(wildcards) if callable(v) else v for k, v in values.items()})
    text = canonical(values)
    return lambda wildcards: text


def block_settings(**more):
    """Return the settings of a program that works on a block of labels."""
    return settings(**more, labels=lambda wildcards: SETTINGS.blocks[wildcards.block])


def is_idle(rule):
    """Return whether a rule belongs to the student, and the configuration has no student."""
    return not STUDENT and Path(rule.snakefile).name == "student.smk"
