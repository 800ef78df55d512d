"""The answer of the page to try a bundle: a photo's labels, and where a network looks."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from PIL import Image

from stylevote.report.render import TEMPLATES, html
from stylevote.report.thumbnails import data_uri

SHOWN_LABELS = 12  # of a photo that are seen at once
HOT, HOTTEST = (255, 96, 0), (255, 232, 96)
STYLE = (TEMPLATES / "answer.css").read_text(encoding="utf-8")


def looked_at(rows: pd.DataFrame, count: int) -> list[str]:
    """Return the labels to show heat maps for: the assigned ones, or else the label nearest to its threshold.

    Args:
        rows: of one photo, from `ensemble.decisions.decision_details`.
        count: maximum number of labels.
    """
    ordered = _ordered(rows)
    assigned = ordered[ordered["decision"] == 1]["label"].tolist()
    return assigned[:count] or ordered["label"].tolist()[:1]


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
    """Return the answer for one photo, as HTML.

    Args:
        name: of the photo.
        photo: uint8, shape (height, width, 3), small.
        rows: a row per label, from `ensemble.decisions.decision_details`.
        heats: where a network looks, for some labels (`stylevote.cnn.attention.heat_maps`).
        folds: number of folds that vote.
    """
    ordered = _ordered(rows if "abstain" in rows else rows.assign(abstain=0))
    return _for_gradio(
        html(
            "answer_photo.html",
            name=name,
            photo=data_uri(Image.fromarray(photo), 80),
            rows=ordered.to_dict("records"),
            shown=max(SHOWN_LABELS, int(ordered["decision"].sum())),
            looks=[(label, data_uri(overlay(photo, heat)), heat.any()) for label, heat in heats.items()],
            folds=folds,
        )
    )


def whole_answer(photos: Sequence[str], refused: Sequence[tuple[str, str]], networks: int) -> str:
    """Return the whole answer as HTML.

    Args:
        photos: what `photo_answer` returned.
        refused: the name of each photo that was not decided, and the reason.
        networks: how many decided.
    """
    return _for_gradio(html("answer.html", photos=photos, refused=refused, networks=networks))


def _for_gradio(page: str) -> str:
    """Escape the signs of ``${...}`` and ``{{...}}``, which Gradio's pages take for code."""
    return page.replace("$", "&#36;").replace("{", "&#123;").replace("}", "&#125;")


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return assigned labels first, then the others; each by how far the score is above the threshold."""
    margin = rows["score"] - rows["threshold"]
    return rows.assign(margin=margin).sort_values(["decision", "margin"], ascending=False, kind="stable")
