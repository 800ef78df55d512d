"""Write and read the report's pictures, each with a digest."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stylevote.config.identity import slug
from stylevote.files.tables import damaged, replacing


def write_text(text: str, path: Path) -> None:
    """Write ``text`` as UTF-8."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_picture(picture: str, path: Path) -> None:
    """Write an SVG element and, after it, a comment with its digest."""
    write_text(f"{picture.rstrip()}\n{_digest(picture)}\n", path)


def write_label_picture(picture: str, folder: Path, label: str) -> None:
    """Write the picture of a label in the folder of its kind."""
    write_picture(picture, folder / f"{slug(label)}.svg")


def read_picture(path: Path) -> str:
    """Return the SVG element that `write_picture` wrote; `InputError` if it is damaged."""
    picture, _, digest = path.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")
    if digest != _digest(picture):
        raise damaged(path)
    return f"{picture}\n"


def read_pictures(paths: Sequence[Path], labels: Sequence[str]) -> dict[str, Any]:
    """Return the report's pictures by name; pictures of runs or labels by kind, and then by run or label.

    Args:
        paths: ``NAME.svg`` for a picture of all labels, ``training/RUN.svg`` for a run, and a folder ``KIND/BLOCK`` of
            pictures of some of a block's labels.
        labels: all of them.
    """
    pictures: dict[str, Any] = {"training": {}}
    names = {f"{slug(label)}.svg": label for label in labels}
    for path in paths:
        if path.is_dir():
            known = [file for file in sorted(path.iterdir()) if file.name in names]
            pictures.setdefault(path.parent.name, {}).update({names[file.name]: read_picture(file) for file in known})
        elif path.parent.name == "training":
            pictures["training"][path.stem] = read_picture(path)
        else:
            pictures[path.stem] = read_picture(path)
    return pictures


def _digest(picture: str) -> str:
    return f"<!-- SHA-256 {hashlib.sha256(picture.rstrip().encode()).hexdigest()} -->"
