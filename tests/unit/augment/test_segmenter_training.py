"""Training of a segmenter: photos and masks stay together, near-duplicates too, and the figures are what they say."""

import hashlib
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import jaccard_score
from torch import nn

from stylevote.augment.masks import decode_mask, encode_mask, read_region
from stylevote.augment.segmenter_training import Examples, augment, hold_out, loss_of, measure, read_examples, train
from stylevote.config.photos import SegmentationNetwork
from stylevote.errors import InputError

torch.set_num_threads(1)
CPU = torch.device("cpu")
SETTINGS = {
    "architecture": "unet",
    "encoder": "tu-test_resnet",
    "weights": "none",
    "args": {"encoder_depth": 3, "decoder_channels": [16, 8, 8]},
    "size": 32,
    "epochs": 6,
    "batch": 4,
    "lr": 0.02,
    "seed": 1,
}


@pytest.fixture(scope="module")
def examples():
    """Bright discs of any color on a dark, noisy ground."""
    random = np.random.default_rng(4)
    down, across = np.mgrid[:32, :32]
    photos, masks = [], []
    for _ in range(24):
        y, x, radius = *random.integers(10, 22, 2), random.integers(5, 10)
        mask = (down - y) ** 2 + (across - x) ** 2 < radius**2
        photo = random.integers(0, 90, (32, 32, 3)) + mask[..., None] * random.integers(80, 160, 3)
        photos.append(np.dstack([photo, mask * 255]).astype(np.uint8))
        masks.append(encode_mask(mask))
    return Examples(torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2), masks, np.arange(24))


# ---- reading


