"""Show recoloured photos, what resampling does, and photos that somebody should look at."""

from collections.abc import Sequence

import pandas as pd

from stylevote.report.doubtful_photos import Shown
from stylevote.report.markup import SHOWN_ROWS, beside, escape, figure, key, paragraph, some_folded, table


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
    listed = some_folded(rows, SHOWN_ROWS, "labels", lambda part: table(head, part))
    return body + beside(figure(picture), listed)


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
