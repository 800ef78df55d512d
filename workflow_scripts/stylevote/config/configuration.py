"""All keys of a configuration."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from stylevote.config import ensemble, photos
from stylevote.config.base import WITH_HOME, Model, Name, json_type
from stylevote.config.run_sets import SETS
from stylevote.config.runs import Run

Folder = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^{}]*$"), WITH_HOME]
Key = Annotated[str, Field(max_length=100)]
MAX_LABELS = 20_000  # also of a bundle
RunSet = Annotated[str, Field(json_schema_extra={"enum": list(SETS)})]
Figure = Annotated[float, Field(ge=0, le=1)] | None


class Report(Model):
    """Contents of results/report.html.

    Attributes:
        sizes: show the F-beta of ensembles of other sizes. It takes several times as long as the nested estimate; with
            `target` it is shown in any case.
        pictures: maximum of labels with pictures. Labels of the lowest nested F-beta and some others are drawn.
    """

    sizes: bool = False
    pictures: int = Field(24, ge=1, le=200)


class Joined(Model):
    """A form of the submission: the labels of a photo in one cell.

    Attributes:
        joined: text between two labels, such as `" "` or `"|"`.
    """

    joined: str = Field(min_length=1, max_length=10)


class Plan(Model):
    """Settings of the target `plan`. A change recomputes nothing.

    Attributes:
        epoch_seconds: seconds per epoch by backbone and size, as in the ids of runs (resnet50.tv_in1k-224: 95). They
            count until a fold of such a run is trained.
    """

    epoch_seconds: dict[str, Annotated[float, Field(gt=0)]] = Field({})


class Row(Model):
    """A row of a table of runs.

    Attributes:
        row: name of the row.
        runs: further settings of the row's runs. `labels: each` fits all runs of one label. Runs that differ in their
            seeds are repetitions. For one seed, exactly one run predicts a label, unless `fuse` is true.
        fuse: false, or true: for one seed, the mean of the scores of all runs that predict a label decides.
        paper: published F-beta by label, or by `macro` for the mean over all labels; null if none was published.
        cut: threshold of the scores, or null: the best on the other folds' photos.
    """

    row: str = Field(min_length=1, max_length=200)
    runs: dict[Key, Any] = Field({})
    fuse: bool = False
    paper: dict[Key, Figure] = Field(min_length=1)
    cut: Figure = None


class Experiment(Model):
    """A published table.

    Attributes:
        title: title of the table.
        notes: notes on the published figures and on ours.
        runs: settings that the runs of all rows share.
        rows: rows of a table of runs, or null.
        sizes: published macro F-beta by the number of members per label, for a table of sizes; or null.
    """

    title: str = Field(min_length=1, max_length=1000)
    notes: str = Field("", max_length=10000)
    runs: dict[Key, Any] = Field({})
    rows: list[Row] | None = Field(None, min_length=1, max_length=1000)
    sizes: dict[Literal["1", "2", "5", "10", "20", "40", "all"], Figure] | None = Field(None, min_length=1)


def hold_train(photosets: dict[str, photos.Photoset]) -> dict[str, photos.Photoset]:
    """Refuse photosets without `train`."""
    if "train" not in photosets:
        raise ValueError("'train' is a required property")
    return photosets


def spelt_out_student(value: Any) -> Any:
    """Return a student as a mapping, also if the configuration names only its backbone."""
    return {"backbone": value} if isinstance(value, str) else value


class Configuration(Model):
    """A configuration of Stylevote.

    Attributes:
        results: a folder for all results, without braces.
        networks: results folder of another configuration. Its photos, pixels and networks are used, and missing ones
            are made there; null: all are in `results`.
        labels: names of the labels, in the order of tables and of the submission.
        labels_per_job: labels per job of ranking, selection, stack, threshold and estimate; null: at most 16 jobs per
            rule. Jobs run in parallel and take some seconds to start. Decisions do not depend on it.
        photosets: sets of photos by name. `train` has labels; decisions for `test` become submission.csv. Without
            `test`, nothing is submitted.
        on_bad_photo: reaction to unreadable photos: fail, or skip (leave them out and list them in left_out.csv).
        cut_photos: JPEGs that lack their last bytes (at most a tenth of their rows) are bad photos, as above: bad; or
            they are used, with a warning: take.
        keep_weights: weights to keep: all (of all epochs), selectable (once a run is trained on all folds, those of its
            best epochs per label, by all photos and by each fold's: others cannot become members) or none (they are
            removed after all photosets are scored; other photosets then need a new training).
        recipes: the photos that each epoch sees, by name.
        weights_folder: folder of pretrained weights for machines without internet, or null: they are downloaded. A run
            with `weights: pretrained` reads FOLDER/BACKBONE.safetensors, where BACKBONE is timm's full name (`:` and
            `/` become `_`), such as resnet50.tv_in1k.safetensors.
        runs: settings of trainings. Each run is trained on all folds. A ready set's name (quick, standard or large;
            quick_cpu, standard_cpu or large_cpu without a GPU; see run_sets.yaml) stands for its runs, as the value or
            in the list. An entry can stand for several runs: {each:
            [...]} gives a run per element, and several of them are crossed. {choose: [...]}, {uniform: [a, b]},
            {log_uniform: [a, b]}, {integers: [a, b]} and hidden_units: {layers: [a, b], units: ...} draw a value at
            random. Both can stand anywhere in an entry.
        preset: values for missing keys of `selection`, `stack`, `threshold` and `votes`: default (the defaults below),
            paper_2018 (as the first-place team's report says), winners_2018 (as its code does) or fast (little to fit).
        beta: weight of recall against precision in the F-beta that selection, stack and thresholds maximize.
        distillation: a backbone, or the keys of a run, or null. This network, the student, learns the ensemble's
            out-of-fold scores by cross-entropy, and is compared with the ensemble (student/scores.parquet).
        submission: form of submission.csv: table (a header, file names, 0 or 1 per label), challenge (the JD
            challenge's: no header, id,l0,...), probabilities (as table, with the ensemble's scores, 0 to 1), or
            {joined: SEPARATOR} (the labels of a photo in one cell, separated by this text).
        experiments: published tables to compare runs with, by name. The target `experiments` makes all of them,
            results/experiments/NAME.csv one.
    """

    results: Folder = "results"
    networks: Folder | None = None
    labels: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(min_length=1, max_length=MAX_LABELS)
    labels_per_job: int | None = Field(None, ge=1, le=20_000)
    photosets: Annotated[dict[Name, photos.Photoset], AfterValidator(hold_train)] = Field({}, validate_default=False)
    demo: photos.Demo = Field({})
    downloads: photos.Downloads = Field({})
    on_bad_photo: Literal["fail", "skip"] = "fail"
    cut_photos: Literal["bad", "take"] = "bad"
    keep_weights: Literal["all", "selectable", "none"] = "all"
    near_duplicates: photos.NearDuplicates = Field({})
    folds: photos.Folds = Field({})
    holdout: photos.Holdout = Field({})
    segmentation: photos.Segmentation = Field({})
    recolor: photos.Recolor = Field({})
    features: photos.Features = Field({})
    recipes: dict[Name, photos.Recipe] = Field({"plain": {}})
    weights_folder: Folder | None = None
    # Names of sets are replaced before (`resolve`).
    runs: Annotated[
        list[Run], BeforeValidator(lambda runs: runs, json_schema_input_type=RunSet | list[RunSet | Run])
    ] = Field([])
    members: ensemble.Members = Field({})
    simulation: ensemble.Simulation | None = None
    preset: Literal["default", "paper_2018", "winners_2018", "fast"] = "default"
    beta: float = Field(2, gt=0, le=10)
    target: ensemble.Target | None = None
    abstain: ensemble.Abstain | None = None
    bundle: ensemble.Bundle | None = None
    selection: ensemble.Selection = Field({})
    stack: ensemble.Stack = Field({})
    threshold: ensemble.Threshold = Field({})
    votes: ensemble.Votes = Field({})
    distillation: Annotated[Run | None, BeforeValidator(spelt_out_student, json_schema_input_type=str | Run | None)] = (
        None
    )
    submission: Annotated[
        Annotated[Literal["table", "challenge", "probabilities"], Tag("string")] | Annotated[Joined, Tag("object")],
        Discriminator(json_type),
    ] = "table"
    report: Report = Field({})
    plan: Plan = Field({})
    experiments: dict[Name, Experiment] = Field({})
