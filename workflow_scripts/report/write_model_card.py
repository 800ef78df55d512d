"""Write the model card: data, intended use, measures with intervals, limits, settings, versions and digests."""

import hashlib
from pathlib import Path
from typing import Any

from stylevote.cli import run
from stylevote.config.identity import file_sha256
from stylevote.files.tables import read_json, read_table
from stylevote.report.model_card import model_card
from stylevote.report.pictures import write_text
from stylevote.report.runs import run_table


def main(
    macro: Path,
    by_label: Path,
    members: Path,
    composition: Path,
    thresholds: list[Path],
    runs: Path,
    manifests: list[Path],
    submission: Path | None,
    card: Path,
    *,
    configuration: dict[str, Any],
    photosets: list[str],
    drawn: bool,
) -> None:
    """Write the model card.

    Args:
        macro: figures of all labels together
        by_label: figures of every label
        members: members of all labels
        runs: settings of every run
        manifests: photos: a file per photoset
        submission: decisions, if there are any
        card: to write: model card
        configuration: the settings that change decisions
        photosets: names of the photosets, in the order of the manifests
        drawn: whether the photos are the demo's
    """
    figures, manifest_of = read_table(by_label), dict(zip(photosets, manifests, strict=True))
    all_thresholds = b"".join(path.read_bytes() for path in sorted(thresholds))
    digests = {
        **({"decisions (submission.csv)": file_sha256(submission)} if submission else {}),
        **{f"manifest of `{name}`": file_sha256(path) for name, path in manifest_of.items()},
        "members of all labels": file_sha256(members),
        "thresholds of all labels, concatenated in the order of their file names": hashlib.sha256(
            all_thresholds
        ).hexdigest(),
    }
    text = model_card(
        settings=configuration,
        runs=run_table(read_json(runs), list(figures["label"])),
        macro=read_table(macro),
        by_label=figures,
        composition=read_json(composition),
        photos={name: len(read_table(path, ["image_id"])) for name, path in manifest_of.items()},
        digests=digests,
        score=f"F{configuration['beta']:g}",
        drawn=drawn,
    )
    write_text(text, card)


if __name__ == "__main__":
    run(main)
