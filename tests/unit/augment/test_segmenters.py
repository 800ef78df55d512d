"""Segmenters: whatever the model, masks of the photos' shapes; weights that fit or are refused."""

import json
import math
import zipfile
from collections import namedtuple
from urllib.error import URLError

import numpy as np
import pytest
import safetensors.torch
import segmentation_models_pytorch
import torch
from PIL import Image
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from stylevote.augment.masks import Sources
from stylevote.augment.segmenters import given, maskrcnn, smp
from stylevote.config.photos import Segmentation, SegmentationNetwork
from stylevote.errors import InputError
from stylevote.files.user_weights import load_part
from stylevote.files.weights import store_weights

torch.set_num_threads(1)

Row = namedtuple("Row", "path width height")
RANDOM = np.random.default_rng(3)
PHOTOS = [RANDOM.integers(0, 256, shape, dtype=np.uint8) for shape in [(60, 40, 3), (40, 70, 3), (33, 33, 3)]]


@pytest.fixture(autouse=True)
def without_lease(monkeypatch):
    """Lease no GPU: it would be for as long as the tests take, and programs that they start would wait for it."""
    monkeypatch.setattr("stylevote.machine.device.lease_gpus", lambda count: None)


# ---- given


def test_given_masks(tmp_path):
    classes = np.zeros((60, 40), dtype=np.uint8)
    Image.fromarray(classes).save(tmp_path / "empty.png")
    classes[10:20, 5:25] = 2
    Image.fromarray(classes).save(tmp_path / "full.png")
    rows = [Row(f"{name}.jpg", 40, 60) for name in ("full", "absent", "empty")]
    segmenter = given.Segmenter(Segmentation(), Sources([row.path for row in rows], tmp_path), 1)
    full, absent, empty = segmenter.segment([PHOTOS[0]] * 3, rows)
    assert full.score == 1
    assert (full.mask == (classes > 0)).all()
    assert (absent.mask, absent.score) == (empty.mask, empty.score) == (None, 0)


def test_given_masks_need_a_folder(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: expected a folder of masks"):
        given.Segmenter(Segmentation(), Sources(masks=tmp_path / "nowhere"), 1)


# ---- Mask R-CNN


def detections(*found):
    """Detections as torchvision gives them, of (label, score, rows that the mask covers)."""
    masks = torch.zeros(len(found), 1, 10, 4)
    for mask, (_, _, rows) in zip(masks, found, strict=True):
        mask[0, :rows] = 0.5
        mask[0, rows:] = 0.49
    labels, scores = ([part[k] for part in found] for k in (0, 1))
    return {"labels": torch.tensor(labels, dtype=torch.int64), "scores": torch.tensor(scores), "masks": masks}


PERSON, DOG = 1, 18


@pytest.mark.parametrize(
    ("found", "rows"),
    [
        ([(PERSON, 0.99, 2), (PERSON, 0.8, 5)], 5),  # the first is the surer one, the second the subject
        ([(PERSON, 0.9, 4), (PERSON, 0.5, 5)], 4),  # a larger area that is less sure
        ([(DOG, 0.9, 9), (PERSON, 0.6, 1)], 1),
        ([(PERSON, 0.49, 9), (PERSON, 0.6, 1)], 1),
        ([(PERSON, 0.5, 9)], 9),
        ([(PERSON, 0.49, 9)], None),
        ([(DOG, 0.9, 9)], None),
        ([(PERSON, 0.9, 0)], None),
        ([], None),
    ],
)
def test_choice_of_the_person(found, rows):
    chosen = maskrcnn.choose_person(detections(*found), 0.5)
    if rows is None:
        assert chosen == (None, 0)
    else:
        assert chosen.mask.dtype == bool
        assert chosen.mask.sum(axis=0).tolist() == [rows] * 4
        assert chosen.score == pytest.approx(next(score for _, score, count in found if count == rows))


LOGIT = 4.0
# Of 91 classes one has this logit and the others 0.
SCORE = math.exp(LOGIT) / (math.exp(LOGIT) + 90)


@pytest.fixture(scope="module")
def state():
    """Random weights, but for the last layers: whatever is looked at is a person that fills its box."""
    torch.manual_seed(0)
    network = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    with torch.no_grad():
        for layer in (network.roi_heads.box_predictor.cls_score, network.roi_heads.mask_predictor.mask_fcn_logits):
            layer.weight.zero_()
            layer.bias.zero_()
            layer.bias[PERSON] = LOGIT
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}


def save(state, path):
    (safetensors.torch.save_file if path.suffix == ".safetensors" else torch.save)(state, path)
    return path


