"""A configuration is checked before anything is computed, and what is wrong is said with its key."""

import copy

import pytest
import yaml

from places import REPOSITORY
from stylevote.program import InputError
from stylevote.settings import resolve

MINIMAL = {
    "labels": ["red", "round"],
    "photosets": {"train": {"photos": "a", "labels": "a.csv"}, "test": {"photos": "b"}},
    "runs": [{"backbone": "resnet18"}],
}
MASKED = {"segmentation": {"model": "maskrcnn"}}


def changed(**keys):
    return {**copy.deepcopy(MINIMAL), **keys}


def problem(config) -> str:
    with pytest.raises(InputError) as caught:
        resolve(config)
    return str(caught.value)


def test_defaults_are_the_papers():
    settings = resolve(MINIMAL)
    (setting,) = settings.runs.values()
    assert (setting["hidden"], setting["batch"], setting["loss"]) == ([256], 32, {"bce": {}})
    assert sum(phase["epochs"] for phase in setting["phases"]) < 8
    grid = settings.config["stack"]["grid"]
    assert len(grid["eta"]) * len(grid["max_depth"]) * len(grid["min_child_weight"]) == 180
    assert settings.config["selection"] == {"top_n": 20, "correlation": 0.9}
    assert list(settings.folds) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("path", [REPOSITORY / "config.yaml", *sorted((REPOSITORY / "config").glob("*.yaml"))])
def test_ready_configurations_are_valid(path):
    assert resolve(yaml.safe_load(path.read_text())).runs


def test_order_of_runs_and_keys_does_not_name_runs_anew():
    first, second = {"backbone": "resnet18", "size": 96}, {"backbone": "resnet34", "seed": 3}
    ids = set(resolve(changed(runs=[first, second])).runs)
    assert set(resolve(changed(runs=[second, dict(reversed(first.items())), {"backbone": "vgg16"}])).runs) > ids


def test_defaults_written_out_are_the_same_run():
    assert resolve(changed(runs=[{"backbone": "resnet18", "seed": 0, "batch": 32.0}])).runs == resolve(MINIMAL).runs


def test_results_folder_is_put_into_photosets():
    photosets = {"train": {"photos": "{results}/x", "labels": "{results}/x.csv"}, "test": {"photos": "b"}}
    photosets["train"] |= {"masks": "{results}/m", "mask_labels": "{results}/m.csv"}
    train = resolve(changed(photosets=photosets, results="out")).config["photosets"]["train"]
    assert train == {"photos": "out/x", "labels": "out/x.csv", "masks": "out/m", "mask_labels": "out/m.csv"}


def test_a_loss_by_its_name_is_the_loss_with_its_defaults():
    (by_name,) = resolve(changed(runs=[{"backbone": "r", "loss": "focal"}])).runs
    (spelt_out,) = resolve(changed(runs=[{"backbone": "r", "loss": {"focal": {"gamma": 2.0, "alpha": 0.25}}}])).runs
    (other,) = resolve(changed(runs=[{"backbone": "r", "loss": {"focal": {"gamma": 1}}}])).runs
    assert by_name == spelt_out != other


def test_recoloured_photos_of_a_recipe_in_their_short_and_long_forms():
    recipes = {"no": {}, "yes": {"recolored": True}, "some": {"recolored": {"labels": ["red"], "use": 7}}}
    found = resolve(changed(recipes=recipes, recolor={"use": 50}, **MASKED, runs=[{"backbone": "r", "recipe": "no"}]))
    used = {name: recipe["recolored"] for name, recipe in found.config["recipes"].items()}
    assert used == {"no": None, "yes": {"labels": None, "use": 50}, "some": {"labels": ["red"], "use": 7}}


def test_text_that_is_a_number_is_one():
    runs = [{"backbone": "resnet18", "phases": [{"epochs": "1", "lr": "1e-3", "train": {"last": "0.5"}}]}]
    (setting,) = resolve(changed(runs=runs)).runs.values()
    assert setting["phases"] == [{"epochs": 1, "lr": 0.001, "train": {"last": 0.5}}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fold": {"count": 3}}, "unknown key 'fold'; did you mean 'folds'?"),
        ({"folds": {"count": 2}}, "folds.count: 2 is less than the minimum of 3"),
        ({"folds": {"count": "five"}}, "folds.count: found 'five', expected integer (number of folds"),
        ({"runs": []}, "runs"),
        ({"runs": [{"backbone": "resnet18", "sise": 96}]}, "runs[0]: unknown key 'sise'; did you mean 'size'?"),
        ({"runs": [{"backbone": "resnet18", "size": 7}]}, "runs[0].size: 7 is less than the minimum of 32"),
        ({"runs": [{"size": 96}]}, "runs[0]: 'backbone' is a required property"),
        ({"runs": [{"backbone": "resnet18", "weights": "w.pth"}]}, "runs[0].weights"),
        (
            {"runs": [{"backbone": "resnet18", "recipe": "mixd"}]},
            "runs[0].recipe: 'mixd' is not among the recipes (plain)",
        ),
        ({"runs": [{"backbone": "r"}, {"backbone": "r", "seed": 0}]}, "runs[1]: the same setting as runs[0]"),
        (
            {"runs": [{"backbone": "r", "phases": [{"epochs": 1, "lr": 0.1, "train": "tail"}]}]},
            "runs[0].phases[0].train: found 'tail', expected head, all, or",
        ),
        (
            {"runs": [{"backbone": "r", "phases": [{"epochs": 1, "lr": 0.1, "train": {"last": 2}}]}]},
            "runs[0].phases[0].train.last: 2 is greater than the maximum of 1",
        ),
        ({"labels": ["red", "red"]}, "labels: 'red' stands there more than once"),
        ({"labels": ["red", "epoch"]}, "labels: 'epoch' is a name that tables use themselves"),
        ({"labels": ["red", "a\nb"]}, "holds a control character"),
        ({"photosets": {"train": {"photos": "a"}}}, "photosets: 'test' is a required property"),
        ({"threshold": {"method": "exat"}}, "threshold.method: found 'exat', expected greedy"),
        ({"runs": [{"backbone": "r", "loss": "focl"}]}, "runs[0].loss: unknown key 'focl'; did you mean 'focal'?"),
        (
            {"runs": [{"backbone": "r", "loss": {"focal": {"gamma": -1}}}]},
            "runs[0].loss.focal.gamma: -1 is less than the minimum of 0",
        ),
        ({"runs": [{"backbone": "r", "loss": {"bce": {}, "focal": {}}}]}, "runs[0].loss: "),
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
        ({"segmentation": {"model": "smp"}}, "photosets.train.masks: segmentation.model 'smp' needs a folder"),
        (
            {"segmentation": {"model": "maskrcnn", "region": "clothing"}},
            "segmentation.region: found 'clothing', expected 'person': Mask R-CNN knows no clothes",
        ),
        ({"segmentation": {"smp": {"size": 100}}}, "segmentation.smp.size: 100 is not a multiple of 32"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(change, said):
    assert said in problem(changed(**change))


def test_all_problems_are_said_at_once():
    message = problem(changed(folds={"count": 1}, submission="xml", bogus=1))
    assert message.startswith("3 problems in the configuration:")
    assert all(word in message for word in ("folds.count", "submission", "bogus"))
