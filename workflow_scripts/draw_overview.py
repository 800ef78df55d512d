"""Draw the report's pictures of all labels together, and write the figures that it says."""

import argparse
from functools import partial

import numpy as np
import pandas as pd

from stylevote.ensemble.decisions import decision_matrix
from stylevote.ensemble.scores import read_members
from stylevote.ensemble.threshold import decide
from stylevote.program import add_spec, check_number, optional_path, parser, run
from stylevote.report.drawing import SERIES
from stylevote.report.markup import write_picture
from stylevote.report.measures import co_occurrence, decide_by_one
from stylevote.report.overview import (
    DECIDED_BY,
    bounds,
    compare_singles,
    label_figures,
    macro_figures,
    resampled_counts,
)
from stylevote.report.plots import dot_chart, heat_map, size_curve
from stylevote.tables import fold_numbers, label_matrix, read_json, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the figures, then the pictures of them."""
    labels, beta = arguments.spec["labels"], arguments.spec["beta"]
    for option in ("candidates", "rankings", "stacked", "singles", "figures"):
        check_number(option, getattr(arguments, option), len(labels), "label")
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    truth = label_matrix(manifest, labels)
    honest, scores = read_table(arguments.honest), read_table(arguments.scores)
    thresholds = [read_json(path) for path in arguments.figures]
    cut = [
        decide(read_table(path, ["score"])["score"].to_numpy(), found["threshold"])
        for path, found in zip(arguments.stacked, thresholds, strict=True)
    ]
    naive, test = bounds(truth, np.stack(cut, axis=1), beta), None
    if len(scores):
        tested = read_table(arguments.test_manifest, ["image_id", *labels])
        votes = read_table(arguments.votes, ["image_id", "label", "decision"])
        test = bounds(label_matrix(tested, labels), decision_matrix(votes, tested["image_id"].to_numpy(), labels), beta)
    joining = read_table(arguments.joining, ["gain"])["gain"].iloc[-1] if arguments.joining else None
    macro = macro_figures(honest, naive, test, scores, joining)
    by_label = label_figures(labels, honest, thresholds, test, scores)
    decided = read_table(arguments.decisions, labels).to_numpy(dtype=np.uint8)
    singles, folds = [read_table(path) for path in arguments.singles], read_table(arguments.fold_table)
    one = decide_by_one(
        [read_table(path) for path in arguments.rankings],
        [partial(read_members, path, image_ids=manifest["image_id"].to_numpy()) for path in arguments.candidates],
        fold_numbers(manifest, folds),
    )
    if one is not None:
        singles = [table.assign(one=one[:, k]) for k, table in enumerate(singles)]
    gains = compare_singles(truth, decided, singles, beta)
    for table, path in ((macro, arguments.macro), (by_label, arguments.labels), (gains, arguments.gains)):
        write_table(table, path)

    folder, score, known = arguments.pictures, f"F{beta:g}", gains.dropna(subset="value")
    pictures = {
        "scores": dot_chart(macro["text"], [macro], title=f"Macro {score}", name="scores"),
        "labels": dot_chart(
            labels, _of_labels(by_label), title=f"{score} of every label", name="labels", limits=(0, 1)
        ),
        "distribution": dot_chart(
            labels,
            [by_label[["positives"]].rename(columns={"positives": "value"})],
            title="Training photos with each label",
            name="distribution",
            log=True,
            form="{:,.0f}",
        ),
        "co_occurrence": heat_map(co_occurrence(truth), labels, title="Labels that occur together", name="together"),
        "gains": dot_chart(
            known["name"].replace(DECIDED_BY),
            [known],
            title=f"Honest macro {score} of the ensemble and of single networks",
            name="gains",
        ),
    }
    if arguments.sizes:
        pictures["sizes"] = size_curve(read_table(arguments.sizes), title="Size against score", name="sizes")
    if arguments.epochs:
        photos = manifest.set_index("image_id")[labels]
        counts = {"before": photos[fold_numbers(manifest, folds) != 0].sum()}
        for recipe, path in zip(arguments.recipes, arguments.epochs, strict=True):
            counts[recipe] = resampled_counts(photos, read_table(path, ["epoch", "image_id"]))
        counts = pd.DataFrame(counts)
        write_table(counts.reset_index(names="label"), folder / "resampling.parquet")
        shown = [counts[[name]].rename(columns={name: "value"}) for name in list(counts)[: len(SERIES)]]
        pictures["resampling"] = dot_chart(
            labels, shown, title="Photos an epoch, before and after", name="resampling", log=True, form="{:,.0f}"
        )
    for name, picture in pictures.items():
        write_picture(picture, folder / f"{name}.svg")


def _of_labels(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the honest F-beta of every label, and that on the test photos if it is known, with their intervals."""
    return [
        table[[f"{kind}_f_beta", f"{kind}_low", f"{kind}_high"]].set_axis(["value", "low", "high"], axis=1)
        for kind in ("honest", "test")
        if f"{kind}_f_beta" in table
    ]


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the training photos",
        fold_table="their folds",
        test_manifest="the test photos",
        honest="the honest estimate",
        decisions="the decisions that it is made of",
        candidates="scores of the candidates: one table per label, in the order of the labels...",
        rankings="their rankings: one table per label...",
        stacked="out-of-fold stacked scores: one table per label, in the order of the labels...",
        singles="decisions by single networks: one table per label...",
        figures="thresholds and their surroundings: one file per label...",
        votes="votes on the test photos",
        scores="scores of their decisions (empty where their labels are not known)",
        macro="to write: the macro F-beta, told in different ways",
        labels="to write: the figures of every label",
        gains="to write: the ensemble beside single networks",
        pictures="to write: folder of the pictures",
    )
    options.add_argument("--joining", type=optional_path, nargs="?", help="what joining the folds is expected to add")
    options.add_argument("--sizes", type=optional_path, nargs="?", help="what ensembles of other sizes are worth")
    options.add_argument("--recipes", nargs="*", default=[], help="names of recipes that resample")
    options.add_argument(
        "--epochs", type=optional_path, nargs="*", default=[], help="what their epochs see: one table a recipe"
    )
    add_spec(options, '{"labels": [...], "beta": 2}')
    run(options, main)
