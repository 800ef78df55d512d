"""The styles: their cues and palettes, and the outfit for a photo's labels."""

from collections.abc import Iterable, Sequence

import numpy as np

Colour = tuple[int, int, int]
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def parse_slots(text: str) -> dict[str, tuple[str, ...]]:
    """Return the options of each slot from ``slot=option|option``, separated by spaces."""
    return {slot: tuple(options.split("|")) for slot, options in (item.split("=") for item in text.split())}


def parse_colours(text: str, separator: str | None = None) -> tuple[Colour, ...]:
    """Return colours of six hexadecimal digits each, separated by spaces or ``separator``."""
    return tuple(tuple(bytes.fromhex(code)) for code in text.split(separator))


# Every style has cues, one per slot of the outfit. A photo's label shows each of its cues with probability ``SHOWN``.
# Other labels show a few, so that no single cue decides a label. If several labels of a photo claim the same slot, the
# rarest usually gets it. An option that is listed twice is chosen twice as often.
SHOWN = 0.9
STRAY = 0.03
RARE_STRAY = 0.01  # The six rarest labels are on 0.2-2.5 % of photos: strays at 3 % would outnumber their real cues.
CUES = {
    label: parse_slots(text)
    for label, text in {
        "sport": "top=track bottom=track-pants trim=number sides=stripes shoes=sneakers hat=cap palette=vivid"
        " background=studio|greenery",
        "relax": "top=tee bottom=shorts|jeans|shorts shoes=sneakers outer=none bag=tote|backpack hair=ponytail|bob"
        " palette=casual fit=loose",
        "office": "outer=blazer|blazer|none top=shirt bottom=pencil palette=muted background=studio|indoor|gradient"
        " fit=slim",
        "japanese": "top=kimono|kimono|sailor waist=obi palette=indigo hair=bun pattern=waves outer=none shoes=flats"
        " background=indoor",
        "korean": "outer=soft-coat waist=high palette=pale hair=long background=gradient|studio",
        "european": "outer=long-coat neck=scarf eyes=sunglasses palette=deep shoes=boots background=street",
        "england": "pattern=tartan hat=beret palette=british shoes=boots",
        "maiden": "palette=pink pattern=dots trim=ruffles hat=bow piece=dress bottom=flared neck=bow",
        "lady": "bottom=a-line|pencil|flared shoes=heels bag=handbag neck=necklace piece=dress|separates hair=long|bun",
        "simple": "pattern=plain uniform=yes bag=none hat=none neck=none eyes=none background=studio waist=none",
        "nature": "palette=linen pattern=floral hat=straw background=greenery fit=loose bottom=long outer=none",
        "street": "top=hoodie trim=graphic hat=cap bottom=ripped palette=dark background=graffiti outer=none fit=loose",
        "nation": "pattern=bands palette=ornamental hat=headscarf neck=beads bottom=long outer=none piece=dress",
    }.items()
}
# The options of slots that no cue claims.
DEFAULTS = parse_slots(
    "top=tee|blouse bottom=trousers outer=none piece=separates shoes=flats hat=none bag=none neck=none eyes=none"
    " hair=long|bob|bun|short|ponytail waist=none|belt trim=none sides=none pattern=plain|plain|plain|stripes"
    " palette=neutral fit=regular uniform=no background=studio|gradient|street|indoor|greenery"
)
LABELS = tuple(CUES)
RAREST_FIRST = (
    "sport", "england", "japanese", "nation", "street", "maiden", "nature",
    "relax", "simple", "european", "korean", "lady", "office",
)  # fmt: skip

