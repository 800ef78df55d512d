"""Phases of fine-tuning, and the learning rate at every step of one."""

LOWEST_SHARE = 0.1  # a cycle starts and ends at this share of its highest learning rate


def triangular(step: int, cycle: int, highest: float) -> float:
    """Return the triangular cyclical learning rate (Smith 2017, section 3.1) at ``step`` of a phase.

    It rises linearly from a tenth of ``highest`` to ``highest`` in the first half of each ``cycle`` (steps) and falls
    back in the second.
    """
    half = cycle / 2
    distance = abs((step % cycle) - half) / half
    return highest * (LOWEST_SHARE + (1 - LOWEST_SHARE) * (1 - distance))


def epoch_phases(phases: list[dict]) -> list[int]:
    """Return the number of the phase that each epoch of a run belongs to, both from 0."""
    return [number for number, phase in enumerate(phases) for _ in range(phase["epochs"])]
