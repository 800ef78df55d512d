"""A configuration is checked before anything is computed, and what is wrong is message with its key."""

import copy
import datetime
import os
import re
from collections import Counter

import pytest
import yaml

from places import REPOSITORY
from stylevote.config.identity import canonical
from stylevote.config.resolve import resolve
from stylevote.errors import InputError

MINIMAL = {
    "labels": ["red", "round"],
    "photosets": {"train": {"photos": "a", "labels": "a.csv"}, "test": {"photos": "b"}},
    "runs": [{"backbone": "resnet18"}],
}
MASKED = {"segmentation": {"model": "maskrcnn"}}
HEAD = {"head_from": "probe"}


def changed(**keys):
    return {**copy.deepcopy(MINIMAL), **keys}


def run(**keys):
    """Return the key `runs` with one run of these keys."""
    return {"runs": [{"backbone": "resnet10t", **keys}]}


def student(**keys):
    """Return the key `distillation` with a student of these keys."""
    return {"distillation": {"backbone": "resnet10t", **keys}}


def with_photoset(**photosets):
    """Return the key `photosets` with further ones."""
    return {"photosets": {**MINIMAL["photosets"], **photosets}}


def problem(config) -> str:
    with pytest.raises(InputError) as caught:
        resolve(config)
    return str(caught.value)


def test_the_second_places_ensemble_is_a_net_of_each_of_three_backbones_a_label():
    settings = resolve(yaml.safe_load((REPOSITORY / "config" / "second_place.yaml").read_text()))
    assert settings.config.selection.used() == {"method": "each_backbone"}
    assert settings.config.stack.used() == {"combiner": "mean"}
    for label in settings.labels:
        of_label = [run for run, setting in settings.runs.items() if setting["labels"] == [label]]
        assert Counter(run.split(".")[0] for run in of_label) == {"densenet201": 2, "resnet101": 2, "resnet152": 2}
    assert len(settings.runs) == 13 * 6, "no other run can be a member"


def test_defaults_that_the_first_report_gives_and_those_that_are_our_own():
    settings = resolve(MINIMAL)
    (setting,) = settings.runs.values()
    assert (setting["hidden_units"], setting["batch"], setting["loss"]) == ([256], 32, {"bce": {}})
    assert sum(phase["epochs"] for phase in setting["phases"]) < 8
    grid = settings.config.stack.xgboost.grid
    assert len(grid.eta) * len(grid.max_depth) * len(grid.min_child_weight) == 180
    assert settings.config.stack.combiner == "logistic"
    assert settings.config.threshold.method == "shrunk"
    selection = settings.config.selection
    assert (selection.method, selection.top_n, selection.correlation) == ("top_n", 20, 0.9)
    assert list(settings.folds) == [0, 1, 2, 3, 4]


def test_a_preset_chooses_at_once_and_what_is_said_overrides_it():
    paper = resolve(changed(preset="paper_2018")).config
    assert paper.threshold.method == "greedy"
    assert paper.votes.aggregation == "average_then_vote"
    assert (paper.stack.combiner, paper.selection.top_n) == ("xgboost", 20)
    assert len(paper.stack.xgboost.grid.max_depth) == 9
    assert paper.selection.used() == {"by": "fold", "method": "top_n", "top_n": 20, "correlation": 0.9}
    winners = resolve(changed(preset="winners_2018")).config
    assert winners.stack.xgboost.grid == paper.stack.xgboost.grid
    assert (winners.stack.features, winners.stack.xgboost.choose) == ("all", "fold")
    assert (winners.threshold.by, winners.votes.aggregation) == ("fold", "stackers_vote")
    assert winners.selection.used() == {**paper.selection.used(), "correlation_of": "decisions"}
    assert resolve(MINIMAL).config.selection.used() == {"method": "top_n", "top_n": 20, "correlation": 0.9}
    assert "threshold.by: found fold" in problem(changed(threshold={"by": "fold"}))
    assert "selection.by: found fold" in problem(changed(selection={"by": "fold", "method": "greedy"}))
    fast = resolve(changed(preset="fast")).config
    assert fast.stack.combiner == "mean"
    own = {"stack": {"xgboost": {"grid": {"eta": [0.3]}}}, "threshold": {"method": "shrunk"}, "selection": {"top_n": 3}}
    mixed = resolve(changed(preset="paper_2018", **own)).config
    assert mixed.stack.xgboost.grid == paper.stack.xgboost.grid.model_copy(update={"eta": [0.3]})
    assert (mixed.stack.combiner, mixed.stack.xgboost.rounds) == ("xgboost", 1000)
    assert (mixed.threshold.method, mixed.threshold.steps) == ("shrunk", 100)
    assert (mixed.selection.top_n, mixed.selection.correlation) == (3, 0.9)
    assert mixed.votes == paper.votes
    assert resolve(changed(preset="default")).config == resolve(MINIMAL).config
    assert "preset: found 'paper'" in problem(changed(preset="paper"))
    assert "preset: found 1" in problem(changed(preset=1))
    assert "stack: found 3, expected keys with values" in problem(changed(preset="fast", stack=3))


@pytest.mark.parametrize("path", [REPOSITORY / "config.yaml", *sorted((REPOSITORY / "config").glob("*.yaml"))])
def test_ready_configurations_are_valid(path):
    config = yaml.safe_load(path.read_text())
    if "labels" not in config:  # it goes over the demo's
        config = {**yaml.safe_load((REPOSITORY / "config.yaml").read_text()), **config}
    settings = resolve(config)
    assert settings.runs or settings.external


