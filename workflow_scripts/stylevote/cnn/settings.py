"""Types of a run's setting. The models of `stylevote.config.runs` check it; here it is the JSON that they resolved.

Seeds and run ids are digests of this JSON. Importing these types does not import pydantic.
"""

from typing import Any, Literal, NotRequired, TypedDict

from stylevote.config.identity import score_size


class NetworkSetting(TypedDict):
    """Keys of a run's setting that determine a network, and its scores for given weights."""

    backbone: str
    backbone_args: dict[str, Any]
    size: int
    hidden_units: list[int]
    batch_norm: NotRequired[bool]
    dropout: NotRequired[float]
    drop_path: NotRequired[float]
    probe: NotRequired[dict[str, Any]]
    batch: int
    tta: Literal["mirror", "none", "ten_crop"]


class PhaseSetting(TypedDict):
    """A phase of fine-tuning."""

    epochs: int
    lr: float
    policy: Literal["triangular", "triangular2", "one_cycle", "cosine", "constant"]
    cycle: float
    warm_up: NotRequired[float]
    train: Literal["head", "all"] | dict[str, float]


class RunSetting(NetworkSetting):
    """A run's resolved setting."""

    weights: str
    head_from: NotRequired[Literal["random", "probe", "token_probe"]]
    labels: Literal["all"] | list[str]
    recipe: str
    loss: dict[str, dict[str, Any]]
    test_size: NotRequired[int]
    optimizer: NotRequired[dict[str, dict[str, float]]]
    phases: list[PhaseSetting]
    label_smoothing: NotRequired[float]
    soup: NotRequired[int]
    ema: dict[str, float] | None
    gradient_clip: float | None
    precision: Literal["float32", "bfloat16", "float16"]
    compile: bool
    crop: dict[str, float]
    augment: NotRequired[dict[str, Any]]
    seed: int


def scoring(setting: RunSetting) -> RunSetting:
    """Return the setting of the networks that score photos: its ``size`` is the run's ``test_size``, if it has one."""
    return {**setting, "size": score_size(setting)}
