"""The runs' predictions, and the candidates that are collated from them.

A *candidate* is a run at one of its epochs. An external member, whose predictions another program made, is a run, too.
The candidates of a block of labels are a Parquet file with the columns ``label``, ``run``, ``epoch`` and ``scores``:
the out-of-fold score of every training photo, in the manifest's order. It has one row group per run and label. So it
can be written run by run, and a few members can be read without the others.
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

from stylevote.ensemble.rank import of_fold
from stylevote.errors import InputError
from stylevote.files.tables import open_table, read_table, table_writer
from stylevote.files.user_tables import read_users_table

DIGEST_KEY = b"image_ids_sha256"
MAX_CELLS = 50_000_000  # of a file of predictions; reading it takes about 1.5 GB
READ_BYTES = 500_000_000  # of a photoset's scores in memory at a time
MAX_EPOCHS = 2**15  # epochs are stored in 16 bits


@dataclass(frozen=True)
class Predictions:
    """Predictions of a run: its ``epochs``, ascending, and for each label ``scores``, float32 (epochs, photos)."""

    epochs: list[int]
    scores: dict[str, np.ndarray]


def files_of_runs(runs: list[str], paths: list[Path], folds: int) -> dict[str, list[Path]]:
    """Return the files of each run, one per fold; ``paths`` has all of them, in the order of runs and folds.

    Raises:
        InputError: a run is named twice, or there is not one file per run and fold.
    """
    if len(set(runs)) != len(runs):
        raise InputError(f"{len(runs) - len(set(runs))} runs are named twice")
    if len(paths) != len(runs) * folds:
        raise InputError(f"found {len(paths)} files of {len(runs)} runs, expected {folds} of each, one per fold")
    return {run: paths[k * folds : (k + 1) * folds] for k, run in enumerate(runs)}


def read_predictions(
    path: Path,
    image_ids: np.ndarray,
    labels: list[str],
    photoset: str,
    *,
    own: bool = False,
    wanted: Container[str] | None = None,
) -> Predictions:
    """Read a table of predictions that must hold exactly the photos ``image_ids`` at each of its epochs.

    Args:
        path: a table with the columns ``image_id``, ``epoch`` and one per label; rows in any order.
        image_ids: expected photos; the scores are returned in their order.
        labels: all labels; the table may lack some.
        photoset: name of the photos, for the messages ("fold 2").
        own: whether this workflow wrote and sealed the table.
        wanted: labels to return; by default all. Of a table of our own, only their columns are read.

    Raises:
        InputError: photos are missing, unknown or repeated, columns are no labels, or scores are not in 0..1.
    """
    if wanted is not None and own:
        with open_table(path) as file:
            columns = [name for name in file.schema_arrow.names if name in wanted or name in ("image_id", "epoch")]
            table = file.read(columns=columns).to_pandas()
    else:
        table = read_table(path) if own else read_users_table(path, MAX_CELLS)
    known = [label for label in _label_columns(path, table, labels) if wanted is None or label in wanted]
    positions = pd.Index(image_ids).get_indexer(table["image_id"])
    epochs, epoch_numbers = np.unique(table["epoch"].to_numpy(), return_inverse=True)
    cells = epoch_numbers * len(image_ids) + positions
    if unknown := np.count_nonzero(positions < 0):
        raise InputError(f"{path}: {unknown} rows hold photos that are not of {photoset}")
    if repeated := len(cells) - len(np.unique(cells)):
        raise InputError(f"{path}: {repeated} rows repeat a photo at the same epoch")
    if missing := len(epochs) * len(image_ids) - len(cells):
        raise InputError(
            f"{path}: {missing} rows are missing: each of {len(epochs)} epochs needs every photo of {photoset}"
        )
    values = _checked_scores(path, table[known])
    ordered = values[np.argsort(cells)].reshape(len(epochs), len(image_ids), len(known))
    return Predictions(epochs.tolist(), {label: ordered[:, :, k] for k, label in enumerate(known)})


def _label_columns(path: Path, table: pd.DataFrame, labels: list[str]) -> list[str]:
    """Return the labels that a table of predictions has, in the order of ``labels``; check its columns."""
    if missing := {"image_id", "epoch"} - set(table.columns):
        raise InputError(f"{path}: has no column {', '.join(sorted(missing))}")
    if not table.columns.is_unique:
        raise InputError(f"{path}: has two columns of the same name")
    kinds, expected = table.dtypes.to_dict(), {"image_id", "epoch", *labels}
    if unknown := [column for column in kinds if column not in expected]:
        raise InputError(f"{path}: {len(unknown)} columns are no label: {', '.join(map(str, unknown))}")
    known = [label for label in labels if label in kinds]
    if text := [column for column in ["epoch", *known] if not pd.api.types.is_numeric_dtype(kinds[column])]:
        raise InputError(f"{path}: {len(text)} columns do not hold numbers: {', '.join(text)}")
    epochs = table["epoch"]
    if wrong := np.count_nonzero(~(epochs.between(0, MAX_EPOCHS - 1) & (epochs % 1 == 0))):
        raise InputError(f"{path}: {wrong} epochs are no whole numbers from 0 to {MAX_EPOCHS - 1}")
    return known


def _checked_scores(path: Path, table: pd.DataFrame) -> np.ndarray:
    """Return the scores as a float32 array of the table's shape; check that all are in 0..1."""
    values = table.to_numpy(dtype=np.float32)
    if undefined := np.count_nonzero(np.isnan(values)):
        raise InputError(f"{path}: {undefined} scores are NaN")
    if outside := np.count_nonzero((values < 0) | (values > 1)):
        raise InputError(f"{path}: {outside} scores are outside 0..1")
    return values


