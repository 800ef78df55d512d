"""Random changes of training photos beyond crops and mirror images, on whole batches on a CPU or a GPU.

All random numbers of an epoch are drawn before it, a row per photo, in main memory. The changes are functions of photos
and these rows. So they do not depend on the device, on the number of processes, or on the parts of a batch.
"""

from collections.abc import Callable, Mapping
from math import radians

import numpy as np
import torch
from torch.nn.functional import affine_grid, grid_sample

from stylevote.machine.uncompiled import compiler_later

with compiler_later():
    from torchvision.transforms.v2 import functional

Draws = dict[str, torch.Tensor]

# Operations of RandAugment (Cubuk et al. 2020) and TrivialAugment (Müller and Hutter 2021), and their greatest
# magnitudes. Those of TrivialAugment are its "wide" ones. Shears are slopes, translations shares of the side (32 of 224
# pixels), rotations degrees. Blends add to a factor of 1, posterize takes away bits, solarize lowers the threshold.
OPERATIONS = {
    "identity": {"rand": 0, "trivial": 0},
    "shear_x": {"rand": 0.3, "trivial": 0.99},
    "shear_y": {"rand": 0.3, "trivial": 0.99},
    "translate_x": {"rand": 150 / 331, "trivial": 32 / 224},
    "translate_y": {"rand": 150 / 331, "trivial": 32 / 224},
    "rotate": {"rand": 30, "trivial": 135},
    "brightness": {"rand": 0.9, "trivial": 0.99},
    "saturation": {"rand": 0.9, "trivial": 0.99},
    "contrast": {"rand": 0.9, "trivial": 0.99},
    "sharpness": {"rand": 0.9, "trivial": 0.99},
    "posterize": {"rand": 4, "trivial": 6},
    "solarize": {"rand": 1, "trivial": 1},
    "autocontrast": {"rand": 0, "trivial": 0},
    "equalize": {"rand": 0, "trivial": 0},
}
NAMES = list(OPERATIONS)
UNSIGNED = ("posterize", "solarize")
LEVELS = 30  # a magnitude is one of 0/30 to 30/30 of the greatest
RAND_LEVEL, RAND_OPERATIONS = 9, 2  # of RandAugment, as in torchvision
ERASED_SHARES, ERASED_SLOPES = (0.02, 0.33), (0.3, 1 / 0.3)  # of a photo's area; height to width (Zhong et al. 2020)


def draw_changes(
    count: int,
    seed: int,
    *,
    vertical: bool = False,
    quarter_turns: bool = False,
    rotation: float = 0,
    jitter: Mapping[str, float] | None = None,
    auto: str = "none",
    erasing: float = 0,
    mixup: float = 0,
    cutmix: float = 0,
) -> Draws:
    """Draw the changes of photos. The keywords are the run's `stylevote.config.runs.Augment`, without ``mirror``.

    Args:
        count: number of photos.
        seed: of the draws.

    Returns:
        Tensors with a row per photo, for `change` and `mix`. What is off has no entry:

        - ``upside_down``: bool; ``quarters``: int64, quarter turns; ``rotation``: degrees;
        - ``brightness``, ``contrast``, ``saturation``: factors; ``hue``: shift in turns;
        - ``operations``: int64, positions in `NAMES`, one after the other; ``magnitudes`` likewise;
        - ``erased``: box as left, top, width and height in shares of the sides, of width 0 if there is none;
        - ``mixed``: such a box of the next photo, and its weight in it.
    """
    random, draws = np.random.default_rng(seed), {}
    if vertical:
        draws["upside_down"] = random.random(count) < 0.5
    if quarter_turns:
        draws["quarters"] = random.integers(4, size=count)
    if rotation:
        draws["rotation"] = random.uniform(-rotation, rotation, count)
    for name, strength in sorted((jitter or {}).items()):
        draws[name] = random.uniform(-strength, strength, count) + (name != "hue")
    if auto != "none":
        draws["operations"], draws["magnitudes"] = _draw_operations(count, random, auto)
    if erasing:
        draws["erased"] = _draw_erased(count, random, erasing)
    if mixup or cutmix:
        draws["mixed"] = _draw_mixed(count, random, mixup, cutmix)
    return {name: torch.from_numpy(_single(values)) for name, values in draws.items()}


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) if values.dtype == np.float64 else values


def _draw_operations(count: int, random: np.random.Generator, auto: str) -> tuple[np.ndarray, np.ndarray]:
    """Draw operations and their magnitudes: two at a fixed level (rand), or one at a random level (trivial)."""
    shape = (count, RAND_OPERATIONS if auto == "rand" else 1)
    operations = random.integers(len(NAMES), size=shape)
    levels = (random.integers(LEVELS + 1, size=shape) if auto == "trivial" else np.full(shape, RAND_LEVEL)) / LEVELS
    signs = np.where(np.isin(operations, [NAMES.index(name) for name in UNSIGNED]), 1, random.choice([-1, 1], shape))
    greatest = np.array([strengths[auto] for strengths in OPERATIONS.values()])
    return operations, signs * levels * greatest[operations]


