"""Near-duplicates of photos: the same picture mirrored, cropped, resized, compressed, brightened or with a border.

Perceptual hashes find pairs that may be near-duplicates, and small pictures of both decide.
"""

import itertools

import numpy as np
import scipy.fft
from PIL import Image
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SIDE, GRID, OVERVIEW = 32, 16, 4  # pixels of a thumbnail's side; points of a part's side, to compare it, and at first
HASH_BITS, NEAR = 64, 8
# The parts of a photo that are hashed: left, top and side as fractions. They are near any crop of a twentieth.
WINDOWS = np.array(
    [(0, 0, 1), *((x, y, 0.95) for x in (0, 0.05) for y in (0, 0.05)), (0.025, 0.025, 0.95), (0.05, 0.05, 0.9)]
)
VARIANTS = 2 * len(WINDOWS)  # each part as it is, and mirrored
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
WHITE, MAX_GAIN = 245, 1.5
FLAT = 5  # a contrast, of 255, that is added: the noise of plain photos is no difference
STEPS, MAX_STEP = 3, 0.05
BOUNDS = np.array([[-0.01, 0.85], [0.15, 1.02]])  # of a part's start and length
UNALIGNED = 0.25  # difference that a part's wrong place can add
PAIRS_AT_ONCE, AT_ONCE = 5_000_000, 2000


def thumbnail(image: Image.Image) -> np.ndarray:
    """Return a photo at 32 x 32 pixels: uint8, shape (32, 32, 3)."""
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))


def near_duplicate_groups(thumbnails: np.ndarray, digests: list[str], max_difference: float) -> np.ndarray:
    """Return for every photo the position of the first photo of its group, int64 of shape (photos,).

    A photo joins the group of the first photo of which it is a near-duplicate, and which is the first of its group. So
    every photo is like the first one of its group, and groups do not grow by chains of photos. Of two near-duplicates,
    one may join another group, though. Files of the same content share a group.

    Args:
        thumbnails: uint8, shape (photos, 32, 32, 3).
        digests: of the files' contents.
        max_difference: see `near_duplicates`; 0: only files of the same content.
    """
    _, first_photo, content = np.unique(digests, return_index=True, return_inverse=True)
    first = first_photo[content].astype(np.int64)
    if max_difference == 0:
        return first
    distinct = np.sort(first_photo)
    photos = thumbnails[distinct]
    leader = np.arange(len(distinct))
    for one, other in near_duplicates(photos, photos, max_difference).tolist():
        if leader[one] == one and leader[other] == other:
            leader[other] = one
    return distinct[leader][np.searchsorted(distinct, first)].astype(np.int64)


def united(*groupings: np.ndarray) -> np.ndarray:
    """Return the groups of photos that any of several groupings joins, directly or by other photos.

    Each grouping, and the result, has for every photo the position of a photo of its group: int64, shape (photos,). In
    the result this is the group's first photo.
    """
    photos = len(groupings[0])
    members, firsts = np.tile(np.arange(photos), len(groupings)), np.concatenate(groupings)
    graph = coo_array((np.ones(len(firsts), dtype=bool), (members, firsts)), shape=(photos, photos))
    component = connected_components(graph, directed=False)[1]
    _, first_photo, group = np.unique(component, return_index=True, return_inverse=True)
    return first_photo[group].astype(np.int64)


def near_duplicates(first: np.ndarray, second: np.ndarray, max_difference: float) -> np.ndarray:
    """Return the near-duplicates among two sets of photos: positions in both, int64, shape (pairs, 2), sorted.

    Args:
        first, second: thumbnails, uint8, shape (photos, 32, 32, 3). If they are the same array, each pair comes once,
            its earlier photo first.
        max_difference: limit of `differences`. Both photos of a pair are tried as a part of the other.
    """
    if first is second:
        pairs = np.sort(_near_parts(first, first, max_difference), axis=1)
        return np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    forth, back = _near_parts(first, second, max_difference), _near_parts(second, first, max_difference)
    return np.unique(np.concatenate([forth, back[:, ::-1]]), axis=0)


def _near_parts(photos: np.ndarray, wholes: np.ndarray, max_difference: float) -> np.ndarray:
    """Return the pairs of which the first is a near-duplicate of a part of the second: int64, shape (pairs, 2)."""
    known, variants = hashes(photos)[:, 0], hashes(wholes)
    pairs = near_pairs(known, variants)
    if photos is wholes:
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    small, large = smoothed(photos), smoothed(wholes)
    small_overviews, large_overviews = overviews(small)[:, 0], overviews(large)
    near = np.zeros(len(pairs), dtype=bool)
    for start in range(0, len(pairs), AT_ONCE):
        one, other = pairs[start : start + AT_ONCE].T
        variant = np.bitwise_count(known[one, None] ^ variants[other]).argmin(axis=1)
        first_look = difference(small_overviews[one], large_overviews[other, variant])
        likely = np.flatnonzero(first_look <= max_difference + UNALIGNED)
        if not len(likely):
            continue
        fitted = differences(small[one[likely]], large[other[likely]], variant[likely])
        near[start + likely] = fitted <= max_difference
    return pairs[near]