@pytest.fixture
def folder(tmp_path):
    """Photos with a bright rectangle, all but one with a mask of it, and their manifest."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "masks").mkdir()
    rows = []
    for k in range(5):
        classes = np.zeros((60 + k, 40), dtype=np.uint8)
        classes[20:40, 10:30] = 1
        path = tmp_path / "photos" / f"{k}.png"
        Image.fromarray(classes * 255).convert("RGB").save(path)
        rows.append((f"{k}", path.name, 40, 60 + k, hashlib.sha256(path.read_bytes()).hexdigest(), "", k // 2))
        if k != 2:
            Image.fromarray(classes).save(tmp_path / "masks" / f"{k}.png")
    columns = ["image_id", "path", "width", "height", "sha256", "pixel_range", "group"]
    return tmp_path, pd.DataFrame(rows, columns=columns)


def read(folder, manifest, masks="masks"):
    region = read_region("person", None)
    return read_examples(manifest, folder / "photos", folder / masks, region, size=30, side=32)


def test_photos_with_a_mask_are_read(folder):
    examples = read(*folder)
    assert examples.inputs.shape == (4, 4, 32, 32)
    assert examples.inputs.dtype == torch.uint8
    assert examples.groups.tolist() == [0, 0, 1, 2]
    for (*colors, mask), stored in zip(examples.inputs.numpy(), examples.masks, strict=True):
        assert all(np.abs(color.astype(int) - mask).mean() < 12 for color in colors)
        assert decode_mask(stored).shape[1] == 30
        assert decode_mask(stored).mean() == pytest.approx((mask / 255).mean(), abs=0.03)


def test_a_photoset_without_masks_is_refused(folder):
    with pytest.raises(InputError, match=r"nowhere: expected a folder of masks"):
        read(*folder, masks="nowhere")
    (folder[0] / "empty").mkdir()
    with pytest.raises(
        InputError, match=r"empty: none of the 5 photos has a mask there; that of '0\.png' would be 0\.png"
    ):
        read(*folder, masks="empty")


# ---- who measures


@given(st.lists(st.integers(0, 30), min_size=20, max_size=60), st.floats(0, 0.5), st.integers(0, 1000))
def test_near_duplicates_are_held_out_together(groups, share, seed):
    sizes = Counter(groups)
    assume(len(sizes) > 1)
    groups = np.array(groups)
    held = hold_out(groups, share, np.random.default_rng(seed))
    chosen, others = set(groups[held].tolist()), set(groups[~held].tolist())
    assert chosen
    assert not chosen & others
    wanted = round(share * len(groups))
    if held.sum() > wanted:
        assert [sizes[group] for group in chosen] == [min(sizes.values())]
    else:
        assert all(held.sum() + sizes[group] > wanted for group in others)
    assert (held == hold_out(groups, share, np.random.default_rng(seed))).all()


def test_another_draw_holds_out_others():
    groups = np.arange(50)
    draws = {tuple(hold_out(groups, 0.2, np.random.default_rng(seed))) for seed in range(5)}
    assert len(draws) == 5
    assert {sum(draw) for draw in draws} == {10}


@pytest.mark.parametrize("groups", [[7, 7, 7, 7], [1, 2]])
def test_too_few_different_photos_are_refused(groups):
    with pytest.raises(InputError, match=rf"of the {len(groups)} photos with a mask \d are left to train on, expected"):
        hold_out(np.array(groups), 0.2, np.random.default_rng(0))


# ---- steps of the training


def test_photo_and_mask_are_cropped_alike(examples):
    """A photo that shows its own mask still does afterwards, wherever the crop lies."""
    inputs = examples.inputs[:, 3:].expand(-1, 4, -1, -1)
    photos, masks = augment(inputs, torch.Generator().manual_seed(1))
    assert photos.shape == (24, 3, 32, 32)
    assert masks.unique().tolist() == [0, 1]
    agree = [
        jaccard_score(m.numpy().ravel() > 0, p[0].numpy().ravel() > 0.5) for m, p in zip(masks, photos, strict=True)
    ]
    assert min(agree) > 0.9
    kept = jaccard_score(masks.numpy().ravel() > 0, inputs[:, 3].numpy().ravel() > 0)
    assert kept < 0.9
    mirrored = (masks.flip(2).numpy() == (inputs[:, 3].numpy() > 0)).mean(axis=(1, 2))
    plain = (masks.numpy() == (inputs[:, 3].numpy() > 0)).mean(axis=(1, 2))
    assert 4 < (mirrored > plain).sum() < 20
    again, _ = augment(inputs, torch.Generator().manual_seed(1))
    other, _ = augment(inputs, torch.Generator().manual_seed(2))
    assert torch.equal(photos, again)
    assert not torch.equal(photos, other)


def test_loss_by_hand():
    # One photo of four pixels, of which two are in the mask.
    mask = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    probability = np.array([0.8, 0.5, 0.1, 0.5])
    entropy = -np.log([0.8, 0.5, 0.9, 0.5]).mean()
    dice = (2 * (0.8 + 0.5) + 1) / (np.square(probability).sum() + 2 + 1)
    found = torch.logit(torch.tensor(probability).float()).view(1, 2, 2)
    assert loss_of(found, mask).item() == pytest.approx(entropy + 1 - dice, rel=1e-5)


def test_loss_is_small_where_all_is_found_and_finite_without_clothes():
    masks = torch.zeros(2, 8, 8)
    masks[0, :4] = 1
    right = loss_of(40 * (masks - 0.5), masks)
    assert 0 <= right < 1e-3
    assert loss_of(-40 * (masks - 0.5), masks) > 10


class Brightness(nn.Module):
    """Takes bright red for the mask."""

    def forward(self, photos):
        return 100 * photos[:, :1]  # of photos less the mean: positive where brighter than the mean


def test_measured_overlap_is_sklearns(examples):
    which = np.arange(24) % 3 > 0
    red = examples.inputs[which, 0].numpy() / 255 > 0.485
    true = np.stack([decode_mask(examples.masks[k]) for k in np.flatnonzero(which)])
    overlap = measure(Brightness(), examples, which, CPU)
    each = [jaccard_score(mask.ravel(), found.ravel()) for mask, found in zip(true, red, strict=True)]
    assert overlap.mean == pytest.approx(np.mean(each))
    assert overlap.pooled == pytest.approx(jaccard_score(true.ravel(), red.ravel()))
    assert 0.2 < overlap.mean < 0.95


# ---- training


def trained(examples, **changed):
    network, history = train(
        examples, np.arange(24) >= 18, SegmentationNetwork.model_validate(SETTINGS).model_copy(update=changed), CPU
    )
    return network.state_dict(), history


def test_a_network_learns_to_find_discs(examples):
    state, history = trained(examples)
    assert history.columns.tolist() == ["epoch", "train_loss", "iou", "pooled_iou", "seconds"]
    assert history["epoch"].tolist() == list(range(6))
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]
    assert history["iou"].iloc[-1] > 0.75
    again, same = trained(examples)
    assert all(torch.equal(tensor, again[name]) for name, tensor in state.items())
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), same.drop(columns="seconds"))
    other, _ = trained(examples, seed=2)
    assert not all(torch.equal(tensor, other[name]) for name, tensor in state.items())


def test_photos_held_out_teach_nothing(examples):
    """Other photos in their place change the figures, and not the network."""
    changed = examples.inputs.clone()
    changed[18:] = changed[18:].flip(0)
    state, history = trained(examples, epochs=1)
    other_state, other = trained(Examples(changed, examples.masks, examples.groups), epochs=1)
    assert all(torch.equal(tensor, other_state[name]) for name, tensor in state.items())
    assert history["train_loss"].equals(other["train_loss"])
    assert not history["iou"].equals(other["iou"])


def test_one_step_is_enough(examples):
    _, history = trained(examples, epochs=1, batch=100)
    assert np.isfinite(history["train_loss"]).all()


def test_a_loss_that_is_no_number_ends_the_training(examples):
    with pytest.raises(InputError, match=r"epoch \d: the loss is nan; lower `lr` \(now 1e\+20\)"):
        trained(examples, lr=1e20)
