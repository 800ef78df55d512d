"""Compare the student with the ensemble that it learned from, and with the best single networks."""

from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.decisions import decision_matrix
from stylevote.estimate.summary import student_lines
from stylevote.files.tables import label_matrix, read_table, replacing, write_table
from stylevote.student.distillation import compare_student


def main(
    manifest: Path,
    ensemble: Path,
    student: Path,
    singles: Path,
    holdout_manifest: Path | None,
    holdout_ensemble: Path | None,
    holdout_student: Path | None,
    scores: Path,
    summary: Path,
    *,
    labels: list[str],
    beta: float,
) -> None:
    """Write a row per label and the row of their means; print the summary and write it.

    Args:
        ensemble: nested decisions of the ensemble
        student: nested decisions of the student
        singles: nested decisions of the best single networks
        holdout_manifest: holdout photos, if there are any
        holdout_ensemble: votes of the ensemble on them
        holdout_student: votes of the student on them
        scores: to write: F-beta of student, ensemble and single networks
        summary: to write: the means as text
    """
    photos = read_table(manifest, ["group", *labels])
    truth = label_matrix(photos, labels)
    decisions = (label_matrix(read_table(path), labels) for path in (ensemble, student, singles))
    table = compare_student(truth, *decisions, labels, photos["group"].to_numpy(), beta=beta)
    if holdout_manifest and holdout_ensemble and holdout_student:
        holdout = read_table(holdout_manifest)
        votes = (read_table(path) for path in (holdout_ensemble, holdout_student))
        decisions = (decision_matrix(voted, holdout["image_id"].to_numpy(), labels) for voted in votes)
        groups = holdout["group"].to_numpy()
        compared = compare_student(label_matrix(holdout, labels), *decisions, None, labels, groups, beta=beta)
        table = table.join(compared.drop(columns=["label", "positives"]).add_prefix("holdout_"))
    text = "\n".join(student_lines(table, beta)) + "\n"
    print(text, end="")
    write_table(table, scores)
    with replacing(summary) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
