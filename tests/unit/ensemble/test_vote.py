"""What is made of all folds' outputs, photo by photo, and how many labels a photo keeps."""

import itertools
import math

import numpy as np
import pytest

from stylevote.ensemble.vote import combine_folds, limit_labels
from stylevote.errors import InputError

AGGREGATIONS = ["average_scores", "average_then_vote", "stackers_vote", "average_cnn_first", "vote_all"]


class Column:
    """A stand-in for a stacker: its output is one member's score."""

    def __init__(self, member):
        self.member = member

    def scores(self, features):
        return features[:, self.member]


class Power:
    """A stand-in that is not linear: its output is a power of the members' mean."""

    def __init__(self, exponent):
        self.exponent = exponent

    def scores(self, features):
        return features.mean(axis=1) ** self.exponent


BOTH = [Column(0), Column(1)]


def test_each_stackers_mean_meets_its_own_threshold_and_the_stackers_vote():
    # Two folds, three photos, three members, each with a stacker of its own.
    features = np.array(
        [
            [[0.2, 0.4, 0.9], [0.9, 0.1, 0.2], [0.5, 0.5, 0.5]],
            [[0.4, 0.6, 0.1], [0.7, 0.1, 0.4], [0.7, 0.1, 0.1]],
        ],
        dtype=np.float32,
    )
    stackers = [Column(0), Column(1), Column(2)]
    votes = combine_folds(features, stackers, [0.25, 0.45, 0.6], "stackers_vote")
    assert votes["votes"].tolist() == [2, 1, 1]
    assert votes["decision"].tolist() == [1, 0, 0]
    alike = combine_folds(features, stackers, 0.45, "stackers_vote")
    assert alike["votes"].tolist() == [2, 1, 1]
    # Every output counts, against its stacker's threshold.
    assert combine_folds(features, stackers, [0.25, 0.45, 0.6], "vote_all")["votes"].tolist() == [3, 2, 3]


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
    votes = combine_folds(features, BOTH, 0.5, "average_then_vote")
    assert np.allclose(votes[["fold0", "fold1", "fold2"]], [[0.3, 0.7, 0.5], [0.9, 0.2, 0.25]])
    assert np.allclose(votes["score"], [0.5, 0.45])
    assert votes["votes"].tolist() == [2, 1]
    assert votes["decision"].tolist() == [1, 0]
    assert votes.dtypes.astype(str).to_dict() == {
        "fold0": "float32",
        "fold1": "float32",
        "fold2": "float32",
        "score": "float32",
        "votes": "int16",
        "decision": "uint8",
    }


def test_a_vote_is_not_the_mean():
    features = np.array([[[0.4, 0.4]], [[0.4, 0.4]], [[1.0, 1.0]]], dtype=np.float32)
    votes = {aggregation: combine_folds(features, BOTH, 0.5, aggregation) for aggregation in AGGREGATIONS}
    assert all(table["score"].item() > 0.5 for table in votes.values())
    assert [table["decision"].item() for table in votes.values()] == [1, 0, 1, 1, 0]


@pytest.mark.parametrize("aggregation", ["average_then_vote", "vote_all"])
def test_halves_are_parted_by_the_mean(aggregation):
    features = np.array([[[0.9, 0.9], [0.6, 0.6]], [[0.4, 0.4], [0.1, 0.1]]], dtype=np.float32)
    votes = combine_folds(features, BOTH, 0.5, aggregation)
    assert votes["votes"].tolist() == ([1, 1] if aggregation == "average_then_vote" else [2, 2])
    assert votes["decision"].tolist() == [1, 0]


def by_hand(features, stackers, threshold, aggregation):
    """Return score, votes and decision of one photo, whose features are a list of the members' scores a fold."""
    outputs = [[stacker.scores(np.array([fold]))[0] for stacker in stackers] for fold in features]
    means = [sum(row) / len(row) for row in outputs]
    votes = sum(mean >= threshold for mean in means)
    score = sum(means) / len(means)
    if aggregation == "average_cnn_first":
        members = [sum(scores) / len(scores) for scores in zip(*features, strict=True)]
        score = sum(stacker.scores(np.array([members]))[0] for stacker in stackers) / len(stackers)
    if aggregation in ("average_scores", "average_cnn_first"):
        return score, votes, score >= threshold
    voters = len(features)
    if aggregation == "stackers_vote":
        votes = sum(sum(of_stacker) / len(of_stacker) >= threshold for of_stacker in zip(*outputs, strict=True))
    if aggregation == "vote_all":
        ballots = [output >= threshold for row in outputs for output in row]
        votes, voters = sum(ballots), len(ballots)
    return score, votes, votes > voters / 2 or (votes == voters / 2 and score >= threshold)


