"""Reads and checks the configuration; gives the rules their paths, settings and code digests. No rule is here."""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.io import regex_from_filepattern, update_wildcard_constraints

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))

from stylevote.clock import bring_to_present
from stylevote.digests import canonical, run_id
from stylevote.photos.label_tables import file_names, meaning, read_label_table
from stylevote.photos.listing import changed_photos, list_files, names_and_contents, names_and_sizes
from stylevote.photos.problems import number_of, problem_report, shown
from stylevote.program import InputError
from stylevote.provenance import code_digest
from stylevote.settings import epochs_of, refuse_repeated_keys, resolve
from stylevote.tables import read_table, write_json

# Planning thousands of jobs makes millions of objects that stay: looking among them for garbage takes a tenth of its time.
gc.set_threshold(100_000, 50, 100)

# Rules call `python`: the one that runs Snakemake, also where its environment is not activated.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", os.defpath)]))

# How many jobs may share a GPU: a matter of where they run, as `gpu` is, and nothing that results depend on.
if "gpu_share" in workflow.resource_settings.resources:
    os.environ.update(STYLEVOTE_GPU_SHARE=str(workflow.resource_settings.resources["gpu_share"].value))

# Snakemake merges a configuration into config.yaml key by key. One that the user names stands for itself: what it leaves
# out has the schema's default, and is not the demo's.
if workflow.overwrite_configfiles:
    config = workflow.config_settings.overwrite_config

try:
    for path in workflow.overwrite_configfiles or workflow.configfiles:
        refuse_repeated_keys(Path(path))
    SETTINGS = resolve(config)
except InputError as error:
    raise WorkflowError(error) from None

RESULTS = Path(SETTINGS.config["results"])
if not (there := next(part for part in (RESULTS, *RESULTS.parents) if part.exists())).is_dir():
    raise WorkflowError(f"results: found {there}, which is a file; expected a folder, or a place where one can be made")

SEGMENTATION = SETTINGS.config["segmentation"]
STACK = SETTINGS.config["stack"]
BETA = SETTINGS.config["beta"]
SIZED = SETTINGS.config["report"]["sizes"] or SETTINGS.config["target"] is not None
STUDENT = SETTINGS.config["distil"]
BUNDLE = SETTINGS.config["bundle"]
# The settings of all networks that are trained.
TRAINED = [*SETTINGS.runs.values(), *([STUDENT] if STUDENT else [])]
KEEP_WEIGHTS = SETTINGS.config["keep_weights"]
EXPERIMENTS = SETTINGS.config["experiments"]
READS_MASKS = SEGMENTATION["model"] in ("given", "smp")
LABEL_OF = {stem: label for label, stem in SETTINGS.stems.items()}
LOCKED = SETTINGS.config["honest"]["locked"]
# The photosets that are made of files, by their folders. Where photos are locked away, all training photos are `labelled`,
# and `train` and `locked` are made of those.
# They have an order of their own: where they stand in the configuration means nothing.
INGESTED = {name: name for name in sorted(SETTINGS.config["photosets"], key=lambda name: (name != "train", name))}
if LOCKED:
    INGESTED = {"labelled": "train", **{name: name for name in INGESTED if name not in ("train", "locked")}}
# Those of them whose photos are fetched where their folders lack them.
DOWNLOADED = [made for made, name in INGESTED.items() if SETTINGS.config["photosets"][name]["download"]]


# What a wildcard may have stood for in any configuration; the ids of runs are as `stylevote.digests.run_id` makes them.
EVER = {
    "photoset": "[a-z][a-z0-9_]*",
    "size": r"\d+",
    "epochs": r"\d+",
    "recipe": "[a-z][a-z0-9_]*",
    "shard": r"\d+",
    "run": r"[A-Za-z0-9_.]+-\d+-[a-z][a-z0-9_]*-[0-9a-f]{8}",
    "fold": r"\d+",
    "label": "[a-z0-9-]+",
    "number": r"\d{3}",
    "table": "[a-z][a-z0-9_]*",
}
# Every path that was asked of `results`, with its wildcards: what rules make and read in any configuration.
PATHS = set()


