"""How many near-duplicates are missed, how many photos are taken for near-duplicates that are none, and at what cost.

Twins are made of real photos. Drawn pictures are all different: garments on white, plain or printed shirts of one
outline, and garments of 28 x 28 grey pixels on black, as in Fashion-MNIST. "hash" is a rule without pixels: a chain of
photos whose 64-bit hashes (pHash) differ in at most 4 bits from one to the next.

    python benchmarks/near_duplicates.py FOLDER [--drawn 5000] [--synthetic 60000]
"""

import io
import resource
import time
from pathlib import Path

import numpy as np
import scipy.fft
from bench import make_parser
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stylevote.photos.near_duplicates import GREY, SIDE, near_duplicate_groups, near_duplicates, thumbnail

MAX_BITS, MAX_DIFFERENCE = 4, 0.15
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
    "black border 3 %": lambda photo, _: ImageOps.expand(photo, round(0.03 * photo.width), "black"),
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


def shirt(random: np.random.Generator, patches: int) -> Image.Image:
    """Draw a T-shirt on white, always of the same outline, in a random colour and with small patches."""
    body = Image.new("RGB", (256, 256), tuple(map(int, random.integers(0, 256, 3))))
    for _ in range(patches):
        left, top = map(int, random.integers(80, 160, 2))
        color = tuple(map(int, random.integers(0, 256, 3)))
        ImageDraw.Draw(body).ellipse((left, top, left + 20, top + 20), fill=color)
    mask = Image.new("L", body.size)
    ImageDraw.Draw(mask).polygon(OUTLINES[0], fill=255)
    return Image.composite(body, Image.new("RGB", body.size, "white"), mask)


def grey_garment(random: np.random.Generator) -> Image.Image:
    """Draw a garment in greys on black, 28 pixels wide and enlarged: its outline moved a little, shaded, patterned."""
    points = np.array(OUTLINES[random.integers(len(OUTLINES))], dtype=float)
    points = (points - 128) * random.normal(0.95, 0.06, 2) + 128 + random.normal(0, 4, points.shape)
    mask = Image.new("L", (256, 256))
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in points], fill=1)
    y, x = np.mgrid[:256, :256] / 256 - 0.5
    shade = random.uniform(60, 240) + random.normal(0, 50) * x + random.normal(0, 50) * y
    kind, step, contrast = random.integers(4), random.uniform(15, 70), random.normal(0, 40)
    if kind in (1, 2):
        shade = shade + contrast * np.sign(np.sin((y if kind == 1 else x) * step))
    elif kind == 3:
        (left, top), (width, height) = random.uniform(-0.2, 0.1, 2), random.uniform(0.1, 0.3, 2)
        shade = shade + contrast * ((x > left) & (x < left + width) & (y > top) & (y < top + height))
    small = Image.fromarray(np.uint8(np.clip(shade, 5, 255) * np.asarray(mask))).resize((28, 28), Image.Resampling.BOX)
    noisy = np.asarray(small) + random.normal(0, 4, (28, 28)) * (np.asarray(small) > 0)
    return Image.fromarray(np.uint8(np.clip(noisy, 0, 255))).resize((224, 224), Image.Resampling.BICUBIC).convert("RGB")


DRAWN = {
    "garments": garment,
    "plain shirts": lambda random: shirt(random, 0),
    "printed shirts": lambda random: shirt(random, 2),
    "grey garments": grey_garment,
}


def synthetic(photos: int, random: np.random.Generator) -> np.ndarray:
    """Return thumbnails of random blotches, of which a hundredth are mirror images of others."""
    pictures = np.empty((photos, SIDE, SIDE, 3), dtype=np.uint8)
    for k in range(photos):
        blotches = Image.fromarray(np.uint8(np.clip(random.normal(128, 50, (6, 6, 3)), 0, 255)))
        pictures[k] = np.asarray(blotches.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    pictures[photos // 2 : photos // 2 + photos // 100] = pictures[: photos // 100, :, ::-1]
    return pictures


def hashes(pictures: np.ndarray) -> np.ndarray:
    """Return which of the 8 x 8 lowest frequencies exceed their median (Zauner 2010, pHash): shape (photos, 64)."""
    frequencies = scipy.fft.dctn(pictures @ GREY, axes=(1, 2), norm="ortho")[:, :8, :8].reshape(-1, 64)
    return frequencies > np.median(frequencies, axis=1, keepdims=True)


def hash_groups(known: np.ndarray) -> np.ndarray:
    """Return the group of each hash by the rule without pixels."""
    signs = known.astype(np.float32)
    bits = signs.sum(axis=1)
    near = bits[:, None] + bits - 2 * (signs @ signs.T) <= MAX_BITS
    return connected_components(coo_array(near), directed=False)[1]


def pairs_in(groups: np.ndarray) -> int:
    """Return the number of pairs of photos that share a group."""
    sizes = np.unique(groups, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def main() -> None:
    """Print the table of twins, the table of drawn pictures, and time and memory."""
    parser = make_parser(__doc__)
    parser.add_argument("folder", type=Path, help="photos")
    parser.add_argument("--drawn", type=int, default=5000, help="number of drawn pictures of each kind")
    parser.add_argument("--synthetic", type=int, default=60000, help="number of random thumbnails")
    arguments = parser.parse_args()
    random = np.random.default_rng(1)
    photos = [Image.open(path).convert("RGB") for path in sorted(arguments.folder.rglob("*.jpg"))]
    pictures = np.array([thumbnail(photo) for photo in photos])
    known, numbers = hashes(pictures), np.arange(len(photos))
    print(f"{len(photos)} photos: share of twins that are missed")
    print(f"{'twin':16} {'hash':>6} {'pixels':>6}   other photos taken for a twin")
    for name, change in TWINS.items():
        twins = np.array([thumbnail(compressed(change(photo, random), 88)) for photo in photos])
        pairs = near_duplicates(pictures, twins, MAX_DIFFERENCE)
        right = pairs[:, 0] == pairs[:, 1]
        hash_missed = np.mean((known != hashes(twins)).sum(axis=1) > MAX_BITS)
        missed = 1 - np.isin(numbers, pairs[right, 0]).mean()
        print(f"{name:16} {hash_missed:6.1%} {missed:6.1%}   {np.count_nonzero(~right)} pairs", flush=True)
    sets = {"photos as they are": pictures}
    for name, draw in DRAWN.items():
        sets[name] = np.array([thumbnail(draw(random)) for _ in range(arguments.drawn)])
    for name, pictured in sets.items():
        start = time.process_time()
        groups = near_duplicate_groups(pictured, [str(k) for k in range(len(pictured))], MAX_DIFFERENCE)
        seconds = time.process_time() - start
        print(f"{len(pictured)} {name}, all different: {seconds:.0f} processor seconds")
        for rule, found in (("hash", hash_groups(hashes(pictured))), ("pixels", groups)):
            largest = np.unique(found, return_counts=True)[1].max()
            print(f"  {rule}: {pairs_in(found)} pairs in a group, the largest group has {largest} photos", flush=True)
    pictures, start = synthetic(arguments.synthetic, random), time.process_time()
    pairs = near_duplicates(pictures, pictures, MAX_DIFFERENCE)
    seconds, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{arguments.synthetic} thumbnails: {len(pairs)} pairs, {seconds:.0f} processor seconds, {peak:.1f} GiB at most"
    )


if __name__ == "__main__":
    main()
