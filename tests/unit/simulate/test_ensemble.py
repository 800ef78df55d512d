"""Simulated ensembles follow their distribution: frequencies of labels, quality of scores, and correlations."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.metrics import precision_recall_curve, roc_auc_score

from stylevote.config.ensemble import Simulation
from stylevote.demo import label_sets
from stylevote.ensemble.scores import read_predictions
from stylevote.errors import InputError
from stylevote.files.tables import write_table
from stylevote.simulate.ensemble import (
    make_ensemble,
    simulate_manifest,
    simulate_predictions,
    simulate_scores,
    strength_of,
)

PHOTOS, FOLDS, MEMBERS = 20_000, 4, 8
LABELS = ["sport", "korean", "office"]
LAW = Simulation(seed=5, epochs=8, families=3, twins=4)


@pytest.fixture(scope="module")
def manifest() -> pd.DataFrame:
    return simulate_manifest("train", PHOTOS, 30, LABELS, 5)


@pytest.fixture(scope="module")
def ensemble(manifest):
    return make_ensemble(manifest[LABELS], LAW)


@pytest.fixture(scope="module")
def folds() -> np.ndarray:
    return np.random.default_rng(0).integers(0, FOLDS, PHOTOS)


@pytest.fixture(scope="module")
def scores(ensemble, manifest, folds):
    """For each label the out-of-fold scores (members, epochs, photos)."""
    return {
        label: np.stack([out_of_fold(ensemble, member, label, manifest, folds) for member in range(MEMBERS)])
        for label in LABELS
    }


def out_of_fold(ensemble, member: int, label: str, manifest: pd.DataFrame, folds: np.ndarray) -> np.ndarray:
    return simulate_scores(ensemble, member, label, manifest[label].to_numpy(), photoset="train", cnns=folds)


def of_one_cnn(ensemble, member: int, label: str, manifest: pd.DataFrame, fold: int) -> np.ndarray:
    cnns = np.full(len(manifest), fold)
    return simulate_scores(ensemble, member, label, manifest[label].to_numpy(), photoset="test", cnns=cnns)


def test_label_sets_are_as_frequent_as_the_table_says():
    table = pd.read_csv(Path(label_sets.__file__).with_name("jd2018_label_sets.csv"))
    labels = [*table.columns[:0:-1][1:], table.columns[0]]  # in another order
    drawn = simulate_manifest("train", PHOTOS, 0, labels, 1)
    expected = {tuple(row[labels]): row["images"] / table["images"].sum() for _, row in table.iterrows()}
    found = Counter(map(tuple, drawn[labels].to_numpy()))
    assert set(found) <= set(expected)
    for label_set, share in expected.items():
        assert abs(found[label_set] - PHOTOS * share) <= 5 * np.sqrt(PHOTOS * share) + 1
    assert drawn["image_id"].is_unique
    assert drawn["group"].is_unique


def test_rare_labels_have_the_positives_that_are_asked_for(manifest):
    raised = simulate_manifest("train", 500, 12, LABELS, 5)
    assert raised["sport"].sum() == 12
    with pytest.raises(InputError, match=r"simulation: test: 40 label sets cannot hold 20 positives"):
        simulate_manifest("test", 40, 20, LABELS, 5)


def test_labels_that_have_no_label_sets_are_refused():
    with pytest.raises(InputError, match=r"labels: 1 have no label sets: coat; expected .*sport"):
        simulate_manifest("train", 500, 2, ["sport", "coat"], 1)


@pytest.mark.parametrize("prevalence", [0.002, 0.3])
@pytest.mark.parametrize("skill", [0.2, 0.6])
def test_the_strength_gives_the_skill(prevalence, skill):
    """Against evidence that is drawn, and cut at every score."""
    rng = np.random.default_rng(1)
    positives, negatives = 4_000, round(4_000 * (1 - prevalence) / prevalence)
    truth = np.repeat([1, 0], [positives, negatives])
    precision, recall, _ = precision_recall_curve(
        truth, rng.normal(size=len(truth)) + strength_of(prevalence, skill) * truth
    )
    reached = np.nanmax(5 * precision * recall / np.maximum(4 * precision + recall, 1e-12))
    everywhere = 5 * positives / (5 * positives + negatives)
    assert (reached - everywhere) / (1 - everywhere) == pytest.approx(skill, abs=0.02)


def test_scores_are_a_cnns_probabilities(scores, manifest):
    for label in LABELS:
        of_label = scores[label]
        assert of_label.dtype == np.float32
        assert of_label.min() > 0
        assert of_label.max() < 1
        # Fold by fold they are too high or too low; on average about as many are expected as there are.
        assert of_label.mean() == pytest.approx(manifest[label].mean(), rel=0.25)
    # What is said to be likely is likely: of photos with scores about 0.7, most have the label.
    best = scores["korean"].reshape(-1, PHOTOS)
    likely = (best > 0.6) & (best < 0.8)
    truth = np.broadcast_to(manifest["korean"].to_numpy(), best.shape)
    assert truth[likely].mean() == pytest.approx(0.7, abs=0.05)


def test_skill_is_that_of_the_ablest_cnn(scores, manifest):
    truth = manifest["korean"].to_numpy()
    everywhere = 5 * truth.mean() / (1 + 4 * truth.mean())
    reached = []
    for epochs in scores["korean"]:
        for row in epochs:
            precision, recall, _ = precision_recall_curve(truth, row)
            reached.append(np.max(5 * precision * recall / (4 * precision + recall)))
    skills = (np.array(reached) - everywhere) / (1 - everywhere)
    assert 0.25 < skills.max() < 0.42
    assert skills.min() > 0.05


def test_a_single_labels_skill_may_be_chosen(ensemble, scores, manifest, folds):
    other = make_ensemble(manifest[LABELS], LAW.model_copy(update={"skills": {"korean": 0.7}}))
    truth = manifest["korean"].to_numpy()
    better = out_of_fold(other, 0, "korean", manifest, folds)
    assert roc_auc_score(truth, better[4]) > roc_auc_score(truth, scores["korean"][0, 4]) + 0.02
    assert np.array_equal(out_of_fold(other, 0, "office", manifest, folds), scores["office"][0])


@pytest.mark.parametrize(("agreement", "low", "high"), [(0, -0.35, 0.35), (0.5, 0.3, 0.75), (1, 0.85, 1)])
def test_labels_agree_which_members_are_good_as_far_as_is_asked_for(agreement, low, high, manifest):
    """Half of the photos have the label: the AUCs of members tell their strengths."""
    truth = (np.arange(4000) % 2).astype(np.uint8)
    labels = ["one", "other"]
    law = Simulation(seed=3, epochs=1, families=60, twins=0, agreement=agreement)
    agreeing = make_ensemble(pd.DataFrame(dict.fromkeys(labels, truth)), law)
    one_cnn = np.zeros(len(truth), dtype=int)

    def auc(member, label):
        drawn = [simulate_scores(agreeing, member, label, truth, photoset=name, cnns=one_cnn)[0] for name in "abcd"]
        return np.mean([roc_auc_score(truth, scores) for scores in drawn])

    aucs = [[auc(member, label) for member in range(60)] for label in labels]
    assert low < np.corrcoef(aucs)[0, 1] < high


def test_scores_depend_on_their_own_seed_member_label_and_fold_alone(ensemble, scores, manifest, folds):
    alone = make_ensemble(manifest[["korean"]], LAW)
    again = out_of_fold(alone, 6, "korean", manifest, folds)
    assert np.array_equal(again, scores["korean"][6])
    moved = np.where(folds > 1, FOLDS - folds + 1, folds)  # 2 and 3 change places
    changed = out_of_fold(ensemble, 6, "korean", manifest, moved)
    assert np.array_equal(changed[:, folds < 2], again[:, folds < 2])
    assert (changed[:, folds > 1] != again[:, folds > 1]).mean() > 0.99
    other = make_ensemble(manifest[LABELS], LAW.model_copy(update={"seed": 6}))
    assert abs(np.corrcoef(out_of_fold(other, 6, "office", manifest, folds)[4], scores["office"][6, 4])[0, 1]) < 0.9


@pytest.mark.parametrize("label", LABELS)
def test_twins_are_alike_and_others_are_not(scores, label):
    middle = scores[label][:, 4]
    likeness = np.corrcoef(middle)
    twins = {(2, 3), (6, 7)}
    for one, other in combinations(range(MEMBERS), 2):
        assert (likeness[one, other] > 0.9) == ((one, other) in twins)
    assert not np.array_equal(middle[2], middle[3])
    others = [pair for pair in combinations(range(MEMBERS), 2) if pair not in twins]
    family = [likeness[pair] for pair in others if (pair[1] - pair[0]) % 3 == 0 and pair[1] % 4 != 3]
    apart = [likeness[pair] for pair in others if (pair[1] - pair[0]) % 3 and pair[1] % 4 != 3]
    assert np.mean(family) > np.mean(apart) > 0.2


def test_epochs_get_better_and_then_overfit(scores, manifest):
    truth = manifest["korean"].to_numpy()
    of_epoch = np.array([[roc_auc_score(truth, row) for row in epochs] for epochs in scores["korean"]]).mean(axis=0)
    best = int(of_epoch.argmax())
    assert 2 <= best <= 6
    assert (np.diff(of_epoch)[:2] > 0).all()
    assert of_epoch[-1] < of_epoch[best] - 0.001
    # A network that overfits is surer of itself.
    spread = logit(scores["korean"].astype(np.float64)).std(axis=2).mean(axis=0)
    assert spread[-1] > spread[best]


def test_every_folds_cnn_has_a_way_of_its_own(ensemble, manifest):
    said = np.array([of_one_cnn(ensemble, 0, "korean", manifest, fold)[4] for fold in range(FOLDS)], dtype=np.float64)
    log_odds = logit(said)
    assert log_odds.mean(axis=1).std() > 0.1  # by chance it would be about 0.005
    likeness = np.corrcoef(log_odds)[np.triu_indices(FOLDS, 1)]
    assert 0.7 < likeness.min() <= likeness.max() < 0.99


def test_out_of_fold_scores_and_those_of_further_photos_follow_one_law(ensemble, scores, folds):
    test = simulate_manifest("test", PHOTOS, 0, LABELS, 5)
    train = simulate_manifest("train", PHOTOS, 30, LABELS, 5)["korean"].to_numpy()
    truth = test["korean"].to_numpy()
    assert not np.array_equal(train, truth)
    for member in range(3):
        seen, unseen = [], []
        for fold in range(FOLDS):
            of_fold, of_test = (
                scores["korean"][member, 4, folds == fold],
                of_one_cnn(ensemble, member, "korean", test, fold),
            )
            assert logit(of_fold).mean() == pytest.approx(logit(of_test[4]).mean(), abs=0.1)
            seen.append(roc_auc_score(train[folds == fold], of_fold))
            unseen.append(roc_auc_score(truth, of_test[4]))
        assert np.mean(seen) == pytest.approx(np.mean(unseen), abs=0.012)


def test_predictions_are_what_the_ensemble_reads(ensemble, manifest, folds, scores, tmp_path):
    table = simulate_predictions(ensemble, 1, manifest, photoset="train", cnns=folds)
    write_table(table, tmp_path / "validation.parquet")
    read = read_predictions(tmp_path / "validation.parquet", manifest["image_id"].to_numpy(), LABELS, "all")
    assert read.epochs == list(range(1, 9))
    for label in LABELS:
        assert np.array_equal(read.scores[label], scores[label][1])
