"""The configuration decides the report's contents."""

from docutils.core import publish_parts

from stylevote.report.contents import (
    card_settings,
    color_legend,
    comparable_runs,
    loss_names,
    resampling_recipes,
    threshold_decides,
)


def test_runs_are_compared_if_they_differ_in_nothing_but_the_loss():
    def run(loss, **other):
        return {"loss": {loss: {}}, "seed": 0, "labels": "all", **other}

    runs = {"a": run("bce"), "b": run("weighted_bce"), "c": run("bce", seed=1), "d": run("focal", labels=["red"])}
    assert comparable_runs(runs) == [{"bce": "a", "weighted_bce": "b"}]
    assert comparable_runs({name: runs[name] for name in "acd"}) == []
    more = runs | {"e": {**runs["d"], "loss": {"focal": {"gamma": 1}}}}
    assert comparable_runs(more)[1] == {"focal": "d", "focal (gamma 1)": "e"}
    assert loss_names(comparable_runs(more)) == ["bce", "focal", "focal (gamma 1)", "weighted_bce"]


def test_each_recipe_that_changes_what_epochs_see_counts_with_its_longest_run():
    runs = {
        name: {"recipe": recipe, "phases": [{"epochs": epochs}, {"epochs": 1}]}
        for name, recipe, epochs in (("a", "more", 2), ("b", "more", 5), ("c", "plain", 9), ("d", "fewer", 1))
    }
    recipes = {
        "plain": {"seed": 3, "repeat": None},
        "more": {"seed": 0, "repeat": {"times": 2}},
        "fewer": {"drop": [1]},
    }
    assert resampling_recipes(runs, recipes | {"unused": {"drop": [1]}}) == {"fewer": 2, "more": 6}


def test_votes_and_limits_decide_more_than_a_threshold():
    mean = {"aggregation": "average_scores", "min_labels": 0, "max_labels": None}
    assert threshold_decides(mean)
    for change in ({"aggregation": "vote_all"}, {"min_labels": 1}, {"max_labels": 3}):
        assert not threshold_decides(mean | change)


def test_the_card_has_what_changes_decisions_and_no_folder():
    config = {"results": "out", "runs": [], "plan": {}, "beta": 2, "members": {"external": ["/home/a/mine"], "same": 1}}
    assert card_settings(config, ["mine"]) == {"beta": 2, "members": {"external": ["mine"], "same": 1}}


def test_a_legend_is_text_whatever_a_recipe_is_called():
    legend = color_legend(["*before*", "`a`_ |b| {c}", "red\u202eder"])
    body = publish_parts(legend, writer="html5", settings_overrides={"report_level": 5})["body"]
    assert "blue: *before*; orange: `a`_ |b| {c}; green: red[U+202E]der" in body
