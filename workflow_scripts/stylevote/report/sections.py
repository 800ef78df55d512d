"""What the report says, a function a section: figures and pictures into HTML, and a sentence on what is to be seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stylevote.report.markup import beside, escape, figure, folded, grid, key, paragraph, table

SHOWN_RUNS = 12  # whose training is seen at once; the others are folded away
SHOWN_MEMBERS = 30  # runs that are seen at once with the labels that use them


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
    1: ", in which a photo that is missed counts more than one too many",
    0: "",
    -1: ", in which a photo too many counts more than one that is missed",
}
MEANING = {
    "honest": "Every training photo, decided by an ensemble that was chosen without the photo's fold.",
    "expected": "The honest estimate, and what joining all folds' networks is foretold to add.",
    "locked": "Photos that nothing saw before the end.",
    "test": "The photos of the submission, whose labels are known here.",
    "naive": "Too good: these photos chose epochs, members, stack and thresholds.",
    "all_ones": "What no thought at all would reach.",
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
        f"{photos:,} photos were decided on {len(by_label)} labels; they got {mean:.2f} labels each in the mean. The"
        f" score is the mean over labels of {score}{WEIGHT[int(np.sign(beta - 1))]}. By the honest estimate it is"
        f" {honest['value']:.3f}; in 95 of 100 samples of such photos it would lie from"
        f" {_range(honest['low'], honest['high'])}. The naive figure, {naive['value']:.3f}, is what cross-validation"
        " would show if nobody took care."
    )
    if "test" in rows.index:
        low, high = rows.loc["test", ["low", "high"]]
        reached = f"{rows.loc['test', 'value']:.3f} ({_range(low, high)})"
        text += f" On the test photos, whose labels are known here, it is {reached}."
    tiles = "".join(_tile(row) for row in macro.itertuples())
    meanings = "".join(f"<p><b>{escape(row.text)}.</b> {escape(MEANING[row.key])}</p>\n" for row in macro.itertuples())
    picture = figure(picture, f"Macro {score}", "dots are figures, lines hold 95 of 100 resamples of the photos")
    return f'{paragraph(text)}<div class="tiles">\n{tiles}</div>\n{beside(picture, meanings)}'


def _tile(row: Any) -> str:
    kind = "tile first" if row.key == "honest" else "tile"
    words = f"<span>{escape(row.text)}</span><b>{row.value:.3f}</b><span>{escape(_range(row.low, row.high))}</span>"
    return f'<div class="{kind}">{words}</div>\n'


def each_label(by_label: pd.DataFrame, macro: pd.DataFrame, picture: str, score: str) -> str:
    """Return the section on the single labels; arguments as for `whole`."""
    tested = "test_f_beta" in by_label
    text = (
        "Precision is the share of the decided photos that have the label, recall the share of the label's photos"
        " that were found. Both and the score are honest figures. The fewer positives, the wider the interval: a rare"
        " label's score may well be chance."
    )
    head = [
        "Label",
        "Positives",
        "Precision",
        "Recall",
        score,
        "95 %",
        "Threshold",
        *([f"Test {score}"] if tested else []),
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
            *([f"{row['test_f_beta']:.3f}"] if tested else []),
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
            *([f"{macro.set_index('key').loc['test', 'value']:.3f}"] if tested else []),
        ]
    )
    marks = [("one", "honest"), *([("two", "on the test photos")] if tested else [])]
    return paragraph(text) + beside(table(head, rows, last=True), key(*marks) + figure(picture))


def distribution(by_label: pd.DataFrame, photos: int, counted: str, together: str) -> str:
    """Return the section on how many photos have each label (Table I of Ding & Wan 2018), and which go together."""
    ordered = by_label.sort_values("positives")
    rarest, common = ordered.iloc[0], ordered.iloc[-1]
    text = (
        f"Of {photos:,} training photos, {common['positives']:,} have the label {common['label']} and"
        f" {rarest['positives']:,} the label {rarest['label']}:"
        f" {common['positives'] / max(rarest['positives'], 1):.0f} times fewer. In the square, a row says what else is"
        " on the photos with that label: the darker, the more of them have the column's label, too."
    )
    square = "of the photos with the row’s label, per cent with the column’s"
    return paragraph(text) + beside(
        figure(counted, "Photos with each label", "on a logarithmic axis"),
        figure(together, "Labels that come together", square),
    )


def gains(compared: pd.DataFrame, picture: str, score: str) -> str:
    """Return the section on what the ensemble gained over single networks.

    Args:
        compared: `overview.compare_singles`.
        picture: of it.
        score: name of the F-beta.
    """
    best = compared.set_index("name").loc["best"]
    surely = (
        "which chance alone hardly makes" if best["gain_low"] > 0 or best["gain_high"] < 0 else "which may be chance"
    )
    word = "better" if best["gain"] >= 0 else "worse"
    text = (
        f"Could one network for each label have done as well? The ensemble is {abs(best['gain']):.3f} {word} than each"
        f" label's best network, {surely}. Single networks, too, were chosen and cut without the photos that they"
        " decide here."
    )
    if best["gain"] < 0:
        text += (
            " What combines the networks is fitted anew without each fold, and then has fewer positives to learn from"
            " than in the end; where labels have a dozen of them, a plain mean (stack.combiner: mean) may serve"
            " better."
        )
    names = {"ensemble": "The ensemble", "best": "Each label's best network"}
    rows = [
        [
            names.get(row.name_, row.name_),
            f"{row.value:.3f}",
            "" if k == 0 else f"{row.gain:+.3f}",
            "" if k == 0 else f"{row.gain_low:+.3f} to {row.gain_high:+.3f}",
        ]
        for k, row in enumerate(compared.rename(columns={"name": "name_"}).itertuples(index=False))
    ]
    listed = table(["Decided by", f"Macro {score}", "Ensemble gains", "95 %"], rows)
    return paragraph(text) + beside(figure(picture), listed)


def sizes(curve: pd.DataFrame | None, picture: str, score: str) -> str:
    """Return the section on the ensemble's size (Table VII of Ding & Wan 2018).

    Args:
        curve: `size.size_curve`, or None where it was not measured.
        picture: of it.
        score: name of the F-beta.
    """
    if curve is None:
        return paragraph(
            "Not measured: it takes several times what the estimate above does. With report: {sizes: true} or"
            " target: {loss: 0.002} in the configuration it stands here."
        )
    text = (
        "The honest score of ensembles that have so many members for each label, and what they cost. Where the line"
        " is flat, further members cost and do not help."
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
    head = ["Members a label", "Members", "CNNs", "Hours of training", f"Macro {score}", "Below the best"]
    return paragraph(text) + beside(figure(picture), table(head, rows))


def training(runs: Mapping[str, str], reached: pd.Series, score: str) -> str:
    """Return the section on every run's training.

    Args:
        runs: the picture of each run.
        reached: for each run the highest mean of the labels' naive F-beta at one epoch.
        score: name of the F-beta.
    """
    if not runs:
        return paragraph("No network was trained here: all members are external ones, or drawn.")
    text = (
        "Left, the losses of a run by epoch, a thin line a fold and a thick one for their mean; where the validation"
        " loss rises while the training loss falls, the network learns photos by heart. Losses of different kinds"
        f" cannot be compared. Right, {score} at each label's best threshold (a thin line a label) and the mean over"
        " labels. Every epoch is a candidate for every label, so lines need not peak together. The best runs come"
        " first."
    )
    marks = key(
        ("one", "training loss"),
        ("two", "validation loss"),
        ("four", f"mean {score}"),
        ("quiet", f"{score} of a label"),
    )
    ordered = sorted(runs, key=lambda run: (-reached[run], run))
    pictures = [figure(runs[run], run, f"best epoch: mean {score} {reached[run]:.3f}") for run in ordered]
    body = paragraph(text) + marks + grid(pictures[:SHOWN_RUNS], "wide")
    more = pictures[SHOWN_RUNS:]
    return body + (folded(f"More runs: {len(more)}", grid(more, "wide")) if more else "")


def thresholds(
    by_label: pd.DataFrame, figures: Sequence[dict], pictures: Sequence[str], score: str, *, cut: bool
) -> str:
    """Return the section on F-beta over all thresholds (Figures 5 and 6 of the second-place team of 2018).

    Args:
        by_label: `overview.label_figures`.
        figures: what `draw_label` writes of each label.
        pictures: its picture of each label.
        score: name of the F-beta.
        cut: whether a label is given where its score reaches the threshold, and never otherwise.
    """
    tested = any("test" in found for found in figures)
    text = (
        f"A photo gets a label where its score reaches the label's threshold. Each picture has {score} at every"
        " threshold, from 0 to 1 on an axis of log odds, which gives small scores room. A wide tinted band is good"
        " news: there, another threshold would do as well, and the choice hardly matters. A narrow peak was found by"
        " chance, in part."
    )
    if tested:
        text += " Where both lines peak at the same place, the threshold carries over to new photos."
    if not cut:
        text += (
            " New photos are decided by the votes of folds, or get a least or a most number of labels: what is decided"
            " is not just this cut of the score, and its figures, in the table above, differ a little."
        )
    marks = [("one", "training photos, out of fold"), *([("two", "test photos")] if tested else [])]
    marks += [("cut", "chosen"), ("band", "at most 0.01 worse")]
    cards = []
    for label, found, picture in zip(by_label["label"], figures, pictures, strict=True):
        low, high = found["flat"]
        note = f"threshold {found['threshold']:.3f}, as good from {low:.3f} to {high:.3f}"
        if "test" in found:
            note += f"; on test photos {found['test']:.2f}, {found['test_best']:.2f} at best"
        cards.append(figure(picture, label, note))
    return paragraph(text) + key(*marks) + grid(cards)


def losses(labels: Sequence[str], names: Sequence[str], pictures: Sequence[str], score: str) -> str:
    """Return the part on losses beside each other (Figures 4 to 7 of the second-place team of 2018)."""
    text = (
        f"Runs were trained with different losses. Of each loss the label's best run is drawn: left, {score} by epoch"
        " where scores are cut at 0.5; right, over all thresholds at its best epoch. A loss that weighs rare"
        " positives more is far better at 0.5, and the gap closes once thresholds are searched; what stays is how"
        " flat the peak is."
    )
    marks = key(*zip(("one", "two", "three", "four"), names, strict=False))
    cards = [figure(picture, label) for label, picture in zip(labels, pictures, strict=True)]
    return f"<h3>Losses beside each other</h3>\n{paragraph(text)}{marks}{grid(cards, 'wide')}"


def correlation(by_label: pd.DataFrame, pictures: Sequence[str]) -> str:
    """Return the section on how much a label's members are like each other."""
    text = (
        "Members that say the same add nothing to each other. The correlation of their out-of-fold scores, numbered"
        " from the best member; the paler, the more they differ, and the more there is to gain by joining them."
    )
    cards = [
        figure(picture, label, f"{members} members" if members > 1 else "a single member")
        for label, members, picture in zip(by_label["label"], by_label["members"], pictures, strict=True)
    ]
    return paragraph(text) + grid(cards)


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
        f"{len(order)} runs are members of at least one label. The number in a cell is the member's place for that"
        " label, 1 being the best; an empty cell says that the run is not used. Labels differ in the networks, and in"
        " the epochs, that serve them best."
    )
    places = table_of.set_index(["run", "label"])["member"].to_dict()
    most = max(table_of["member"].max(), 1)
    head = "".join(f'<th class="up"><span>{escape(label)}</span></th>' for label in labels)
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

    more = lines[SHOWN_MEMBERS:]
    return (
        paragraph(text) + rows(lines[:SHOWN_MEMBERS]) + (folded(f"More runs: {len(more)}", rows(more)) if more else "")
    )


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
            f"{made:,} copies of photos with rare labels have clothes of another colour. Each example is the photo,"
            " what was found to be clothes, and the copy; below are the old and the new hue. Skin and background"
            " should have stayed."
        )
        image = f'<img src="{address}" width="{width}" height="{height}" alt="Recoloured photos: before, mask, after">'
        body += f"<h3>Recolouring</h3>\n{paragraph(text)}{figure(image)}"
    else:
        body += paragraph("No run uses recoloured photos.")
    if counts is None:
        return body + paragraph("No recipe repeats, drops or adds photos: every epoch sees every training photo once.")
    recipes = [name for name in counts if name not in ("label", "before")]
    text = (
        "How many photos with each label a network sees in an epoch, before and after its recipe has repeated,"
        " dropped and added photos (the first fold's networks; the mean over epochs)."
    )
    rows = [
        [row["label"], f"{row['before']:,.0f}", *(f"{row[recipe]:,.0f}" for recipe in recipes)]
        for _, row in counts.iterrows()
    ]
    drawn = ("two", "three", "four")
    if len(recipes) > len(drawn):
        text += f" The picture has the first {len(drawn)} recipes, and the table all of them."
    marks = key(("one", "before"), *zip(drawn, recipes, strict=False))
    body += f"<h3>Resampling</h3>\n{paragraph(text)}{marks}"
    return body + beside(figure(picture), table(["Label", "Before", *recipes], rows))


