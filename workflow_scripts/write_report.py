"""Put figures, pictures and photos on one page that stands alone."""

import argparse
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from stylevote.digests import file_stem
from stylevote.ensemble.blocks import read_by_label
from stylevote.program import add_spec, optional_path, parser, run
from stylevote.report import sections
from stylevote.report.costs import disk_use, job_costs
from stylevote.report.markup import read_picture, write_text
from stylevote.report.measures import confident_mistakes, disagreements
from stylevote.report.page import whole_page
from stylevote.report.runs import run_table
from stylevote.report.thumbnails import embedded, thumbnail
from stylevote.tables import label_matrix, read_json, read_table

PHOTOS = 12  # of each kind that are shown


def main(arguments: argparse.Namespace) -> None:
    """Write the page, section by section."""
    spec, folder = arguments.spec, arguments.pictures
    labels, score = spec["labels"], f"F{spec['beta']:g}"
    by_label, macro = read_table(folder / "labels.parquet"), read_table(folder / "macro.parquet")
    found = read_by_label(arguments.by_label, labels)
    found = pd.concat(found.values()).assign(label=np.repeat(labels, [len(table) for table in found.values()]))
    manifest = read_table(arguments.manifest)
    votes = read_table(arguments.votes)

    def picture(name: str) -> str:
        return read_picture(folder / f"{name}.svg")

    def of_labels(kind: str) -> dict[str, str]:
        places = {
            label: f"{kind}/{block}/{file_stem(label)}" for block, part in spec["blocks"].items() for label in part
        }
        return {label: picture(place) for label, place in places.items() if (folder / f"{place}.svg").is_file()}

    reached = read_table(arguments.reached).set_index("run") if arguments.reached else pd.DataFrame()
    curve = read_table(arguments.sizes) if arguments.sizes else None
    counts = read_table(arguments.resampling) if arguments.resampling else None
    made = int((read_table(arguments.index, ["outcome"])["outcome"] == "made").sum()) if arguments.index else 0
    sheet = embedded(arguments.sheet) if arguments.sheet else None
    cuts = sections.thresholds(by_label, found, of_labels("thresholds"), score, cut=spec["cut"])
    if spec["losses"]:
        cuts += sections.losses(by_label, spec["losses"], of_labels("losses"), score)
    thresholds = by_label["threshold"].to_numpy()
    body = [
        (
            "What was decided, and how good it is",
            "Result",
            sections.whole(macro, by_label, votes, picture("scores"), spec["beta"]),
        ),
        ("Label by label", "Labels", sections.each_label(by_label, macro, picture("labels"), score)),
        (
            "How common the labels are, and which occur together",
            "Distribution",
            sections.distribution(
                by_label,
                len(manifest),
                picture("distribution"),
                picture("co_occurrence"),
                min(spec["most"], len(labels)),
            ),
        ),
        (
            "What the ensemble gains",
            "Gain",
            sections.gains(
                read_table(folder / "gains.parquet"), picture("gains"), score, int(by_label["members"].max())
            ),
        ),
        ("Size against score", "Size", sections.sizes(curve, picture("sizes") if arguments.sizes else "", score)),
        (
            "How the networks learned",
            "Training",
            sections.training(
                {name: picture(f"training/{name}") for name in reached.index},
                reached,
                run_table(read_json(arguments.runs), labels),
                labels,
                score,
            ),
        ),
        ("Where the thresholds lie", "Thresholds", cuts),
        (
            "How alike the members are",
            "Correlation",
            sections.correlation(by_label, found, of_labels("correlation")),
        ),
        ("Which members each label uses", "Members", sections.members(read_table(arguments.members), labels)),
        (
            "More photos of rare labels",
            "Rare labels",
            sections.more_photos(sheet, made, counts, picture("resampling") if counts is not None else ""),
        ),
        ("What scores mean", "Reliability", sections.reliability(by_label, of_labels("reliability"))),
        ("Photos to look at", "Photos", photos_to_look_at(arguments, manifest, votes, thresholds)),
        (
            "What it cost",
            "Cost",
            sections.cost(
                job_costs(
                    arguments.results / "benchmarks",
                    set(arguments.known),
                    arguments.idle,
                    elsewhere=dict.fromkeys(arguments.network_rules, arguments.networks / "benchmarks"),
                ),
                arguments.gpu,
                disk_use(arguments.results),
            ),
        ),
    ]
    trained = f"{len(reached):,} runs" if len(reached) else "no network trained"
    lead = (
        f"{votes['image_id'].nunique():,} photos, {len(labels)} labels, {len(manifest):,} training photos,"
        f" {spec['folds']} folds, {trained}. Honest macro {score}: {macro['value'].iloc[0]:.3f}."
    )
    foot = "Made by Stylevote. The page needs no network; the photos on it are part of the file."
    page = whole_page("What the ensemble decided", lead, body, foot)
    write_text(page, arguments.output)
    logging.info("%.1f MB", len(page.encode()) / 1e6)


