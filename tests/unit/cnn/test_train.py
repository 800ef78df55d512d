"""Training: what is kept, that it learns, that it can be stopped and goes on as if it had not been."""

import dataclasses
import errno
import functools

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional

from stylevote.cnn import train as training_module
from stylevote.cnn.batches import PixelCache
from stylevote.cnn.network import Network
from stylevote.cnn.predict import predict
from stylevote.cnn.train import Training
from stylevote.config.identity import seed
from stylevote.errors import InputError
from stylevote.files.weights import load_weights
from stylevote.machine.failures import explain_training_errors

CPU = torch.device("cpu")
AUGMENT = {"mirror": False, "rotation": 20, "jitter": {"hue": 0.3}, "auto": "rand", "erasing": 0.5, "cutmix": 1}


def make(setting, data, folder, fold=0, key="key"):
    return Training("some-run", setting, fold, data, folder=folder, device=CPU, key=key)


def train(setting, data, folder, fold=0, key="key"):
    return make(setting, data, folder, fold, key).run()


def train_until(epoch, setting, data, folder):
    """Interrupt a training at the beginning of an epoch."""
    training = make(setting, data, folder)
    original = training._train_epoch

    def stop(number):
        if number == epoch:
            raise KeyboardInterrupt
        return original(number)

    training._train_epoch = stop
    with pytest.raises(KeyboardInterrupt):
        training.run()


def stored(folder, epoch):
    return safetensors.torch.load_file(folder / "weights" / f"epoch{epoch}.safetensors")


def one_step(setting, data):
    """Change a setting and photos to a single step with 27 photos, of a network without BatchNorm."""
    phases = [{**setting["phases"][0], "epochs": 1, "train": "all"}]
    setting = {**setting, "backbone": "test_convnext", "hidden_units": [], "batch": 27, "phases": phases}
    return setting, dataclasses.replace(data, epochs=data.epochs[:1])


def gradients(training):
    """Return all gradients of the last step, one after the other."""
    return torch.cat([parameter.grad.flatten() for parameter in training.network.parameters()])


@pytest.fixture
def same_draws(monkeypatch):
    """Let trainings of different settings begin with the same weights and see the same crops."""
    monkeypatch.setattr(training_module, "seed", lambda setting, *parts: seed(*parts))


def test_it_learns_a_simple_difference(setting, data, tmp_path):
    setting["phases"] = [{**setting["phases"][0], "epochs": 9, "train": "all"}]
    history, scores = train(setting, dataclasses.replace(data, epochs=3 * data.epochs), tmp_path)
    assert history["train_loss"].iloc[-1] < 0.7 * history["train_loss"].iloc[0]
    truth = data.targets[data.validation].numpy()
    assert np.mean((scores[-1] > 0.5) == truth) > 0.9


def test_pretrained_weights_may_come_from_a_file(setting, data, tmp_path):
    backbone = Network(setting, 1).backbone
    with torch.no_grad():
        next(backbone.parameters()).fill_(0.25)
    path = tmp_path / "start.safetensors"
    safetensors.torch.save_file(backbone.state_dict(), path)
    arguments = {"folder": tmp_path, "device": CPU, "key": "key", "weights": path}
    training = Training("some-run", {**setting, "weights": "pretrained"}, 0, data, **arguments)
    assert next(training.network.backbone.parameters()).eq(0.25).all()


@pytest.mark.usefixtures("same_draws")
@pytest.mark.parametrize("share", [0.5, 0.51], ids=["same layers", "other layers"])
def test_adam_goes_on_in_a_phase_of_the_same_layers_only(setting, data, tmp_path, share):
    phase = {**setting["phases"][0], "epochs": 2, "train": {"last": 0.5}, "policy": "constant"}
    _, single = train({**setting, "phases": [{**phase, "epochs": 3}]}, data, tmp_path / "single")
    phases = [phase, {**phase, "epochs": 1, "train": {"last": share}}]
    _, split = train({**setting, "phases": phases}, data, tmp_path / "split")
    assert np.array_equal(single[:2], split[:2])
    assert np.array_equal(single[2], split[2]) == (share == 0.5)


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
    again = predict(network, data.cache, data.validation, setting["size"], setting["batch"], tta="mirror")
    assert np.array_equal(again, scores[1])
    truth = data.targets[data.validation].numpy()
    expected = -np.mean(np.where(truth == 1, np.log(again), np.log1p(-again)))
    assert history["validation_loss"][1] == pytest.approx(expected, rel=1e-4)


