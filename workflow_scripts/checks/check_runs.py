"""Check that the networks of all runs can be made, before anything is trained."""

import re
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stylevote.cli import run
from stylevote.config.identity import digest
from stylevote.errors import InputError
from stylevote.files.tables import read_json, write_json
from stylevote.wording import bullets, plural

LIBRARIES = ("torch", "torchvision", "timm", "segmentation-models-pytorch")


def main(checked: Path, kept: Path, code: str, keys: list[str], *, networks: list[dict[str, Any]]) -> None:
    """Check each network once; remember those that passed, so that a further run costs the time of its own check.

    Args:
        checked: to write: the number of networks
        kept: file of the networks that have passed
        code: digest of the code of this check
        keys: keys of the runs that have each network
        networks: what decides whether each network can be made
    """
    passed: set[str] = set()
    with suppress(InputError):
        passed.update(read_json(kept)["passed"])
    libraries = [version(name) for name in LIBRARIES]
    names = [digest([network, code, libraries], 16) for network in networks]
    problems: dict[str, list[str]] = {}
    for name, key, network in zip(names, keys, networks, strict=True):
        if name in passed:
            continue
        if problem := find_problem(network):
            problems.setdefault(problem, []).append(key)
        else:
            passed.add(name)
    write_json({"passed": sorted(passed)}, kept)
    if problems:
        lines = [f"{', '.join(dict.fromkeys(found))}: {problem}" for problem, found in problems.items()]
        lines.sort(key=lambda line: [int(number) for number in re.findall(r"^runs\[(\d+)", line)])
        raise InputError(bullets(f"{plural(len(lines), 'problem')} of runs; nothing was trained:", lines, indent="  "))
    write_json({"networks": len(networks)}, checked)


def find_problem(network: dict[str, Any]) -> str | None:
    """Return the problem of a network or a segmenter, or None."""
    # Imported late: it takes seconds, which a call without a new network can do without.
    from stylevote.augment.segmenters.check import segmenter_problem  # noqa: PLC0415
    from stylevote.cnn.check import network_problem  # noqa: PLC0415

    return segmenter_problem(network) if "segmentation" in network else network_problem(network)


if __name__ == "__main__":
    run(main)
