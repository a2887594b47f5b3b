"""Draw machined metal parts, seen obliquely from above: one image with transparency per part."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from stillmotion.demo.labels import Surface

Pixels = NDArray[Any]

RADIUS = 29.0  # of a part, in pixels of the video
SQUASH = 0.64  # height over width of a circle on the belt, which the camera sees at a slant
FINE = 4  # parts are drawn at this many pixels per pixel of the video, and kept at half of it
METALS = {  # red, green, blue
    "steel": (0.66, 0.69, 0.73),
    "aluminum": (0.78, 0.79, 0.80),
    "brass": (0.80, 0.66, 0.38),
    "iron": (0.60, 0.61, 0.66),
}
RUST = (0.72, 0.26, 0.08)  # in scratches
BARE_METAL = (0.10, 0.05, 0.22)  # in dents, dark
SHAPES = ("flange", "gear", "hexagon", "block")


@dataclass(frozen=True)
class Style:
    """What the parts of one shift have in common.

    Attributes:
        shape: one of `SHAPES`.
        metal: its color, red, green and blue.
        bore: the radius of the hole in the middle, relative to that of the part.
        holes: the number of small holes around the bore.
        height: in pixels of the video.
        light: the direction that the light comes from, in radians: 0 is the right, growing downwards.
    """

    shape: str
    metal: tuple[float, float, float]
    bore: float
    holes: int
    height: float
    light: float


def draw_style(rng: np.random.Generator, light: float) -> Style:
    """Draw a random style for the parts of a shift, lit from `light`."""
    metal = np.array(METALS[str(rng.choice(list(METALS)))]) * rng.uniform(0.9, 1.08)
    return Style(
        shape=str(rng.choice(SHAPES)),
        metal=(float(metal[0]), float(metal[1]), float(metal[2])),
        bore=rng.uniform(0.22, 0.36),
        holes=int(rng.choice([0, 0, 4, 6])),
        height=rng.uniform(6.0, 9.0),
        light=light,
    )


def draw_part(style: Style, surface: Surface, rng: np.random.Generator) -> Image.Image:
    """Draw one part: an RGBA image at twice the resolution of the video, with the part in its center."""
    half_width = int(RADIUS * 1.12) * FINE
    half_height = int(RADIUS * 1.12 * SQUASH + 6) * FINE
    y, x = np.mgrid[-half_height:half_height, -half_width:half_width].astype(np.float32) + 0.5
    rise = style.height * FINE / 2
    fx, fy = x / (RADIUS * FINE), (y + rise) / (RADIUS * FINE * SQUASH)
    turn = rng.uniform(0, 2 * np.pi)
    dent = _Dent(style.shape, turn, rng) if surface == "dented" else None
    inside = _outline(style.shape, fx, fy, turn)  # how deep inside the outline, in radii
    if dent:
        inside = np.minimum(inside, dent.outline(fx, fy))
    top = np.clip(inside * RADIUS * FINE * 0.8 + 0.5, 0, 1)
    scratches = _scratches((x.shape[1], x.shape[0]), rise, rng) if surface == "scratched" else None
    face = _face(style, fx, fy, inside, turn, scratches, rng)
    if dent:
        face += dent.shade(fx, fy, style.light)
    side = _side(top, int(style.height * FINE))
    wall = 0.42 + 0.22 * np.cos(style.light) * fx + 0.10 * np.abs(np.sin(3 * fx + turn)).astype(np.float32)
    tone = wall * (1 - top) + face * top
    tone[(top < 0.5) & (_side(top, FINE) > 0.5)] += 0.22  # the lit edge between face and wall
    rgb = np.clip(tone[..., None] * np.array(style.metal, np.float32) / 0.72, 0, 1)
    rgb = rgb + np.clip(tone[..., None] - 0.92, 0, 1) * 0.8  # highlights lose the color of the metal
    if scratches:
        rgb = _stained(rgb, scratches[0], RUST)
    if dent:
        rgb = _stained(rgb, dent.depth(fx, fy) * top, BARE_METAL)
    alpha = np.maximum(top, side)
    image = Image.fromarray((np.clip(np.dstack([rgb, alpha]), 0, 1) * 255).astype(np.uint8), "RGBA")
    return image.reduce(FINE // 2)


def _stained(rgb: Pixels, share: Pixels, color: tuple[float, float, float]) -> Pixels:
    """Blend a color into an image, where `share` is above 0."""
    return np.asarray(rgb + (np.array(color, np.float32) - rgb) * 0.92 * share[..., None], np.float32)


def part_shadow(part: Image.Image, light: float) -> Image.Image:
    """Compute how much a part darkens the belt, 0 to 255, at the size of its image with a margin of 16."""
    margin = 16
    mask = Image.new("L", (part.width + 2 * margin, part.height + 2 * margin))
    shift = round(-7 * np.cos(light)), 7
    mask.paste(part.getchannel("A"), (margin + shift[0], margin + shift[1]))
    return mask.filter(ImageFilter.GaussianBlur(4.5)).point(lambda value: value * 0.72)


def _outline(shape: str, fx: Pixels, fy: Pixels, turn: float) -> Pixels:
    """How deep each point is inside the outline, in radii."""
    radius, angle = np.hypot(fx, fy), np.arctan2(fy, fx) + np.float32(turn)
    if shape == "gear":
        return 0.94 + 0.06 * np.clip(2.5 * np.cos(14 * angle), -1, 1) - radius
    if shape == "hexagon":
        return 0.92 - radius * np.cos((angle % (np.pi / 3)) - np.pi / 6) / np.cos(0.15)
    if shape == "block":
        a = np.abs(radius * np.cos(angle)) - 0.58
        b = np.abs(radius * np.sin(angle)) - 0.58
        return 0.18 - np.hypot(np.maximum(a, 0), np.maximum(b, 0)) - np.minimum(np.maximum(a, b), 0)
    return 1.0 - radius


def _face(
    style: Style,
    fx: Pixels,
    fy: Pixels,
    inside: Pixels,
    turn: float,
    scratches: tuple[Pixels, Pixels] | None,
    rng: np.random.Generator,
) -> Pixels:
    """The brightness of the upper face: turned on a lathe, chamfered, scratched if it has to be, and bored."""
    radius, angle = np.hypot(fx, fy), np.arctan2(fy, fx)
    facing = np.cos(angle - style.light)  # 1 where an outward slope looks into the light
    face = rng.uniform(0.65, 0.74) + 0.13 * np.cos(2 * (angle - style.light - rng.uniform(-0.3, 0.3))) ** 3
    face += 0.025 * np.sin(radius * rng.uniform(70, 110)) - 0.05 * radius
    face += 0.30 * facing * np.exp(-(((inside - 0.035) / 0.04) ** 2))  # outer chamfer
    step = style.bore + rng.uniform(0.14, 0.2)
    face += 0.26 * facing * np.exp(-(((radius - step) / 0.035) ** 2))  # the edge of the hub
    face += np.where(radius < step, np.float32(0.07), np.float32(0))
    if scratches:
        groove, burr = scratches
        face = face * (1 - 0.92 * groove) + 0.65 * burr
    wells = [(0.0, 0.0, style.bore)]
    for k in range(style.holes):
        around = turn + 2 * math.pi * k / style.holes
        wells.append((0.70 * math.cos(around), 0.70 * math.sin(around), 0.075))
    for cx, cy, size in wells:
        rows = np.flatnonzero(np.abs(fy[:, 0] - cy) < size + 0.1)
        columns = np.flatnonzero(np.abs(fx[0] - cx) < size + 0.1)
        here = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        dx, dy = fx[here] - cx, fy[here] - cy
        depth = size - np.hypot(dx, dy)
        floor = 0.0 if size == style.bore else 0.22
        away = np.cos(np.arctan2(dy, dx) - style.light)  # the far wall of a hole is lit
        cover = np.clip(depth * RADIUS * FINE * 0.8 + 0.5, 0, 1)
        well = face[here] * (1 - cover) + (floor + 0.16 * (1 - away)) * cover
        face[here] = well - 0.22 * away * np.exp(-(((depth + 0.03) / 0.025) ** 2))  # countersink
    return np.asarray(face, np.float32)


def _side(top: Pixels, height: int) -> Pixels:
    """The face swept downwards by `height` rows."""
    side = top.copy()
    for rows in range(1, height + 1):
        np.maximum(side[rows:], top[:-rows], out=side[rows:])
    return side


class _Dent:
    """Damage at the rim: a piece missing from the outline and a crater next to it. Positions are in radii."""

    def __init__(self, shape: str, turn: float, rng: np.random.Generator) -> None:
        where = rng.uniform(0, 2 * np.pi)
        ray = np.linspace(0.5, 1.1, 61, dtype=np.float32)
        rim = ray[np.abs(_outline(shape, ray * np.cos(where), ray * np.sin(where), turn)).argmin()]
        self.size = rng.uniform(0.66, 0.78)
        reach = rim - rng.uniform(0.32, 0.42)
        self.x, self.y = reach * np.cos(where), reach * np.sin(where)
        self.dent_x, self.dent_y = (rim + 0.14) * np.cos(where), (rim + 0.14) * np.sin(where)

    def outline(self, fx: Pixels, fy: Pixels) -> Pixels:
        """How far each point is from the missing piece, in radii; below 0 inside it."""
        return np.hypot(fx - self.dent_x, fy - self.dent_y) - np.float32(0.58)

    def depth(self, fx: Pixels, fy: Pixels) -> Pixels:
        """How deep each point is in the crater, 0 to 1."""
        far = np.hypot(fx - self.x, fy - self.y) / self.size
        return np.asarray(np.clip(3.5 * (1 - far), 0, 1), np.float32)

    def shade(self, fx: Pixels, fy: Pixels, light: float) -> Pixels:
        """How much the crater brightens or darkens each point."""
        dx, dy = (fx - self.x) / self.size, (fy - self.y) / self.size
        far = np.hypot(dx, dy)
        slope = np.where(far < 1, np.sin(np.pi * np.clip(far, 0, 1)), 0)
        lit = (dx * np.cos(light) + dy * np.sin(light)) / np.maximum(far, 1e-3)
        rim = 0.34 * lit * np.exp(-(((far - 1.02) / 0.09) ** 2))
        return np.asarray(-0.60 * slope * lit - 0.36 * np.clip(1 - far, 0, 1) + rim, np.float32)


def _scratches(size: tuple[int, int], rise: float, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Three or four long scratches across the face: masks of the dark grooves and their bright edges, 0 to 1."""
    masks = Image.new("L", size), Image.new("L", size)
    slant = rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(3, 5))):
        aim = slant + rng.uniform(-0.22, 0.22)
        along = np.array([np.cos(aim), np.sin(aim)])
        steps = np.linspace(-rng.uniform(0.7, 0.95), rng.uniform(0.7, 0.95), 13)
        aside = rng.uniform(-0.55, 0.55) + np.cumsum(rng.normal(0, 0.022, 13))
        points = steps[:, None] * along + aside[:, None] * [-along[1], along[0]]
        points = points * RADIUS * FINE * [1, SQUASH] + [size[0] / 2, size[1] / 2 - rise]
        widest = rng.uniform(4.0, 5.2) * FINE
        for mask, shift, share in ((masks[0], 0.0, 1.0), (masks[1], 0.75 * widest, 0.75)):
            pen = ImageDraw.Draw(mask)
            for k in range(12):  # thin at both ends
                thick = max(2, round(share * widest * math.sin(math.pi * (k + 0.8) / 12.6) ** 0.6))
                (x0, y0), (x1, y1) = points[k], points[k + 1]
                pen.line([x0, y0 + shift, x1, y1 + shift], 255, thick)
                end = thick / 2 - 1
                pen.ellipse([x1 - end, y1 + shift - end, x1 + end, y1 + shift + end], 255)
    groove, burr = (np.asarray(mask, np.float32) / 255 for mask in masks)
    return groove, burr