def test_a_photo_and_its_mirror_image_score_the_same(setting, cache, photos):
    network = Network(setting, 2)
    mirrored = dataclasses.replace(
        cache, pixels=torch.from_numpy(np.concatenate([photo[:, ::-1].ravel() for photo in photos]))
    )
    rows = torch.arange(5)
    np.testing.assert_allclose(
        predict(network, cache, rows, 32, 2, tta="mirror"),
        predict(network, mirrored, rows, 32, 5, tta="mirror"),
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    "stopped",
    [
        (1, {}),
        (2, {"ema": {"decay": 0.9}, "gradient_clip": 1.0}),
        (1, {"precision": "bfloat16"}),
        (2, {"optimizer": {"adamw": {"weight_decay": 0.1, "layer_decay": 0.7}}, "soup": 2, "dropout": 0.3}),
        (1, {"augment": AUGMENT}),
    ],
    ids=str,
)
@pytest.mark.parametrize("lower", ["other layers", "same layers"])
def test_a_stopped_training_goes_on_as_if_it_had_not(setting, data, tmp_path, monkeypatch, stopped, lower):
    finished, more = stopped
    if lower == "same layers":  # Adam goes on from one phase to the next
        setting["phases"][0] |= {"train": setting["phases"][1]["train"]}
    # Dropout draws from torch's global generator: it must be restored, too.
    setting |= {"backbone_args": {"drop_rate": 0.3}, **more}
    _, whole = train(setting, data, tmp_path / "whole")
    train_until(finished, setting, data, tmp_path / "stopped")
    seen, original = [], Training._train_epoch

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


def test_a_checkpoint_with_a_flipped_bit_is_ignored(setting, data, tmp_path, caplog):
    caplog.set_level("INFO")
    _, expected = train(setting, data, tmp_path)
    path = tmp_path / "last.ckpt"
    whole = path.read_bytes()
    train(setting, data, tmp_path)
    assert "continuing after 3 of 3 epochs" in caplog.text
    for part in (0.1, 0.5, 0.9, 1):
        caplog.clear()
        place = int(part * (len(whole) - 1))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        _, scores = train(setting, data, tmp_path)
        assert np.array_equal(scores, expected)
        assert "last.ckpt cannot be read" in caplog.text
        assert "training starts from the beginning" in caplog.text


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
    phase = {**setting["phases"][0], "train": "all"}
    setting["phases"] = [phase, {**phase, "lr": 1e30}]
    with pytest.raises(InputError, match=r"some-run, fold 0, epoch 1: the loss is (nan|inf); lower `lr` of phase 1"):
        train(setting, data, tmp_path)


def test_damaged_weights_are_named(setting, data, tmp_path):
    train(setting, data, tmp_path)
    path = tmp_path / "weights" / "epoch0.safetensors"
    whole = path.read_bytes()
    load_weights(Network(setting, 2), path)
    places = range(0, len(whole), len(whole) // 50)
    for content in (whole[:1000], b"", *(whole[:k] + bytes([whole[k] ^ 16]) + whole[k + 1 :] for k in places)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"epoch0\.safetensors: damaged"):
            load_weights(Network(setting, 2), path)
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"epoch0\.safetensors: not the weights of this network"):
        load_weights(Network(setting, 3), path)


def test_each_step_has_its_learning_rate(setting, data, tmp_path, monkeypatch):
    setting["phases"][1] |= {"policy": "one_cycle"}
    rates = []
    original = Training._step

    def watch(self, *batch):
        rates.append(self.optimizer.param_groups[0]["lr"])
        return original(self, *batch)

    monkeypatch.setattr(Training, "_step", watch)
    history, _ = train(setting, data, tmp_path)
    # 27 photos are 4 batches of at most 8. One triangle, then one cycle over 8 steps, whose highest point lies between
    # its third and fourth.
    assert rates[:4] == pytest.approx([0.001, 0.0055, 0.01, 0.0055])
    assert len(rates) == 12
    assert rates[4] == pytest.approx(0.003 / 25)
    assert rates[4] < rates[5] < rates[6] > rates[7] > rates[8] > rates[9] > rates[10] > rates[11]
    assert rates[11] == pytest.approx(0.003 / 250_000)
    assert history["highest_lr"].tolist() == pytest.approx([0.01, rates[6], rates[8]])


