"""The garments: skirts and trousers, tops, blazers and coats."""

import math
from dataclasses import dataclass

import numpy as np

from stylevote.demo.canvas import Canvas, Paint, between, ellipse, rectangle, symmetric
from stylevote.demo.figure import HIP, SHOULDER, WAIST, Person
from stylevote.demo.patterns import cloth
from stylevote.demo.styles import BLACK, PALETTES, WHITE, Colour, mix, pick, vary

SKIRTS = {  # Half widths at waist, hip and hem, and the hem's height.
    "pencil": (0.072, 0.098, 0.078, 0.7),
    "a-line": (0.072, 0.105, 0.15, 0.69),
    "flared": (0.068, 0.13, 0.215, 0.66),
    "pleated": (0.074, 0.12, 0.17, 0.62),
    "long": (0.074, 0.115, 0.175, 0.9),
    "kimono": (0.085, 0.108, 0.1, 0.91),
}
FOLDS = {"pencil": 1, "kimono": 1, "pleated": 11, "flared": 7}
OUTERS = {  # Class, half widths at waist and hem, the hem's height, and half the gap in front.
    "blazer": ("blazer", 0.086, 0.115, HIP + 0.03, 0.012),
    "soft-coat": ("coat", 0.105, 0.16, 0.7, 0.045),
    "long-coat": ("coat", 0.086, 0.15, 0.8, 0.03),
}
TOP_CLASSES = {"tee": "t-shirt", "shirt": "shirt", "hoodie": "hoodie", "track": "jacket"}


@dataclass(frozen=True)
class Outfit:
    """A person's clothes: the option of each slot, and the paints."""

    look: dict[str, str]
    top: Paint
    bottom: Paint
    outer: Paint
    second: Colour
    light: Colour

    def __getitem__(self, slot: str) -> str:
        """Return the option of the slot."""
        return self.look[slot]

    @property
    def top_class(self) -> str:
        """The class of the garment on the torso."""
        return "dress" if self["piece"] == "dress" else TOP_CLASSES.get(self["top"], "top")


def dress_up(look: dict[str, str], size: tuple[int, int], unit: float, rng: np.random.Generator) -> Outfit:
    """Choose the paints of an outfit for a photo of the given size and body height in pixels."""
    main, second, light = (vary(colour, rng) for colour in pick(rng, PALETTES[look["palette"]]))
    if look["uniform"] == "yes":
        second = light = main
    pattern = look["pattern"]
    patterned = cloth(pattern, (main, second, light), size, unit)
    if look["outer"] != "none":
        top = light
        # A loud pattern covers the coat and the garment below it.
        bottom = cloth(pattern, (second, main, light), size, unit) if pattern != "stripes" else second
    else:
        top = patterned
        whole = look["piece"] == "dress" or pattern not in ("plain", "stripes")
        bottom = patterned if whole else second
    if look["bottom"] in ("jeans", "ripped") and look["uniform"] == "no":
        bottom = vary(pick(rng, [(62, 92, 145), (95, 130, 175), (45, 60, 95)]), rng)
    return Outfit(look, top, bottom, patterned, second, light)