def make_maskrcnn(weights, score=0.5, region="person"):
    settings = {
        "region": region,
        "maskrcnn": {"weights": str(weights or "pretrained"), "shorter_side": 64, "score": score},
    }
    return maskrcnn.Segmenter(Segmentation.model_validate(settings), Sources(weights=weights), 1)


@pytest.mark.slow
def test_persons_have_masks_of_the_photos_shapes(state, tmp_path):
    path = save(state, tmp_path / "w.pth")
    segmenter = make_maskrcnn(path, SCORE - 0.01)
    for found, photo in zip(segmenter.segment(PHOTOS[:2], [None] * 2), PHOTOS[:2], strict=True):
        assert found.mask.shape == photo.shape[:2]
        assert found.mask.dtype == bool
        assert found.mask.any()
        assert found.score == pytest.approx(SCORE, abs=1e-4)
    assert make_maskrcnn(path, SCORE + 0.01).segment(PHOTOS[:1], [None]) == [(None, 0)]


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_come_from_either_kind_of_file(state, suffix, tmp_path):
    loaded = make_maskrcnn(save(state, tmp_path / f"w{suffix}")).network.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def test_weights_of_another_network_are_refused(state, tmp_path):
    first = "backbone.body.conv1.weight"
    lacking = {name: tensor for name, tensor in state.items() if name != first}
    with pytest.raises(InputError, match=r"w\.pth: not the weights of this network \(.*conv1\.weight"):
        make_maskrcnn(save(lacking, tmp_path / "w.pth"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_parameters_that_do_not_fit_are_named(suffix, tmp_path):
    network = torch.nn.Sequential(*(torch.nn.Linear(3, 2) for _ in range(300)))
    right = network.state_dict()
    lacking = {name: tensor for name, tensor in right.items() if name != "7.bias"}
    for changed, name in [
        (lacking, "7.bias"),
        ({**right, "7.weight": torch.zeros(2, 4)}, "7.weight"),
        ({}, "0.weight"),
    ]:
        with pytest.raises(InputError, match=rf"w{suffix}: not the weights of this network \(.*{name}") as caught:
            load_part(network, save(changed, tmp_path / f"w{suffix}"))
        assert len(str(caught.value)) < 400 + len(str(tmp_path))


class Evil:
    """What an attacker would put into a file of weights."""

    def __reduce__(self):
        return print, ("code was run",)


def test_files_that_are_no_weights_are_refused(tmp_path, capsys):
    torch.save(Evil(), tmp_path / "evil.pth")
    for name, content in [
        ("a.pth", b"weights"),
        ("hello.pth", b"hello"),
        ("b.pth", b""),
        ("c.safetensors", b"\xff" * 100),
    ]:
        (tmp_path / name).write_bytes(content)
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("evil.pth", "a.pth", "hello.pth", "b.pth", "c.safetensors", "absent.pth", "list.pth"):
        with pytest.raises(
            InputError,
            match=f"{name}: (cannot be read|not the weights|damaged, or|expected a file)",
        ):
            load_part(torch.nn.Linear(3, 2), tmp_path / name)
    assert "code was run" not in capsys.readouterr().out


def test_an_archive_that_would_grow_is_refused(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, bytes(50_000_000) if name.endswith("data/0") else content)
    with pytest.raises(InputError, match=r"its content of \d+ bytes is compressed"):
        load_part(torch.nn.Linear(3, 2), path)


def test_without_the_hub_a_file_is_asked_for(monkeypatch):
    def fail(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(InputError, match=r"no route to host.*; download https://.*\.pth elsewhere and set the file's"):
        make_maskrcnn(None)


def test_maskrcnn_knows_no_clothes(tmp_path):
    with pytest.raises(InputError, match=r"segmentation\.region: 'clothing', expected 'person'"):
        make_maskrcnn(tmp_path / "w.pth", region="clothing")


# ---- networks of segmentation-models-pytorch

SMP = SegmentationNetwork(encoder="tu-test_resnet", args={"decoder_channels": [16, 16, 8, 8, 8]}, size=64)


def stored(path, change=None):
    """The settings' network with random weights, stored at ``path`` after ``change``."""
    torch.manual_seed(1)
    network = smp.create_network(SMP, "none")
    if change is not None:
        with torch.no_grad():
            change(network.eval(), network.segmentation_head[0])
    store_weights(network, path)
    return path


def make_smp(weights):
    return smp.Segmenter(Segmentation(smp=SMP), Sources(weights=weights), 1)


@pytest.mark.parametrize("logit", [-1.0, 2.0])
def test_a_network_that_says_one_thing(logit, tmp_path):
    def constant(_, head):
        head.weight.zero_()
        head.bias.fill_(logit)

    for found, photo in zip(
        make_smp(stored(tmp_path / "w.safetensors", constant)).segment(PHOTOS, [None] * 3), PHOTOS, strict=True
    ):
        if logit < 0:
            assert found == (None, 0)
        else:
            assert found.mask.shape == photo.shape[:2]
            assert found.mask.all()
            assert found.score == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-3)


def test_a_mirrored_photo_has_a_mirrored_mask(tmp_path):
    """A random network of which half the pixels are found; a photo as large as its input is not resampled."""
    photo = RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)

    def halve(network, head):
        head.weight.mul_(50)
        head.bias.sub_(smp.logits(network, smp.squash(photo, 64)[None] / 255).median())

    segmenter = make_smp(stored(tmp_path / "w.safetensors", halve))
    found, mirrored = segmenter.segment([photo, photo[:, ::-1].copy()], [None] * 2)
    assert 0.2 < found.mask.mean() < 0.8
    assert (found.mask != found.mask[:, ::-1]).mean() > 0.05
    assert (found.mask != mirrored.mask[:, ::-1]).mean() < 0.005
    alone = segmenter.segment([photo], [None])[0]
    assert (alone.mask != found.mask).mean() < 0.005


def test_weights_of_another_smp_network_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"")
    for weights, message in [(path, r"w\.safetensors: damaged"), (None, "expected those of a trained")]:
        with pytest.raises(InputError, match=message):
            make_smp(weights)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"encoder": "mobilnet_v2"}, "'mobilnet_v2' is not known; did you mean 'mobilenet_v2'"),
        ({"encoder": "tu-test_resnett"}, "'tu-test_resnett' is not known; did you mean 'tu-test_resnet'"),
        ({"architecture": "unett"}, "architecture 'unett' .* cannot be created"),
        ({"args": {"colour": 1}}, r"arguments \{'colour': 1\} cannot be created"),
        ({"args": {"decoder_channels": [16]}}, "cannot be created"),
        ({"args": {"classes": 3}}, "args: 'classes' cannot be set"),
        ({"args": {"in_channels": 1}}, "args: 'in_channels' cannot be set"),
        ({"architecture": "pan"}, "cannot be created, or takes no photos of 64 pixels"),
    ],
)
def test_unknown_networks(changed, message):
    with pytest.raises(InputError, match=message):
        smp.create_network(SMP.model_copy(update=changed), "none")


