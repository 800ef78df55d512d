"""Draw the pictures of a block's labels for the report, and decide by single networks to compare the ensemble with."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stylevote.digests import file_stem
from stylevote.ensemble.blocks import read_by_label, read_values, write_by_label
from stylevote.ensemble.inputs import BLOCK_FILES, BlockInputs, open_block
from stylevote.ensemble.scores import files_by_run
from stylevote.ensemble.select import members_of
from stylevote.ensemble.threshold import f_beta_at
from stylevote.metrics import best_cut
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.report.drawing import SERIES
from stylevote.report.markup import write_picture
from stylevote.report.measures import compare_losses, curve_points, decide_by_singles, flat_range, reliability
from stylevote.report.overview import pictured_labels
from stylevote.report.plots import correlation_map, loss_curves, reliability_curve, threshold_curves
from stylevote.tables import label_matrix, read_table, write_table

MOST_MEMBERS = 30  # in the picture of their correlation


@dataclass(frozen=True)
class TestPhotos:
    """What is known of the test photos: their ``manifest``, and their labels and scores by label, if there are any."""

    manifest: pd.DataFrame
    truth: dict[str, np.ndarray]
    scores: dict[str, np.ndarray]


def main(arguments: argparse.Namespace) -> None:
    """Write the pictures, the decisions of single networks, and how flat F-beta is around each threshold."""
    spec = arguments.spec
    labels, beta = spec["labels"], spec["beta"]
    folders = [arguments.thresholds_pictures, arguments.reliability_pictures, arguments.correlation_pictures]
    for folder in (*folders, *([arguments.losses_pictures] if arguments.losses_pictures else [])):
        folder.mkdir(parents=True, exist_ok=True)
    pictured = set(labels)
    if arguments.honest:
        pictured &= set(pictured_labels(read_table(arguments.honest), spec["most"]))
    rankings = read_by_label([arguments.rankings], labels)
    stacked = read_by_label([arguments.stacked], labels, ["score"])
    estimates = read_by_label([arguments.estimate], labels, ["score"])
    thresholds = read_values([arguments.threshold], labels, "threshold")
    tested, singles, rows = read_tested(arguments, labels), {}, []
    with open_block(arguments) as block:
        for label in labels:
            scores = stacked[label]["score"].to_numpy()
            figures = threshold_figures(label, block.truth(label), scores, thresholds[label], tested=tested, beta=beta)
            members = members_of(block.selections[label])
            networks = members.drop_duplicates(["run", "epoch"])
            shown = networks.head(MOST_MEMBERS)
            figures |= {"members": len(members), "networks": len(networks), "drawn": len(shown)}
            rows.append({"label": label, **figures})
            read_scores = partial(block.candidates.members, label)
            external = set(spec["external"])
            singles[label] = decide_by_singles(rankings[label], read_scores, block.folds, external)
            if label in pictured:
                honest = estimates[label]["score"].to_numpy()
                draw_label(
                    arguments,
                    block,
                    label,
                    scores=scores,
                    honest=honest,
                    figures=figures,
                    shown=shown,
                    tested=tested,
                )
                if arguments.losses_pictures:
                    draw_losses(arguments, block, label, rankings[label], tested)
    write_by_label(singles, arguments.singles)
    write_table(pd.DataFrame(rows), arguments.figures)


def read_tested(arguments: argparse.Namespace, labels: list[str]) -> TestPhotos:
    """Return what is known of the test photos."""
    manifest = read_table(arguments.test_manifest)
    known = [label for label in labels if label in manifest]
    votes = read_by_label([arguments.votes], known, ["score"]) if known else {}
    return TestPhotos(
        manifest,
        {label: label_matrix(manifest, [label])[:, 0] for label in known},
        {label: table["score"].to_numpy() for label, table in votes.items()},
    )


def threshold_figures(
    label: str, truth: np.ndarray, scores: np.ndarray, threshold: float, *, tested: TestPhotos, beta: float
) -> dict[str, Any]:
    """Return the threshold, between which thresholds F-beta is as good, and what it reaches on the test photos."""
    low, high = flat_range(truth, scores, threshold, beta)
    figures = {"threshold": threshold, "flat_low": low, "flat_high": high}
    if label in tested.truth:
        of_test = tested.truth[label], tested.scores[label]
        figures["test"] = float(f_beta_at(*of_test, np.array([threshold]), beta)[0])
        figures["test_best"] = best_cut(*of_test, beta)[1]
    return figures


def draw_label(
    arguments: argparse.Namespace,
    block: BlockInputs,
    label: str,
    *,
    scores: np.ndarray,
    honest: np.ndarray,
    figures: dict[str, Any],
    shown: pd.DataFrame,
    tested: TestPhotos,
) -> None:
    """Write a label's pictures: F-beta against the threshold, reliability, and the correlation of the members shown."""
    truth, beta = block.truth(label), arguments.spec["beta"]
    points = curve_points(scores, figures["threshold"])
    curves = [f_beta_at(truth, scores, points, beta)]
    if label in tested.truth:
        curves.append(f_beta_at(tested.truth[label], tested.scores[label], points, beta))
    flat = figures["flat_low"], figures["flat_high"]
    title = f"F{beta:g} against the threshold: {label}"
    picture = threshold_curves(points, curves, figures["threshold"], flat, title=title, name=f"threshold {label}")
    write_picture(picture, picture_path(arguments.thresholds_pictures, label))
    picture = reliability_curve(reliability(truth, honest), title=f"Reliability: {label}", name=f"reliability {label}")
    write_picture(picture, picture_path(arguments.reliability_pictures, label))
    with np.errstate(invalid="ignore"):  # a network whose scores are all the same correlates with none
        likeness = np.nan_to_num(np.atleast_2d(np.corrcoef(block.candidates.members(label, shown))))
    title = f"Correlation of members: {label}"
    picture = correlation_map(likeness, shown["member"].tolist(), title=title, name=f"correlation {label}")
    write_picture(picture, picture_path(arguments.correlation_pictures, label))


