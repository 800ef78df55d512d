"""Blocks of labels; the settings that the chosen methods use; the student's run."""

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


@pytest.mark.parametrize(
    ("branch", "used"),
    [
        ({"selection": {"method": "top_n", "top_n": 3, "correlation": 0.8}}, {"method", "top_n", "correlation"}),
        ({"selection": {"method": "greedy"}}, {"method", "greedy"}),
        ({"selection": {"method": "all", "top_n": 7}}, {"method"}),
        ({"threshold": {"method": "exact", "steps": 7}}, {"method"}),
        ({"threshold": {"method": "greedy"}}, {"method", "steps"}),
        ({"threshold": {"method": "shrunk"}}, {"method", "shrink"}),
        ({"threshold": {"method": "bootstrap"}}, {"method", "resamples", "seed"}),
        ({"stack": {"combiner": "mean"}}, {"combiner"}),
        ({"stack": {"combiner": "ridge", "logistic": {"alpha": [7]}}}, {"combiner", "ridge"}),
    ],
)
def test_of_a_branch_the_settings_of_the_chosen_method_alone_are_used(branch, used):
    ((name, _),) = branch.items()
    resolved = settings(**branch)
    found = getattr(resolved.config, name)
    assert found.used() == {key: value for key, value in found.model_dump().items() if key in used}


def test_auto_uses_its_own_settings_and_those_of_the_combiners_that_it_chooses_among():
    resolved = settings(stack={"combiner": "auto", "auto": {"among": ["mean", "ridge"]}}, folds={"count": 5})
    used = resolved.config.stack.used()
    assert used == {"combiner": "auto", "auto": {"among": ["mean", "ridge"], "seed": 1}, "ridge": used["ridge"]}
    assert used["ridge"] == resolved.config.stack.ridge.used()


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


def of_runs(*runs, **keys):
    """Return the settings of a configuration with these runs."""
    photosets = {"train": {"photos": "a", "labels": "a.csv"}, "test": {"photos": "b"}}
    return resolve({"labels": ["red", "blue"], "photosets": photosets, "runs": list(runs), **keys})


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
    alone = of_runs(tuned, {**tuned, "seed": 4})
    (probe,) = set(alone.head_probes.values())
    assert set(alone.head_probes) == set(alone.runs)
    assert probe not in alone.runs
    assert set(alone.trained) == {*alone.runs, probe}
    setting = alone.trained[probe]
    assert (setting["probe"]["pooling"], setting["phases"], setting["hidden_units"]) == ("mean", [], [])
    # A probe that a user writes without further keys is this one.
    both = of_runs(tuned, {"backbone": "MobileNetV2", "probe": {}})
    assert set(both.runs) == set(both.trained)
    assert set(both.head_probes.values()) == {probe}
    # What the probe depends on is the run's.
    for change in (
        {"size": 96},
        {"labels": ["red"]},
        {"loss": "weighted_bce"},
        {"tta": "none"},
        {"weights": "a.safetensors"},
    ):
        other = of_runs({**tuned, **change}, {"backbone": "MobileNetV2", "seed": 9})
        assert list(other.head_probes.values()) != [probe]
    token = of_runs({**tuned, "head_from": "token_probe"})
    assert token.trained[next(iter(token.head_probes.values()))]["probe"]["pooling"] == "token"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_units": [8]}, r"runs\[0\]\.hidden_units: found \[8\], expected \[\]"),
        ({"weights": "none"}, r"runs\[0\]\.weights: found 'none', expected others"),
        ({"loss": "focal"}, r"runs\[0\]\.loss: found 'focal', expected bce or weighted_bce"),
        ({"probe": {}}, r"runs\[0\]\.head_from: has no effect on a probe"),
    ],
)
def test_a_run_that_cannot_start_from_a_probe_is_refused(change, said):
    with pytest.raises(InputError, match=said):
        of_runs({"backbone": "MobileNetV2", "hidden_units": [], "head_from": "probe", **change})


def test_a_student_starts_from_no_probe():
    student = {"backbone": "MobileNetV2", "hidden_units": [], "head_from": "probe"}
    with pytest.raises(InputError, match=r"distillation\.head_from: found probe, expected random"):
        of_runs({"backbone": "MobileNetV2"}, distillation=student)