def one_of(values):
    """A wildcard's constraint: these values."""
    return "|".join(re.escape(str(value)) for value in values) or "(?!)"


wildcard_constraints:
    photoset=one_of(SETTINGS.config["photosets"]),
    size=one_of(sorted({setting["size"] for setting in TRAINED})),
    epochs=one_of(sorted({epochs_of(setting) for setting in TRAINED})),
    recipe=one_of(SETTINGS.config["recipes"]),
    shard=one_of(range(SEGMENTATION["shards"])),
    run=one_of(SETTINGS.runs),
    fold=one_of(SETTINGS.folds),
    label=one_of(LABEL_OF),
    table=one_of(EXPERIMENTS),


def results(path):
    """A path in the results folder."""
    PATHS.add(path)
    return f"{SETTINGS.config['results']}/{path}"


def logs(path):
    """A path for what a job prints."""
    return results(f"logs/{path}")


def benchmarks(path):
    """A path for what a job costs."""
    return results(f"benchmarks/{path}")


def by_attempt(amount):
    """Memory or time of a job: as much at its first attempt, and as much more at each further one."""
    return lambda wildcards, attempt: amount * attempt


@cache
def code(program, *modules):
    """A digest of the code that a program executes, with those modules of the library that its settings choose."""
    return code_digest(SCRIPTS / f"{program}.py", *(SCRIPTS / "stylevote" / f"{module}.py" for module in modules))


def spec(*keys, **more):
    """The named branches of the configuration and further settings, as the text that a program gets and is judged by.

    It is given as a function, since Snakemake would take a brace in a plain text for a wildcard.
    """
    text = canonical({**{key: SETTINGS.config[key] for key in keys}, **more})
    return lambda wildcards: text


def label_spec(**settings):
    """The same for a rule of one label."""
    return lambda wildcards: canonical({**settings, "label": LABEL_OF[wildcards.label]})


def run_labels(wildcards):
    """The labels that a run's networks predict."""
    return SETTINGS.labels_of(SETTINGS.runs[wildcards.run])


def run_spec(wildcards):
    """What a run's networks depend on."""
    return canonical({"labels": run_labels(wildcards), "setting": SETTINGS.runs[wildcards.run]})


def student_spec(wildcards):
    """What the student's networks depend on."""
    return canonical({"labels": SETTINGS.labels, "setting": trained_setting(wildcards)})


def loss_code(wildcards):
    """The code of a run's training: of the losses, its own alone."""
    (loss,) = trained_setting(wildcards)["loss"]
    return code("train_cnn", f"cnn/losses/{loss}")


def simulation_spec(*keys):
    """The named settings of the simulation, the labels, and the member's number if the rule is of one."""
    settings = {"labels": SETTINGS.labels, **{key: SETTINGS.config["simulation"][key] for key in keys}}

    def of_member(wildcards):
        return canonical({**settings, **{"member": int(number) for number in wildcards}})

    return of_member


def first_comparison(wildcards):
    """The comparison of photosets, unless there has been one: no training begins before, but later ones train nothing."""
    path = results("photos/shared_photos.parquet")
    return [] if os.path.exists(path) else path


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


def is_drawn(folder):
    """Whether a folder is the work of `draw_demo`: what that depends on stands for it."""
    return Path(folder).is_relative_to(SETTINGS.config["results"])


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


def training_photos(wildcards, input):
    """The folder of the training photos; it may lie anywhere, too."""
    return SETTINGS.config["photosets"]["train"]["photos"]


def made_table(wildcards):
    """The label table of an ingested photoset, if it is made here, or missing, which Snakemake then says."""
    table = SETTINGS.config["photosets"][INGESTED[wildcards.photoset]]["labels"]
    return table if table and (is_drawn(table) or not os.path.exists(table)) else []


def label_table(wildcards, input):
    """The label table of an ingested photoset, if it has one. It takes `input` so that Snakemake does not compare it: what
    the table says counts, and neither where it lies nor how it is written."""
    return SETTINGS.config["photosets"][INGESTED[wildcards.photoset]]["labels"] or ""


def masks_folder(wildcards, input):
    """The folder of the training photos' masks, if there is one; like that of the photos, it may lie anywhere."""
    return SETTINGS.config["photosets"]["train"]["masks"] or ""


