"""Shoes, belts, neckwear, sunglasses, hats and bags."""

import math

import numpy as np

from stylevote.demo.canvas import Canvas, between, ellipse, rectangle, rounded, symmetric
from stylevote.demo.figure import SHOULDER, WAIST, Person
from stylevote.demo.garments import Outfit
from stylevote.demo.styles import BLACK, mix


def draw_shoe(canvas: Canvas, person: Person, outfit: Outfit, side: int) -> None:
    """Draw the left (0) or the right (1) shoe."""
    x, y = person.ankles[side]
    out, leather = (-1, 1)[side], (70, 45, 35)
    toe = x + out * 0.022
    if outfit["shoes"] == "heels":
        paint = mix(outfit.second, (25, 20, 25), 0.5)
        canvas.fill([(x - 0.019, y), (x + 0.019, y), (toe + out * 0.01, y + 0.058)], paint, "shoes")
        canvas.fill(ellipse(toe, y + 0.045, 0.022, 0.014), paint, "shoes")
        canvas.limb([(x - out * 0.016, y), (x - out * 0.02, y + 0.055)], [0.008, 0.004], paint, "shoes")
    elif outfit["shoes"] == "boots":
        canvas.limb([between((x, y), person.knees[side], 0.75), (x, y + 0.02)], [0.04, 0.03], leather, "shoes")
        canvas.fill(rounded(rectangle(toe, y + 0.03, 0.042, 0.024)), leather, "shoes")
    elif outfit["shoes"] == "sneakers":
        canvas.limb([(x, y - 0.02), (x, y + 0.01)], [0.022, 0.026], (245, 245, 245), "socks")
        upper = outfit.light if outfit["palette"] == "vivid" else (235, 235, 238)
        canvas.fill(rounded(rectangle(toe, y + 0.028, 0.048, 0.03)), upper, "shoes")
        canvas.fill(rectangle(toe, y + 0.05, 0.044, 0.008), (60, 60, 70), "shoes", 0)
    else:
        canvas.fill(rounded(rectangle(toe, y + 0.035, 0.038, 0.018)), leather, "shoes")


def draw_waist(canvas: Canvas, person: Person, outfit: Outfit) -> None:
    """Draw a belt or an obi."""
    b, waist = person.build, outfit["waist"]
    if waist == "obi":
        canvas.fill(rectangle(0, WAIST + 0.005, 0.092 * b, 0.05), outfit.light, "belt", 70)
        canvas.fill(rectangle(0, WAIST + 0.005, 0.093 * b, 0.01), (245, 225, 160), "belt", 0)
    elif waist in ("belt", "high"):
        y = WAIST - (0.04 if waist == "high" else 0.0)
        canvas.fill(rectangle(0, y, 0.077 * b, 0.012), mix(outfit.second, (30, 20, 20), 0.55), "belt", 0)


def draw_neckwear(canvas: Canvas, outfit: Outfit) -> None:
    """Draw a scarf, bow, chain or beads."""
    neck = outfit["neck"]
    if neck == "scarf":
        colour = outfit.light if sum(outfit.light) < 700 else mix(outfit.light, (180, 60, 40), 0.6)
        canvas.limb([(0.035, SHOULDER), (0.05, 0.36)], [0.03, 0.026], colour, "scarf", 70)
        canvas.fill(ellipse(0, SHOULDER - 0.015, 0.072, 0.035), colour, "scarf", 70)
        canvas.crease((-0.05, SHOULDER - 0.02), (0.05, SHOULDER - 0.005), 60, 0.007)
    elif neck == "bow":
        draw_bow(canvas, outfit, 0.0, SHOULDER + 0.025, 0.04)
    elif neck == "necklace":
        angles = (-1, -0.5, 0, 0.5, 1)
        chain = [ellipse(0.042 * math.sin(a), SHOULDER - 0.01 + 0.045 * math.cos(a), 0.006, 0.006) for a in angles]
        canvas.fill_all(chain, (240, 205, 110), "necklace", 0)
    elif neck == "beads":
        for r, colour in [(0.085, (20, 150, 160)), (0.062, (240, 190, 50))]:
            centres = [(r * math.sin(a), SHOULDER - 0.005 + r * math.cos(a)) for a in np.linspace(-1.3, 1.3, 9)]
            canvas.fill_all([ellipse(x, y, 0.012, 0.012) for x, y in centres], colour, "necklace", 30)


