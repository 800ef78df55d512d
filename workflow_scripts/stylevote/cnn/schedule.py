"""Phases of fine-tuning, and the learning rate at every step of one."""

import math

from stylevote.cnn.settings import PhaseSetting

LOWEST_SHARE = 0.1  # a triangular cycle starts and ends at this share of its highest learning rate
WARM_UP = 0.3  # one_cycle rises during this share of the phase: torch's default, after fastai's
START_SHARE = 1 / 25  # one_cycle starts at this share of its highest learning rate (torch's default)
END_SHARE = START_SHARE / 1e4  # and ends several orders of magnitude lower, as in the paper (torch's default)


def learning_rate(phase: PhaseSetting, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate at a step of a phase; the highest is ``phase["lr"]``.

    Policies, by ``phase["policy"]``:

    - ``constant``: the highest, always.
    - ``triangular`` (Smith 2017, section 3.1): in each cycle of ``phase["cycle"]`` epochs, linearly from a tenth of the
      highest up to it, and back.
    - ``triangular2`` (the same): the height above that tenth halves with every cycle.
    - ``one_cycle`` (Smith and Topin 2018): over the phase's epochs, up from a 25th of the highest during the first 0.3,
      then down to a 250,000th at the last step, both along half a cosine (as in fastai and torch; the paper's lines are
      straight). Adam's momentum does not change.
    - ``cosine`` (Loshchilov and Hutter 2017, without restarts): over the phase's epochs, a linear rise during the first
      ``phase["warm_up"]`` of the steps, then along half a cosine towards 0, which the step after the last would reach.

    Args:
        phase: ``epochs``, ``lr``, ``policy``, ``cycle`` and, if it is not 0, ``warm_up``.
        step: from 0, counted from the phase's first.
        steps_per_epoch: number of steps in an epoch.
    """
    highest = phase["lr"]
    if phase["policy"] == "constant":
        return highest
    if phase["policy"] == "one_cycle":
        progress = step / max(1, phase["epochs"] * steps_per_epoch - 1)
        if progress < WARM_UP:
            return highest * _half_cosine(START_SHARE, 1, progress / WARM_UP)
        return highest * _half_cosine(1, END_SHARE, (progress - WARM_UP) / (1 - WARM_UP))
    if phase["policy"] == "cosine":
        steps = phase["epochs"] * steps_per_epoch
        warm_up = steps * phase.get("warm_up", 0)
        if step < warm_up:
            return highest * (step + 1) / (warm_up + 1)
        return highest * _half_cosine(1, 0, (step - warm_up) / (steps - warm_up))
    cycle, progress = divmod(step / (phase["cycle"] * steps_per_epoch), 1)
    height = (1 - LOWEST_SHARE) * (1 - abs(2 * progress - 1))
    if phase["policy"] == "triangular2":
        height /= 2**cycle
    return highest * (LOWEST_SHARE + height)


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def epoch_phases(phases: list[PhaseSetting]) -> list[int]:
    """Return the number of each epoch's phase, from 0."""
    return [number for number, phase in enumerate(phases) for _ in range(phase["epochs"])]