def draw_bottom(canvas: Canvas, person: Person, outfit: Outfit, rng: np.random.Generator) -> None:
    """Draw a skirt, trousers or shorts."""
    kind, b = outfit["bottom"], person.build
    waist = WAIST - (0.045 if outfit["waist"] == "high" else 0.0)
    if kind in SKIRTS:
        draw_skirt(canvas, person, outfit, waist, rng)
        return
    name = {"jeans": "jeans", "ripped": "jeans", "shorts": "shorts"}.get(kind, "pants")
    loose = 1.25 if outfit["fit"] == "loose" or kind == "track-pants" else 1.0
    for hip, knee, ankle in zip(person.hips, person.knees, person.ankles, strict=True):
        if kind == "shorts":
            canvas.limb([hip, between(hip, knee, 0.62)], [0.058 * b, 0.052 * loose], outfit.bottom, name)
            continue
        hem = 0.034 if kind == "trousers" else 0.028
        radii = [0.056 * b, 0.041 * loose, hem * loose]
        canvas.limb([hip, knee, (ankle[0], ankle[1] + 0.008)], radii, outfit.bottom, name)
        canvas.crease((knee[0] - 0.03, knee[1]), (knee[0] + 0.02, knee[1] + 0.015), 50)
        canvas.crease(hip, (knee[0], knee[1] - 0.05), 25)
        if kind == "ripped":
            for y in (knee[1] - 0.02, knee[1] - 0.09):
                canvas.fill(ellipse(knee[0], y, 0.031, 0.016), person.skin, "skin", 90)
        if outfit["sides"] == "stripes":
            side = math.copysign(0.03, hip[0])
            line = [(x + side, y) for x, y in (hip, knee, (ankle[0] - 0.3 * side, ankle[1]))]
            canvas.limb(line, [0.013, 0.013, 0.011], outfit.light, name, 0)
    hips = [(0.074 * b, waist), (0.098 * b, HIP), (0.096 * b, HIP + 0.05), (0.0, HIP + 0.075)]
    canvas.fill(symmetric(hips), outfit.bottom, name)
    canvas.crease((0, HIP - 0.03), (0, HIP + 0.07), 55)


def draw_skirt(canvas: Canvas, person: Person, outfit: Outfit, waist: float, rng: np.random.Generator) -> None:
    """Draw a skirt, or a dress's lower part, from the waist's height down."""
    kind, b = outfit["bottom"], person.build
    top, hip, hem, end = SKIRTS[kind]
    end += rng.uniform(-0.03, 0.02)
    half = [(top * b, waist), (hip * b, HIP), ((0.4 * hip + 0.6 * hem) * b, HIP + 0.6 * (end - HIP)), (hem * b, end)]
    half += [(0.5 * hem * b, end + 0.012), (0.0, end + 0.014)]
    name = "dress" if outfit["piece"] == "dress" else "skirt"
    canvas.fill(symmetric(half), outfit.bottom, name)
    folds, start = FOLDS.get(kind, 5), HIP if kind == "a-line" else waist + 0.02
    for share in np.linspace(-0.85, 0.85, folds) if folds > 1 else [rng.uniform(0.2, 0.4)]:
        canvas.crease((share * top * b, start), (share * hem * b, end), 60 if kind == "pleated" else 38)
    if outfit["trim"] == "ruffles":
        for y, width in [(end, hem * b), (end - 0.07, hem * b * 0.86)]:
            bumps = [ellipse(x, y, 0.024, 0.02) for x in np.arange(-width, width + 0.01, 0.032)]
            canvas.fill_all(bumps, mix(outfit.light, WHITE, 0.4), name, 60)