def reliability(by_label: pd.DataFrame, pictures: Sequence[str]) -> str:
    """Return the section on what scores mean."""
    text = (
        "Upright is the share of photos that have the label, against their score. If a score of 0.3 means that 3 of"
        " 10 such photos have the label, dots lie on the grey line. Below it, scores promise too much. Every dot"
        " stands for as many expected positives; lines are 95 % intervals. Thresholds do not ask for scores that are"
        " probabilities, but whoever reads single scores does."
    )
    cards = [
        figure(picture, label, f"{positives:,} positives")
        for label, positives, picture in zip(by_label["label"], by_label["positives"], pictures, strict=True)
    ]
    return paragraph(text) + grid(cards)


def to_look_at(added: Sequence[Shown], missed: Sequence[Shown], split: Sequence[Shown], *, files: bool) -> str:
    """Return the section of photos that somebody should look at.

    Args:
        added: training photos that surely have a label by the ensemble, and not by the table.
        missed: the other way round.
        split: test photos of which the folds think differently.
        files: whether there are photos.
    """
    if not files:
        return paragraph("There are no photos to show: scores were drawn.")
    text = (
        "Where the ensemble is sure and the table says otherwise, one of the two is wrong: label errors show up here."
        " Training photos are decided without the networks that saw them."
    )
    parts = [
        paragraph(text),
        _gallery("Surely there, and not in the table", added, "No such mistakes."),
        _gallery("In the table, and surely not there", missed, "No such mistakes."),
        _gallery("Photos on which the folds disagree", split, "The folds agree on all photos."),
    ]
    return "".join(parts)


