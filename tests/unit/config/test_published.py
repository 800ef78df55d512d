"""A published table's rows stand for runs, whose seeds are repetitions; a row that does not is refused with its key."""

import copy

import pytest
import yaml

from places import REPOSITORY
from stylevote.config.resolve import resolve
from stylevote.errors import InputError

CONFIG = {
    "labels": ["red", "round", "dark"],
    "photosets": {"train": {"photos": "a", "labels": "a.csv"}, "test": {"photos": "b"}},
    "recipes": {"plain": {}, "more": {"repeat": {"labels": ["red"], "times": 2}}},
    "runs": [
        {
            "backbone": {"each": ["ResNet50", "VGG16"]},
            "recipe": {"each": ["plain", "more"]},
            "seed": {"each": [0, 1, 2]},
        },
        {
            "backbone": "resnet18",
            "labels": {"each": ["all", "each"]},
            "hidden_units": 64,
            "loss": "focal",
            "seed": {"each": [5, 7]},
        },
    ],
}


def resolved(*rows, runs=None, **more):
    """Return the settings of a configuration with one table of these rows; ``runs`` are what all rows have."""
    table = {"title": "a table", "rows": list(rows), **({"runs": runs} if runs else {})}
    return resolve({**copy.deepcopy(CONFIG), "experiments": {"one": table}, **more})


def row(paper=("red",), name="a row", **runs):
    return {"row": name, "runs": runs, "paper": dict.fromkeys(paper) if isinstance(paper, tuple) else paper}


def settings_of(settings, cell):
    """Return for each repetition the settings of its runs, one per label."""
    return [{label: settings.runs[run] for label, (run,) in of_seed.items()} for of_seed in cell["repetitions"]]


def problem(*arguments, **more):
    with pytest.raises(InputError) as caught:
        resolved(*arguments, **more)
    return str(caught.value)


def test_a_row_stands_for_the_runs_that_it_describes_one_a_seed():
    settings = resolved(
        row({"red": 0.25, "dark": None}, "first", backbone="ResNet50"),
        row(name="second", backbone="VGG16", recipe="more"),
        runs={"recipe": "plain"},
    )
    first, dark, second = settings.cells["one"]
    assert [(cell["row"], cell["label"], cell["paper"]) for cell in settings.cells["one"]] == [
        ("first", "red", 0.25),
        ("first", "dark", None),
        ("second", "red", None),
    ]
    for cell, label, backbone, recipe in [
        (first, "red", "resnet50.tv_in1k", "plain"),
        (dark, "dark", "resnet50.tv_in1k", "plain"),
        (second, "red", "vgg16.tv_in1k", "more"),  # what a row says counts before what all have
    ]:
        found = settings_of(settings, cell)
        assert [list(of_seed) for of_seed in found] == [[label]] * 3
        assert [of_seed[label]["seed"] for of_seed in found] == [0, 1, 2]
        assert {(of_seed[label]["backbone"], of_seed[label]["recipe"]) for of_seed in found} == {(backbone, recipe)}


def test_the_mean_over_labels_is_of_one_run_or_of_a_run_for_each_label():
    settings = resolved(
        row(("macro",), "together", backbone="resnet18", labels="all"),
        row(("macro", "round"), "apart", backbone="resnet18", labels="each"),
    )
    together, apart, single = (settings_of(settings, cell) for cell in settings.cells["one"])
    for found, own in ((together, False), (apart, True)):
        assert [list(of_seed) for of_seed in found] == [CONFIG["labels"]] * 2
        for of_seed, seed in zip(found, [5, 7], strict=True):
            assert {setting["seed"] for setting in of_seed.values()} == {seed}
            for label, setting in of_seed.items():
                assert setting["labels"] == ([label] if own else "all")
    assert [list(of_seed) for of_seed in single] == [["round"]] * 2
    assert [of_seed["round"]["labels"] for of_seed in single] == [["round"]] * 2


