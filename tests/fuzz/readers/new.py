"""`new`: of hostile tables, it writes what the workflow takes, and prints text that cannot act as more."""

from collections.abc import Callable
from pathlib import Path

import yaml
from hypothesis import strategies as st
from PIL import Image

from fuzz.mutations import mutated
from fuzz.readers.label_tables import drawn_parquets, drawn_texts, good_parquets, good_texts
from stylevote.begin.configuration import make_settings
from stylevote.begin.machine import Machine
from stylevote.begin.new import describe_survey, set_lines, write
from stylevote.begin.preview import contact_sheet, first_rows
from stylevote.begin.survey import survey
from stylevote.config.resolve import resolve
from stylevote.errors import InputError
from stylevote.photos.ingest import ingest_photos

Case = tuple[str, bytes]  # a suffix and a table
NAMES = ["0.png", "1.png", "inner/2.png", "3.png"]
CELLS = [
    "coat",
    "hat",
    "coat|hat",
    "hat, coat",
    "",
    "['coat', 'hat']",
    "yes",
    "no",
    "-1",
    "1",
    "0",
    "1.0",
    "nan",
    "=1+1",
]
HOSTILE = [
    "\u202e",
    "a\u2028b",
    "'\"",
    "# x",
    "a: b",
    "{results}",
    "<b>",
    "\x1b[2J",
    "no",
    "1e-3",
    "{{ 7 * 7 }}",
    "é" * 200,
]
HEADERS = ["image", "tags", "label", "url", "group", "path", "", "coat", *HOSTILE]


def prepare(folder: Path) -> tuple[list[Case], st.SearchStrategy[Case], Callable[[Case], None]]:
    """Return tables in all forms, damaged and drawn, and the command up to what the workflow makes of its file."""
    photos = folder / "photos"
    (photos / "inner").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        Image.effect_noise((24 + number, 32), 90).save(photos / name)
    texts = [*good_texts(), *made_texts()]
    cases = st.one_of(
        st.tuples(st.sampled_from([".csv", ".tsv", ".txt", ".json"]), mutated(texts)),
        st.tuples(st.just(".csv"), st.one_of(drawn_texts(), drawn_tables())),
        st.tuples(st.just(".parquet"), st.one_of(mutated(good_parquets()), drawn_parquets())),
    )

    def read(case: Case) -> None:
        suffix, data = case
        table = folder / f"labels{suffix}"
        table.write_bytes(data)
        found = survey(photos, table, 1)
        options = {"test": photos, "output": Path("mine.yaml")}
        text, choice, command = write(
            found,
            lambda _: (0.01, 0.03),
            "rough",
            **options,
            hours=0.001,
            kind="cpu",
            wanted="cpu",
            machine=Machine(1, 1, []),
        )
        lines = [*describe_survey(found), *first_rows(found, 100), *set_lines(choice, 1), command, *text.split("\n")]
        if unprintable := [line for line in lines if not line.isprintable()]:
            raise AssertionError(f"it prints {unprintable}")
        contact_sheet(found)
        settings = resolve(yaml.safe_load(text)).config
        if settings.labels != make_settings(found, choice, **options)["labels"]:
            raise AssertionError(f"labels {settings.labels}")
        train = settings.photosets["train"]
        try:
            ingest_photos(
                photos, train.labels, settings.labels, folds=settings.folds.count, on_bad_photo=settings.on_bad_photo
            )
        except InputError as error:
            raise AssertionError(f"the workflow refuses what was written: {error}") from error

    return [(".csv", text) for text in texts] + [(".parquet", table) for table in good_parquets()], cases, read


def made_texts() -> list[bytes]:
    """Return tables whose labels are on three photos and more."""
    wide = "image,{}\n" + "".join(f"{name},1,{k % 4 != 0:d}\n" for k, name in enumerate(NAMES))
    words = "\n".join(["picture,tags", *(f"{name},coat|hat" for name in NAMES)])
    long = "\n".join(["file,label", *(f"{name},{label}" for name in NAMES for label in ("coat", "hat"))])
    named = [wide.format(f'"{label}",other') for label in HOSTILE if '"' not in label]
    return [text.encode() for text in (wide.format("coat,hat"), words, long, *named)]


def drawn_tables() -> st.SearchStrategy[bytes]:
    """Return tables of all photos with drawn headers and cells."""

    def make(header: list[str], rows: list[list[str]]) -> bytes:
        lines = [header, *([name, *row] for name, row in zip(NAMES, rows, strict=True))]
        cells = [['"' + cell.replace('"', '""') + '"' for cell in line] for line in lines]
        return "\n".join(",".join(line) for line in cells).encode()

    def of_width(width: int) -> st.SearchStrategy[bytes]:
        header = st.lists(st.sampled_from(HEADERS), min_size=width, max_size=width)
        row = st.lists(st.sampled_from(CELLS), min_size=width - 1, max_size=width - 1)
        same = st.lists(st.sampled_from(["0", "1"]), min_size=width - 1, max_size=width - 1)
        return st.builds(make, header, st.lists(st.one_of(row, same), min_size=len(NAMES), max_size=len(NAMES)))

    return st.integers(2, 4).flatmap(of_width)
