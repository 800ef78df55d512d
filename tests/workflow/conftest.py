"""Each test gets a copy of the small workflow to change."""

import pytest

from workflow.checkout import Checkout, make_checkout, small_config


@pytest.fixture
def checkout(finished, tmp_path) -> Checkout:
    """A copy of the finished workflow, at another place and with other time stamps, to be changed."""
    other = finished.copy(tmp_path / "copy")
    other.config = small_config()
    return other


@pytest.fixture
def fresh(tmp_path) -> Checkout:
    """The small workflow with nothing computed."""
    return make_checkout(tmp_path / "fresh")
