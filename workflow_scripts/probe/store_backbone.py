"""Store the frozen backbone of probes, which their other jobs read without its pretrained weights."""

from pathlib import Path

from stylevote.cli import run
from stylevote.cnn.frozen import FrozenBackbone
from stylevote.cnn.settings import RunSetting
from stylevote.config.identity import file_sha256
from stylevote.files.tables import replacing, write_json
from stylevote.files.weights import store_weights


def main(start: Path | None, backbone: Path, contents: Path, *, setting: RunSetting) -> None:
    """Write a frozen backbone's weights in half precision, and their digest.

    Args:
        start: the user's file of weights, if any
        backbone: to write: the weights
        contents: to write: digest of the weights, and number of features
        setting: the part of a probe's setting on which its features depend
    """
    network = FrozenBackbone(setting, str(start) if start else setting["weights"])
    with replacing(backbone) as partial:
        store_weights(network, partial)
    write_json({"features": network.width, "weights_sha256": file_sha256(backbone)}, contents)


if __name__ == "__main__":
    run(main)
