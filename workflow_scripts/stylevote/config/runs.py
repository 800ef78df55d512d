"""Settings of a training."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from stylevote.config.base import WITH_HOME, Model, OneOf, Seed, json_type, refuse_equal
from stylevote.config.identity import OMITTED, OMITTED_OF_PHASES, plain_numbers

MAX_LAYERS = 3
# The keys of a run that have an effect on a probe.
PROBE_KEYS = {"backbone", "backbone_args", "weights", "size", "labels", "recipe", "loss", "probe", "hidden_units"}
PROBE_KEYS |= {"batch_norm", "batch", "tta", "seed"}
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


class Adam(Model):
    """Adam (Kingma and Ba 2015)."""


class AdamW(Model):
    """Adam with weight decay that does not pass through its averages (Loshchilov and Hutter 2019).

    Attributes:
        weight_decay: fraction of a weight that a step at a learning rate of 1 would remove. Biases and normalization
            have none.
        layer_decay: factor of the learning rate from each stage, or block of a transformer, to the one below it. The
            head has the rate of the phase.
    """

    weight_decay: float = Field(0.05, ge=0, le=10)
    layer_decay: float = Field(1, gt=0, le=1)


class Optimizer(OneOf):
    """adam or adamw, or adamw with its parameters: {adamw: {layer_decay: 0.75}}."""

    adam: Adam | None = None
    adamw: AdamW | None = None


class Upper(OneOf):
    """The part of the backbone that is trained, from the top.

    Attributes:
        last: fraction of layers, rounded up. A fraction below 1 leaves out at least the lowest layer.
        groups: number of stages, or of a transformer's blocks.
    """

    last: float | None = Field(None, gt=0, le=1)
    groups: int | None = Field(None, ge=1, le=1000)


def quiet(default: Any, **limits: Any) -> Any:
    """Return the field of a key that its class omits at its default, so that later keys change no run's identity."""
    return Field(default, exclude_if=lambda value: plain_numbers(value) == default, **limits)


def omitted(key: str, defaults: dict[str, Any] = OMITTED, **limits: Any) -> Any:
    """Return the `quiet` field of a run's key, or of a phase's (see `OMITTED`)."""
    return quiet(defaults[key], **limits)


class Phase(Model):
    """A phase of fine-tuning.

    Attributes:
        epochs: number of epochs.
        lr: maximum learning rate.
        policy: triangular (cycles of equal height), triangular2 (each half as high as the previous one), one_cycle (one
            cycle for the whole phase), cosine (from `lr` down to 0 along half a cosine) or constant.
        cycle: length of a triangular cycle in epochs.
        warm_up: fraction of the phase in which the learning rate first rises linearly, for the policy cosine.
        train: head, all, or the top of the backbone: {last: fraction of layers} or {groups: number of stages or
            blocks}.
    """

    epochs: int = Field(ge=1, le=1000)
    lr: float = Field(gt=0, le=10)
    policy: Literal["triangular", "triangular2", "one_cycle", "cosine", "constant"] = "triangular"
    cycle: float = Field(1, gt=0, le=1000)
    warm_up: float = omitted("warm_up", OMITTED_OF_PHASES, ge=0, lt=1)
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


class Jitter(Model):
    """Random changes of colours in training, in this order.

    Attributes:
        brightness: maximum change of the factor 1.
        contrast: likewise.
        saturation: likewise.
        hue: maximum turn of the hue, as a fraction of the whole circle.
    """

    brightness: float = quiet(0, ge=0, le=1)
    contrast: float = quiet(0, ge=0, le=1)
    saturation: float = quiet(0, ge=0, le=1)
    hue: float = quiet(0, ge=0, le=0.5)


class Augment(Model):
    """Random changes of photos in training, after the crop and in this order.

    Attributes:
        mirror: mirror half of the photos. With false, predictions use no mirror images either: `tta` is none. That
            suits labels which a mirror changes, such as text or left and right.
        vertical: turn half of the photos upside down, like a mirror below them.
        quarter_turns: turn photos by 0, 90, 180 or 270 degrees.
        rotation: maximum rotation in degrees, in both directions. Corners become black.
        auto: none, trivial (TrivialAugment: an operation with a random strength; Müller and Hutter 2021) or rand
            (RandAugment: two operations with a strength of 9 of 30; Cubuk et al. 2020).
        erasing: fraction of the photos of which a rectangle becomes their mean colour (Zhong et al. 2020).
        mixup: parameter of the Beta distribution of a second photo's share, or 0: no mixup (Zhang et al. 2018).
        cutmix: parameter of the Beta distribution of the area that a second photo covers, or 0: no CutMix (Yun et al.
            2019). With both, each photo gets one of them.
    """

    mirror: bool = quiet(True)
    vertical: bool = quiet(False)
    quarter_turns: bool = quiet(False)
    rotation: float = quiet(0, ge=0, le=180)
    jitter: Jitter = quiet({})
    auto: Literal["none", "trivial", "rand"] = quiet("none")
    erasing: float = quiet(0, ge=0, le=1)
    mixup: float = quiet(0, ge=0, le=10)
    cutmix: float = quiet(0, ge=0, le=10)


