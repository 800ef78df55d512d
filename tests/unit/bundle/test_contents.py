"""A bundle is whole or refused, in a sentence, before anything is computed."""

import json
import re
import shutil
import sys
from pkgutil import iter_modules
from typing import get_args

import pandas as pd
import pytest
import torch

from stylevote.bundle.backbones import refuse_arguments
from stylevote.bundle.card import bundle_card, worth_of_ensemble
from stylevote.bundle.contents import BundledRun, Content, open_bundle, write_bundle
from stylevote.bundle.decide import load_network
from stylevote.config.configuration import MAX_LABELS
from stylevote.ensemble import combiners
from stylevote.errors import InputError
from stylevote.files.tables import read_json, write_json
from unit import bundles
from unit.bundles import BOTH, LABELS, content, make_files, setting


@pytest.fixture
def copy(made, tmp_path):
    """A bundle to be damaged."""
    return shutil.copytree(made, tmp_path / "bundle")


def change(bundle, **parts):
    """Write a bundle's description anew, with a checksum that fits."""
    write_json(read_json(bundle / "bundle.json") | parts, bundle / "bundle.json")


def test_a_bundle_says_what_it_holds(made):
    bundle = open_bundle(made)
    assert bundle.labels == LABELS
    assert bundle.thresholds[LABELS[1]] == 0.45
    assert bundle.members(LABELS[0])[0] == (BOTH, 3)
    found = {(one.run[:9], one.fold, one.epoch): one.labels for one in bundle.networks}
    assert found.keys() == {(name, fold, epoch) for name, epoch in BY_EPOCH for fold in (0, 1)}
    assert found["test_byob", 0, 0] == LABELS[:1]
    assert all(one.path.is_file() for one in bundle.networks)


BY_EPOCH = [("test_resn", 1), ("test_resn", 3), ("test_byob", 0)]


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no bundle; expected a folder with the file bundle\.json, found nothing"):
        open_bundle(tmp_path)


def test_every_file_is_held_against_its_digest(copy):
    files = [path for path in sorted(copy.rglob("*")) if path.is_file()]
    assert len(files) == 6 + 4 + 2
    for path in files:
        whole = path.read_bytes()
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
        with pytest.raises(InputError, match=re.escape(path.name)):
            open_bundle(copy)
        path.unlink()
        with pytest.raises(InputError, match=re.escape(path.name)):
            open_bundle(copy)
        path.write_bytes(whole)
    open_bundle(copy)


def test_another_format_is_refused(copy):
    change(copy, format=2)
    with pytest.raises(InputError, match="a bundle of format 2, expected 1"):
        open_bundle(copy)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"labels": ["red", "red"]}, "labels"),
        ({"labels": ["red"]}, "thresholds: expected one for each label"),
        ({"thresholds": {LABELS[0]: 0.5, LABELS[1]: float("nan")}}, "thresholds"),
        ({"thresholds": {LABELS[0]: 0.5, LABELS[1]: 2}}, "thresholds"),
        ({"members": {LABELS[0]: [[BOTH, 1]], LABELS[1]: [["other", 1]]}}, "does not predict it"),
        ({"members": {LABELS[0]: [[BOTH, 1]], LABELS[1]: [[BOTH, 7]]}}, "files: not those"),
        ({"members": {LABELS[0]: [[BOTH, 1, 0]], LABELS[1]: [[BOTH, 1]]}}, "expected as many for each fold"),
        ({"thresholds": {LABELS[0]: 0.5, LABELS[1]: [0.5]}}, "expected one for each fold"),
        ({"runs": {"../x": content()["runs"][BOTH]}}, "../x"),
        ({"runs": {BOTH: content()["runs"][BOTH] | {"hidden_units": [10**9]}}}, "hidden_units"),
        ({"runs": {BOTH: content()["runs"][BOTH] | {"backbone_args": {"checkpoint_path": "/etc"}}}}, "backbone_args"),
        ({"files": {"../../etc/passwd": "0" * 64}}, "files"),
        ({"combiner": "os"}, "combiner"),
        ({"more": 1}, "more"),
    ],
)
def test_what_cannot_be_is_refused_though_the_checksum_fits(copy, parts, said):
    runs = {key: value for key, value in parts.get("runs", {}).items() if key == BOTH}
    described = read_json(copy / "bundle.json")
    if runs:
        parts = parts | {"runs": described["runs"] | {BOTH: {k: runs[BOTH][k] for k in described["runs"][BOTH]}}}
    change(copy, **parts)
    with pytest.raises(InputError, match=re.escape(said)):
        open_bundle(copy)


