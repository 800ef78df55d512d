"""Backbones by their usual names: timm's name, input size and batch. Names and input sizes of timm's other networks."""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stylevote.wording import nearest

# Defaults of a backbone that is not listed.
SIZE = 224
BATCH = 32
HUB = "hf-hub:"  # prefix of a network that a repository on the hub of Hugging Face describes
# timm's version, and its networks with the side of their input, so that nothing has to import timm to know them. After
# a network come its published weights, with their side if it is another. The test of this file says how to write it.
TIMM_NAMES = Path(__file__).with_name("timm_names.txt")


@dataclass(frozen=True)
class Backbone:
    """A backbone with published weights.

    Attributes:
        timm: timm's name of the network and its weights.
        size: side in pixels of the square input that the weights were trained with.
        batch: photos per step that a GPU of 24 GB can train, all layers in float32.
        features: number of features per photo.
        megabytes: size of its weights in half precision, without fully connected layers.
        family: ``keras`` (networks of Keras Applications in 2018, the winners'), ``second_place`` (further networks
            of the second team) or ``modern`` (published since).
    """

    timm: str
    size: int
    batch: int
    features: int
    megabytes: float
    family: str


# Of the winners' networks, Xception, the Inceptions and NASNetLarge have weights converted from TensorFlow, and VGG,
# ResNet and DenseNet torchvision's first. MobileNet's and MobileNetV2's are of later recipes: timm has no older ones.
# The winners used batches of 32, and of 16 for DenseNet201. NASNetLarge, CAFormer and EfficientNetV2 need 16 GiB and
# more for the backward pass of 32 photos. The larger EVA-02 needs 21 GiB for 16 photos of its 448 pixels.
BACKBONES = {
    "Xception": Backbone("legacy_xception.tf_in1k", 299, 32, 2048, 41.75, "keras"),
    "VGG16": Backbone("vgg16.tv_in1k", 224, 32, 512, 29.43, "keras"),
    "VGG19": Backbone("vgg19.tv_in1k", 224, 32, 512, 40.05, "keras"),
    "ResNet50": Backbone("resnet50.tv_in1k", 224, 32, 2048, 47.16, "keras"),
    "InceptionV3": Backbone("inception_v3.tf_in1k", 299, 32, 2048, 43.71, "keras"),
    "InceptionResNetV2": Backbone("inception_resnet_v2.tf_in1k", 299, 32, 1536, 108.88, "keras"),
    "MobileNet": Backbone("mobilenetv1_100.ra4_e3600_r224_in1k", 224, 32, 1024, 6.47, "keras"),
    "MobileNetV2": Backbone("mobilenetv2_100.ra_in1k", 224, 32, 1280, 4.55, "keras"),
    "DenseNet121": Backbone("densenet121.tv_in1k", 224, 32, 1024, 14.17, "keras"),
    "DenseNet169": Backbone("densenet169.tv_in1k", 224, 32, 1664, 25.42, "keras"),
    "DenseNet201": Backbone("densenet201.tv_in1k", 224, 16, 1920, 36.80, "keras"),
    "NASNetLarge": Backbone("nasnetalarge.tf_in1k", 331, 16, 4032, 170.07, "keras"),
    "ResNet101": Backbone("resnet101.tv_in1k", 224, 32, 2048, 85.28, "second_place"),
    "ResNet152": Backbone("resnet152.tv_in1k", 224, 32, 2048, 116.69, "second_place"),
    "ConvNeXt": Backbone("convnext_base.fb_in22k_ft_in1k", 224, 32, 1024, 175.17, "modern"),
    "ConvNeXtV2": Backbone("convnextv2_base.fcmae_ft_in22k_in1k", 224, 32, 1024, 175.43, "modern"),
    "CAFormer": Backbone("caformer_b36.sail_in22k_ft_in1k", 224, 16, 768, 186.67, "modern"),
    "EfficientNetV2": Backbone("tf_efficientnetv2_m.in21k_ft_in1k", 384, 16, 1280, 106.42, "modern"),
    "EVA-02": Backbone("eva02_small_patch14_336.mim_in22k_ft_in1k", 336, 32, 384, 43.50, "modern"),
    "ViT-CLIP": Backbone("vit_base_patch16_clip_224.laion2b_ft_in12k_in1k", 224, 32, 768, 171.61, "modern"),
}