@cache
def listing_of_masks():
    """What a segmentation by given masks, or a training on them, depends on: which masks there are, and what they show."""
    folder = SETTINGS.config["photosets"]["train"]["masks"]
    if not READS_MASKS:
        return ""
    if is_drawn(folder):
        return canonical([SETTINGS.config["demo"], code("draw_demo")])
    return names_and_contents(folder, list_files(folder))


def mask_labels(wildcards):
    """The table that names the masks' classes, if there is one."""
    return (SETTINGS.config["photosets"]["train"]["mask_labels"] if READS_MASKS else None) or []


def segmentation_spec(*keys):
    """The named settings of segmentation, and those of the chosen model."""
    model = SEGMENTATION["model"]
    chosen = {model: SEGMENTATION[model]} if model in SEGMENTATION else {}
    text = canonical({**{key: SEGMENTATION[key] for key in keys}, **chosen})
    return lambda wildcards: text


def segmenter_code(wildcards):
    """The code of segmentation: of the models, the chosen one alone."""
    if SEGMENTATION["model"] == "none":
        raise WorkflowError("segmentation.model is none: there are no masks, and no recoloured photos")
    return code("segment_photos", f"augment/segmenters/{SEGMENTATION['model']}")


def segmenter_weights(wildcards):
    """The weights that photos are segmented with: those trained here, or the user's."""
    if SEGMENTATION["model"] == "smp":
        return results("segmenter/weights.safetensors")
    weights = SEGMENTATION["maskrcnn"]["weights"]
    return weights if SEGMENTATION["model"] == "maskrcnn" and weights != "pretrained" else []


def encoder_weights(wildcards):
    """The file of weights that the segmenter's encoder starts from, if the user brings one."""
    if SEGMENTATION["model"] != "smp":
        raise WorkflowError(f"segmentation.model is {SEGMENTATION['model']}: only smp is trained here")
    weights = SEGMENTATION["smp"]["weights"]
    return [] if weights in ("none", "pretrained") else weights


def every_shard(path):
    """A path for each shard of the training photos."""
    return expand(results(path), shard=range(SEGMENTATION["shards"]), allow_missing=True)


def recolor_spec(wildcards):
    """What recoloured photos depend on; how many of them an epoch uses is a recipe's business."""
    settings = {key: value for key, value in SETTINGS.config["recolor"].items() if key != "use"}
    return canonical(
        {**settings, "all_labels": SETTINGS.labels, "size": SEGMENTATION["size"], "shards": SEGMENTATION["shards"]}
    )


def recipe_spec(wildcards):
    """What a recipe's epochs depend on."""
    recipe = SETTINGS.config["recipes"][wildcards.recipe]
    return canonical({**recipe, "labels": SETTINGS.labels, "epochs": int(wildcards.epochs)})


def uses_recolored(recipe):
    """Whether a recipe, by its name, uses recoloured photos."""
    return bool(SETTINGS.config["recipes"][recipe]["recolored"])


def recolored_list(wildcards):
    """The list of recoloured photos, if the recipe uses them."""
    return results("recolored/index.parquet") if uses_recolored(wildcards.recipe) else []


def contact_sheet():
    """The contact sheet of recoloured photos, if any run uses them."""
    used = any(uses_recolored(setting["recipe"]) for setting in SETTINGS.runs.values())
    return results("recolored/contact_sheet.png") if used else []


def recolored_path(path):
    """A path that depends on a run's setting, if the run's recipe uses recoloured photos."""
    of_run = run_path(path)

    def if_used(wildcards):
        return of_run(wildcards) if uses_recolored(trained_setting(wildcards)["recipe"]) else []

    return if_used


def run_path(path):
    """A path that depends on a run's setting: `{size}`, `{recipe}` and `{epochs}` stand in it for the run's."""

    def of_run(wildcards):
        setting = trained_setting(wildcards)
        names = {"size": setting["size"], "recipe": setting["recipe"], "epochs": epochs_of(setting), **wildcards}
        return results(path).format(**names)

    return of_run