def spelt_out(value: Any) -> Any:
    """Return a loss or an optimizer as a mapping, also if the configuration names it without parameters."""
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
        whiten: decorrelate features, so that the penalty is equal in all directions but those that hardly vary. It
            needs far more photos than features.
        penalties: penalties of the logistic regressions, of which the folds that train them choose one per label: the
            factors of half the sum of squared weights, where the loss is a mean over photos and features are
            divided by their deviation (by the median of all deviations, if theirs is smaller). In scikit-learn,
            C = 1 / (penalty * photos).
    """

    pooling: Literal["mean", "mean_max", "token"] = "mean"
    layers: int = Field(1, ge=1, le=12)
    scales: list[Annotated[float, Field(gt=0, le=4)]] = Field([1], min_length=1, max_length=8)
    whiten: bool = False
    penalties: list[Annotated[float, Field(gt=0)]] = Field(
        [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30], min_length=1, max_length=100
    )


class Run(Model):
    """A run, or the settings that all runs of an entry of `runs` share.

    Attributes:
        draws: number of draws for each combination of the entry's alternatives.
        draw_seed: seed of the draws.
        backbone: ResNet50, ConvNeXt or another listed name, a timm model, hf-hub:OWNER/NAME for a timm model of Hugging
            Face's hub, or smp:NAME for an encoder of segmentation-models-pytorch.
        backbone_args: further arguments of timm.create_model.
        weights: none, pretrained (downloaded) or the path of a .safetensors, .pth or .pt file. A prefix of all its
            names, such as `module.`, is left out.
        size: side of the network's input and shorter side of the cached photos in pixels, or null: as the backbone was
            trained, by the list or by timm, else 224.
        test_size: side at which the trained networks score photos, or null: `size`. Objects look larger in training,
            which crops, than in scoring; a size above `size` corrects that (Touvron et al. 2019).
        labels: all, a list of labels that the network learns, or each (a run per label).
        recipe: name of a recipe.
        hidden_units: units of each hidden fully connected layer, or []: none. A number stands for one layer.
        batch_norm: batch normalization of the hidden layers, before their ReLU.
        dropout: probability with which each input of the head's layers is 0 in a step.
        drop_path: probability with which a photo skips the topmost block of the backbone in a step; lower blocks have
            lower ones (stochastic depth, Huang et al. 2016).
        probe: {}: train no backbone, and fit a head to its features; or null. A probe has no hidden layers unless
            `hidden_units` asks for them, and no phases. Its loss is bce or weighted_bce.
        head_from: start of the head: random, or that of a probe of the same backbone, weights, size, labels, recipe and
            loss, which is fitted for it (Kumar et al. 2022). This is probe or, for a transformer that takes its class
            token for the features, token_probe. It needs `hidden_units: []`, weights, and the loss bce or weighted_bce.
        batch: photos per step, or null: as many as fit the listed backbone, else 32.
        optimizer: adam, or adamw for weight decay and smaller learning rates in lower layers.
        phases: phases of fine-tuning, in order.
        label_smoothing: s: learn the targets 1 - s/2 and s/2 instead of 1 and 0.
        soup: number of epochs whose mean weights each epoch stores: its own and those before it (Izmailov et al. 2018).
        gradient_clip: maximum norm of the gradient, or null: no limit.
        precision: float32, or mixed precision with bfloat16 or float16.
        compile: compile the network (torch.compile). It takes minutes at the start and makes steps faster.
        tta: views whose scores are averaged: mirror (the photo and its mirror image), none (the photo) or ten_crop
            (corners and centre, mirrored too). With `augment.mirror` false it is none.
        seed: seed of the training.
    """

    draws: int = Field(1, ge=1, exclude=True)
    draw_seed: int = Field(0, exclude=True)
    backbone: str = Field(min_length=1, max_length=150)
    backbone_args: dict[str, Any] = Field({})
    weights: Annotated[str, WITH_HOME] = Field("pretrained", pattern=r"^(none|pretrained|.*\.(safetensors|pth|pt))$")
    size: int | None = Field(None, ge=32, le=1024)
    test_size: int | None = omitted("test_size", ge=32, le=1024)
    labels: Annotated[
        Annotated[Literal["all", "each"], Tag("string")]
        | Annotated[list[str], Field(min_length=1), AfterValidator(refuse_equal), Tag("array")],
        Discriminator(json_type),
    ] = "all"
    recipe: str = "plain"
    loss: Annotated[Loss, BeforeValidator(spelt_out, json_schema_input_type=str | Loss)] = Field({"bce": {}})
    hidden_units: Annotated[
        list[Units],
        Field(max_length=MAX_LAYERS),
        BeforeValidator(spelt_out_layers, json_schema_input_type=int | list[Units]),
    ] = Field([256])
    batch_norm: bool = omitted("batch_norm")
    dropout: float = omitted("dropout", ge=0, lt=1)
    drop_path: float = omitted("drop_path", ge=0, lt=1)
    probe: Probe | None = omitted("probe")
    head_from: Literal["random", "probe", "token_probe"] = omitted("head_from")
    batch: int | None = Field(None, ge=3, le=4096)
    optimizer: Annotated[Optimizer, BeforeValidator(spelt_out, json_schema_input_type=str | Optimizer)] = omitted(
        "optimizer"
    )
    phases: list[Phase] = Field(
        [
            {"epochs": 1, "lr": 0.001, "train": "head"},
            {"epochs": 2, "lr": 0.0003, "train": {"last": 0.4}},
            {"epochs": 3, "lr": 0.0001, "train": {"last": 0.8}},
        ],
        min_length=1,
    )
    label_smoothing: float = omitted("label_smoothing", ge=0, lt=1)
    soup: int = omitted("soup", ge=1, le=100)
    ema: Ema | None = None
    gradient_clip: float | None = Field(None, gt=0)
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    compile: bool = False
    crop: Crop = Field({})
    augment: Augment = omitted("augment")
    tta: Tta = "mirror"
    seed: Seed = 0
