"""Learning rates at the points where their closed forms are known."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stylevote.cnn.schedule import epoch_phases, learning_rate

POLICIES = ["triangular", "triangular2", "one_cycle", "cosine", "constant"]


def phase(policy: str, epochs: int = 2, lr: float = 1.0, cycle: float = 1) -> dict:
    return {"policy": policy, "epochs": epochs, "lr": lr, "cycle": cycle, "train": "all"}


def rates(phase: dict, steps_per_epoch: int) -> list[float]:
    return [learning_rate(phase, step, steps_per_epoch) for step in range(phase["epochs"] * steps_per_epoch)]


def test_triangular_rises_and_falls_once_a_cycle():
    some = [learning_rate(phase("triangular"), step, 20) for step in (0, 5, 10, 15, 20, 30)]
    assert some == pytest.approx([0.1, 0.55, 1.0, 0.55, 0.1, 1.0])
    # Two epochs of 20 steps to the cycle; and half an epoch to it.
    some = [learning_rate(phase("triangular", cycle=2), step, 20) for step in (0, 10, 20, 30, 40)]
    assert some == pytest.approx([0.1, 0.55, 1.0, 0.55, 0.1])
    some = [learning_rate(phase("triangular", cycle=0.5), step, 20) for step in (0, 5, 10, 15, 20)]
    assert some == pytest.approx([0.1, 1.0, 0.1, 1.0, 0.1])


def test_triangular2_halves_what_is_above_the_lowest():
    some = [learning_rate(phase("triangular2", epochs=4, lr=2.0), step, 10) for step in (0, 5, 10, 15, 25, 35, 40)]
    assert some == pytest.approx([0.2, 2.0, 0.2, 1.1, 0.65, 0.425, 0.2])


def test_one_cycle_at_known_points():
    # 11 steps: the last is the tenth after the first. Warm-up ends at step 3, and half way down is 6.5.
    some = rates(phase("one_cycle", epochs=1, lr=0.5), 11)
    assert some[0] == pytest.approx(0.5 / 25)
    assert some[3] == pytest.approx(0.5)
    assert (some[6] + some[7]) / 2 == pytest.approx(0.25, rel=1e-5)
    assert some[10] == pytest.approx(0.5 / 250_000)
    assert max(some) == some[3]


def test_one_cycle_is_that_of_torch():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.3, total_steps=2000, cycle_momentum=False)
    for ours in rates(phase("one_cycle", epochs=4, lr=0.3), 500):
        # Torch's warm-up ends less than one step earlier.
        assert ours == pytest.approx(theirs.get_last_lr()[0], rel=0.01, abs=1e-6)
        optimizer.step()
        if theirs.last_epoch < 1999:
            theirs.step()


@pytest.mark.parametrize("warm_up", [0, 0.1, 0.25])
def test_cosine_is_that_of_torch(warm_up):
    optimizer, first = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3), round(200 * warm_up)
    schedulers = torch.optim.lr_scheduler
    theirs = schedulers.SequentialLR(
        optimizer,
        [
            schedulers.LinearLR(optimizer, start_factor=1 / (first + 1), total_iters=first or 1),
            schedulers.CosineAnnealingLR(optimizer, T_max=200 - first),
        ],
        milestones=[first],
    )
    for ours in rates({**phase("cosine", epochs=4, lr=0.3), "warm_up": warm_up}, 50):
        assert ours == pytest.approx(theirs.get_last_lr()[0], rel=1e-6)
        optimizer.step()
        theirs.step()


def test_one_cycle_takes_any_number_of_steps():
    assert rates(phase("one_cycle", epochs=1), 1) == pytest.approx([1 / 25])
    assert rates(phase("one_cycle", epochs=1), 2) == pytest.approx([1 / 25, 1 / 250_000])


@given(
    st.sampled_from(POLICIES),
    st.integers(1, 5),
    st.floats(1e-6, 1),
    st.sampled_from([0.5, 1, 2, 3.5]),
    st.integers(1, 60),
)
def test_rates_are_positive_and_never_above_the_highest(policy, epochs, lr, cycle, steps_per_epoch):
    some = rates(phase(policy, epochs, lr, cycle), steps_per_epoch)
    assert all(0 < rate <= lr * (1 + 1e-12) for rate in some)
    if policy == "constant":
        assert set(some) == {lr}
    elif policy == "cosine":
        assert some[0] == lr
        assert some == sorted(some, reverse=True)
    else:
        assert some[0] <= 0.1 * lr * (1 + 1e-12)


@given(st.integers(1, 60), st.integers(1, 3), st.integers(0, 200))
def test_triangles_repeat_and_are_symmetric(steps_per_epoch, cycle, step):
    once, twice = phase("triangular", cycle=cycle), phase("triangular2", cycle=cycle)
    length = cycle * steps_per_epoch
    assert learning_rate(once, step + length, steps_per_epoch) == pytest.approx(
        learning_rate(once, step, steps_per_epoch)
    )
    assert learning_rate(once, length - step % length, steps_per_epoch) == pytest.approx(
        learning_rate(once, step, steps_per_epoch)
    )
    above = [learning_rate(twice, step + later, steps_per_epoch) - 0.1 for later in (0, length)]
    assert above[1] == pytest.approx(above[0] / 2, abs=1e-12)


def test_epochs_belong_to_phases_in_order():
    assert epoch_phases([{"epochs": 1}, {"epochs": 3}, {"epochs": 2}]) == [0, 1, 1, 1, 2, 2]
