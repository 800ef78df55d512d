"""Near-duplicates are found, against brute force and on altered copies; photos that are only alike are not."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from stylevote.photos.near_duplicates import (
    AXES,
    NEAR_ON_AXES,
    VIEWS,
    likely_pairs,
    looks,
    near_duplicate_groups,
    near_duplicates,
    thumbnail,
    united,
)


def drawn(seed, size=(400, 500)):
    """A photo of coloured blotches that differs from that of any other seed."""
    blotches = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC)


def shirt(seed, print_side=40, color=None):
    """A T-shirt on white, with an outline that all shirts share, in a colour and with a print of its own.

    ``print_side`` is the width of each patch of the print, of 256 pixels; 0: no print.
    """
    random = np.random.default_rng(seed)
    colors = [tuple(map(int, color)) for color in random.integers(0, 256, (4, 3))]
    body = Image.new("RGB", (256, 256), color or colors[0])
    print_ = ImageDraw.Draw(body)
    for patch in colors[1:] if print_side else ():
        left, top = map(int, random.integers(70, 150, 2))
        print_.rectangle((left, top, left + print_side, top + print_side * 5 // 4), fill=patch)
    outline = [(60, 40), (100, 30), (156, 30), (196, 40), (236, 90), (206, 110), (190, 95), (190, 230), (66, 230)]
    mask = Image.new("L", body.size)
    ImageDraw.Draw(mask).polygon([*outline, (66, 95), (50, 110), (20, 90)], fill=255)
    return Image.composite(body, Image.new("RGB", body.size, "white"), mask)


def compressed(photo):
    data = io.BytesIO()
    photo.save(data, "JPEG", quality=60)
    return Image.open(data)


def cropped(photo, left, top):
    """A twentieth of the width and height cut off, of which the fractions ``left`` and ``top`` on these sides."""
    width, height = (side * 0.05 for side in photo.size)
    x, y = width * left, height * top
    return photo.crop((round(x), round(y), round(photo.width - width + x), round(photo.height - height + y)))


TWINS = {
    "mirrored": ImageOps.mirror,
    "cropped": lambda photo: cropped(photo, 0.3, 0.8),
    "cropped at a corner, and mirrored": lambda photo: ImageOps.mirror(cropped(photo, 1, 1)),
    "smaller": lambda photo: photo.resize((photo.width // 2, photo.height // 2)),
    "compressed": compressed,
    "brighter": lambda photo: ImageEnhance.Brightness(photo).enhance(1.1),
    "with a border": lambda photo: ImageOps.expand(photo, 12, "white"),
    "with a dark border": lambda photo: ImageOps.expand(photo, 12, "black"),
}


def pictures(photos):
    return np.array([thumbnail(photo) for photo in photos])


def groups_of(thumbnails, max_difference=0.15, digests=None):
    digests = digests or [str(k) for k in range(len(thumbnails))]
    return near_duplicate_groups(thumbnails, digests, max_difference).tolist()


@pytest.mark.parametrize("at_once", [1, 10**7])
def test_likely_pairs_equal_brute_force(monkeypatch, at_once):
    """They are near in the whole looks, and nearer along the axes along which looks differ most."""
    monkeypatch.setattr("stylevote.photos.near_duplicates.POINTS_AT_ONCE", at_once)
    photos = pictures([shirt(seed) for seed in range(12)] + [drawn(seed) for seed in range(4)])
    known, views = looks(photos, VIEWS[:1])[0][:, 0], looks(photos, VIEWS)[0]
    changes = known[:, None, None] - views[None]
    distances = np.linalg.norm(changes, axis=3)
    on_axes = np.linalg.norm(changes @ np.linalg.svd(known)[2][:AXES].T, axis=3)
    radius = np.quantile(distances.min(axis=2), 0.5)
    distances[on_axes > NEAR_ON_AXES * radius] = np.inf
    expected = [pair for pair in np.argwhere(distances.min(axis=2) <= radius).tolist() if pair[0] != pair[1]]
    found, nearest = (np.concatenate(each) for each in zip(*likely_pairs(photos, photos, radius), strict=True))
    assert sorted(found.tolist()) == expected
    assert distances[*found.T, nearest] == pytest.approx(distances.min(axis=2)[*found.T], abs=1e-6)
    assert 20 <= len(expected) <= 100


@pytest.mark.parametrize("kind", TWINS)
def test_twins_are_found_and_only_they(kind):
    photos = [drawn(seed) for seed in range(30)] + [shirt(seed) for seed in range(10)]
    twins = [TWINS[kind](photo) for photo in photos]
    pairs = near_duplicates(pictures(photos), pictures(twins), 0.15).tolist()
    assert all(one == other for one, other in pairs)
    assert len(pairs) >= 38  # one in twenty may be missed


def test_shirts_of_one_outline_stay_apart():
    """Whether they have a large print, a small one or none, in any colour or in greys."""
    for print_side in (40, 12, 0):
        shirts = pictures([shirt(seed, print_side) for seed in range(120)])
        groups = groups_of(shirts)
        assert np.bincount(groups).max() <= 2
        assert len(set(groups)) >= 114


def test_shirts_of_one_outline_in_other_greys_stay_apart():
    """Another brightness of one plain colour on white is another colour, and no brighter photo."""
    shirts = [shirt(1, 0, (grey, grey, grey)) for grey in (40, 60, 90, 130, 180)]
    assert groups_of(pictures(shirts)) == [0, 1, 2, 3, 4]


def test_a_print_of_a_hundredth_of_the_picture_tells_shirts_apart():
    plain, printed = shirt(1, 0), shirt(1, 0)
    ImageDraw.Draw(printed).rectangle((115, 115, 140, 140), fill="white")
    assert near_duplicates(pictures([plain]), pictures([printed]), 0.15).tolist() == []
    assert near_duplicates(pictures([plain]), pictures([compressed(plain)]), 0.15).tolist() == [[0, 0]]


def test_plain_photos_are_no_near_duplicates():
    plain = [Image.new("RGB", (64, 64), (grey, grey, grey)) for grey in (0, 1, 120, 254, 255)]
    assert groups_of(pictures(plain)) == [0, 1, 2, 3, 4]
    assert groups_of(pictures(plain), 0.15, list("abcba")) == [0, 1, 2, 1, 0]


def test_a_group_is_not_chained_through_a_third_photo():
    """A photo turns into another in steps, many of which are near-duplicates of the one before."""
    first, last = (np.asarray(drawn(seed), dtype=float) for seed in (1, 2))
    steps = pictures([Image.fromarray(np.uint8(first + (last - first) * k / 12)) for k in range(7)])
    near = near_duplicates(steps, steps, 0.15).tolist()
    assert [0, 1] in near
    assert [1, 2] in near
    assert [0, 2] not in near
    groups = groups_of(steps)
    assert all(group == k or [group, k] in near for k, group in enumerate(groups))
    assert len(set(groups)) >= 3


def test_groups_are_numbered_by_their_first_photo_and_none_at_all():
    photos = pictures([drawn(1), drawn(2), ImageOps.mirror(drawn(1)), drawn(3)])
    assert groups_of(photos) == [0, 1, 0, 3]
    assert groups_of(photos, 0) == [0, 1, 2, 3]
    assert groups_of(photos, 0, ["a", "b", "c", "b"]) == [0, 1, 2, 1]
    assert groups_of(photos, 0.15, ["a", "b", "c", "b"]) == [0, 1, 0, 1]
    assert groups_of(photos[:0]) == []


def test_groups_of_several_kinds_are_united_as_by_a_search():
    random = np.random.default_rng(7)
    kinds = []
    for _ in range(2):
        names = random.integers(0, 60, 80)
        kinds.append(np.array([int(np.flatnonzero(names == name)[0]) for name in names]))
    reached = np.zeros((80, 80), dtype=bool)
    for kind in kinds:
        reached |= kind[:, None] == kind[None]
    for middle in range(80):  # Warshall's closure
        reached |= reached[:, middle, None] & reached[None, middle]
    assert united(*kinds).tolist() == reached.argmax(axis=1).tolist()
    assert len(set(united(*kinds))) < min(len(set(kind)) for kind in kinds)