def test_crops_are_those_of_the_setting(setting, data, tmp_path):
    _, narrow = train({**setting, "crop": {"min_scale": 0.3, "stretch": 0.1}}, data, tmp_path / "a")
    _, usual = train(setting, data, tmp_path / "b")
    assert not np.array_equal(narrow, usual)


def test_stored_weights_are_the_average_over_all_steps(setting, data, tmp_path, monkeypatch):
    passed = []
    original = Training._step

    def watch(self, *batch):
        if not passed:
            passed.append({name: tensor.double() for name, tensor in self.network.state_dict().items()})
        loss = original(self, *batch)
        passed.append({name: tensor.double() for name, tensor in self.network.state_dict().items()})
        return loss

    monkeypatch.setattr(Training, "_step", watch)
    setting["ema"] = {"decay": 0.6}
    _, scores = train(setting, data, tmp_path)
    expected = passed[0]
    for step, weights in enumerate(passed[1:]):
        decay = min(0.6, (1 + step) / (10 + step))
        expected = {name: decay * expected[name] + (1 - decay) * weights[name] for name in weights}
    weights = stored(tmp_path, 2)
    for name in ("head.0.weight", "head.1.running_var", "backbone.layer4.0.conv1.weight"):
        torch.testing.assert_close(weights[name].double(), expected[name], rtol=2e-3, atol=1e-5)
        assert not torch.allclose(weights[name].double(), passed[-1][name], rtol=2e-3, atol=1e-5)
    network = Network(setting, 2).to(memory_format=torch.channels_last)
    load_weights(network, tmp_path / "weights" / "epoch2.safetensors")
    assert np.array_equal(predict(network, data.cache, data.validation, 32, 8, tta="mirror"), scores[2])


def test_stored_weights_are_the_mean_of_the_last_epochs(setting, data, tmp_path, monkeypatch):
    passed, original = [], Training._finish_epoch

    def watch(self, *arguments):
        passed.append({name: tensor.double() for name, tensor in self.network.state_dict().items()})
        original(self, *arguments)

    monkeypatch.setattr(Training, "_finish_epoch", watch)
    _, scores = train({**setting, "soup": 2}, data, tmp_path)
    for epoch, last in ((0, passed[:1]), (1, passed[:2]), (2, passed[1:])):
        for name, weights in stored(tmp_path, epoch).items():
            if weights.is_floating_point():
                mean = torch.stack([state[name] for state in last]).mean(dim=0)
                torch.testing.assert_close(weights.double(), mean, rtol=1e-3, atol=1e-6)
    assert not torch.allclose(passed[1]["head.0.weight"], passed[2]["head.0.weight"], rtol=1e-3)
    network = Network(setting, 2).to(memory_format=torch.channels_last)
    load_weights(network, tmp_path / "weights" / "epoch2.safetensors")
    assert np.array_equal(predict(network, data.cache, data.validation, 32, 8, tta="mirror"), scores[2])


def test_smoothed_labels_are_learned(setting, data, tmp_path):
    seen = []

    def loss(logits, targets):
        seen.append(targets)
        return functional.binary_cross_entropy_with_logits(logits, targets)

    train({**setting, "label_smoothing": 0.2}, dataclasses.replace(data, loss=loss), tmp_path)
    expected = 0.1 + 0.8 * data.targets[torch.cat(data.epochs)]
    torch.testing.assert_close(torch.cat(seen), expected)


def test_validation_loss_is_that_of_the_true_labels(setting, data, tmp_path):
    history, scores = train({**setting, "label_smoothing": 0.5}, data, tmp_path)
    truth = data.targets[data.validation].numpy()
    expected = -np.mean(np.where(truth == 1, np.log(scores[2]), np.log1p(-scores[2])))
    assert history["validation_loss"][2] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_photos_are_scored_at_the_test_size(setting, data, photos, tmp_path, backbone):
    larger = [np.repeat(np.repeat(photo, 2, axis=0), 2, axis=1) for photo in photos]
    sizes = [photo.size for photo in larger]
    index = pd.DataFrame({"offset": np.cumsum([0, *sizes[:-1]])})
    index[["height", "width"]] = [photo.shape[:2] for photo in larger]
    test_cache = PixelCache.open(np.concatenate([photo.ravel() for photo in larger]), index, CPU)
    setting |= {"backbone": backbone, "test_size": 64}
    _, scores = train(setting, dataclasses.replace(data, test_cache=test_cache), tmp_path / "larger")
    network = Network({**setting, "size": 64}, 2)
    load_weights(network, tmp_path / "larger" / "weights" / "epoch2.safetensors")
    held_out = []
    for row in data.validation.tolist():
        photo = torch.from_numpy(larger[row]).permute(2, 0, 1)[None].float() / 255
        held_out.append(nn.functional.interpolate(photo, (64, 64), mode="bilinear", align_corners=False)[0])
    held_out = torch.stack(held_out)
    with torch.inference_mode():
        views = [network.eval()(view).sigmoid() for view in (held_out, held_out.flip(3))]
    np.testing.assert_allclose(scores[2], sum(views) / 2, rtol=1e-3, atol=1e-5)


