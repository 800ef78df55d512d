"""Near-duplicates of photos, by perceptual hash."""

import itertools

import numpy as np
import scipy.fft
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

HASH_SIDE, HASH_BITS, NEAR = 32, 64, 4


def perceptual_hash(image: Image.Image) -> int:
    """Return the 64-bit DCT hash of an image: near-duplicates differ in few bits.

    The 8 x 8 lowest frequencies of the 32 x 32 grey image, each compared with their median (Zauner 2010,
    "Implementation and benchmarking of perceptual image hash functions", pHash).
    """
    grey = image.convert("L").resize((HASH_SIDE, HASH_SIDE), Image.Resampling.BOX)
    frequencies = scipy.fft.dctn(np.asarray(grey, dtype=np.float64), norm="ortho")[:8, :8]
    frequencies = frequencies.round(6)  # the zeros of plain or symmetric images are then zeros on every machine
    return int.from_bytes(np.packbits(frequencies > np.median(frequencies)).tobytes(), "big")


def near_duplicate_groups(hashes: np.ndarray) -> np.ndarray:
    """Return for every photo the position of the first photo of its group, int64 of shape (photos,).

    A group is a chain of photos whose 64-bit hashes (uint64, shape (photos,)) differ in at most 4 bits from one to the
    next. Files of the same content have the same hash, and so the same group.
    """
    distinct, hash_of = np.unique(hashes, return_inverse=True)
    first, second = near_pairs(distinct)
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(len(distinct), len(distinct)))
    component = connected_components(graph, directed=False)[1][hash_of] if len(hashes) else hash_of
    _, first_photo, group = np.unique(component, return_index=True, return_inverse=True)
    return first_photo[group].astype(np.int64)


def near_pairs(hashes: np.ndarray, distance: int = NEAR) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of 64-bit ``hashes`` that differ in at most ``distance`` bits, as two arrays of positions.

    Of ``distance + 1`` blocks of bits, two near hashes share at least one (the pigeonhole principle). So only hashes
    with an equal block are compared. A pair that shares several blocks comes several times.
    """
    blocks = distance + 1
    pairs = [np.empty((2, 0), dtype=np.int64)]
    for block in range(blocks):
        # Every fifth bit, not a run of bits: neighbouring frequencies are alike in many photos.
        mask = np.uint64(sum(1 << bit for bit in range(block, HASH_BITS, blocks)))
        order = np.argsort(hashes & mask, kind="stable")
        ordered = hashes[order]
        keys = ordered & mask
        left = np.arange(len(hashes))
        for step in itertools.count(1):
            left = left[left + step < len(hashes)]
            left = left[keys[left] == keys[left + step]]
            if not len(left):
                break
            near = left[np.bitwise_count(ordered[left] ^ ordered[left + step]) <= distance]
            pairs.append(np.stack([order[near], order[near + step]]))
    first, second = np.concatenate(pairs, axis=1)
    return first, second
