"""Entries of runs stand for the runs that their alternatives and draws say, and for the same ones each time."""

import copy
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stylevote.config import run_grid
from stylevote.config.identity import canonical

LABELS = ["red", "round", "soft"]
PHASES = [{"epochs": 1, "lr": 0.1, "train": "head"}, {"epochs": 2, "lr": 0.2, "train": "all"}]
DRAWN = {
    "backbone": "r",
    "size": {"each": [96, 128]},
    "seed": {"integers": [0, 10**9]},
    "phases": [{"epochs": 1, "lr": {"log_uniform": [1e-5, 1e-1]}, "train": {"last": {"uniform": [0, 1]}}}],
    "hidden_units": {"layers": [1, 3], "units": {"choose": [128, 256, 512, 1024]}},
    "draws": 5,
}


def settings(*entries):
    runs, problems = run_grid.expand(copy.deepcopy(list(entries)), LABELS)
    assert problems == []
    return [run.setting for run in runs]


def problems(*entries):
    return run_grid.expand(list(entries), LABELS)[1]


def drawn_values(draw, count=2000, key="value"):
    """Values of many draws, each with a seed of its own so that equal ones are not dropped."""
    entries = [{key: draw, "draw_seed": number} for number in range(count)]
    return [setting[key] for setting in settings(*entries)]


def texts(runs):
    return {canonical(setting) for setting in runs}


def test_a_plain_entry_passes_through():
    entry = {
        "backbone": "r",
        "hidden_units": [64, 32],
        "phases": PHASES,
        "labels": ["red", "soft"],
        "loss": {"focal": {}},
    }
    entry["backbone_args"] = {"layers": [2, 2, 2, 2], "act": None}
    assert settings(entry) == [entry]
    assert not run_grid.expand([entry], LABELS)[0][0].drawn


def test_what_is_no_mapping_is_left_to_the_schema():
    assert settings(3, ["a"], None) == [3, ["a"], None]


@given(
    st.dictionaries(
        st.sampled_from(["backbone", "size", "batch", "recipe", "seed", "gradient_clip"]),
        st.one_of(
            st.integers(),
            st.lists(st.integers()),
            st.fixed_dictionaries({"each": st.lists(st.integers(), min_size=1, max_size=4, unique=True)}),
        ),
    )
)
def test_alternatives_are_crossed(entry):
    lists = [value["each"] if isinstance(value, dict) else [value] for value in entry.values()]
    expected = [dict(zip(entry, chosen, strict=True)) for chosen in itertools.product(*lists)]
    found = settings(entry)
    assert texts(found) == texts(expected) and len(found) == len(expected)


def test_alternatives_may_be_lists():
    entry = {
        "hidden_units": {"each": [[256], [512, 256]]},
        "phases": {"each": [PHASES, PHASES[:1]]},
        "labels": {"each": [["red", "soft"], ["round"]]},
    }
    expected = [
        {"hidden_units": hidden, "phases": phases, "labels": labels}
        for hidden in ([256], [512, 256])
        for phases in (PHASES, PHASES[:1])
        for labels in (["red", "soft"], ["round"])
    ]
    assert texts(settings(entry)) == texts(expected)


def test_alternatives_stand_anywhere_and_hold_others():
    trains = {"each": ["head", {"groups": {"each": [1, 2]}}]}
    phases = [{"epochs": 1, "lr": {"each": [0.1, 0.2]}, "train": trains}, PHASES[1]]
    found = settings({"phases": phases, "loss": {"each": ["bce", {"focal": {"gamma": {"each": [1, 2]}}}]}})
    firsts = [(run["phases"][0]["lr"], canonical(run["phases"][0]["train"]), canonical(run["loss"])) for run in found]
    trains = [canonical(train) for train in ("head", {"groups": 1}, {"groups": 2})]
    losses = [canonical(loss) for loss in ("bce", {"focal": {"gamma": 1}}, {"focal": {"gamma": 2}})]
    assert sorted(firsts) == sorted(itertools.product([0.1, 0.2], trains, losses))
    assert all(run["phases"][1] == PHASES[1] for run in found)