def test_order_of_runs_and_keys_leaves_ids_of_runs():
    first, second = {"backbone": "resnet18", "size": 96}, {"backbone": "resnet34", "seed": 3}
    ids = set(resolve(changed(runs=[first, second])).runs)
    assert set(resolve(changed(runs=[second, dict(reversed(first.items())), {"backbone": "vgg16"}])).runs) > ids


def test_defaults_written_out_are_the_same_run():
    assert resolve(changed(runs=[{"backbone": "resnet18", "seed": 0, "batch": 32.0}])).runs == resolve(MINIMAL).runs


def test_alternatives_and_draws_become_runs_with_defaults():
    runs = [
        {
            "backbone": {"each": ["resnet18", "vgg16"]},
            "size": {"each": [96, 128]},
            "hidden_units": {"choose": [128, [64, 64]]},
            "seed": {"each": [0, 1]},
        }
    ]
    settings = resolve(changed(runs=runs)).runs.values()
    assert len(settings) == 8
    assert all(setting["hidden_units"] in ([128], [64, 64]) and setting["loss"] == {"bce": {}} for setting in settings)


def test_a_later_key_changes_no_run_that_leaves_it_at_its_default():
    def runs(**keys):
        return resolve(changed(runs=[{"backbone": "test_byobnet", "size": 56, **keys}])).runs

    of_before = "test_byobnet-56-plain-cc25a279"
    assert list(runs()) == list(runs(batch_norm=True)) == [of_before]
    ((run, setting),) = runs(batch_norm=False).items()
    assert run != of_before
    assert setting["batch_norm"] is False
    defaults = {"optimizer": "adam", "dropout": 0, "drop_path": 0.0, "label_smoothing": 0, "soup": 1, "test_size": None}
    phases = [{"epochs": 1, "lr": 0.1, "train": "all"}]
    warm = [{**phases[0], "warm_up": 0}]
    assert runs(**defaults) == runs(test_size=56) == runs()
    assert runs(phases=warm) == runs(phases=phases)
    ((_, setting),) = runs(optimizer="adamw", test_size=72, soup=2, phases=[{**warm[0], "policy": "cosine"}]).items()
    assert setting["optimizer"] == {"adamw": {"weight_decay": 0.05, "layer_decay": 1}}
    assert (setting["test_size"], setting["soup"], setting["phases"][0]["policy"]) == (72, 2, "cosine")
    assert not {"dropout", "drop_path", "label_smoothing"} & setting.keys()


def test_options_of_a_training_that_contradict_others_are_refused():
    phases = [{"epochs": 1, "lr": 0.1, "train": "all", "warm_up": 0.1}]
    message = problem(changed(runs=[{"backbone": "resnet10t", "ema": {}, "soup": 2, "phases": phases}]))
    assert "runs[0].soup: found 2, and `ema`, which averages weights too; leave one of them out" in message
    assert "runs[0].phases[0].warm_up: has no effect with policy triangular; leave it out" in message
    probe = {"backbone": "resnet10t", "probe": {}, "soup": 2, "dropout": 0.1, "optimizer": "adamw", "test_size": 64}
    message = problem(changed(runs=[probe]))
    for key in ("soup", "optimizer", "test_size"):
        assert f"runs[0].{key}: has no effect on a probe; leave it out" in message


def test_draws_that_meet_count_once():
    drawn = {"backbone": "resnet18", "seed": {"choose": [0, 1]}, "draws": 40}
    loss = {"backbone": "resnet18", "loss": {"choose": ["focal", {"focal": {"gamma": 2}}]}, "draws": 40}
    assert len(resolve(changed(runs=[drawn, {"backbone": "resnet18"}])).runs) == 2
    assert len(resolve(changed(runs=[loss])).runs) == 1


def test_a_name_of_the_catalogue_is_the_run_of_its_timm_name():
    by_name = resolve(changed(runs=[{"backbone": "Xception"}, {"backbone": "NASNetLarge", "size": 224}])).runs
    by_timm_name = [
        {"backbone": "nasnetalarge.tf_in1k", "size": 224, "batch": 16},
        {"backbone": "legacy_xception.tf_in1k"},
    ]
    assert by_name == resolve(changed(runs=by_timm_name)).runs
    assert sorted((setting["size"], setting["batch"]) for setting in by_name.values()) == [(224, 16), (299, 32)]
    (other,) = resolve(changed(runs=[{"backbone": "smp:resnet18"}])).runs.values()
    assert (other["backbone"], other["size"], other["batch"]) == ("smp:resnet18", 224, 32)


def test_without_a_size_a_network_has_its_own():
    runs = [{"backbone": name} for name in ("efficientnet_b4", "EVA-02", "resnet18", "hf-hub:timm/resnet50.a1h_in1k")]
    assert sorted(setting["size"] for setting in resolve(changed(runs=runs)).runs.values()) == [176, 224, 320, 336]
    message = problem(changed(runs=[{"backbone": "hf-hub:somebody/clothes"}]))
    assert "runs[0].size: hf-hub:somebody/clothes states its own only in a file to download" in message
    resolve(changed(runs=[{"backbone": "hf-hub:somebody/clothes", "size": 224}]))


def test_backbones_that_no_library_has_and_arguments_that_none_takes_are_named_together():
    runs = [{"backbone": "resnet51"}, {"backbone": "resnet18", "backbone_args": {"in_chans": 1}}]
    message = problem(changed(runs=runs))
    assert "runs[0].backbone: 'resnet51' is not known; did you mean " in message
    assert "runs[1].backbone_args: in_chans: found 1, expected 3 or no such argument: photos have red" in message