def _draw_erased(count: int, random: np.random.Generator, probability: float) -> np.ndarray:
    share = random.uniform(*ERASED_SHARES, count)
    slope = np.exp(random.uniform(*np.log(ERASED_SLOPES), count))
    sides = np.minimum(np.sqrt(np.stack([share / slope, share * slope], axis=1)), 1)
    sides *= random.random((count, 1)) < probability
    return np.concatenate([random.random((count, 2)) * (1 - sides), sides], axis=1)


def _draw_mixed(count: int, random: np.random.Generator, mixup: float, cutmix: float) -> np.ndarray:
    """Draw which part of the next photo each photo gets: all of it, faintly, or a box of it. With both on, either."""
    cut = random.random(count) < (0.5 if mixup and cutmix else float(cutmix > 0))
    taken = np.where(cut, random.beta(cutmix or 1, cutmix or 1, count), random.beta(mixup or 1, mixup or 1, count))
    # Yun et al. 2019: the box's middle is anywhere in the photo, and what juts out is cut off.
    half, middle = np.sqrt(taken)[:, None] / 2, random.random((count, 2))
    low, high = np.maximum(middle - half, 0), np.minimum(middle + half, 1)
    boxes = np.where(cut[:, None], np.concatenate([low, high - low], axis=1), [0, 0, 1, 1])
    return np.column_stack([boxes, np.where(cut, 1, taken)])


def with_partners(part: torch.Tensor, batch: int, draws: Draws) -> torch.Tensor:
    """Return the positions of a part of a batch, followed by the photo that `mix` needs after its last."""
    return torch.cat([part, (part[-1:] + 1) % batch]) if "mixed" in draws else part


