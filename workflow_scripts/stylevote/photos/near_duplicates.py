"""Near-duplicates of photos: the same picture mirrored, cropped, resized, compressed, brightened or with a border.

Coarse views find pairs of photos that may be near-duplicates. Then small pictures of both are laid over each other. The
places where they differ most decide, so products of one outline on white, in other colours or prints, stay apart.
"""

import itertools
from collections.abc import Iterator

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter1d, maximum_filter, minimum_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

SIDE, GRID, LOOK = 32, 16, 8  # pixels of a thumbnail's side; points of a part's side, to compare it, and at first
MARGIN = 0.04  # of each side, which a border may reach
# The parts of a photo that are compared at first: left, top and side as fractions, and how much brighter they are made.
# They are near any crop of a twentieth.
VIEWS = np.array(
    [
        *((0, 0, 1, gain) for gain in (1, 1.12, 1.25)),
        (0.0125, 0.0125, 0.975, 1),
        *((left, top, 0.95, 1) for left in (0, 0.025, 0.05) for top in (0, 0.025, 0.05)),
        (0.05, 0.05, 0.9, 1),
    ]
)
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
WHITE, MAX_GAIN = 245, 1.5
GAIN_CONTRAST = 60  # contrast, of 255, within the product, with which it may be twice as bright
PLAIN, FLAT = 3, 5  # contrasts, of 255: of photos that are not compared; added, because noise is no difference
LEVEL = 0.3  # weight of the contrast in a look
FIRST_LOOK = 1.3  # how much more than in the end photos may differ at first, as a view is not quite the right part
AXES, NEAR_ON_AXES = 10, 0.68  # numbers by which the tree searches; how much of the radius near photos differ in them
NOISE, STEEPNESS = 25, 0.75  # contrast of a plain place, of 255, and how much a pixel's step to its neighbours adds
IGNORED = 0.04  # fraction of the places that do not count: those that differ most
OVEREXPOSED = 4  # contrast that is added for each level by which a brightened place may have been cut off at white
STEPS, MAX_STEP = 3, 0.05
HOPELESS = 2.5  # how much more than in the end near-duplicates may differ before the last step
BOUNDS = np.array([[-0.01, 0.85], [0.15, 1.02]])  # of a part's start and length
PHOTOS_AT_ONCE, POINTS_AT_ONCE, LOOKS_AT_ONCE, AT_ONCE = 1000, 2_000_000, 20_000, 500


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
    photos = thumbnails[distinct] if len(distinct) < len(thumbnails) else thumbnails
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
        max_difference: see `fits`. Both photos of a pair are tried as a part of the other.
    """
    if first is second:
        pairs = np.sort(_near_parts(first, first, max_difference), axis=1)
        return np.unique(pairs, axis=0)
    forth, back = _near_parts(first, second, max_difference), _near_parts(second, first, max_difference)
    return np.unique(np.concatenate([forth, back[:, ::-1]]), axis=0)


def _near_parts(photos: np.ndarray, wholes: np.ndarray, max_difference: float) -> np.ndarray:
    """Return the pairs of which the first is a near-duplicate of a part of the second: int64, shape (pairs, 2)."""
    found = [np.empty((0, 2), dtype=np.int64)]
    for pairs, views in likely_pairs(photos, wholes, FIRST_LOOK * max_difference):
        for start in range(0, len(pairs), AT_ONCE):
            few = slice(start, start + AT_ONCE)
            one, other = pairs[few].T
            found.append(pairs[few][fits(photos[one], wholes[other], views[few], max_difference)])
    return np.concatenate(found)


def likely_pairs(photos: np.ndarray, wholes: np.ndarray, radius: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Find pairs of a photo and another one of which a view looks like the photo.

    A tree finds the pairs that are near on the axes along which looks differ most, and the whole looks decide. Of the
    difference of near-duplicates, these axes have a small part: more than `NEAR_ON_AXES` for one pair in a thousand of
    street photos, and for one in a hundred of grey products on white.

    Args:
        photos, wholes: thumbnails, uint8, shape (photos, 32, 32, 3). If they are the same array, no photo is paired
            with itself.
        radius: maximum distance of `looks`.

    Yields:
        positions in both, int64, shape (pairs, 2), and the view that looks most like the photo, int64, shape (pairs,).
        Each pair comes once. A plain photo has no pairs.
    """
    parts = [
        looks(photos[start : start + PHOTOS_AT_ONCE], VIEWS[:1]) for start in range(0, len(photos), PHOTOS_AT_ONCE)
    ]
    if not parts:
        return
    searched = np.flatnonzero(np.concatenate([compared for _, compared in parts]))
    known = np.concatenate([look[compared, 0] for look, compared in parts])
    axes = np.linalg.eigh(known.T @ known)[1][:, -AXES:]
    tree = KDTree(known @ axes, leafsize=40)
    waiting = np.array_split(np.arange(len(wholes)), 1 + len(wholes) // PHOTOS_AT_ONCE)
    while waiting:
        rows = waiting.pop()
        views, compared = looks(wholes[rows], VIEWS)
        rows, views = rows[compared], views[compared]
        if not len(rows) or not len(searched):
            continue
        points = (views @ axes).reshape(-1, axes.shape[1])
        counts = tree.query_ball_point(points, NEAR_ON_AXES * radius, return_length=True)
        if len(rows) > 1 and counts.sum() > POINTS_AT_ONCE:
            waiting += np.array_split(rows, 2)
            continue
        hits = np.flatnonzero(counts)
        found = tree.query_ball_point(points[hits], NEAR_ON_AXES * radius, return_sorted=False)
        row, view = np.divmod(np.repeat(hits, counts[hits]), views.shape[1])
        one = np.fromiter(itertools.chain.from_iterable(found), dtype=np.int64, count=counts.sum())
        distance = np.empty(len(one), dtype=np.float32)
        for start in range(0, len(one), LOOKS_AT_ONCE):
            few = slice(start, start + LOOKS_AT_ONCE)
            distance[few] = np.linalg.norm(known[one[few]] - views[row[few], view[few]], axis=1)
        likely = (distance <= radius) & (rows[row] != searched[one]) if photos is wholes else distance <= radius
        order = np.flatnonzero(likely)
        order = order[np.lexsort((view[order], distance[order]))]
        _, best = np.unique(row[order] * len(photos) + one[order], return_index=True)
        best = order[best]
        yield np.stack([searched[one[best]], rows[row[best]]], axis=1), view[best]


def looks(thumbnails: np.ndarray, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers that are near for views of the same picture.

    They are the colours at 8 x 8 places, from which the mean grey is subtracted and which are divided by their
    contrast, and the logarithm of this contrast. Of copies of another brightness, they are nearly the same.

    Args:
        thumbnails: uint8, shape (photos, 32, 32, 3).
        views: rows of `VIEWS`.

    Returns:
        float32, shape (photos, twice the views, 193): each view as it is, and mirrored; and whether the photos have
        enough contrast to be compared, bool, shape (photos,).
    """
    pictures = np.ascontiguousarray(thumbnails.transpose(0, 3, 1, 2), dtype=np.float32)
    parts = np.empty((len(pictures), len(views), 3, LOOK, LOOK), dtype=np.float32)
    for k, (left, top, side, gain) in enumerate(views):
        lit = pictures if gain == 1 else np.minimum(gain * pictures, 255)
        across, down = (
            sampling(np.array([[start + MARGIN * side, (1 - 2 * MARGIN) * side]]), LOOK)[0] for start in (left, top)
        )
        parts[:, k] = down @ (lit.reshape(-1, SIDE) @ across.T).reshape(-1, 3, SIDE, LOOK)
    parts -= (parts.mean(axis=(3, 4)) @ GREY)[:, :, None, None, None]
    contrast = np.sqrt(np.mean(parts**2, axis=(2, 3, 4)) + FLAT**2)
    parts /= (contrast * np.sqrt(3 * LOOK * LOOK))[:, :, None, None, None]
    both = np.stack([parts, parts[..., ::-1]], axis=2).reshape(len(parts), 2 * len(views), 3 * LOOK * LOOK)
    level = LEVEL * np.log(contrast).repeat(2, axis=1)
    return np.concatenate([both, level[:, :, None]], axis=2), contrast[:, 0] >= np.hypot(FLAT, PLAIN)


def sampling(parts: np.ndarray, points: int) -> np.ndarray:
    """Return matrices that sample parts of a row of 32 pixels: means of linear interpolation.

    Args:
        parts: start and length as fractions of the row, shape (parts, 2).
        points: number of points in a part, evenly spaced; a divisor of 32.

    Returns:
        float32, shape (parts, points, 32).
    """
    centers = (np.arange(SIDE) + 0.5) / SIDE
    positions = np.clip((parts[:, :1] + parts[:, 1:] * centers) * SIDE - 0.5, 0, SIDE - 1)
    fine = np.maximum(0, 1 - np.abs(positions[:, :, None] - np.arange(SIDE))).astype(np.float32)
    return fine.reshape(len(parts), points, -1, SIDE).mean(axis=2)


# Removes the details that a shift by less than a pixel changes.
SMOOTHING = gaussian_filter1d(np.eye(SIDE, dtype=np.float32), 1, axis=0, mode="nearest")


def pictures_of(thumbnails: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Return parts of photos, smoothed, at 16 x 16 points: float32, shape (photos, 16, 16, 3).

    ``across`` and ``down`` have the start and the length of each part, as fractions, shape (photos or 1, 2).
    """
    rows, columns = (sampling(part, GRID) @ SMOOTHING for part in (down, across))
    part = (rows @ thumbnails.reshape(-1, SIDE, SIDE * 3)).reshape(-1, GRID, SIDE, 3)
    return columns[:, None] @ part


def ranges_of(pictures: np.ndarray) -> np.ndarray:
    """Return the difference of the highest and the lowest value around each point, in the same shape."""
    around = (1, 3, 3, 1)
    return maximum_filter(pictures, around, mode="nearest") - minimum_filter(pictures, around, mode="nearest")


def gains(photos: np.ndarray, parts: np.ndarray, contrasts: np.ndarray) -> np.ndarray:
    """Return the factors by which photos are brighter than parts of others: float32, shape (pairs, 1, 1, 1).

    White values of photos may have been brighter, and do not count. Edges count little. Where a photo has only one
    colour and white, another brightness is another colour. So the factors are near 1 if other places differ little.

    Args:
        photos, parts: shape (pairs, height, width, 3).
        contrasts: of the places of photos, in the same shape.
    """
    weights = (photos < WHITE) / contrasts**2
    total = np.maximum(weights.sum(axis=(1, 2), keepdims=True), 1e-9)
    mean = (weights * photos).sum(axis=(1, 2), keepdims=True) / total
    variance = (weights * (photos - mean) ** 2).sum(axis=(1, 2, 3)) / total.sum(axis=(1, 2, 3))
    limit = np.minimum(1 + np.sqrt(variance) / GAIN_CONTRAST, MAX_GAIN)
    brightness = (weights * parts**2).sum(axis=(1, 2, 3))
    factors = (weights * photos * parts).sum(axis=(1, 2, 3)) / np.maximum(brightness, 1e-9)
    return np.clip(np.where(brightness > 0, factors, 1), 1 / limit, limit)[:, None, None, None]


def fits(photos: np.ndarray, wholes: np.ndarray, views: np.ndarray, max_difference: float) -> np.ndarray:
    """Tell which photos differ little from the parts of others that fit best: bool, shape (pairs,).

    The view tells about where the part is, and whether it is mirrored. A few steps by least squares move and stretch it
    (Lucas & Kanade 1981), and make it brighter or darker. White stays white, as in an overexposed photo. The difference
    at each of 14 x 14 places is a fraction of the contrast there. The one of the place than which only a twenty-fifth
    of the places differ more is at most ``max_difference``. Pairs that differ much more are given up before.

    Args:
        photos, wholes: thumbnails, uint8, shape (pairs, 32, 32, 3).
        views: row of `VIEWS`, twice, and 1 more if mirrored: int, shape (pairs,).
        max_difference: of a place, as a fraction.
    """
    view, mirrored = np.divmod(views, 2)
    inner = (slice(None), slice(1, GRID - 1), slice(1, GRID - 1))  # a border is mixed with the outermost pixels
    whole_photo = np.array([[0.0, 1.0]])
    pictures = pictures_of(photos.astype(np.float32), whole_photo, whole_photo)
    photo, ranges = pictures[inner], ranges_of(pictures)[inner]
    wholes = np.where((mirrored == 1)[:, None, None, None], wholes[:, :, ::-1], wholes).astype(np.float32)
    left, top, side, _ = VIEWS[view].T
    across, down = (
        np.stack([np.where(mirrored == 1, 1 - left - side, left), side], axis=1),
        np.stack([top, side], axis=1),
    )
    centers = ((np.arange(GRID) + 0.5) / GRID).astype(np.float32)[1:-1]
    near, waiting = np.zeros(len(photo), dtype=bool), np.arange(len(photo))
    for step in range(STEPS + 1):
        part = pictures_of(wholes, across, down)
        gain = gains(photo, part[inner], NOISE + STEEPNESS * ranges)
        lit = gain * part[inner]
        # What only one of both has, as a print, is no contrast that excuses a difference.
        contrasts = NOISE + STEEPNESS * np.minimum(ranges, ranges_of(part)[inner])
        overexposed = OVEREXPOSED * np.maximum(gain - 1, 0) * np.maximum(lit - 155, 0)
        error = np.mean(((photo - np.minimum(lit, 255)) / (contrasts + overexposed)) ** 2, axis=3)
        places = error.reshape(len(photo), -1)
        rank = round((1 - IGNORED) * places.shape[1]) - 1
        difference = np.sqrt(np.partition(places, rank, axis=1)[:, rank])
        near[waiting[difference <= max_difference]] = True
        undecided = (difference > max_difference) & (difference <= HOPELESS * max_difference)
        if step == STEPS or not undecided.any():
            break
        waiting, photo, ranges, wholes, across, down, part, gain = (
            each[undecided] for each in (waiting, photo, ranges, wholes, across, down, part, gain)
        )
        lit = gain[..., 0] * (part @ GREY)
        slope_down, slope_across = (
            GRID * slope[inner] / length[:, 1, None, None]
            for slope, length in zip(np.gradient(lit, axis=(1, 2)), (down, across), strict=True)
        )
        terms = [slope_across, slope_across * centers, slope_down, slope_down * centers[:, None], lit[inner]]
        counted = (photo < WHITE).all(axis=3)
        terms = np.stack([term * counted for term in terms], axis=-1).reshape(len(photo), -1, 5)
        squares = terms.transpose(0, 2, 1) @ terms
        squares += np.eye(5) * (1 + 0.0002 * np.trace(squares, axis1=1, axis2=2)[:, None, None])
        rest = ((photo @ GREY - lit[inner]) * counted).reshape(len(photo), -1, 1)
        change = np.linalg.solve(squares, terms.transpose(0, 2, 1) @ rest)[:, :4, 0].clip(-MAX_STEP, MAX_STEP)
        across, down = np.clip(across + change[:, :2], *BOUNDS), np.clip(down + change[:, 2:], *BOUNDS)
    return near
