"""Settings of a training."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from stylevote.config.base import Model, OneOf, Seed, json_type, refuse_equal
from stylevote.config.identity import OMITTED

MAX_LAYERS = 3
Units = Annotated[int, Field(ge=1, le=8192)]
Tta = Literal["mirror", "none", "ten_crop"]


class WeightedBinaryCrossEntropy(Model):
    """Binary cross-entropy in which the rarer of positives and negatives weighs more, per label.

    Attributes:
        power: exponent of the ratio of the two in the epochs (after the recipe), which gives the weight.
        cap: maximum weight.
    """

    power: float = Field(1, ge=0, le=2)
    cap: float = Field(100, ge=1)


class Focal(Model):
    """Focal loss (Lin et al. 2017).

    Attributes:
        gamma: exponent that reduces the weight of easy examples.
        alpha: weight of positives, or null: none.
    """

    gamma: float = Field(2, ge=0, le=10)
    alpha: float | None = Field(0.25, ge=0, le=1)


class Asymmetric(Model):
    """Asymmetric loss (Ridnik et al. 2021).

    Attributes:
        gamma_neg: exponent that reduces the weight of easy negatives.
        gamma_pos: exponent that reduces the weight of easy positives.
        clip: probability below which negatives have no weight.
    """

    gamma_neg: float = Field(4, ge=0, le=10)
    gamma_pos: float = Field(1, ge=0, le=10)
    clip: float = Field(0.05, ge=0, lt=1)


class BinaryCrossEntropy(Model):
    """Binary cross-entropy."""


class Loss(OneOf):
    """bce, weighted_bce, focal or asymmetric, or one of them with its parameters: {focal: {gamma: 1}}."""

    bce: BinaryCrossEntropy | None = None
    weighted_bce: WeightedBinaryCrossEntropy | None = None
    focal: Focal | None = None
    asymmetric: Asymmetric | None = None


class Upper(OneOf):
    """The part of the backbone that is trained, from the top.

    Attributes:
        last: fraction of layers, rounded up. A fraction below 1 leaves out at least the lowest layer.
        groups: number of stages, or of a transformer's blocks.
    """

    last: float | None = Field(None, gt=0, le=1)
    groups: int | None = Field(None, ge=1, le=1000)


class Phase(Model):
    """A phase of fine-tuning.

    Attributes:
        epochs: number of epochs.
        lr: maximum learning rate.
        policy: triangular (cycles of equal height), triangular2 (each half as high as the previous one), one_cycle (one
            cycle for the whole phase) or constant.
        cycle: length of a triangular cycle in epochs.
        train: head, all, or the top of the backbone: {last: fraction of layers} or {groups: number of stages or
            blocks}.
    """

    epochs: int = Field(ge=1, le=1000)
    lr: float = Field(gt=0, le=10)
    policy: Literal["triangular", "triangular2", "one_cycle", "constant"] = "triangular"
    cycle: float = Field(1, gt=0, le=1000)
    train: Annotated[
        Annotated[Literal["head", "all"], Tag("string")] | Annotated[Upper, Tag("object")], Discriminator(json_type)
    ]


class Ema(Model):
    """{decay: ...}: an exponential moving average of the weights is evaluated and stored; or null: the last weights.

    Attributes:
        decay: fraction of the average that each step keeps.
    """

    decay: float = Field(0.999, gt=0, lt=1)


class Crop(Model):
    """Random crops in training.

    Attributes:
        min_scale: minimum fraction of a photo's sides in a crop.
        stretch: maximum fraction by which each side is stretched or squeezed, independently.
    """

    min_scale: float = Field(0.8, gt=0, le=1)
    stretch: float = Field(0.1, ge=0, lt=1)


def spelt_out_loss(value: Any) -> Any:
    """Return a loss as a mapping, also if the configuration names it without parameters."""
    return {value: {}} if isinstance(value, str) else value


def spelt_out_layers(value: Any) -> Any:
    """Return a single hidden layer as a list."""
    return [value] if isinstance(value, int) else value


class Probe(Model):
    """A run that trains no backbone: heads are fitted to features of the frozen backbone (Alain and Bengio 2017).

    Features of a photo are computed once for all probes that agree in backbone, its arguments, weights, `size`, `tta`,
    `pooling`, `layers` and `scales`. They are means over the views of `tta` and `scales`.

    Attributes:
        pooling: mean of the last feature map, mean_max (its maximum, too) or token (a transformer's class token).
        layers: number of stages or blocks, from the top, whose features are joined.
        scales: sides at which the network sees each photo, as multiples of `size`.
        whiten: decorrelate features, so that the penalty is equal in all directions. It needs far more photos than
            features.
        penalties: penalties of the logistic regressions, of which the folds that train them choose one per label: the
            factors of half the sum of squared weights, where the loss is a mean over photos and features have a
            deviation of 1. In scikit-learn, C = 1 / (penalty * photos).
    """

    pooling: Literal["mean", "mean_max", "token"] = "mean"
    layers: int = Field(1, ge=1, le=12)
    scales: list[Annotated[float, Field(gt=0, le=4)]] = Field([1], min_length=1, max_length=8)
    whiten: bool = False
    penalties: list[Annotated[float, Field(gt=0)]] = Field(
        [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30], min_length=1, max_length=100
    )


def omitted(key: str, **limits: Any) -> Any:
    """Return the field of a key that runs got later: a run's identity omits it at its default (see `OMITTED`)."""
    return Field(OMITTED[key], exclude_if=lambda value: value == OMITTED[key], **limits)


class Run(Model):
    """A run, or the settings that all runs of an entry of `runs` share.

    Attributes:
        draws: number of draws for each combination of the entry's alternatives.
        draw_seed: seed of the draws.
        backbone: ResNet50, ConvNeXt or another listed name, a timm model, or smp:NAME for an encoder of
            segmentation-models-pytorch.
        backbone_args: further arguments of timm.create_model.
        weights: none, pretrained (downloaded) or the path of a .safetensors file.
        size: side of the network's input and shorter side of the cached photos in pixels, or null: as the backbone was
            trained, else 224.
        labels: all, a list of labels that the network learns, or each (a run per label).
        recipe: name of a recipe.
        hidden_units: units of each hidden fully connected layer, or []: none. A number stands for one layer.
        batch_norm: batch normalization of the hidden layers, before their ReLU.
        probe: {}: train no backbone, and fit a head to its features; or null. A probe has no hidden layers unless
            `hidden_units` asks for them, and no phases. Its loss is bce or weighted_bce.
        batch: photos per step, or null: as many as fit the listed backbone, else 32.
        phases: phases of fine-tuning, in order.
        gradient_clip: maximum norm of the gradient, or null: no limit.
        precision: float32, or mixed precision with bfloat16 or float16.
        compile: compile the network (torch.compile). It takes minutes at the start and makes steps faster.
        tta: views whose scores are averaged: mirror (the photo and its mirror image), none (the photo) or ten_crop
            (corners and centre, mirrored too).
        seed: seed of the training.
    """

    draws: int = Field(1, ge=1, exclude=True)
    draw_seed: int = Field(0, exclude=True)
    backbone: str = Field(min_length=1, max_length=150)
    backbone_args: dict[str, Any] = Field({})
    weights: str = Field("pretrained", pattern=r"^(none|pretrained|.*\.safetensors)$")
    size: int | None = Field(None, ge=32, le=1024)
    labels: Annotated[
        Annotated[Literal["all", "each"], Tag("string")]
        | Annotated[list[str], Field(min_length=1), AfterValidator(refuse_equal), Tag("array")],
        Discriminator(json_type),
    ] = "all"
    recipe: str = "plain"
    loss: Annotated[Loss, BeforeValidator(spelt_out_loss, json_schema_input_type=str | Loss)] = Field({"bce": {}})
    hidden_units: Annotated[
        list[Units],
        Field(max_length=MAX_LAYERS),
        BeforeValidator(spelt_out_layers, json_schema_input_type=int | list[Units]),
    ] = Field([256])
    batch_norm: bool = omitted("batch_norm")
    probe: Probe | None = omitted("probe")
    batch: int | None = Field(None, ge=3, le=4096)
    phases: list[Phase] = Field(
        [
            {"epochs": 1, "lr": 0.001, "train": "head"},
            {"epochs": 2, "lr": 0.0003, "train": {"last": 0.4}},
            {"epochs": 3, "lr": 0.0001, "train": {"last": 0.8}},
        ],
        min_length=1,
    )
    ema: Ema | None = None
    gradient_clip: float | None = Field(None, gt=0)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    compile: bool = False
    crop: Crop = Field({})
    tta: Tta = "mirror"
    seed: Seed = 0
