"""The model card says what it was given."""

import hashlib

import pandas as pd

from stylevote.config.identity import file_sha256
from stylevote.report import model_card as card_module
from stylevote.report.model_card import model_card
from stylevote.report.runs import RunTable

LABELS = ["rare | <b>", "common"]


RUNS = RunTable(["run", "loss"], [["resnet50-224-plain-0123abcd", "bce"], ["b", "focal (gamma 2)"]], "size 224; seed 1")


def card(drawn: bool = False, tested: bool = False, unknown: tuple[int, int] = (0, 0), **more) -> str:
    macro = pd.DataFrame(
        {
            "key": ["honest", "naive"],
            "text": ["Honest estimate", "Naive estimate"],
            "value": [0.61239, 0.7],
            "low": [0.5, float("nan")],
            "high": [0.65, float("nan")],
        }
    )
    by_label = pd.DataFrame(
        {
            "label": LABELS,
            "positives": [12, 4000],
            "nested_precision": [0.25, 0.5],
            "nested_recall": [0.75, 0.5],
            "nested_f_beta": [0.4, 0.8],
            "nested_low": [0.1, 0.7],
            "nested_high": [0.6, 0.9],
            "threshold": [0.125, 0.5],
            "members": [3, 4],
            "unknown": unknown,
        }
    )
    if tested:
        by_label = by_label.assign(test_positives=[0, 9], test_f_beta=[0.3, 0.7])
        by_label = by_label.assign(test_low=[0.2, 0.6], test_high=[0.4, 0.8], test_unknown=0, test_photos=9)
    settings = {"beta": 2, "folds": {"count": 5}, "stack": {"combiner": "logistic"}, "simulation": None, **more}
    return model_card(
        settings=settings,
        runs=RUNS,
        macro=macro,
        by_label=by_label,
        composition={
            "cnns": 14,
            "size": "14 different CNNs of 2 runs",
            "warnings": ["fewer than 5 members for red (3)"],
        },
        photos={"train": 54908, "test": 10000},
        digests={"decisions": "ab" * 32},
        score="F2",
        drawn=drawn,
    )


def test_measures_stand_with_their_intervals():
    text = card()
    assert "Honest macro F2: **0.6124**" in text
    assert "| Honest estimate | 0.6124 | 0.5000 to 0.6500 |" in text
    assert "| Naive estimate | 0.7000 |  |" in text
    assert r"| rare \| \<b\> | 12 | 0.2500 | 0.7500 | 0.4000 | 0.1000 to 0.6000 | 0.125000 | 3 |" in text
    assert "exceeds the honest one by 0.088" in text


def test_data_settings_runs_versions_and_digests_are_there():
    text = card()
    for words in (
        "54,908 in `train`",
        "14 different CNNs of 2 runs. For each label",
        "- The ensemble has fewer than 5 members for red (3).",
        "combiner: logistic",
        "| `resnet50-224-plain-0123abcd` | bce |",
        "| `b` | focal (gamma 2) |",
        "The same for all: size 224; seed 1.",
        "ab" * 32,
    ):
        assert words in text
    assert "- torch 2." in text
    assert "without photos" not in text
    assert "without photos" in card(simulation={"photos": 10})
    assert "Photos, with the labels of a table: 54,908" in text
    assert "Photos that a program drew" in card(drawn=True)


def test_a_test_score_of_a_label_has_its_interval():
    text = card(tested=True)
    assert "| 0.125000 | 3 | 0 | 0.3000 | 0.2000 to 0.4000 |" in text
    assert r"No test photo has rare \| \<b\>: the test F2 of such a label is counted as 0" in text
    assert "No test photo" not in card()


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(card_module, "PACKAGES", ("torch", "no-such-package"))
    text = card()
    assert "- torch 2." in text
    assert "no-such-package" not in text


def test_only_where_recall_weighs_more_it_is_favoured():
    assert "favours recall over precision" in card()
    assert "favours recall over precision" not in card(beta=0.5)


def test_a_digest_is_that_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"abc" * 1000)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(b"abc" * 1000).hexdigest()


def test_unknown_labels_have_a_column():
    text = card(unknown=(17, 0))
    assert "A photo whose label is unknown counts neither way" in text
    assert r"| rare \| \<b\> | 17 | 12 | 0.2500 |" in text
    head, rule = next(
        pair for pair in zip(text.splitlines(), text.splitlines()[1:], strict=False) if "| Unknown |" in pair[0]
    )
    assert head.count("|") == rule.count("|")
    assert "unknown" not in card().lower()
