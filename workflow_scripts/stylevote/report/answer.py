"""What the page to try a bundle says of photos: labels with scores and thresholds, and where a network looks."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from PIL import Image

from stylevote.report import markup
from stylevote.report.thumbnails import data_uri

LISTED = 12  # labels of a photo that stand there at once; the others are folded away
HOT, HOTTEST = (255, 96, 0), (255, 232, 96)

STYLE = """
.answer { --quiet: #5f6672; --one: #0b6fb3; --mark: #cc5803; color: var(--body-text-color); font-size: 15px;
  line-height: 1.45; overflow-wrap: anywhere; }
.dark .answer { --quiet: #a3a9b3; --one: #2f8fd6; --mark: #ff9a52; }
.answer .lead, .answer .small { color: var(--quiet); }
.answer .lead { max-width: 78ch; margin: 0 0 14px; }
.answer .small { font-size: 13px; font-variant-numeric: tabular-nums; }
.answer .verdict { white-space: nowrap; }
.answer .refused { border-left: 3px solid var(--mark); padding: 2px 0 2px 12px; margin: 0 0 14px; }
.answer article { background: var(--block-background-fill); border: 1px solid var(--border-color-primary);
  border-radius: 12px; padding: 18px; margin: 0 0 18px; display: grid; gap: 18px 26px;
  grid-template-columns: minmax(0, 300px) minmax(0, 1fr); }
.answer h3 { font-size: 15px; font-weight: 600; margin: 10px 0 0; }
.answer img { display: block; width: 100%; height: auto; border-radius: 8px; margin: 0; }
.answer .given { display: flex; flex-wrap: wrap; gap: 8px; margin: 0 0 14px; }
.answer .given b { background: var(--one); color: #fff; border-radius: 999px; padding: 3px 14px; font-weight: 600; }
.answer .given b.unsure { background: none; color: inherit; border: 1px dashed currentColor; }
.answer ul { list-style: none; padding: 0; margin: 0; display: grid; gap: 14px 30px;
  grid-template-columns: repeat(auto-fill, minmax(min(260px, 100%), 1fr)); }
.answer li { margin: 0; padding: 0; }
.answer li div { display: flex; justify-content: space-between; gap: 12px; }
.answer li.yes div:first-child span:first-child { font-weight: 600; }
.answer .bar { position: relative; height: 8px; border-radius: 4px; background: var(--border-color-primary);
  margin: 4px 0; display: block; }
.answer .bar i { position: absolute; inset: 0 auto 0 0; border-radius: 4px; background: #8a93a0; }
.answer li.yes .bar i { background: var(--one); }
.answer .bar s { position: absolute; top: -3px; bottom: -3px; width: 2px; margin-left: -1px;
  background: var(--body-text-color); }
.answer h4 { font-size: 14px; font-weight: 600; margin: 20px 0 8px; }
.answer .looks { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(min(150px, 46%), 1fr)); }
.answer figure { margin: 0; max-width: 190px; }
.answer figcaption { font-size: 13px; margin-top: 4px; }
.answer details { margin-top: 14px; } .answer summary { cursor: pointer; } .answer details ul { margin-top: 12px; }
@media (max-width: 700px) { .answer article { grid-template-columns: minmax(0, 1fr); padding: 14px; } }
"""


def escape(text: object) -> str:
    """Return a text as HTML that Gradio leaves alone, too: its pages take ``${...}`` and ``{{...}}`` for code."""
    return markup.escape(text).replace("$", "&#36;").replace("{", "&#123;").replace("}", "&#125;")


def looked_at(rows: pd.DataFrame, most: int) -> list[str]:
    """Return for which labels it is worth showing where a network looks: those given, else the nearest to it.

    Args:
        rows: of one photo, from `ensemble.decisions.details`.
        most: how many at most.
    """
    ordered = _ordered(rows)
    given = ordered[ordered["decision"] == 1]["label"].tolist()
    return given[:most] or ordered["label"].tolist()[:1]


def overlay(photo: np.ndarray, heat: np.ndarray) -> Image.Image:
    """Return a photo in grey, darker where it is cold, with the heat on it in orange and yellow.

    Args:
        photo: uint8, shape (height, width, 3).
        heat: in 0..1, of the whole photo pressed into a square.
    """
    height, width = photo.shape[:2]
    small = Image.fromarray(np.rint(heat * 255).astype(np.uint8))
    share = np.asarray(small.resize((width, height), Image.Resampling.BILINEAR), np.float32)[..., None] / 255
    grey = photo.astype(np.float32) @ np.array([[0.299], [0.587], [0.114]], np.float32)
    colour = np.array(HOT, np.float32) * (1 - share) + np.array(HOTTEST, np.float32) * share
    mixed = grey * (0.65 + 0.35 * share) * (1 - 0.6 * share) + colour * 0.6 * share
    return Image.fromarray(np.rint(mixed).clip(0, 255).astype(np.uint8))


def photo_answer(name: str, photo: np.ndarray, rows: pd.DataFrame, heats: Mapping[str, np.ndarray], folds: int) -> str:
    """Return what is said of one photo, as HTML.

    Args:
        name: the photo's.
        photo: uint8, shape (height, width, 3): what of it is used, small.
        rows: a row per label, from `ensemble.decisions.details`.
        heats: for some labels, where a network looks (`stylevote.cnn.attention.heat_maps`).
        folds: how many vote.
    """
    ordered = _ordered(rows)
    unsure = ordered.get("abstain", pd.Series(0, ordered.index)) == 1
    given = ordered[ordered["decision"] == 1]
    tags = "".join(
        f"<b{' class=unsure' if unsure[row.Index] else ''}>{escape(row.label)}{' ?' if unsure[row.Index] else ''}</b>"
        for row in given.itertuples()
    )
    lines = [_line(row, bool(unsure[row.Index]), folds) for row in ordered.itertuples()]
    first = max(LISTED, len(given))
    rest = f"<details><summary>{len(lines) - first} further labels</summary>{_list(lines[first:])}</details>"
    looks = "".join(
        f'<figure><img src="{data_uri(overlay(photo, heat))}" alt="where a network looks for {escape(label)}">'
        f"<figcaption>{escape(label)}{'' if heat.any() else ': nothing that speaks for it'}</figcaption></figure>"
        for label, heat in heats.items()
    )
    return (
        f'<article><div><img src="{data_uri(Image.fromarray(photo), 80)}" alt="{escape(name)}">'
        f"<h3>{escape(name)}</h3></div>\n<div>"
        f'<div class="given">{tags or "<span>No label reaches its threshold.</span>"}</div>'
        f"{_list(lines[:first])}{rest if len(lines) > first else ''}"
        f'<h4>Where a network looks</h4><div class="looks">{looks}</div></div></article>\n'
    )


def whole_answer(parts: Sequence[str], refused: Mapping[str, str] | Sequence[tuple[str, str]], networks: int) -> str:
    """Return the answer as HTML.

    Args:
        parts: what `photo_answer` returned.
        refused: pairs of a photo's name and why it was not decided.
        networks: how many decided.
    """
    problems = "".join(f'<p class="refused"><b>{escape(name)}</b>: {escape(problem)}</p>' for name, problem in refused)
    lead = (
        f'<p class="lead">{networks} {"network" if networks == 1 else "networks"} decided. The stroke on a bar is the '
        "label's threshold: from there on it is given. Warm places speak for the label, as the first of its networks "
        "sees them.</p>"
        if parts
        else ""
    )
    return f'<div class="answer">{problems}{lead}{"".join(parts)}</div>'


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the labels given first, and then by how far the score is above the threshold."""
    margin = rows["score"] - rows["threshold"]
    return rows.assign(margin=margin).sort_values(["decision", "margin"], ascending=False, kind="stable")


def _line(row: tuple, unsure: bool, folds: int) -> str:
    verdict = "not given" if not row.decision else "given, not for sure" if unsure else "given"
    agreeing = f"{round(row.agreement * folds)} of {folds} folds agree"
    score, threshold = (100 * min(max(value, 0), 1) for value in (row.score, row.threshold))
    return (
        f"<li{' class=yes' if row.decision else ''}>"
        f'<div><span>{escape(row.label)}</span><span class="small verdict">{verdict}</span></div>'
        f'<span class="bar"><i style="width:{score:.1f}%"></i><s style="left:{threshold:.1f}%"></s></span>'
        f'<div class="small"><span>{row.score:.3f} (threshold {row.threshold:.3f})</span><span>{agreeing}</span></div>'
        "</li>"
    )


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(lines)}</ul>"
