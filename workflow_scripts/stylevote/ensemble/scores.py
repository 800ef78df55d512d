"""From the predictions of every run to one file of candidates a label, and back: what the ensemble reads and writes.

A *candidate* is a run at one of its epochs; an external member, whose predictions another program made, counts as one.
A label's candidates are a Parquet file with the columns ``run``, ``epoch`` and ``scores`` (the out-of-fold score of
every training photo, in the manifest's order), one row group a run, so that it is written run by run and a few members
are read without the rest.
"""

import hashlib
import json
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stylevote.ensemble.rank import NONE
from stylevote.ensemble.select import members_of
from stylevote.program import InputError
from stylevote.tables import open_table, read_table, table_writer
from stylevote.users_tables import read_users_table

DIGEST_KEY = b"image_ids_sha256"
MOST_CELLS = 50_000_000  # of one file of predictions: some 1.5 GB while it is read
MOST_EPOCHS = 2**15  # their numbers are stored in 16 bits


@dataclass(frozen=True)
class Predictions:
    """What one run predicts: ``epochs`` ascending, and for each label ``scores``, float32 (epochs, photos)."""

    epochs: list[int]
    scores: dict[str, np.ndarray]


def files_by_run(runs: list[str], template: str, folds: int) -> dict[str, list[Path]]:
    """Return the paths of each run's predictions, one per fold, in the order of the folds.

    Args:
        runs: ids of the runs.
        template: a path in which ``{run}`` and ``{fold}`` stand for them: hundreds of paths, written out, would be a
            longer command than a shell takes.
        folds: how many there are.

    Raises:
        InputError: a run is named twice, or the template lacks one of the two.
    """
    if len(set(runs)) != len(runs):
        raise InputError(f"{len(runs) - len(set(runs))} runs are named twice")
    if "{run}" not in template or "{fold}" not in template:
        raise InputError(f"--predictions {template}: expected a path with {{run}} and {{fold}} in it")
    paths = {run: template.replace("{run}", run) for run in runs}
    return {run: [Path(path.replace("{fold}", str(fold))) for fold in range(folds)] for run, path in paths.items()}


def files_of_external(folders: list[Path], photos: str, folds: int) -> dict[str, list[Path]]:
    """Return the paths of each external member's predictions, one per fold, by the name of its folder.

    Args:
        folders: a member each.
        photos: ``validation``, or the name of a photoset.
        folds: how many there are.
    """
    return {folder.name: [folder / f"fold{fold}" / f"{photos}.parquet" for fold in range(folds)] for folder in folders}


def read_predictions(
    path: Path, image_ids: np.ndarray, labels: list[str], part: str, *, own: bool = False
) -> Predictions:
    """Read a predictions table that must hold exactly the photos ``image_ids`` at each of its epochs.

    Args:
        path: the table: ``image_id``, ``epoch`` and one column per label; rows in any order.
        image_ids: the photos expected; the scores are returned in their order.
        labels: the labels there are; the table may lack some.
        part: what the photos are, for the messages ("fold 2").
        own: whether this workflow wrote it, and sealed it.

    Raises:
        InputError: with the file and the count, for photos that are missing, foreign or there twice, columns that are
            no label, and scores that are not in 0..1.
    """
    table = read_table(path) if own else read_users_table(path, MOST_CELLS)
    known = _label_columns(path, table, labels)
    positions = pd.Index(image_ids).get_indexer(table["image_id"])
    epochs, epoch_numbers = np.unique(table["epoch"].to_numpy(), return_inverse=True)
    cells = epoch_numbers * len(image_ids) + positions
    foreign = np.count_nonzero(positions < 0)
    if foreign:
        raise InputError(f"{path}: {foreign} rows hold photos that are not of {part}")
    doubled = len(cells) - len(np.unique(cells))
    if doubled:
        raise InputError(f"{path}: {doubled} rows repeat a photo at the same epoch")
    missing = len(epochs) * len(image_ids) - len(cells)
    if missing:
        raise InputError(
            f"{path}: {missing} rows are missing: each of {len(epochs)} epochs needs every photo of {part}"
        )
    values = _checked_scores(path, table[known])
    ordered = values[np.argsort(cells)].reshape(len(epochs), len(image_ids), len(known))
    return Predictions(epochs.tolist(), {label: ordered[:, :, k] for k, label in enumerate(known)})


