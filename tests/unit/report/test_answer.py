"""What the page to try a bundle says of a photo."""

import html

import numpy as np
import pandas as pd
import pytest

from stylevote.report.answer import SHOWN_LABELS, looked_at, overlay, photo_answer, whole_answer

HOSTILE = ["<img src=x onerror=alert(1)>", "${alert(1)}", "{{value}}", '"><script>']


def rows(decisions: dict[str, tuple[float, float, int]], **further) -> pd.DataFrame:
    """Return the details of one photo: of each label score, threshold and decision."""
    table = pd.DataFrame.from_dict(decisions, orient="index", columns=["score", "threshold", "decision"])
    return table.rename_axis("label").reset_index().assign(agreement=1.0, **further)


@pytest.fixture
def photo() -> np.ndarray:
    return np.full((40, 20, 3), 100, np.uint8)


def test_labels_given_come_first_and_then_those_that_nearly_were(photo):
    table = rows({"near": (0.4, 0.5, 0), "far": (0.1, 0.9, 0), "low": (0.3, 0.2, 1), "high": (0.9, 0.2, 1)})
    answer = photo_answer("a.jpg", photo, table, {}, 5)
    places = [answer.index(f"<span>{name}</span>") for name in ("high", "low", "near", "far")]
    assert places == sorted(places)
    assert "5 of 5 folds agree" in answer
    assert looked_at(table, 3) == ["high", "low"]
    assert looked_at(table, 1) == ["high"]
    assert looked_at(table[table["decision"] == 0], 3) == ["near"]


def test_a_label_that_most_must_have_is_given_though_its_score_is_lower(photo):
    table = rows({"limited": (0.9, 0.5, 0), "least": (0.3, 0.5, 1)})
    assert looked_at(table, 3) == ["least"]


def test_what_is_given_without_the_chosen_precision_is_marked(photo):
    table = rows({"sure": (0.9, 0.5, 1), "unsure": (0.6, 0.5, 1), "none": (0.1, 0.5, 0)}, abstain=[0, 1, 0])
    answer = photo_answer("a.jpg", photo, table, {}, 5)
    assert "<b>sure</b>" in answer and "<b class=unsure>unsure ?</b>" in answer
    assert answer.count("assigned, uncertain") == 1


def test_no_name_becomes_markup_or_code(photo):
    table = rows(dict.fromkeys(HOSTILE, (0.6, 0.5, 1)))
    answer = photo_answer(HOSTILE[0], photo, table, {HOSTILE[1]: np.ones((8, 8), np.float32)}, 2)
    answer = whole_answer([answer], [(HOSTILE[2], HOSTILE[3])], 1)
    # Gradio's pages take ${...} and {{...}} for code.
    assert not any(sign in answer for sign in ("<script", "<img src=x", "${", "{{", "$"))
    assert all(name in html.unescape(answer) for name in HOSTILE)


def test_many_labels_are_folded_away_but_none_that_is_given(photo):
    table = rows({f"label {k}": (0.6, 0.5, int(k < SHOWN_LABELS + 2)) for k in range(SHOWN_LABELS + 10)})
    shown, folded = photo_answer("a.jpg", photo, table, {}, 2).split("<summary>")
    assert shown.count("<li class=yes>") == SHOWN_LABELS + 2
    assert folded.startswith("8 further labels") and folded.count("<li") == 8
    assert "<summary>" not in photo_answer("a.jpg", photo, table[:SHOWN_LABELS], {}, 2)


def test_what_is_hot_is_orange_and_the_rest_is_grey(photo):
    photo[:] = (20, 200, 60)
    heat = np.zeros((10, 10), np.float32)
    heat[:5] = 1  # the upper half
    seen = np.asarray(overlay(photo, heat)).astype(int)
    assert seen.shape == photo.shape
    red, green, blue = seen[5, 10]
    assert red > green > blue
    assert np.ptp(seen[35, 10]) <= 1
    assert seen[35, 10].sum() < seen[5, 10].sum()


def test_where_nothing_speaks_for_a_label_it_is_said(photo):
    table = rows({"one": (0.6, 0.5, 1), "other": (0.6, 0.5, 1)})
    heats = {"one": np.zeros((4, 4), np.float32), "other": np.ones((4, 4), np.float32)}
    answer = photo_answer("a.jpg", photo, table, heats, 2)
    assert "one: nothing raises its score" in answer and "other: nothing" not in answer