@pytest.mark.parametrize(
    "pattern",
    [
        {"backbone": "resnet18", "labels": ["dark"]},
        {"loss": "focal", "labels": ["dark"]},
        {"loss": {"focal": {}}, "labels": ["dark"]},
        {"loss": {"focal": {"gamma": 2.0}}, "labels": ["dark"]},
        {"hidden_units": 64, "labels": ["dark"]},
        {"hidden_units": [64], "labels": ["dark"]},
    ],
)
def test_settings_are_known_in_all_their_forms(pattern):
    settings = resolved(row(("dark",), **pattern))
    (cell,) = settings.cells["one"]
    assert [of_seed["dark"]["labels"] for of_seed in settings_of(settings, cell)] == [["dark"]] * 2


def test_rows_tell_heads_with_and_without_batch_normalization_apart():
    pair = {"backbone": "resnet34", "batch_norm": {"each": [True, False]}}
    rows = [row(name=str(norm), backbone="resnet34", batch_norm=norm) for norm in (True, False)]
    settings = resolve({**copy.deepcopy(CONFIG), "runs": [pair], "experiments": {"one": {"title": "t", "rows": rows}}})
    with_norm, without = (settings_of(settings, cell)[0]["red"] for cell in settings.cells["one"])
    assert "batch_norm" not in with_norm
    assert without["batch_norm"] is False


def test_all_labels_in_any_order_are_all():
    settings = resolved(row(backbone="resnet18", labels=["dark", "red", "round"]))
    assert [of_seed["red"]["labels"] for of_seed in settings_of(settings, settings.cells["one"][0])] == ["all"] * 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            row(backbone="ResNet50"),
            "experiments.one.rows[0].runs: 2 runs of seed 0 predict 'red'; they differ in recipe",
        ),
        (row(backbone="resnet18"), "2 runs of seed 5 predict 'red'; they differ in labels: say which"),
        (row(seed=0), "4 runs of seed 0 predict 'red'; they differ in backbone and recipe: say which"),
        (row(backbone="ResNet101"), "no run fits the row 'a row': none has the backbone that it asks for"),
        (row(backbone="VGG16", seed=5), "no run fits the row 'a row': none has all that it asks for"),
        (row(backbone="VGG16", recipe="other", loss="bce"), "none has the recipe that it asks for"),
        (row(backbone="resnet18", labels="some"), "none has the labels that it asks for"),
        (row(backbone="resnet18", labels=["blue"]), "none has the labels that it asks for"),
        (row(loss={"focal": {"gamma": 1}}), "none has the loss that it asks for"),
        (row(backbon="VGG16"), "'backbon' is no setting of a run; did you mean 'backbone'?"),
        (row(("macro",), labels=["red"]), "no run of seed 5 that fits predicts 'round'"),
        (row(("round",), labels=["red"]), "none of the 2 runs that fit predicts 'round'"),
        (
            row(("rund",), backbone="VGG16", recipe="plain"),
            "experiments.one.rows[0].paper: 'rund' is not among the labels",
        ),
        (
            row({"red": 1.5}, backbone="VGG16"),
            "experiments.one.rows[0].paper.red: 1.5 is greater than the maximum of 1",
        ),
        (row({}, backbone="VGG16"), "experiments.one.rows[0].paper"),
        ({"row": "x", "paper": {"red": 0.1}, "run": {}}, "unknown key 'run'; did you mean 'runs'"),
    ],
)
def test_a_row_that_stands_for_no_runs_or_for_several_is_refused(rows, message):
    assert message in problem(rows)


def test_runs_that_differ_in_more_than_their_seeds_are_no_repetitions():
    runs = [
        {"backbone": "ResNet50", "recipe": "plain", "seed": 0},
        {"backbone": "ResNet50", "recipe": "more", "seed": {"each": [1, 2]}},
    ]
    table = {"title": "a table", "rows": [row(("red", "macro"), backbone="ResNet50")]}
    with pytest.raises(InputError, match="the runs of seeds 0, 1, 2 that predict 'red' differ in recipe, and are to"):
        resolve({**copy.deepcopy(CONFIG), "runs": runs, "experiments": {"one": table}})
    table["rows"][0]["runs"]["recipe"] = "more"
    settings = resolve({**copy.deepcopy(CONFIG), "runs": runs, "experiments": {"one": table}})
    assert len(settings.cells["one"][0]["repetitions"]) == 2