def change(photos: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Return photos with the drawn changes, except for mixing.

    Args:
        photos: float32 in 0..1, shape (photos, 3, side, side), channels last in memory; may be overwritten.
        draws: of these photos, from `draw_changes`.
    """
    if "upside_down" in draws:
        photos = _of_some(photos, draws["upside_down"], lambda some: some.flip(2))
    for quarters in (1, 2, 3) if "quarters" in draws else ():
        photos = _of_some(photos, draws["quarters"] == quarters, lambda some, k=quarters: some.rot90(k, (2, 3)))
    if "rotation" in draws:
        photos = _warp(photos, _matrices("rotate", draws["rotation"]))
    for name, operation in _JITTER.items():
        if name in draws:
            photos = operation(photos, _column(draws[name], photos))
    if "operations" in draws:
        for operations, magnitudes in zip(draws["operations"].T, draws["magnitudes"].T, strict=True):
            photos = _operate(photos, operations, magnitudes)
    if "erased" in draws:
        erased = draws["erased"][:, 2] > 0
        boxes = draws["erased"][erased]
        photos = _of_some(photos, erased, lambda some: _erase(some, boxes))
    return photos.contiguous(memory_format=torch.channels_last)


def mix(photos: torch.Tensor, targets: torch.Tensor, draws: Draws) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix each photo and its targets with the next ones: mixup (Zhang et al. 2018) or CutMix (Yun et al. 2019).

    The order of photos is random, so that the next one is a random one. Targets of any number of labels are mixed by
    the share of the pixels that come from the next photo.

    Args:
        photos: changed photos, and one more (see `with_partners`).
        targets: theirs, shape (photos + 1, labels).
        draws: theirs.

    Returns:
        The photos but the last, and their targets; or both unchanged, if nothing is mixed.
    """
    if "mixed" not in draws:
        return photos, targets
    mixed = draws["mixed"][:-1]
    share = _inside(mixed[:, :4], photos) * _column(mixed[:, 4], photos)
    photos = torch.lerp(photos[:-1], photos[1:], share)
    return photos, torch.lerp(targets[:-1], targets[1:], share.mean((2, 3)))


def _column(values: torch.Tensor, photos: torch.Tensor) -> torch.Tensor:
    """Return a value per photo on the photos' device, shape (photos, 1, 1, 1)."""
    return values.to(photos.device, non_blocking=True).view(-1, 1, 1, 1)


def _of_some(
    photos: torch.Tensor, chosen: torch.Tensor, operation: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Replace the chosen photos; ``chosen`` is in main memory, so that this does not wait for a GPU."""
    rows = chosen.nonzero().flatten()
    if len(rows):
        rows = rows.to(photos.device, non_blocking=True)
        photos[rows] = operation(photos[rows])
    return photos


def _inside(boxes: torch.Tensor, photos: torch.Tensor) -> torch.Tensor:
    """Return which pixels have their middle in a box per photo: float32 0/1, shape (photos, 1, side, side)."""
    centres = (torch.arange(photos.shape[-1], device=photos.device) + 0.5) / photos.shape[-1]
    left, top, width, height = boxes.to(photos.device, non_blocking=True)[:, :, None].unbind(1)
    across = (centres >= left) & (centres < left + width)
    down = (centres >= top) & (centres < top + height)
    return (down[:, None, :, None] & across[:, None, None, :]).float()


def _erase(photos: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    return torch.lerp(photos, photos.mean((2, 3), keepdim=True), _inside(boxes, photos))


def _blend(base: torch.Tensor, photos: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Return photos that differ from their base by a factor."""
    return torch.lerp(base, photos, factors).clamp_(0, 1)


def _brighten(photos: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    return (photos * factors).clamp_(0, 1)


def _contrast(photos: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    grey = functional.rgb_to_grayscale(photos, 1).mean((2, 3), keepdim=True)
    return _blend(grey.expand_as(photos), photos, factors)


def _saturate(photos: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    return _blend(functional.rgb_to_grayscale(photos, 3), photos, factors)


def _sharpen(photos: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    return _blend(functional.adjust_sharpness(photos, 0), photos, factors)


def _turn_hue(photos: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """Turn the hue of photos by HSV (Smith 1978). torchvision's function takes one angle for all photos."""
    high, low = photos.amax(1, keepdim=True), photos.amin(1, keepdim=True)
    chroma = high - low
    red, green, blue = photos.split(1, 1)
    sixths = torch.where(
        high == red, green - blue, torch.where(high == green, blue - red + 2 * chroma, red - green + 4 * chroma)
    ) / chroma.clamp(min=1e-8)
    angle = sixths + 6 * turns
    steps = torch.cat([(angle + start) % 6 for start in (5, 3, 1)], 1)
    return high - chroma * torch.minimum(steps, 4 - steps).clamp_(0, 1)


_JITTER = {"brightness": _brighten, "contrast": _contrast, "saturation": _saturate, "hue": _turn_hue}


def _posterize(photos: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    levels = 2 ** (8 - bits.round())
    return torch.minimum((photos * levels).floor_(), levels - 1) / levels


def _solarize(photos: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    return torch.where(photos >= 1 - magnitudes, 1 - photos, photos)


_COLOUR: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "brightness": lambda photos, magnitudes: _brighten(photos, 1 + magnitudes),
    "saturation": lambda photos, magnitudes: _saturate(photos, 1 + magnitudes),
    "contrast": lambda photos, magnitudes: _contrast(photos, 1 + magnitudes),
    "sharpness": lambda photos, magnitudes: _sharpen(photos, 1 + magnitudes),
    "posterize": _posterize,
    "solarize": _solarize,
    "autocontrast": lambda photos, _: functional.autocontrast(photos),
    "equalize": lambda photos, _: functional.equalize(photos),
}
_GEOMETRY = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")


def _operate(photos: torch.Tensor, operations: torch.Tensor, magnitudes: torch.Tensor) -> torch.Tensor:
    """Change each photo by its operation. All moves are one resampling."""
    matrices = torch.eye(2, 3).repeat(len(operations), 1, 1)
    for name in _GEOMETRY:
        chosen = operations == NAMES.index(name)
        matrices[chosen] = _matrices(name, magnitudes[chosen])
    moved = torch.isin(operations, torch.tensor([NAMES.index(name) for name in _GEOMETRY]))
    photos = _of_some(photos, moved, lambda some: _warp(some, matrices[moved]))
    for name, operation in _COLOUR.items():
        chosen = operations == NAMES.index(name)
        strengths = magnitudes[chosen]
        photos = _of_some(photos, chosen, lambda some, of=operation, by=strengths: of(some, _column(by, some)))
    return photos


def _matrices(name: str, magnitudes: torch.Tensor) -> torch.Tensor:
    """Return where each point of the result comes from: shape (photos, 2, 3), in coordinates from -1 to 1.

    As in torchvision, photos are turned counter-clockwise about their middle, and sheared from their upper left corner.
    """
    matrices = torch.eye(2, 3).repeat(len(magnitudes), 1, 1)
    if name == "rotate":
        angles = magnitudes * radians(1)
        matrices[:, 0, 0] = matrices[:, 1, 1] = angles.cos()
        matrices[:, 1, 0] = angles.sin()
        matrices[:, 0, 1] = -angles.sin()
    elif name.startswith("translate"):
        matrices[:, int(name == "translate_y"), 2] = -2 * magnitudes
    else:
        row = int(name == "shear_y")
        matrices[:, row, 1 - row] = matrices[:, row, 2] = magnitudes
    return matrices


def _warp(photos: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    """Move photos, bilinearly; what comes from outside a photo is black."""
    grid = affine_grid(matrices.to(photos.device, non_blocking=True), list(photos.shape), align_corners=False)
    return grid_sample(photos, grid, align_corners=False)
