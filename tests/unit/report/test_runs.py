"""The table of runs tells them apart, and says once what all have in common."""

from stylevote.config.runs import Probe
from stylevote.report.runs import run_table, setting_text

SETTING = {
    "seed": 1,
    "backbone": "resnet50",
    "loss": {"bce": {}},
    "labels": ["red", "green"],
    "hidden_units": [128, 64],
    "phases": [
        {"epochs": 1, "lr": 0.001, "train": "head", "policy": "triangular", "cycle": 1},
        {"epochs": 2, "lr": 0.0003, "train": {"last": 0.4}, "policy": "one_cycle", "cycle": 1},
    ],
    "ema": None,
}


def test_runs_that_differ_in_anything_differ_in_the_table():
    for key, other in (
        ("seed", 2),
        ("loss", {"focal": {"gamma": 1, "alpha": None}}),
        ("labels", ["green"]),
        ("hidden_units", [128]),
        ("phases", [{**SETTING["phases"][0], "lr": 0.01}, SETTING["phases"][1]]),
        ("phases", [SETTING["phases"][0], {**SETTING["phases"][1], "policy": "constant"}]),
        ("ema", {"decay": 0.99}),
    ):
        found = run_table({"a": SETTING, "b": {**SETTING, key: other}}, ["red", "green"])
        assert found.head == ["run", key]
        assert [row[0] for row in found.rows] == ["a", "b"]
        assert found.rows[0][1] != found.rows[1][1]
        assert f"{key} " not in found.common


def test_a_key_that_is_left_out_at_its_default_is_told():
    found = run_table({"a": SETTING, "b": {**SETTING, "batch_norm": False}}, ["red", "green"])
    assert (found.head, found.rows) == (["run", "batch_norm"], [["a", "yes"], ["b", "no"]])


def test_a_probe_has_no_part_in_what_has_no_effect_on_it():
    probe = {"pooling": "mean", "layers": 2, "scales": [1], "whiten": False, "penalties": [1]}
    of_probe = {**SETTING, "phases": [], "probe": {**Probe().used(), **probe}}
    found = run_table({"a": SETTING, "b": of_probe}, ["red", "green"])
    assert (found.head, found.rows) == (
        ["run", "probe"],
        [["a", "none"], ["b", "probe, layers 2, penalties [1]"]],
    )
    assert "ema none" in found.common
    other = run_table({"a": SETTING, "c": {**SETTING, "ema": {"decay": 0.5}}, "b": of_probe}, ["red", "green"])
    assert [row[other.head.index("ema")] for row in other.rows] == ["none", "decay 0.5", "–"]


def test_what_all_runs_have_in_common_is_said_once():
    found = run_table({"a": SETTING}, ["red", "green"])
    assert found.rows == [["a"]]
    assert found.common == (
        "backbone resnet50; labels all; loss bce; hidden_units 128, 64; phases 1 epoch at 0.001, head; 2 epochs at"
        " 0.0003, last 0.4, policy one_cycle; seed 1; ema none"
    )


def test_a_loss_is_told_with_its_parameters():
    assert setting_text({"bce": {}}) == "bce"
    assert setting_text({"weighted_bce": {"power": 0.5, "cap": 100}}) == "weighted_bce (cap 100, power 0.5)"


def test_no_runs_are_no_table():
    assert run_table({}, ["red"]).rows == []
