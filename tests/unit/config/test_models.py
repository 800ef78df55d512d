"""The configuration's models take what they say, and say of themselves what they take."""

import pytest
from pydantic import Field, ValidationError

from stylevote.config.base import Model, OneOf, described
from stylevote.config.configuration import Configuration
from stylevote.config.ensemble import Bundle, Selection, Stack, Threshold, Votes
from stylevote.config.identity import canonical
from stylevote.config.photos import Recolor, Segmentation

MINIMAL = {"labels": ["red"]}


class Lamp(Model):
    """A lamp.

    Attributes:
        watts: what it takes, on average,
            over the day.
    """

    watts: float = Field(5, ge=1)


class Room(Model):
    """A room with a lamp."""

    lamp: Lamp = Field({})


class Heat(OneOf):
    """Where heat comes from.

    Attributes:
        gas: a share.
        coal: tons.
    """

    gas: float | None = Field(None, le=1)
    coal: int | None = None


def test_a_docstring_describes_a_class_and_its_keys():
    assert described(Lamp.__doc__) == ("a lamp", {"watts": "what it takes, on average, over the day"})
    assert described(Room.__doc__) == ("a room with a lamp", {})
    lamp = Room.model_json_schema()["$defs"]["Lamp"]
    assert lamp["description"] == "a lamp"
    assert lamp["properties"]["watts"]["description"] == "what it takes, on average, over the day"


def test_defaults_are_filled_in_on_every_level_and_checked():
    assert Room().model_dump() == {"lamp": {"watts": 5}}

    class Dark(Model):
        """A lamp that takes nothing."""

        watts: float = Field(0, ge=1)

    with pytest.raises(ValidationError):
        Dark()


def test_of_several_keys_one_has_a_value_and_is_kept():
    assert Heat(gas=0.5).model_dump() == {"gas": 0.5}
    assert Heat(gas=None, coal=0).model_dump() == {"coal": 0}
    assert Bundle(members=3).model_dump() == {"members": 3}
    for wrong in ({}, {"gas": 0.5, "coal": 1}, {"gas": None}, {"wood": 1}, {"gas": 2}):
        with pytest.raises(ValidationError):
            Heat.model_validate(wrong)
    schema = Heat.model_json_schema()
    assert schema["properties"]["gas"] == {"maximum": 1, "type": "number", "title": "Gas", "description": "a share"}
    assert (schema["minProperties"], schema["maxProperties"]) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"folds": {"count": True}},
        {"folds": {"count": 5.5}},
        {"folds": None},
        {"beta": True},
        {"beta": None},
        {"report": {"sizes": 1}},
        {"labels": "red"},
        {"labels": ("red",)},
        {"recipes": {"plain": {"recolored": 1}}},
        {"bundle": {"members": None}},
    ],
)
def test_no_type_stands_for_another(change):
    with pytest.raises(ValidationError):
        Configuration.model_validate({**MINIMAL, **change})


def test_two_configurations_share_no_default():
    first, second = (Configuration.model_validate(MINIMAL).model_dump() for _ in range(2))
    first["members"]["external"].append("a")
    first["recipes"]["plain"]["seed"] = 7
    assert second == Configuration.model_validate(MINIMAL).model_dump() != first


@pytest.mark.parametrize(
    ("settings", "used"),
    [
        (Selection(), {"method": "top_n", "top_n": 20, "correlation": 0.9}),
        (Selection(top_n=3, correlation=0.8), {"method": "top_n", "top_n": 3, "correlation": 0.8}),
        (Selection(method="all", top_n=7), {"method": "all"}),
        (
            Selection(method="greedy", top_n=3),
            {"method": "greedy", "greedy": {"bags": 20, "share": 0.5, "start": 5, "max_members": 50, "seed": 1}},
        ),
        (Threshold(), {"method": "shrunk", "shrink": 300}),
        (Threshold(method="greedy", seed=4), {"method": "greedy", "steps": 100}),
        (Threshold(method="bootstrap"), {"method": "bootstrap", "resamples": 200, "seed": 0}),
        (Threshold(method="exact", steps=7), {"method": "exact"}),
        (Stack(), {"combiner": "logistic", "logistic": {"alpha": [0.1, 1, 10, 100, 1000]}}),
        (Stack(combiner="mean", features="all"), {"combiner": "mean"}),
        (
            Stack(combiner="ridge", logistic={"alpha": [7]}, ridge={"alpha": [2]}),
            {"combiner": "ridge", "ridge": {"alpha": [2]}},
        ),
        (
            Stack(combiner="auto", auto={"among": ["mean", "ridge"]}),
            {
                "combiner": "auto",
                "auto": {"among": ["mean", "ridge"], "seed": 1},
                "ridge": {"alpha": [0.01, 0.1, 1, 10, 100]},
            },
        ),
        (Votes(max_labels=3), {"aggregation": "average_scores", "min_labels": 0, "max_labels": 3}),
        (
            Segmentation(model="maskrcnn"),
            {
                "model": "maskrcnn",
                "region": "person",
                "size": 512,
                "shards": 8,
                "maskrcnn": {"weights": "pretrained", "shorter_side": 800, "score": 0.5},
            },
        ),
        (Segmentation(model="given", shards=2), {"model": "given", "region": "person", "size": 512, "shards": 2}),
    ],
)
def test_used_settings_are_those_of_the_chosen_method(settings, used):
    assert canonical(settings.used()) == canonical(used)
    # A program that gets them has the same.
    assert canonical(type(settings).model_validate(settings.used()).used()) == canonical(used)


def test_recoloured_photos_do_not_depend_on_their_use():
    used = Recolor(per_epoch=7).used()
    assert used.keys() == Recolor.model_fields.keys() - {"per_epoch"}
    assert used == Recolor(per_epoch=8).used() != Recolor(per_epoch=7, total=8).used()
