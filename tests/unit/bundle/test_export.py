"""Networks as ONNX: a program that has only the file gets the logits that the network gives."""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from stylevote.__main__ import COMMANDS, decide
from stylevote.bundle import export
from stylevote.bundle.contents import Bundle, BundledRun, Content
from stylevote.bundle.decide import load_network
from stylevote.bundle.export import export_networks
from stylevote.cli import parse
from stylevote.cnn.network import Network
from stylevote.errors import InputError
from stylevote.files.weights import store_weights
from unit.bundles import LABELS, SIZE, setting

BACKBONES = ("test_resnet", "test_vit", "smp:resnet18")


def bundle_of(folder: Path, backbones: tuple[str, ...], folds: int) -> Bundle:
    """Return a bundle, as it is once it was checked, of untrained networks of these backbones."""
    settings = {run_of(backbone): {**setting(backbone), "labels": LABELS} for backbone in backbones}
    runs = {run: BundledRun.model_construct(**values) for run, values in settings.items()}
    members = {label: [(run, 3) for run in runs] for label in LABELS}
    bundle = Bundle(folder, Content.model_construct(folds=folds, members=members, runs=runs))
    for one in bundle.networks:
        torch.manual_seed(one.fold)
        one.path.parent.mkdir(parents=True)
        store_weights(Network(one.setting, len(LABELS)), one.path)
    return bundle


def run_of(backbone: str) -> str:
    return f"{backbone.replace(':', '_')}-32-plain-00000001"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return bundle_of(tmp_path_factory.mktemp("bundle"), BACKBONES, 1)


@pytest.fixture(scope="module")
def files(bundle, tmp_path_factory):
    """The files of all networks, by their names."""
    folder = tmp_path_factory.mktemp("files") / "made here"
    paths = export_networks(bundle, folder)
    assert sorted(paths) == sorted(folder.iterdir())
    return {path.name: path for path in paths}


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_file_alone_gives_what_the_network_gives(bundle, files, backbone):
    run = run_of(backbone)
    path = files[f"{run}-fold0-epoch3.onnx"]
    said = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(said["labels"]) == LABELS
    assert (said["run"], said["fold"], said["epoch"], said["size"]) == (run, "0", "3", str(SIZE))
    assert said["input"].startswith("RGB in 0..1") and said["output"].startswith("logits")
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path)
    photos = np.random.default_rng(1).random((5, 3, SIZE, SIZE), dtype=np.float32)
    (found,) = session.run(None, {session.get_inputs()[0].name: photos})
    one = next(one for one in bundle.networks if one.run == run)
    with torch.inference_mode():
        expected = load_network(one, torch.device("cpu"))(torch.from_numpy(photos)).numpy()
    assert expected.std() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
def test_nothing_is_written_of_a_network_that_would_be_another(bundle, files, tmp_path, monkeypatch):
    two = bundle_of(tmp_path / "bundle", BACKBONES[:1], 2)
    monkeypatch.setattr(
        export, "onnx_model", lambda _network, _one: onnx.load(files[f"{two.networks[0].run}-fold0-epoch3.onnx"])
    )
    with pytest.raises(InputError, match=r"fold 1, epoch 3: the ONNX model gives other logits, by up to 0\.\d+"):
        export_networks(two, tmp_path / "files")
    # Of the first fold it is the right one.
    assert [path.name for path in (tmp_path / "files").iterdir()] == [f"{two.networks[0].run}-fold0-epoch3.onnx"]


def test_what_cannot_be_is_named(bundle, tmp_path):
    with pytest.raises(InputError, match=r"--runs: found 'other', expected runs of the bundle: .*test_resnet-32"):
        export_networks(bundle, tmp_path, ["other"])
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=r"file.*: found .*, expected a folder or nothing"):
            export_networks(bundle, path)


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.delitem(sys.modules, "stylevote.bundle.export")
    with pytest.raises(InputError, match=r"pip install '\.\[onnx\]'"):
        import_module("stylevote.bundle.export")


def test_the_command_line_asks_for_it(made, tmp_path):
    call = parse(COMMANDS["export"], [str(made), str(tmp_path), "--runs", "other"])
    with pytest.raises(InputError, match="--runs: found 'other'"):
        call()


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5", "99999999999"])
@pytest.mark.parametrize("command", [decide, COMMANDS["serve"], COMMANDS["export"]])
def test_a_number_of_threads_that_is_none_is_refused(command, threads, capsys):
    with pytest.raises(SystemExit):
        parse(command, ["bundle", "photos", "--threads", threads])
    assert f"found '{threads}', expected a number from 1 to" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_told_before_a_network_is_written(bundle):
    with pytest.raises(InputError, match="/proc/nothing: cannot be made"):
        export_networks(bundle, Path("/proc/nothing"))
