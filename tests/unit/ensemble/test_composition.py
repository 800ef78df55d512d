"""CNNs are counted once, and labels that lack members are named with the reason."""

import numpy as np
import pandas as pd

from stylevote.ensemble.composition import count_cnns, describe_ensemble


def test_a_member_counts_once_per_fold_unless_it_is_of_one_fold():
    rng = np.random.default_rng(4)
    members = pd.DataFrame(
        {"run": rng.choice(["a", "b"], 40), "epoch": rng.integers(1, 4, 40), "fold": rng.integers(-1, 5, 40)}
    )
    for count in range(1, 41):
        rows = members.head(count)
        cnns = set()
        for run, epoch, fold in rows.itertuples(index=False):
            cnns |= {(run, epoch, k) for k in (range(5) if fold == -1 else [fold])}
        assert count_cnns(rows, 5) == len(cnns)


def selection(taken, left_out=(), fold=-1):
    """Return a label's selection: its members (run and epoch), and other candidates."""
    rows = [(run, epoch, number) for number, (run, epoch) in enumerate(taken, start=1)]
    rows += [(run, epoch, 0) for run, epoch in left_out]
    table = pd.DataFrame(rows, columns=["run", "epoch", "member"]).assign(held_out_fold=-1, fold=fold)
    nested = pd.DataFrame({"run": ["nested"], "epoch": [1], "member": [1], "held_out_fold": [0], "fold": [fold]})
    return pd.concat([table, nested]).assign(held_out_half=-1, weight=1)


def test_labels_that_lack_members_are_named_with_the_reason():
    selections = {
        "enough": selection([("a", 1), ("b", 1), ("c", 1)]),
        "alike": selection([("a", 1), ("b", 2)], [("a", 2), ("c", 1)]),
        "few": selection([("a", 1)], [("a", 2)]),
    }
    described = describe_ensemble(selections, 3, top_n=3, correlation=0.9)
    assert described["cnns"] == 3 * 4
    assert described["size"] == "12 different CNNs of 3 runs, in 18 places: one per label, member and fold"
    assert described["warnings"] == [
        "fewer than 3 members for alike (2): other runs are too like a better member (a correlation above 0.9), or all"
        " their scores are the same",
        "fewer than 3 members for few (1): no other runs predict them",
    ]
    assert describe_ensemble(selections, 3)["warnings"] == []


def test_heads_on_shared_backbones_are_counted():
    selections = {"one": selection([("a", 1), ("b", 0), ("c", 0)]), "two": selection([("b", 0), ("d", 0)])}
    frozen = {"b": "x-32-00000000", "c": "x-32-00000000", "unused": "y-32-00000000"}
    size = describe_ensemble(selections, 3, backbones=frozen)["size"]
    assert size.startswith("12 different CNNs (6 of them heads on 1 frozen backbone) of 4 runs, in 15 places")
    size = describe_ensemble(selections, 3, backbones={**frozen, "d": "y-32-00000000"})["size"]
    assert size.startswith("12 different CNNs (9 of them heads on 2 frozen backbones) of 4 runs, in 15 places")


def test_many_labels_take_one_line_and_the_fold_with_the_fewest_members_counts():
    of_folds = pd.concat([selection([("a", 1), ("b", 1)], fold=0), selection([("a", 1)], [("b", 1)], fold=1)])
    selections = {f"label{k}": selection([(run, 1) for run in "abc"[: 2 + k % 2]], [("z", 1)]) for k in range(8)}
    described = describe_ensemble({"divided": of_folds, **selections}, 2, top_n=20)
    (line,) = described["warnings"]
    assert line.startswith("fewer than 4 members for divided (1), label0 (2), label2 (2), label4 (2), label6 (2) and 4")
    assert described["cnns"] == 6
