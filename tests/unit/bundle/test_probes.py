"""Bundles of probes: scores of a computation by hand, one pass of a backbone for all, and checks of descriptions."""

import dataclasses
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from stylevote.bundle.contents import CONTENT, open_bundle
from stylevote.bundle.decide import decide, load_network
from stylevote.bundle.export import export_networks
from stylevote.cnn.frozen import FrozenBackbone
from stylevote.errors import InputError
from stylevote.files.tables import read_json, write_json
from unit.bundles import FOLDS, LABELS, PROBES, SIZE, SUMS, draw_photos, make_bundle_of_probes

FIRST, _ = PROBES


@pytest.fixture(scope="module")
def probes(tmp_path_factory):
    """The folder of a bundle of two probes and a network. Not to be changed."""
    return make_bundle_of_probes(tmp_path_factory.mktemp("probes"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return draw_photos(tmp_path_factory.mktemp("photos") / "photos", 5)


def by_hand(bundle, photos) -> np.ndarray:
    """Return each photo's score of each label, by torch networks from photos to logits."""
    pixels = np.stack([np.asarray(Image.open(path)) for path in sorted(photos.iterdir())])
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    scores = {}
    for one in bundle.networks:
        network = load_network(one, torch.device("cpu"))
        with torch.inference_mode():
            seen = network(batch).sigmoid()
            if not one.backbone:  # the views of a probe are part of its features
                seen = (seen + network(batch.flip(3)).sigmoid()) / 2
        for k, label in enumerate(one.labels):
            scores[label, one.run, one.fold] = seen[:, k].double().numpy()
    result = np.zeros((len(pixels), len(LABELS)))
    for k, label in enumerate(LABELS):
        factors, intercept = SUMS[label]
        for fold in range(FOLDS):
            odds = [scores[label, run, fold] for run, _ in bundle.members(label)]
            total = sum(factor * np.log(p / (1 - p)) for factor, p in zip(factors, odds, strict=True))
            result[:, k] += sum(1 / (1 + np.exp(-(total + intercept + stacker))) for stacker in range(FOLDS))
    return result / FOLDS**2


def test_scores_are_those_of_networks_from_photos_to_logits(probes, photos):
    bundle = open_bundle(probes)
    decided = decide(bundle, photos)["score"].to_numpy().reshape(-1, len(LABELS))
    assert np.ptp(decided, axis=0).min() > 0.001
    np.testing.assert_allclose(decided, by_hand(bundle, photos), atol=2e-5)


def test_a_backbone_is_there_once_and_sees_each_photo_once(probes, photos, monkeypatch):
    assert len(list((probes / "backbones").iterdir())) == 1
    assert len(list((probes / "weights").rglob("*.safetensors"))) == 3 * FOLDS
    seen = []
    average = FrozenBackbone.average
    monkeypatch.setattr(
        FrozenBackbone, "average", lambda network, batch, one: seen.append(len(batch)) or average(network, batch, one)
    )
    decide(open_bundle(probes), photos)
    assert sum(seen) == 5


@pytest.mark.slow
def test_a_model_of_a_probe_has_backbone_and_views_inside(probes, tmp_path):
    (path, _) = export_networks(open_bundle(probes), tmp_path, [FIRST])
    said = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert said["tta"].startswith("within the model: the mean of the features of mirror at 1 times the size")
    photos = torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(5))
    (found,) = onnxruntime.InferenceSession(path).run(None, {"photos": photos.numpy()})
    (mirrored,) = onnxruntime.InferenceSession(path).run(None, {"photos": photos.flip(3).numpy()})
    one = next(one for one in open_bundle(probes).networks if one.run == FIRST)
    with torch.inference_mode():
        expected = load_network(one, torch.device("cpu"))(photos).numpy()
    assert expected.std() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-3)
    np.testing.assert_allclose(found, mirrored, atol=1e-3)


def changed(probes, folder, change):
    """Return the folder of a copy whose description a function changed."""
    shutil.copytree(probes, folder)
    described = read_json(folder / CONTENT)
    change(described)
    write_json(described, folder / CONTENT)
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it["runs"][FIRST].pop("probe"), "expected both of probe and features, or neither"),
        (lambda it: it["runs"][FIRST].pop("features"), "expected both of probe and features, or neither"),
        (lambda it: it["runs"][FIRST].update(features="../x-32-00000000"), "features"),
        (lambda it: it["runs"][FIRST].update(features="x-32-00000000"), "files: not those"),
        (lambda it: it["runs"][FIRST]["probe"].update(layers=2), "other features than another run's of the same id"),
        (lambda it: it["runs"][FIRST].update(tta="none"), "other features than another run's of the same id"),
        (lambda it: it["runs"][FIRST]["probe"].update(scales=[1e9]), "scales"),
        (lambda it: it["runs"][FIRST]["probe"].update(scales=[float("nan")]), "scales"),
        (lambda it: it["runs"][FIRST]["probe"].update(layers=10**9), "layers"),
        (lambda it: it["runs"][FIRST]["probe"].update(more=1), "more"),
    ],
)
def test_descriptions_that_fit_no_probe_are_refused(probes, tmp_path, change, said):
    with pytest.raises(InputError, match=said):
        open_bundle(changed(probes, tmp_path / "bundle", change))


@pytest.mark.parametrize("change", [{"hidden_units": [8192, 8192]}, {"backbone": "vgg19"}])
def test_a_probe_larger_than_its_weights_is_refused(probes, photos, change):
    bundle = open_bundle(probes)
    one = next(one for one in bundle.networks if one.run == FIRST)
    with pytest.raises(InputError, match=r"which is larger$"):
        load_network(dataclasses.replace(one, setting=one.setting | change), torch.device("cpu"))
    bundle = open_bundle(probes)
    for run in PROBES:
        for key, value in change.items():
            setattr(bundle.content.runs[run], key, value)
    with pytest.raises(InputError, match=r"which is larger$"):
        decide(bundle, photos)


def test_scales_that_leave_no_pixel_are_refused(probes, tmp_path, photos):
    def shrink(described):
        for run in PROBES:
            described["runs"][run]["probe"]["scales"] = [1e-6]

    with pytest.raises(InputError, match=r"takes no photos of 0 x 0 pixels"):
        decide(open_bundle(changed(probes, tmp_path / "bundle", shrink)), photos)


def test_a_damaged_backbone_is_not_put_into_a_bundle(tmp_path, monkeypatch):
    monkeypatch.setattr("unit.bundles.store_weights", lambda network, path: path.write_bytes(b"x" * 1000))
    with pytest.raises(InputError):
        make_bundle_of_probes(tmp_path)