def test_labels_of_a_run():
    def labels(given):
        runs = resolve(changed(labels=["c", "b", "a"], runs=[given, {"backbone": "resnet26"}])).runs.values()
        return [setting["labels"] for setting in runs if setting["backbone"] == "resnet10t"]

    assert labels({"backbone": "resnet10t"}) == ["all"]
    assert labels({"backbone": "resnet10t", "labels": ["a", "c"]}) == [["c", "a"]]
    assert labels({"backbone": "resnet10t", "labels": ["a", "b", "c"]}) == ["all"]
    assert sorted(labels({"backbone": "resnet10t", "labels": "each"})) == [["a"], ["b"], ["c"]]


def test_defaults_of_the_engine():
    (setting,) = resolve(MINIMAL).runs.values()
    assert setting["crop"] == {"min_scale": 0.8, "stretch": 0.1}
    assert (setting["tta"], setting["precision"], setting["compile"]) == ("mirror", "float32", False)
    assert (setting["ema"], setting["gradient_clip"]) == (None, None)
    assert all((phase["policy"], phase["cycle"]) == ("triangular", 1) for phase in setting["phases"])
    (averaged,) = resolve(changed(runs=[{"backbone": "resnet10t", "ema": {}}])).runs.values()
    assert averaged["ema"] == {"decay": 0.999}


def test_augmentation_that_changes_nothing_does_not_name_a_run():
    runs = [
        {"backbone": "resnet10t"},
        {"backbone": "resnet10t", "augment": {"mirror": True, "jitter": {"hue": 0}, "mixup": 0.0}},
    ]
    first, second = (resolve(changed(runs=[run])).runs for run in runs)
    assert first == second
    assert "augment" not in next(iter(first.values()))
    (one,) = resolve(
        changed(runs=[{"backbone": "resnet10t", "augment": {"jitter": {"hue": 0.1}, "erasing": 0.25}}])
    ).runs
    assert one not in first


def test_labels_that_a_mirror_changes_are_scored_without_mirror_images():
    unmirrored = {"backbone": "resnet10t", "augment": {"mirror": False}}
    (setting,) = resolve(changed(runs=[unmirrored])).runs.values()
    assert (setting["augment"], setting["tta"]) == ({"mirror": False}, "none")
    student = resolve(changed(distillation=unmirrored)).student_setting
    assert student["tta"] == "none"
    for tta in ("mirror", "ten_crop"):
        text = problem(changed(runs=[{**unmirrored, "tta": tta}]))
        assert f"runs[0].tta: found {tta}, which mirrors photos, and augment.mirror false; expected none" in text


def test_a_probe_takes_of_augmentation_only_its_views():
    # Its features are those of a probe without mirror images, however that is written.
    (one,) = resolve(changed(runs=[{"backbone": "resnet10t", "probe": {}, "augment": {"mirror": False}}])).runs
    (other,) = resolve(changed(runs=[{"backbone": "resnet10t", "probe": {}, "tta": "none"}])).runs
    assert one == other
    text = problem(changed(runs=[{"backbone": "resnet10t", "probe": {}, "augment": {"mirror": True, "cutmix": 1}}]))
    assert "runs[0].augment.cutmix: has no effect on a probe; leave it out" in text
    assert "augment.mirror" not in text


def test_labels_that_look_like_numbers_stay_text():
    drop = {"keep": 0.5, "label_sets": [["1"], ["1", "2"]]}
    config = changed(labels=["1", "2"], recipes={"plain": {"drop": drop, "repeat": {"labels": ["2"], "times": 3}}})
    assert resolve(config).config.recipes["plain"].drop.label_sets == [["1"], ["1", "2"]]


def test_results_folder_is_put_into_photosets():
    photosets = {"train": {"photos": "{results}/x", "labels": "{results}/x.csv"}, "test": {"photos": "b"}}
    photosets["train"] |= {"masks": "{results}/m", "mask_labels": "{results}/m.csv"}
    train = resolve(changed(photosets=photosets, results="out")).config.photosets["train"]
    paths = {"photos": "out/x", "labels": "out/x.csv", "masks": "out/m", "mask_labels": "out/m.csv"}
    assert train.used() == {**paths, "download": False, "links": "inside", "range": None}


def test_holdout_photos_are_a_photoset_of_the_training_photos():
    train = {"photos": "x", "labels": "{results}/x.csv", "masks": "m", "mask_labels": "m.csv", "download": True}
    photosets = {"train": train, "test": {"photos": "b"}}
    found = resolve(changed(photosets=photosets, holdout={"share": 0.1})).config
    assert found.holdout.used() == {"share": 0.1, "seed": 1}
    photos = {"photos": "x", "labels": "results/x.csv"}
    assert found.photosets["train"].used() == {**train, **photos, "links": "inside", "range": None}
    # They are those of `train`, and fetched with them.
    unused = {"masks": None, "mask_labels": None, "download": False}
    assert found.photosets["holdout"].used() == {**photos, **unused, "links": "inside", "range": None}


@pytest.mark.parametrize("change", [{}, {"holdout": {}}, {"holdout": {"share": 0.0, "seed": 9}}])
def test_without_holdout_photos_their_names_are_free(change):
    photosets = {**MINIMAL["photosets"], "holdout": {"photos": "c"}, "labelled": {"photos": "d"}}
    found = resolve(changed(photosets=photosets, **change)).config.photosets
    assert {name: photoset.photos for name, photoset in found.items()} == {
        "train": "a",
        "test": "b",
        "holdout": "c",
        "labelled": "d",
    }