def test_lists_within_arguments_of_the_backbone_are_arguments():
    arguments = [{"layers": [1, 2]}, {"layers": [3, 4]}]
    assert settings({"backbone_args": {"each": arguments}}) == [{"backbone_args": part} for part in arguments]
    (run,) = settings({"backbone_args": {"layers": [1, 2], "drop_rate": {"choose": [0.5]}}})
    assert run == {"backbone_args": {"layers": [1, 2], "drop_rate": 0.5}}


def test_each_gives_a_run_for_each_label():
    one_each = [{"labels": [label]} for label in LABELS]
    assert settings({"labels": "each"}) == one_each
    assert settings({"labels": {"each": ["all", "each"]}}) == [{"labels": "all"}, *one_each]
    assert settings({"labels": {"each": ["all", ["red", "soft"]]}}) == [{"labels": "all"}, {"labels": ["red", "soft"]}]
    # A label that is called so is a label.
    assert run_grid.expand([{"labels": ["all", "b"]}], ["all", "b", "c"])[0][0].setting == {"labels": ["all", "b"]}


def test_the_same_entry_draws_the_same():
    assert settings(DRAWN) == settings(DRAWN)
    assert len(settings(DRAWN)) == 10


@given(st.randoms(use_true_random=False))
def test_order_and_neighbors_change_no_draw(shuffler):
    entries = [DRAWN, {**DRAWN, "backbone": "q"}, {"backbone": "plain"}]
    more = [
        dict(shuffler.sample(list(entry.items()), len(entry))) for entry in [*entries, {**DRAWN, "gradient_clip": 1}]
    ]
    shuffler.shuffle(more)
    assert texts(settings(*entries)) < texts(settings(*more))


def test_more_draws_or_more_alternatives_keep_the_first():
    first = texts(settings(DRAWN))
    assert first < texts(settings({**DRAWN, "draws": 9}))
    assert first < texts(settings({**DRAWN, "size": {"each": [160, 128, 96]}}))
    assert first < texts(settings({**DRAWN, "recipe": {"each": ["mixed", "plain"]}}, DRAWN))


def test_another_seed_draws_other_values():
    seeds = {run["seed"] for number in range(20) for run in settings({**DRAWN, "draw_seed": number})}
    assert len(seeds) == 200


def test_draws_at_different_places_are_independent():
    entry = {key: {"uniform": [0, 1]} for key in ("size", "gradient_clip", "seed")} | {"draws": 1000}
    values = np.array([[run["size"], run["gradient_clip"], run["seed"]] for run in settings(entry)])
    assert np.abs(np.corrcoef(values.T) - np.eye(3)).max() < 0.1


def test_equal_draws_count_once_and_are_said_to_be_drawn():
    runs, _ = run_grid.expand([{"seed": {"choose": [1, 2, 3]}, "draws": 100}, {"seed": 1}], LABELS)
    assert sorted(run.setting["seed"] for run in runs if run.entry == 0) == [1, 2, 3]
    assert [(run.entry, run.drawn) for run in runs] == [(0, True)] * 3 + [(1, False)]


def test_alternatives_without_draws_are_not_repeated():
    runs = settings({"gradient_clip": {"each": [None, {"uniform": [0, 1000]}]}, "draws": 4})
    assert [run["gradient_clip"] for run in runs].count(None) == 1 and len(runs) == 5


def test_choose_draws_all_options_alike():
    values = drawn_values({"choose": ["a", "b", "c", "d"]})
    assert stats.chisquare([values.count(option) for option in "abcd"]).pvalue > 0.01


def test_integers_are_alike_with_their_bounds():
    values = drawn_values({"integers": [3, 7]})
    assert stats.chisquare(np.bincount(values, minlength=8)[3:8]).pvalue > 0.01
    assert set(values) == {3, 4, 5, 6, 7}


