"""Training: what is kept, that it learns, that it can be stopped and goes on as if it had not been."""

import dataclasses

import numpy as np
import pytest
import safetensors.torch
import torch

from stylevote.cnn.network import Network
from stylevote.cnn.predict import predict
from stylevote.cnn.train import Training
from stylevote.program import InputError
from stylevote.weights import load_weights

CPU = torch.device("cpu")


def train(setting, data, folder, fold=0, key="key"):
    return Training("some-run", setting, fold, data, folder=folder, device=CPU, key=key).run()


def test_it_learns_a_simple_difference(setting, data, tmp_path):
    setting["phases"] = [{"epochs": 9, "lr": 0.01, "train": "all"}]
    history, scores = train(setting, dataclasses.replace(data, epochs=3 * data.epochs), tmp_path)
    assert history["train_loss"].iloc[-1] < 0.7 * history["train_loss"].iloc[0]
    truth = data.targets[data.validation].numpy()
    assert np.mean((scores[-1] > 0.5) == truth) > 0.9


def test_every_epoch_is_kept(setting, data, tmp_path):
    history, scores = train(setting, data, tmp_path)
    assert history["epoch"].tolist() == [0, 1, 2]
    assert history["phase"].tolist() == [0, 1, 1]
    assert scores.shape == (3, 13, 2)
    assert scores.dtype == np.float32
    files = sorted(path.name for path in (tmp_path / "weights").iterdir())
    assert files == ["epoch0.safetensors", "epoch1.safetensors", "epoch2.safetensors"]
    kinds = {tensor.dtype for tensor in safetensors.torch.load_file(tmp_path / "weights" / files[0]).values()}
    assert kinds == {torch.float16, torch.int64}  # int64: BatchNorm's counters


def test_out_of_fold_scores_are_the_stored_weights(setting, data, tmp_path):
    history, scores = train(setting, data, tmp_path)
    network = Network({**setting, "seed": 9}, 2).to(memory_format=torch.channels_last)
    load_weights(network, tmp_path / "weights" / "epoch1.safetensors")
    again = predict(network, data.bank, data.validation, setting["size"], setting["batch"])
    assert np.array_equal(again, scores[1])
    truth = data.targets[data.validation].numpy()
    expected = -np.mean(np.where(truth == 1, np.log(again), np.log1p(-again)))
    assert history["validation_loss"][1] == pytest.approx(expected, rel=1e-4)


def test_a_photo_and_its_mirror_image_score_the_same(setting, bank, photos):
    network = Network(setting, 2)
    mirrored = dataclasses.replace(
        bank, pixels=torch.from_numpy(np.concatenate([photo[:, ::-1].ravel() for photo in photos]))
    )
    rows = torch.arange(5)
    np.testing.assert_allclose(
        predict(network, bank, rows, 32, 2), predict(network, mirrored, rows, 32, 5), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("finished", [1, 2])
def test_a_stopped_training_goes_on_as_if_it_had_not(setting, data, tmp_path, monkeypatch, finished):
    # Dropout draws from torch's global generator: it must be restored, too.
    setting["backbone_args"] = {"drop_rate": 0.3}
    _, whole = train(setting, data, tmp_path / "whole")
    original = Training._train_epoch

    def stop(self, epoch):
        if epoch == finished:
            raise KeyboardInterrupt
        return original(self, epoch)

    monkeypatch.setattr(Training, "_train_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        train(setting, data, tmp_path / "stopped")
    seen = []

    def watch(self, epoch):
        seen.append(epoch)
        return original(self, epoch)

    monkeypatch.setattr(Training, "_train_epoch", watch)
    torch.manual_seed(12345)
    history, resumed = train(setting, data, tmp_path / "stopped")
    assert seen == list(range(finished, 3))
    assert np.array_equal(resumed, whole)
    assert history["epoch"].tolist() == [0, 1, 2]
    for epoch in range(3):
        name = f"weights/epoch{epoch}.safetensors"
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes()


@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_a_checkpoint_that_is_damaged_or_of_another_setting_is_ignored(setting, data, tmp_path, content):
    _, expected = train(setting, data, tmp_path / "clean")
    if content is None:
        train({**setting, "seed": 1}, data, tmp_path / "used", key="another key")
    else:
        (tmp_path / "used").mkdir()
        (tmp_path / "used" / "last.ckpt").write_bytes(content)
    _, scores = train(setting, data, tmp_path / "used")
    assert np.array_equal(scores, expected)


def test_a_checkpoint_without_its_weights_is_ignored(setting, data, tmp_path):
    _, expected = train(setting, data, tmp_path)
    (tmp_path / "weights" / "epoch1.safetensors").unlink()
    _, scores = train(setting, data, tmp_path)
    assert np.array_equal(scores, expected)
    assert (tmp_path / "weights" / "epoch1.safetensors").is_file()


def test_seed_and_fold_make_other_networks(setting, data, tmp_path):
    _, first = train(setting, data, tmp_path / "a")
    _, again = train(setting, data, tmp_path / "b")
    assert np.array_equal(first, again)
    assert not np.array_equal(first, train({**setting, "seed": 1}, data, tmp_path / "c")[1])
    assert not np.array_equal(first, train(setting, data, tmp_path / "d", fold=1)[1])


def test_a_last_batch_of_one_photo_does_not_break_batchnorm(setting, data, tmp_path):
    epochs = [rows[:25] for rows in data.epochs]  # 25 = 3 x 8 + 1 = 8 x 3 + 1
    for batch in (8, 3, 2):
        folder = tmp_path / str(batch)
        history, _ = train({**setting, "batch": batch}, dataclasses.replace(data, epochs=epochs), folder)
        assert history["photos"].tolist() == [25, 25, 25]


def test_a_loss_that_is_not_finite_says_what_to_change(setting, data, tmp_path):
    setting["phases"] = [{"epochs": 1, "lr": 0.01, "train": "all"}, {"epochs": 1, "lr": 1e30, "train": "all"}]
    with pytest.raises(InputError, match=r"some-run, fold 0, epoch 1: the loss is (nan|inf); lower `lr` of phase 1"):
        train(setting, data, tmp_path)


def test_damaged_weights_are_named(setting, data, tmp_path):
    train(setting, data, tmp_path)
    path = tmp_path / "weights" / "epoch0.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"epoch0\.safetensors: not the weights of this network"):
        load_weights(Network(setting, 2), path)
