"""The report's pictures: figures into SVG. The name of a label has a line of its own, so that names never overlap."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from scipy.special import logit

from stylevote.ensemble.log_odds import log_odds
from stylevote.report.drawing import (
    FOUR,
    INK,
    LINE,
    MAX_LINES,
    ONE,
    QUIET,
    SERIES,
    TWO,
    picture,
    place,
    shortened,
    text_width,
    to_svg,
)
from stylevote.report.losses import LossCurves

WIDTH = 340  # pixels: two fit side by side on a small screen held sideways, one on a phone
ROW = 38  # pixels of a row: its name, and its marks below
PANEL = 262  # pixels: the width of a small picture; there is one per label
ODDS_TICKS = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999)


def dot_chart(
    rows: Sequence[str],
    series: Sequence[pd.DataFrame],
    title: str,
    *,
    log: bool = False,
    form: str = "{:.3f}",
    limits: tuple[float, float] | None = None,
) -> str:
    """Draw a dot for each row and series, on a line below the row's name, with its interval if it has one.

    Args:
        rows: names.
        series: one or more tables with a row each: columns value (nan: nothing is drawn), and low and high, if there
            are intervals. The numbers follow the row's name in the series' colours.
        log: whether the axis is logarithmic; values below 1 are drawn at 1.
        form: of the numbers.
        limits: of the axis; by default those of the values.
    """
    left, right, bottom = 6, 14, 24
    height = ROW * len(rows) + bottom + 4
    with picture(WIDTH, height) as figure:
        axes = place(figure, left, bottom, right, 4)
        axes.set_ylim(-len(rows), 0)
        axes.set_yticks([])
        low, high = limits or _limits(series, log)
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axes.minorticks_off()
        axes.set_xlim(low, high)
        axes.grid(axis="x")
        numbers = [[_number(value, form) for value in table["value"]] for table in series]
        widths = [max(text_width(text) for text in texts) + 10 for texts in numbers]
        pixel = 1 / ROW
        for row, text in enumerate(rows):
            top = -row - 4 * pixel
            room = WIDTH - left - right - sum(widths)
            axes.annotate(shortened(text, room), (0, top), xycoords=axes.get_yaxis_transform(), va="top", ha="left")
            for k, (table, texts) in enumerate(zip(series, numbers, strict=True)):
                value = table["value"].iloc[row]
                if np.isnan(value):
                    continue
                shown = max(value, 1) if log else value
                y = -row - (24 + 5 * (k - (len(series) - 1) / 2)) * pixel
                if "low" in table and np.isfinite(table["low"].iloc[row]):
                    axes.plot(table[["low", "high"]].iloc[row], [y, y], color=SERIES[k], lw=1.4, alpha=0.55)
                axes.plot(shown, y, "o", color=SERIES[k], ms=6, mew=0, clip_on=False, zorder=3)
                away = sum(widths[k + 1 :])
                axes.annotate(
                    texts[row], (1, top), xytext=(-away, 0), xycoords=axes.get_yaxis_transform(),
                    textcoords="offset points", va="top", ha="right", color=SERIES[k] if len(series) > 1 else INK,
                )  # fmt: skip
        _thin_ticks(axes)
        return to_svg(figure, title)


def rank_curve(counts: np.ndarray, title: str) -> str:
    """Draw how common labels are if there are too many to name: their numbers of photos, from the most common on.

    ``counts`` are the photos with each label, shape (labels,).
    """
    with picture(WIDTH, 190) as figure:
        axes = place(figure, 46, 36, 10, 8)
        ordered = np.maximum(np.sort(counts)[::-1], 1)
        axes.fill_between(np.arange(1, len(ordered) + 1), 1, ordered, color=ONE, alpha=0.25, lw=0, step="mid")
        axes.step(np.arange(1, len(ordered) + 1), ordered, color=ONE, where="mid")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.minorticks_off()
        axes.set_xlim(0.5, len(ordered) + 0.5)
        axes.set_ylim(1, ordered[0] * 1.3)
        axes.set_xlabel("label, by its number of photos", labelpad=2)
        _thin_ticks(axes)
        return to_svg(figure, title)


def _number(value: float, form: str) -> str:
    return "" if np.isnan(value) else form.format(value)


def _limits(series: Sequence[pd.DataFrame], log: bool) -> tuple[float, float]:
    """Return limits with a little room around all values and intervals."""
    columns = [table[name] for table in series for name in ("value", "low", "high") if name in table]
    values = np.concatenate([column.to_numpy(dtype=float) for column in columns])
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0, 1)
    if log:
        return max(low, 1) / 1.3, max(high, 1) * 1.3
    room = 0.04 * (high - low) or 0.05
    return low - room, high + room


def _thin_ticks(axes: Axes) -> None:
    """Leave out ticks of the horizontal axis until their labels have room, and those at which labels would be cut."""
    axes.figure.canvas.draw_idle()
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    texts = axes.xaxis.get_major_formatter().format_ticks(ticks)
    places = axes.transData.transform([(tick, axes.get_ylim()[0]) for tick in ticks])[:, 0] if ticks else []
    edge = axes.figure.get_size_inches()[0] * axes.figure.dpi
    kept, end = [], -np.inf
    for tick, text, x in zip(ticks, texts, places, strict=True):
        half = text_width(text) / 2
        if x - half >= end + 6 and x - half >= 0 and x + half <= edge:
            kept.append((tick, text))
            end = x + half
    axes.set_xticks([tick for tick, _ in kept], [text for _, text in kept])


def heat_map(shares: np.ndarray, names: Sequence[str], title: str) -> str:
    """Draw a square table of shares in 0..1 as tinted cells; the diagonal stays empty.

    Up to 16 names the cells hold the shares in percent.
    """
    count = len(names)
    cell = 23 if count <= 16 else 14
    texts = [shortened(text, 110) for text in names]
    margin = max(map(text_width, texts), default=0) + 8
    side = count * cell
    with picture(margin + side + 4, margin + side + 4) as figure:
        axes = place(figure, margin, 4, 4, margin)
        axes.set_xlim(0, count)
        axes.set_ylim(count, 0)
        axes.axis("off")
        for row in range(count):
            for column in (number for number in range(count) if number != row):
                share = shares[row, column]
                axes.add_patch(_cell(column, row, share))
                if count <= 16 and share >= 0.005:
                    _cell_text(axes, column, row, f"{100 * share:.0f}")
        gap = 5 / cell
        for k, text in enumerate(texts):
            axes.text(-gap, k + 0.5, text, ha="right", va="center")
            axes.text(k + 0.5, -gap, text, ha="center", va="bottom", rotation=90)
        return to_svg(figure, title)


def _cell(column: float, row: float, share: float) -> Rectangle:
    return Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, color=ONE, alpha=0.06 + 0.64 * float(share), lw=0)


def _cell_text(axes: Axes, column: float, row: float, text: str) -> None:
    axes.text(column + 0.5, row + 0.53, text, ha="center", va="center", fontsize=9)


def correlation_map(correlations: np.ndarray, numbers: Sequence[int], title: str) -> str:
    """Draw the correlations of a label's members, by their numbers: a triangle of cells, tinted from 0 to 1."""
    count = len(correlations)
    widest = max(text_width(str(number)) for number in numbers)
    left = max(24, round(widest) + 8)
    cell = min(34, (PANEL - left - 10) // count)
    height = count * cell + 26
    with picture(PANEL, height) as figure:
        axes = place(figure, left, 22, PANEL - left - count * cell, 4)
        axes.set_xlim(0, count)
        axes.set_ylim(count, 0)
        axes.axis("off")
        for row in range(count):
            for column in range(row + 1):
                axes.add_patch(_cell(column, row, max(correlations[row, column], 0)))
                if cell >= 24 and column < row:
                    _cell_text(axes, column, row, f"{correlations[row, column]:.2f}".replace("0.", "."))
        step = int(-(-(widest + 4) // cell))
        for k in range(0, count, step):
            axes.text(-5 / cell, k + 0.5, f"{numbers[k]}", ha="right", va="center", color=QUIET)
            axes.text(k + 0.5, count + 4 / cell, f"{numbers[k]}", ha="center", va="top", color=QUIET)
        return to_svg(figure, title)


def _odds_axis(axes: Axes, low: float, high: float) -> None:
    """Let the horizontal axis hold log odds between two probabilities, and name probabilities."""
    ends = log_odds(np.array([low, high]))
    axes.set_xlim(*ends)
    ticks = [tick for tick in ODDS_TICKS if ends[0] <= logit(tick) <= ends[1]]
    axes.set_xticks([logit(tick) for tick in ticks])
    axes.xaxis.set_major_formatter(lambda value, _: f"{1 / (1 + np.exp(-value)):.4g}")
    _thin_ticks(axes)


def threshold_curves(
    thresholds: np.ndarray, curves: Sequence[np.ndarray], chosen: float, flat: tuple[float, float], title: str
) -> str:
    """Draw F-beta against the threshold, in log odds: a line per photoset, the threshold, and where it is as good.

    Args:
        thresholds: ascending, shape (points,).
        curves: F-beta there, on the training photos and, if their labels are known, on the test photos.
        chosen: the threshold.
        flat: the thresholds between which the first curve is hardly lower than at the chosen threshold.
    """
    with picture(PANEL, 158) as figure:
        axes = place(figure, 30, 24, 8, 8)
        _odds_axis(axes, thresholds[0], thresholds[-1])
        x = log_odds(thresholds)
        axes.axvspan(*np.clip(log_odds(np.array(flat)), x[0], x[-1]), color=ONE, alpha=0.13, lw=0)
        axes.axvline(log_odds(np.array([chosen]))[0], color=INK, lw=1, dashes=(2, 2))
        for color, curve in zip(SERIES, curves, strict=False):
            axes.step(x, curve, color=color, where="pre")
        _f_axis(axes)
        return to_svg(figure, title)


def _f_axis(axes: Axes) -> None:
    """Let the vertical axis be that of an F-beta."""
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", ".5", "", "1"])


def loss_curves(names: Sequence[str], compared: Sequence[LossCurves], title: str) -> str:
    """Compare runs of different losses in two pictures: F-beta by epoch, and against the threshold.

    By epoch, it is drawn at the best threshold and, dotted, at 0.5. Against the threshold, it is that of the run's best
    epoch on the training photos and, dashed, on the checked photos if it is known; a vertical line is at the threshold.

    Args:
        names: all losses that are compared for any label, in the order of their colours; some may be missing here.
        compared: what `losses.compare_losses` returns (Figures 4 to 7 of the second-place team of 2018).
    """
    with picture(WIDTH, 172) as figure:
        half = WIDTH // 2
        by_epoch, by_threshold = place(figure, 26, 36, half + 8, 8), place(figure, half + 22, 36, 8, 8)
        tried = np.concatenate([curves.thresholds for curves in compared])
        _epoch_axis(by_epoch, max(curves.epochs["epoch"].max() for curves in compared) + 1)
        _odds_axis(by_threshold, tried.min(), tried.max())
        for curves in compared:
            color, epochs = SERIES[names.index(curves.loss)], curves.epochs["epoch"] + 1
            by_epoch.plot(epochs, curves.epochs["f_beta"], color=color, marker="o", ms=3.5, mew=0)
            by_epoch.plot(epochs, curves.epochs["at_half"], color=color, ls=":")
            for style, curve in zip(("solid", "dashed"), curves.curves, strict=False):
                by_threshold.step(log_odds(curves.thresholds), curve, color=color, ls=style, where="pre")
            chosen = log_odds(np.array([curves.figures["threshold"]]))[0]
            by_threshold.axvline(chosen, color=color, lw=1, dashes=(2, 2))
        for axes, text in ((by_epoch, "epoch"), (by_threshold, "threshold")):
            _f_axis(axes)
            axes.set_xlabel(text, labelpad=2)
        return to_svg(figure, title)


def _epoch_axis(axes: Axes, epochs: int) -> None:
    """Let the horizontal axis count epochs from 1."""
    axes.set_xlim(0.7, max(epochs, 2) + 0.3)
    axes.set_xticks(range(1, epochs + 1))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    _thin_ticks(axes)


def training_curves(history: pd.DataFrame, reached: pd.DataFrame, title: str) -> str:
    """Draw a run's training: the losses of every fold by epoch, and the F-beta of every label with their mean.

    Args:
        history: columns fold, epoch (from 0), train_loss, validation_loss.
        reached: the F-beta on all folds together: a row per epoch, a column per label.
    """
    with picture(WIDTH, 150) as figure:
        half = WIDTH // 2
        losses, scores = place(figure, 34, 36, half + 8, 8), place(figure, half + 22, 36, 8, 8)
        epochs = int(max(history["epoch"].max(), reached.index.max())) + 1
        for color, column in ((ONE, "train_loss"), (TWO, "validation_loss")):
            for _, fold in history.groupby("fold"):
                losses.plot(fold["epoch"] + 1, fold[column], color=color, lw=0.8, alpha=0.4)
            mean = history.groupby("epoch")[column].mean()
            losses.plot(mean.index + 1, mean, color=color, marker="o", ms=3, mew=0)
        losses.set_ylim(bottom=0)
        losses.locator_params(axis="y", nbins=4)
        if reached.shape[1] > MAX_LINES:
            low, high = reached.quantile(0.1, axis=1), reached.quantile(0.9, axis=1)
            scores.fill_between(reached.index + 1, low, high, color=QUIET, alpha=0.3, lw=0)
        else:
            for label in reached:
                scores.plot(reached.index + 1, reached[label], color=QUIET, lw=0.7, alpha=0.55)
        scores.plot(reached.index + 1, reached.mean(axis=1), color=FOUR, marker="o", ms=3, mew=0)
        _f_axis(scores)
        for axes, text in ((losses, "loss by epoch"), (scores, "F by epoch")):
            _epoch_axis(axes, epochs)
            axes.set_xlabel(text, labelpad=2)
        return to_svg(figure, title)


def label_curves(reached: pd.DataFrame, marked: int, title: str) -> str:
    """Draw the F-beta of each label by epoch, a small picture per label (Figure 8 of the second-place team of 2018).

    A dot and the number are at the label's best epoch.

    Args:
        reached: F-beta: a row per epoch (from 0), a column per label.
        marked: epoch with a vertical line: that of the best mean over all labels.
    """
    columns, cell, name, gap, bottom = 3, 66, 18, 10, 22
    rows = -(-reached.shape[1] // columns)
    width, height = (WIDTH - 22) // columns, rows * cell + bottom
    with picture(WIDTH, height) as figure:
        for k, label in enumerate(reached):
            row, column = divmod(k, columns)
            left, top = 22 + column * width, row * cell + name
            axes = place(figure, left, height - (row + 1) * cell + 4, WIDTH - left - width + gap, top)
            values = reached[label]
            best = values.idxmax()
            number = f"{values[best]:.2f}"
            axes.axvline(marked + 1, color=LINE, lw=1)
            axes.plot(values.index + 1, values, color=ONE)
            axes.plot(best + 1, values[best], "o", color=ONE, ms=5, mew=0, clip_on=False)
            _epoch_axis(axes, int(reached.index.max()) + 1)
            _f_axis(axes)
            axes.set_yticks([0, 0.5, 1], ["0", "", "1"] if column == 0 else [""] * 3)
            if k + columns < reached.shape[1]:
                axes.set_xticklabels([])
            room = width - gap - text_width(number) - 6
            at_top = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
            axes.annotate(shortened(label, room), (0, 1), xytext=(0, 2), ha="left", **at_top)
            axes.annotate(number, (1, 1), xytext=(0, 2), ha="right", color=ONE, **at_top)
        return to_svg(figure, title)


def reliability_curve(parts: pd.DataFrame, title: str) -> str:
    """Draw the share of photos with a label against the score, with intervals, and the line on which both are equal.

    ``parts`` is what `measures.reliability` returns.
    """
    with picture(PANEL, 190) as figure:
        axes = place(figure, 38, 36, 10, 8)
        end = min(1.0, 1.08 * max(parts["expected"].max(), parts["observed"].max(), 0.01))
        axes.plot([0, end], [0, end], color=LINE, lw=1.2, zorder=1)
        axes.vlines(parts["expected"], parts["low"], np.minimum(parts["high"], end), color=ONE, lw=1.4, alpha=0.55)
        axes.plot(parts["expected"], parts["observed"], color=ONE, marker="o", ms=5, mew=0)
        axes.set_xlim(0, end)
        axes.set_ylim(0, end)
        axes.locator_params(axis="y", nbins=4)
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel("score", labelpad=2)
        _thin_ticks(axes)
        return to_svg(figure, title)


def size_curve(curve: pd.DataFrame, title: str) -> str:
    """Draw the honest macro F-beta of ensembles of several sizes, with its interval (Table VII of Ding & Wan 2018).

    ``curve`` is what `sizes.size_curve` returns.
    """
    with picture(WIDTH, 210) as figure:
        axes = place(figure, 42, 38, 12, 10)
        x = np.arange(len(curve))
        axes.vlines(x, curve["nested_low"], curve["nested_high"], color=ONE, lw=1.4, alpha=0.55)
        axes.plot(x, curve["nested_f_beta"], color=ONE, marker="o", ms=5, mew=0)
        axes.set_xlim(-0.4, len(curve) - 0.6)
        axes.set_xticks(x, curve["size"])
        axes.locator_params(axis="y", nbins=5)
        axes.set_xlabel("members per label", labelpad=2)
        return to_svg(figure, title)