def test_a_loss_by_its_name_is_the_loss_with_its_defaults():
    (by_name,) = resolve(changed(runs=[{"backbone": "resnet10t", "loss": "focal"}])).runs
    (spelt_out,) = resolve(
        changed(runs=[{"backbone": "resnet10t", "loss": {"focal": {"gamma": 2.0, "alpha": 0.25}}}])
    ).runs
    (other,) = resolve(changed(runs=[{"backbone": "resnet10t", "loss": {"focal": {"gamma": 1}}}])).runs
    assert by_name == spelt_out != other


def test_recoloured_photos_of_a_recipe_in_their_short_and_long_forms():
    recipes = {"no": {}, "yes": {"recolored": True}, "some": {"recolored": {"labels": ["red"], "per_epoch": 7}}}
    found = resolve(
        changed(recipes=recipes, recolor={"per_epoch": 50}, **MASKED, runs=[{"backbone": "resnet10t", "recipe": "no"}])
    )
    used = {name: recipe.used()["recolored"] for name, recipe in found.config.recipes.items()}
    assert used == {"no": None, "yes": {"labels": None, "per_epoch": 50}, "some": {"labels": ["red"], "per_epoch": 7}}


def test_text_that_is_a_number_is_one():
    runs = [{"backbone": "resnet18", "phases": [{"epochs": "1", "lr": "1e-3", "train": {"last": "0.5"}}]}]
    (setting,) = resolve(changed(runs=runs)).runs.values()
    (phase,) = setting["phases"]
    assert (phase["epochs"], phase["lr"], phase["train"]) == (1, 0.001, {"last": 0.5})
    drawn = {"backbone": "resnet18", "size": {"choose": ["96"]}, "gradient_clip": {"log_uniform": ["1e-3", "1e-3"]}}
    (setting,) = resolve(changed(runs=[drawn])).runs.values()
    assert (setting["size"], setting["gradient_clip"]) == (96, 0.001)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fold": {"count": 3}}, "unknown key 'fold'; did you mean 'folds'?"),
        ({"folds": {"count": 2}}, "folds.count: 2 is less than the minimum of 3"),
        ({"holdout": {"share": 0.6}}, "holdout.share: 0.6 is greater than the maximum of 0.5"),
        ({"holdout": {"share": -0.1}}, "holdout.share: -0.1 is less than the minimum of 0"),
        ({"holdout": {"shar": 0.1}}, "holdout: unknown key 'shar'; did you mean 'share'?"),
        (
            {"holdout": {"share": 0.1}, **with_photoset(holdout={"photos": "c"})},
            "photosets.holdout: holdout.share takes this name for training photos; choose another",
        ),
        (
            {"holdout": {"share": 0.1}, **with_photoset(labelled={"photos": "c"})},
            "photosets.labelled: holdout.share takes this name for training photos; choose another",
        ),
        (
            with_photoset(new={"photos": "c", "download": True}),
            "photosets.new.download: needs a table with URLs; found no photosets.new.labels",
        ),
        (
            with_photoset(new={"photos": "{results}/c", "labels": "t", "download": True}),
            "photosets.new.photos: found '{results}/c', expected a folder of their own",
        ),
        (
            with_photoset(new={"photos": "results/c", "labels": "t", "download": True}),
            "photosets.new.photos: found 'results/c', expected a folder of their own",
        ),
        (
            with_photoset(new={"photos": "c", "labels": "t", "download": "yes"}),
            "photosets.new.download: found 'yes', expected true or false",
        ),
        ({"downloads": {"parallel": 0}}, "downloads.parallel: 0 is less than the minimum of 1"),
        ({"downloads": {"megabytes": 500}}, "downloads.megabytes: 500 is greater than the maximum of 200"),
        ({"folds": {"count": "five"}}, "folds.count: found 'five', expected integer (number of folds"),
        ({"runs": []}, "runs"),
        (run(sise=96), "runs[0]: unknown key 'sise'; did you mean 'size'?"),
        (run(size=7), "runs[0].size: 7 is less than the minimum of 32"),
        ({"runs": [{"size": 96}]}, "runs[0]: 'backbone' is a required property"),
        (run(weights="w.zip"), "runs[0].weights"),
        (run(recipe="mixd"), "runs[0].recipe: 'mixd' is not among the recipes (plain)"),
        (
            {"runs": [{"backbone": "resnet10t"}, {"backbone": "resnet10t", "seed": 0}]},
            "runs[1]: the same setting as runs[0]",
        ),
        (
            run(phases=[{"epochs": 1, "lr": 0.1, "train": "tail"}]),
            "runs[0].phases[0].train: found 'tail', expected head, all, or",
        ),
        (
            run(phases=[{"epochs": 1, "lr": 0.1, "train": {"last": 2}}]),
            "runs[0].phases[0].train.last: 2 is greater than the maximum of 1",
        ),
        (
            run(phases=[{"epochs": 1, "lr": 0.1, "train": {"groups": 0}}]),
            "runs[0].phases[0].train.groups: 0 is less than the minimum of 1",
        ),
        (
            run(phases=[{"epochs": 1, "lr": 0.1, "train": "all", "policy": "sine"}]),
            "runs[0].phases[0].policy: found 'sine', expected triangular",
        ),
        (run(precision="float8"), "runs[0].precision: found 'float8', expected"),
        (run(crop={"min_scal": 0.5}), "unknown key 'min_scal'; did you mean 'min_scale'?"),
        (run(ema={"decay": 1}), "runs[0].ema.decay: 1 "),
        (run(tta="ten"), "runs[0].tta: found 'ten', expected"),
        (run(augment={"auto": "on"}), "runs[0].augment.auto: found 'on', expected none"),
        (run(augment={"jitter": {"hue": 0.6}}), "runs[0].augment.jitter.hue: 0.6 is"),
        (run(labels=["rde"]), "runs[0].labels: 'rde' is not among the labels; did you"),
        (run(labels="red"), "runs[0].labels: found 'red', expected all, a list of labels"),
        ({"runs": [{"backbone": "NASNetMobile"}]}, "runs[0].backbone: 'NASNetMobile' is in none of timm, torchvision"),
        ({"runs": [{"backbone": "Resnet50"}]}, "runs[0].backbone: 'Resnet50' is not known; did you mean 'ResNet50'?"),
        (run(drawz=2), "runs[0]: unknown key 'drawz'; did you mean 'draws'?"),
        (
            {"runs": [{"backbone": "q"}, {"backbone": "resnet10t", "size": {"each": [96, 7]}}]},
            "runs[1].size: 7 is less than the minimum",
        ),
        (
            {
                "runs": [
                    {"backbone": "q", "seed": {"each": [0, 1, 2]}},
                    {"backbone": "resnet10t", "size": {"choose": [7]}, "draws": 3},
                ]
            },
            "runs[1].size: 7 is less than the minimum",
        ),
        ({"runs": [{"backbone": {"each": ["r", "q"]}}, {"backbone": "q"}]}, "runs[1]: the same setting as runs[0]"),
        ({"runs": [{"backbone": {"each": ["r", "r"]}}]}, "runs[0]: two of its alternatives are the same setting"),
        # Alternatives were lists once.
        (run(size=[96, 128]), "runs[0].size: found [96, 128], expected integer or null (side of"),
        ({"runs": [{"backbone": ["r", "q"]}]}, "); write alternatives as {each: [...]}"),
        (run(hidden_units=[[64], [32]]), "expected integer; write alternatives as {each: ["),
        (run(labels=["all", "each"]), "; write alternatives as {each: ['all', 'each']}"),
        (run(labels=[["red"], ["round"]]), "runs[0].labels[0]: found ['red'], expected"),
        (run(seed={"choose": []}), "runs[0].seed.choose: found [], expected a list"),
        ({"labels": ["dark sky", "red"], "submission": {"joined": " "}}, "submission.joined: found ' ', which is in"),
        ({"submission": {"joined": ""}}, "submission.joined: '' is too short"),
        ({"labels": ["red", "red"]}, "labels: 'red' occurs more than once"),
        (
            {"labels": ["red", {"each": 3}], "runs": [{"backbone": "resnet10t", "labels": "each"}]},
            "labels[1]: found {'each': 3}",
        ),
        ({"labels": ["red", "epoch"]}, "labels: 'epoch' is a column name of tables"),
        ({"labels": ["red", "a\nb"]}, "holds a control character"),
        ({"photosets": {"test": {"photos": "a"}}}, "photosets: 'train' is a required property"),
        ({"stack": {"combiner": "median"}}, "stack.combiner: found 'median', expected xgboost (boosted trees), "),
        (
            {"stack": {"rounds": 20}},
            "stack: unknown key 'rounds'; known: auto, combiner, features, logistic, ridge, xgboost",
        ),
        ({"stack": {"ridge": {"alpha": [0]}}}, "stack.ridge.alpha[0]: 0 is less than or equal to the minimum of 0"),
        ({"threshold": {"method": "exat"}}, "threshold.method: found 'exat', expected greedy"),
        ({"votes": {"aggregation": "vote"}}, "votes.aggregation: found 'vote', expected average_scores (the mean"),
        ({"votes": {"max_labels": 0}}, "votes.max_labels: 0 is less than the minimum of 1"),
        (
            {"votes": {"min_labels": 2, "max_labels": 1}},
            "votes.min_labels: found 2, expected at most votes.max_labels and the number of",
        ),
        (
            {"votes": {"min_labels": 3}},
            "votes.min_labels: found 3, expected at most votes.max_labels and the number of labels",
        ),
        (run(**HEAD, hidden_units=[8]), "runs[0].hidden_units: found [8], expected []"),
        (run(**HEAD, hidden_units=[], weights="none"), "runs[0].weights: found 'none', expected others"),
        (run(**HEAD, hidden_units=[], loss="focal"), "runs[0].loss: found 'focal', expected bce or weighted_bce"),
        (run(**HEAD, probe={}), "runs[0].head_from: has no effect on a probe"),
        (run(loss="focl"), "runs[0].loss: unknown key 'focl'; did you mean 'focal'?"),
        (run(loss={"focal": {"gamma": -1}}), "runs[0].loss.focal.gamma: -1 is less than the minimum of 0"),
        (run(loss={"bce": {}, "focal": {}}), "runs[0].loss: "),
        (
            {"recipes": {"plain": {"repeat": {"labels": ["rde"], "times": 10}}}},
            "recipes.plain.repeat.labels: 'rde' is not among the labels; did you mean 'red'?",
        ),
        (
            {"recipes": {"plain": {"drop": {"keep": 0.5, "label_sets": [["red"], ["blue"]]}}}},
            "recipes.plain.drop.label_sets[1]: 'blue' is not among the labels; known: red, round",
        ),
        ({"recipes": {"plain": {"drop": {"keep": 0.5}}}}, "recipes.plain.drop: expected one of"),
        ({"recipes": {"plain": {"recolored": True}}}, "recipes.plain.recolored: needs masks; set segmentation.model"),
        (
            {"recipes": {"plain": {"recolored": {"labels": ["rde"]}}}, **MASKED},
            "recipes.plain.recolored.labels: 'rde' is not among the labels",
        ),
        ({"recolor": {"labels": ["rde"]}}, "recolor.labels: 'rde' is not among the labels"),
        ({"recolor": {"saturation": [1.2, 0.8]}}, "recolor.saturation: found [1.2, 0.8], expected the lower bound"),
        (
            {"segmentation": {"maskrcnn": {"weights": "x.pt"}}},
            "maskrcnn.weights: found 'x.pt', expected pretrained (COCO",
        ),
        (run(loss={"bce": {"x": 1}}), "runs[0].loss.bce: unknown key 'x'; known: none"),
        (run(labels=["red"]), "runs: no run learns the label 'round'"),
        (
            with_photoset(test={"photos": "b", "masks": "m"}),
            "photosets.test.masks: only the masks of the training photos are used",
        ),
        ({"segmentation": {"model": "smp"}}, "photosets.train.masks: segmentation.model 'smp' needs a folder"),
        (
            {"segmentation": {"model": "maskrcnn", "region": "clothing"}},
            "segmentation.region: found 'clothing', expected 'person': Mask R-CNN has no class of clothes",
        ),
        (
            {"stack": {"combiner": "auto"}, "folds": {"count": 3}},
            "stack.combiner: auto compares combiners by folds within folds; found folds.count 3, expected at least 4",
        ),
        ({"stack": {"auto": {"among": ["mean"]}}}, "stack.auto.among: ['mean'] is too short"),
        ({"stack": {"auto": {"among": ["mean", "mean"]}}}, "stack.auto.among: an element occurs twice"),
        ({"stack": {"auto": {"among": ["mean", "auto"]}}}, "stack.auto.among[1]: found 'auto', expected xgboost, "),
        (
            {"stack": {"combiner": "mean", "features": "all"}},
            "stack.features: found all, but mean would give every label the same score; expected own, or only",
        ),
        (
            {"stack": {"combiner": "rank_mean", "features": "all"}},
            "stack.features: found all, but rank_mean would give every label the same score",
        ),
        (
            {"stack": {"combiner": "auto", "features": "all", "auto": {"among": ["ridge", "mean"]}}},
            "stack.features: found all, but mean would give every label the same score",
        ),
        ({"stack": {"features": "both"}}, "stack.features: found 'both', expected own (a label's score comes"),
        ({"target": {"tolerance": -0.1}}, "target.tolerance: -0.1 is less than the minimum of 0"),
        ({"target": {"tolerance": 1.5}}, "target.tolerance: 1.5 is greater than the maximum of 1"),
        ({"target": {}}, "target: 'tolerance' is a required property"),
        (
            {"target": 0.01},
            "target: found 0.01, expected keys with values or null ({tolerance: ...}: the ensemble is as small as",
        ),
        (
            {"target": {"tolerence": 0.1, "tolerance": 0.1}},
            "target: unknown key 'tolerence'; did you mean 'tolerance'?",
        ),
        (
            {"plan": {"epoch_seconds": {"resnet81-224": 9}}},
            "plan.epoch_seconds: 'resnet81-224' is not the backbone and size of a run",
        ),
        ({"plan": {"epoch_seconds": {"resnet18-224": 0}}}, "plan.epoch_seconds.resnet18-224: 0 is less than or equal"),
        ({"beta": 0}, "beta: 0 is less than or equal to the minimum of 0"),
        ({"beta": 11}, "beta: 11 is greater than the maximum of 10"),
        ({"segmentation": {"smp": {"size": 100}}}, "segmentation.smp.size: 100 is not a multiple of 32"),
    ],
)
def test_problems_name_their_key(change, message):
    assert message in problem(changed(**change))


