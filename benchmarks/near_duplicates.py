"""How many near-duplicates are missed, and how many photos are taken for near-duplicates that are none.

Twins are made of real photos. Drawn garments on white, in random colours and prints, are all different. "old" is the
rule before: a chain of photos whose 64-bit hashes differ in at most 4 bits from one to the next.

    python benchmarks/near_duplicates.py FOLDER [--garments 5000]
"""

import argparse
import io
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from stylevote.photos.near_duplicates import hashes, near_duplicate_groups, near_duplicates, near_pairs, thumbnail

OLD, NEW = 4, 0.15
OUTLINES = [  # T-shirt, pullover, trousers, dress, coat, bag, boot
    [(60, 40), (100, 30), (156, 30), (196, 40), (236, 90), (206, 110), (190, 95), (190, 230), (66, 230), (66, 95),
     (50, 110), (20, 90)],
    [(60, 40), (128, 36), (196, 40), (240, 200), (215, 206), (188, 100), (190, 230), (66, 230), (68, 100), (41, 206),
     (16, 200)],
    [(80, 20), (176, 20), (190, 236), (142, 236), (128, 80), (114, 236), (66, 236)],
    [(95, 20), (110, 60), (146, 60), (161, 20), (170, 90), (205, 236), (51, 236), (86, 90)],
    [(60, 30), (196, 30), (236, 190), (212, 196), (190, 90), (196, 244), (60, 244), (66, 90), (44, 196), (20, 190)],
    [(50, 100), (80, 100), (100, 40), (156, 40), (176, 100), (206, 100), (220, 220), (36, 220)],
    [(80, 30), (150, 30), (150, 150), (220, 180), (230, 220), (76, 220)],
]  # fmt: skip


def compressed(photo: Image.Image, quality: int) -> Image.Image:
    """Return a photo as a JPEG of this quality shows it."""
    data = io.BytesIO()
    photo.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


def cropped(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """Return a photo without a twentieth of its width and height, at random sides."""
    cut = [round(0.05 * side) for side in photo.size]
    left, top = (int(random.integers(0, pixels + 1)) for pixels in cut)
    return photo.crop((left, top, left + photo.width - cut[0], top + photo.height - cut[1]))


TWINS = {
    "mirror": lambda photo, _: ImageOps.mirror(photo),
    "crop 5 %": cropped,
    "mirror and crop": lambda photo, random: ImageOps.mirror(cropped(photo, random)),
    "resize to 60 %": lambda photo, _: photo.resize((photo.width * 6 // 10, photo.height * 6 // 10)),
    "JPEG 60": lambda photo, _: compressed(photo, 60),
    "border 3 %": lambda photo, _: ImageOps.expand(photo, round(0.03 * photo.width), "white"),
    "brightness 1.1": lambda photo, _: ImageEnhance.Brightness(photo).enhance(1.1),
    "brightness 1.25": lambda photo, _: ImageEnhance.Brightness(photo).enhance(1.25),
}


def garment(random: np.random.Generator) -> Image.Image:
    """Draw a garment on white: one of a few outlines, a random colour, and stripes, dots, patches or no print."""
    base, *colors = (tuple(map(int, color)) for color in random.integers(0, 256, (6, 3)))
    body, kind, step = Image.new("RGB", (256, 256), base), random.integers(4), int(random.integers(10, 50))
    draw = ImageDraw.Draw(body)
    for k in range(0, 256, step):
        if kind == 1:
            draw.rectangle((0, k, 256, k + step // 2), fill=colors[0])
        elif kind == 2:
            for other in range(0, 256, step):
                draw.ellipse((k, other, k + step // 2, other + step // 2), fill=colors[0])
    for color in colors if kind == 3 else ():
        left, top, width, height = map(int, random.integers((70, 70, 5, 5), (170, 170, 50, 50)))
        draw.rectangle((left, top, left + width, top + height), fill=color)
    mask = Image.new("L", body.size)
    ImageDraw.Draw(mask).polygon(OUTLINES[random.integers(len(OUTLINES))], fill=255)
    return Image.composite(body, Image.new("RGB", body.size, "white"), mask)


def old_groups(known: np.ndarray) -> np.ndarray:
    """Return the group of each hash by the old rule."""
    first, second = near_pairs(known, known[:, None], OLD).T
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(known), len(known)))
    return connected_components(graph, directed=False)[1]


def pairs_in(groups: np.ndarray) -> int:
    """Return the number of pairs of photos that share a group."""
    sizes = np.unique(groups, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def main() -> None:
    """Print the table of twins and the table of garments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="photos")
    parser.add_argument("--garments", type=int, default=5000)
    arguments = parser.parse_args()
    random = np.random.default_rng(1)
    photos = [Image.open(path).convert("RGB") for path in sorted(arguments.folder.rglob("*.jpg"))]
    pictures = np.array([thumbnail(photo) for photo in photos])
    known, numbers = hashes(pictures)[:, 0], np.arange(len(photos))
    print(f"{len(photos)} photos: share of twins that are missed")
    print(f"{'twin':16} {'old':>6} {'new':>6}   other photos taken for a twin: new")
    for name, change in TWINS.items():
        twins = np.array([thumbnail(compressed(change(photo, random), 88)) for photo in photos])
        pairs = near_duplicates(pictures, twins, NEW)
        right = pairs[:, 0] == pairs[:, 1]
        old_missed = np.mean(np.bitwise_count(known ^ hashes(twins)[:, 0]) > OLD)
        missed = 1 - np.isin(numbers, pairs[right, 0]).mean()
        print(f"{name:16} {old_missed:6.1%} {missed:6.1%}   {np.count_nonzero(~right)} pairs")
    garments = np.array([thumbnail(garment(random)) for _ in range(arguments.garments)])
    for name, pictured in (("photos as they are", pictures), ("drawn garments", garments)):
        digests = [str(k) for k in range(len(pictured))]
        start = time.perf_counter()
        new = near_duplicate_groups(pictured, digests, NEW)
        seconds = time.perf_counter() - start
        print(f"{len(pictured)} {name}, all different:")
        for rule, groups in (("old", old_groups(hashes(pictured)[:, 0])), ("new", new)):
            largest = np.unique(groups, return_counts=True)[1].max()
            print(f"  {rule}: {pairs_in(groups)} pairs in a group, the largest group has {largest} photos")
        print(f"  new: {seconds:.1f} s after decoding")


if __name__ == "__main__":
    main()
