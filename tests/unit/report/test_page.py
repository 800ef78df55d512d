"""The page stands alone, says what it was given, and nothing that a label is called becomes markup."""

import json
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from browser import CHROMIUM, COLLISIONS, Browser, check_page
from stylevote.errors import InputError
from stylevote.report.doubtful_photos import Shown
from stylevote.report.drawing import shortened, text_width
from stylevote.report.losses import LossCurves, loss_flatness
from stylevote.report.measures import reliability
from stylevote.report.page import (
    decision_figures,
    member_figures,
    order_cards,
    order_training,
    overall_figures,
    render_section,
)
from stylevote.report.pictures import read_picture, write_picture
from stylevote.report.plots import (
    correlation_map,
    dot_chart,
    heat_map,
    label_curves,
    loss_curves,
    rank_curve,
    reliability_curve,
    size_curve,
    threshold_curves,
    training_curves,
)
from stylevote.report.render import PAGES, html, ratio
from stylevote.report.runs import RunTable
from stylevote.report.thumbnails import embedded

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{round}",
    "$a_b$ & c",
    "深色的天空 / 夜",
    "</svg>",
]
LONG = [f"{'a very long label that says everything there is to say about coats '}{number}" for number in range(1, 35)]
LABELS = (*HOSTILE, *LONG)
SEARCHES = pd.DataFrame({"method": ["greedy", "lbfgs"], "f_beta": 0.5, "f_spread": 0.01, "threshold_spread": 0.02})
SEARCHES = SEARCHES.assign(gain=[0, -0.0012], gain_low=-0.01, gain_high=0.005)
DISK = pd.DataFrame({"folder": ["runs"], "size": [1e6]})
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)")


