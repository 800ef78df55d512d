"""All keys of a configuration."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from stylevote.config import ensemble, photos
from stylevote.config.base import Model, Name
from stylevote.config.runs import Run

Folder = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^{}]*$")]
Key = Annotated[str, Field(max_length=100)]
Figure = Annotated[float, Field(ge=0, le=1)] | None


class Report(Model):
    """What results/report.html shows.

    Attributes:
        sizes: whether it says what ensembles of other sizes are worth, which takes several times what the honest
            estimate does; with `target` it does in any case.
        pictures: labels, at most, that have pictures of their own: of more labels, those of the lowest honest
            score, and some from the others.
    """

    sizes: bool = False
    pictures: int = Field(24, ge=1, le=200)


class Plan(Model):
    """What the target `plan` says; nothing is computed again for another value.

    Attributes:
        epoch_seconds: stated seconds of an epoch, by backbone and size as the ids of runs have them
            (resnet50.tv_in1k-224: 95): hours are told from them until a fold of such a run is trained and measured.
    """

    epoch_seconds: dict[str, Annotated[float, Field(gt=0)]] = Field({})


class Row(Model):
    """A row of a table of runs.

    Attributes:
        row: the row's name.
        runs: settings that the row's runs have besides; `labels: each` fits any run of one label. Runs of different
            seeds are repetitions; of one seed, exactly one predicts a label.
        paper: the published F-beta of each label, or of `macro`, the mean over all labels, that is wanted; null
            if none was published.
        cut: where scores are cut, or null: where it is best on the other folds' photos.
    """

    row: str = Field(min_length=1, max_length=200)
    runs: dict[Key, Any] = Field({})
    paper: dict[Key, Figure] = Field(min_length=1)
    cut: Figure = None


class Experiment(Model):
    """A published table.

    Attributes:
        title: what the table shows.
        notes: what is to be known of the published figures, and of ours.
        runs: settings, as in `runs`, that the runs of all rows have.
        rows: rows of a table of runs, or null: it is one of sizes.
        sizes: the published macro F-beta of ensembles of so many members a label, or null: it is a table of runs.
    """

    title: str = Field(min_length=1, max_length=1000)
    notes: str = Field("", max_length=10000)
    runs: dict[Key, Any] = Field({})
    rows: list[Row] | None = Field(None, min_length=1, max_length=1000)
    sizes: dict[Literal["1", "2", "5", "10", "20", "40", "all"], Figure] | None = Field(None, min_length=1)


def hold_train_and_test(photosets: dict[str, photos.Photoset]) -> dict[str, photos.Photoset]:
    """Refuse photosets without one of those that every configuration has."""
    for name in ("train", "test"):
        if name not in photosets:
            raise ValueError(f"{name!r} is a required property")
    return photosets


def by_its_backbone(student: Any) -> Any:
    """Return a student that is given by its backbone alone in full."""
    return {"backbone": student} if isinstance(student, str) else student


class Configuration(Model):
    """A configuration of Stylevote.

    Attributes:
        results: a folder, that every artefact lies under; braces would be taken for wildcards.
        networks: results folder of another configuration, whose photos, pixels and networks this one shares: it
            makes another ensemble of them, in `results`, and trains only what is missing there; null: all is in
            `results`.
        labels: the labels' names, in the order in which tables and the submission list them.
        labels_per_job: labels that one job of ranking, selection, stack, threshold or estimate works on, one after
            another: fewer labels are more jobs side by side, each of which takes some seconds to start; null: as
            many that each of these rules has 16 jobs at most. Decisions do not depend on it.
        photosets: named sets of photos; `train` has labels, decisions for `test` become submission.csv.
        on_bad_photo: `fail`, or `skip` (leave unreadable photos out and list them in a quarantine table).
        keep_weights: which weights stay on the disk: all (every epoch's), selectable (once a run is trained on all
            folds, the epochs that are its best for a label: no others become members), or none (those are scored on
            the photosets at once, and removed then; further photosets need the networks trained again).
        recipes: what an epoch's manifest holds, by name.
        runs: the training settings; each is trained on every fold. An entry stands for several runs where a value
            is a list of alternatives (several lists are crossed) or is drawn at random: {choose: [...]}, {uniform:
            [a, b]}, {log_uniform: [a, b]}, {integers: [a, b]}, hidden_units: {layers: [a, b], units: ...}. Both may
            stand anywhere in the entry. hidden_units, phases and labels are lists by nature, and alternatives
            only where an element is itself a list (or, of labels, `all` or `each`); lists within backbone_args are
            arguments. What is said here of a key is meant of each run.
        preset: what `selection`, `stack`, `threshold` and `votes` have if they say nothing else: default (the
            defaults below), paper_2018 (the first-place team's) or fast (little to fit).
        beta: how much more recall counts than precision in the F-beta that everything from selection to decisions
            is to reach.
        distillation: a backbone, or the keys of a run with a value each: one network, the student, that learns the
            ensemble's out-of-fold scores in the place of the labels, all of them and by cross-entropy, and is
            scored beside it (target student/scores.parquet in the results folder); or null: none.
        submission: table (a header, file names) or challenge (the JD challenge's headerless id,l0,...).
        experiments: published tables beside which runs of this configuration are set, by name; the target
            `experiments` makes all of them, and results/experiments/NAME.csv one.
    """

    results: Folder = "results"
    networks: Folder | None = None
    labels: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(min_length=1, max_length=1000)
    labels_per_job: int | None = Field(None, ge=1, le=1000)
    photosets: Annotated[dict[Name, photos.Photoset], AfterValidator(hold_train_and_test)] = Field(
        {}, validate_default=False
    )
    demo: photos.Demo = Field({})
    downloads: photos.Downloads = Field({})
    on_bad_photo: Literal["fail", "skip"] = "fail"
    keep_weights: Literal["all", "selectable", "none"] = "all"
    folds: photos.Folds = Field({})
    holdout: photos.Holdout = Field({})
    segmentation: photos.Segmentation = Field({})
    recolor: photos.Recolor = Field({})
    recipes: dict[Name, photos.Recipe] = Field({"plain": {}})
    runs: list[Run] = Field([])
    members: ensemble.Members = Field({})
    simulation: ensemble.Simulation | None = None
    preset: Literal["default", "paper_2018", "fast"] = "default"
    beta: float = Field(2, gt=0, le=10)
    target: ensemble.Target | None = None
    abstain: ensemble.Abstain | None = None
    bundle: ensemble.Bundle | None = None
    selection: ensemble.Selection = Field({})
    stack: ensemble.Stack = Field({})
    threshold: ensemble.Threshold = Field({})
    votes: ensemble.Votes = Field({})
    distillation: Annotated[Run | None, BeforeValidator(by_its_backbone, json_schema_input_type=str | Run | None)] = (
        None
    )
    submission: Literal["table", "challenge"] = "table"
    report: Report = Field({})
    plan: Plan = Field({})
    experiments: dict[Name, Experiment] = Field({})
