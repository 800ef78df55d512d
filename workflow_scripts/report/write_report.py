"""Put figures, pictures and photos on one page that stands alone."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.cli import run
from stylevote.ensemble.blocks import read_by_label
from stylevote.files.tables import read_json, read_table
from stylevote.report.costs import disk_use, job_costs
from stylevote.report.doubtful_photos import disputed_photos, mistaken_photos
from stylevote.report.label_pictures import read_label_pictures
from stylevote.report.markup import read_picture, write_text
from stylevote.report.page import whole_page
from stylevote.report.runs import run_table
from stylevote.report.sections import networks, photos, quality, single_labels
from stylevote.report.thumbnails import embedded


def main(
    macro: Path,
    by_label: Path,
    gains: Path,
    resampling: Path | None,
    pictures: list[Path],
    figures: list[Path],
    threshold_pictures: list[Path],
    reliability_pictures: list[Path],
    correlation_pictures: list[Path],
    loss_pictures: list[Path],
    training_pictures: list[Path],
    reached: Path | None,
    manifest: Path,
    test_manifest: Path,
    estimates: list[Path],
    decisions: Path,
    votes: Path,
    members: Path,
    runs: Path,
    sizes: Path | None,
    index: Path | None,
    sheet: Path | None,
    report: Path,
    train_photos: Path | None,
    test_photos: Path | None,
    results: Path,
    shared: Path,
    shared_rules: list[str],
    gpu: list[str],
    known: list[str],
    idle: list[str],
    *,
    labels: list[str],
    beta: float,
    most: int,
    blocks: list[list[str]],
    folds: int,
    losses: list[str],
    cut: bool,
) -> None:
    """Write the report, section by section.

    Args:
        macro: macro F-beta, told in different ways
        by_label: figures of every label
        gains: ensemble and single networks
        resampling: photos an epoch by recipe, if a recipe resamples
        pictures: of all labels together; the name of each file says which picture it is
        figures: thresholds, how flat F-beta is around them, and numbers of members: a file per block of labels
        threshold_pictures: a folder per block
        reliability_pictures: a folder per block
        correlation_pictures: a folder per block
        loss_pictures: a folder per block, if losses are compared
        training_pictures: a file per run
        reached: how far every run came, if there are runs
        manifest: training photos
        test_manifest: test photos
        estimates: honest decisions: a file per block
        decisions: honest decisions for all labels together
        votes: on the test photos
        members: of all labels
        runs: settings of every run
        sizes: what ensembles of other sizes are worth, if it was measured
        index: attempts at recoloured photos, if runs use such photos
        sheet: examples of recoloured photos, if runs use such photos
        report: to write
        train_photos: folder of the training photos, if there is one
        test_photos: folder of the test photos, if there is one
        results: folder of the results
        shared: folder of photos and networks
        shared_rules: names of the rules whose costs are in that folder
        gpu: names of the rules whose jobs ask for a GPU
        known: names in paths of benchmark files that count
        idle: names of the rules whose results are not used
        labels: all of them
        beta: of F-beta
        most: number of labels that are drawn
        blocks: the labels of each block
        folds: number of folds
        losses: those compared, if there are several
        cut: whether a label is given if its score reaches the threshold, and never otherwise
    """
    score = f"F{beta:g}"
    of_labels, of_all, of_votes = read_table(by_label), read_table(macro), read_table(votes)
    found = read_by_label(figures, labels)
    found = pd.concat(found.values()).assign(label=np.repeat(labels, [len(table) for table in found.values()]))
    training = read_table(manifest)
    thresholds = of_labels["threshold"].to_numpy()
    drawn = {path.stem: read_picture(path) for path in pictures}
    of_runs = read_table(reached).set_index("run") if reached else pd.DataFrame()
    curve = read_table(sizes) if sizes else None
    counts = read_table(resampling) if resampling else None
    made = int((read_table(index, ["outcome"])["outcome"] == "made").sum()) if index else 0
    cuts = single_labels.thresholds(of_labels, found, read_label_pictures(threshold_pictures, blocks), score, cut=cut)
    if losses:
        cuts += single_labels.losses(of_labels, losses, read_label_pictures(loss_pictures, blocks), score)
    if train_photos:
        honest = read_by_label(estimates, labels, ["score", "threshold"]).values()
        scores, nested_cuts = (np.stack([table[name] for table in honest], axis=1) for name in ("score", "threshold"))
        decided = read_table(decisions, labels).to_numpy(dtype=bool)
        added, missed = mistaken_photos(train_photos, training, labels, decided, scores, nested_cuts)
        disputed = disputed_photos(test_photos, read_table(test_manifest), labels, of_votes, thresholds)
        to_look_at = photos.to_look_at(added, missed, disputed, files=True)
    else:
        to_look_at = photos.to_look_at([], [], [], files=False)
    costs = job_costs(
        results / "benchmarks", set(known), idle, elsewhere=dict.fromkeys(shared_rules, shared / "benchmarks")
    )
    body = [
        (
            "What was decided, and how good it is",
            "Result",
            quality.whole(of_all, of_labels, of_votes, drawn["scores"], beta),
        ),
        ("Label by label", "Labels", quality.each_label(of_labels, of_all, drawn["labels"], score)),
        (
            "How common the labels are, and which occur together",
            "Distribution",
            quality.distribution(
                of_labels, len(training), drawn["distribution"], drawn["co_occurrence"], min(most, len(labels))
            ),
        ),
        (
            "What the ensemble gains",
            "Gain",
            quality.gains(read_table(gains), drawn["gains"], score, int(of_labels["members"].max())),
        ),
        ("Size against score", "Size", quality.sizes(curve, drawn.get("sizes", ""), score)),
        (
            "How the networks learned",
            "Training",
            networks.training(
                {path.stem: read_picture(path) for path in training_pictures},
                of_runs,
                run_table(read_json(runs), labels),
                labels,
                score,
            ),
        ),
        ("Where the thresholds lie", "Thresholds", cuts),
        (
            "How alike the members are",
            "Correlation",
            single_labels.correlation(of_labels, found, read_label_pictures(correlation_pictures, blocks)),
        ),
        ("Which members each label uses", "Members", single_labels.members(read_table(members), labels)),
        (
            "More photos of rare labels",
            "Rare labels",
            photos.more_photos(embedded(sheet) if sheet else None, made, counts, drawn.get("resampling", "")),
        ),
        (
            "What scores mean",
            "Reliability",
            single_labels.reliability(of_labels, read_label_pictures(reliability_pictures, blocks)),
        ),
        ("Photos to look at", "Photos", to_look_at),
        ("What it cost", "Cost", networks.cost(costs, gpu, disk_use(results))),
    ]
    trained = f"{len(of_runs):,} runs" if len(of_runs) else "no network trained"
    lead = (
        f"{of_votes['image_id'].nunique():,} photos, {len(labels)} labels, {len(training):,} training photos,"
        f" {folds} folds, {trained}. Honest macro {score}: {of_all['value'].iloc[0]:.3f}."
    )
    foot = "Made by Stylevote. The page needs no network; the photos on it are part of the file."
    page = whole_page("What the ensemble decided", lead, body, foot)
    write_text(page, report)
    logging.info("%.1f MB", len(page.encode()) / 1e6)


if __name__ == "__main__":
    run(main)