def test_a_test_size_that_the_network_does_not_take_is_said(setting, data, tmp_path):
    setting |= {"backbone": "mixer_s32_224", "size": 224, "test_size": 256}
    with pytest.raises(InputError, match=r"takes no photos of 256 x 256 pixels .*`test_size`"):
        make(setting, data, tmp_path)


def test_gradients_are_clipped_to_a_norm(setting, data, tmp_path, same_draws):
    setting, data = one_step(setting, data)
    free, clipped = (make({**setting, "gradient_clip": clip}, data, tmp_path / str(clip)) for clip in (None, 0.01))
    free.run()
    clipped.run()
    assert gradients(free).norm() > 0.02
    assert gradients(clipped).norm().item() == pytest.approx(0.01, rel=1e-3)
    torch.testing.assert_close(
        nn.functional.normalize(gradients(clipped), dim=0), nn.functional.normalize(gradients(free), dim=0)
    )


def test_half_precision_trains_and_keeps_what_must_be_exact(setting, data, tmp_path):
    kinds = set()

    def loss(logits, targets):
        kinds.add(logits.dtype)
        return nn.functional.binary_cross_entropy_with_logits(logits, targets)

    setting["phases"] = [{**setting["phases"][0], "epochs": 9, "train": "all"}]
    data = dataclasses.replace(data, epochs=3 * data.epochs, loss=loss)
    half = make({**setting, "precision": "bfloat16"}, data, tmp_path / "half")
    inside = set()
    half.network.backbone.layer4.register_forward_hook(lambda module, args, output: inside.add(output.dtype))
    history, scores = half.run()
    assert kinds == {torch.float32}
    assert inside == {torch.bfloat16}
    assert {tensor.dtype for tensor in half.network.state_dict().values()} == {torch.float32, torch.int64}
    assert history["train_loss"].iloc[-1] < 0.7 * history["train_loss"].iloc[0]
    truth = data.targets[data.validation].numpy()
    assert np.mean((scores[-1] > 0.5) == truth) > 0.9


def test_float16_wants_a_gpu(setting, data, tmp_path):
    with pytest.raises(InputError, match=r"run some-run: `precision: float16` needs a GPU.*take bfloat16 or float32"):
        make({**setting, "precision": "float16"}, data, tmp_path)


