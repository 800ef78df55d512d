"""Draw the report's pictures of all labels together, and write the figures that it says."""

import argparse
from functools import partial

import numpy as np
import pandas as pd

from stylevote.ensemble.blocks import read_by_label
from stylevote.ensemble.decisions import decision_matrix
from stylevote.ensemble.scores import open_candidates
from stylevote.ensemble.threshold import decide
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.report.drawing import SERIES
from stylevote.report.markup import write_picture
from stylevote.report.measures import co_occurrence, decide_by_one
from stylevote.report.overview import (
    DECIDED_BY,
    bounds,
    compare_singles,
    label_figures,
    macro_figures,
    pictured_labels,
    resampled_counts,
)
from stylevote.report.plots import dot_chart, heat_map, rank_curve, size_curve
from stylevote.tables import fold_numbers, label_matrix, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the figures, then the pictures of them."""
    labels, beta = arguments.spec["labels"], arguments.spec["beta"]
    manifest = read_table(arguments.manifest, ["image_id", *labels])
    truth = label_matrix(manifest, labels)
    honest, scores = read_table(arguments.honest), read_table(arguments.scores)
    figures = read_by_label(arguments.figures, labels)
    figures = pd.concat(figures.values()).assign(label=list(figures))
    stacked = read_by_label(arguments.stacked, labels, ["score"])
    cut = [
        decide(table["score"].to_numpy(), threshold)
        for table, threshold in zip(stacked.values(), figures["threshold"], strict=True)
    ]
    naive, test = bounds(truth, np.stack(cut, axis=1), beta), None
    if len(scores):
        tested = read_table(arguments.test_manifest, ["image_id", *labels])
        votes = read_table(arguments.votes, ["image_id", "label", "decision"])
        test = bounds(label_matrix(tested, labels), decision_matrix(votes, tested["image_id"].to_numpy(), labels), beta)
    joining = read_table(arguments.joining, ["gain"])["gain"].iloc[-1] if arguments.joining else None
    macro = macro_figures(honest, naive, test, scores, joining)
    by_label = label_figures(honest, figures, test, scores)
    decided = read_table(arguments.decisions, labels).to_numpy(dtype=np.uint8)
    folds = read_table(arguments.fold_table)
    # A block's table has a column for each backbone of any of its labels; that of none of a label's runs is empty.
    singles = [table.dropna(axis=1).astype("uint8") for table in read_by_label(arguments.singles, labels).values()]
    rankings = read_by_label(arguments.rankings, labels, ["without", "run", "epoch", "rank", "f_beta", "threshold"])
    with open_candidates(arguments.candidates, manifest["image_id"].to_numpy()) as candidates:
        one = decide_by_one(
            list(rankings.values()),
            [partial(candidates.members, label) for label in labels],
            fold_numbers(manifest, folds),
        )
    if one is not None:
        singles = [table.assign(one=one[:, k]) for k, table in enumerate(singles)]
    gains = compare_singles(truth, decided, singles, beta)
    for table, path in ((macro, arguments.macro), (by_label, arguments.labels), (gains, arguments.gains)):
        write_table(table, path)

    folder, score, known = arguments.pictures, f"F{beta:g}", gains.dropna(subset="value")
    drawn = pictured_labels(honest, arguments.spec["most"])
    of_drawn = by_label.set_index("label").loc[drawn].reset_index()
    common = by_label.nlargest(arguments.spec["most"], "positives")["label"]
    paired = [labels.index(label) for label in labels if label in set(common)]
    pictures = {
        "scores": dot_chart(macro["text"], [macro], title=f"Macro {score}", name="scores"),
        "labels": dot_chart(drawn, _of_labels(of_drawn), title=f"{score} of every label", name="labels", limits=(0, 1)),
        "distribution": positives_chart(by_label, of_drawn),
        "co_occurrence": heat_map(
            co_occurrence(truth[:, paired]),
            [labels[k] for k in paired],
            title="Labels that occur together",
            name="together",
        ),
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
        shown = [counts.loc[drawn, [name]].rename(columns={name: "value"}) for name in list(counts)[: len(SERIES)]]
        pictures["resampling"] = dot_chart(
            drawn, shown, title="Photos an epoch, before and after", name="resampling", log=True, form="{:,.0f}"
        )
    for name, picture in pictures.items():
        write_picture(picture, folder / f"{name}.svg")


def positives_chart(by_label: pd.DataFrame, of_drawn: pd.DataFrame) -> str:
    """Return the picture of how many photos have each label: a row per label, or a curve over their ranks."""
    title, name = "Training photos with each label", "distribution"
    if len(of_drawn) < len(by_label):
        return rank_curve(by_label["positives"].to_numpy(), title=title, name=name)
    values = by_label[["positives"]].rename(columns={"positives": "value"})
    return dot_chart(by_label["label"], [values], title=title, name=name, log=True, form="{:,.0f}")


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
        candidates="scores of the candidates: a file per block of labels...",
        rankings="their rankings: a file per block...",
        stacked="out-of-fold stacked scores: a file per block...",
        singles="decisions by single networks: a file per block...",
        figures="thresholds and their surroundings: a file per block...",
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
    add_spec(options, '{"labels": [...], "beta": 2, "most": labels that have a row or a picture of their own}')
    run(options, main)
