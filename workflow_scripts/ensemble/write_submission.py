"""Write the submission, and a summary of the decisions and their quality."""

from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.decisions import decision_matrix, write_decisions
from stylevote.estimate.summary import summary_lines
from stylevote.files.tables import read_json, read_table, replacing
from stylevote.photos.findings import left_out_lines, range_lines, write_left_out


def main(
    votes: Path | None,
    manifest: Path | None,
    composition: Path,
    scores: Path | None,
    estimate: Path,
    fold_averaging: Path | None,
    holdout_scores: Path | None,
    manifests: list[Path],
    quarantines: list[Path],
    submission: Path | None,
    summary: Path,
    left_out: Path,
    *,
    labels: list[str],
    beta: float,
    form: str | dict[str, str],
    photosets: list[str],
) -> None:
    """Write the submission, a row per photo with 0 or 1 for each label, if there are test photos; print and write the
    summary.

    Args:
        votes: votes for the test photos, if there are any
        manifest: test photos, if there are any
        scores: scores of the decisions; empty if the labels are unknown
        estimate: the nested estimate
        fold_averaging: expected gain from averaging the folds, if it was estimated
        holdout_scores: scores of the decisions for holdout photos, if there are any
        manifests: photos, a file per photoset
        quarantines: files left out, a file per photoset
        submission: to write, if there are test photos: CSV
        summary: to write: text
        left_out: to write: files that were left out, as CSV
        form: form of the submission: see `write_decisions`
        photosets: names of the photosets
    """
    image_ids = read_table(manifest, ["image_id"])["image_id"].to_numpy() if manifest else None
    if image_ids is not None:
        column = "score" if form == "probabilities" else "decision"
        values = decision_matrix(read_table(votes, ["image_id", "label", column]), image_ids, labels, column)
        write_decisions(values, image_ids, labels, submission, form)
    lines = summary_lines(
        read_table(estimate),
        read_table(scores) if scores else None,
        None if image_ids is None else len(image_ids),
        read_json(composition),
        fold_averaging=read_table(fold_averaging, ["gain"])["gain"].iloc[-1] if fold_averaging else None,
        holdout=read_table(holdout_scores) if holdout_scores else None,
        beta=beta,
    )
    lines += range_lines(dict(zip(photosets, (read_table(path, ["pixel_range"]) for path in manifests), strict=True)))
    bad = dict(zip(photosets, map(read_table, quarantines), strict=True))
    write_left_out(bad, left_out)
    lines += left_out_lines(bad, left_out)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    with replacing(summary) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
