"""What all tests share."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
import yaml

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
def once(tmp_path_factory) -> Callable[[str, Callable[[Checkout], str]], Checkout]:
    """Return a function that gives a checkout which one of the tests' processes computes for all of them."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def compute(name: str, run: Callable[[Checkout], str]) -> Checkout:
        folder = base / name
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "printed.txt").exists():
                shutil.rmtree(folder, ignore_errors=True)  # what failed in another process
                printed = run(make_checkout(folder / "stylevote"))
                (folder / "printed.txt").write_text(printed)
        checkout = Checkout(folder / "stylevote")
        checkout.config = yaml.safe_load((checkout.folder / "small.yaml").read_text())
        checkout.printed = (folder / "printed.txt").read_text()
        return checkout

    return compute


@pytest.fixture(scope="session")
def finished(once) -> Checkout:
    """The small workflow, computed with two cores as a user does. To be read and copied, by several at a time."""
    return once("finished", lambda checkout: checkout.run())