@pytest.mark.parametrize("folds", [3, 4, 5])
def test_each_aggregation_is_that_of_a_photo_by_hand(folds):
    random = np.random.default_rng(folds)
    features = np.clip(0.45 + 0.3 * random.normal(size=(folds, 300, 2)), 0, 1)
    stackers = [Power(exponent) for exponent in (0.5, 0.8, 6, 1.2, 2)][:folds]
    decisions = set()
    for aggregation in AGGREGATIONS:
        votes = combine_folds(features.astype(np.float32), stackers, 0.45, aggregation)
        photos = [by_hand(photo.tolist(), stackers, 0.45, aggregation) for photo in features.transpose(1, 0, 2)]
        assert np.allclose(votes["score"], [score for score, _, _ in photos], atol=1e-6)
        assert votes["votes"].tolist() == [count for _, count, _ in photos]
        assert votes["decision"].tolist() == [int(decided) for _, _, decided in photos]
        decisions.add(tuple(votes["decision"]))
    assert len(decisions) == 5, "two aggregations decide all photos alike"


def test_four_hundred_votes_are_counted():
    votes = combine_folds(np.ones((20, 1, 1), dtype=np.float32), [Column(0)] * 20, 0.5, "vote_all")
    assert (votes["votes"].item(), votes["decision"].item()) == (400, 1)


def test_another_aggregation_is_refused():
    with pytest.raises(InputError, match="found 'mean', expected one of average_scores, average_then_vote"):
        combine_folds(np.ones((3, 1, 2), dtype=np.float32), BOTH, 0.5, "mean")


def photos_to_limit(labels=5, photos=60):
    """Return decisions, that are not always those of the scores, scores and a threshold for each photo and label."""
    random = np.random.default_rng(0)
    scores = random.random((photos, labels)) ** 2
    thresholds = np.tile(random.choice([0.02, 0.2, 0.6], labels), (photos, 1)) + 0.01 * random.random((photos, labels))
    decisions = (scores >= thresholds) ^ (random.random((photos, labels)) < 0.2)
    return decisions.astype(np.uint8), scores, thresholds


def nearest_set(decisions, scores, thresholds, min_labels, max_labels):
    """Return the labels of one photo: of all sets that are large and small enough the one with fewest changes, and of
    such the one of greatest odds, each label's divided by those of its threshold, and all multiplied."""
    sizes = range(min_labels, max_labels + 1)
    best = None
    for labels in itertools.chain(*(itertools.combinations(range(len(scores)), size) for size in sizes)):
        chosen = [int(label in labels) for label in range(len(scores))]
        changes = sum(one != other for one, other in zip(chosen, decisions, strict=True))
        odds = [scores[k] / (1 - scores[k]) / (thresholds[k] / (1 - thresholds[k])) for k in labels]
        if best is None or (-changes, math.prod(odds)) > best[0]:
            best = ((-changes, math.prod(odds)), chosen)
    return best[1]


@pytest.mark.parametrize(("min_labels", "max_labels"), [(1, 5), (0, 2), (2, 2), (1, 3), (5, 5), (0, 1)])
def test_a_photo_gets_the_nearest_set_of_labels_that_the_limits_allow(min_labels, max_labels):
    decisions, scores, thresholds = photos_to_limit()
    actual = limit_labels(decisions, scores.astype(np.float32), thresholds, min_labels, max_labels)
    rows = zip(decisions.tolist(), scores.tolist(), thresholds.tolist(), strict=True)
    assert actual.tolist() == [nearest_set(*row, min_labels, max_labels) for row in rows]
    assert actual.dtype == np.uint8
    assert (actual != decisions).any()


def test_without_limits_every_decision_stays():
    decisions, scores, thresholds = photos_to_limit()
    assert ((scores >= thresholds) != decisions).any()
    assert np.array_equal(limit_labels(decisions, scores, thresholds, 0, None), decisions)


def test_one_threshold_a_label_goes_for_all_photos():
    decisions, scores, thresholds = photos_to_limit()
    once = limit_labels(decisions, scores, thresholds[0], 1, 2)
    assert np.array_equal(once, limit_labels(decisions, scores, np.tile(thresholds[0], (60, 1)), 1, 2))


def test_a_rare_labels_low_threshold_is_no_advantage_nor_a_drawback():
    """The photo's odds are a third of the first label's threshold's, and half of the second's."""
    thresholds = np.array([0.02, 0.6])
    odds = thresholds / (1 - thresholds) * [1 / 3, 1 / 2]
    scores = (odds / (1 + odds))[None]
    assert abs(scores - thresholds)[0, 0] < abs(scores - thresholds)[0, 1]
    assert limit_labels(np.array([[0, 0]]), scores, thresholds, 1, None).tolist() == [[0, 1]]


def test_of_equals_the_earlier_label_is_taken_and_ends_are_allowed():
    scores, thresholds = np.array([[0.0, 1.0, 1.0, 0.0]]), np.array([0.5, 0.5, 0.5, 0.5])
    assert limit_labels(np.array([[0, 1, 1, 0]]), scores, thresholds, 3, None).tolist() == [[1, 1, 1, 0]]
    assert limit_labels(np.array([[0, 1, 1, 0]]), scores, thresholds, 0, 1).tolist() == [[0, 1, 0, 0]]
    assert limit_labels(np.array([[1, 1]]), np.array([[0.5, 0.5]]), np.array([0.0, 0.2]), 0, 1).tolist() == [[1, 0]]