# Networks of Keras Applications in 2018 that the libraries used here lack, and the nearest network: small, and also
# found by architecture search. Keras has weights of NASNetMobile. It has 12 normal cells, and timm's NASNet fixes 18.
WITHOUT_WEIGHTS = {"NASNetMobile": "mnasnet_100.rmsp_in1k"}

# Arguments of timm.create_model that the workflow sets by itself, or that make no vector of features.
OWN_ARGS = {
    "num_classes": "the head follows the labels",
    "pretrained": "`weights` has this effect",
    "checkpoint_path": "`weights` has this effect",
    "features_only": "the head needs a single vector of features",
}

_BY_TIMM_NAME = {backbone.timm: backbone for backbone in BACKBONES.values()}


def find(name: str) -> Backbone | None:
    """Return a backbone by its listed name or its timm name, or None."""
    return BACKBONES.get(name) or _BY_TIMM_NAME.get(name)


@cache
def _timm_sizes() -> tuple[str, dict[str, int]]:
    """Return timm's version, and the side of each network's input by its name, with and without its weights' tag."""
    first, *lines = TIMM_NAMES.read_text(encoding="utf-8").splitlines()
    sizes: dict[str, int] = {}
    for name, side, *tags in map(str.split, lines):
        sizes[name] = int(side)
        for tag in tags:
            tag_name, _, own = tag.partition("@")
            sizes[f"{name}.{tag_name}"] = int(own or side)
    return first.removeprefix("timm "), sizes


def own_size(name: str) -> int | None:
    """Return the side in pixels of a network's input in its training; None if it is unknown before a download."""
    if name.startswith(HUB):
        return _timm_sizes()[1].get(name.removeprefix(f"{HUB}timm/"))
    known = find(name)
    return known.size if known else _timm_sizes()[1].get(name, SIZE)


def problem(name: str) -> str | None:
    """Return the problem of a backbone's name, or None.

    Names of encoders are left to the job that checks runs. Those of another version of timm than listed are, too.
    """
    if name in WITHOUT_WEIGHTS:
        return (
            f"{name!r} is in none of timm, torchvision and segmentation-models-pytorch (Keras has its weights); "
            f"{WITHOUT_WEIGHTS[name]!r} is also a small network from architecture search"
        )
    if name in BACKBONES or ":" in name:
        return None
    listed, sizes = _timm_sizes()
    # No timm name has a capital letter, so a name with one that is not listed is a mistake.
    if name in sizes or (name == name.lower() and listed != _installed_timm()):
        return None
    network = name.partition(".")[0]
    if network in sizes:
        tags = [known.partition(".")[2] for known in sizes if known.startswith(f"{network}.")]
        return f"{name!r} is not known; weights of {network!r} are {', '.join(tags) or 'not published'}"
    ours = (*BACKBONES, *WITHOUT_WEIGHTS)
    if name != name.lower():
        otherwise = f"listed are {', '.join(BACKBONES)}; timm's are lower case"
        return f"{name!r} is not known{nearest(name, (*sizes, *ours), otherwise)}"
    return f"{name!r} is not known{nearest(name, (*ours, *sizes), count=3)}"  # timm's names differ by a digit


def _installed_timm() -> str | None:
    try:
        return version("timm")
    except PackageNotFoundError:
        return None


def args_problem(name: str, args: dict) -> str | None:
    """Return the problem of ``backbone_args`` that no network can be made with, or None."""
    if args.get("in_chans", 3) not in (3, None):
        return f"in_chans: found {args['in_chans']}, expected 3 or no such argument: photos have red, green and blue"
    for key, why in OWN_ARGS.items():
        if key in args:
            return f"{key}: {why}; leave it out"
    if args and name.startswith("smp:"):
        return f"found {', '.join(args)}, expected none: encoders of segmentation-models-pytorch take no arguments here"
    return None
