"""Say what the student is worth beside the ensemble that it learned from, and beside the best single networks."""

from pathlib import Path

from stylevote.cli import run
from stylevote.ensemble.decisions import decision_matrix
from stylevote.estimate.summary import student_lines
from stylevote.files.tables import label_matrix, read_table, replacing, write_table
from stylevote.student.distillation import compare_holdout, compare_student


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
    """Write a row per label and the row of their means; print the lines and write them.

    Args:
        manifest: training photos
        ensemble: honest decisions of the ensemble
        student: honest decisions of the student
        singles: honest decisions of the best single networks
        holdout_manifest: photos that were held out, if there are any
        holdout_ensemble: the ensemble's votes on them
        holdout_student: the student's votes on them
        scores: to write: F-beta of student, ensemble and single networks
        summary: to write: the same as text
        labels: all of them
        beta: of F-beta
    """
    truth = label_matrix(read_table(manifest, labels), labels)
    decided = tuple(label_matrix(read_table(path), labels) for path in (ensemble, student, singles))
    table = compare_student(truth, decided, labels, beta)
    if holdout_manifest and holdout_ensemble and holdout_student:
        holdout = read_table(holdout_manifest)
        image_ids = holdout["image_id"].to_numpy()
        votes = (read_table(path) for path in (holdout_ensemble, holdout_student))
        decided = (decision_matrix(part, image_ids, labels) for part in votes)
        table = table.join(compare_holdout(label_matrix(holdout, labels), *decided, labels, beta))
    text = "\n".join(student_lines(table, beta)) + "\n"
    print(text, end="")
    write_table(table, scores)
    with replacing(summary) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