def test_uniform_and_log_uniform_have_their_distributions():
    # Rounding to two digits moves a value by at most 5 %, far less than the distance to any other distribution.
    uniform = stats.kstest(drawn_values({"uniform": [2, 6]}), stats.uniform(2, 4).cdf)
    log_uniform = stats.kstest(drawn_values({"log_uniform": [1e-4, 1e-1]}), stats.loguniform(1e-4, 1e-1).cdf)
    assert uniform.statistic < 0.05 and log_uniform.statistic < 0.05


@given(st.floats(1e-6, 1e6), st.floats(1, 1e3), st.sampled_from(["uniform", "log_uniform"]), st.integers(0, 99))
def test_drawn_numbers_are_short_and_within_their_bounds(low, ratio, kind, draw_seed):
    high = low * ratio
    (run,) = settings({"gradient_clip": {kind: [low, high]}, "draw_seed": draw_seed})
    value = run["gradient_clip"]
    assert low <= value <= high
    assert value in (low, high) or float(f"{value:.1e}") == value


def test_hidden_layers_are_drawn_in_number_and_in_units():
    found = drawn_values({"layers": [1, 3], "units": {"choose": [128, 256]}}, count=600, key="hidden_units")
    assert {tuple(units) for units in found} == {
        units for layers in (1, 2, 3) for units in itertools.product([128, 256], repeat=layers)
    }
    assert stats.chisquare([sum(len(units) == layers for units in found) for layers in (1, 2, 3)]).pvalue > 0.01


def test_options_may_be_lists_and_hold_draws():
    option = [{"epochs": 1, "lr": {"log_uniform": [0.1, 0.2]}, "train": "all"}]
    entry = {
        "phases": {"choose": [PHASES, option]},
        "hidden_units": {"choose": [[64, 64], {"layers": [2, 2], "units": 32}]},
    }
    runs = settings({**entry, "draws": 50})
    assert {len(run["phases"]) for run in runs} == {1, 2}
    assert all(0.1 <= run["phases"][0]["lr"] <= 0.2 for run in runs)
    assert {tuple(run["hidden_units"]) for run in runs} == {(64, 64), (32, 32)}


def test_runs_share_no_part():
    first, second = settings({"seed": {"each": [0, 1]}, "phases": PHASES})
    first["phases"][0]["lr"] = math.pi
    assert second["phases"] == PHASES


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"seed": {"each": []}}, "seed.each: found [], expected a list of alternatives"),
        ({"seed": {"each": 3}}, "seed.each: found 3, expected a list of alternatives"),
        ({"seed": {"each": [1], "or": 2}}, "seed: found the keys each, or, expected each alone"),
        ({"seed": {"choose": [1, {"each": [2, 3]}]}}, "seed.choose[1]: alternatives give a run each and"),
        ({"choose": [{"labels": "each"}]}, "choose[0].labels: 'each' gives a run for each label"),
        ({"seed": {"choose": 3}}, "seed.choose: found 3, expected a list"),
        ({"seed": {"choose": [1], "integers": [1, 2]}}, "seed: found the keys choose, integers, expected choose"),
        ({"seed": {"integers": [1, 2.5]}}, "seed.integers: found [1, 2.5], expected two whole numbers"),
        (
            {"gradient_clip": {"uniform": [2, 1]}},
            "gradient_clip.uniform: found [2, 1], expected two numbers, the lower first",
        ),
        ({"gradient_clip": {"uniform": [True, 2]}}, "gradient_clip.uniform: found [True, 2], expected two numbers"),
        ({"gradient_clip": {"uniform": [0, math.inf]}}, "gradient_clip.uniform: found [0, inf], expected two numbers"),
        (
            {"gradient_clip": {"log_uniform": [0, 1]}},
            "gradient_clip.log_uniform: found [0, 1], expected two numbers above 0",
        ),
        ({"hidden_units": {"layers": [1, 3]}}, "hidden_units: found the keys layers, expected layers and units alone"),
        (
            {"hidden_units": {"layers": [1, 9], "units": 8}},
            "hidden_units.layers: found [1, 9], expected two whole numbers from",
        ),
        (
            {"hidden_units": {"layers": [1, 3], "units": {"choose": []}}},
            "hidden_units.units.choose: found [], expected a list",
        ),
        (
            {"phases": {"each": [[PHASES[0]], [{"lr": {"choose": {}}}]]}},
            "phases.each[1][0].lr.choose: found {}, expected a list",
        ),
        ({"labels": {"choose": ["all", "each"]}}, "labels.choose[1]: 'each' gives a run for each label"),
        ({"seed": {"choose": [1]}, "draws": 0}, "draws: found 0, expected a whole number from 1"),
        ({"seed": {"choose": [1]}, "draw_seed": "a"}, "draw_seed: found 'a', expected a whole number"),
        ({"seed": {"each": [1, 2]}, "draws": 3}, "draws: nothing is drawn here"),
    ],
)
def test_problems_name_their_key(entry, message):
    (found,) = problems(entry)
    assert found.startswith(f"runs[0].{message}")


