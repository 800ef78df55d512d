"""A machine that seems to have GPUs, a small bundle, and simulated ensembles."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stylevote.machine import gpus
from unit.bundles import make_bundle
from unit.ensembles import SimulatedEnsemble
from unit.ensembles import simulate as simulate_ensemble


@pytest.fixture
def pretend(tmp_path, monkeypatch) -> Iterator[Callable[..., None]]:
    """Let `nvidia-smi` list GPUs with these UUIDs; at first, there are none, and this process has leased none."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for name in (gpus.VISIBLE, gpus.SHARE):
        monkeypatch.delenv(name, raising=False)

    def list_gpus(*uuids: str) -> None:
        lines = "".join(f"{number}, {uuid}\n" for number, uuid in enumerate(uuids))
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{lines}END\n")
        program.chmod(0o755)

    list_gpus()
    gpus.lease_gpus.cache_clear()  # a test before this one may have leased
    yield list_gpus
    gpus.lease_gpus.cache_clear()


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """The folder of a small bundle. Not to be changed."""
    return make_bundle(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def simulate() -> Callable[..., SimulatedEnsemble]:
    """Simulate an ensemble with the given numbers of photos, runs and so on."""
    return simulate_ensemble


@pytest.fixture
def ensemble() -> SimulatedEnsemble:
    """Return a small simulated ensemble."""
    return simulate_ensemble()