def test_a_fused_row_stands_for_all_runs_of_a_seed_that_predict_a_label():
    fused = row(("red",), recipe="plain", hidden_units=256) | {"fuse": True}
    settings = resolved(fused)
    (cell,) = settings.cells["one"]
    backbones = {"resnet50.tv_in1k", "vgg16.tv_in1k"}
    found = [[settings.runs[run] for run in of_seed["red"]] for of_seed in cell["repetitions"]]
    assert [{setting["backbone"] for setting in of_seed} for of_seed in found] == [backbones] * 3
    assert [{setting["seed"] for setting in of_seed} for of_seed in found] == [{0}, {1}, {2}]
    assert "2 runs of seed 0 predict 'red'; they differ in backbone: say which" in problem(fused | {"fuse": False})


def test_the_seeds_of_a_fused_row_have_the_same_runs():
    def fused(*others):
        runs = [{"backbone": "ResNet50", "seed": {"each": [0, 1]}}, *others]
        table = {"title": "a table", "rows": [row() | {"fuse": True}]}
        return resolve({**copy.deepcopy(CONFIG), "runs": runs, "experiments": {"one": table}})

    (cell,) = fused({"backbone": "VGG16", "seed": {"each": [0, 1]}}).cells["one"]
    assert [len(of_seed["red"]) for of_seed in cell["repetitions"]] == [2, 2]
    with pytest.raises(InputError, match="the seeds have 1 or 2 runs that predict 'red', expected equally many"):
        fused({"backbone": "VGG16", "seed": 0})
    with pytest.raises(InputError, match="the runs of seeds 0, 1 that predict 'red' differ in batch, and are to"):
        fused({"backbone": "VGG16", "seed": 0, "batch": 8}, {"backbone": "VGG16", "seed": 1, "batch": 9})


def test_two_rows_of_one_name_are_refused():
    both = [row(backbone="VGG16", recipe="plain"), row(backbone="ResNet50", recipe="plain")]
    assert "experiments.one.rows[1]: 'a row' has a figure of 'red' already" in problem(*both)


def test_all_problems_of_a_table_are_listed_at_once():
    message = problem(row(name="first", backbone="ResNet101"), row(name="second", recipes="plain"))
    assert "2 problems" in message
    assert "rows[0]" in message
    assert "rows[1]" in message


def test_a_table_is_of_runs_or_of_sizes():
    both = {"rows": [row(backbone="VGG16", recipe="plain")], "sizes": {"5": 0.5}}
    for table in ({}, both):
        with pytest.raises(InputError, match=r"experiments\.one: expected one of `rows` and `sizes`"):
            resolve({**copy.deepcopy(CONFIG), "experiments": {"one": {"title": "a table", **table}}})
    with pytest.raises(InputError, match=r"experiments\.one\.sizes"):
        resolve({**copy.deepcopy(CONFIG), "experiments": {"one": {"title": "a table", "sizes": {"6": 0.5}}}})
    found = resolve({**copy.deepcopy(CONFIG), "experiments": {"one": {"title": "a table", "sizes": {"5": 0.5}}}})
    assert found.cells == {}


def test_names_that_look_like_numbers_stay_text():
    (cell,) = resolved(row(name="50", backbone="VGG16", recipe="plain")).cells["one"]
    assert cell["row"] == "50"


# The reports' figures, as their text has them: the first team's Tables II to VI, backbone by backbone.
TABLES = {
    "table2": """0.3846 0.3191 0.2368""",
    "table3": """0.3719 0.3448 0.3""",
    "table4": """
        0.4459 0.4622 0.3595
        0.3817 0.4386 0.3097
        0.458 0.3571 0.3374
        0.3318 0.3814 0.3448
        0.3813 0.3077 0.3043
        0.438 0.2479 0.3986""",
    "table5": """
        0.3731 0.4262 0.3462
        0.2652 0.4124 0.25
        0.3125 0.3365 0.3179""",
    "table6": "0.4964 0.6292 0.4687 0.6081 0.5046 0.6374",  # sport and mean of each backbone
}
BACKBONES = ["densenet169.tv_in1k", "resnet50.tv_in1k", "legacy_xception.tf_in1k"]


