"""Near-duplicates are found, against brute force and on altered copies."""

import io

import numpy as np
from PIL import Image

from stylevote.photos.near_duplicates import near_duplicate_groups, near_pairs, perceptual_hash


def drawn(seed, size=(400, 500)):
    """A photo of coloured blotches that differs from that of any other seed."""
    blotches = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC)


def test_near_pairs_equal_brute_force():
    generator = np.random.default_rng(4)
    hashes = generator.integers(0, 2**64, 300, dtype=np.uint64)
    for k in range(100):  # planted at distances 0 to 6
        flipped = generator.choice(64, k % 7, replace=False)
        hashes[200 + k] = hashes[k] ^ np.uint64(sum(1 << int(bit) for bit in flipped))
    found = {tuple(sorted(pair)) for pair in np.stack(near_pairs(hashes), axis=1).tolist()}
    distances = np.bitwise_count(hashes[:, None] ^ hashes[None])
    expected = {tuple(pair) for pair in np.argwhere(np.triu(distances <= 4, 1)).tolist()}
    assert found == expected
    assert len(expected) >= 70


def test_groups_are_chains_numbered_by_their_first_photo():
    far = 2**50 - 2**40
    hashes = np.array([far, 0, 0b1111, 0b11111111, far, 2**63 - 1], dtype=np.uint64)
    assert near_duplicate_groups(hashes).tolist() == [0, 1, 1, 1, 0, 5]
    assert near_duplicate_groups(np.array([], dtype=np.uint64)).tolist() == []


def test_groups_of_many_equal_hashes():
    assert not near_duplicate_groups(np.zeros(55_000, dtype=np.uint64)).any()


def test_perceptual_hash_outlives_resizing_and_compression():
    original = drawn(5)
    data = io.BytesIO()
    original.resize((200, 250)).save(data, "JPEG", quality=80)
    brighter = original.point(lambda value: min(255, value + 5))
    copies = (Image.open(data), brighter)
    assert max((perceptual_hash(original) ^ perceptual_hash(copy)).bit_count() for copy in copies) <= 4
    assert (perceptual_hash(original) ^ perceptual_hash(drawn(6))).bit_count() > 10