def overviews(pictures: np.ndarray) -> np.ndarray:
    """Return the parts that `hashes` are of at 4 x 4 pixels: float32, shape (photos, `VARIANTS`, 4, 4, 3).

    ``pictures`` are from `smoothed`.
    """
    columns = []
    for left, top, side in WINDOWS:
        down, across = (
            sampling(np.array([[start, side]]), GRID)[0].reshape(OVERVIEW, -1, SIDE).mean(axis=1)
            for start in (top, left)
        )
        part = np.einsum("yY,nYXc,xX->nyxc", down, pictures, across, optimize=True)
        columns += [part, part[:, :, ::-1]]
    return np.stack(columns, axis=1).astype(np.float32)


def hashes(thumbnails: np.ndarray) -> np.ndarray:
    """Return 64-bit hashes of a photo and its parts, each as it is and mirrored: uint64, shape (photos, `VARIANTS`).

    The signs of the 8 x 8 lowest frequencies of the grey part, compared with their median (Zauner 2010,
    "Implementation and benchmarking of perceptual image hash functions", pHash).
    """
    grey = thumbnails @ GREY
    cosines = scipy.fft.dct(np.eye(SIDE, dtype=np.float32), axis=0, norm="ortho")[:8]
    mirror = np.array([1, -1] * 4, dtype=np.float32)  # odd frequencies change their sign
    columns = []
    for left, top, side in WINDOWS.astype(np.float32):
        down, across = (cosines @ sampling(np.array([[start, side]]), SIDE)[0] for start in (top, left))
        part = (down @ grey @ across.T).round(3)  # the zeros of plain or symmetric photos are then zeros everywhere
        for turned in (part, part * mirror):
            frequencies = turned.reshape(len(part), HASH_BITS)
            bits = frequencies > np.median(frequencies, axis=1, keepdims=True)
            columns.append(np.packbits(bits, axis=1).view(">u8")[:, 0])
    return np.stack(columns, axis=1).astype(np.uint64)


def sampling(parts: np.ndarray, points: int) -> np.ndarray:
    """Return matrices that sample parts of a row of 32 pixels by linear interpolation.

    Args:
        parts: start and length as fractions of the row, shape (parts, 2).
        points: number of points in a part, evenly spaced.

    Returns:
        float32, shape (parts, points, 32).
    """
    centers = (np.arange(points) + 0.5) / points
    positions = np.clip((parts[:, :1] + parts[:, 1:] * centers) * SIDE - 0.5, 0, SIDE - 1)
    return np.maximum(0, 1 - np.abs(positions[:, :, None] - np.arange(SIDE))).astype(np.float32)


