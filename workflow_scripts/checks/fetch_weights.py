"""Fetch the published weights of all runs before anything is trained."""

from pathlib import Path
from typing import Any

from stylevote.augment.segmenters.check import fetch_segmenter
from stylevote.cli import run
from stylevote.cnn.check import fetch, source
from stylevote.config.settings import weights_name
from stylevote.errors import InputError
from stylevote.files.tables import write_json
from stylevote.wording import bullets, plural


def main(fetched: Path, keys: list[str], *, networks: list[dict[str, Any]]) -> None:
    """Bring published weights to the cache of this machine. If some cannot be loaded, name all of them and a way out.

    Args:
        fetched: to write: the number of networks
        keys: keys of the runs that have each network
        networks: what decides whether each network can be made
    """
    problems: list[str] = []
    for key, network in zip(keys, networks, strict=True):
        try:
            fetch_segmenter(network) if "segmentation" in network else fetch(network)
        except InputError as error:
            problems.append(f"{key}: {error}")
    if problems:
        backbones = sorted({network["backbone"] for network in networks if "backbone" in network})
        files = [f"  {weights_name(backbone)}, from {source(backbone)}" for backbone in backbones]
        remedy = [
            f"Without a network, set `weights_folder: FOLDER`, a folder with {plural(len(files), 'file')}:",
            *files,
        ]
        title = f"pretrained weights of {plural(len(problems), 'network')} cannot be loaded; nothing was trained:"
        raise InputError(bullets(title, problems + remedy * bool(files), indent="  "))
    write_json({"networks": len(networks)}, fetched)


if __name__ == "__main__":
    run(main)