def draw_bow(canvas: Canvas, outfit: Outfit, x: float, y: float, size: float) -> None:
    """Draw a tied bow, ``size`` body heights to either side."""
    wings = [[(x, y), (x + s * size, y - 0.6 * size), (x + s * size, y + 0.6 * size)] for s in (-1, 1)]
    colour = mix(outfit.second, (225, 60, 110), 0.6)
    canvas.fill_all([*wings, ellipse(x, y, 0.25 * size, 0.25 * size)], colour, "accessories", 60)


def draw_sunglasses(canvas: Canvas) -> None:
    """Draw dark glasses."""
    lenses = [ellipse(s * 0.023, 0.078, 0.02, 0.016) for s in (-1, 1)]
    canvas.fill_all([*lenses, rectangle(0, 0.071, 0.048, 0.0035)], (20, 20, 25), "sunglasses", 0)


def draw_hat(canvas: Canvas, outfit: Outfit) -> None:
    """Draw a cap, beret, straw hat, headscarf or a bow in the hair."""
    kind = outfit["hat"]
    if kind == "cap":
        dome = [(0.0, -0.035), (0.035, -0.028), (0.058, 0.0), (0.064, 0.035), (0.0, 0.03)]
        canvas.fill(rounded(symmetric(dome)), outfit.second, "hat")
        canvas.fill(ellipse(0.03, 0.038, 0.062, 0.012), mix(outfit.second, BLACK, 0.35), "hat")
        canvas.fill(ellipse(0, 0.003, 0.016, 0.014), outfit.light, "hat", 0)
    elif kind == "beret":
        outline = [(-0.06, 0.035), (-0.075, 0.0), (-0.02, -0.04), (0.06, -0.045), (0.105, -0.005), (0.06, 0.03)]
        canvas.fill(rounded(outline), outfit.light, "hat", 70)
        canvas.fill(ellipse(0.02, -0.04, 0.009, 0.012), outfit.light, "hat")
    elif kind == "straw":
        straw = (226, 196, 130)
        canvas.fill(ellipse(0, 0.03, 0.135, 0.027), straw, "hat", 60)
        canvas.fill(rounded(symmetric([(0.03, -0.055), (0.055, -0.04), (0.066, 0.03), (0.0, 0.04)])), straw, "hat", 60)
        canvas.fill(rectangle(0, 0.014, 0.058, 0.011), (110, 80, 55), "hat", 0)
    elif kind == "headscarf":
        wrap = [(0.0, -0.03), (0.045, -0.022), (0.07, 0.03), (0.072, 0.12), (0.055, 0.165), (0.05, 0.08), (0.04, 0.03)]
        canvas.fill(symmetric([*wrap, (0.0, 0.022)]), outfit.light, "hat", 70)
        canvas.limb([(-0.045, 0.012), (0.0, 0.004), (0.045, 0.012)], [0.009] * 3, (205, 30, 50), "hat", 0)
    elif kind == "bow":
        draw_bow(canvas, outfit, -0.03, -0.01, 0.045)


def draw_bag(canvas: Canvas, person: Person, outfit: Outfit) -> None:
    """Draw a handbag or tote at the hand, or a backpack's straps."""
    kind = outfit["bag"]
    if kind == "none":
        return
    if kind == "backpack":
        for side in (-1, 1):
            canvas.limb([(side * 0.07, SHOULDER - 0.01), (side * 0.075, 0.34)], [0.014, 0.014], (60, 75, 60), "bag")
        return
    x, y = person.wrists[1]
    if y < 0.3:  # A raised hand holds no bag: it hangs at the elbow.
        x, y = person.elbows[1]
    colour = mix(outfit.second, (120, 45, 40), 0.55)
    width, height, strap = (0.052, 0.038, 0.04) if kind == "handbag" else (0.065, 0.075, 0.06)
    y += strap + height
    for side in (-1, 1):
        canvas.limb([(x, y - height - strap), (x + side * 0.6 * width, y - height)], [0.005, 0.005], colour, "bag", 0)
    body = symmetric([(0.8 * width, -height), (width, height), (0.0, height)]) + np.array([x, y])
    canvas.fill(body, colour if kind == "handbag" else (222, 208, 175), "bag", 70)
    canvas.fill(ellipse(x, y - 0.3 * height, 0.007, 0.007), (235, 200, 100), "bag", 0)