# Outfits of three colours: main/second/light.
PALETTES = {
    name: [parse_colours(outfit, "/") for outfit in text.split()]
    for name, text in {
        "vivid": "e11928/e11928/fafafa 0a5ae6/0a5ae6/ffeb28 00af5a/00af5a/fafafa ff7800/ff7800/141428",
        "casual": "ebebe4/5a7daa/ffffff 82a5c8/c3af8c/f5f5f5 e1b450/556e96/f5f0e6 969ba0/465a7d/f0f0f0",
        "muted": "3e4452/3e4452/f0f0f2 6e6c6e/46464c/f5f4f0 343c5f/5a5f73/d7e1f0 827369/4b4442/f5f0eb",
        "indigo": "465fa0/465fa0/cd323c cdd2eb/cdd2eb/b42d4b ebcdd7/ebcdd7/5f3c82",
        "pale": "e8d8c8/d6e0e8/fcfaf6 d6e2ec/f0ece4/fdfaf8 f0dcd6/cec8c4/fefaf6 dee6d8/ece2d4/fcfcf8",
        "deep": "78142d/281e2d/e1aa3c 144655/232332/c85032 af691e/32231e/1e4664 46195a/1e1c2d/d7963c",
        "british": "195532/195532/be1e28 a51923/a51923/14284b 1c2a5f/1c2a5f/19693c",
        "pink": "fab9cd/fccdda/fff8fa f5a5be/f5a5be/ffffff eebee1/f6d4ec/fff5ff",
        "linen": "d6c8a8/96a573/f0e8d2 91a26e/cdc09e/eeead6 c4b28c/6e8258/ece2cc",
        "dark": "222226/3e4a60/eb323c 302e38/32343a/5ae65a 281e3c/485062/fad21e",
        "ornamental": "c81923/c81923/f0b91e 0f96a0/0f96a0/eb3c28 eba014/be1e32/14919b",
        "neutral": "a55f50/464246/eee6de 5f7d7d/968c7d/eceeeb beb9af/3c465a/f6f4f0"
        " 785f78/555555/ece4ec 556950/a08264/eeece2 465f91/78645a/f0f0f0",
    }.items()
}
SKINS = parse_colours("ffe0c8 f5cdaf e8b996 d7a57d be8762 9b694b 734b34 503426")
HAIRS = parse_colours("1c181a 2d201c 503424 78482a be9155 963c23 969496")


def compose(labels: Iterable[str], rng: np.random.Generator) -> dict[str, str]:
    """Return an option for each slot, without contradictions; raise `ValueError` for a label not in ``LABELS``."""
    labels = set(labels)
    if unknown := labels.difference(LABELS):
        raise ValueError(f"unknown labels {sorted(unknown)}; known are {', '.join(LABELS)}")
    strays = dict.fromkeys(LABELS, STRAY) | dict.fromkeys(RAREST_FIRST[:6], RARE_STRAY)
    chances = [SHOWN if label in labels else strays[label] for label in RAREST_FIRST]
    look = {}
    for slot, default in DEFAULTS.items():
        shown = rng.random(len(chances)) < chances
        claims = [label for label, shows in zip(RAREST_FIRST, shown, strict=True) if shows and slot in CUES[label]]
        own = [label for label in claims if label in labels]
        options = default
        if own:
            options = CUES[own[0] if rng.random() < 0.95 else pick(rng, own)][slot]
        elif claims:
            options = CUES[pick(rng, claims)][slot]
        look[slot] = pick(rng, options)
    return reconcile(look)


def reconcile(look: dict[str, str]) -> dict[str, str]:
    """Resolve contradictions between slots in favour of the more distinctive garment."""
    if look["top"] == "kimono":
        look |= {"bottom": "kimono", "outer": "none", "piece": "dress", "neck": "none"}
    elif look["top"] == "sailor":
        look |= {"bottom": "pleated", "outer": "none", "piece": "separates", "neck": "none"}
    elif look["top"] in ("hoodie", "track"):
        look |= {"outer": "none", "piece": "separates"}
    if look["bottom"] in ("trousers", "jeans", "ripped", "shorts", "track-pants"):
        look["piece"] = "separates"
    # Tartan and ornamental bands need their own colours.
    look["palette"] = {"tartan": "british", "bands": "ornamental"}.get(look["pattern"], look["palette"])
    if look["uniform"] == "yes" and look["waist"] == "belt":
        look["waist"] = "none"
    return look


def pick(rng: np.random.Generator, options: Sequence):
    """Draw one of the options, each equally likely."""
    return options[int(rng.integers(len(options)))]


def vary(colour: Colour, rng: np.random.Generator, spread: float = 9) -> Colour:
    """Draw a colour near the given one."""
    return tuple(int(v) for v in np.clip(np.add(colour, rng.normal(0, spread, 3)), 0, 255))


def mix(colour: Colour, second: Colour, share: float) -> Colour:
    """Return a mixture of two colours, with a share (0 to 1) of the second."""
    return tuple(round(a + (b - a) * share) for a, b in zip(colour, second, strict=True))