def curves_of(loss: str, points: np.ndarray, count: int) -> LossCurves:
    random = np.random.default_rng(1)
    epochs = pd.DataFrame({"epoch": range(12), "at_half": random.random(12), "f_beta": random.random(12)})
    figures = {"loss": loss, "threshold": float(points[len(points) // 2])}
    return LossCurves(loss, epochs, points, [random.random(len(points)) for _ in range(count)], figures)


@cache
def pictures(labels: tuple[str, ...]) -> dict[str, str]:
    """Return every kind of picture, of these labels, with figures as they come."""
    random = np.random.default_rng(0)
    count = len(labels)
    values = pd.DataFrame({"value": random.random(count)})
    values["low"], values["high"] = values["value"] * 0.8, values["value"] * 0.5 + 0.5
    values.loc[1, ["low", "high"]] = np.nan
    counts = pd.DataFrame({"value": random.integers(0, 50_000, count).astype(float)})
    points = np.sort(random.random(60))
    history = pd.DataFrame({"fold": np.repeat([0, 1], 12), "epoch": [*range(12)] * 2})
    history = history.assign(train_loss=random.random(24), validation_loss=random.random(24))
    reached = pd.DataFrame(random.random((12, count)), columns=labels)
    losses = [curves_of("bce", points, 1), curves_of("focal", points, 2)]
    sizes = pd.DataFrame({"size": ["1", "2", "5", "10", "20", "40", "all"], "nested_f_beta": np.linspace(0.6, 0.7, 7)})
    sizes = sizes.assign(nested_low=sizes["nested_f_beta"] - 0.01, nested_high=sizes["nested_f_beta"] + 0.01)
    truth, scores = (random.random(500) < 0.05).astype(np.uint8), random.random(500).astype(np.float32) ** 4
    return {
        "dots": dot_chart(labels, [values, values], title=labels[0]),
        "four": dot_chart(labels, [counts] * 4, title="four", log=True, form="{:,.0f}"),
        "counts": dot_chart(labels, [counts, counts], title="counts", log=True, form="{:,.0f}"),
        "heat": heat_map(random.random((count, count)), labels, title=labels[1]),
        "small heat": heat_map(random.random((16, 16)), labels[:16], title="small"),
        "members": correlation_map(random.random((30, 30)), range(1, 60, 2), title="30"),
        "few": correlation_map(np.eye(3), [1, 100, 101], title="3"),
        "one": correlation_map(np.eye(1), [1], title="1"),
        "thresholds": threshold_curves(points, [random.random(60)] * 2, points[30], (0, points[40]), title=labels[2]),
        "narrow": threshold_curves(points / 1e4, [random.random(60)], points[3] / 1e4, (0, 1), title="narrow"),
        "losses": loss_curves(["bce", "focal"], losses, title="losses"),
        "labels by epoch": label_curves(reached, 0, title="labels by epoch"),
        "one label": label_curves(reached.iloc[:1, :1], 0, title="one label"),
        "training": training_curves(history, reached, title="training"),
        "one epoch": training_curves(history[history["epoch"] == 0], reached[:1], title="one epoch"),
        "many labels": training_curves(history, pd.concat([reached] * 8, axis=1), title="many"),
        "ranks": rank_curve(random.integers(0, 50_000, 300), title="ranks"),
        "reliability": reliability_curve(reliability(truth, scores), title="reliability"),
        "none": reliability_curve(reliability(truth * 0, scores * 0), title="none"),
        "sizes": size_curve(sizes, title="sizes"),
    }


PIECES = PAGES.from_string("""
{% from "parts.html" import cells, figure, folded, key, table %}
<p>{{ labels[0] }}</p>
{{ key(zip(["one"] * (labels | length), labels)) }}
<div class="grid">{% for picture in pictures.values() %}{{ figure(picture, labels[0], labels[1]) }}{% endfor %}</div>
{% call table(["Label"] + labels[:4]) %}
{% for label in labels %}{{ cells([label, loop.index, "0.123", "0.456", "0.12 – 0.34"]) }}{% endfor %}
{% endcall %}
{% call(part) folded(labels, 1, labels[0]) %}<p>{{ part[0] }}</p>{% endcall %}
""")


def page_of(labels) -> str:
    """Return a page of every kind of piece, with sections whose cells are all labels."""
    chosen = [(label, run, 0, 1) for label in labels for run in ("resnet50-224-plain-0123abcd", labels[0])]
    pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
    photo = Shown(pixel, '"><script>x', labels[0], [0.5], 0.4, labels, labels[2:4], labels[1:])
    return section(
        "page.html",
        title="</title><script>",
        lead="<b>",
        foot="<u>",
        sections=[
            (PIECES, "<i>", "</a>"),
            ("members.html", "Members", "Members"),
            ("doubtful_photos.html", "Photos", "Photos"),
        ],
        labels=list(labels),
        pictures=pictures(labels),
        doubtful={"added": [photo], "missed": [photo] * 3, "disputed": []},
        composition={"size": "6 different CNNs", "warnings": [f"fewer than 20 members for {labels[0]} (3)"]},
        **member_figures(pd.DataFrame(chosen, columns=["label", "run", "epoch", "member"]).assign(fold=-1), folds=3),
    )


def section(template: str, **values) -> str:
    """Return a section of the page, in one line as a browser reads it."""
    return " ".join(render_section(template, **{"score": "F2", "beta": 2, **values}).split())


def members(chosen, labels) -> str:
    table = pd.DataFrame(chosen, columns=["label", "run", "epoch", "member"]).assign(fold=-1)
    composition = {"size": "6 different CNNs", "warnings": ["fewer than 20 members for red (3)"]}
    return section("members.html", labels=labels, composition=composition, **member_figures(table, folds=3))


def reliability_cards(table, drawn) -> str:
    """Return the section of these labels' cards, each with a picture that is its name."""
    drawn_by_label = {name: f"<svg>{name}</svg>" for name in drawn}
    cards = order_cards(table, drawn_by_label)
    return section("reliability.html", by_label=table, drawn=cards, pictures={"reliability": drawn_by_label})


def each_label(table, macro) -> str:
    values = {"overall": overall_figures(macro), "pictures": {"labels": ""}, "training_photos": 2640}
    return section("labels.html", by_label=table, **values)


def by_label(labels, **more) -> pd.DataFrame:
    """Return some of what `overview.label_figures` returns: the first label has the lowest score."""
    table = pd.DataFrame({"label": labels, "nested_f_beta": np.linspace(0.1, 0.9, len(labels)), "positives": 5})
    table = table.assign(nested_precision=0.5, nested_recall=0.5, nested_low=0, nested_high=1, threshold=0.5, unknown=0)
    return table.assign(**({"test_unknown": 0, "test_photos": 9} if "test_f_beta" in more else {}) | more)


class Reader(HTMLParser):
    """Collects the tags, the attributes and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.texts = set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.texts += [value or "" for _, value in attrs]

    def handle_data(self, data):
        self.texts.append(data)


def test_no_text_becomes_markup_and_none_is_lost():
    page = Reader(page_of(LABELS))
    assert not page.tags & {"script", "b><"}
    assert not {name for name in page.attributes if name.startswith("on")}
    for label in HOSTILE:
        assert any(label in text for text in page.texts), label


def test_no_text_turns_the_direction_of_its_surroundings():
    label = "red\u202eder\u2066"
    page = page_of((label, *LONG))
    assert "\u202e" not in page
    assert "\u2066" not in page
    assert "red[U+202E]der[U+2066]" in page


def test_what_is_escaped_reads_as_it_was():
    text = """<>&"' {x} \\ ä 中"""
    page = html(PAGES.from_string('<p title="{{ text }}">{{ text }}</p>'), text=text)
    assert Reader(page).texts == [text, text]


def test_a_picture_follows_the_pages_colours_and_stands_alone():
    drawn = pictures(LABELS)["thresholds"]
    assert drawn.startswith("<svg ")
    assert drawn.rstrip().endswith("</svg>")
    assert "var(--one, #" in drawn
    assert "http" not in drawn.replace("http://www.w3.org/", "")


def test_the_same_figures_give_the_same_picture():
    assert pictures(LABELS[:8]) == pictures.__wrapped__(LABELS[:8])


def test_sections_say_when_there_is_nothing_to_show():
    said = [
        section("sizes.html", sizes=None),
        section("training.html", trained=[]),
        section("rare_labels.html", sheet=None, resampling=None),
        section("doubtful_photos.html", doubtful=None),
        section("cost.html", jobs=[], disk=DISK, gpu_rules=[]),
    ]
    for text, words in zip(said, ("Not measured", "No network", "No run", "no photos", "No job"), strict=True):
        assert words in text


@NEEDS_CHROMIUM
def test_forty_hostile_and_long_labels_fit_into_any_width(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(page_of(LABELS), encoding="utf-8")
    with Browser(tmp_path / "profile") as browser:
        check_page(browser, page)


@NEEDS_CHROMIUM
def test_the_check_of_pages_finds_what_is_wrong(tmp_path):
    page = tmp_path / "page.html"
    svg = (
        '<svg aria-label="s" width="200" height="50"><text x="5" y="20">one</text><text x="{}" y="20">two</text></svg>'
    )
    with Browser(tmp_path / "profile") as browser:
        for place, expected in ((60, []), (10, ["s: one / two"]), (190, ["s: two (outside)"])):
            page.write_text(f"<body>{svg.format(place)}<img src='http://127.0.0.1:1/x'><script>undefined.x</script>")
            browser.open(page, 400)
            assert browser.evaluate(COLLISIONS) == expected
            assert "undefined" in json.dumps(browser.errors())
            assert browser.requests()[1:] == ["http://127.0.0.1:1/x"]


def test_a_text_that_is_too_long_keeps_its_ends_and_fits():
    assert shortened("sport", 100) == "sport"
    one, other = (shortened(f"the same long beginning of names, {end}", 150) for end in ("coats", "hats"))
    assert one != other
    assert one.startswith("the same")
    assert one.endswith("coats")
    for text in (*LABELS, "W" * 60, "深" * 40):
        for width in (40, 90, 200):
            assert text_width(shortened(text, width)) <= width


def test_a_loss_keeps_its_colour_where_another_is_missing():
    alone = loss_curves(["bce", "focal"], [curves_of("focal", np.linspace(0.1, 0.9, 9), 1)], title="one")
    assert "var(--two" in alone
    assert "var(--one" not in alone


def test_runs_that_few_labels_use_are_folded_away_and_none_is_lost():
    runs = [f"run{number:02d}" for number in range(40)]
    chosen = [("red", run, 0, place) for place, run in enumerate(runs, 1)] + [("blue", "run39", 2, 1)]
    page = members(chosen, ["red", "blue"])
    assert "The ensemble has 6 different CNNs. It has fewer than 20 members for red (3)." in page
    seen, hidden = page.split("<details><summary>More runs: 10</summary>")
    assert [run for run in runs if f">{run}<" in seen] == [*runs[:29], "run39"]
    assert [run for run in runs if f">{run}<" in hidden] == runs[29:39]


def test_a_columns_name_can_be_read_where_it_is_cut():
    page = members([(label, "run", 0, 1) for label in LONG[:2]], LONG[:2])
    assert all(f'title="{label}"' in page for label in LONG[:2])


def test_cards_of_many_labels_are_folded_away_but_for_the_lowest_scores():
    names = [f"label{number:02d}" for number in range(40)]
    table = by_label(names[::-1]).iloc[::-1]  # from the highest score to the lowest
    page = reliability_cards(table, names)
    seen, hidden = page.split("<details><summary>More labels, with higher scores: 24</summary>")
    assert [name for name in names if f"<b>{name}</b>" in seen] == names[24:]
    assert all(f"<svg>{name}</svg>" in hidden for name in names[:24])
    few = reliability_cards(table[:13], table["label"][:13])
    assert "<details>" not in few
    assert few.index("label00") < few.index("label12"), "few labels stand in their own order"


def test_members_that_are_not_drawn_are_said():
    def note(**found) -> str:
        figures, drawn = {"red": {"label": "red", **found}}, {"correlation": {"red": "<svg></svg>"}}
        return section("correlation.html", by_label=by_label(["red"]), figures=figures, drawn=["red"], pictures=drawn)

    assert "50 members, 34 different ones: some count several times; the first 30 are shown" in note(
        members=50, networks=34, drawn=30
    )
    assert "<span>3 members</span>" in note(members=3, networks=3, drawn=3)
    assert "a single member" in note(members=1, networks=1, drawn=1)


def test_members_that_are_drawn_have_the_numbers_of_the_table():
    drawn = correlation_map(np.eye(2), [1, 4], title="two")
    assert ">4</text>" in drawn
    assert ">2</text>" not in drawn
    chosen = [("red", "one", 0, 1), ("red", "one", 0, 2), ("red", "one", 0, 3), ("red", "two", 0, 4)]
    page = members(chosen, ["red"])
    assert page.count("</i>") == 2
    assert ">1</i>" in page
    assert ">4</i>" in page
    assert "several times" in page


def test_a_label_that_no_test_photo_has_is_pointed_out():
    macro = pd.DataFrame({"key": ["honest", "test"], "value": 0.5, "low": 0.4, "high": 0.6})
    table = by_label(["red", "green", "blue"], test_positives=[3, 0, 7], test_f_beta=[0.5, 0, 0.9])
    page = each_label(table, macro)
    assert "No test photo has green: the test F2 of such a label is counted as 0" in page
    assert "<th>Test positives</th>" in page
    assert "No test photo has" not in each_label(table.assign(test_positives=1), macro)
    assert "unknown" not in page.lower()


def test_unknown_labels_are_counted_apart():
    macro = pd.DataFrame({"key": ["honest", "test"], "value": 0.5, "low": 0.4, "high": 0.6})
    more = {"test_positives": [3, 0], "test_f_beta": [0.5, np.nan], "test_unknown": [1, 40], "test_photos": [39, 0]}
    page = each_label(by_label(["red", "green"], unknown=[1320, 0], **more), macro)
    assert "A photo whose label is unknown counts neither way for that label." in page
    assert "<th>Unknown</th>" in page
    assert "red</td><td>1,320</td><td>5</td><td>1:263</td>" in page  # 1,315 of 1,320 known photos are negatives
    assert "green</td><td>0</td><td>5</td><td>1:527</td>" in page
    assert "<td>1</td><td>3</td><td>0.500</td>" in page
    assert "<td>40</td><td>0</td><td></td>" in page
    assert "No test photo has" not in page
    rows = [row.count("<td") + row.count("<th") for row in page.split("<tr")[1:]]
    assert len(set(rows)) == 1, "the row of means has as many cells"


def test_unknown_labels_of_a_doubtful_photo_are_told():
    photo = Shown("data:,", "p", "red", [0.9], 0.5, ["blue"], ["green", "dark"], ["red"])
    page = section("doubtful_photos.html", doubtful={"added": [photo], "missed": [], "disputed": []})
    assert "in the table: <bdi>blue</bdi>" in page
    assert "unknown: <bdi>green</bdi>, <bdi>dark</bdi>" in page


def gains(members: int, missing: bool = False) -> str:
    rows = [("ensemble", 0.7, 0.6, 0.8, 0, 0, 0), ("best", 0.6, 0.5, 0.7, 0.1, -0.05, 0.2)]
    rows += [("one", 0.5, 0.4, 0.6, 0.2, 0.1, 0.3), *([("resnet50", *[np.nan] * 6)] if missing else [])]
    columns = ["name", "value", "low", "high", "gain", "gain_low", "gain_high"]
    table, drawn = pd.DataFrame(rows, columns=columns), {"gains": "<svg></svg>"}
    return section("gains.html", gains=table, pictures=drawn, members_per_label=members)


def test_the_gain_over_single_networks_is_told():
    page = gains(members=5)
    assert "0.100 better than the best network for each label, which may be due to chance" in page
    assert "One network for all labels</td><td>0.500</td><td>+0.200" in page
    assert "Left out" not in page
    page = gains(members=5, missing=True)
    assert "Left out, since they do not predict every label: resnet50." in page
    assert "nan" not in page


def test_a_single_member_is_compared_with_nothing():
    page = gains(members=1)
    assert "there is nothing to compare" in page
    assert "better" not in page


def trained(rows) -> str:
    reached, labels = pd.DataFrame(rows, columns=["run", "f_beta", "labels", "label"]), ["red", "green"]
    return section(
        "training.html",
        labels=labels,
        trained=order_training(reached, labels),
        runs=RunTable(["run", "seed"], [[run, str(k)] for k, run in enumerate(reached["run"])], "size 96"),
        pictures={"training": dict.fromkeys(reached["run"], "<svg></svg>")},
    )


def test_runs_of_one_easy_label_do_not_come_first():
    page = trained(
        [("easy", 0.9, 1, "green"), ("low", 0.4, 2, "red"), ("high", 0.5, 2, "red"), ("hard", 0.2, 1, "red")]
    )
    order = [page.index(f"<b>{run}</b>") for run in ("high", "low", "hard", "easy")]
    assert order == sorted(order)
    assert "best epoch: F2 of green, its only label 0.900" in page
    assert "best epoch: mean F2 0.500" in page
    assert "fewer labels come last" in page
    assert "fewer labels" not in trained([("low", 0.4, 2, "red"), ("high", 0.5, 2, "red")])


def test_what_differs_between_many_runs_is_folded_away_and_none_is_lost():
    page = trained([(f"run{number:02d}", 0.5, 2, "red") for number in range(20)])
    listed = page.split("</table></div>")
    assert [sum(f">run{number:02d}<" in part for number in range(20)) for part in listed[:2]] == [12, 8]
    assert "The same for all: size 96." in page


def losses(names: list[str], low: float, checked: float) -> str:
    """Return the section on losses for one label with a picture, of two."""
    gains = {"first": "bce", "second": "focal", "labels": 1, "first_f": 0.5, "second_f": 0.512, "gain": 0.012}
    gains = pd.DataFrame([gains | {"searched": cut, "low": low, "high": 0.03} for cut in (False, True)])
    figures = {"label": "red", "loss": "focal", "at_half": 0.1, "threshold": 0.321, "f_beta": 0.6}
    figures |= {"flat_low": 0.3, "flat_high": 0.4, "checked": checked, "checked_best": 0.55}
    return section(
        "losses.html",
        by_label=by_label(["red", "green"]),
        loss_gains=gains,
        loss_figures=pd.DataFrame([figures]),
        loss_flatness=loss_flatness(pd.DataFrame([figures])),
        compared=names,
        checked="holdout",
        drawn=["red", "green"],
        pictures={"losses": {"red": "<svg></svg>"}},
    )


def test_the_conclusion_on_losses_is_drawn_from_the_interval():
    chance = losses(["bce", "focal"], low=-0.01, checked=0.5)
    assert "focal is 0.012 better than bce (95 %: -0.010 to +0.030), which may be due to chance" in chance
    assert "more than chance is likely to explain" in losses(["bce", "focal"], low=0.001, checked=0.5)
    figures = "0.10 at 0.5; 0.60 at 0.321 (about as good from 0.300 to 0.400); holdout 0.50 of 0.55"
    assert f'<i class="mark two"></i>{figures}' in chance
    assert "span 0.100 of 0 to 1 with focal (on holdout photos, the chosen threshold loses 0.050 to the best)" in chance
    assert chance.count("<svg>") == 1


def test_more_losses_than_colours_are_said_and_unknown_photos_are_not():
    page = losses(["bce", "focal", *(f"focal (gamma {k})" for k in range(4))], low=0, checked=np.nan)
    assert "the first 4 of 6 losses" in page
    assert "dashed" not in page
    assert "nan" not in page
    assert "dashed" in losses(["bce", "focal"], low=0, checked=0.5)


@pytest.mark.parametrize(
    "aggregation, end",
    [
        ("average_then_vote", "most of 5 votes"),
        ("stackers_vote", "most of 5 votes"),
        ("vote_all", "most of 25 votes"),
        ("average_scores", "the mean of 25 scores"),
        ("average_cnn_first", "the mean of 5 scores"),
    ],
)
def test_the_drawing_of_the_ensemble_has_its_numbers(aggregation, end):
    chosen = [("red", "one", 0, 1), ("red", "two", 3, 2), ("green", "one", 0, 1)]
    table = pd.DataFrame(chosen, columns=["label", "run", "epoch", "member"]).assign(fold=-1)
    figures = member_figures(table, folds=5)
    page = section(
        "ensemble.html",
        labels=["red", "green"],
        folds=5,
        combiner="xgboost",
        features="own",
        aggregation=aggregation,
        **figures,
    )
    for text in ("2 labels × 5 folds", "× up to 2 CNNs, 10 different", "2 × 5 boosters (XGBoost)", end):
        assert text in page
    assert ("the mean of each fold" in page) == (aggregation == "average_then_vote")
    assert ("the mean of each stacker" in page) == (aggregation == "stackers_vote")


def test_positives_have_their_ratio_to_negatives():
    """Table 1 of the second-place team, of the counts in Table I of the first-place team."""
    ratios = {104: "1:527", 4292: "1:12", 49893: "10:1", 18722: "1:2", 8882: "1:5", 197: "1:278", 49389: "9:1"}
    assert {count: ratio(count, 54908) for count in ratios} == ratios
    assert (ratio(0, 7), ratio(7, 7)) == ("none", "all")
    macro = pd.DataFrame({"key": ["honest"], "value": 0.5, "low": 0.4, "high": 0.6})
    assert "<td>5</td><td>1:527</td>" in each_label(by_label(["red"]), macro)


def test_the_cost_says_that_it_is_a_sum_and_who_asks_for_a_gpu():
    jobs = pd.DataFrame({"rule": ["train_cnn", "other"], "jobs": 2, "hours": [3.0, 1.0], "gigabytes": np.nan})
    page = section("cost.html", jobs=jobs, gpu_rules=["train_cnn"], disk=DISK)
    assert "The jobs took 4.0 hours together" in page
    assert "3.0 hours went to jobs that ask for a GPU, even if they had none or several" in page


def test_recipes_that_the_picture_has_no_room_for_are_in_the_table():
    names = ["a", "b", "c", "d"]
    counts = pd.DataFrame({"label": ["red"], "before": [100.0]} | {name: [k + 7.0] for k, name in enumerate(names)})

    def resampled(table) -> str:
        return section("rare_labels.html", sheet=None, resampling=table, pictures={"resampling": "<svg></svg>"})

    text = resampled(counts)
    assert "the first 3 recipes" in text
    assert [name for name in names if f"</i>{name}<" in text] == names[:3]
    assert all(f"<th>{name}</th>" in text for name in names)
    assert "The picture shows" not in resampled(counts[["label", "before", "a", "b", "c"]])


def test_where_folds_vote_the_page_says_that_a_cut_is_not_all():
    def thresholds(threshold_decides: bool) -> str:
        return section(
            "thresholds.html",
            by_label=by_label(["red"]),
            figures={"red": {"label": "red", "threshold": 0.5, "flat_low": 0.4, "flat_high": 0.6}},
            drawn=["red"],
            pictures={"thresholds": {"red": ""}},
            compared=[],
            checked="test",
            searches=SEARCHES,
            threshold_decides=threshold_decides,
        )

    assert "votes of folds" not in thresholds(threshold_decides=True)
    assert "votes of folds" in thresholds(threshold_decides=False)


def test_of_hundreds_of_labels_some_are_drawn_and_all_are_in_the_table():
    names = [f"label{number:03d}" for number in range(300)]
    table = by_label(names, test_positives=1, test_f_beta=0.5)
    macro = pd.DataFrame({"key": ["honest", "test"], "value": [0.5, 0.5], "low": 0.4, "high": 0.6})
    page = each_label(table, macro)
    assert [name for name in names if f">{name}<" in page] == names
    assert "More labels, with higher scores: 260" in page
    cards = reliability_cards(table, names[:24])
    assert "24 of 300 labels are drawn" in cards
    assert cards.count("<svg>") == 24
    assert "drawn" not in reliability_cards(table[:24], names[:24])
    chosen = [(name, "one", 0, 1) for name in names] + [(name, "two", 3, 2) for name in names[:7]]
    runs = members(chosen, names)
    assert "<td class=w>one</td><td>300</td><td>300</td><td>1</td>" in runs
    assert "<td class=w>two</td><td>7</td><td>0</td><td>4</td>" in runs
    assert len(page + cards + runs) < 200_000
    drawn = {"distribution": "", "co_occurrence": ""}
    distribution = section("distribution.html", by_label=table, training_photos=1000, paired=24, pictures=drawn)
    assert "the 24 most common of the 300 labels" in distribution


@pytest.mark.parametrize(
    "beta, said",
    [
        (2, "weighs a missed label more than a wrongly added one"),
        (1, "over labels of F1. The"),
        (0.5, "weighs a wrongly added label more than a missed one"),
    ],
)
def test_the_page_says_which_mistakes_count_more(beta, said):
    macro = pd.DataFrame({"key": ["honest", "naive"], "text": "", "value": 0.5, "low": 0.4, "high": 0.6})
    figures = decision_figures(pd.DataFrame({"image_id": ["a"], "decision": [1]}))
    values = {"overall": overall_figures(macro), "labels": ["red"], "pictures": {"scores": ""}, **figures}
    shared = [{"photoset": "test", "image_id": "<a>", "train_image_id": "b", "kind": kind} for kind in ("same", "near")]
    page = section("result.html", **values, beta=beta, score=f"F{beta:g}", shared=shared)
    assert said in page
    text = " ".join(page.split())
    assert "too high: &lt;a&gt; in test is the same photo as b; &lt;a&gt; in test is a near-duplicate of b." in text
    assert "in other photosets" not in section("result.html", **values, beta=beta, score=f"F{beta:g}", shared=[])


def test_a_damaged_picture_is_not_shown(tmp_path):
    path, drawn = tmp_path / "a.svg", pictures(LABELS)["few"]
    write_picture(drawn, path)
    assert read_picture(path).strip() == drawn.strip()
    whole = path.read_text(encoding="utf-8")
    for text in (whole[:-200], whole[:200], "", drawn, whole.replace("<path", "<pith", 1)):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="damaged"):
            read_picture(path)


def test_a_damaged_sheet_of_recoloured_photos_is_not_shown(tmp_path):
    path = tmp_path / "sheet.png"
    Image.effect_noise((64, 64), 50).save(path)
    assert embedded(path)[1:] == (64, 64)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match="damaged"):
        embedded(path)