def _gallery(heading: str, photos: Sequence[Shown], nothing: str) -> str:
    cards = "".join(_card(photo) for photo in photos)
    body = f'<div class="photos">\n{cards}</div>\n' if photos else paragraph(nothing)
    return f"<h3>{escape(heading)}</h3>\n{body}"


def _card(photo: Shown) -> str:
    def listed(labels: Sequence[str] | None) -> str:
        if labels is None:
            return "not known"
        return ", ".join(f"<s>{escape(x)}</s>" if x == photo.label else escape(x) for x in labels) or "none"

    compared = [f"given: {listed(photo.given)}", f"decided: {listed(photo.decided)}"]
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
            f"All jobs together took {_hours(hours)} if they ran one after another, {_hours(devices)} of it in jobs"
            " that use a GPU where there is one. It is the time of every job's last run, as Snakemake measured it: of"
            " a training that was stopped, what came after the last start."
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
        head, most = ["Rule", "Jobs", "Time", "GPU", "Most memory"], 8
        listed = paragraph(text) + table(head, rows[:most])
        if len(rows) > most:
            listed += folded(f"More rules: {len(rows) - most}", table(head, rows[most:]))
    rows = [[name, _bytes(size)] for name, size in disk.items() if size >= 0.001 * disk.sum()]
    folders = paragraph(f"The results folder holds {_bytes(disk.sum())}.") + table(["Folder", "Size"], rows)
    return beside(listed, folders)


def _hours(hours: float) -> str:
    if hours >= 2:
        return f"{hours:,.1f} hours"
    return f"{hours * 60:.1f} minutes" if hours * 60 >= 2 else f"{hours * 3600:.1f} seconds"


def _bytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
