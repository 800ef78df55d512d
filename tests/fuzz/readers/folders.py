"""Folders of photos: names of any letters, links, pipes, devices, and tables that name what lies elsewhere."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st
from PIL import Image

from stylevote.config.label_table import LabelTable
from stylevote.files.tables import read_table, write_table
from stylevote.photos.ingest import ingest_photos
from stylevote.photos.pixels import cache_pixels

Item = tuple[str, str, str]  # a kind of file, its name, and what it is a link to
Case = tuple[list[Item], list[str] | None]  # the files, and the names that a table holds
KINDS = ["photo", "photo", "photo", "link", "pipe", "folder", "empty", "hard link"]
NAMES = [
    *("a.jpg", "A.JPG", "a.JPG", "-rf.jpg", "--help.png", "a\nb.jpg", "\x1b[2J.jpg", "a'b\"c.jpg", "$(touch ran).jpg"),
    *("`ran`.jpg", "a;b.jpg", "a,b.jpg", "=1+1.jpg", "<img src=x onerror=alert(1)>.jpg", "é.jpg", "e\u0301.jpg"),
    *("\u202egpj.exe.jpg", "x" * 240 + ".jpg", ".hidden.jpg", "..jpg", " .jpg", "{results}.jpg", "%s.jpg", "*.jpg"),
    *("\udcff.jpg", "a.jpg.png", "a", "inner/a.jpg", "con.jpg", "\u2028.jpg"),
]
TARGETS = ["../outside.jpg", "/dev/zero", "/dev/full", ".", "..", "a.jpg", "b.jpg", "gone"]
# What a table may name, and no file is called.
ELSEWHERE = ["../outside.jpg", "/dev/zero", "inner\\a.jpg", "C:\\a.jpg", "//host/a.jpg", "file:///a.jpg", "~/a.jpg"]
NAMED = [*NAMES, *ELSEWHERE]


def prepare(folder: Path) -> tuple[list[Case], st.SearchStrategy[Case], Callable[[Case], None]]:
    """Return known traps, drawn folders, and ingest followed by the cache of pixels."""
    photos = folder / "photos"
    good = folder / "outside.jpg"
    Image.effect_noise((24, 32), 90).save(good)

    def read(case: Case) -> None:
        items, named = case
        shutil.rmtree(photos, ignore_errors=True)
        photos.mkdir()
        for number, (kind, name, target) in enumerate(items):
            # Names that a file system refuses, or that are taken, are nothing that ingest can meet.
            with contextlib.suppress(OSError, ValueError):
                _make(photos / name, kind, target, good, number)
        table = folder / "names.csv" if named is not None else None
        if table:
            quoted = ['"' + name.replace('"', '""') + '"' for name in named]
            table.write_text("\n".join(["image", *quoted]), encoding="utf-8", errors="surrogateescape")
        described = LabelTable(file=str(table)) if table else None
        manifest, quarantine, _ = ingest_photos(photos, described, ["a"], photoset="test", on_bad_photo="skip")
        write_table(quarantine, folder / "quarantine.parquet")
        write_table(manifest, folder / "manifest.parquet")
        manifest = read_table(folder / "manifest.parquet")
        cache_pixels(manifest, photos, 8, folder / "pixels.bin")
        root = photos.resolve()
        if not all((photos / path).resolve().is_relative_to(root) for path in manifest["path"]):
            raise AssertionError(f"photos outside the folder: {manifest['path'].tolist()}")

    item = st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES), st.sampled_from(TARGETS))
    tables = st.one_of(st.none(), st.lists(st.sampled_from(NAMED), max_size=4, unique=True))
    traps = [([("photo", name, ""), ("photo", "z.jpg", "")], [name, "z.jpg"]) for name in NAMES]
    traps += [([("photo", "z.jpg", "")], [name, "z.jpg"]) for name in ELSEWHERE]
    traps += [([("link", "a.jpg", target), ("photo", "z.jpg", "")], None) for target in TARGETS]
    traps += [([(kind, "a.jpg", ""), ("photo", "z.jpg", "")], ["a.jpg", "z"]) for kind in set(KINDS)]
    return traps, st.tuples(st.lists(item, max_size=5), tables), read


def _make(path: Path, kind: str, target: str, photo: Path, number: int) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.is_symlink():  # nothing is written through it
        return
    if kind == "photo":
        with path.open("xb") as stream:
            Image.effect_noise((24 + number, 32), 90).save(stream, "JPEG")
    elif kind == "link":
        path.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "hard link":
        path.hardlink_to(photo)
    else:
        path.touch(exist_ok=False)
