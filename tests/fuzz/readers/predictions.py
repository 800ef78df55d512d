"""Predictions that other programs made: external members' tables, damaged, drawn and out of step with the manifest."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from fuzz.mutations import mutated
from stylevote.ensemble.scores import collate_scores, open_candidates, read_features

LABELS = ["sport", "street"]
IMAGES = np.array([f"{k}.png" for k in range(3)], dtype=object)


def prepare(folder: Path) -> tuple[list[bytes], st.SearchStrategy[bytes], Callable[[bytes], None]]:
    """Return traps, damaged and drawn predictions of a fold, and their collation followed by its reading."""
    paths = {"member": [folder / "validation.parquet"]}
    good = [_written(table(IMAGES), **settings) for settings in SETTINGS]
    outputs = {folder / "scores.parquet": LABELS}

    def read(data: bytes) -> None:
        paths["member"][0].write_bytes(data)
        collate_scores(paths, IMAGES, np.zeros(len(IMAGES), dtype=int), outputs, external=paths)
        with open_candidates(list(outputs), IMAGES) as collated:
            candidates, scores = collated.of("sport")
        if not (np.isfinite(scores).all() and len(scores) and (scores >= 0).all() and (scores <= 1).all()):
            raise AssertionError(f"scores {scores}")
        first = candidates.iloc[:1].assign(label="sport", fold=-1, member=1)
        read_features(paths, first, IMAGES, LABELS, external=paths)

    return [*good, *traps()], st.one_of(mutated(good), drawn()), read


SETTINGS = ({}, {"compression": "zstd", "use_dictionary": ["image_id"]}, {"row_group_size": 2, "compression": "none"})


def table(images: np.ndarray, epochs: int = 2) -> pa.Table:
    """Return good predictions of these photos."""
    rows = len(images) * epochs
    scores = np.linspace(0, 1, rows, dtype=np.float32)
    columns = {"image_id": np.tile(images, epochs), "epoch": np.repeat(np.arange(epochs), len(images))}
    return pa.table({**columns, "sport": scores, "street": scores[::-1]})


def _written(columns: pa.Table, **settings) -> bytes:
    stream = io.BytesIO()
    pq.write_table(columns, stream, **settings)
    return stream.getvalue()


def drawn() -> st.SearchStrategy[bytes]:
    """Return tables of the right columns, some in other types, with values at and beyond the bounds."""
    length = 6
    cells = {"min_size": length, "max_size": length}
    ids = st.lists(st.sampled_from([*IMAGES, "x.png", "", None]), **cells)
    whole = st.sampled_from([0, 1, -1, 2**15, 2**31, 2**63 - 1, None])
    real = st.sampled_from([0.0, 0.5, 1.0, -0.0, 1.0000001, -1e-30, 5.0, float("nan"), float("inf"), 1e308, None])
    kinds = [pa.float64(), pa.float32(), pa.float16(), pa.string(), pa.bool_(), pa.list_(pa.float32())]
    epochs = st.one_of(
        st.just([0, 0, 0, 1, 1, 1]),
        st.lists(whole, **cells),
        st.lists(real, **cells),
    )
    good_ids = st.just([*IMAGES, *IMAGES])
    scores = st.one_of(st.just([0.5] * length), st.lists(real, **cells))
    extra = st.sampled_from([{}, {"x": [0] * length}, {"epoch ": [0] * length}, {"fold": [0] * length}])

    def make(ids: list, epochs: list, sport: list, kind: pa.DataType, extra: dict) -> bytes:
        names = pa.array(ids, pa.string())
        try:
            column = pa.array(sport).cast(kind, safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            column = pa.array([[value] for value in sport])
        columns = {"image_id": names.dictionary_encode() if extra else names, "epoch": pa.array(epochs)}
        return _written(pa.table({**columns, "sport": column, "street": [0.5] * length, **extra}))

    return st.builds(make, st.one_of(good_ids, ids), epochs, scores, st.sampled_from(kinds), extra)


def traps() -> list[bytes]:
    """Return small tables that grow large, and some of the wrong form."""
    rows = 200_000_000
    huge = {"image_id": pa.repeat(pa.scalar("0.png"), 1000).dictionary_encode()}
    index = pa.repeat(pa.scalar(0, pa.int8()), rows)
    huge = {"image_id": pa.DictionaryArray.from_arrays(index, huge["image_id"].dictionary)}
    good = table(IMAGES)
    return [
        b"",
        b"PAR1",
        _written(pa.table(huge), compression="zstd"),
        _written(pa.table({"image_id": pa.array([], pa.string()), "epoch": pa.array([], pa.int8())})),
        _written(good.slice(0, 0)),
        _written(good.append_column("sport", good["sport"])),
        _written(good.set_column(1, "epoch", pa.array([0, 0, 0, 70_000, 70_000, 70_000]))),
        _written(good.set_column(1, "epoch", pa.array([0, 0, 0, 0.5, 0.5, 0.5]))),
        _written(good.set_column(2, "sport", pa.array([[0.5]] * 6, pa.list_(pa.float32(), 1)))),
        _written(good.set_column(2, "sport", pa.array([{"a": 0.5}] * 6))),
        _written(table(IMAGES, 40_000)),
    ]
