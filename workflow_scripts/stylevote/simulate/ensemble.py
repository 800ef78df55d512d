"""Simulated ensembles of CNNs: photos without pixels, and scores of a known distribution, for tests at full size.

A CNN's evidence for a label is binormal (Green and Swets 1966): standard normal noise, plus a strength for photos with
the label. The noise is a sum of independent terms with their own seeds: of the photo (the same photos are difficult for
all CNNs), and of the photo for a family of backbones, for a member, for a fold's CNN, and for one of its epochs. The
evidence gives the log-odds that binary cross-entropy would learn. Each fold's CNN shifts and stretches them. Epochs
after the best one stretch them more and are less accurate.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr, ndtri

from stylevote.config.ensemble import Simulation
from stylevote.config.identity import seed as seed_of
from stylevote.demo.label_sets import label_set_table, sample_label_sets
from stylevote.errors import InputError

# Shares of the noise's variance. Members of different families only share the first, with a correlation below 0.9.
OF_PHOTO, OF_FAMILY, OF_MEMBER, OF_CNN, OF_EPOCH = 0.70, 0.10, 0.07, 0.10, 0.03
TWIN_NOISE = 0.15  # standard deviation of the noise that a twin adds to the evidence of the member that it copies
MIN_QUALITY = 0.85  # the worst CNN's strength, relative to the best one's
BEST_EPOCH = (0.4, 0.8)  # range of a CNN's best epoch, as a fraction of its training
LOST_STRENGTH = 0.6  # fraction of the strength that is lost a whole training away from the best epoch
GAINED_CERTAINTY = 0.5  # stretch of the log-odds a whole training later
FOLD_SHIFT, FOLD_STRETCH = 0.3, 0.1  # standard deviations of a CNN's shift of log-odds, and of its stretch's logarithm
MAX_LOG_ODDS = 12.0
FIRST_SHARE, FALL = 0.3, 0.8  # of labels without label sets: share of the most frequent label, and exponent of the fall


@dataclass(frozen=True)
class SimulatedEnsemble:
    """The distribution of an ensemble's scores."""

    settings: Simulation
    prevalence: dict[str, float]  # each label's share of the training photos
    # distance of the best CNN's evidence between photos with and without each label, in standard deviations of the
    # noise
    strength: dict[str, float]

    def original(self, member: int) -> int:
        """Return the member (from 0) that ``member`` copies with a little noise, or itself if it is no twin."""
        twins = self.settings.twins
        return member - 1 if twins and (member + 1) % twins == 0 else member


def simulate_manifest(photoset: str, count: int, min_positives: int, labels: list[str], seed: int) -> pd.DataFrame:
    """Draw label sets of the JD AI Fashion Challenge 2018 with their real frequencies, as photos without pixels.

    Args:
        photoset: its name, a prefix of the photos' names.
        min_positives: minimum number of positives per label.
        labels: labels of the challenge to keep.

    Returns:
        image_id, group (int64; every photo has its own) and a uint8 column per label.

    Raises:
        InputError: a label is not in the challenge, or ``count`` photos cannot hold that many positives.
    """
    known = label_set_table().columns.drop("images")
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise InputError(
            f"labels: {len(unknown)} have no label sets: {', '.join(unknown)}; expected some of {', '.join(known)}, or"
            " simulation.label_sets: zipf"
        )
    rng = np.random.default_rng(seed_of(seed, photoset, "label sets"))
    sets = sample_label_sets(count, min_positives, rng, f"simulation: {photoset}")
    return _named(sets[labels], photoset)


