"""Every backbone of the catalogue exists with weights, and has the listed size and features."""

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision

from stylevote.cnn.backbones import create_backbone
from stylevote.config import backbones

# Networks of Keras Applications 1.0.2 (2018), and their features by its `include_top=False, pooling="avg"`.
KERAS_2018 = {
    **{"Xception": 2048, "VGG16": 512, "VGG19": 512, "ResNet50": 2048, "InceptionV3": 2048, "InceptionResNetV2": 1536},
    **{"MobileNet": 1024, "MobileNetV2": 1280, "DenseNet121": 1024, "DenseNet169": 1664, "DenseNet201": 1920},
    **{"NASNetMobile": 1056, "NASNetLarge": 4032},
}


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_backbone_is_what_timm_publishes(name):
    backbone = backbones.BACKBONES[name]
    assert timm.is_model_pretrained(backbone.timm)
    # Without its tag timm's name stands for weights that the next release may change.
    assert timm.models.split_model_name_tag(backbone.timm)[1]
    assert timm.get_pretrained_cfg(backbone.timm).input_size == (3, backbone.size, backbone.size)
    with torch.device("meta"):
        network, _, _ = create_backbone(backbone.timm, "none", {})
        features = network.eval()(torch.zeros(1, 3, backbone.size, backbone.size))
    assert features.shape == (1, backbone.features)
    stored = network.state_dict().values()
    # Counters of BatchNorm are stored as they are, and each tensor's name and shape takes about 100 bytes.
    size = sum(100 + value.numel() * (2 if value.is_floating_point() else value.element_size()) for value in stored)
    assert backbone.megabytes == pytest.approx(size / 1e6, rel=0.002)


def test_all_of_keras_applications_are_there_or_said_to_be_missing():
    listed = {name: known.features for name, known in backbones.BACKBONES.items() if known.family == "keras"}
    assert listed == {name: KERAS_2018[name] for name in KERAS_2018 if name not in backbones.WITHOUT_WEIGHTS}
    assert len(listed) == 12


def test_nasnetmobile_is_in_no_library_and_its_substitute_is():
    known = [*timm.list_models(), *torchvision.models.list_models(), *smp.encoders.get_encoder_names()]
    assert not [name for name in known if "nasnet" in name.lower() and "mobile" in name.lower()]
    assert timm.is_model_pretrained(backbones.WITHOUT_WEIGHTS["NASNetMobile"])
    assert backbones.WITHOUT_WEIGHTS["NASNetMobile"] in backbones.problem("NASNetMobile")


def test_no_name_of_timm_is_refused():
    assert not [name for name in [*timm.list_models(), *timm.list_pretrained()] if backbones.problem(name)]
    assert not [name for name in smp.encoders.get_encoder_names() if backbones.problem(f"smp:{name}")]


def test_a_slip_in_a_name_is_answered_with_the_nearest():
    assert "did you mean 'DenseNet169'?" in backbones.problem("Densenet169")
    assert "did you mean 'NASNetMobile'?" in backbones.problem("NasNetMobile")
    assert "did you mean 'EVA-02'?" in backbones.problem("EVA02")
    assert "listed are Xception, " in backbones.problem("QQQQQ")


def test_a_backbone_is_found_by_both_of_its_names():
    for name, backbone in backbones.BACKBONES.items():
        assert backbones.find(name) is backbones.find(backbone.timm) is backbone
    assert backbones.find("resnet50") is None


def timm_names() -> str:
    """Return the text that `stylevote/config/timm_names.txt` should have."""
    replaced = {name: now.partition(".")[0] for name, now in timm.models.get_deprecated_models().items() if now}
    tags: dict[str, dict[str, int]] = {name: {} for name in sorted([*timm.list_models(), *replaced])}
    for tagged in timm.list_models(include_tags=True):
        name, _, tag = tagged.partition(".")
        tags[name] |= {tag: side_of(tagged)} if tag else {}
    lines = [f"timm {timm.__version__}"]
    for name, own in tags.items():
        side = side_of(replaced.get(name, name))
        lines.append(" ".join([name, str(side), *(tag if own[tag] == side else f"{tag}@{own[tag]}" for tag in own)]))
    return "\n".join(lines) + "\n"


def side_of(name: str) -> int:
    """Return the shorter side of a network's input, as timm states it."""
    published = timm.get_pretrained_cfg(name)
    return min(published.input_size[1:]) if published else backbones.SIZE


def test_timms_names_are_those_of_the_pinned_version(tmp_path):
    expected = timm_names()
    if backbones.TIMM_NAMES.read_text() != expected:
        (tmp_path / "timm_names.txt").write_text(expected)
        pytest.fail(f"timm has other networks: copy {tmp_path}/timm_names.txt to {backbones.TIMM_NAMES}")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("resnet51", "'resnet50'"),
        ("convnext_tinny.fb_in22k", "did you mean 'convnext_tiny.fb_in22k'"),
        ("resnet50.nonsense", "weights of 'resnet50' are a1_in1k, a1h_in1k, "),
        ("test_unknown_network", "is not known"),
    ],
)
def test_a_misspelt_name_of_timm_is_found_without_timm(name, meant):
    assert meant in backbones.problem(name)


def test_names_of_another_version_of_timm_are_left_to_it(monkeypatch):
    monkeypatch.setattr(backbones, "version", lambda package: "0.0.0")
    assert backbones.problem("resnet51") is None
    assert "did you mean 'ResNet50'?" in backbones.problem("resnet5O")


def test_a_backbones_own_size():
    sizes = {"resnet50.ra_in1k": 224, "efficientnet_b4": 320, "EVA-02": 336, "smp:mobilenet_v2": 224}
    sizes |= {"hf-hub:timm/efficientnet_b4.ra2_in1k": 320, "hf-hub:somebody/efficientnet_b4": None}
    assert {name: backbones.own_size(name) for name in sizes} == sizes


@pytest.mark.parametrize("key", ["in_chans", "num_classes", "pretrained", "checkpoint_path", "features_only"])
def test_arguments_with_which_no_network_can_be_made(key):
    assert key in backbones.args_problem("resnet50", {key: 1})


def test_arguments_that_a_network_may_have():
    assert backbones.args_problem("resnet50", {"in_chans": 3, "drop_rate": 0.1}) is None
    assert "take no arguments" in backbones.args_problem("smp:resnet18", {"depth": 3})
