"""Photos are decided by a bundle as a computation by hand decides them, and in no other folder is anything left."""

import dataclasses
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import warm
from places import REPOSITORY
from stylevote.__main__ import without_results
from stylevote.bundle.contents import BundledNetwork, open_bundle, write_bundle
from stylevote.bundle.decide import decide, load_network
from stylevote.cnn.network import Network
from stylevote.errors import InputError, unwritable
from stylevote.files.weights import store_weights
from unit.bundles import (
    BOTH,
    FOLDS,
    LABELS,
    MEMBERS,
    ONE,
    SUMS,
    content,
    draw_photos,
    make_files,
    read_decisions,
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Eleven photos: two full batches, and a rest."""
    return draw_photos(tmp_path_factory.mktemp("photos") / "photos", 11)


@pytest.fixture(scope="module")
def decided(made, photos):
    """What the bundle decides of them."""
    return decide(open_bundle(made), photos)


def by_hand(bundle, photos, members=lambda label, fold: MEMBERS[label]) -> np.ndarray:
    """Return each photo's score of each label: the mean over folds of CNNs and folds of stackers."""
    names = sorted(path.name for path in photos.iterdir())
    pixels = np.stack([np.asarray(Image.open(photos / name)) for name in names])
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    scores = {}
    for one in bundle.networks:
        network = load_network(one, torch.device("cpu"))
        with torch.inference_mode():
            seen = (network(batch).sigmoid() + network(batch.flip(3)).sigmoid()) / 2
        for k, label in enumerate(one.labels):
            scores[label, one.run, one.fold, one.epoch] = seen[:, k].double().numpy()
    result = np.zeros((len(names), len(LABELS)))
    for k, label in enumerate(LABELS):
        factors, intercept = SUMS[label]
        for fold in range(FOLDS):
            odds = [scores[label, run, fold, epoch] for run, epoch in members(label, fold)]
            total = sum(factor * np.log(p / (1 - p)) for factor, p in zip(factors, odds, strict=True))
            for stacker in range(FOLDS):
                result[:, k] += 1 / (1 + np.exp(-(total + intercept + stacker)))
    return result / FOLDS**2


def test_scores_are_those_of_a_computation_by_hand(made, photos, decided):
    expected = by_hand(open_bundle(made), photos)
    assert np.ptp(expected, axis=0).min() > 0.001  # photos differ, so that a wrong order would be seen
    np.testing.assert_allclose(decided["score"].to_numpy().reshape(-1, len(LABELS)), expected, atol=2e-5)
    assert decided["image_id"].unique().tolist() == sorted(path.name for path in photos.iterdir())
    assert decided["label"].tolist() == LABELS * 11


def test_each_fold_may_have_networks_of_its_own(tmp_path, photos):
    own = {LABELS[0]: [[[BOTH, 3], [ONE, 0]], [[ONE, 0], [BOTH, 1]]], LABELS[1]: [[[BOTH, 1]], [[BOTH, 3]]]}
    listed = {label: [[*m, fold] for fold in range(FOLDS) for m in of_folds[fold]] for label, of_folds in own.items()}
    networks = {(run, fold, epoch) for of_label in listed.values() for run, epoch, fold in of_label}
    weights, stackers = make_files(tmp_path)
    weights = {network: weights[network] for network in networks}
    write_bundle(tmp_path / "bundle", {**content(), "members": listed}, weights, stackers, "# A card\n")
    bundle = open_bundle(tmp_path / "bundle")
    assert {(one.run, one.fold, one.epoch) for one in bundle.networks} == networks
    expected = by_hand(bundle, photos, lambda label, fold: own[label][fold])
    scores = decide(bundle, photos)["score"].to_numpy().reshape(-1, len(LABELS))
    np.testing.assert_allclose(scores, expected, atol=2e-5)


def test_what_is_given_without_the_chosen_precision_is_said(decided):
    given = decided["score"] >= decided["threshold"]
    assert (decided["decision"] == given).all()
    first = decided["label"] == LABELS[0]
    assert (decided.loc[first, "abstain"] == (given & (decided["score"] < 0.6))[first]).all()
    assert (decided.loc[~first, "abstain"] == given[~first]).all()  # it never reaches the precision
    assert decided["agreement"].isin([0, 0.5, 1]).all()


# Snakemake is here where tests run, and need not be where photos are decided: whoever imports it ends in an error.
WITHOUT_SNAKEMAKE = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0].startswith("snakemake"):
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Refuse())
runpy.run_module("stylevote", run_name="__main__", alter_sys=True)
"""
ENVIRONMENT = {"PYTHONPATH": str(REPOSITORY / "workflow_scripts"), "PATH": "/usr/bin:/bin", "HOME": "/nowhere"}


def call(*arguments, how=("-m", "stylevote")) -> subprocess.CompletedProcess:
    """Run the command line."""
    command = [warm.python(), *how, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=300)


@pytest.mark.slow
def test_snakemake_need_not_be_installed(made, photos, decided, tmp_path):
    done = call(
        "-c", "import snakemake", how=("-c", WITHOUT_SNAKEMAKE.replace("runpy.run_module", "import snakemake #"))
    )
    assert "snakemake is not there" in done.stderr
    done = call(made, photos, "-o", tmp_path / "out.csv", how=("-c", WITHOUT_SNAKEMAKE))
    assert done.returncode == 0, done.stderr
    assert (read_decisions(tmp_path / "out.csv").to_numpy().ravel() == decided["decision"]).all()


@pytest.mark.parametrize(
    ("number", "threads"), [pytest.param(signal.SIGINT, 2, marks=pytest.mark.slow), (signal.SIGTERM, 1)]
)
def test_what_is_stopped_leaves_no_photos_and_says_one_line(made, photos, tmp_path, number, threads):
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "stylevote", made, photos, "-o", tmp_path / "out.csv", "--threads", str(threads)]
    environment = ENVIRONMENT | {"TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while not list((tmp_path / "tmp").glob("stylevote-*/*")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.001)
        # A terminal sends it to all processes.
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        said = process.stderr.read().splitlines()
        assert process.wait(60) == 128 + number
    assert said[-1] == f"stopped by {number.name}"
    assert not [line for line in said if "Traceback" in line or "Error" in line], said
    assert not list((tmp_path / "tmp").glob("stylevote-*"))
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.slow
def test_a_terminal_sees_how_far_it_is(made, photos, tmp_path):
    terminal, end = os.openpty()
    termios.tcsetwinsize(end, (24, 100))
    command = [sys.executable, "-m", "stylevote", made, photos, "-o", tmp_path / "out.csv"]
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=end) as process:
        os.close(end)
        said = b""
        while True:
            try:
                part = os.read(terminal, 1000)
            except OSError as error:  # how Linux says that nobody has the other end any more
                assert error.errno == errno.EIO
                break
            said += part
        assert process.wait(60) == 0, said
    os.close(terminal)
    assert re.search(rb"100%\|.*\| 6/6 \[", said)


def test_the_command_line_writes_the_same_with_two_threads(made, photos, decided, tmp_path):
    details = tmp_path / "details.csv"
    done = call(made, photos, "-o", tmp_path / "out.csv", "--details", details, "--threads", 2)
    assert done.returncode == 0, done.stderr
    assert f"11 photos decided, {len(LABELS)} labels each" in done.stderr
    table = read_decisions(tmp_path / "out.csv")
    assert table.columns.tolist() == LABELS
    assert (table.to_numpy().ravel() == decided["decision"]).all()
    assert details.read_text().splitlines()[0] == "image,label,score,threshold,decision,agreement,abstain"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["details.csv", "out.csv"]


def test_mistakes_end_in_a_sentence(made, photos, tmp_path):
    for arguments, said in [
        ((tmp_path, photos, "-o", tmp_path / "x.csv"), "no bundle"),
        ((made, tmp_path / "none", "-o", tmp_path / "x.csv"), "none"),
        ((made, photos, "-o", tmp_path / "none" / "x.csv"), "there is no folder"),
    ]:
        done = call(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_photos_that_cannot_be_read_are_named_or_left_out(made, tmp_path):
    photos = draw_photos(tmp_path / "photos", 3)
    (photos / "1.png").write_text("no photo")
    bundle = open_bundle(made)
    with pytest.raises(InputError, match=r"1\.png.*no photo of a known format"):
        decide(bundle, photos)
    table = decide(bundle, photos, on_bad_photo="skip")
    assert table["image_id"].unique().tolist() == ["0.png", "2.png"]

    shutil.copyfile(photos / "0.png", photos / "without")
    done = call(made, photos, "-o", tmp_path / "out.csv", "--skip-bad-photos")
    assert done.returncode == 0, done.stderr
    assert "2 files left out: 'without', '1.png'" in done.stderr
    left_out = pd.read_csv(tmp_path / "out.csv.left_out.csv")
    assert left_out["file"].tolist() == ["without", "1.png"]
    assert left_out["problem"][1].endswith("or truncated") and "suffix" in left_out["problem"][0]
    for name in ("without", "1.png"):
        (photos / name).unlink()
    call(made, photos, "-o", tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv.left_out.csv").empty


def test_values_of_more_than_8_bits_become_those_of_the_training_photos(made, tmp_path):
    """The same photos in 8 and in 12 bits are decided alike, also if none of them uses the whole range."""
    plain, deep = tmp_path / "plain", tmp_path / "deep"
    for folder in (plain, deep):
        folder.mkdir()
    for k in range(3):
        values = np.random.default_rng(k).integers(0, 15, (6, 6)).repeat(8, axis=0).repeat(8, axis=1)
        Image.fromarray((17 * values).astype(np.uint8)).save(plain / f"{k}.png")
        Image.fromarray((273 * values).astype(np.uint16)).save(deep / f"{k}.png")
    bundle = open_bundle(made)
    expected = decide(bundle, plain)
    with_range = dataclasses.replace(
        bundle, content=bundle.content.model_copy(update={"ranges": {"16 bits": (0, 4095)}})
    )
    pd.testing.assert_frame_equal(decide(with_range, deep), expected)
    other = dataclasses.replace(bundle, content=bundle.content.model_copy(update={"ranges": {"16 bits": (0, 65535)}}))
    assert not decide(other, deep)["score"].equals(expected["score"])


def test_a_disk_without_room_for_the_decoded_photos_is_told_before_they_are(made, photos, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match=r"0\.0 GB are free, expected .* set TMPDIR"):
        decide(open_bundle(made), photos)


def test_too_little_memory_is_said(made, photos, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nand more")

    monkeypatch.setattr("stylevote.bundle.decide.predict", full)
    with pytest.raises(
        InputError, match=r"^deciding: not enough memory \(CUDA out of.* GiB\); .*--device cpu"
    ) as caught:
        decide(open_bundle(made), photos)
    assert "\n" not in str(caught.value)


def test_the_processor_decides_and_takes_no_gpu_where_it_is_asked_to(made, photos, decided, monkeypatch):
    def leased(count):
        raise AssertionError("a GPU is asked for")

    monkeypatch.setattr("stylevote.machine.device.lease_gpus", leased)
    table = decide(open_bundle(made), photos, device="cpu")
    np.testing.assert_array_equal(table["score"], decided["score"])
    with pytest.raises(AssertionError, match="a GPU is asked for"):
        decide(open_bundle(made), photos)


def test_a_gpu_that_is_not_there_is_said(made, photos, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device: found cuda, but no GPU can be used here"):
        decide(open_bundle(made), photos, device="cuda")
    with pytest.raises(InputError, match="--device: found 'gpu', expected auto, cpu or cuda"):
        decide(open_bundle(made), photos, device="gpu")


@pytest.mark.parametrize("kind", [OSError, InputError])
def test_a_full_disk_is_not_a_matter_of_a_configuration_here(kind):
    error = OSError(errno.ENOSPC, "No space left on device", "out.csv")

    def program():
        raise error if kind is OSError else InputError(f"out.csv: {unwritable(error)}, then start again")

    with pytest.raises(InputError, match=r"^out\.csv: cannot be written: the disk is full; .* another disk") as caught:
        without_results(program)
    assert "results" not in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"hidden_units": [8192, 8192]}, {"backbone": "vgg19"}, {"backbone_args": {"layers": [8192, 2, 2, 2]}}]
)
def test_a_description_of_a_network_larger_than_its_weights_is_refused(made, change):
    one = open_bundle(made).networks[-1]
    with pytest.raises(InputError, match=rf"^{re.escape(str(one.path))}: .* which is larger$"):
        load_network(dataclasses.replace(one, setting=one.setting | change), torch.device("cpu"))


def test_a_small_network_may_look_at_large_photos(tmp_path):
    setting = {"backbone": "mobilenetv3_small_050", "backbone_args": {}, "size": 1024, "hidden_units": [256]}
    path = tmp_path / "epoch0.safetensors"
    store_weights(Network({**setting, "size": 32}, 13), path)
    network = load_network(BundledNetwork("a", 0, 0, setting, [str(k) for k in range(13)], path), torch.device("cpu"))
    assert network(torch.zeros(1, 3, 1024, 1024)).shape == (1, 13)