def near_pairs(known: np.ndarray, variants: np.ndarray, distance: int = NEAR) -> np.ndarray:
    """Return the pairs of photos of which a hash differs in at most ``distance`` bits: int64, shape (pairs, 2), sorted.

    Of ``distance + 2`` blocks of bits, two near hashes share at least two (the pigeonhole principle). So only hashes
    with two equal blocks are compared.

    Args:
        known: a hash per photo, uint64, shape (photos,).
        variants: several hashes per other photo, uint64, shape (others, variants).
    """
    others, count = variants.shape
    variants = variants.ravel()
    # Every tenth bit, not a run of bits: neighbouring frequencies are alike in many photos.
    blocks = [sum(1 << bit for bit in range(block, HASH_BITS, distance + 2)) for block in range(distance + 2)]
    found = [np.empty(0, dtype=np.int64)]
    for masks in itertools.combinations(blocks, 2):
        mask = np.uint64(sum(masks))
        keys = variants & mask
        order = np.argsort(keys)
        ordered = keys[order]
        start = np.searchsorted(ordered, known & mask)
        length = np.searchsorted(ordered, known & mask, side="right") - start
        for rows in np.array_split(np.arange(len(known)), 1 + int(length.sum()) // PAIRS_AT_ONCE):
            one = np.repeat(rows, length[rows])
            step = np.arange(len(one)) - np.repeat(np.cumsum(length[rows]) - length[rows], length[rows])
            other = order[start[one] + step]
            near = np.bitwise_count(known[one] ^ variants[other]) <= distance
            found.append(one[near] * others + other[near] // count)
            if sum(map(len, found)) > PAIRS_AT_ONCE + 2 * len(found[0]):
                found = [np.unique(np.concatenate(found))]
    return np.stack(np.divmod(np.unique(np.concatenate(found)), max(others, 1)), axis=1)


def smoothed(thumbnails: np.ndarray) -> np.ndarray:
    """Return thumbnails without details that a shift by less than a pixel changes: uint8, in the same shape."""
    pictures = np.empty_like(thumbnails)
    for start in range(0, len(thumbnails), AT_ONCE):
        part = thumbnails[start : start + AT_ONCE].astype(np.float32)
        part = gaussian_filter1d(gaussian_filter1d(part, 1, axis=1, mode="nearest"), 1, axis=2, mode="nearest")
        pictures[start : start + AT_ONCE] = part.round()
    return pictures


def difference(photos: np.ndarray, parts: np.ndarray, margin: int = 0) -> np.ndarray:
    """Return the root mean square of the difference of pictures, as a fraction of the first one's contrast.

    The second is made brighter or darker, as fits best. White stays white, as in an overexposed photo.

    Args:
        photos, parts: float32, shape (pairs, height, width, 3), in 0..255.
        margin: number of outermost pixels on each side that do not count.

    Returns:
        float, shape (pairs,).
    """
    contrast = np.sqrt(np.mean((photos - photos.mean(axis=(1, 2), keepdims=True)) ** 2, axis=(1, 2, 3)) + FLAT**2)
    photos, parts = (
        each[:, margin : each.shape[1] - margin, margin : each.shape[2] - margin] for each in (photos, parts)
    )
    error = (photos - np.minimum(gains(photos @ GREY, parts @ GREY)[..., None] * parts, 255)) ** 2
    return np.sqrt(np.mean(error, axis=(1, 2, 3))) / contrast


def gains(photos: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return the factors by which pictures are brighter than others: shape (pairs, 1, 1).

    ``photos`` and ``parts`` are grey, shape (pairs, height, width). White pixels of photos may have been brighter, and
    do not count.
    """
    dark = photos < WHITE
    factors = (dark * photos * parts).sum(axis=(1, 2)) / np.maximum((dark * parts**2).sum(axis=(1, 2)), 1)
    factors = np.where(dark.any(axis=(1, 2)), factors, 1)
    return np.clip(factors, 1 / MAX_GAIN, MAX_GAIN)[:, None, None]


def differences(photos: np.ndarray, wholes: np.ndarray, variants: np.ndarray) -> np.ndarray:
    """Return the `difference` of photos and the parts of others that fit best: float, shape (pairs,).

    The hashes tell about where the part is, and whether it is mirrored. A few steps by least squares move and stretch
    it (Lucas & Kanade 1981).

    Args:
        photos, wholes: from `smoothed`, uint8, shape (pairs, 32, 32, 3).
        variants: column of `hashes` that fits best, int, shape (pairs,).
    """
    window, mirrored = np.divmod(variants, 2)
    photos = photos.reshape(-1, GRID, SIDE // GRID, GRID, SIDE // GRID, 3).mean(axis=(2, 4), dtype=np.float32)
    wholes = wholes.astype(np.float32)
    wholes[mirrored == 1] = wholes[mirrored == 1, :, ::-1]
    left, top, side = WINDOWS[window].T
    across, down = np.stack([left, side], axis=1), np.stack([top, side], axis=1)
    inner = slice(1, GRID - 1)  # a border around the part is mixed with the outermost pixels
    grey, centers = (photos @ GREY)[:, inner, inner], ((np.arange(GRID) + 0.5) / GRID).astype(np.float32)[inner]
    counted = grey < WHITE
    least = np.full(len(photos), np.inf)
    for step in range(STEPS + 1):
        rows, columns = sampling(down, GRID)[:, None], sampling(across, GRID)[:, None].transpose(0, 1, 3, 2)
        colored = np.moveaxis(rows @ np.moveaxis(wholes, 3, 1) @ columns, 1, 3)
        least = np.minimum(least, difference(photos, colored, 1))
        if step == STEPS:
            break
        part = colored @ GREY
        gain = gains(grey, part[:, inner, inner])
        slopes = [GRID * gain * slope[:, inner, inner] for slope in np.gradient(part, axis=(1, 2))]
        part = part[:, inner, inner]
        slope_down, slope_across = (
            slope / length[:, 1, None, None] for slope, length in zip(slopes, (down, across), strict=True)
        )
        terms = [slope_across, slope_across * centers, slope_down, slope_down * centers[:, None], part]
        terms = np.stack([term * counted for term in terms], axis=-1).reshape(len(photos), grey[0].size, 5)
        squares = terms.transpose(0, 2, 1) @ terms
        squares += np.eye(5) * (1 + 0.0002 * np.trace(squares, axis1=1, axis2=2)[:, None, None])
        rest = ((grey - gain * part) * counted).reshape(len(photos), -1, 1)
        change = np.linalg.solve(squares, terms.transpose(0, 2, 1) @ rest)[:, :4, 0].clip(-MAX_STEP, MAX_STEP)
        across, down = np.clip(across + change[:, :2], *BOUNDS), np.clip(down + change[:, 2:], *BOUNDS)
    return least
