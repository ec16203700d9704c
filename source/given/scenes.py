"""Generated scenes: simple drawings of ten kinds of places, instead of photographs that may not be redistributed.

    picture = draw("coast", np.random.default_rng(0))     a PIL image, RGB, 128×128

Each drawing is made of a few shapes at random places, under a random light, a little turned, with things in front of
it. They are for trying code out; what a network reaches on them says nothing about photographs.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

SIDE = 128  # pixels
Draw = ImageDraw.ImageDraw
Chance = np.random.Generator


def draw(name: str, chance: Chance) -> Image.Image:
    """Draw a picture of one of SCENES, RGB, 128×128."""
    picture = Image.new("RGB", (SIDE + 32, SIDE + 32))
    SCENES[name](ImageDraw.Draw(picture), chance)
    in_front(ImageDraw.Draw(picture), chance)
    turned = picture.rotate(chance.normal(0, 6))
    x, y = chance.integers(6, 27, 2).tolist()
    cut = turned.crop((x, y, x + SIDE, y + SIDE))
    if chance.random() < 0.5:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return light(cut, chance)


def light(picture: Image.Image, chance: Chance) -> Image.Image:
    """Change a picture to day or dusk, under a coloured light, and add the grain of a camera."""
    shade = chance.uniform(0.45, 1.15) * chance.uniform(0.75, 1.25, 3)
    values = np.asarray(picture, np.float32) * shade.astype(np.float32)
    if chance.random() < 0.15:  # some photographs are grey
        values = np.repeat(values.mean(2, keepdims=True), 3, 2)
    grain = chance.standard_normal(values.shape, dtype=np.float32)
    return Image.fromarray((values + 10 * grain).clip(0, 255).astype(np.uint8))


def colour(chance: Chance, *base: int, spread: float = 22) -> tuple[int, ...]:
    """Choose a random colour near (red, green, blue)."""
    return tuple(int(value) for value in (np.array(base) + chance.normal(0, spread, 3)).clip(0, 255))


def in_front(d: Draw, chance: Chance) -> None:
    """Draw up to four objects at random places; they say nothing about the scene."""
    for _ in range(chance.integers(0, 5)):
        x, y = chance.integers(0, 150, 2).tolist()
        w, h = chance.integers(6, 40, 2).tolist()
        shape = d.ellipse if chance.random() < 0.5 else d.rectangle
        shape((x, y, x + w, y + h), fill=colour(chance, 128, 128, 128, spread=70))


def sky(d: Draw, chance: Chance) -> int:
    """Draw a sky over the whole picture; return the height of its horizon, in pixels from the top."""
    skies = ((110, 160, 220), (170, 180, 190), (230, 160, 110), (60, 80, 130))
    top = np.array(colour(chance, *skies[chance.integers(0, 4)]))
    for y in range(0, 160, 4):
        d.rectangle((0, y, 160, y + 4), fill=tuple((top + y * (255 - top) // 320).tolist()))
    return int(chance.integers(55, 100))


def ridge(d: Draw, chance: Chance, height: int, rough: float, fill: tuple[int, ...]) -> None:
    """Draw ground up to a wavy line around ``height``."""
    x = np.arange(0, 165, 5)
    waves = sum(rough / k * np.sin(k * x / 25 + chance.uniform(0, 6.3)) for k in (1, 2, 3))
    d.polygon([(0, 160), *zip(x.tolist(), (height - waves).tolist(), strict=True), (160, 160)], fill=fill)


def coast(d: Draw, chance: Chance) -> None:
    horizon = sky(d, chance)
    d.rectangle((0, horizon, 160, 160), fill=colour(chance, 50, 110, 160))
    shore = horizon + int(chance.integers(15, 45))
    ridge(d, chance, shore - 3, 4, colour(chance, 235, 240, 240))
    ridge(d, chance, shore, 4, colour(chance, 215, 190, 145))


def desert(d: Draw, chance: Chance) -> None:
    height = sky(d, chance)
    for i in range(chance.integers(2, 5)):
        ridge(d, chance, height + 18 * i, 9, colour(chance, 220 - 15 * i, 180 - 15 * i, 125 - 12 * i, spread=12))


def mountain(d: Draw, chance: Chance) -> None:
    foot = sky(d, chance) + 15
    for _ in range(chance.integers(2, 5)):
        x, y, w = (int(chance.integers(*limits)) for limits in ((10, 150), (15, 45), (35, 75)))
        d.polygon([(x - w, foot), (x, y), (x + w, foot)], fill=colour(chance, 110, 110, 120))
        d.polygon([(x - w // 4, y + (foot - y) // 4), (x, y), (x + w // 4, y + (foot - y) // 4)], fill=(240, 240, 245))
    ridge(d, chance, foot, 4, colour(chance, 80, 120, 60))


def ski_slope(d: Draw, chance: Chance) -> None:
    horizon = sky(d, chance)
    rise = int(chance.integers(20, 50)) * int(chance.choice([-1, 1]))
    d.polygon(
        [(0, 160), (0, horizon + rise), (160, horizon - rise), (160, 160)], fill=colour(chance, 232, 236, 245, spread=8)
    )
    for x in chance.integers(0, 160, chance.integers(4, 12)).tolist():
        y = horizon + rise - rise * x // 80 + int(chance.integers(0, 40))
        d.polygon([(x - 6, y), (x, y - 22), (x + 6, y)], fill=colour(chance, 35, 70, 50))


def iceberg(d: Draw, chance: Chance) -> None:
    horizon = sky(d, chance)
    d.rectangle((0, horizon, 160, 160), fill=colour(chance, 40, 90, 130))
    for _ in range(chance.integers(1, 4)):
        x, w, h = (int(chance.integers(*limits)) for limits in ((20, 140), (18, 45), (18, 50)))
        tops = [(x + dx * w // 3, horizon - h + int(chance.integers(0, h))) for dx in (-2, -1, 0, 1, 2)]
        d.polygon([(x - w, horizon + 8), *tops, (x + w, horizon + 8)], fill=colour(chance, 225, 238, 245, spread=10))


def skyscraper(d: Draw, chance: Chance) -> None:
    foot = sky(d, chance) + 60
    for _ in range(chance.integers(2, 6)):
        x, y, w = (int(chance.integers(*limits)) for limits in ((0, 140), (5, 60), (18, 42)))
        d.rectangle((x, y, x + w, foot), fill=colour(chance, 110, 120, 135, spread=35))
        lit = colour(chance, 200, 200, 170, spread=40)
        for wy in range(y + 4, foot - 4, 9):
            for wx in range(x + 3, x + w - 4, 8):
                d.rectangle((wx, wy, wx + 3, wy + 4), fill=lit)


def highway(d: Draw, chance: Chance) -> None:
    horizon = sky(d, chance)
    ground = ((95, 135, 70), (190, 165, 115), (120, 115, 105))[chance.integers(0, 3)]
    d.rectangle((0, horizon, 160, 160), fill=colour(chance, *ground))
    x, half = int(chance.integers(50, 110)), int(chance.integers(40, 80))
    d.polygon(
        [(x - 3, horizon), (x + 3, horizon), (80 + half, 160), (80 - half, 160)], fill=colour(chance, 95, 95, 100)
    )
    for t in np.arange(0.15, 1, 0.2):
        cx, cy = x + t * (80 - x), horizon + t * (160 - horizon)
        d.polygon(
            [(cx - 3 * t, cy), (cx + 3 * t, cy), (cx + 4 * t, cy + 12 * t), (cx - 4 * t, cy + 12 * t)], fill=(235,) * 3
        )


def golf_course(d: Draw, chance: Chance) -> None:
    horizon = sky(d, chance)
    ridge(d, chance, horizon - 8, 7, colour(chance, 45, 90, 45))
    ridge(d, chance, horizon + 6, 4, colour(chance, 105, 165, 75))
    for _ in range(chance.integers(1, 4)):
        x, y, w = (int(chance.integers(*limits)) for limits in ((10, 130), (horizon + 12, 145), (14, 34)))
        d.ellipse((x, y, x + w, y + w // 3), fill=colour(chance, 225, 210, 165))
    x = int(chance.integers(30, 130))
    d.line((x, horizon - 22, x, horizon + 22), fill=(240, 240, 240), width=2)
    d.polygon([(x, horizon - 22), (x + 13, horizon - 17), (x, horizon - 12)], fill=colour(chance, 210, 40, 40))


def corridor(d: Draw, chance: Chance) -> None:
    x, y = chance.integers(60, 100, 2).tolist()
    w, h = int(chance.integers(10, 26)), int(chance.integers(14, 34))
    ends = [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)]
    corners = [(0, 0), (160, 0), (160, 160), (0, 160)]
    wall = colour(chance, 190, 175, 150, spread=35)
    fills = (colour(chance, 225, 225, 220), wall, colour(chance, 120, 95, 75, spread=35), wall)
    for i, fill in enumerate(fills):
        j = (i + 1) % 4
        d.polygon([corners[i], corners[j], ends[j], ends[i]], fill=fill, outline=colour(chance, 60, 60, 60))
    d.rectangle((*ends[0], *ends[2]), fill=colour(chance, 150, 150, 150, spread=60))


def bookstore(d: Draw, chance: Chance) -> None:
    d.rectangle((0, 0, 160, 160), fill=colour(chance, 120, 80, 50))
    step = int(chance.integers(20, 42))
    for y in range(int(chance.integers(-10, 5)), 160, step):
        x = 0
        while x < 160:
            w = int(chance.integers(4, 12))
            top = y + int(chance.integers(2, step // 3))
            d.rectangle((x, top, x + w, y + step - 5), fill=colour(chance, 140, 110, 100, spread=65))
            x += w + 1


SCENES: dict[str, Callable[[Draw, Chance], None]] = {
    "bookstore": bookstore,
    "coast": coast,
    "corridor": corridor,
    "desert/sand": desert,
    "golf_course": golf_course,
    "highway": highway,
    "iceberg": iceberg,
    "mountain": mountain,
    "ski_slope": ski_slope,
    "skyscraper": skyscraper,
}  # by the name that MiniPlaces gives to a scene
