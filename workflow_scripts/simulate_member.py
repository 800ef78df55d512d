"""Draw a simulated member's predictions: of each fold's CNN, for the photos of that fold and for the test photos."""

import argparse

import numpy as np

from stylevote.ensemble.simulation import make_bank, simulate_predictions
from stylevote.program import add_spec, check_number, parser, run
from stylevote.tables import fold_numbers, read_table, write_table


def main(arguments: argparse.Namespace) -> None:
    """Write two tables a fold, one fold after the other."""
    spec = arguments.spec
    labels, member = spec.pop("labels"), spec.pop("member")
    train = read_table(arguments.train, ["image_id", *labels])
    test = read_table(arguments.test, ["image_id", *labels])
    folds = fold_numbers(train, read_table(arguments.fold_table))
    check_number("validation", arguments.validation, folds.max() + 1, "fold")
    check_number("tests", arguments.tests, folds.max() + 1, "fold")
    bank = make_bank(train[labels], **spec)
    validation = simulate_predictions(bank, member, train, photoset="train", cnns=folds)
    of_rows = np.tile(folds, bank.epochs)
    for fold, (for_validation, for_test) in enumerate(zip(arguments.validation, arguments.tests, strict=True)):
        write_table(validation[of_rows == fold], for_validation)
        cnns = np.full(len(test), fold)
        write_table(simulate_predictions(bank, member, test, photoset="test", cnns=cnns), for_test)


if __name__ == "__main__":
    options = parser(
        __doc__,
        train="manifest of the training photos",
        test="manifest of the test photos",
        fold_table="the training photos' folds",
        validation="to write: out-of-fold predictions, one per fold...",
        tests="to write: predictions of the test photos, one per fold...",
    )
    add_spec(
        options,
        '{"labels": [...], "member": number from 0, "seed": number, "epochs": number, "families": number, "twins":'
        ' number, "skill": number, "skills": {label: number}}',
    )
    run(options, main)
