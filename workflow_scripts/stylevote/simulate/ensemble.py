"""Simulated banks of CNNs: photos that are labels alone, and scores of a known law, to try the ensemble at full size.

A CNN's evidence for a label is binormal (Green and Swets 1966): standard normal noise, and for photos with the label a
strength on top. The noise is a sum of independent parts, each seeded by what it belongs to: the photo (all CNNs find
the same photos difficult), the photo in the eyes of a family of backbones, of a member, of one fold's CNN, and of one
epoch of it. From the evidence follow the log-odds as binary cross-entropy would learn them; each fold's CNN then shifts
and stretches them in its own way, and epochs after the best one stretch them more and tell less.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr

from stylevote.config.identity import seed as seed_of
from stylevote.demo.label_sets import label_set_table, sample_label_sets
from stylevote.errors import InputError

# Shares of the noise's variance. Members of different families share the first alone: well below a correlation of 0.9.
OF_PHOTO, OF_FAMILY, OF_MEMBER, OF_CNN, OF_EPOCH = 0.70, 0.10, 0.07, 0.10, 0.03
TWIN_NOISE = 0.15  # what a twin adds to the evidence of the member that it copies
LEAST_QUALITY = 0.85  # the least able CNN's strength, relative to the most able one's
BEST_EPOCH = (0.4, 0.8)  # when a CNN is at its best, as a share of its training
LOST_STRENGTH = 0.6  # share of the strength that is lacking a whole training away from there
GAINED_CERTAINTY = 0.5  # by how much log-odds are stretched a whole training later
FOLD_SHIFT, FOLD_STRETCH = 0.3, 0.1  # standard deviations of a CNN's shift of log-odds, and of its stretch's logarithm
MOST_LOG_ODDS = 12.0
FIRST_SHARE, FALL = (
    0.3,
    0.8,
)  # of labels that have no label sets: the most common one's share of the photos, and its fall
LEAST_TESTED = 4  # positives a label among the test photos: one photo alone is not to decide a rare label's score


@dataclass(frozen=True)
class SimulatedEnsemble:
    """A bank's law.

    Attributes:
        seed: another one draws everything else.
        epochs: epochs of each member.
        families: members ``families`` apart are of one family.
        twins: every ``twins``-th member copies the one before it; 0: none does.
        prevalence: each label's share of the training photos.
        strength: of each label, by how many standard deviations of the noise the evidence of the most able CNN tells
            photos with it from those without.
    """

    seed: int
    epochs: int
    families: int
    twins: int
    prevalence: dict[str, float]
    strength: dict[str, float]

    def original(self, member: int) -> int:
        """Return the member (from 0) whose scores ``member`` has but for a little noise: itself, if it is no twin."""
        return member - 1 if self.twins and (member + 1) % self.twins == 0 else member


def simulate_manifest(photoset: str, count: int, min_positives: int, labels: list[str], seed: int) -> pd.DataFrame:
    """Draw photos that are nothing but label sets of the JD AI Fashion Challenge 2018, as often as they occur there.

    Args:
        photoset: its name, which the photos' names begin with.
        count: number of photos.
        min_positives: least positives a label; rare labels are raised just enough.
        labels: which of the challenge's labels to keep.
        seed: another one draws other label sets.

    Returns:
        image_id, group (int64; every photo is a group of its own) and a uint8 column a label.

    Raises:
        InputError: a label is none of the challenge's, or ``count`` photos cannot hold that many positives.
    """
    known = label_set_table().columns.drop("images")
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise InputError(
            f"labels: {len(unknown)} have no label sets to simulate photos from: {', '.join(unknown)}; expected some of"
            f" {', '.join(known)}"
        )
    try:
        sets = sample_label_sets(count, min_positives, np.random.default_rng(seed_of(seed, photoset, "label sets")))
    except InputError as error:
        raise InputError(f"simulation: {photoset}: {error}") from error
    return _named(sets[labels], photoset)


def simulate_any_labels(photoset: str, count: int, min_positives: int, labels: list[str], seed: int) -> pd.DataFrame:
    """Draw photos that are nothing but sets of any labels, each label by itself.

    The shares of the photos that have the first, second, ... label fall as in Zipf's law: `FIRST_SHARE` of them by the
    label's place to the power of `FALL`.

    Args:
        photoset, count, seed: see `simulate_manifest`.
        min_positives: least positives a label.
        labels: any.

    Returns:
        as `simulate_manifest` does.

    Raises:
        InputError: there are fewer than ``min_positives`` photos.
    """
    if count < min_positives:
        raise InputError(f"simulation: {photoset}: {count} photos cannot have {min_positives} positives of a label")
    columns = {}
    for place, label in enumerate(labels, start=1):
        positives = max(min_positives, round(count * FIRST_SHARE / place**FALL))
        rng = np.random.default_rng(seed_of(seed, photoset, label, "photos with the label"))
        column = np.zeros(count, dtype=np.uint8)
        column[rng.choice(count, positives, replace=False)] = 1
        columns[label] = column
    return _named(pd.DataFrame(columns), photoset)


def _named(labels: pd.DataFrame, photoset: str) -> pd.DataFrame:
    """Return a manifest of photos that are nothing but ``labels``, a row each."""
    count = len(labels)
    names = {"image_id": [f"{photoset}_{number:06d}" for number in range(1, count + 1)], "group": np.arange(count)}
    return pd.concat([pd.DataFrame(names), labels], axis=1)


def make_ensemble(
    truth: pd.DataFrame, *, seed: int, epochs: int, families: int, twins: int, skill: float, skills: dict[str, float]
) -> SimulatedEnsemble:
    """Return the law of a bank for training photos with these labels.

    Args:
        truth: 0/1, a row per training photo, a column per label.
        seed, epochs, families, twins: see `SimulatedEnsemble`.
        skill: what the most able CNN reaches, see `strength_of`.
        skills: the same for single labels.
    """
    prevalence = {label: (int(column.sum()) + 1) / (len(column) + 2) for label, column in truth.items()}
    strength = {label: strength_of(share, skills.get(label, skill)) for label, share in prevalence.items()}
    return SimulatedEnsemble(seed, epochs, families, twins, prevalence, strength)


def strength_of(prevalence: float, skill: float) -> float:
    """Return how far apart, in standard deviations, the evidence of photos with and without a label lies.

    Args:
        prevalence: share of the photos that have the label.
        skill: F2 at the best threshold, as a share of the way from giving the label to every photo (0) to making no
            error (1): what is easy for a frequent label is out of reach for a rare one.
    """
    everywhere = 5 * prevalence / (5 * prevalence + 1 - prevalence)
    wanted = everywhere + skill * (1 - everywhere)
    return brentq(lambda strength: binormal_f2(prevalence, strength) - wanted, 0, 20)


def binormal_f2(prevalence: float, strength: float) -> float:
    """Return the F2 at the best threshold where evidence is N(0, 1), or N(strength, 1) with the label."""
    thresholds = np.linspace(-8, strength + 8, 4001)
    found = prevalence * ndtr(strength - thresholds)
    false = (1 - prevalence) * ndtr(-thresholds)
    return float(np.max(5 * found / (4 * prevalence + found + false)))


def simulate_scores(
    bank: SimulatedEnsemble, member: int, label: str, truth: np.ndarray, *, photoset: str, cnns: np.ndarray
) -> np.ndarray:
    """Return what a member's CNNs say of a photoset's photos at each epoch, for one label.

    Other members, labels, photosets and folds change nothing in it.

    Args:
        bank: the law.
        member: its number, from 0.
        label: the label.
        truth: which photos have the label, 0/1, shape (photos,).
        photoset: the photos' name; the same photos go by the same name.
        cnns: for each photo the fold whose CNN scores it, int, shape (photos,): the photo's own fold for out-of-fold
            scores, one fold everywhere for other photos.

    Returns:
        scores in 0..1, float32, shape (epochs, photos).
    """
    original = bank.original(member)
    place, of_member = (photoset, label), (original, label)
    noise = math.sqrt(OF_PHOTO) * _noise(bank, len(truth), "photo", *place)
    noise += math.sqrt(OF_FAMILY) * _noise(bank, len(truth), "family", original % bank.families, *place)
    noise += math.sqrt(OF_MEMBER) * _noise(bank, len(truth), "member", original, *place)
    best, quality = _draws(bank, "member's course", *of_member).uniform(
        [BEST_EPOCH[0], LEAST_QUALITY], [BEST_EPOCH[1], 1]
    )
    past_best = (np.arange(bank.epochs)[:, None] + 0.5) / bank.epochs - best
    strength = bank.strength[label] * quality * (1 - LOST_STRENGTH * past_best**2)
    stretch = 1 + GAINED_CERTAINTY * past_best
    prior = logit(bank.prevalence[label])
    scores = np.empty((bank.epochs, len(truth)), dtype=np.float32)
    for cnn in np.unique(cnns):
        rows = np.flatnonzero(cnns == cnn)
        shape = (bank.epochs, len(rows))
        of_cnn = (int(cnn), *place)
        evidence = math.sqrt(OF_EPOCH) * _noise(bank, shape, "epochs", original, *of_cnn)
        evidence += noise[rows] + math.sqrt(OF_CNN) * _noise(bank, len(rows), "CNN", original, *of_cnn)
        if member != original:
            evidence += TWIN_NOISE * _noise(bank, shape, "twin", member, *of_cnn)
        evidence += strength * truth[rows]
        shift, stretched = _draws(bank, "CNN's fold", int(cnn), *of_member).normal(0, [FOLD_SHIFT, FOLD_STRETCH])
        # Bayes: the log-odds of two normal distributions of variance 1, `strength` apart.
        log_odds = prior + shift + np.exp(stretched) * stretch * strength * (evidence - strength / 2)
        scores[:, rows] = expit(np.clip(log_odds, -MOST_LOG_ODDS, MOST_LOG_ODDS))
    return scores


def simulate_predictions(
    bank: SimulatedEnsemble, member: int, manifest: pd.DataFrame, *, photoset: str, cnns: np.ndarray
) -> pd.DataFrame:
    """Return a member's predictions of a photoset: image_id, epoch (int16, from 1) and a float32 column a label.

    Args:
        bank, member, photoset, cnns: see `simulate_scores`.
        manifest: the photos: image_id, and 0/1 a label of the bank.
    """
    columns: dict[str, Any] = {
        "image_id": np.tile(manifest["image_id"].to_numpy(), bank.epochs),
        "epoch": np.repeat(np.arange(1, bank.epochs + 1, dtype=np.int16), len(manifest)),
    }
    for label in bank.strength:
        truth = manifest[label].to_numpy()
        columns[label] = simulate_scores(bank, member, label, truth, photoset=photoset, cnns=cnns).ravel()
    return pd.DataFrame(columns)


def _draws(bank: SimulatedEnsemble, *purpose: Any) -> np.random.Generator:
    return np.random.default_rng(seed_of(bank.seed, *purpose))


def _noise(bank: SimulatedEnsemble, shape: int | tuple[int, int], *purpose: Any) -> np.ndarray:
    """Return standard normal noise that depends on the bank's seed and its purpose alone, float32."""
    return _draws(bank, *purpose).standard_normal(shape, dtype=np.float32)