def test_the_stackers_take_the_members_of_their_own_label_or_of_all():
    labels = ["red", "round", "blue"]
    own, every = (resolve(changed(labels=labels, stack={"features": features})) for features in ("own", "all"))
    assert own.common_features == []
    assert every.common_features == labels


def test_auto_with_enough_folds_and_combiners_that_fit_is_taken():
    stack = {"combiner": "auto", "features": "all", "auto": {"among": ["logistic", "ridge"]}}
    config = resolve(changed(stack=stack, folds={"count": 4}, beta=0.5, target={"tolerance": 0})).config
    assert config.stack.auto.used() == {"among": ["logistic", "ridge"], "seed": 1}
    assert (config.beta, config.target.used()) == (0.5, {"tolerance": 0})
    # What the chosen combiner does not use contradicts nothing.
    assert resolve(changed(stack={"features": "all", "auto": {"among": ["mean", "ridge"]}}, folds={"count": 3}))
    defaults = resolve(MINIMAL).config
    assert (defaults.beta, defaults.target, defaults.stack.features) == (2, None, "own")
    assert defaults.stack.auto.among == ["mean", "logistic", "xgboost"]


def test_a_simulated_bank_takes_the_place_of_photosets_and_runs():
    settings = resolve({"results": "out", "labels": ["sport"], "simulation": {"members": 2}})
    assert settings.external == {f"member{k:03d}": f"out/simulated/member{k:03d}" for k in range(2)}
    assert (settings.runs, set(settings.config.photosets)) == ({}, {"train", "test"})
    assert problem({"labels": ["sport"], "simulation": None, "runs": MINIMAL["runs"]}).endswith(
        "'photosets' is a required property"
    )