def read_run(
    paths: list[Path], image_ids: np.ndarray, folds: np.ndarray, labels: list[str], *, own: bool = True
) -> Predictions:
    """Read a run's out-of-fold predictions: scores of all photos, each by the CNN that was not trained on it.

    Args:
        paths: a table of predictions per fold, in the order of the folds.
        image_ids, folds: the manifest's photos and their folds, shape (photos,).
        labels: all labels.
        own: whether this workflow wrote the tables.

    Raises:
        InputError: a table cannot be used (see `read_predictions`), is empty, or differs from the first one in its
            epochs or labels.
    """
    by_fold = [
        read_predictions(path, image_ids[folds == fold], labels, f"fold {fold}", own=own)
        for fold, path in enumerate(paths)
    ]
    first = by_fold[0]
    for path, predictions in zip(paths, by_fold, strict=True):
        if not predictions.epochs:
            raise InputError(f"{path}: holds no predictions")
        if predictions.epochs != first.epochs:
            raise InputError(f"{path}: holds the epochs {predictions.epochs}, but {paths[0]} holds {first.epochs}")
        if predictions.scores.keys() != first.scores.keys():
            raise InputError(
                f"{path}: holds {len(predictions.scores)} labels, but {paths[0]} holds {len(first.scores)} or others"
            )
    scores = {label: np.empty((len(first.epochs), len(image_ids)), dtype=np.float32) for label in first.scores}
    for fold, predictions in enumerate(by_fold):
        for label, values in predictions.scores.items():
            scores[label][:, folds == fold] = values
    return Predictions(first.epochs, scores)


def collate_scores(
    runs: dict[str, list[Path]],
    image_ids: np.ndarray,
    folds: np.ndarray,
    outputs: dict[Path, list[str]],
    external: Container[str] = (),
) -> None:
    """Write the candidates of every block to ``outputs``, with one run in memory at a time.

    Args:
        runs: for each run its tables of predictions, one per fold.
        image_ids, folds: the manifest's photos and their folds, shape (photos,).
        outputs: for each file to write, the labels of its block.
        external: the ``runs`` whose tables another program wrote.

    Raises:
        InputError: predictions cannot be used (see `read_run`), or no run predicts a label.
    """
    schema = _candidate_schema(image_ids)
    labels = [label for block in outputs.values() for label in block]
    written = dict.fromkeys(labels, 0)
    with ExitStack() as stack:
        writers = {}
        for path, block in outputs.items():
            writer = table_writer(path, schema, compression="zstd", use_dictionary=["label", "run"])
            writers |= dict.fromkeys(block, stack.enter_context(writer))
        for run, paths in runs.items():
            predictions = read_run(paths, image_ids, folds, labels, own=run not in external)
            for label, scores in predictions.scores.items():
                writers[label].write_table(_candidate_table(label, run, predictions.epochs, scores, schema))
                written[label] += 1
        if missing := [label for label, count in written.items() if count == 0]:
            raise InputError(f"none of the {len(runs)} runs predicts the label {', '.join(missing)}")


def _candidate_schema(image_ids: np.ndarray) -> pa.Schema:
    columns = [
        ("label", pa.string()),
        ("run", pa.string()),
        ("epoch", pa.int16()),
        ("scores", pa.list_(pa.float32(), len(image_ids))),
    ]
    return pa.schema(columns, metadata={DIGEST_KEY: _digest(image_ids)})


