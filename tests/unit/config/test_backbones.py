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
