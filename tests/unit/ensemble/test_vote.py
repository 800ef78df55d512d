"""The folds' vote, by hand-computed examples."""

import numpy as np

from stylevote.ensemble.vote import cast_votes


class Column:
    """A stand-in for a stacker: its output is one member's score."""

    def __init__(self, member):
        self.member = member

    def scores(self, features):
        return features[:, self.member]


BOTH = [Column(0), Column(1)]


def test_outputs_are_averaged_in_a_fold_and_the_folds_vote():
    # Three folds, two photos, two members, whose mean is each fold's score.
    features = np.array(
        [
            [[0.2, 0.4], [0.9, 0.9]],
            [[0.6, 0.8], [0.3, 0.1]],
            [[0.5, 0.5], [0.0, 0.5]],
        ],
        dtype=np.float32,
    )
    votes = cast_votes(features, BOTH, 0.5)
    assert np.allclose(votes[["fold0", "fold1", "fold2"]], [[0.3, 0.7, 0.5], [0.9, 0.2, 0.25]])
    assert np.allclose(votes["score"], [0.5, 0.45])
    assert votes["votes"].tolist() == [2, 1]
    assert votes["decision"].tolist() == [1, 0]
    assert votes.dtypes.astype(str).to_dict() == {
        "fold0": "float32",
        "fold1": "float32",
        "fold2": "float32",
        "score": "float32",
        "votes": "int8",
        "decision": "uint8",
    }


def test_the_vote_is_not_the_mean():
    features = np.array([[[0.4, 0.4]], [[0.4, 0.4]], [[1.0, 1.0]]], dtype=np.float32)
    votes = cast_votes(features, BOTH, 0.5)
    assert votes["score"].item() > 0.5
    assert votes["decision"].item() == 0


def test_halves_are_parted_by_the_mean():
    features = np.array([[[0.9, 0.9], [0.6, 0.6]], [[0.4, 0.4], [0.1, 0.1]]], dtype=np.float32)
    votes = cast_votes(features, BOTH, 0.5)
    assert votes["votes"].tolist() == [1, 1]
    assert votes["decision"].tolist() == [1, 0]
