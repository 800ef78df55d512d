"""Blocks of labels, networks to check, weights to start from; the student's run, and the probes of heads."""

import pytest

from stylevote.config.identity import slug
from stylevote.config.resolve import resolve
from stylevote.config.settings import label_blocks
from stylevote.errors import InputError


@pytest.mark.parametrize(
    ("count", "per_job", "sizes"),
    [
        (1, None, [1]),
        (13, None, [1] * 13),
        (16, None, [1] * 16),
        (17, None, [1, 2, 2, 2, 2, 2, 2, 2, 2]),
        (300, None, [18, 19, 19, 19] * 4),
        (1000, None, [62, 63] * 8),
        (13, 7, [6, 7]),
        (13, 1000, [13]),
        (6, 4, [3, 3]),
    ],
)
def test_labels_are_divided_into_blocks_by_their_list_alone(count, per_job, sizes):
    labels = [f"label {number}" for number in range(count)]
    blocks = label_blocks({label: slug(label) for label in labels}, per_job)
    assert [label for block in blocks.values() for label in block] == labels
    assert [len(block) for block in blocks.values()] == sizes
    assert len(blocks) <= 16 or per_job


def test_a_block_is_named_by_its_label_or_by_its_first_and_last():
    labels = ["sport", "T-shirt / top", "street"]
    one, several = (label_blocks({label: slug(label) for label in labels}, size) for size in (1, 2))
    assert list(one) == [slug(label) for label in labels]
    assert several == {"sport": ["sport"], f"{slug(labels[1])}_to_street": labels[1:]}


RUN = {"backbone": "resnet18", "phases": [{"epochs": 1, "lr": 0.01, "train": "all"}]}


def settings(**changes):
    """Return the resolved settings of a configuration with two labels and a run."""
    photosets = {"train": {"photos": "train", "labels": "train.csv"}, "test": {"photos": "test", "labels": None}}
    return resolve({"results": "out", "labels": ["red", "blue"], "photosets": photosets, "runs": [RUN], **changes})


def test_a_student_is_trained_like_a_run_but_is_none_of_the_runs():
    assert settings().student is None
    assert settings().trained == settings().runs
    recipes = {"plain": {}, "more": {"repeat": {"labels": ["red"], "times": 2}}}
    resolved = settings(distillation={**RUN, "recipe": "more"}, recipes=recipes)
    assert resolved.student.startswith("resnet18-224-more-")
    assert resolved.student not in resolved.runs
    assert list(resolved.trained) == [*resolved.runs, resolved.student]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"threshold": {"method": "greedy"}}, True),
        ({"votes": {"max_labels": 1}}, True),
        ({"stack": {"combiner": "mean"}}, False),
        ({"selection": {"top_n": 1}}, False),
        ({"beta": 1}, False),
        ({"target": {"tolerance": 0.1}}, False),
        ({"runs": [RUN, {**RUN, "seed": 1}]}, False),
        ({"distillation": {**RUN, "seed": 1}}, False),
    ],
)
def test_a_students_run_is_named_by_its_setting_and_the_ensemble_that_teaches_it(change, same):
    student = settings(distillation=RUN, stack={"combiner": "ridge"}).student
    changed = {"distillation": RUN, "stack": {"combiner": "ridge"}, **change}
    assert (settings(**changed).student == student) == same


def test_configurations_that_share_networks_have_students_of_their_own():
    own = settings(distillation=RUN).student
    first, second = (settings(distillation=RUN, networks="out", results=results).student for results in ("a", "b"))
    assert len({own, first, second}) == 3
    assert settings(distillation=RUN, results="elsewhere").student == own


def test_only_a_users_file_of_weights_is_one_to_start_from():
    files = [
        settings().start_weights({"weights": weights}) for weights in ("none", "pretrained", "mine/start.safetensors")
    ]
    assert files == [[], [], ["mine/start.safetensors"]]


def test_pretrained_weights_come_from_the_folder_of_weights(tmp_path):
    runs = [
        {"backbone": "resnet18.a1_in1k"},
        {"backbone": "smp:resnet18"},
        {"backbone": "resnet10t", "weights": "none"},
    ]
    without, resolved = settings(runs=runs), settings(runs=runs, weights_folder=str(tmp_path))
    assert resolved.runs == without.runs
    for setting in resolved.runs.values():
        expected = {"resnet18.a1_in1k": ["resnet18.a1_in1k"], "smp:resnet18": ["smp_resnet18"], "resnet10t": []}
        files = [str(tmp_path / f"{name}.safetensors") for name in expected[setting["backbone"]]]
        assert (resolved.start_weights(setting), without.start_weights(setting)) == (files, [])
    without.check_weights_folder()
    for name in ("smp_resnet18", "resnet18.al_in1k"):
        (tmp_path / f"{name}.safetensors").touch()
    message = f"{tmp_path} lacks .*\n  resnet18.a1_in1k.safetensors; did you mean 'resnet18.al_in1k.safetensors'"
    with pytest.raises(InputError, match=message):
        resolved.check_weights_folder()
    (tmp_path / "resnet18.a1_in1k.safetensors").touch()
    resolved.check_weights_folder()


def test_networks_are_checked_once_under_the_keys_of_their_runs():
    net = {"backbone": "resnet18", "size": 64, "weights": "none"}
    runs = [{**net, "seed": {"each": [1, 2]}, "hidden_units": [8]}, {**net, "loss": "focal"}, {**net, "drop_path": 0.1}]
    runs += [{**net, "probe": {}}, {**net, "weights": "mine.pth", "head_from": "probe", "hidden_units": []}]
    found = settings(runs=runs, distillation=net).networks_to_check
    assert sorted(found.values()) == [
        ["runs[0]", "runs[1]", "distillation"],
        ["runs[2]"],
        ["runs[3]"],
        ["runs[4]"],
        ["runs[4]"],  # its probe
    ]
    assert all("seed" not in text for text in found)
    assert settings(runs=runs[::-1], distillation=net).networks_to_check.keys() == found.keys()


def test_a_head_starts_from_a_probe_of_the_same_run_which_is_a_member_if_it_is_listed():
    tuned = {"backbone": "MobileNetV2", "hidden_units": [], "head_from": "probe", "batch": 8, "seed": 3}
    alone = settings(runs=[tuned, {**tuned, "seed": 4}])
    (probe,) = set(alone.head_probes.values())
    assert set(alone.head_probes) == set(alone.runs)
    assert probe not in alone.runs
    assert set(alone.trained) == {*alone.runs, probe}
    setting = alone.trained[probe]
    assert (setting["probe"]["pooling"], setting["phases"], setting["hidden_units"]) == ("mean", [], [])
    # A probe that a user writes without further keys is this one.
    both = settings(runs=[tuned, {"backbone": "MobileNetV2", "probe": {}}])
    assert set(both.runs) == set(both.trained)
    assert set(both.head_probes.values()) == {probe}
    # What the probe depends on is the run's.
    changes = [{"size": 96}, {"labels": ["red"]}, {"loss": "weighted_bce"}, {"tta": "none"}]
    for change in (*changes, {"weights": "a.safetensors"}):
        other = settings(runs=[{**tuned, **change}, {"backbone": "MobileNetV2", "seed": 9}])
        assert list(other.head_probes.values()) != [probe]
    token = settings(runs=[{**tuned, "head_from": "token_probe"}])
    assert token.trained[next(iter(token.head_probes.values()))]["probe"]["pooling"] == "token"
