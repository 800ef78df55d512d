"""Say what the student is worth beside the ensemble that it learned from, and beside the best single networks."""

import argparse
from pathlib import Path

from stylevote.ensemble.decisions import decision_matrix, student_lines
from stylevote.ensemble.distillation import compare_locked, compare_student
from stylevote.program import add_spec, check_number, parser, run
from stylevote.tables import label_matrix, read_table, replacing, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write a row per label and the row of their means; print the lines and write them."""
    labels, beta = arguments.spec["labels"], arguments.spec["beta"]
    truth = label_matrix(read_table(arguments.manifest, labels), labels)
    paths = (arguments.ensemble, arguments.student, arguments.singles)
    table = compare_student(truth, tuple(label_matrix(read_table(path), labels) for path in paths), labels, beta)
    if arguments.locked:
        check_number("locked", arguments.locked, 3, "manifest, ensemble and student")
        locked, *votes = map(read_table, arguments.locked)
        decided = (decision_matrix(part, locked["image_id"].to_numpy(), labels) for part in votes)
        table = table.join(compare_locked(label_matrix(locked, labels), *decided, labels, beta))
    text = "\n".join(student_lines(table, beta)) + "\n"
    print(text, end="")
    write_table(table, arguments.output)
    with replacing(arguments.summary) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    options = parser(
        __doc__,
        manifest="the training photos",
        ensemble="the ensemble's honest decisions",
        student="the student's",
        singles="those of the best single networks",
        output="to write: F-beta of student, ensemble and single networks",
        summary="to write: the same as text",
    )
    options.add_argument(
        "--locked",
        type=Path,
        nargs="*",
        default=[],
        help="photos that were locked away, the ensemble's votes on them, and the student's, if there are any",
    )
    add_spec(options, '{"labels": [...], "beta": 2}')
    run(options, main)