def draw_top(canvas: Canvas, person: Person, outfit: Outfit) -> None:
    """Draw the garment on the torso, its neckline and trims."""
    b, name, kind = person.build, outfit.top_class, outfit["top"]
    loose = 0.018 if outfit["fit"] == "loose" or kind in ("hoodie", "track") else 0.0
    untucked = kind in ("hoodie", "track") or (kind == "tee" and outfit["fit"] == "loose")
    hem = HIP + 0.035 if untucked else WAIST + 0.012
    width = 0.1 * b + loose if untucked else 0.074 * b
    half = [(0.035, SHOULDER - 0.022), (0.088 * b, SHOULDER - 0.004), (0.108 * b, SHOULDER + 0.02)]
    half += [(0.092 * b + loose, 0.28), (max(0.074 * b, width - 0.01) + loose, WAIST), (width, hem), (0.0, hem)]
    canvas.fill(symmetric(half), outfit.top, name)
    if not untucked:
        canvas.crease((0.07 * b, 0.27), (0.025, 0.3), 30)
        canvas.crease((-0.07 * b, 0.27), (-0.03, 0.3), 30)
    draw_neckline(canvas, person, outfit, name)
    if outfit["trim"] == "number":
        # Mirrored twice, so that the number can be read.
        for stroke in [[(-0.045, 0.25), (-0.025, 0.235), (-0.025, 0.34)], [(0.01, 0.24), (0.05, 0.24), (0.02, 0.34)]]:
            canvas.limb([(canvas.flip * x, y) for x, y in stroke], [0.011] * 3, outfit.light, name, 0)
    elif outfit["trim"] == "graphic":
        canvas.fill(rectangle(0, 0.3, 0.058, 0.052), outfit.light, name, 0)
        graphic = [(-0.05, 0.345), (-0.01, 0.255), (0.0, 0.3), (0.04, 0.26), (0.05, 0.345)]
        canvas.fill(graphic, (20, 20, 25), name)
    elif outfit["trim"] == "ruffles":
        for y in (0.235, 0.285):
            bumps = [ellipse(x, y, 0.02, 0.017) for x in np.arange(-0.06, 0.061, 0.03)]
            canvas.fill_all(bumps, mix(outfit.light, WHITE, 0.4), name, 60)


def draw_neckline(canvas: Canvas, person: Person, outfit: Outfit, name: str) -> None:
    """Draw the opening at the neck with its collar."""
    y, kind, white = SHOULDER, outfit["top"], (250, 250, 250)
    if kind == "shirt":
        collar = outfit.light if outfit["uniform"] == "no" else mix(outfit.light, BLACK, 0.12)
        canvas.fill([(-0.03, y - 0.03), (0.03, y - 0.03), (0, y + 0.04)], person.skin, "skin", 30)
        for side in (-1, 1):
            points = [(0.028, y - 0.045), (0.058, y - 0.012), (0.034, y + 0.042), (0.002, y + 0.026)]
            canvas.fill(np.array(points) * (side, 1), mix(collar, white, 0.5), name, 70)
        canvas.crease((0, y + 0.04), (0, WAIST), 60, 0.006)
    elif kind == "kimono":
        canvas.fill([(-0.035, y - 0.03), (0.035, y - 0.03), (0, y + 0.06)], person.skin, "skin", 30)
        canvas.limb([(0.045, y - 0.02), (-0.055, WAIST)], [0.013, 0.013], white, name, 70)
        canvas.limb([(-0.045, y - 0.02), (0.055, WAIST)], [0.015, 0.015], outfit.light, name, 70)
    elif kind == "sailor":
        canvas.fill(symmetric([(0.04, y - 0.03), (0.1, y), (0.095, y + 0.06), (0.0, y + 0.1)]), (30, 45, 110), name)
        canvas.fill([(-0.03, y - 0.03), (0.03, y - 0.03), (0, y + 0.05)], person.skin, "skin", 30)
        for side in (-1, 1):
            points = [(0, y + 0.085), (side * 0.055, y + 0.075), (side * 0.045, y + 0.13)]
            canvas.fill(points, (215, 35, 55), name)
    elif kind == "hoodie":
        canvas.fill(ellipse(0, y - 0.02, 0.068, 0.03), mix(outfit.second, BLACK, 0.3), name, 70)
        for side in (-1, 1):
            canvas.limb([(side * 0.02, y), (side * 0.024, y + 0.06)], [0.004, 0.004], white, name, 0)
        canvas.crease((-0.06, HIP - 0.05), (0.06, HIP - 0.05), 70)
    elif kind == "track":
        canvas.fill(symmetric([(0.03, y - 0.04), (0.042, y - 0.01), (0.0, y + 0.01)]), outfit.light, name)
        canvas.crease((0, y), (0, HIP + 0.03), 90, 0.007)
    else:
        depth = 0.02 if kind == "tee" else 0.04
        canvas.fill(ellipse(0, y - 0.02, 0.042, 0.02 + depth), person.skin, "skin", 25)


