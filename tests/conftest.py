"""What all tests share."""

from pathlib import Path

import hypothesis
import pytest

from places import SHARED

# How long a case takes says more of the machine than of the code.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos and weights that lies beside the checkout, where there is one."""
    if not (SHARED / "data" / "real_small" / "labels.csv").exists():
        pytest.skip("no real photos: ../shared is not there")
    return SHARED
