"""The body: its pose, head, hair and legs."""

import math
from dataclasses import dataclass

import numpy as np

from stylevote.demo.canvas import Canvas, Point, ellipse, rounded, symmetric
from stylevote.demo.styles import HAIRS, SKINS, Colour, mix, pick, vary

# Heights on the body, in body heights from the crown (0) to the soles (1).
SHOULDER, WAIST, HIP, KNEE, ANKLE = 0.19, 0.375, 0.475, 0.72, 0.945
HAIR_BEHIND = {
    "long": [(0.03, -0.005), (0.064, 0.05), (0.075, 0.16), (0.082, 0.27), (0.05, 0.3), (0.0, 0.3)],
    "bob": [(0.03, -0.005), (0.068, 0.05), (0.078, 0.14), (0.06, 0.165), (0.0, 0.165)],
}


@dataclass(frozen=True)
class Person:
    """Joints (left, right; in body heights), width against the usual, and colours of the person."""

    shoulders: list[Point]
    elbows: list[Point]
    wrists: list[Point]
    hips: list[Point]
    knees: list[Point]
    ankles: list[Point]
    build: float
    skin: Colour
    hair: Colour


def random_person(rng: np.random.Generator) -> Person:
    """Draw a person's build, colours and pose: arms hang, bend, are akimbo or raised, legs are together or apart."""
    build = rng.uniform(0.92, 1.12)
    shoulders = [(side * 0.092 * build, SHOULDER + 0.012) for side in (-1, 1)]
    hips = [(side * 0.045 * build, HIP + 0.01) for side in (-1, 1)]
    elbows, wrists, knees, ankles = [], [], [], []
    for side, (x, y) in zip((-1, 1), shoulders, strict=True):
        upper, fore = arm_angles(rng)
        elbow = x + side * 0.155 * math.sin(upper), y + 0.155 * math.cos(upper)
        elbows.append(elbow)
        wrists.append((elbow[0] + side * 0.15 * math.sin(fore), elbow[1] + 0.15 * math.cos(fore)))
        spread, bend = rng.uniform(0.0, 0.05), rng.uniform(-0.012, 0.025)
        knees.append((side * (0.045 * build + 0.5 * spread + bend), KNEE))
        ankles.append((side * (0.04 * build + spread), ANKLE - rng.uniform(0, 0.012)))
    skin, hair = vary(pick(rng, SKINS), rng, 6), vary(pick(rng, HAIRS), rng, 6)
    return Person(shoulders, elbows, wrists, hips, knees, ankles, build, skin, hair)


def arm_angles(rng: np.random.Generator) -> tuple[float, float]:
    """Draw the angles of upper arm and forearm to the vertical, outwards, in radians."""
    kind = rng.random()
    if kind < 0.6:
        upper = rng.uniform(8, 26)
        fore = upper + rng.uniform(-32, 4)
    elif kind < 0.85:
        upper, fore = rng.uniform(38, 52), rng.uniform(-62, -45)
    elif kind < 0.93:
        upper, fore = rng.uniform(15, 30), rng.uniform(-125, -95)
    else:
        upper, fore = rng.uniform(65, 95), rng.uniform(120, 165)
    return math.radians(upper), math.radians(fore)


def draw_leg(canvas: Canvas, person: Person, side: int) -> None:
    """Draw the bare left (0) or right (1) leg."""
    joints = [person.hips[side], person.knees[side], person.ankles[side]]
    canvas.limb(joints, [0.052 * person.build, 0.033, 0.019], person.skin, "skin")


def draw_hair_behind(canvas: Canvas, person: Person, hair: str) -> None:
    """Draw the hair behind the body."""
    if hair in HAIR_BEHIND:
        canvas.fill(rounded(symmetric(HAIR_BEHIND[hair])), person.hair, "hair")
    elif hair == "ponytail":
        canvas.limb([(0.035, 0.01), (0.085, 0.06), (0.08, 0.2)], [0.025, 0.03, 0.012], person.hair, "hair")


def draw_head(canvas: Canvas, person: Person, hair: str) -> None:
    """Draw neck, face and the hair around it."""
    skin, dark = person.skin, (40, 28, 28)
    canvas.limb([(0, 0.12), (0, SHOULDER - 0.005)], [0.027, 0.03], skin, "skin", 60)
    if hair == "bun":
        canvas.fill(ellipse(0, -0.012, 0.034, 0.032), person.hair, "hair")
    canvas.fill(ellipse(0, 0.06, 0.06, 0.066), person.hair, "hair")
    face = symmetric([(0.02, 0.012), (0.046, 0.03), (0.05, 0.075), (0.042, 0.115), (0.016, 0.148)])
    canvas.fill(rounded(face), skin, "skin", 30)
    brow = mix(person.hair, dark, 0.4)
    for side in (-1, 1):
        canvas.fill(ellipse(side * 0.03, 0.1, 0.011, 0.008), mix(skin, (235, 100, 100), 0.28), "skin", 0)
        canvas.fill(ellipse(side * 0.02, 0.077, 0.01, 0.0065), (245, 242, 240), "skin", 0)
        canvas.fill(ellipse(side * 0.02, 0.077, 0.006, 0.006), dark, "skin", 0)
        canvas.limb([(side * 0.011, 0.061), (side * 0.03, 0.06)], [0.003, 0.002], brow, "skin", 0)
    nose = [(0.0, 0.08), (0.004, 0.099), (-0.002, 0.1)]
    canvas.limb(nose, [0.002] * 3, mix(skin, (120, 40, 30), 0.3), "skin", 0)
    canvas.fill(ellipse(0, 0.121, 0.014, 0.0055), mix(skin, (190, 30, 50), 0.6), "skin", 0)
    fringe = [(-0.058, 0.065), (-0.05, 0.01), (0.0, -0.008), (0.05, 0.01), (0.058, 0.065), (0.044, 0.045), (0.01, 0.03)]
    canvas.fill(rounded([*fringe, (-0.03, 0.045)]), person.hair, "hair", 30)