def simulate_any_labels(photoset: str, count: int, min_positives: int, labels: list[str], seed: int) -> pd.DataFrame:
    """Draw photos without pixels with any labels, independently for each label.

    The shares of the labels fall as in Zipf's law: `FIRST_SHARE` divided by the label's rank to the power of `FALL`.

    Args:
        photoset, count, min_positives, seed: see `simulate_manifest`.
        labels: any names, the most frequent first.

    Returns:
        the columns of `simulate_manifest`.

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
    """Return a manifest with a photo per row of ``labels``."""
    count = len(labels)
    names = {"image_id": [f"{photoset}_{number:06d}" for number in range(1, count + 1)], "group": np.arange(count)}
    return pd.concat([pd.DataFrame(names), labels], axis=1)


def make_ensemble(truth: pd.DataFrame, settings: Simulation) -> SimulatedEnsemble:
    """Return the distribution of an ensemble for training photos with these labels (0/1, a column per label)."""
    prevalence = {label: (int(column.sum()) + 1) / (len(column) + 2) for label, column in truth.items()}
    strength = {
        label: strength_of(share, settings.skills.get(label, settings.skill)) for label, share in prevalence.items()
    }
    return SimulatedEnsemble(settings, prevalence, strength)


def strength_of(prevalence: float, skill: float) -> float:
    """Return the distance in standard deviations between the evidence of photos with and without a label.

    Args:
        prevalence: share of the photos that have the label.
        skill: F2 at the best threshold on a scale from the F2 of always predicting the label (0) to no errors (1),
            because an F2 that is easy for a frequent label is impossible for a rare one.
    """
    always = 5 * prevalence / (5 * prevalence + 1 - prevalence)
    target = always + skill * (1 - always)
    return brentq(lambda strength: binormal_f2(prevalence, strength) - target, 0, 20)


def binormal_f2(prevalence: float, strength: float) -> float:
    """Return the F2 at the best threshold if the evidence is N(0, 1), or N(strength, 1) with the label."""
    thresholds = np.linspace(-8, strength + 8, 4001)
    true_positives = prevalence * ndtr(strength - thresholds)
    false_positives = (1 - prevalence) * ndtr(-thresholds)
    return float(np.max(5 * true_positives / (4 * prevalence + true_positives + false_positives)))


def simulate_scores(
    ensemble: SimulatedEnsemble, member: int, label: str, truth: np.ndarray, *, photoset: str, cnns: np.ndarray
) -> np.ndarray:
    """Return the scores of a photoset's photos by a member's CNNs at each epoch, for one label.

    They do not depend on other members, labels, photosets or folds.

    Args:
        ensemble: distribution of the scores.
        member: its number, from 0.
        truth: 0/1, shape (photos,): the photos with the label.
        photoset: name of the photos.
        cnns: the fold whose CNN scores each photo, int, shape (photos,); for out-of-fold scores, the photo's fold.

    Returns:
        scores in 0..1, float32, shape (epochs, photos).
    """
    original = ensemble.original(member)
    of_photos, of_member = (photoset, label), (original, label)
    noise = math.sqrt(OF_PHOTO) * _noise(ensemble, len(truth), "photo", *of_photos)
    noise += math.sqrt(OF_FAMILY) * _noise(
        ensemble, len(truth), "family", original % ensemble.settings.families, *of_photos
    )
    noise += math.sqrt(OF_MEMBER) * _noise(ensemble, len(truth), "member", original, *of_photos)
    best, quality = _course(ensemble, original, label)
    past_best = (np.arange(ensemble.settings.epochs)[:, None] + 0.5) / ensemble.settings.epochs - best
    strength = ensemble.strength[label] * quality * (1 - LOST_STRENGTH * past_best**2)
    stretch = 1 + GAINED_CERTAINTY * past_best
    prior = logit(ensemble.prevalence[label])
    scores = np.empty((ensemble.settings.epochs, len(truth)), dtype=np.float32)
    for cnn in np.unique(cnns):
        rows = np.flatnonzero(cnns == cnn)
        shape = (ensemble.settings.epochs, len(rows))
        of_cnn = (int(cnn), *of_photos)
        evidence = math.sqrt(OF_EPOCH) * _noise(ensemble, shape, "epochs", original, *of_cnn)
        evidence += noise[rows] + math.sqrt(OF_CNN) * _noise(ensemble, len(rows), "CNN", original, *of_cnn)
        if member != original:
            evidence += TWIN_NOISE * _noise(ensemble, shape, "twin", member, *of_cnn)
        evidence += strength * truth[rows]
        shift, stretched = _draws(ensemble, "CNN's fold", int(cnn), *of_member).normal(0, [FOLD_SHIFT, FOLD_STRETCH])
        # Bayes: the log-odds of two normal distributions of variance 1, `strength` apart.
        log_odds = prior + shift + np.exp(stretched) * stretch * strength * (evidence - strength / 2)
        scores[:, rows] = expit(np.clip(log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS))
    return scores


def _course(ensemble: SimulatedEnsemble, member: int, label: str) -> np.ndarray:
    """Return a member's best epoch for a label, as a fraction of its training, and its relative strength there.

    Their ranks among all members are normal; `Simulation.agreement` is the share of the variance that labels share.
    """
    shares = _draws(ensemble, "member's course", member, label).random(2)
    if agreement := ensemble.settings.agreement:
        common = _draws(ensemble, "member's course", member).random(2)
        shares = ndtr(math.sqrt(agreement) * ndtri(common) + math.sqrt(1 - agreement) * ndtri(shares))
    low, high = np.array([[BEST_EPOCH[0], MIN_QUALITY], [BEST_EPOCH[1], 1]])
    return low + (high - low) * shares


def simulate_predictions(
    ensemble: SimulatedEnsemble, member: int, manifest: pd.DataFrame, *, photoset: str, cnns: np.ndarray
) -> pd.DataFrame:
    """Return a member's predictions of a photoset: image_id, epoch (int16, from 1) and a float32 column per label.

    Args:
        ensemble, member, photoset, cnns: see `simulate_scores`.
        manifest: image_id, and 0/1 per label of the ensemble.
    """
    columns: dict[str, Any] = {
        "image_id": np.tile(manifest["image_id"].to_numpy(), ensemble.settings.epochs),
        "epoch": np.repeat(np.arange(1, ensemble.settings.epochs + 1, dtype=np.int16), len(manifest)),
    }
    for label in ensemble.strength:
        truth = manifest[label].to_numpy()
        columns[label] = simulate_scores(ensemble, member, label, truth, photoset=photoset, cnns=cnns).ravel()
    return pd.DataFrame(columns)


def _draws(ensemble: SimulatedEnsemble, *purpose: Any) -> np.random.Generator:
    return np.random.default_rng(seed_of(ensemble.settings.seed, *purpose))


def _noise(ensemble: SimulatedEnsemble, shape: int | tuple[int, int], *purpose: Any) -> np.ndarray:
    """Return standard normal noise, float32, that depends only on the ensemble's seed and its purpose."""
    return _draws(ensemble, *purpose).standard_normal(shape, dtype=np.float32)