@pytest.mark.parametrize(
    ("simulation", "message"),
    [
        ({}, "simulation: takes the place of photosets; leave photosets out"),
        ({}, "simulation: takes the place of runs; leave runs out"),
        ({"skills": {"rde": 0.5}}, "simulation.skills: 'rde' is not among the labels; did you mean 'red'?"),
        ({"skill": 1}, "simulation.skill: 1 is greater than the maximum of 0.99"),
        ({"twins": 1}, "simulation.twins: 1 is less than the minimum of 2"),
        ({"member": 3}, "unknown key 'member'; did you mean 'members'?"),
    ],
)
def test_problems_of_a_simulation_name_their_key(simulation, message):
    assert message in problem(changed(simulation=simulation))


def test_a_simulation_has_nothing_to_lock_away():
    message = problem({"labels": ["sport"], "simulation": {}, "holdout": {"share": 0.1}})
    assert message.splitlines() == [
        "1 problem in the configuration:",
        "  holdout.share: found 0.1, expected 0: a simulation knows the labels of all its test photos",
    ]


def test_a_problem_that_many_draws_share_is_listed_once():
    runs = [{"backbone": "r", "lr": 1, "size": {"uniform": [33.1, 99.9]}, "draws": 50}]
    message = problem(changed(runs=runs))
    assert message.startswith("2 problems") and message.count("runs[0].size: found") == 1


