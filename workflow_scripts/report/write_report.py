"""Put figures, pictures and photos on one page that needs no other file."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label
from stylevote.files.tables import read_json, read_table
from stylevote.report.costs import disk_use, job_costs
from stylevote.report.doubtful_photos import disputed_photos, mistaken_photos
from stylevote.report.losses import loss_flatness
from stylevote.report.page import (
    decision_figures,
    member_figures,
    order_cards,
    order_training,
    overall_figures,
    render_section,
)
from stylevote.report.pictures import read_pictures, write_text
from stylevote.report.runs import run_table
from stylevote.report.thumbnails import embedded


def main(
    tables: list[Path],
    pictures: list[Path],
    figures: list[Path],
    estimates: list[Path],
    losses: list[Path],
    manifest: Path,
    test_manifest: Path | None,
    runs: Path,
    composition: Path,
    sheet: Path | None,
    report: Path,
    train_photos: Path | None,
    test_photos: Path | None,
    results: Path,
    benchmarks: list[Path],
    wildcards: list[str],
    gpu_rules: list[str],
    *,
    labels: list[str],
    beta: float,
    max_pictures: int,
    folds: int,
    combiner: str,
    features: str,
    aggregation: str,
    compared: list[str],
    checked: str,
    threshold_decides: bool,
) -> None:
    """Write the report.

    Args:
        tables: by their file names: `macro`, `labels`, `gains` and `searches` of the overview, `nested_decisions`,
            `members`, `shared_photos`; if there are any, `votes` on the test photos, `loss_gains`, `resampling`,
            `training`, `size_curve` and `index` of recoloured photos
        pictures: see `pictures.read_pictures`
        figures: thresholds, their flat ranges, and numbers of members: a file per block of labels
        estimates: nested scores and thresholds: a file per block
        losses: figures of the drawn runs, if losses are compared: a file per block
        runs: settings of every run
        sheet: examples of recoloured photos, if runs use recoloured photos
        report: to write: page
        train_photos: folder of the training photos, if there is one
        test_photos: folder of the test photos, if there is one
        results: folder of the results
        benchmarks: benchmark files of each rule (see `costs.job_costs`)
        wildcards: values of wildcards in benchmark files that count, as regular expressions
        gpu_rules: names of the rules whose jobs ask for a GPU
        max_pictures: maximum number of labels with pictures
        folds: number of folds
        combiner: of the members' scores
        features: whether a label's stackers see its own members or those of all labels
        aggregation: of the folds
        compared: losses, if runs differ in nothing else
        checked: photoset whose photos chose nothing, to draw thresholds
        threshold_decides: whether a label is given if, and only if, its score reaches the threshold
    """
    table = {path.stem: read_table(path) for path in tables}
    loss_figures = pd.concat(map(read_table, losses)) if losses else None
    photos, by_label, votes = read_table(manifest), table["labels"], table.get("votes")
    drawn = read_pictures(pictures, labels)
    doubtful = None
    if train_photos:
        nested = read_by_label(estimates, labels, ["score", "threshold"]).values()
        scores, thresholds = (np.stack([rows[name] for rows in nested], axis=1) for name in ("score", "threshold"))
        decided = table["nested_decisions"][labels].to_numpy(dtype=bool)
        doubtful = mistaken_photos(train_photos, photos, labels, decided, scores, thresholds)
        if test_photos:
            final = by_label["threshold"].to_numpy()
            doubtful["disputed"] = disputed_photos(test_photos, read_table(test_manifest), labels, votes, final)
    page = render_section(
        "report.html",
        labels=labels,
        beta=beta,
        score=f"F{beta:g}",
        folds=folds,
        training_photos=len(photos),
        overall=overall_figures(table["macro"]),
        shared=table["shared_photos"].to_dict("records") if "shared_photos" in table else [],
        by_label=by_label,
        figures={label: rows.to_dict("records")[0] for label, rows in read_by_label(figures, labels).items()},
        gains=table["gains"],
        members_per_label=int(by_label["members"].max()),
        sizes=table.get("size_curve"),
        runs=run_table(read_json(runs), labels),
        composition=read_json(composition),
        trained=order_training(table["training"], labels) if "training" in table else [],
        pictures=drawn,
        drawn=order_cards(by_label, drawn["thresholds"]),
        paired=min(max_pictures, len(labels)),
        combiner=combiner,
        features=features,
        aggregation=aggregation,
        searches=table["searches"],
        compared=compared,
        loss_gains=table.get("loss_gains"),
        loss_figures=loss_figures,
        loss_flatness=None if loss_figures is None else loss_flatness(loss_figures),
        checked=checked,
        threshold_decides=threshold_decides,
        sheet=embedded(sheet) if sheet else None,
        recolored=int((table["index"]["outcome"] == "made").sum()) if "index" in table else 0,
        resampling=table.get("resampling"),
        doubtful=doubtful,
        jobs=job_costs(benchmarks, wildcards),
        gpu_rules=gpu_rules,
        disk=disk_use(results),
        **({} if votes is None else decision_figures(votes)),
        **member_figures(table["members"], folds),
    )
    write_text(page, report)
    logging.info("%.1f MB", len(page.encode()) / 1e6)


if __name__ == "__main__":
    run(main)