def test_a_compiled_network_is_stored_as_any_other(setting, data, tmp_path, monkeypatch, same_draws):
    # Traced, but not made into machine code, which would take a minute.
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    setting, data = one_step(setting, data)
    plain, compiled = (make({**setting, "compile": on}, data, tmp_path / str(on)) for on in (False, True))
    _, scores = plain.run()
    _, again = compiled.run()
    assert set(stored(tmp_path / "True", 0)) == set(stored(tmp_path / "False", 0))
    torch.testing.assert_close(gradients(compiled), gradients(plain), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(again, scores, atol=0.02)


class Tight(Network):
    """A network on a device that holds few photos at once in training."""

    holds = 7
    seen = ()

    def forward(self, photos):
        logits = super().forward(photos)
        if self.training:
            if len(photos) > self.holds:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            Tight.seen += (len(photos),)
        return logits


def partly_unknown(data, share=0.4):
    """Return the photos with some labels unknown; one has none that is known."""
    targets = data.targets.clone()
    targets[torch.rand(targets.shape, generator=torch.Generator().manual_seed(4)) < share] = torch.nan
    targets[3] = torch.nan
    return dataclasses.replace(data, targets=targets)


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("augment", [{}, AUGMENT])
def test_what_does_not_fit_is_computed_in_parts(setting, data, tmp_path, monkeypatch, caplog, augment, unknown):
    setting, data = one_step({**setting, "augment": augment}, partly_unknown(data) if unknown else data)
    whole = make(setting, data, tmp_path / "whole")
    history, _ = whole.run()
    monkeypatch.setattr(training_module, "Network", Tight)
    monkeypatch.setattr(Tight, "seen", ())
    caplog.set_level("INFO")
    parts = make(setting, data, tmp_path / "parts")
    in_parts, _ = parts.run()
    assert Tight.seen == (7, 7, 7, 6)
    torch.testing.assert_close(gradients(parts), gradients(whole), rtol=1e-4, atol=1e-6)
    assert in_parts["train_loss"][0] == pytest.approx(history["train_loss"][0], rel=1e-5)
    said = [line for line in caplog.messages if "out of memory" in line]
    assert said == [f"out of memory: from here on, each batch is computed in {count} parts" for count in (2, 4)]


def test_parts_are_remembered_by_a_job_that_goes_on(setting, data, tmp_path, monkeypatch):
    monkeypatch.setattr(training_module, "Network", Tight)
    monkeypatch.setattr(Tight, "holds", 5)
    _, whole = train(setting, data, tmp_path / "whole")
    train_until(1, setting, data, tmp_path / "stopped")
    assert np.array_equal(train(setting, data, tmp_path / "stopped")[1], whole)


def test_what_never_fits_is_said(setting, data, tmp_path, monkeypatch):
    monkeypatch.setattr(training_module, "Network", Tight)
    monkeypatch.setattr(Tight, "holds", 1)
    with pytest.raises(InputError, match="not enough memory"), explain_training_errors("run a"):
        train(setting, data, tmp_path)


def test_a_disk_that_is_full_costs_no_finished_epoch(setting, data, tmp_path, monkeypatch):
    _, whole = train(setting, data, tmp_path / "whole")
    original, calls = torch.save, []

    def full(state, path):
        calls.append(path)
        path.write_bytes(b"half a checkpoint")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def full_at_the_second(state, path):
        return full(state, path) if calls else (calls.append(path), original(state, path))

    monkeypatch.setattr(torch, "save", full_at_the_second)
    with pytest.raises(InputError, match="the disk is full; make room"), explain_training_errors("run a"):
        train(setting, data, tmp_path / "full")
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == ["last.ckpt", "weights"]
    monkeypatch.setattr(torch, "save", original)
    training = make(setting, data, tmp_path / "full")
    seen = []
    monkeypatch.setattr(
        training, "_train_epoch", lambda epoch: (seen.append(epoch), Training._train_epoch(training, epoch))[1]
    )
    assert np.array_equal(training.run()[1], whole)
    assert seen == [1, 2]


def test_a_step_follows_the_known_labels_alone(setting, data, tmp_path):
    """The gradient is that of the mean over the known labels, computed here by automatic differentiation."""
    setting, data = one_step({**setting, "label_smoothing": 0.2}, partly_unknown(data))
    training = make(setting, data, tmp_path)
    history, scores = training.run()
    expected, (batch,) = make(setting, data, tmp_path / "again"), training._epoch_batches(0, 1)
    photos = data.cache.take(batch["rows"], batch["boxes"], batch["flips"], setting["size"])
    targets = data.targets[batch["rows"]]
    known = ~targets.isnan()
    expected.network.choose_trained("all")
    loss = functional.binary_cross_entropy_with_logits(
        expected.network.train()(photos)[known], targets[known] * 0.8 + 0.1
    )
    loss.backward()
    torch.testing.assert_close(gradients(training), gradients(expected), rtol=1e-4, atol=1e-6)
    assert history["train_loss"][0] == pytest.approx(loss.item(), rel=1e-5)
    truth = data.targets[data.validation].numpy()
    judged = np.where(truth == 1, np.log(scores[0]), np.log1p(-scores[0]))[~np.isnan(truth)]
    assert history["validation_loss"][0] == pytest.approx(-judged.mean(), rel=1e-4)


def test_labels_that_are_unknown_on_other_photos_change_no_weight(setting, data, tmp_path):
    train(setting, data, tmp_path / "known")
    targets = data.targets.clone()
    targets[data.validation[:5]] = torch.nan
    train(setting, dataclasses.replace(data, targets=targets), tmp_path / "unknown")
    path = "weights/epoch2.safetensors"
    assert (tmp_path / "known" / path).read_bytes() == (tmp_path / "unknown" / path).read_bytes()