def draw_losses(
    arguments: argparse.Namespace, block: BlockInputs, label: str, rankings: pd.DataFrame, tested: TestPhotos
) -> None:
    """Write a label's picture of networks that were trained with different losses."""
    losses = dict(list(arguments.spec["losses"].items())[: len(SERIES)])
    of_test = tested_scores(arguments, label, int(block.folds.max()) + 1, tested)
    read_scores, beta = partial(block.candidates.members, label), arguments.spec["beta"]
    compared = compare_losses(rankings, read_scores, block.truth(label), losses, beta=beta, tested=of_test)
    picture = loss_curves(list(losses), *compared, title=f"Losses: {label}", name=f"losses {label}")
    write_picture(picture, picture_path(arguments.losses_pictures, label))


def tested_scores(
    arguments: argparse.Namespace, label: str, folds: int, tested: TestPhotos
) -> tuple[np.ndarray, Callable[[str, int], np.ndarray | None]] | None:
    """Return what `compare_losses` takes of the test photos; None if their labels are not known."""
    if label not in tested.truth:
        return None

    def scores(run: str, epoch: int) -> np.ndarray | None:
        (paths,) = files_by_run([run], arguments.test_predictions, folds).values()
        tables = [read_table(path, ["image_id", "epoch", label]) for path in paths]
        found = [table[table["epoch"] == epoch].set_index("image_id")[label] for table in tables]
        if any(part.empty for part in found):
            return None
        return np.mean([part.loc[tested.manifest["image_id"]] for part in found], axis=0)

    return tested.truth[label], scores


def picture_path(folder: Path, label: str) -> Path:
    """Return the path of a label's picture in the folder of its kind."""
    return folder / f"{file_stem(label)}.svg"


if __name__ == "__main__":
    options = parser(
        __doc__,
        **BLOCK_FILES,
        rankings="rankings of the candidates",
        stacked="out-of-fold stacked scores",
        estimate="the labels' honest decisions",
        threshold="their thresholds",
        votes="votes on the test photos",
        test_manifest="the test photos",
        thresholds_pictures="to write: folder, F-beta against the threshold",
        reliability_pictures="to write: folder, what scores say against what is there",
        correlation_pictures="to write: folder, the members' correlation",
        singles="to write: the decisions of the best single network and of each backbone's best",
        figures="to write: the thresholds, how flat F-beta is around them, and how many members there are",
    )
    options.add_argument(
        "--honest", type=optional_path, nargs="?", help="the honest estimate, if too many labels are there to draw all"
    )
    options.add_argument(
        "--test-predictions",
        default="",
        help="scores of the test photos, if losses differ: a path with {run} and {fold}",
    )
    options.add_argument(
        "--losses-pictures", type=optional_path, nargs="?", help="to write: folder, if runs differ in their losses"
    )
    add_spec(
        options,
        '{"labels": [those of the block], "beta": 2, "most": labels that are drawn, "external": [names], "losses": '
        "{loss: [runs]}}",
    )
    run(options, main)