@pytest.fixture(scope="module")
def papers():
    return resolve(yaml.safe_load((REPOSITORY / "config" / "experiments.yaml").read_text()))


def test_the_first_teams_figures_stand_next_to_runs_of_their_backbones(papers):
    for name, text in TABLES.items():
        cells = papers.cells[name]
        assert [cell["paper"] for cell in cells] == [float(figure) for figure in text.split()]
        per_backbone = 2 if name == "table6" else 1
        for place, cell in enumerate(cells):
            backbone = BACKBONES[place // per_backbone % 3]
            of_runs = [setting for of_seed in settings_of(papers, cell) for setting in of_seed.values()]
            assert {setting["backbone"] for setting in of_runs} == {backbone}
            assert {setting["seed"] for setting in of_runs} == {0, 1, 2}


def test_recipes_of_the_first_teams_tables_do_what_their_rows_say(papers):
    def recipes(name):
        used = [settings_of(papers, cell)[0][cell["label"]]["recipe"] for cell in papers.cells[name]]
        return [papers.config.recipes[recipe] for recipe in used]

    repeats = [(len(recipe.repeat.labels), recipe.repeat.times) for recipe in recipes("table4")]
    assert repeats == [(labels, times) for labels in (1, 4) for times in (10, 30, 50) for _ in range(3)]
    assert [recipe.drop.keep for recipe in recipes("table5")] == [0.8] * 3 + [0.6] * 3 + [0.4] * 3
    assert all(recipe.recolored for recipe in recipes("table3"))
    rows = [cell["row"] for cell in papers.cells["table4"]]
    assert rows[0] == "label 0 x10, DenseNet169"
    assert rows[-1] == "labels 0, 3, 6, 12 x50, Xception"


def test_the_second_teams_figures_stand_next_to_nets_of_one_label(papers):
    figures = "0.4 0.68 0.98 0.52 0.82 0.74 0.3 0.47 0.98 0.63 0.79 0.54 0.49"
    cells = papers.cells["second_place_table2"]
    assert [cell["paper"] for cell in cells] == [*map(float, figures.split()), None, *[None] * 13, 0.62]
    for cell in cells:
        for of_seed in settings_of(papers, cell):
            for label, setting in of_seed.items():
                assert setting["labels"] == ([label] if cell["row"] == "nets of one label" else "all")
                assert setting["loss"] == {"weighted_bce": {"power": 1, "cap": 1000}}
    losses = {
        (cell["row"], cell["label"]): (cell["paper"], cell["cut"]) for cell in papers.cells["second_place_losses"]
    }
    assert losses["weighted", "nature"] == (0.7615, None)
    assert [key for key, (figure, _) in losses.items() if figure] == [("weighted", "nature")]
    assert {cut for _, cut in losses.values()} == {None, 0.5}
    for cell in papers.cells["second_place_losses"]:
        used = {next(iter(setting["loss"])) for of_seed in settings_of(papers, cell) for setting in of_seed.values()}
        assert used == {"bce" if "not weighted" in cell["row"] else "weighted_bce"}
        assert (cell["cut"] == 0.5) == ("cut at 0.5" in cell["row"])


def test_the_fusion_of_three_backbones_stands_next_to_the_first_one_alone():
    settings = resolve(yaml.safe_load((REPOSITORY / "config" / "second_place.yaml").read_text()))
    alone, fused = settings.cells["second_place_fusion"]
    assert [cell["paper"] for cell in (alone, fused)] == [None, 0.6525]
    for cell, backbones in ((alone, ["densenet201"]), (fused, ["densenet201", "resnet101", "resnet152"])):
        (of_seed,) = cell["repetitions"]
        assert list(of_seed) == settings.labels
        for label, runs in of_seed.items():
            used = [settings.runs[run] for run in runs]
            assert sorted(setting["backbone"].split(".")[0] for setting in used) == backbones
            assert {str(setting["labels"]) for setting in used} == {str([label])}
            assert {phase["lr"] for setting in used for phase in setting["phases"]} == {1e-5}


def test_the_first_teams_sizes(papers):
    assert papers.config.experiments["table7"].sizes == {"5": 0.672, "10": 0.676, "20": 0.6834}
