"""Settings of a training."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from stylevote.config.base import Model, OneOf, Seed, json_type, refuse_equal

MOST_LAYERS = 3
Units = Annotated[int, Field(ge=1, le=8192)]
Tta = Literal["mirror", "none", "ten_crop"]


class WeightedBinaryCrossEntropy(Model):
    """Binary cross-entropy with weights from each label's ratio of negatives to positives.

    Attributes:
        power: of the ratio.
        cap: greatest weight.
    """

    power: float = Field(1, ge=0, le=2)
    cap: float = Field(100, ge=1)


class Focal(Model):
    """Focal loss (Lin et al. 2017).

    Attributes:
        gamma: how much the easy count less.
        alpha: weight of positives, null: none.
    """

    gamma: float = Field(2, ge=0, le=10)
    alpha: float | None = Field(0.25, ge=0, le=1)


class Asymmetric(Model):
    """Asymmetric loss (Ridnik et al. 2021).

    Attributes:
        gamma_neg: how much easy negatives count less.
        gamma_pos: how much easy positives count less.
        clip: probability below which a negative counts nothing.
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
    """How much of the backbone is trained.

    Attributes:
        last: share of the layers.
        groups: number of layer groups: stages, of transformers blocks.
    """

    last: float | None = Field(None, gt=0, le=1)
    groups: int | None = Field(None, ge=1, le=1000)


class Phase(Model):
    """A phase of fine-tuning.

    Attributes:
        epochs: number of epochs.
        lr: highest learning rate of a cycle.
        policy: triangular (cycles of one height), triangular2 (half as high each time), one_cycle (one for the
            whole phase) or constant.
        cycle: length of a triangular cycle in epochs.
        train: head, all, or one of {last: share of the backbone's layers from the top} and {groups: number of its
            stages or blocks from the top}.
    """

    epochs: int = Field(ge=1, le=1000)
    lr: float = Field(gt=0, le=10)
    policy: Literal["triangular", "triangular2", "one_cycle", "constant"] = "triangular"
    cycle: float = Field(1, gt=0, le=1000)
    train: Annotated[
        Annotated[Literal["head", "all"], Tag("string")] | Annotated[Upper, Tag("object")], Discriminator(json_type)
    ]


class Ema(Model):
    """The weights that are judged and stored are an exponential moving average over the steps: {decay: ...}; or null:
    the last ones.

    Attributes:
        decay: share of the average that stays at each step.
    """

    decay: float = Field(0.999, gt=0, lt=1)


class Crop(Model):
    """Random crops in training.

    Attributes:
        min_scale: share of a photo's sides that a crop keeps at least.
        stretch: share by which each side is stretched or squeezed at most, independently.
    """

    min_scale: float = Field(0.8, gt=0, le=1)
    stretch: float = Field(0.1, ge=0, lt=1)


def spelt_out_loss(value: Any) -> Any:
    """Return a loss that is given by its name alone in full."""
    return {value: {}} if isinstance(value, str) else value


def spelt_out_layers(value: Any) -> Any:
    """Return a single hidden layer as a list."""
    return [value] if isinstance(value, int) else value


class Run(Model):
    """A run, or what an entry of `runs` says of each of its runs.

    Attributes:
        draws: how often each combination of the entry's alternatives is drawn.
        draw_seed: another seed draws other values.
        backbone: a name of the catalogue (ResNet50, ConvNeXt, ...), a timm model, or smp:NAME for an encoder of
            segmentation-models-pytorch.
        backbone_args: further arguments of timm.create_model.
        weights: none, pretrained (from the library's hub) or the path of a .safetensors file.
        size: side of the network's input and shorter side of the cached photos in pixels, or null: the catalogue's,
            else 224.
        labels: all, a list of labels that the network learns, or each (a run for each label).
        recipe: name of a recipe.
        hidden_units: units of each hidden fully connected layer; a number alone is one layer.
        batch: photos a step, or null: the catalogue's, else 32.
        phases: phases of fine-tuning, in order.
        gradient_clip: greatest norm of the gradient, or null: it is not clipped.
        precision: of the network's arithmetic: float32, or mixed with bfloat16 or float16.
        compile: compile the network first (torch.compile): minutes to start, faster steps.
        tta: what predictions are averaged over: mirror (the photo and its mirror image), none, or ten_crop
            (corners and center, mirrored too).
        seed: another seed gives another network of the same setting.
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
        Field(min_length=1, max_length=MOST_LAYERS),
        BeforeValidator(spelt_out_layers, json_schema_input_type=int | list[Units]),
    ] = Field([256])
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