def test_an_entry_that_cannot_be_expanded_hides_no_other_problem():
    message = problem(
        changed(runs=[{"backbone": "resnet10t", "seed": {"each": []}}, {"backbone": "resnet10t", "size": 7}], bogus=1)
    )
    assert message.startswith("3 problems in the configuration:")
    assert all(word in message for word in ("runs[0].seed.each: found []", "runs[1].size: 7", "bogus"))
    assert problem(changed(runs=[{"backbone": "resnet10t", "seed": {"each": []}}])).startswith("1 problem in")


def test_all_problems_are_listed_at_once():
    message = problem(changed(folds={"count": 1}, submission="xml", bogus=1))
    assert message.startswith("3 problems in the configuration:")
    assert all(word in message for word in ("folds.count", "submission", "bogus"))


def cyclic():
    ring = []
    ring += [ring, ring]
    return ring


def grown():
    value = ["a"]
    for _ in range(15):
        value = [value, value, value]
    return value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": cyclic()}, "too many values, or too deep; expected at most 100000 values, 20 deep"),
        ({"x": grown()}, "too many values, or too deep"),
        ({1: 2}, "configuration: found the key 1 (YAML reads it as a number: put text into quotes)"),
        (
            {"folds": {True: 2}},
            "folds: found the key True (YAML reads yes, no, on, off, true and false as truth values",
        ),
        ({"results": datetime.date(2018, 1, 1)}, "results: found the date datetime.date(2018, 1, 1); put text"),
        ({"results": os.system}, "results: found the builtin_function_or_method"),
        ({"results": "a\nb"}, "results 'a\\nb' holds a control character"),
        ({"results": "a\ud800"}, "results 'a\\ud800' holds a control character"),
        ({"recipes": {"plain\n": {}}}, "recipes: the key 'plain\\n' holds a control character"),
        ({"results": "{x}/out"}, "results: found '{x}/out', expected a folder"),
        ({"beta": float("nan")}, "beta: found nan, expected a number within"),
        ({"beta": float("inf")}, "beta: found inf, expected a number within"),
        ({"beta": "1e400"}, "beta: found '1e400', expected number"),
        ({"beta": "9" * 5000}, "beta: found '999"),
        ({"beta": 10**5000}, "beta: found a number of 16610 bits, expected a number within"),
        ({"folds": {"seed": -1}}, "folds.seed: -1 is less than the minimum of 0"),
        ({"demo": {"seed": -1}}, "demo.seed: -1 is less than the minimum of 0"),
        ({"stack": {"xgboost": {"seed": 2**31}}}, "stack.xgboost.seed: 2147483648 is greater than the maximum"),
        ({"labels": [f"l{k}" for k in range(20_001)]}, "labels: ["),
        (
            {"runs": [{"backbone": "resnet10t", "phases": [{"epochs": 1000, "lr": 1, "train": "all"}] * 11}]},
            "runs[0].phases: 11000 epochs in all, expected at most 10000",
        ),
        ({"members": {"external": ["a/x", "b/x"]}}, "members.external: 'a/x': the folder's name is the member's"),
        ({"members": {"external": ["a/x", "a/x"]}}, "members.external: an element occurs twice"),
    ],
)
def test_values_that_no_setting_has(change, message):
    assert message in problem({**changed(), **change})


def test_a_folder_may_be_called_as_a_number_is():
    assert list(resolve(changed(members={"external": ["2018"]})).external) == ["2018"]


def test_thousands_of_mistakes_are_cut_to_a_list_that_can_be_read():
    unknown = problem(changed(**{f"key{k}": 1 for k in range(5000)}))
    assert "5000 unknown keys" in unknown
    assert unknown.count("; known: ") <= 200
    labels = problem(changed(recolor={"labels": [f"l{k}" for k in range(5000)]}))
    assert labels.count("\n") <= 201
    assert len(problem(changed(results=["x" * 1_000_000]))) < 1000