def trained_setting(wildcards):
    """The setting of the wildcards' run; without a run, the student's."""
    if "run" in wildcards.keys():
        return SETTINGS.runs[wildcards.run]
    if not STUDENT:
        raise WorkflowError("distil is null: there is no student; let it name a backbone")
    return STUDENT


def unless_kept(weights):
    """Weights that Snakemake removes once the photosets are scored, if none are to be kept."""
    return temp(weights) if KEEP_WEIGHTS == "none" else weights


def wanted_epochs(wildcards):
    """The list of epochs to predict with: the ensemble's members; or, so that weights can be removed before all runs are
    trained, all of the run that may become members."""
    return results(f"runs/{wildcards.run}/epochs.parquet" if KEEP_WEIGHTS == "none" else "ensemble/members.parquet")


def chosen_epochs():
    """The lists that are made when the weights of epochs that cannot become members are removed. They are nobody's input
    by content: votes wait for them, so that they are made."""
    return expand(results("runs/{run}/epochs.parquet"), run=SETTINGS.runs) if KEEP_WEIGHTS == "selectable" else []


def if_locked(path):
    """A path in the results folder, where photos are locked away."""
    return results(path) if LOCKED else []


def if_averaged(path):
    """A path in the results folder, where a photo's decision is by the mean of all outputs."""
    return results(path) if SETTINGS.config["votes"]["aggregation"] == "average_scores" else []


def start_weights(wildcards):
    """The file of weights that a training starts from, if the user brings one."""
    weights = trained_setting(wildcards)["weights"]
    return [] if weights in ("none", "pretrained") else weights


def selection_settings():
    """The method of selection, and the settings that it uses: those of the others mean nothing to it."""
    used = {"top_n": ["top_n", "correlation"], "greedy": ["greedy"], "all": []}
    selection = SETTINGS.config["selection"]
    return {key: selection[key] for key in ["method", *used[selection["method"]]]}


def stack_settings():
    """The combiner's name, and its own settings if it has any: those of the others mean nothing to the stack."""
    name = STACK["combiner"]
    if name == "auto":
        among = {part: STACK.get(part, {}) for part in STACK["auto"]["among"]}
        return {"combiner": name, name: {**STACK["auto"], "among": list(among.items())}}
    return {key: STACK[key] for key in ["combiner", name] if key in STACK}


def parts_of(combiner):
    """The combiners that a combiner chooses among."""
    return STACK["auto"]["among"] if combiner == "auto" else []


def threshold_settings():
    """The method of search, and the settings that it uses."""
    used = {"greedy": ["steps"], "shrunk": ["shrink"], "bootstrap": ["resamples", "seed"]}
    threshold = SETTINGS.config["threshold"]
    return {key: threshold[key] for key in ["method", *used.get(threshold["method"], [])]}


def label_limits():
    """The least and most labels of a photo."""
    return {key: SETTINGS.config["votes"][key] for key in ("least", "most")}


def combining_code(program):
    """The code of a program that fits or uses stackers: of the combiners, the chosen one alone."""
    name = STACK["combiner"]
    return code(program, *(f"ensemble/combiners/{part}" for part in [name, *parts_of(name)]))


def of_features(path):
    """A path for each label whose members a label's stackers take; the label itself comes first."""

    def of_label(wildcards):
        stems = [SETTINGS.stems[label] for label in SETTINGS.feature_labels(LABEL_OF[wildcards.label])]
        return expand(results(path), label=stems)

    return of_label


def stack_spec(**settings):
    """What depends on how a label is stacked: the settings, and whose members the stackers take."""

    def of_label(wildcards):
        label = LABEL_OF[wildcards.label]
        return canonical({**settings, "beta": BETA, "label": label, "features": SETTINGS.feature_labels(label)})

    return of_label


def chosen_sizes(wildcards):
    """The sizes that `target` chooses, if it is set."""
    return results("ensemble/chosen_sizes.parquet") if SETTINGS.config["target"] else []


def certainty(part):
    """What `search_certainty` finds of each label, where a precision is chosen; of the whole ensemble, or of a part."""
    return every_label(f"{part}certain/{{label}}.json") if SETTINGS.config["abstain"] else []


