"""Put everything that a decision needs into one folder, from which photos are decided without the workflow."""

import argparse
import logging
from pathlib import Path

from stylevote.bundle import bundle_card, stored_weights, worth_of_ensemble, write_bundle
from stylevote.ensemble.blocks import features_of, read_by_label, read_values
from stylevote.program import add_spec, parser, run
from stylevote.tables import read_json, read_table


def main(arguments: argparse.Namespace) -> None:
    """Write the bundle."""
    spec, folds = arguments.spec, arguments.folds
    labels = spec["labels"]
    members, settings = read_table(arguments.members), read_json(arguments.runs)
    ordered = members.sort_values("member")
    pairs = {
        label: [[one.run, int(one.epoch)] for one in ordered[ordered["label"] == label].itertuples()]
        for label in labels
    }
    used = sorted({(name, epoch) for of_label in pairs.values() for name, epoch in of_label})
    content = {
        **{key: spec[key] for key in ("labels", "beta", "votes", "combiner")},
        "features": {label: features_of(label, spec["features"]) for label in labels},
        "folds": folds,
        "thresholds": read_values(arguments.thresholds, labels, "threshold"),
        "certain_from": read_values(arguments.certain, labels, "certain_from") if arguments.certain else None,
        "members": pairs,
        "runs": {name: settings[name] for name in sorted({name for name, _ in used})},
    }
    weights = {}
    for name, epoch in used:
        for fold in range(folds):
            folder = Path(arguments.folders.replace("{run}", name).replace("{fold}", str(fold)))
            weights[name, fold, epoch] = stored_weights(folder, epoch)
    stackers = {
        label: table.sort_values("fold")["stacker"].tolist()
        for label, table in read_by_label(arguments.stackers, labels).items()
    }
    worth = worth_of_ensemble(
        read_table(arguments.honest), f"F{spec['beta']:g}", part=len(members) < len(read_table(arguments.whole))
    )
    card = bundle_card(content, worth, len(weights))
    write_bundle(arguments.output, content, weights, stackers, card)
    size = sum(path.stat().st_size for path in arguments.output.rglob("*") if path.is_file())
    logging.info("%d networks of %d runs, %.1f MB", len(weights), len(content["runs"]), size / 1e6)


if __name__ == "__main__":
    options = parser(
        __doc__,
        members="members of all labels",
        whole="members of all labels of the whole ensemble, where the bundle is to have fewer",
        runs="settings of all runs, as JSON",
        stackers="stackers: a file per block...",
        thresholds="thresholds: a file per block...",
        honest="the honest estimate of the whole ensemble",
        output="to write: folder",
    )
    options.add_argument("--folders", required=True, help="the runs' folders: a path with {run} and {fold}")
    options.add_argument(
        "--certain", nargs="*", type=Path, default=[], help="a file per block: what search_certainty found"
    )
    options.add_argument("--folds", type=int, required=True, help="number of folds")
    add_spec(
        options,
        '{"labels": [...], "beta": 2, "combiner": "xgboost" or another, "features": [labels whose members every '
        'stacker takes besides], "votes": {"aggregation": ..., "least": 0, "most": null}}',
    )
    run(options, main)