def test_entries_that_draw_the_same_are_a_mistake():
    (found,) = problems({"size": {"each": [64, 64]}, "seed": {"choose": [1]}})
    assert found.startswith("runs[0]: an alternative occurs twice")
    entry = {"backbone": "r", "seed": {"integers": [0, 99]}, "draws": 3}
    assert problems(entry, {**entry, "draws": 5}) == [
        "runs[1]: draws the same as runs[0]; change its draw_seed or leave it out"
    ]
    assert problems(entry, {**entry, "draw_seed": 1}) == []


def test_a_wrong_entry_takes_no_other_along():
    runs, found = run_grid.expand([{"seed": {"each": []}}, {"seed": {"each": [1, 2]}}], LABELS)
    assert len(found) == 1 and [run.entry for run in runs] == [1, 1]


def test_an_entry_may_be_one_of_several():
    options = [{"backbone": "r", "size": 96}, {"backbone": "s", "seed": {"integers": [1, 9]}}]
    runs = settings({"choose": options, "draws": 40})
    assert {run["backbone"] for run in runs} == {"r", "s"}
    assert all(run in options or 1 <= run["seed"] <= 9 for run in runs)
    (found,) = problems({"choose": 3})
    assert found == "runs[0].choose: found 3, expected a list of what to choose from"
    (found,) = problems({"choose": options, "backbone": "r"})
    assert found == "runs[0]: found the keys choose, backbone, expected choose alone"


def test_too_many_runs_are_counted_exactly():
    assert problems({"seed": {"each": list(range(1000))}, "size": {"each": list(range(101))}}) == [
        "runs: 101000 runs, expected at most 5000 (runs[0] alone gives 101000)"
    ]
    (found,) = problems({key: {"each": list(range(100))} for key in "abcdefgh"})
    assert found.startswith(f"runs: {100**8} runs, ")
    hidden = {"each": [[1], [2, 3], {"layers": [1, 2], "units": 8}]}
    clip = {"each": [None, {"uniform": [0, 1]}]}
    # Two of three kinds of `hidden` and one of two of `clip` hold no draw: 6 of 18 combinations are not repeated.
    (found,) = problems(
        {"seed": {"each": [1, 2, 3]}, "hidden_units": hidden, "gradient_clip": clip, "labels": "all", "draws": 10**6}
    )
    assert found.startswith(f"runs: {6 + 12 * 10**6} runs, ")
    (found,) = problems({"labels": {"each": ["all", "each"]}, "seed": {"uniform": [0, 1]}, "draws": 10**6})
    assert found.startswith(f"runs: {(1 + len(LABELS)) * 10**6} runs, ")