def certainty_spec(wildcards):
    """The precision that is asked for."""
    if not SETTINGS.config["abstain"]:
        raise WorkflowError("abstain is null: no precision is asked for")
    return canonical({**SETTINGS.config["abstain"], "label": LABEL_OF[wildcards.label]})


def bundled(path):
    """A path of the ensemble's, or of that of the fewer members that the bundle is to have."""
    return f"ensemble/fewer/{path}" if BUNDLE else f"ensemble/{path}"


def bundled_sizes(wildcards):
    """The sizes that `bundle.loss` chooses, if it is set."""
    return results("ensemble/fewer/sizes.parquet") if "loss" in (BUNDLE or {}) else []


def weights_to_bundle(wildcards):
    """The weights of all runs; every member must have some that stay."""
    if SETTINGS.external:
        raise WorkflowError("bundle: members.external have predictions and no networks; leave them out")
    if KEEP_WEIGHTS == "none":
        raise WorkflowError("bundle: keep_weights is none, so that there are no weights to put into it")
    from stylevote.bundle import refuse_arguments

    for run, setting in SETTINGS.runs.items():
        try:
            refuse_arguments(setting["backbone_args"], f"bundle: the run {run}: backbone_args")
        except InputError as error:
            raise WorkflowError(error) from None
    return every_run("runs/{run}/fold{fold}/weights")


def settings_of_runs():
    """The setting of every run and the labels that it predicts."""
    return {run: {**setting, "labels": SETTINGS.labels_of(setting)} for run, setting in SETTINGS.runs.items()}


def every_label(path):
    """A path for each label, in the configuration's order."""
    return expand(results(path), label=SETTINGS.stems.values(), allow_missing=True)


def every_fold(path):
    """A path for each fold."""
    return expand(results(path), fold=SETTINGS.folds, allow_missing=True)


def every_run(path):
    """A path for each run and fold, the folds of a run together."""
    return expand(results(path), run=SETTINGS.runs, fold=SETTINGS.folds, allow_missing=True)


def every_external(photos):
    """A path for each external member and fold, of the predictions for these photos."""
    return [f"{folder}/fold{fold}/{photos}.parquet" for folder in SETTINGS.external.values() for fold in SETTINGS.folds]


def present_names():
    """What the wildcards of a benchmark file's path stand for in this configuration, but for labels."""
    simulated = SETTINGS.config["simulation"]
    numbers = {*range(SEGMENTATION["shards"]), *(setting["size"] for setting in TRAINED), *map(epochs_of, TRAINED)}
    return sorted(
        {
            *SETTINGS.runs,
            *SETTINGS.config["photosets"],
            *SETTINGS.config["recipes"],
            *INGESTED,
            *EXPERIMENTS,
            *map(str, numbers),
            *(f"fold{fold}" for fold in SETTINGS.folds),
            *(f"{number:03d}" for number in range(simulated["members"] if simulated else 0)),
        }
    )


def caption_of(pattern):
    """The name of a picture's caption: its own, or its folder's where it is one of each run."""
    parent, stem = Path(pattern).parent.name, Path(pattern).stem
    return parent if "{" in stem else stem


def picture(pattern, category, wanted=True, **labels):
    """A picture of the report, if it is wanted, which `snakemake --report` shows, too, with a caption of its own."""
    path = results(f"report/{pattern}").format(**labels)
    caption = f"captions/{caption_of(pattern)}.rst"
    return report(path, caption=caption, category=category, labels=labels) if wanted else []


@cache
def compared_losses():
    """The runs that were trained with each loss, if there are several."""
    losses = {}
    for run, setting in SETTINGS.runs.items():
        losses.setdefault(next(iter(setting["loss"])), []).append(run)
    return dict(sorted(losses.items())) if len(losses) > 1 else {}


def only_cut():
    """Whether new photos get a label where its score reaches the threshold, and never otherwise."""
    return SETTINGS.config["votes"] == {"aggregation": "average_scores", "least": 0, "most": None}


def if_sized(path):
    """A path in the results folder, where the report is to say what ensembles of other sizes are worth."""
    return results(path) if SIZED else []


