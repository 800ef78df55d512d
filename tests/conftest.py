"""What all tests share."""

from pathlib import Path

import hypothesis
import pytest

from places import SHARED
from workflow.checkout import Checkout, make_checkout

# How long a case takes says more of the machine than of the code.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos and weights that lies beside the checkout, where there is one."""
    if not (SHARED / "data" / "real_small" / "labels.csv").exists():
        pytest.skip("no real photos: ../shared is not there")
    return SHARED


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Checkout:
    """The small workflow, computed with two cores. Not to be changed."""
    checkout = make_checkout(tmp_path_factory.mktemp("finished") / "stylevote")
    checkout.printed = checkout.run()
    return checkout