def _label_columns(path: Path, table: pd.DataFrame, labels: list[str]) -> list[str]:
    """Return the labels that a predictions table has, in the order of ``labels``; `InputError` for a wrong column."""
    absent = {"image_id", "epoch"} - set(table.columns)
    if absent:
        raise InputError(f"{path}: has no column {', '.join(sorted(absent))}")
    if not table.columns.is_unique:
        raise InputError(f"{path}: a column is there twice")
    unknown = [column for column in table.columns if column not in {"image_id", "epoch", *labels}]
    if unknown:
        raise InputError(f"{path}: {len(unknown)} columns are no label: {', '.join(map(str, unknown))}")
    known = [label for label in labels if label in table.columns]
    text = [column for column in ["epoch", *known] if not pd.api.types.is_numeric_dtype(table[column])]
    if text:
        raise InputError(f"{path}: {len(text)} columns do not hold numbers: {', '.join(text)}")
    epochs = table["epoch"]
    wrong = np.count_nonzero(~(epochs.between(0, MOST_EPOCHS - 1) & (epochs % 1 == 0)))
    if wrong:
        raise InputError(f"{path}: {wrong} epochs are no whole numbers from 0 to {MOST_EPOCHS - 1}")
    return known


def _checked_scores(path: Path, table: pd.DataFrame) -> np.ndarray:
    """Return the scores as a float32 array of the table's shape; `InputError` when one is NaN or outside 0..1."""
    values = table.to_numpy(dtype=np.float32)
    undefined = np.count_nonzero(np.isnan(values))
    if undefined:
        raise InputError(f"{path}: {undefined} scores are NaN")
    outside = np.count_nonzero((values < 0) | (values > 1))
    if outside:
        raise InputError(f"{path}: {outside} scores are outside 0..1")
    return values


def read_run(
    paths: list[Path], image_ids: np.ndarray, folds: np.ndarray, labels: list[str], *, own: bool = True
) -> Predictions:
    """Put a run's out-of-fold predictions together: scores of all photos, each by the CNN that did not see it.

    Args:
        paths: one predictions table per fold, in the order of the folds.
        image_ids, folds: the manifest's photos and their folds, shape (photos,).
        labels: the labels there are.
        own: whether this workflow wrote the tables.
    """
    parts = [
        read_predictions(path, image_ids[folds == fold], labels, f"fold {fold}", own=own)
        for fold, path in enumerate(paths)
    ]
    first = parts[0]
    for path, part in zip(paths, parts, strict=True):
        if not part.epochs:
            raise InputError(f"{path}: holds no predictions")
        if part.epochs != first.epochs:
            raise InputError(f"{path}: holds the epochs {part.epochs}, but {paths[0]} holds {first.epochs}")
        if part.scores.keys() != first.scores.keys():
            raise InputError(
                f"{path}: holds {len(part.scores)} labels, but {paths[0]} holds {len(first.scores)} or others"
            )
    scores = {label: np.empty((len(first.epochs), len(image_ids)), dtype=np.float32) for label in first.scores}
    for fold, part in enumerate(parts):
        for label, values in part.scores.items():
            scores[label][:, folds == fold] = values
    return Predictions(first.epochs, scores)


def collate_scores(
    runs: dict[str, list[Path]],
    image_ids: np.ndarray,
    folds: np.ndarray,
    outputs: dict[str, Path],
    external: Container[str] = (),
) -> None:
    """Write the candidates of every label to ``outputs``; memory holds one run at a time, whatever their number.

    Args:
        runs: for each run its predictions tables, one per fold.
        image_ids, folds: the manifest's photos and their folds, shape (photos,).
        outputs: for each label the file to write.
        external: those of ``runs`` whose tables another program wrote.

    Raises:
        InputError: for predictions that cannot be used (see `read_predictions`) and a label that no run predicts.
    """
    schema = _candidate_schema(image_ids)
    written = dict.fromkeys(outputs, 0)
    with ExitStack() as stack:
        writers = {}
        for label, path in outputs.items():
            writer = table_writer(path, schema, compression="zstd", use_dictionary=["run"])
            writers[label] = stack.enter_context(writer)
        for run, paths in runs.items():
            predictions = read_run(paths, image_ids, folds, list(outputs), own=run not in external)
            for label, scores in predictions.scores.items():
                writers[label].write_table(_candidate_table(run, predictions.epochs, scores, schema))
                written[label] += 1
        lacking = [label for label, count in written.items() if count == 0]
        if lacking:
            raise InputError(f"none of the {len(runs)} runs predicts the label {', '.join(lacking)}")


def _candidate_schema(image_ids: np.ndarray) -> pa.Schema:
    columns = [
        ("run", pa.string()),
        ("epoch", pa.int16()),
        ("scores", pa.list_(pa.float32(), len(image_ids))),
    ]
    return pa.schema(columns, metadata={DIGEST_KEY: _digest(image_ids)})


