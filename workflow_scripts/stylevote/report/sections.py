"""What the report says, a function a section: figures and pictures into HTML, and a sentence on what is to be seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stylevote.ensemble.decisions import INTERVAL
from stylevote.report.drawing import MOST_LINES, SERIES
from stylevote.report.markup import beside, escape, figure, folded, grid, key, paragraph, table
from stylevote.report.overview import DECIDED_BY
from stylevote.report.runs import RunTable

SHOWN_RUNS = 12  # whose training is seen at once; the others are folded away
SHOWN_MEMBERS = 30  # runs that are seen at once with the labels that use them
SHOWN_RULES = 8  # whose cost is seen at once
SHOWN_LABELS = 16  # whose pictures are seen at once: the challenge has 13
SHOWN_ROWS = 40  # labels that are seen at once in a table; the others are folded away


@dataclass(frozen=True)
class Shown:
    """A photo that is worth a look.

    Attributes:
        picture: its address of itself (`thumbnails.thumbnail`).
        name: its image_id.
        label: what it is about.
        note: why it is here.
        given: its labels as the table has them, or None where they are not known.
        decided: its labels as decided.
    """

    picture: str
    name: str
    label: str
    note: str
    given: Sequence[str] | None
    decided: Sequence[str]


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
    "locked": "Photos that nothing saw before the end.",
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
            f" No test photo has {_listed(absent)}: the test {score} of such a label is counted as 0, and lowers the"
            " test mean."
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
            f"{row['honest_precision']:.3f}",
            f"{row['honest_recall']:.3f}",
            f"{row['honest_f_beta']:.3f}",
            f"{row['honest_low']:.2f} – {row['honest_high']:.2f}",
            f"{row['threshold']:.3f}",
            *([f"{row['test_positives']:,}", f"{row['test_f_beta']:.3f}"] if tested else []),
        ]
        for _, row in by_label.iterrows()
    ]
    honest, means = macro.set_index("key").loc["honest"], by_label[["honest_precision", "honest_recall"]].mean()
    rows.append(
        [
            "mean",
            "",
            f"{means['honest_precision']:.3f}",
            f"{means['honest_recall']:.3f}",
            f"{honest['value']:.3f}",
            f"{honest['low']:.2f} – {honest['high']:.2f}",
            "",
            *(["", f"{macro.set_index('key').loc['test', 'value']:.3f}"] if tested else []),
        ]
    )
    marks = [("one", "honest"), *([("two", "on the test photos")] if tested else [])]
    if len(rows) - 1 <= SHOWN_ROWS:
        return paragraph(text) + beside(table(head, rows, last=True), key(*marks) + figure(picture))
    lowest = [rows[place] for place in np.argsort(by_label["honest_f_beta"], kind="stable")]
    few = key(*marks) + figure(picture, "Some labels", "the lowest honest scores, and some of the others")
    listed = _some_folded(lowest, SHOWN_ROWS, "labels, with higher scores", lambda part: table(head, part))
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
        text += f" Left out, since they do not predict every label: {_listed(unknown)}."
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
            " target: {loss: 0.002} in the configuration to have it here."
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
            f"{row.honest_f_beta:.3f}",
            f"{row.loss:.3f}",
        ]
        for row in curve.rename(columns={"size": "size_"}).itertuples(index=False)
    ]
    head = ["Members per label", "Members", "CNNs", "Hours of training", f"Macro {score}", "Below the best"]
    return paragraph(text) + beside(figure(picture), table(head, rows))


def training(
    runs: Mapping[str, str], reached: pd.DataFrame, differ: RunTable, labels: Sequence[str], score: str
) -> str:
    """Return the section on every run's training.

    Args:
        runs: the picture of each run.
        reached: a row per run, named by its id: f_beta (the highest mean of its labels' naive F-beta at one epoch),
            labels (how many it predicts) and label (the first of them).
        differ: `runs.run_table`.
        labels: in their order.
        score: name of the F-beta.
    """
    if not runs:
        return paragraph("No network was trained here: all members are external ones, or drawn.")
    text = (
        "Left, the losses of a run by epoch: a thin line per fold, and a thick one for their mean. Where the validation"
        " loss rises while the training loss falls, the network is memorising photos. Losses of different kinds"
        f" cannot be compared. Right, {score} at each label's best threshold"
        f" ({'a thin line per label' if len(labels) <= MOST_LINES else 'a band that holds 80 % of the labels'}) and the"
        " mean over labels. Every epoch is a candidate for every label, so lines need not peak together. The best runs"
        " come first."
    )
    if (reached["labels"] < len(labels)).any():
        text += " Runs that predict fewer labels come last, label by label: their means say nothing about the others'."
    marks = key(
        ("one", "training loss"),
        ("two", "validation loss"),
        ("four", f"mean {score}"),
        ("quiet", f"{score} of a label"),
    )
    place = {label: k for k, label in enumerate(labels)}
    rows = reached.assign(place=reached["label"].map(place).where(reached["labels"] < len(labels), 0)).reset_index()
    rows = rows.sort_values(["labels", "place", "f_beta", "run"], ascending=[False, True, False, True])
    pictures = []
    for row in rows.itertuples(index=False):
        mean = f"mean {score}" if row.labels > 1 else score
        few = f" of {row.labels} labels" if row.labels > 1 else f" of {row.label}, its only label"
        note = f"best epoch: {mean}{few if row.labels < len(labels) else ''} {row.f_beta:.3f}"
        pictures.append(figure(runs[row.run], row.run, note))
    return (
        _run_table(differ)
        + paragraph(text)
        + marks
        + _some_folded(pictures, SHOWN_RUNS, "runs", lambda part: grid(part, "wide"))
    )


def _run_table(differ: RunTable) -> str:
    """Return the table of runs, and what they have in common."""
    if len(differ.rows) == 1:
        return paragraph(f"There is one run: {differ.common}.")
    head = [name.capitalize() for name in differ.head]
    listed = _some_folded(differ.rows, SHOWN_RUNS, "runs", lambda part: table(head, part, words=len(head)))
    return (
        paragraph("What differs between the runs:") + listed + paragraph(f"The same for all: {differ.common}.", "quiet")
    )


def _some_folded(parts: Sequence[Any], shown: int, what: str, whole: Callable[[Sequence[Any]], str]) -> str:
    """Return what ``whole`` makes of the first parts, and of the others, which are folded away."""
    more = parts[shown:]
    return whole(parts[:shown]) + (folded(f"More {what}: {len(more)}", whole(more)) if more else "")


def _label_cards(by_label: pd.DataFrame, cards: Mapping[str, str], kind: str = "") -> str:
    """Return a card per label side by side; many are folded away, but for those of the lowest score."""
    note = ""
    if len(cards) < len(by_label):
        note = f"{len(cards)} of {len(by_label)} labels are drawn: those of the lowest honest score, and some others."
    order = by_label["label"]
    if len(cards) > SHOWN_LABELS:
        order = by_label.sort_values("honest_f_beta", kind="stable")["label"]
    ordered = [cards[label] for label in order if label in cards]
    listed = _some_folded(ordered, SHOWN_LABELS, "labels, with higher scores", lambda part: grid(part, kind))
    return (paragraph(note, "quiet") if note else "") + listed


def _listed(names: Sequence[str]) -> str:
    """Return a few names as they stand in a sentence."""
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def thresholds(
    by_label: pd.DataFrame, figures: pd.DataFrame, pictures: Mapping[str, str], score: str, *, cut: bool
) -> str:
    """Return the section on F-beta over all thresholds (Figures 5 and 6 of the second-place team of 2018).

    Args:
        by_label: `overview.label_figures`.
        figures: what `draw_labels` writes of each label (see `overview.label_figures`).
        pictures: its picture of each label that is drawn.
        score: name of the F-beta.
        cut: whether a label is given where its score reaches the threshold, and never otherwise.
    """
    tested = "test" in figures
    text = (
        f"A photo gets a label where its score reaches the label's threshold. Each picture shows {score} at every"
        " threshold between the lowest and the highest score of the training photos, on an axis of log odds, which"
        " gives small scores room. A wide tinted band is good news: any threshold in it would do about as well, and"
        " the choice hardly matters. A narrow peak owes some of its height to chance."
    )
    if tested:
        text += " Where both lines peak at the same place, the threshold carries over to new photos."
    if not cut:
        text += (
            " New photos are decided by the votes of folds, or get a minimum or maximum number of labels: decisions"
            " are more than this cut of the score, and their figures in the table above differ a little."
        )
    marks = [("one", "training photos, out of fold"), *([("two", "test photos")] if tested else [])]
    marks += [("cut", "chosen"), ("band", "at most 0.01 worse")]
    cards = {}
    for found in figures[figures["label"].isin(pictures)].to_dict("records"):
        note = (
            f"threshold {found['threshold']:.3f}, about as good from {found['flat_low']:.3f} to"
            f" {found['flat_high']:.3f}"
        )
        if tested:
            note += f"; {score} {found['test']:.2f} on test photos, {found['test_best']:.2f} at best"
        cards[found["label"]] = figure(pictures[found["label"]], found["label"], note)
    return paragraph(text) + key(*marks) + _label_cards(by_label, cards)


def losses(by_label: pd.DataFrame, names: Sequence[str], pictures: Mapping[str, str], score: str) -> str:
    """Return the part on losses beside each other (Figures 4 to 7 of the second-place team of 2018).

    Args:
        by_label: `overview.label_figures`.
        names: the losses.
        pictures: `plots.loss_curves` of each label that is drawn.
        score: name of the F-beta.
    """
    text = (
        f"Runs were trained with different losses. For each loss, the label's best run is drawn: left, {score} by"
        " epoch, with scores cut at 0.5; right, against the threshold, at its best epoch. A loss that gives rare"
        " positives more weight is usually far better at 0.5; once thresholds are searched the gap closes, and what"
        " remains is how flat the peak is."
    )
    if "test_f_beta" in by_label:
        text += (
            " Dashed: on the test photos, by the mean of the folds' networks. It is missing where that epoch is no"
            " member of the ensemble, since only members decide test photos."
        )
    if len(names) > len(SERIES):
        text += f" The pictures have the first {len(SERIES)} of {len(names)} losses."
    marks = key(*zip(("one", "two", "three", "four"), names, strict=False))
    cards = {label: figure(picture, label) for label, picture in pictures.items()}
    return f"<h3>Losses beside each other</h3>\n{paragraph(text)}{marks}{_label_cards(by_label, cards, 'wide')}"


def correlation(by_label: pd.DataFrame, figures: pd.DataFrame, pictures: Mapping[str, str]) -> str:
    """Return the section on how much a label's members are like each other.

    Args:
        by_label: `overview.label_figures`.
        figures: what `draw_labels` writes of each label (see `overview.label_figures`).
        pictures: its picture of each label that is drawn.
    """
    text = (
        "Members that say the same add nothing to each other. Cells show the correlation of their out-of-fold scores;"
        " members have the numbers of the table below, 1 being the best. The paler a cell, the more two members"
        " differ, and the more there is to gain by joining them."
    )
    cards = {}
    for found in figures[figures["label"].isin(pictures)].to_dict("records"):
        members, networks, drawn = (found[name] for name in ("members", "networks", "drawn"))
        note = f"{members} members" if members > 1 else "a single member"
        if networks < members:
            note += f", {networks} different ones: some count several times"
        if drawn < networks:
            note += f"; the first {drawn} are shown"
        cards[found["label"]] = figure(pictures[found["label"]], found["label"], note)
    return paragraph(text) + _label_cards(by_label, cards)


PLACES = (
    " The number in a cell is the member's place for that label, 1 being the best; an empty cell means that the run is"
    " not used."
)


def members(chosen: pd.DataFrame, labels: Sequence[str]) -> str:
    """Return the section on which runs each label uses.

    Args:
        chosen: `ensemble/members.parquet`: columns label, run, epoch (from 0), member (1 is the best).
        labels: in their order.
    """
    table_of = chosen.sort_values("member").drop_duplicates(["label", "run"])
    used = table_of.groupby("run")["label"].size()
    epochs = table_of.groupby("run")["epoch"].agg(
        lambda values: ", ".join(map(str, sorted({int(v) + 1 for v in values})))
    )
    order = sorted(used.index, key=lambda run: (-used[run], run))
    text = (
        f"{len(order)} {'runs are members' if len(order) > 1 else 'run is a member'} for at least one label.{PLACES}"
        " Different labels are served best by different networks and epochs."
    )
    if chosen.duplicated(["label", "run"]).any():
        text += " A member that counts several times takes as many places: the first of them is shown."
    if len(labels) > SHOWN_ROWS:
        best = table_of[table_of["member"] == 1].groupby("run")["label"].size()
        rows_of_runs = [[run, f"{used[run]:,}", f"{best.get(run, 0):,}", epochs[run]] for run in order]
        head = ["Run", "Labels that use it", "Labels whose best member it is", "Epochs"]
        text = text.replace(PLACES, "")
        return paragraph(text) + _some_folded(rows_of_runs, SHOWN_MEMBERS, "runs", lambda part: table(head, part))
    places = table_of.set_index(["run", "label"])["member"].to_dict()
    most = max(table_of["member"].max(), 1)
    head = "".join(f'<th class="up"><span title="{escape(label)}">{escape(label)}</span></th>' for label in labels)
    lines = []
    for run in order:
        cells = []
        for label in labels:
            place = places.get((run, label))
            tint = 0 if place is None else 12 + 50 * (1 - (place - 1) / most)
            style = f"background:color-mix(in srgb, var(--one) {tint:.0f}%, transparent)"
            cells.append("<td></td>" if place is None else f'<td><i style="{style}">{place}</i></td>')
        lines.append(
            f'<tr><td class="w">{escape(run)}</td>{"".join(cells)}<td class="w quiet">{escape(epochs[run])}</td></tr>'
        )

    def rows(part: Sequence[str]) -> str:
        return (
            f'<div class="scroll"><table class="members"><thead><tr><th class="w">Run</th>{head}'
            f'<th class="w">Epochs</th></tr></thead>\n<tbody>{"".join(part)}</tbody></table></div>\n'
        )

    return paragraph(text) + _some_folded(lines, SHOWN_MEMBERS, "runs", rows)


def more_photos(sheet: tuple[str, int, int] | None, made: int, counts: pd.DataFrame | None, picture: str) -> str:
    """Return the section on recoloured photos (Figure 1 of Ding & Wan 2018) and resampling.

    Args:
        sheet: the contact sheet (`thumbnails.embedded`), or None where nothing is recoloured.
        made: how many recoloured photos there are.
        counts: photos an epoch of each label: column label, ``before``, and a column a recipe; None without such
            recipes.
        picture: of it, with as many of the recipes as there are marks for.
    """
    body = ""
    if sheet:
        address, width, height = sheet
        text = (
            f"{made:,} copies of photos with rare labels have clothes of another colour. Each example shows the photo,"
            " what was found to be clothes, and the copy; below are the old and the new hue. Skin and background"
            " should be unchanged."
        )
        image = (
            f'<img class="sheet" src="{address}" width="{width}" height="{height}"'
            ' alt="Recoloured photos: before, mask, after">'
        )
        body += f"<h3>Recolouring</h3>\n{paragraph(text)}{figure(image)}"
    else:
        body += paragraph("No run uses recoloured photos.")
    if counts is None:
        return body + paragraph("No recipe repeats, drops or adds photos: every epoch sees every training photo once.")
    recipes = [name for name in counts if name not in ("label", "before")]
    text = (
        "How many photos with each label a network sees in an epoch, before and after its recipe has repeated,"
        " dropped and added photos (for the first fold's networks, averaged over epochs)."
    )
    rows = [
        [row["label"], f"{row['before']:,.0f}", *(f"{row[recipe]:,.0f}" for recipe in recipes)]
        for _, row in counts.iterrows()
    ]
    drawn = ("two", "three", "four")
    if len(recipes) > len(drawn):
        text += f" The picture shows the first {len(drawn)} recipes, the table all of them."
    marks = key(("one", "before"), *zip(drawn, recipes, strict=False))
    body += f"<h3>Resampling</h3>\n{paragraph(text)}{marks}"
    head = ["Label", "Before", *recipes]
    listed = _some_folded(rows, SHOWN_ROWS, "labels", lambda part: table(head, part))
    return body + beside(figure(picture), listed)


def reliability(by_label: pd.DataFrame, pictures: Mapping[str, str]) -> str:
    """Return the section on what scores mean."""
    text = (
        "The vertical axis is the share of photos that have the label, the horizontal one their score. If a score of"
        " 0.3 means that 3 of 10 such photos have the label, dots lie on the grey line; where they lie below it, scores"
        " promise too much. Each dot stands for equally many expected positives; lines are 95 % intervals. Thresholds"
        " work with scores that are no probabilities, but whoever reads single scores should know."
    )
    positives = by_label.set_index("label")["positives"]
    cards = {label: figure(picture, label, f"{positives[label]:,} positives") for label, picture in pictures.items()}
    return paragraph(text) + _label_cards(by_label, cards)


def to_look_at(added: Sequence[Shown], missed: Sequence[Shown], split: Sequence[Shown], *, files: bool) -> str:
    """Return the section of photos that somebody should look at.

    Args:
        added: training photos that the ensemble is sure have a label which the table does not give them.
        missed: the other way round.
        split: test photos on which the folds disagree.
        files: whether there are photos.
    """
    if not files:
        return paragraph("There are no photos to show: scores were drawn.")
    text = (
        "Where the ensemble is confident and the table says otherwise, one of the two is wrong: errors in the table"
        " show up here. Training photos are decided without the networks that saw them."
    )
    parts = [
        paragraph(text),
        _gallery("Confidently decided, but not in the table", added, "There are none."),
        _gallery("In the table, but confidently not decided", missed, "There are none."),
        _gallery("Photos on which the folds disagree", split, "The folds agree on all photos."),
    ]
    return "".join(parts)


def _gallery(heading: str, photos: Sequence[Shown], nothing: str) -> str:
    cards = "".join(_card(photo) for photo in photos)
    body = f'<div class="photos">\n{cards}</div>\n' if photos else paragraph(nothing)
    return f"<h3>{escape(heading)}</h3>\n{body}"


def _card(photo: Shown) -> str:
    mark = ("bdi", "mark")

    def listed(labels: Sequence[str] | None) -> str:
        if labels is None:
            return "not known"
        return ", ".join(f"<{mark[x == photo.label]}>{escape(x)}</{mark[x == photo.label]}>" for x in labels) or "none"

    compared = [f"in the table: {listed(photo.given)}", f"decided: {listed(photo.decided)}"]
    lines = [escape(photo.note), *compared, escape(photo.name)]
    image = f'<img src="{photo.picture}" alt="{escape(photo.name)}">'
    words = "".join(f"<span>{line}</span>" for line in lines)
    return f'<div class="photo">{image}<b>{escape(photo.label)}</b>{words}</div>\n'


def cost(jobs: pd.DataFrame, on_gpu: Sequence[str], disk: pd.Series) -> str:
    """Return the section on what the results cost.

    Args:
        jobs: `costs.job_costs`.
        on_gpu: the rules whose jobs ask for a GPU.
        disk: `costs.disk_use`.
    """
    if jobs.empty:
        listed = paragraph("No job was measured: the results were copied here without their benchmark files.")
    else:
        hours, devices = jobs["hours"].sum(), jobs.loc[jobs["rule"].isin(on_gpu), "hours"].sum()
        text = (
            f"All jobs together took {_hours(hours)} of job time, which is their sum: less time passed where jobs ran"
            f" side by side. Of that, {_hours(devices)} went to jobs that ask for a GPU, whether there was one or not,"
            " and however many they used. Snakemake measured each job's last run: of a training that was interrupted,"
            " what came after the last start."
        )
        rows = [
            [
                row.rule,
                f"{row.jobs:,}",
                _hours(row.hours),
                "yes" if row.rule in on_gpu else "",
                "" if np.isnan(row.gigabytes) else f"{row.gigabytes:.1f} GB",
            ]
            for row in jobs.itertuples(index=False)
        ]
        head = ["Rule", "Jobs", "Job time", "Asks for a GPU", "Peak memory"]
        listed = paragraph(text) + _some_folded(rows, SHOWN_RULES, "rules", lambda part: table(head, part))
    rows = [[name, _bytes(size)] for name, size in disk.items() if size >= 0.001 * disk.sum()]
    folders = paragraph(f"The results folder holds {_bytes(disk.sum())}.") + table(["Folder", "Size"], rows)
    return beside(listed, folders)


def _hours(hours: float) -> str:
    if hours >= 2:
        return f"{hours:,.1f} hours"
    return f"{hours * 60:.1f} minutes" if hours * 60 >= 2 else f"{hours * 3600:.1f} seconds"


def _bytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