@cache
def resampling_recipes():
    """The epochs of the longest run of each recipe that repeats, drops or adds photos, by the recipe's name."""
    found = {}
    for setting in SETTINGS.runs.values():
        name = setting["recipe"]
        if any(value for key, value in SETTINGS.config["recipes"][name].items() if key != "seed"):
            found[name] = max(found.get(name, 0), epochs_of(setting))
    return dict(sorted(found.items()))


def if_resampled(path):
    """A path in the results folder, where there are such recipes."""
    path = results(path)
    return path if resampling_recipes() else []


def resampled_epochs():
    """What the first fold's networks see with each of these recipes, in their order."""
    return [results(f"manifests/{name}/{epochs}/fold0.parquet") for name, epochs in resampling_recipes().items()]


def compared_predictions(wildcards):
    """The out-of-fold predictions of the runs that a published table is compared with."""
    repetitions = [part for cell in SETTINGS.cells[wildcards.table] for part in cell["repetitions"]]
    runs = sorted({run for part in repetitions for run in part.values()})
    return expand(results("runs/{run}/fold{fold}/validation.parquet"), run=runs, fold=SETTINGS.folds)


def published_tables(path):
    """A path for each published table."""

    def of_all(wildcards):
        if not EXPERIMENTS:
            raise WorkflowError(
                "experiments: the configuration names no published tables; config/experiments.yaml does"
            )
        return expand(results(path), table=EXPERIMENTS)

    return of_all


def comparison_spec(wildcards):
    """What a table of published figures and ours depends on."""
    return canonical({"labels": SETTINGS.labels, "beta": BETA, "cells": SETTINGS.cells[wildcards.table]})


def described_photosets():
    """The photosets of which the model card speaks."""
    return ["train", "test", *(["locked"] if LOCKED else [])]


def card_spec(wildcards):
    """What the model card says of the settings: not how photos come, nor what is made of the decisions besides. A run's id
    stands for its whole setting, and an external member's name for its folder."""
    aside = (
        "results",
        "photosets",
        "downloads",
        "runs",
        "abstain",
        "bundle",
        "distil",
        "experiments",
        "plan",
        "report",
    )
    settings = {key: value for key, value in SETTINGS.config.items() if key not in aside}
    settings["members"] = {**settings["members"], "external": list(SETTINGS.external)}
    return canonical(
        {
            "settings": settings,
            "runs": list(SETTINGS.runs),
            "photosets": described_photosets(),
            "drawn": is_drawn(SETTINGS.config["photosets"]["train"]["photos"] or ""),
        }
    )


# Files of rules without whose settings nothing they make is used.
IDLE = {name for name, wanted in {"distil.smk": STUDENT, "fewer.smk": BUNDLE}.items() if not wanted}


def is_idle(rule):
    """Whether a rule makes what the configuration does not use."""
    return Path(rule.snakefile).name in IDLE


# What programs leave in the results folder that no rule declares.
UNDECLARED = [
    results("plan.tsv"),
    results("unused.json"),
    results("runs/{run}/fold{fold}/unfinished"),
    results("runs/{run}/fold{fold}/.training"),
    *expand(results("photos/{photoset}/unchanged"), photoset=INGESTED),
    *expand(results("photos/{photoset}/failed_downloads.parquet"), photoset=DOWNLOADED),
]
UNDECLARED_OF_STUDENT = [results("distilled/fold{fold}/unfinished"), results("distilled/fold{fold}/.training")]


def say(text):
    """Print, and return, the text that a function gives; a user's mistake ends the job with a sentence."""
    try:
        said = text()
    except InputError as error:
        raise WorkflowError(error) from None
    print(said, flush=True)
    return said


def in_results(pattern, constraints):
    """A path pattern as a regular expression of the path in the results folder."""
    inside = os.path.relpath(pattern, SETTINGS.config["results"])
    return regex_from_filepattern(update_wildcard_constraints(inside, constraints, {}))


