"""The small workflow, run once; each test gets a copy of it to change."""

import pytest

from workflow.checkout import Checkout, make_checkout, small_config


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Checkout:
    """The small workflow, computed with two cores. Not to be changed."""
    checkout = make_checkout(tmp_path_factory.mktemp("finished") / "stylevote")
    checkout.printed = checkout.run()
    return checkout


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