def photos_to_look_at(
    arguments: argparse.Namespace, manifest: pd.DataFrame, votes: pd.DataFrame, thresholds: np.ndarray
) -> str:
    """Return the section of photos on which the ensemble and the table, or the folds, disagree."""
    labels = arguments.spec["labels"]
    if not arguments.photos:
        return sections.to_look_at([], [], [], files=False)
    estimates = read_by_label(arguments.estimates, labels, ["score", "threshold"])
    scores, cuts = (np.stack([table[name] for table in estimates.values()], axis=1) for name in ("score", "threshold"))
    truth, decided = label_matrix(manifest, labels), read_table(arguments.decisions, labels).to_numpy(dtype=bool)
    mistakes = confident_mistakes(truth, decided, scores, cuts, PHOTOS)
    mistakes["note"] = [
        f"score {scores[row.photo, row.label]:.3f}, threshold {cuts[row.photo, row.label]:.3f}"
        for row in mistakes.itertuples()
    ]
    added, missed = (
        shown(
            mistakes[mistakes["kind"] == kind], arguments.photos, manifest, labels=labels, given=truth, decided=decided
        )
        for kind in ("added", "missed")
    )
    tested = read_table(arguments.test_manifest)
    shape = (len(labels), len(tested))
    folds = [name for name in votes if name.startswith("fold")]
    by_fold = votes[folds].to_numpy().reshape(*shape, len(folds)).transpose(1, 0, 2)
    split = disagreements(by_fold, thresholds, PHOTOS)
    split["note"] = [
        "folds: "
        + ", ".join(f"{value:.2f}" for value in by_fold[row.photo, row.label])
        + f"; threshold {thresholds[row.label]:.2f}"
        for row in split.itertuples()
    ]
    known = label_matrix(tested, labels) if set(labels) <= set(tested) else None
    decided = votes["decision"].to_numpy().reshape(shape).T
    of_test = shown(split, arguments.test_photos, tested, labels=labels, given=known, decided=decided)
    return sections.to_look_at(added, missed, of_test, files=True)


def shown(
    found: pd.DataFrame,
    folder: Path,
    manifest: pd.DataFrame,
    *,
    labels: list[str],
    given: np.ndarray | None,
    decided: np.ndarray,
) -> list[sections.Shown]:
    """Return what the page shows of photos: ``found`` has columns photo, label (numbers) and note; the rest are 0/1."""

    def names(row: np.ndarray) -> list[str]:
        return [labels[k] for k in np.flatnonzero(row)]

    return [
        sections.Shown(
            thumbnail(folder, manifest["path"].iloc[row.photo], manifest["sha256"].iloc[row.photo]),
            manifest["image_id"].iloc[row.photo],
            labels[row.label],
            row.note,
            None if given is None else names(given[row.photo]),
            names(decided[row.photo]),
        )
        for row in found.itertuples()
    ]


if __name__ == "__main__":
    options = parser(
        __doc__,
        pictures="folder of the report's pictures and figures",
        manifest="the training photos",
        test_manifest="the test photos",
        by_label="figures of the labels: a file per block...",
        estimates="honest decisions: a file per block...",
        decisions="the honest decisions for all labels together",
        votes="votes on the test photos",
        members="members of all labels",
        runs="what every run is",
        results="the results folder",
        networks="the folder of photos and networks",
        output="to write: the page",
    )
    for name, text in (
        ("photos", "folder of the training photos, if there is one"),
        ("test-photos", "folder of the test photos"),
        ("reached", "how far every run came, if any was trained here"),
        ("sizes", "what ensembles of other sizes are worth, if it was measured"),
        ("resampling", "photos an epoch by recipe, if any resamples"),
        ("index", "the list of attempts at recoloured photos, if runs use them"),
        ("sheet", "the sheet of recoloured photos, if runs use them"),
    ):
        options.add_argument(f"--{name}", type=optional_path, nargs="?", help=text)
    options.add_argument("--gpu", nargs="*", default=[], help="names of rules whose jobs ask for a GPU")
    options.add_argument("--network-rules", nargs="+", required=True, help="rules whose costs are in that folder")
    options.add_argument("--known", nargs="*", default=[], help="names in paths of benchmark files that count")
    options.add_argument("--idle", nargs="*", default=[], help="names of rules whose results are not used")
    add_spec(
        options,
        '{"labels": [...], "blocks": {name: [labels]}, "most": labels that are drawn, "beta": 2, "folds": 5, "losses":'
        ' [those compared], "cut": true}',
    )
    run(options, main)