def test_numbers_written_as_floats_are_whole_all_the_same(copy):
    described = read_json(copy / "bundle.json")
    setting = described["runs"][BOTH] | {"hidden_units": [8.0], "size": 32.0, "batch": 4.0}
    change(copy, folds=2.0, runs=described["runs"] | {BOTH: setting})
    bundle = open_bundle(copy)
    network = load_network(next(one for one in bundle.networks if one.run == BOTH), torch.device("cpu"))
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 2)


def test_a_head_without_batch_normalization_is_bundled(tmp_path, monkeypatch):
    own = bundles.setting
    monkeypatch.setattr(bundles, "setting", lambda backbone: own(backbone) | {"batch_norm": False})
    for network in open_bundle(bundles.make_bundle(tmp_path)).networks:
        kinds = [type(layer) for layer in load_network(network, torch.device("cpu")).head]
        assert kinds == [torch.nn.Linear, torch.nn.ReLU, torch.nn.Linear]


def test_a_bundle_has_the_size_at_which_its_networks_score(tmp_path, monkeypatch):
    own = bundles.setting
    monkeypatch.setattr(bundles, "setting", lambda backbone: own(backbone) | {"test_size": 48, "soup": 2})
    bundle = open_bundle(bundles.make_bundle(tmp_path))
    assert {network.setting["size"] for network in bundle.networks} == {48}


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_weights_that_training_did_not_write_make_no_bundle(tmp_path, damage):
    weights, stackers = make_files(tmp_path)
    path, _ = weights[BOTH, 1, 3]
    if damage == "missing":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(InputError, match=rf"{re.escape(str(path))}: (missing|damaged).*the run is retrained"):
        write_bundle(tmp_path / "bundle", content(), weights, stackers, "")
    with pytest.raises(InputError, match="no bundle"):
        open_bundle(tmp_path / "bundle")


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("weeks of work")
    with pytest.raises(InputError, match="found something else than a bundle"):
        write_bundle(tmp_path / "mine", content(), *make_files(tmp_path / "files"), "")
    assert (tmp_path / "mine" / "notes.txt").exists()


def test_arguments_that_a_bundle_cannot_hold_are_told_before():
    refuse_arguments({"img_size": 64, "pad_type": "same", "layers": [1, 2]}, "here")
    for arguments in ({"pretrained_cfg_overlay": {}}, {"checkpoint_path": "x"}, {"embed_dim": 10**6}):
        with pytest.raises(InputError, match=r"^here: a bundle cannot hold this"):
            refuse_arguments(arguments, "here")


def test_a_bundle_may_have_as_many_labels_as_a_configuration():
    labels = [f"label {k}" for k in range(MAX_LABELS)]
    known = {key: value for key, value in setting("test_resnet").items() if key in BundledRun.model_fields}
    assert BundledRun.model_validate({**known, "labels": labels}).labels == labels


def test_no_json_and_no_object_are_refused(copy):
    for text in ("", "{", "[]", json.dumps({"sha256": "x"}), "[" * 100_000):
        (copy / "bundle.json").write_text(text)
        with pytest.raises(InputError, match=r"damaged .*Copy the bundle again"):
            open_bundle(copy)


@pytest.mark.parametrize("depth", [200, 400, 900])
def test_deep_json_is_refused_though_its_checksum_fits(copy, depth):
    deep = 0
    for _ in range(depth):
        deep = [deep]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)  # to write it
    try:
        change(copy, thresholds=deep)
    finally:
        sys.setrecursionlimit(limit)
    with pytest.raises(InputError, match=r"bundle\.json: (thresholds|lists or mappings in hundreds of others)"):
        open_bundle(copy)


def test_the_card_lets_labels_stand_for_themselves():
    honest = pd.DataFrame(
        [(name, 5, 0.5, 0.4, 0.6) for name in (*LABELS, "macro")],
        columns=["label", "positives", "nested_f_beta", "nested_low", "nested_high"],
    )
    card = bundle_card(content(), worth_of_ensemble(honest, "F2", part=True), 6)
    assert card.startswith("# A bundle of Stylevote\n\n6 networks, trained on 2 folds, that decide which of 2 labels")
    assert r"| \<b\>round\</b\> | 5 | 0.5000 | 0.4000 to 0.6000 |" in card
    assert "a little worse" in card
    assert "a little worse" not in worth_of_ensemble(honest, "F2", part=False)


def test_other_versions_than_the_bundle_was_made_with_are_named(copy):
    assert open_bundle(copy).other_versions == []
    versions = read_json(copy / "bundle.json")["versions"]
    here = versions["torch"]
    change(copy, versions={**versions, "torch": "0.4.1"})
    assert open_bundle(copy).other_versions == [f"torch {here} (made with 0.4.1)"]


def test_a_bundle_may_have_any_combiner_that_there_is():
    names = {module.name for module in iter_modules(combiners.__path__)}
    assert names == set(get_args(Content.model_fields["combiner"].annotation))
