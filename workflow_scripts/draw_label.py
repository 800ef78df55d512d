"""Draw one label's pictures for the report, and decide by single networks, to be compared with the ensemble."""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from stylevote.ensemble.scores import files_by_run, read_members
from stylevote.ensemble.select import members_of
from stylevote.ensemble.threshold import f_beta_at
from stylevote.metrics import best_cut
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.report.drawing import SERIES
from stylevote.report.markup import write_picture
from stylevote.report.measures import compare_losses, curve_points, decide_by_singles, flat_range, reliability
from stylevote.report.plots import correlation_map, loss_curves, reliability_curve, threshold_curves
from stylevote.tables import fold_numbers, label_matrix, read_json, read_table, write_json, write_table

MOST_MEMBERS = 30  # in the picture of their correlation


def main(arguments: argparse.Namespace) -> None:
    """Write the pictures, the decisions of single networks, and how flat F-beta is around the threshold."""
    label, beta = arguments.spec["label"], arguments.spec["beta"]
    manifest = read_table(arguments.manifest, ["image_id", label])
    truth, image_ids = label_matrix(manifest, [label])[:, 0], manifest["image_id"].to_numpy()
    rankings, members = read_table(arguments.rankings), members_of(read_table(arguments.members))

    def read_scores(networks: pd.DataFrame) -> np.ndarray:
        return read_members(arguments.scores, networks, image_ids)

    figures = draw_thresholds(arguments, label, truth, beta)
    honest = read_table(arguments.estimate, ["score"])["score"].to_numpy()
    picture = reliability_curve(reliability(truth, honest), title=f"Reliability: {label}", name=f"reliability {label}")
    write_picture(picture, arguments.reliability_picture)
    networks = members.drop_duplicates(["run", "epoch"])
    shown = networks.head(MOST_MEMBERS)
    figures |= {"members": len(members), "networks": len(networks), "drawn": len(shown)}
    with np.errstate(invalid="ignore"):  # a network whose scores are all the same correlates with none
        likeness = np.nan_to_num(np.atleast_2d(np.corrcoef(read_scores(shown))))
    title = f"Correlation of members: {label}"
    picture = correlation_map(likeness, shown["member"].tolist(), title=title, name=f"correlation {label}")
    write_picture(picture, arguments.correlation_picture)
    folds = fold_numbers(manifest, read_table(arguments.fold_table))
    write_table(decide_by_singles(rankings, read_scores, folds, set(arguments.spec["external"])), arguments.singles)
    if arguments.losses_picture:
        losses = dict(list(arguments.spec["losses"].items())[: len(SERIES)])
        tested = read_tested(arguments, label, int(folds.max()) + 1)
        compared = compare_losses(rankings, read_scores, truth, losses, beta=beta, tested=tested)
        picture = loss_curves(list(losses), *compared, title=f"Losses: {label}", name=f"losses {label}")
        write_picture(picture, arguments.losses_picture)
    write_json(figures, arguments.figures)


def read_tested(
    arguments: argparse.Namespace, label: str, folds: int
) -> tuple[np.ndarray, Callable[[str, int], np.ndarray | None]] | None:
    """Return what `compare_losses` takes of the test photos; None where their labels are not known."""
    tested = read_table(arguments.test_manifest)
    if label not in tested:
        return None

    def scores(run: str, epoch: int) -> np.ndarray | None:
        (paths,) = files_by_run([run], arguments.test_predictions, folds).values()
        tables = [read_table(path, ["image_id", "epoch", label]) for path in paths]
        found = [table[table["epoch"] == epoch].set_index("image_id")[label] for table in tables]
        if any(part.empty for part in found):
            return None
        return np.mean([part.loc[tested["image_id"]] for part in found], axis=0)

    return label_matrix(tested, [label])[:, 0], scores


def draw_thresholds(arguments: argparse.Namespace, label: str, truth: np.ndarray, beta: float) -> dict[str, Any]:
    """Write the curves of F-beta over all thresholds; return what is to be said of them."""
    threshold = read_json(arguments.threshold)["threshold"]
    scores = read_table(arguments.stacked, ["score"])["score"].to_numpy()
    points, flat = curve_points(scores, threshold), flat_range(truth, scores, threshold, beta)
    curves, figures = [f_beta_at(truth, scores, points, beta)], {"threshold": threshold, "flat": flat}
    tested = read_table(arguments.test_manifest)
    if label in tested:
        votes = read_table(arguments.votes, ["label", "score"])
        test_scores = votes.loc[votes["label"] == label, "score"].to_numpy()
        test_truth = label_matrix(tested, [label])[:, 0]
        curves.append(f_beta_at(test_truth, test_scores, points, beta))
        reached = f_beta_at(test_truth, test_scores, np.array([threshold]), beta)[0]
        figures |= {"test": float(reached), "test_best": best_cut(test_truth, test_scores, beta)[1]}
    title = f"F{beta:g} against the threshold: {label}"
    picture = threshold_curves(points, curves, threshold, flat, title=title, name=f"threshold {label}")
    write_picture(picture, arguments.thresholds_picture)
    return figures


if __name__ == "__main__":
    options = parser(
        __doc__,
        scores="the label's candidates",
        rankings="their rankings",
        members="the label's members",
        stacked="out-of-fold stacked scores",
        estimate="the label's honest decisions",
        threshold="its threshold",
        manifest="the training photos",
        fold_table="their folds",
        votes="votes on the test photos",
        test_manifest="the test photos",
        thresholds_picture="to write: F-beta against the threshold",
        reliability_picture="to write: what scores say against what is there",
        correlation_picture="to write: the members' correlation",
        singles="to write: the decisions of the best single network and of each backbone's best",
        figures="to write: the threshold, how flat F-beta is around it, and how many members there are",
    )
    options.add_argument(
        "--test-predictions",
        default="",
        help="scores of the test photos, where losses differ: a path with {run} and {fold}",
    )
    options.add_argument(
        "--losses-picture", type=optional_path, nargs="?", help="to write, if runs differ in their losses"
    )
    add_spec(options, '{"label": NAME, "beta": 2, "external": [names], "losses": {loss: [runs]}}')
    run(options, main)