def test_pretrained_encoders_need_the_hub(monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(segmentation_models_pytorch.encoders, "hf_hub_download", fail)
    settings = SegmentationNetwork(encoder="mobilenet_v2", size=160)
    with pytest.raises(
        InputError, match=r"cannot be created.*: no route to host; set weights to the path of a \.safetensors file"
    ):
        smp.create_network(settings, "pretrained")


def test_encoder_weights_from_a_file(tmp_path):
    torch.manual_seed(2)
    source = smp.create_network(SMP, "none")
    path = tmp_path / "encoder.safetensors"
    safetensors.torch.save_file(source.encoder.state_dict(), path)
    network = smp.create_network(SMP, str(path))
    for name, tensor in source.encoder.state_dict().items():
        assert torch.equal(network.encoder.state_dict()[name], tensor), name
    with pytest.raises(InputError, match=r"encoder\.safetensors: .* parameters are missing"):
        smp.create_network(SMP.model_copy(update={"encoder": "mobilenet_v2"}), str(path))


def test_real_encoder_weights_see_photos(shared, tmp_path):
    """The ImageNet weights beside the checkout fit the library's MobileNetV2 by their table of names."""
    weights = safetensors.torch.load_file(shared / "weights" / "mobilenetv2_100_in1k_fp16.safetensors")
    names = json.loads((shared / "weights" / "torchvision_mobilenet_v2_keys.json").read_text())
    path = tmp_path / "encoder.safetensors"
    safetensors.torch.save_file({name: weights[stored] for name, stored in names.items()}, path)
    network = smp.create_network(SegmentationNetwork(encoder="mobilenet_v2", size=160), str(path)).eval()
    with torch.inference_mode():
        features = network.encoder(torch.rand(2, 3, 64, 64))
    assert [tuple(feature.shape[1:]) for feature in features[-2:]] == [(96, 4, 4), (1280, 2, 2)]
    assert all(torch.isfinite(feature).all() for feature in features)
