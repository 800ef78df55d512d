"""Photos per second of the recolouring, compared with a plain version in scikit-image.

The plain version converts the whole photo (rgb2hsv, shift, hsv2rgb) and blends with a membership that it is given; ours
works out the membership as well. Both are measured in turn on drawn photos, enlarged to the size of real ones.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from bench import make_parser
from PIL import Image
from skimage.color import hsv2rgb, rgb2hsv

from stylevote.augment.garments import Unsuitable, find_garments
from stylevote.augment.quality import measure
from stylevote.augment.recolor import Recoloring, draw_recoloring, recolor
from stylevote.config.photos import Recolor
from stylevote.demo.scene import draw
from stylevote.demo.styles import LABELS

SETTINGS = Recolor(garments=1, saturation=[1, 1])


def plain(photo: np.ndarray, weight: np.ndarray, degrees: float) -> np.ndarray:
    """Return the photo with its hue turned, blended by ``weight`` (0 to 1 per pixel)."""
    hsv = rgb2hsv(photo)
    hsv[..., 0] = (hsv[..., 0] + degrees / 360) % 1
    turned = 255 * hsv2rgb(hsv)
    return np.rint(photo + weight[..., None] * (turned - photo)).astype(np.uint8)


def drawn_and_recolored(
    photo: np.ndarray, mask: np.ndarray, garments: list, number: int
) -> tuple[Recoloring, np.ndarray, np.ndarray]:
    """Return new colours, the photo with them, and how much each pixel was changed."""
    recoloring = draw_recoloring(photo, mask, garments, SETTINGS, np.random.default_rng(number))
    return recoloring, *recolor(photo, recoloring)


def whole(photo: np.ndarray, mask: np.ndarray, number: int) -> None:
    """Recolour and measure a decoded photo with its mask."""
    garments = find_garments(photo, mask, SETTINGS)
    recoloring, after, weight = drawn_and_recolored(photo, mask, garments, number)
    measure(photo, after, mask, weight)
    recoloring.to_bytes()


def drawn_photo(number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a drawn photo, enlarged to a shorter side of ``size``, and the classes of its pixels."""
    drawing = draw([LABELS[number % len(LABELS)]], np.random.default_rng(number))
    sides = [round(size / min(drawing.classes.shape) * side) for side in drawing.classes.shape[::-1]]
    photo = Image.fromarray(drawing.photo).resize(sides, Image.Resampling.BICUBIC)
    return np.array(photo), np.array(Image.fromarray(drawing.classes).resize(sides, Image.Resampling.NEAREST))


def drawn_photos(count: int, size: int) -> list[tuple[np.ndarray, np.ndarray, list]]:
    """Return photos, their masks and their garments: only photos that can be recoloured."""
    photos, number = [], 0
    while len(photos) < count:
        number += 1
        photo, classes = drawn_photo(number, size)
        with suppress(Unsuitable):
            photos.append((photo, classes > 0, find_garments(photo, classes > 0, SETTINGS)))
    return photos


def timed(function: Callable, *arguments: Any) -> tuple[Any, float]:
    """Return what the function returns, and the seconds that it took."""
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


def main() -> None:
    """Measure and print the table."""
    arguments = make_parser(__doc__)
    arguments.add_argument("--photos", type=int, default=60, help="how many (default 60)")
    arguments.add_argument("--size", type=int, default=512, help="shorter side in pixels (default 512)")
    options = arguments.parse_args()
    seconds, difference = np.zeros((options.photos, 3)), 0
    photos = drawn_photos(options.photos, options.size)
    for number, (photo, mask, garments) in enumerate(photos):
        (drawn, ours, weight), seconds[number, 0] = timed(drawn_and_recolored, photo, mask, garments, number)
        theirs, seconds[number, 1] = timed(plain, photo, weight, drawn.hues_to[0] - drawn.hues_from[0])
        difference = max(difference, np.abs(ours.astype(int) - theirs).max())
        _, seconds[number, 2] = timed(whole, photo, mask, number)
    recoloring, scikit, path = 1 / seconds.mean(axis=0)
    megapixels = np.mean([mask.size for _, mask, _ in photos]) / 1e6
    print(f"{options.photos} drawn photos, shorter side {options.size}, {megapixels:.2f} megapixels on average")
    print(f"recoloring, membership included       {recoloring:8.1f} photos a second")
    print(f"plain scikit-image, membership given  {scikit:8.1f} photos a second")
    print(f"ratio                                 {recoloring / scikit:8.1f}")
    print(f"greatest difference                   {difference:8d} levels")
    print(f"garments, recoloring, figures, bytes  {path:8.1f} photos a second")


if __name__ == "__main__":
    main()