def _candidate_table(run: str, epochs: list[int], scores: np.ndarray, schema: pa.Schema) -> pa.Table:
    flat = pa.array(np.ascontiguousarray(scores).ravel())
    columns = [
        pa.array([run] * len(epochs)),
        pa.array(epochs, pa.int16()),
        pa.FixedSizeListArray.from_arrays(flat, scores.shape[1]),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _digest(image_ids: np.ndarray) -> bytes:
    """Return a SHA-256 of the photos' names in their order, so that scores are never read against other photos."""
    return hashlib.sha256(json.dumps([str(name) for name in image_ids]).encode()).hexdigest().encode()


@contextmanager
def _open_candidates(path: Path, image_ids: np.ndarray) -> Iterator[pq.ParquetFile]:
    with open_table(path) as file:
        if (file.schema_arrow.metadata or {}).get(DIGEST_KEY) != _digest(image_ids):
            raise InputError(
                f"{path}: was collated for other photos than the manifest's {len(image_ids)}, or in another order"
            )
        yield file


def _score_rows(table: pa.Table) -> np.ndarray:
    """Return the column ``scores`` as a float32 array of shape (rows, photos)."""
    return table["scores"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, -1)


def read_candidates(path: Path, image_ids: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a label's candidates (columns run, epoch) and their scores, float32 of shape (candidates, photos)."""
    with _open_candidates(path, image_ids) as file:
        table = file.read()
    return table.select(["run", "epoch"]).to_pandas(), _score_rows(table)


def read_members(path: Path, members: pd.DataFrame, image_ids: np.ndarray) -> np.ndarray:
    """Return the scores of ``members`` (columns run, epoch), float32 of shape (members, photos), in their order.

    Only the row groups of the members' runs are read. `InputError` when a member is not among the candidates.
    """
    with _open_candidates(path, image_ids) as file:
        candidates = pd.MultiIndex.from_frame(file.read(columns=["run", "epoch"]).to_pandas())
        rows = candidates.get_indexer(pd.MultiIndex.from_frame(members[["run", "epoch"]]))
        if (rows < 0).any():
            raise InputError(f"{path}: {np.count_nonzero(rows < 0)} of the {len(rows)} members are not in it")
        ends = np.cumsum([file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)])
        groups = np.searchsorted(ends, rows, side="right")
        scores = np.empty((len(rows), len(image_ids)), dtype=np.float32)
        for group in np.unique(groups):
            wanted = groups == group
            table = file.read_row_group(group, columns=["scores"])
            scores[wanted] = _score_rows(table)[rows[wanted] - (ends[group] - table.num_rows)]
    return scores


def read_stack_features(
    paths: list[Path], selections: list[pd.DataFrame], image_ids: np.ndarray, without: int = NONE
) -> np.ndarray:
    """Return what a label's stackers learn from: the members' out-of-fold scores, float32 of shape (photos, members).

    Args:
        paths: candidates of the labels whose members are the features, one file per label.
        selections: what `select.select_by_fold` returns, of the same labels.
        image_ids: the manifest's photos.
        without: the fold that the members were selected without, or `rank.NONE`.
    """
    parts = [
        read_members(path, members_of(selection, without), image_ids)
        for path, selection in zip(paths, selections, strict=True)
    ]
    return np.concatenate(parts).T


def read_features(
    runs: dict[str, list[Path]],
    members: pd.DataFrame,
    image_ids: np.ndarray,
    labels: list[str],
    external: Container[str] = (),
) -> dict[str, np.ndarray]:
    """Return for each label what its stackers take: float32 of shape (folds, photos, members).

    Args:
        runs: for each run its predictions of the photoset, one table per fold, holding at least the epochs selected.
        members: columns label, run, epoch, member (1-based).
        image_ids: the photoset's photos in the manifest's order.
        labels: the labels there are.
        external: those of ``runs`` whose tables another program wrote.

    Raises:
        InputError: for predictions that cannot be used and members that are not in them.
    """
    counts = members["label"].value_counts()
    folds = len(next(iter(runs.values())))
    features = {name: np.empty((folds, len(image_ids), counts.get(name, 0)), dtype=np.float32) for name in labels}
    for run, wanted in members.groupby("run"):
        if run not in runs:
            raise InputError(f"{len(wanted)} members are of the run {run}, whose predictions are not given")
        for fold, path in enumerate(runs[run]):
            predictions = read_predictions(path, image_ids, labels, "the photoset", own=run not in external)
            for member in wanted.itertuples():
                if member.epoch not in predictions.epochs or member.label not in predictions.scores:
                    raise InputError(
                        f"{path}: lacks epoch {member.epoch} of the label {member.label}, which is a member"
                    )
                epoch = predictions.epochs.index(member.epoch)
                features[member.label][fold, :, member.member - 1] = predictions.scores[member.label][epoch]
    return features