def draw_outer(canvas: Canvas, person: Person, outfit: Outfit) -> None:
    """Draw the open front of a blazer or a coat; its sleeves come with the arms."""
    kind, b = outfit["outer"], person.build
    if kind == "none":
        return
    name, waist, flare, hem, gap = OUTERS[kind]
    half = [(0.03, SHOULDER - 0.03), (0.095 * b, SHOULDER - 0.008), (0.118 * b, SHOULDER + 0.02), (0.1 * b, 0.28)]
    half += [(waist * b, WAIST), (0.112 * b, HIP), (flare * b, hem), (gap + 0.02, hem + 0.008), (gap, WAIST)]
    half += [(gap + 0.004, 0.3)]
    lapel = [(0.03, SHOULDER - 0.04), (0.062, SHOULDER), (0.066, SHOULDER + 0.05), (gap, WAIST - 0.02)]
    if kind == "soft-coat":
        lapel = [(0.03, SHOULDER - 0.04), (0.08, SHOULDER), (0.06, SHOULDER + 0.07), (gap, SHOULDER + 0.06)]
    for side in (-1, 1):
        canvas.fill(np.array(half) * (side, 1), outfit.outer, name, 60)
        canvas.fill(np.array(lapel) * (side, 1), outfit.outer, name, 80)
        canvas.crease((side * 0.055 * b, WAIST + 0.05), (side * 0.1 * b, WAIST + 0.045), 80, 0.008)
    if kind == "long-coat":
        canvas.fill(rectangle(0, WAIST, 0.09 * b, 0.012), mix(outfit.second, BLACK, 0.3), "belt")
        for y in (0.29, 0.33, 0.42, 0.47):
            canvas.fill_all([ellipse(x, y, 0.008, 0.008) for x in (-0.025, 0.04)], (225, 185, 90), name, 0)


def draw_arms(canvas: Canvas, person: Person, outfit: Outfit) -> None:
    """Draw arms with hands, and the sleeves of the outermost garment."""
    kind, outer = outfit["top"], outfit["outer"]
    # A sleeve's length is 1 at the elbow and 2 at the wrist.
    if outer != "none":
        paint, name, length, wide, cuff = outfit.outer, OUTERS[outer][0], 1.9, 0.037, 0.037 - 0.005
    else:
        paint, name = outfit.top, outfit.top_class
        length = {"tee": 0.6, "blouse": 1.3, "sailor": 0.7}.get(kind, 1.9)
        wide = {"kimono": 0.05, "hoodie": 0.041, "track": 0.038}.get(kind, 0.033)
        wide += 0.006 if outfit["fit"] == "loose" else 0.0
        cuff = {"kimono": 0.06, "blouse": 0.036}.get(kind, wide - 0.01)
    for (x, y), elbow, wrist in zip(person.shoulders, person.elbows, person.wrists, strict=True):
        shoulder = (0.96 * x, y + 0.012)
        canvas.limb([shoulder, elbow, wrist], [0.03, 0.023, 0.015], person.skin, "skin")
        hand = (wrist[0] + 0.13 * (wrist[0] - elbow[0]), wrist[1] + 0.13 * (wrist[1] - elbow[1]))
        canvas.limb([wrist, hand], [0.016, 0.017], person.skin, "skin")
        if length <= 1:
            joints, radii = [shoulder, between(shoulder, elbow, length)], [min(wide, 0.035), wide + 0.004]
        else:
            joints, radii = [shoulder, elbow, between(elbow, wrist, length - 1)], [min(wide, 0.035), wide, cuff]
        canvas.limb(joints, radii, paint, name, 55)
        if outfit["sides"] == "stripes":
            canvas.limb(joints, [0.011] * len(joints), outfit.light, name, 0)
