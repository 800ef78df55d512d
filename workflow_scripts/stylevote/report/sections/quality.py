"""Say what was decided, how good it is, and what the ensemble and its size gain."""

from typing import Any

import numpy as np
import pandas as pd

from stylevote.estimate.summary import INTERVAL
from stylevote.report.markup import (
    SHOWN_ROWS,
    beside,
    escape,
    figure,
    key,
    listed_names,
    paragraph,
    some_folded,
    table,
)
from stylevote.report.overview import DECIDED_BY


def _range(low: float, high: float, digits: int = 3) -> str:
    return "" if np.isnan(low) else f"{low:.{digits}f} to {high:.{digits}f}"


WEIGHT = {  # by whether beta is above, at or below 1
    1: ", which weighs a missed label more than a wrongly added one",
    0: "",
    -1: ", which weighs a wrongly added label more than a missed one",
}
MEANING = {
    "honest": "Each training photo is decided by an ensemble that was chosen without the photo's fold.",
    "expected": "The honest estimate plus what joining the networks of all folds is expected to add.",
    "holdout": "Photos that nothing saw before the end.",
    "test": "The photos of the submission, whose labels are known here.",
    "naive": "Too optimistic: these photos also chose epochs, members, stack and thresholds.",
    "all_ones": "The baseline: it takes no photo into account.",
}


def whole(macro: pd.DataFrame, by_label: pd.DataFrame, votes: pd.DataFrame, picture: str, beta: float) -> str:
    """Return the section on what was decided and how good it is.

    Args:
        macro: `overview.macro_figures`.
        by_label: `overview.label_figures`.
        votes: the votes on the photoset test: columns image_id, label, decision.
        picture: of the macro figures.
        beta: of the F-beta.
    """
    score = f"F{beta:g}"
    photos = votes["image_id"].nunique()
    mean = votes["decision"].sum() / max(photos, 1)
    rows = macro.set_index("key")
    honest, naive = rows.loc["honest"], rows.loc["naive"]
    text = (
        f"{photos:,} photos were decided for {len(by_label)} labels and got {mean:.2f} labels each on average. The"
        f" score is the mean over labels of {score}{WEIGHT[int(np.sign(beta - 1))]}. The honest estimate is"
        f" {honest['value']:.3f} ({INTERVAL}: {_range(honest['low'], honest['high'])}). The naive figure,"
        f" {naive['value']:.3f}, is what cross-validation would show without nested selection."
    )
    if "test" in rows.index:
        low, high = rows.loc["test", ["low", "high"]]
        reached = f"{rows.loc['test', 'value']:.3f} ({_range(low, high)})"
        text += f" On the test photos, whose labels are known here, it is {reached}."
    tiles = "".join(_tile(row) for row in macro.itertuples())
    meanings = "".join(f"<p><b>{escape(row.text)}.</b> {escape(MEANING[row.key])}</p>\n" for row in macro.itertuples())
    picture = figure(picture, f"Macro {score}", "lines are 95 % bootstrap intervals over photos")
    return f'{paragraph(text)}<div class="tiles">\n{tiles}</div>\n{beside(picture, meanings)}'


def _tile(row: Any) -> str:
    kind = "tile first" if row.key == "honest" else "tile"
    words = f"<span>{escape(row.text)}</span><b>{row.value:.3f}</b><span>{escape(_range(row.low, row.high))}</span>"
    return f'<div class="{kind}">{words}</div>\n'


def each_label(by_label: pd.DataFrame, macro: pd.DataFrame, picture: str, score: str) -> str:
    """Return the section on the single labels; arguments as for `whole`."""
    tested = "test_f_beta" in by_label
    text = (
        "Precision is the share of the photos given a label that have it; recall is the share of the photos with a"
        " label that were given it. Both, and the score, are honest figures. The fewer positives, the wider the"
        " interval: a rare label's score may owe much to chance."
    )
    absent = by_label.loc[by_label["test_positives"] == 0, "label"].tolist() if tested else []
    if absent:
        text += (
            f" No test photo has {listed_names(absent)}: the test {score} of such a label is counted as 0, and lowers"
            " the test mean."
        )
    head = [
        "Label",
        "Positives",
        "Precision",
        "Recall",
        score,
        "95 %",
        "Threshold",
        *(["Test positives", f"Test {score}"] if tested else []),
    ]
    rows = [
        [
            row["label"],
            f"{row['positives']:,}",
            f"{row['nested_precision']:.3f}",
            f"{row['nested_recall']:.3f}",
            f"{row['nested_f_beta']:.3f}",
            f"{row['nested_low']:.2f} – {row['nested_high']:.2f}",
            f"{row['threshold']:.3f}",
            *([f"{row['test_positives']:,}", f"{row['test_f_beta']:.3f}"] if tested else []),
        ]
        for _, row in by_label.iterrows()
    ]
    honest, means = macro.set_index("key").loc["honest"], by_label[["nested_precision", "nested_recall"]].mean()
    rows.append(
        [
            "mean",
            "",
            f"{means['nested_precision']:.3f}",
            f"{means['nested_recall']:.3f}",
            f"{honest['value']:.3f}",
            f"{honest['low']:.2f} – {honest['high']:.2f}",
            "",
            *(["", f"{macro.set_index('key').loc['test', 'value']:.3f}"] if tested else []),
        ]
    )
    marks = [("one", "honest"), *([("two", "on the test photos")] if tested else [])]
    if len(rows) - 1 <= SHOWN_ROWS:
        return paragraph(text) + beside(table(head, rows, last=True), key(*marks) + figure(picture))
    lowest = [rows[place] for place in np.argsort(by_label["nested_f_beta"], kind="stable")]
    few = key(*marks) + figure(picture, "Some labels", "the lowest honest scores, and some of the others")
    listed = some_folded(lowest, SHOWN_ROWS, "labels, with higher scores", lambda part: table(head, part))
    return paragraph(text) + beside(table(head, rows[-1:], last=True) + listed, few)