def _candidate_table(label: str, run: str, epochs: list[int], scores: np.ndarray, schema: pa.Schema) -> pa.Table:
    flat = pa.array(np.ascontiguousarray(scores).ravel())
    columns = [
        pa.array([label] * len(epochs)),
        pa.array([run] * len(epochs)),
        pa.array(epochs, pa.int16()),
        pa.FixedSizeListArray.from_arrays(flat, scores.shape[1]),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _digest(image_ids: np.ndarray) -> bytes:
    """Return a SHA-256 of the photos' names in their order, to check that scores belong to these photos."""
    return hashlib.sha256(json.dumps([str(name) for name in image_ids]).encode()).hexdigest().encode()


class Candidates:
    """The candidates of some labels, in the open files of their blocks.

    Attributes:
        labels: labels that the files hold.
    """

    def __init__(self, files: dict[Path, pq.ParquetFile], image_ids: np.ndarray) -> None:
        self._photos = len(image_ids)
        self._places: dict[str, tuple[Path, pq.ParquetFile, pd.DataFrame]] = {}
        for path, file in files.items():
            if (file.schema_arrow.metadata or {}).get(DIGEST_KEY) != _digest(image_ids):
                raise InputError(
                    f"{path}: was collated for other photos than the manifest's {len(image_ids)}, or in another order"
                )
            rows = file.read(columns=["label", "run", "epoch"]).to_pandas()
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            rows["group"] = np.repeat(np.arange(len(sizes)), sizes)
            rows["row"] = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            for label, of_label in rows.groupby("label", sort=False):
                self._places[label] = path, file, of_label.reset_index(drop=True)
        self.labels = list(self._places)

    def of(self, label: str) -> tuple[pd.DataFrame, np.ndarray]:
        """Return a label's candidates (columns run, epoch) and their scores, float32 of shape (candidates, photos)."""
        candidates = self._place(label)[2][["run", "epoch"]]
        return candidates, self.members(label, candidates)

    def members(self, label: str, members: pd.DataFrame) -> np.ndarray:
        """Return the scores of a label's ``members`` (columns run, epoch), float32 of shape (members, photos).

        The rows have the members' order. Only the row groups of the members' runs are read.

        Raises:
            InputError: a member is not among the candidates.
        """
        path, file, candidates = self._place(label)
        places = pd.MultiIndex.from_frame(candidates[["run", "epoch"]])
        positions = places.get_indexer(pd.MultiIndex.from_frame(members[["run", "epoch"]]))
        if missing := np.count_nonzero(positions < 0):
            raise InputError(f"{path}: {missing} of the {len(positions)} members of {label} are not in it")
        groups, rows = candidates["group"].to_numpy()[positions], candidates["row"].to_numpy()[positions]
        scores = np.empty((len(positions), self._photos), dtype=np.float32)
        for group in np.unique(groups):
            wanted = groups == group
            column = file.read_row_group(group, columns=["scores"])["scores"].combine_chunks()
            scores[wanted] = column.flatten().to_numpy().reshape(len(column), -1)[rows[wanted]]
        return scores

    def _place(self, label: str) -> tuple[Path, pq.ParquetFile, pd.DataFrame]:
        if label not in self._places:
            raise InputError(f"no file of candidates holds the label {label!r}")
        return self._places[label]


@contextmanager
def open_candidates(paths: list[Path], image_ids: np.ndarray) -> Iterator[Candidates]:
    """Yield the candidates of some blocks, given their files and the manifest's photos.

    Raises:
        InputError: a file is damaged, or was collated for other photos.
    """
    with ExitStack() as stack:
        yield Candidates({path: stack.enter_context(open_table(path)) for path in paths}, image_ids)


def read_features(
    runs: dict[str, list[Path]],
    members: pd.DataFrame,
    image_ids: np.ndarray,
    labels: list[str],
    external: Container[str] = (),
    *,
    wanted: list[str] | None = None,
) -> dict[str, np.ndarray]:
    """Return for each label its members' scores by each fold's CNNs: float32, shape (folds, photos, members).

    Args:
        runs: for each run its predictions for the photoset, one table per fold, with at least the selected epochs.
        members: columns label, run, epoch, fold (of the member's CNN, or `rank.ALL`), member (1-based).
        image_ids: the photoset's photos in the manifest's order.
        labels: all labels.
        external: the ``runs`` whose tables another program wrote.
        wanted: labels to return; by default all. Fewer take less memory.

    Raises:
        InputError: predictions cannot be used (see `read_predictions`), or lack a member.
    """
    names = labels if wanted is None else wanted
    members = members[members["label"].isin(names)]
    counts = members.groupby("label")["member"].max()
    folds = len(next(iter(runs.values())))
    features = {name: np.empty((folds, len(image_ids), counts.get(name, 0)), dtype=np.float32) for name in names}
    for run, of_run in members.groupby("run"):
        if run not in runs:
            raise InputError(f"{len(of_run)} members are of the run {run}, whose predictions are not given")
        needed = None if wanted is None else set(of_run["label"])
        for fold, path in enumerate(runs[run]):
            of_cnn = of_fold(of_run, fold)
            if of_cnn.empty:
                continue
            predictions = read_predictions(
                path, image_ids, labels, "the photoset", own=run not in external, wanted=needed
            )
            for member in of_cnn.itertuples():
                if member.epoch not in predictions.epochs or member.label not in predictions.scores:
                    raise InputError(
                        f"{path}: lacks epoch {member.epoch} of the label {member.label}, which is a member"
                    )
                epoch = predictions.epochs.index(member.epoch)
                features[member.label][fold, :, member.member - 1] = predictions.scores[member.label][epoch]
    return features


def divide_labels(labels: list[str], common: list[str], members: pd.DataFrame, cells: int) -> list[list[str]]:
    """Divide labels into groups whose members' scores fit into `READ_BYTES` of memory.

    Args:
        labels: all labels.
        common: labels whose members every stacker uses; if there are any, all labels are one group.
        members: columns label, member (its number) and others.
        cells: scores of one member: folds times photos.
    """
    if common:
        return [labels]
    size = max(1, READ_BYTES // (4 * cells * max(1, int(members["member"].max()))))
    return [labels[start : start + size] for start in range(0, len(labels), size)]