def with_files_in_results(act, log):
    """Print, and write to the log, what a function has to say of the files in the results folder, used and unused."""
    from stylevote.leftovers import paths_within, sort_files

    rules = [rule for rule in workflow.rules if not is_idle(rule)]
    declared = [path for rule in rules for path in (*rule.output, *rule.log, rule.benchmark) if path]
    used = [in_results(path, {}) for path in declared]
    undeclared = [*UNDECLARED, *(UNDECLARED_OF_STUDENT if STUDENT else [])]
    used += [in_results(path, workflow.wildcard_constraints) for path in undeclared]
    made = [in_results(results(path), EVER) for path in sorted(PATHS)]
    folder = Path(SETTINGS.config["results"])
    kept = paths_within(folder, [SETTINGS.config, SETTINGS.runs, SETTINGS.external])
    text = say(lambda: act(folder, sort_files(folder, used, made, kept)))
    Path(log).write_text(f"{text}\n")


def dry_run():
    """What a dry run of everything prints; None if it ends in an error."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(canonical(config))
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--dry-run", "--nolock", "--configfile", file.name, "--", "all"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    return None if done.returncode else done.stdout


def refuse_missing_members():
    """Stop where external predictions are missing of which something was made before: Snakemake 9.27 would take that as it
    is, since no rule makes them, and say nothing."""
    for photos, made in [
        ("validation", results(f"ensemble/scores/{next(iter(LABEL_OF))}.parquet")),
        *((name, results(f"predictions/{name}/votes.parquet")) for name in SETTINGS.config["photosets"]),
    ]:
        wanted = every_external(photos)
        missing = [path for path in wanted if not os.path.exists(path)]
        if missing and os.path.exists(made):
            raise WorkflowError(
                f"members.external: {missing[0]} is not there ({len(missing)} of {len(wanted)} such files are missing), so"
                f" that {made} would stay as it is; bring the file back, or take its member out until it is there"
            )


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


if not SETTINGS.config["simulation"]:
    refuse_missing_members()
    if workflow.is_main_process:
        # A mistake in a table is to be known before a job has removed what it made of the former one.
        for ingested in INGESTED:
            photos_of(ingested)
        try:
            refuse_lost_photos()
        except InputError as error:
            raise WorkflowError(error) from None


# Files that jobs of this call make anew, as they were before: another name of each, and Snakemake's record of it.
ASIDE = {}
ASIDE_FOLDER = RESULTS / ".aside"
# What is made before networks are trained, and by which they are judged to be up to date. (Pixels are large, and are
# cached when all that a user can mistake was found to be good.)
BEFORE_TRAINING = ("photos.smk", "folds.smk", "augment.smk")


def set_aside():
    """Give what this call makes anew, and trainings depend on, another name.

    Snakemake removes a job's old output before the job, and its new one where it fails: a mistake in the configuration,
    or a folder of photos that is not there today, would have all networks trained again once it is mended.
    """
    if not workflow.is_main_process:
        return
    shutil.rmtree(ASIDE_FOLDER, ignore_errors=True)  # of a call that was killed
    for job in workflow.dag.needrun_jobs():
        if Path(job.rule.snakefile).name in BEFORE_TRAINING and not job.rule.name.startswith("cache_"):
            for path in filter(os.path.isfile, job.output):
                name = ASIDE_FOLDER / str(len(ASIDE))
                with suppress(OSError):  # a disk that is full or read-only, as the job will say
                    ASIDE_FOLDER.mkdir(parents=True, exist_ok=True)
                    try:
                        os.link(path, name)
                    except OSError:  # a file system without links
                        shutil.copy2(path, name)
                    ASIDE[path] = name, workflow.persistence.metadata(path)


def put_back():
    """Undo what failed jobs did to files that were there before them, so that Snakemake judges them as it did then."""
    lost = [path for path in ASIDE if not os.path.exists(path)]
    for path in lost:
        name, record = ASIDE[path]
        # The record first: a file without one would be taken as it is, whatever the configuration says.
        if record is not None:
            workflow.persistence._write_record(str(path), record)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.replace(name, path)
        if workflow.local_exec:  # jobs were killed with Ctrl-C; on a cluster, one may still write there
            workflow.persistence._unmark_incomplete(str(path))
    if lost:
        more = f" and {number_of(len(lost) - 1, 'other file')}" if len(lost) > 1 else ""
        print(f"{lost[0]}{more}: as before this call, since what was to replace it failed", file=sys.stderr)


def forget_aside():
    """Remove the other names."""
    if ASIDE:
        shutil.rmtree(ASIDE_FOLDER, ignore_errors=True)
