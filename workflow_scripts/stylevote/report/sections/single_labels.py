"""Say label by label where thresholds are, what scores mean, and which members there are."""

from collections.abc import Mapping, Sequence

import pandas as pd

from stylevote.report.drawing import SERIES
from stylevote.report.markup import SHOWN_ROWS, escape, figure, grid, key, paragraph, some_folded, table

SHOWN_MEMBERS = 30  # runs that are seen at once with the labels that use them
SHOWN_LABELS = 16  # whose pictures are seen at once: the challenge has 13


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
        return paragraph(text) + some_folded(rows_of_runs, SHOWN_MEMBERS, "runs", lambda part: table(head, part))
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

    return paragraph(text) + some_folded(lines, SHOWN_MEMBERS, "runs", rows)


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


def _label_cards(by_label: pd.DataFrame, cards: Mapping[str, str], kind: str = "") -> str:
    """Return a card per label side by side; many are folded away, but for those of the lowest score."""
    note = ""
    if len(cards) < len(by_label):
        note = f"{len(cards)} of {len(by_label)} labels are drawn: those of the lowest honest score, and some others."
    order = by_label["label"]
    if len(cards) > SHOWN_LABELS:
        order = by_label.sort_values("nested_f_beta", kind="stable")["label"]
    ordered = [cards[label] for label in order if label in cards]
    listed = some_folded(ordered, SHOWN_LABELS, "labels, with higher scores", lambda part: grid(part, kind))
    return (paragraph(note, "quiet") if note else "") + listed