def distribution(by_label: pd.DataFrame, photos: int, counted: str, together: str, shown: int) -> str:
    """Return the section on how many photos have each label (Table I of Ding & Wan 2018), and which go together.

    Args:
        by_label: `overview.label_figures`.
        photos: number of training photos.
        counted, together: pictures.
        shown: labels in the latter, the most common ones.
    """
    ordered = by_label.sort_values("positives")
    rarest, common = ordered.iloc[0], ordered.iloc[-1]
    text = (
        f"Of {photos:,} training photos, {common['positives']:,} have the label {common['label']} and"
        f" {rarest['positives']:,} have {rarest['label']}:"
        f" {common['positives'] / max(rarest['positives'], 1):.0f} to 1. In the square, each row shows which other"
        " labels the photos with that label have: the darker a cell, the more of them also have the column's label."
    )
    if shown < len(by_label):
        text += f" The square has the {shown} most common of the {len(by_label)} labels."
    square = "of the photos with the row’s label, the percentage that also has the column’s"
    return paragraph(text) + beside(
        figure(counted, "Photos with each label", "on a logarithmic axis"),
        figure(together, "Labels that occur together", square),
    )


def gains(compared: pd.DataFrame, picture: str, score: str, members: int) -> str:
    """Return the section on what the ensemble gained over single networks.

    Args:
        compared: `overview.compare_singles`.
        picture: of it.
        score: name of the F-beta.
        members: of the label that has most.
    """
    if members == 1:
        return paragraph(
            "Each label has a single member, so there is nothing to compare: the ensemble is that one network, but for"
            " how its scores are calibrated and cut."
        )
    known, unknown = compared.dropna(subset="value"), compared.loc[compared["value"].isna(), "name"].tolist()
    best = known.set_index("name").loc["best"]
    surely = (
        "more than chance is likely to explain"
        if best["gain_low"] > 0 or best["gain_high"] < 0
        else "which may be due to chance"
    )
    word = "better" if best["gain"] >= 0 else "worse"
    text = (
        f"Could a single network have done as well? The ensemble is {abs(best['gain']):.3f} {word} than the best"
        f" network for each label, {surely}. Single networks, too, were chosen and cut without the photos that they"
        " decide here."
    )
    if best["gain"] < 0:
        text += (
            " What combines the networks is fitted anew without each fold, and then has fewer positives to learn from"
            " than in the end; where labels have a dozen positives, a plain mean (stack.combiner: mean) may work"
            " better."
        )
    if unknown:
        text += f" Left out, since they do not predict every label: {listed_names(unknown)}."
    rows = [
        [
            DECIDED_BY.get(row.name_, row.name_),
            f"{row.value:.3f}",
            "" if k == 0 else f"{row.gain:+.3f}",
            "" if k == 0 else f"{row.gain_low:+.3f} to {row.gain_high:+.3f}",
        ]
        for k, row in enumerate(known.rename(columns={"name": "name_"}).itertuples(index=False))
    ]
    head = ["Decided by", f"Macro {score}", "Ensemble gains", "95 %"]
    return paragraph(text) + beside(figure(picture), table(head, rows))


def sizes(curve: pd.DataFrame | None, picture: str, score: str) -> str:
    """Return the section on the ensemble's size (Table VII of Ding & Wan 2018).

    Args:
        curve: `size.size_curve`, or None where it was not measured.
        picture: of it.
        score: name of the F-beta.
    """
    if curve is None:
        return paragraph(
            "Not measured: it takes several times as long as the honest estimate. Set report: {sizes: true} or"
            " target: {tolerance: 0.002} in the configuration to have it here."
        )
    text = (
        "The honest score of smaller and larger ensembles, and what they cost. Where the line is flat, more members"
        " cost time and gain nothing."
    )
    rows = [
        [
            row.size_,
            f"{row.members:,}",
            f"{row.cnns:,}",
            f"{row.training_hours:,.2f}",
            f"{row.nested_f_beta:.3f}",
            f"{row.loss:.3f}",
        ]
        for row in curve.rename(columns={"size": "size_"}).itertuples(index=False)
    ]
    head = ["Members per label", "Members", "CNNs", "Hours of training", f"Macro {score}", "Below the best"]
    return paragraph(text) + beside(figure(picture), table(head, rows))
