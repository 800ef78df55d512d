"""Put all that a student's decisions need into one folder: a bundle of one network a fold."""

import argparse

from stylevote.bundle import bundle_card, stored_weights, write_bundle
from stylevote.ensemble.combiners.mean import Mean
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the bundle: its only member, for every label, is the student at its epoch."""
    spec, folds = arguments.spec, len(arguments.folders)
    labels, name = spec["labels"], spec["run"]
    chosen = read_table(arguments.chosen).set_index("label").loc[labels]
    (epoch,) = chosen["epoch"].unique().tolist()
    content = {
        "labels": labels,
        "beta": spec["beta"],
        "folds": folds,
        "votes": {"aggregation": "average_scores", **spec["votes"]},
        "combiner": "mean",
        "features": {label: [label] for label in labels},
        "thresholds": chosen["threshold"].to_dict(),
        "certain_from": None,
        "members": {label: [[name, epoch]] for label in labels},
        "runs": {name: {**spec["setting"], "labels": labels}},
    }
    weights = {(name, fold, epoch): stored_weights(path, epoch) for fold, path in enumerate(arguments.folders)}
    card = bundle_card(content, f"```text\n{arguments.summary.read_text(encoding='utf-8')}```", folds)
    stackers = {label: [Mean(1).to_bytes()] * folds for label in labels}
    write_bundle(arguments.output, content, weights, stackers, card)


if __name__ == "__main__":
    options = parser(
        __doc__,
        chosen="the student's epoch and thresholds",
        folders="the student's folder of each fold...",
        summary="text that says what the student is worth",
        output="to write: folder",
    )
    add_spec(
        options,
        '{"labels": [...], "beta": 2, "votes": {"least": 0, "most": null}, "run": id of the student, "setting": {...}}',
    )
    run(options, main)