def test_a_label_spelt_with_long_letters_has_a_short_file_name():
    settings = resolve(changed(labels=["\u33a8" * 100, "b"]))
    assert all(len(stem) < 120 for stem in settings.slugs.values())


def test_a_student_by_its_name_has_what_a_run_of_that_name_has():
    settings = resolve(changed(distillation="ResNet50", runs=[{"backbone": "ResNet50"}]))
    assert [settings.student_setting] == list(settings.runs.values())
    own = {"backbone": "resnet18", "size": 96, "hidden_units": 32, "loss": "bce", "labels": ["round", "red"]}
    student = resolve(changed(distillation=own)).student_setting
    assert (student["size"], student["hidden_units"], student["labels"], student["seed"]) == (96, [32], "all", 0)
    assert resolve(MINIMAL).student_setting is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"distillation": "Resnet50"}, "distillation.backbone: 'Resnet50' is not known; did you mean 'ResNet50'?"),
        ({"distillation": 50}, "distillation: found 50, expected a backbone, or the keys of a run"),
        ({"distillation": {"size": 96}}, "distillation: 'backbone' is a required property"),
        (student(sise=96), "distillation: unknown key 'sise'; did you mean 'size'?"),
        ({"distillation": {"backbone": ["r", "s"]}}, "distillation.backbone: found ['r', 's'], expected text"),
        (student(labels=["red"]), "distillation.labels: found ['red'], expected all"),
        (student(labels="each"), "distillation.labels: found 'each', expected all"),
        (student(loss="focal"), "distillation.loss: found 'focal', expected 'bce'"),
        (student(draws=3), "distillation.draws: nothing is drawn here"),
        (student(**HEAD, hidden_units=[]), "distillation.head_from: found probe, expected random"),
        (student(probe={}), "distillation.probe: found a probe, expected null"),
        (student(recipe="more"), "distillation.recipe: 'more' is not among the recipes (plain)"),
        ({"distillation": "r", "stack": {"combiner": "rank_mean"}}, "the combiner rank_mean gives ranks"),
        ({"distillation": "r", "stack": {"combiner": "auto", "auto": {"among": ["mean", "rank_mean"]}}}, "gives ranks"),
    ],
)
def test_problems_of_a_student_name_their_key(keys, message):
    assert message in problem(changed(**keys))


def test_a_simulation_has_no_photos_for_a_student():
    config = {"labels": ["sport", "korean"], "simulation": {}, "distillation": "resnet18"}
    assert "distillation: found a backbone, expected null: a simulation has no photos" in problem(config)


def test_a_configuration_may_share_the_photos_and_networks_of_another():
    config = {
        **MINIMAL,
        "results": "other",
        "photosets": {"train": {"photos": "{results}/drawn", "labels": "t.csv"}, "test": {"photos": "b"}},
    }
    alone, sharing = resolve(config), resolve({**config, "networks": "results"})
    assert (alone.networks, alone.config.photosets["train"].photos) == ("other", "other/drawn")
    assert (sharing.networks, sharing.config.photosets["train"].photos) == ("results", "results/drawn")
    assert sharing.config.results == "other"
    assert list(sharing.runs) == list(alone.runs)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("labels: [NO, yes, red]", ["labels[0]: found False", "labels[1]: found True"]),
        ("labels: [red, round, 2018, null]", ["labels[2]: found 2018", "labels[3]: found None"]),
        (
            "photosets: {train: {photos: a, labels: a.csv}, test: {photos: b}, off: {photos: c}}",
            ["found the key False"],
        ),
        ("photosets: {train: {photos: on, labels: a.csv}, test: {photos: b}}", ["photosets.train.photos: found True"]),
        ("on_bad_photo: no", ["on_bad_photo: found False"]),
        ("recolor: {labels: [NO]}", ["recolor.labels[0]: found False"]),
        ("recipes: {plain: {}, more: {repeat: {labels: [no], times: 2}}}", ["repeat.labels[0]: found False"]),
        ("runs: [{backbone: resnet18, labels: [yes]}]", ["labels[0]: found True"]),
        ("plan: {epoch_seconds: {no: 1}}", ["plan.epoch_seconds: found the key False"]),
        ("members: {external: [on]}", ["members.external[0]: found True"]),
    ],
)
def test_words_that_yaml_does_not_read_as_text_are_to_be_quoted(text, places):
    message = problem(changed(**yaml.safe_load(text)))
    for place in places:
        assert re.search(re.escape(place) + r" \(YAML reads .*: put text into quotes\)", message), message


def test_the_home_folder_is_put_in_the_place_of_a_tilde_in_every_path(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    table = {"photos": "~/a", "labels": "~/a.csv", "masks": "~/m", "mask_labels": "~/m.csv"}
    config = changed(
        results="~/out",
        networks="~/networks",
        weights_folder="~/weights",
        photosets={"train": table, "test": {"photos": "{results}/~b", "labels": {"file": "~/b.csv", "photo": "~c"}}},
        folds={"table": "~/folds.csv"},
        members={"external": ["~/theirs"]},
        runs=[{"backbone": "resnet18", "weights": "~/w.safetensors"}],
        segmentation={"maskrcnn": {"weights": "~/w.pth"}, "smp": {"weights": "~/s.safetensors"}},
    )
    settings = resolve(config)
    text = canonical([settings.config, settings.runs, settings.external])
    assert text.count("/home/me/") == text.count("/home/me") == 16  # runs and external members twice
    assert "~/" not in text
    assert settings.config.photosets["test"].photos == "/home/me/networks/~b"
