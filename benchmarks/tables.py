"""Time and memory of tables as large as those of iMet, NUS-WIDE and VG-500: to read them, and to ingest their photos.

    .venv/bin/python benchmarks/tables.py [--sets imet nus_wide vg_500] [--share 1] [--photos] [--work FOLDER]

The tables are drawn: as many photos and labels, as many labels a photo, and frequencies of labels that fall as in the
originals. Each is written as CSV, as Parquet and with all labels of a photo in a cell. With `--photos`, small PNG files
are written and ingested, too. Their blocks of 4 to 32 pixels have as much contrast at each size, as in natural images
(Field 1987). A row has the seconds of the clock and of the processor, and the peak of memory, of one process.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench import LIBRARY, Cost, make_parser, run
from PIL import Image

# Photos, labels, labels a photo, and how many labels are about as frequent as the most frequent one.
SETS = {"imet": (109_237, 1_103, 3.2, 4), "nus_wide": (269_648, 81, 1.9, 1), "vg_500": (108_249, 500, 13.6, 8)}
ROWS = 5_000  # that are drawn at a time
FOLDS = 5
READER = """
import json, sys
from stylevote.config.label_table import LabelTable
from stylevote.photos.label_tables import content_digest, read_label_table
found, entries, problems = read_label_table(LabelTable(**json.loads(sys.argv[1])), json.loads(sys.argv[2]), True)
assert not problems, problems[:3]
print(len(entries), content_digest(found, entries))
"""


def main() -> None:
    """Print a row for each set and form."""
    parser = make_parser(__doc__)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="sets to imitate")
    parser.add_argument("--share", type=float, default=1, help="fraction of their photos")
    parser.add_argument("--photos", action="store_true", help="also write and ingest photos")
    parser.add_argument("--work", type=Path, help="folder for tables and photos; by default, a temporary one")
    arguments = parser.parse_args()
    print("set       form      rows     labels  clock s  processor s  peak MB", flush=True)
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        for name in arguments.sets:
            photos, count, mean, head = SETS[name]
            photos = round(photos * arguments.share)
            labels = [f"label{k:04d}" for k in range(count)]
            tables = write_tables(Path(folder, name), labels, photos, mean, head)
            said = set()
            for form, table in tables.items():
                words = json.dumps(table), json.dumps(labels)
                cost = run([sys.executable, "-c", READER, *words], PYTHONPATH=str(LIBRARY), OMP_NUM_THREADS="1")
                said.add(cost.printed)
                print_row(name, form, photos, count, cost)
            if len(said) != 1:
                sys.exit(f"the forms of {name} differ: {said}")
            if arguments.photos:
                print_row(name, "photos", photos, count, ingest(Path(folder, name), tables["csv"], labels, photos))


def print_row(name: str, form: str, photos: int, labels: int, cost: Cost) -> None:
    """Print a row: seconds of the clock and of the processor, and MB."""
    figures = f"{cost.seconds:7.1f}  {cost.processor:11.1f}  {cost.megabytes:7.0f}"
    print(f"{name:8}  {form:7}  {photos:6}  {labels:9}  {figures}", flush=True)


def write_tables(folder: Path, labels: list[str], photos: int, mean: float, head: int) -> dict[str, dict]:
    """Write the table in several forms; return their descriptions."""
    folder.mkdir()
    random = np.random.default_rng(1)
    shares = 1 / (np.arange(len(labels)) + head)
    shares = np.clip(shares * mean / shares.sum(), FOLDS / photos, 0.5)
    csv, cells, parquet = (folder / name for name in ("labels.csv", "cells.csv", "labels.parquet"))
    schema = pa.schema([("image", pa.string()), *((label, pa.uint8()) for label in labels)])
    # A part at a time: the peak of a process that is started counts the memory of this one.
    with csv.open("w") as wide, cells.open("w") as words, pq.ParquetWriter(parquet, schema) as columns:
        wide.write(",".join(["image", *labels]) + "\n")
        words.write("image,tags\n")
        for start in range(0, photos, ROWS):
            values = (random.random((min(ROWS, photos - start), len(labels))) < shares).astype(np.uint8)
            if start == 0:
                values[: 2 * FOLDS] = 1  # so that no label is too rare
            names = [f"{start + k:08x}.png" for k in range(len(values))]
            text = np.full((len(values), 2 * len(labels)), ord(","), np.uint8)
            text[:, 1::2] = values + ord("0")
            wide.writelines(f"{name}{row.tobytes().decode()}\n" for name, row in zip(names, text, strict=True))
            present = (" ".join(labels[k] for k in np.flatnonzero(row)) for row in values)
            words.writelines(f"{name},{tags}\n" for name, tags in zip(names, present, strict=True))
            columns.write_table(pa.table([pa.array(names), *values.T], schema=schema))
    return {
        "csv": {"file": str(csv)},
        "parquet": {"file": str(parquet)},
        "cell": {"file": str(cells), "cell": {"column": "tags"}},
    }


def ingest(folder: Path, table: dict, labels: list[str], photos: int) -> Cost:
    """Write the photos, ingest them, and return what that costs."""
    images = folder / "images"
    images.mkdir()
    random = np.random.default_rng(2)
    for number in range(photos):
        blocks = (random.integers(0, 256, (32 // size, 32 // size, 3)) for size in (4, 8, 16, 32))
        photo = sum(np.repeat(grid.repeat(32 // len(grid), axis=0), 32 // len(grid), axis=1) for grid in blocks) // 4
        Image.fromarray(photo.astype(np.uint8)).save(images / f"{number:08x}.png", compress_level=1)
    settings = {"labels": labels, "photoset": "train", "folds": FOLDS, "holdout": False, "max_difference": 0.15}
    settings |= {"value_range": None, "cut_photos": "bad"}
    options = {"photos": images, "table": table["file"], "failures": "", "on_bad_photo": "fail", "links": "inside"}
    options |= {name: folder / f"{name}.parquet" for name in ("manifest", "quarantine", "thumbnails")}
    command = [sys.executable, str(LIBRARY / "photos" / "ingest_photos.py"), "--threads", "1"]
    command += [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    command += ["--settings", json.dumps(settings)]
    return run(command, PYTHONPATH=str(LIBRARY), OMP_NUM_THREADS="1")


if __name__ == "__main__":
    main()
