"""Draw a shift on the line: the wall, belt, rails, stations, light and camera that all clips of a recording share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from stillmotion.demo.parts import Style, draw_style

Pixels = NDArray[np.float32]

WIDTH, HEIGHT = 160, 120  # of the video, in pixels
SCENE = (240, 180)  # width and height of what is drawn, in pixels of the video: more than the camera sees
FINE = 2  # the scene is drawn at this many pixels per pixel of the video
BELT_TOP, BELT_BOTTOM = 76, 130  # rows of the scene
PRESS_STEPS = 8  # images of the press, from up to down


@dataclass(frozen=True)
class Shift:
    """What all clips of one recording share. Images have the size of the video, as the camera sees them.

    Attributes:
        style: of the parts.
        camera: `(3, 3)` homography from pixels of the video to pixels of the scene.
        background: RGB: wall, rails and floor.
        belt_mask: grayscale: where the belt is seen.
        belt: RGB: one loop of the empty belt, flat, at the resolution of the scene.
        stations: RGBA: for each step of the press, an image with the lamp off and one with it on.
        lamp: `(height, width, 3)` how much of the lamp's light falls on each pixel, 0 to 1.
        beacon: the same for the warning beacon of the press.
        light: `(height, width, 3)` vignette and color of the light.
        grain: standard deviation of the camera's noise, in levels.
        rate: frames per second.
        darkness: of shadows.
    """

    style: Style
    camera: NDArray[np.float64]
    background: Image.Image
    belt_mask: Image.Image
    belt: Image.Image
    stations: tuple[tuple[Image.Image, Image.Image], ...]
    lamp: Pixels
    beacon: Pixels
    light: Pixels
    grain: float
    rate: int
    darkness: float


def draw_shift(rng: np.random.Generator, belt_loop: int) -> Shift:
    """Draw a random shift.

    Args:
        rng: where the random draws come from.
        belt_loop: the length of the belt, in pixels of the video.

    Returns:
        The shift.
    """
    sun = float(rng.choice([np.pi * 1.25, np.pi * 1.75])) + rng.uniform(-0.35, 0.35)  # upper left or right
    camera = _camera(rng)
    scene = _scene(rng)
    mask = Image.new("L", _fine(SCENE))
    ImageDraw.Draw(mask).rectangle([0, BELT_TOP * FINE, SCENE[0] * FINE, BELT_BOTTOM * FINE], 255)
    press_x, lamp_x = np.array([98.0, 146.0]) + rng.uniform(-6, 6, 2)
    paint = tuple(int(value) for value in rng.choice(_PAINTS))
    stations = tuple(
        tuple(
            look_through(camera, _stations(press_x, lamp_x, down / (PRESS_STEPS - 1), lit, paint))
            for lit in (False, True)
        )
        for down in range(PRESS_STEPS)
    )
    return Shift(
        style=draw_style(rng, sun),
        camera=camera,
        background=look_through(camera, scene),
        belt_mask=look_through(camera, mask),
        belt=_belt(rng, belt_loop),
        stations=stations,
        lamp=_lamp(camera, lamp_x),
        beacon=_beacon(camera, press_x),
        light=_light(rng),
        grain=rng.uniform(1.8, 3.6),
        rate=int(rng.choice([20, 25])),
        darkness=rng.uniform(0.75, 1.0),
    )


def look_through(camera: NDArray[np.float64], image: Image.Image, x: float = 0.0, y: float = 0.0) -> Image.Image:
    """Transform a flat image to what the camera sees; its upper left corner is at (x, y) of the scene."""
    move = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1.0]])
    seen = (move @ camera).ravel()
    return image.transform(
        (WIDTH, HEIGHT), Image.Transform.PERSPECTIVE, tuple(seen[:8] / seen[8]), Image.Resampling.BILINEAR
    )


_PAINTS = np.array([(38, 92, 140), (196, 120, 28), (66, 120, 74), (150, 52, 46), (92, 98, 106), (200, 170, 50)])


def _fine(size: tuple[int, int]) -> tuple[int, int]:
    """A size in pixels of the scene, from one in pixels of the video."""
    return size[0] * FINE, size[1] * FINE


def _camera(rng: np.random.Generator) -> NDArray[np.float64]:
    """A random homography from pixels of the video to pixels of the scene."""
    roll, zoom = rng.uniform(-0.045, 0.045), rng.uniform(0.95, 1.02)
    center = np.array([[1, 0, -WIDTH / 2], [0, 1, -HEIGHT / 2], [0, 0, 1.0]])
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1.0]]) / [
        [1],
        [1],
        [1 / zoom],
    ]
    keystone = np.array([[1, 0, 0], [0, 1, 0], [rng.uniform(-4e-4, 4e-4), rng.uniform(1e-4, 9e-4), 1.0]])
    place = np.array(
        [[1, 0, SCENE[0] / 2 + rng.uniform(-6, 6)], [0, 1, SCENE[1] / 2 + 6 + rng.uniform(-5, 5)], [0, 0, 1.0]]
    )
    return np.asarray(np.diag([FINE, FINE, 1.0]) @ place @ keystone @ turn @ center)


def _scene(rng: np.random.Generator) -> Image.Image:
    """Wall with machines out of focus, rails with bolts, floor with rollers and legs."""
    width, height = _fine(SCENE)
    wall = np.array(rng.choice([(120, 126, 130), (96, 108, 120), (138, 130, 116), (84, 92, 90), (150, 152, 150)]))
    wall = wall * rng.uniform(0.55, 0.75)
    image = Image.new("RGB", (width, height), tuple(int(v) for v in wall))
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(7, 12))):  # cabinets, windows, pipes
        x, y = rng.uniform(0, width), rng.uniform(0, BELT_TOP * FINE)
        w, h = rng.uniform(20, 110), rng.uniform(16, 110)
        paint = np.array(rng.choice(_PAINTS)) * 0.28 + wall * rng.uniform(0.35, 0.75)
        pen.rectangle([x, y, x + w, y + h], tuple(int(v) for v in paint))
        pen.rectangle([x, y, x + w, y + 3], tuple(int(min(255, v * 1.25)) for v in paint))
    for _ in range(int(rng.integers(0, 3))):  # distant lamps
        x, y, r = rng.uniform(0, width), rng.uniform(30, 100), rng.uniform(4, 10)
        pen.ellipse([x - r, y - r, x + r, y + r], (255, 246, 220))
    for x in np.cumsum(rng.uniform(40, 160, 4)):
        pen.line([x, 0, x, height], tuple(int(v * 0.6) for v in wall), int(rng.integers(3, 8)))
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(3.0, 5.5)))
    pen = ImageDraw.Draw(image)
    _floor(pen, rng)
    _rail(pen, BELT_TOP - 9, 9, rng)
    _rail(pen, BELT_BOTTOM, 11, rng)
    return image


def _floor(pen: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Floor with rollers and legs."""
    width, height = _fine(SCENE)
    top = (BELT_BOTTOM + 9) * FINE
    shade = int(rng.uniform(30, 52))
    pen.rectangle([0, top, width, height], (shade, shade + 2, shade + 5))
    gap = rng.uniform(24, 34) * FINE
    for k in range(int(width / gap) + 2):  # the ends of the rollers
        x, y = (k - rng.uniform(0, 0.02)) * gap, top + 7 * FINE
        for r, tone in ((12, 26), (10, 92), (7, 120), (3, 48)):
            pen.ellipse([x - r, y - r, x + r, y + r], (tone, tone, tone + 4))
    for x in rng.uniform(0, width, 2):
        pen.rectangle([x, top, x + 26, height], (shade + 40, shade + 42, shade + 44))
        pen.rectangle([x, top, x + 6, height], (shade + 72, shade + 74, shade + 76))


def _rail(pen: ImageDraw.ImageDraw, top: int, thick: int, rng: np.random.Generator) -> None:
    """An aluminum profile with a groove and bolts."""
    width = SCENE[0] * FINE
    base = rng.uniform(128, 172)
    profile = np.interp(
        np.linspace(0, 1, thick * FINE), [0, 0.12, 0.4, 0.5, 0.62, 1], [1.3, 1.05, 0.95, 0.45, 0.9, 0.6]
    )
    for row, shade in enumerate(profile):
        tone = int(min(255, base * shade))
        pen.line([0, top * FINE + row, width, top * FINE + row], (tone, tone, min(255, tone + 5)))
    for x in np.arange(rng.uniform(0, 40), width, rng.uniform(50, 80)):
        y = (top + thick * 0.75) * FINE
        pen.ellipse([x - 4, y - 3, x + 4, y + 4], (50, 50, 54))
        pen.ellipse([x - 3, y - 3, x + 3, y + 2], (190, 190, 194))


def _belt(rng: np.random.Generator, loop: int) -> Image.Image:
    """A rubber belt: woven, worn lengthwise, scuffed, with a seam; its ends fit together."""
    width, height = loop * FINE, (BELT_BOTTOM - BELT_TOP) * FINE
    color = np.array(rng.choice([(58, 60, 62), (40, 74, 62), (46, 62, 88), (72, 73, 72), (64, 54, 47)]))
    weave = rng.normal(0, 1, (height, width))
    smooth = np.fft.fft2(weave)
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    cloud = np.real(np.fft.ifft2(smooth * np.exp(-((fx * 60) ** 2) - (fy * 30) ** 2)))
    fine = np.real(np.fft.ifft2(smooth * np.exp(-((fx * 4) ** 2) - (fy * 2.5) ** 2)))
    tone = 1 + 0.10 * cloud / cloud.std() + 0.09 * fine / fine.std() + 0.05 * rng.normal(0, 1, (height, 1))
    across = np.linspace(-1, 1, height)[:, None]
    tone *= 1.02 - 0.30 * np.abs(across) ** 6 + 0.06 * across
    rgb = np.clip(tone[..., None] * color * rng.uniform(0.85, 1.1), 0, 255).astype(np.uint8)
    belt = Image.fromarray(rgb)
    marks = Image.new("L", belt.size)
    pen = ImageDraw.Draw(marks)
    for _ in range(int(rng.integers(10, 18))):  # scuffs
        x, y = rng.uniform(20, width - 60), rng.uniform(4, height - 4)
        pen.line([x, y, x + rng.uniform(4, 36), y + rng.uniform(-6, 6)], int(rng.uniform(40, 130)), 2)
    seam = rng.uniform(30, width - 50)
    pen.line([seam, 0, seam + 8, height], 110, 3)
    worn = Image.new("RGB", belt.size, tuple(int(v) for v in color * 0.5 + 105))
    belt.paste(worn, mask=marks.filter(ImageFilter.GaussianBlur(0.8)))
    return belt


def _stations(press_x: float, lamp_x: float, down: float, lit: bool, paint: tuple[int, ...]) -> Image.Image:
    """The press and the lamp above the far side of the belt."""
    shadow = Image.new("L", _fine(SCENE))
    spread = 24 - 8 * down
    ImageDraw.Draw(shadow).ellipse(
        [(press_x - spread) * FINE, 94 * FINE, (press_x + spread) * FINE, 116 * FINE], int(40 + 70 * down)
    )
    image = Image.new("RGBA", _fine(SCENE))
    image.putalpha(shadow.filter(ImageFilter.GaussianBlur(9 - 4 * down)))
    pen = ImageDraw.Draw(image)
    dark = tuple(int(value * 0.55) for value in paint)
    pale = tuple(int(min(255, value * 1.3 + 20)) for value in paint)

    def box(cx: float, top: float, wide: float, bottom: float, fill: tuple[int, ...]) -> None:
        left, right = (cx - wide / 2) * FINE, (cx + wide / 2) * FINE
        pen.rectangle([left, top * FINE, right, bottom * FINE], fill)

    # The press: a column behind the belt, a cylinder, and a ram that comes down.
    head = 66 + 27 * down
    box(press_x, 0, 38, BELT_TOP - 5, dark)
    box(press_x - 14, 0, 6, BELT_TOP - 5, paint)
    for rod, wide in ((-12.0, 4), (0.0, 11), (12.0, 4)):
        box(press_x + rod, head - 32, wide, head, (196, 199, 204))
        box(press_x + rod + wide * 0.3, head - 32, wide * 0.35, head, (118, 120, 126))
        box(press_x + rod - wide * 0.25, head - 32, wide * 0.2, head, (236, 238, 240))
    box(press_x, 26, 30, 60, paint)
    box(press_x - 11, 26, 4, 60, pale)
    box(press_x + 12.5, 26, 4, 60, dark)
    box(press_x, 56, 33, 60, dark)
    box(press_x, head - 4, 36, head + 3, paint)
    box(press_x, head - 4, 36, head - 3, pale)
    box(press_x, head + 3, 27, head + 11, (150, 153, 158))
    box(press_x - 5, head + 3, 7, head + 11, (214, 216, 220))
    box(press_x, head + 9.5, 27, head + 11, (58, 60, 64))
    # Its warning beacon.
    pen.rounded_rectangle([(press_x + 6) * FINE, 29 * FINE, (press_x + 24) * FINE, 44 * FINE], 8, (52, 54, 58))
    amber = (255, 190, 70) if down > 0 else (112, 58, 20)
    pen.rounded_rectangle([(press_x + 8) * FINE, 31 * FINE, (press_x + 22) * FINE, 42 * FINE], 6, amber)
    # The lamp: an arm from the wall and a hood.
    box(lamp_x, 0, 4, 50, (60, 62, 66))
    box(lamp_x - 1, 0, 1, 50, (130, 132, 136))
    hood = [(lamp_x - 6, 48), (lamp_x + 6, 48), (lamp_x + 15, 62), (lamp_x - 15, 62)]
    pen.polygon([(x * FINE, y * FINE) for x, y in hood], (52, 54, 60))
    pen.polygon(
        [(x * FINE, y * FINE) for x, y in [(lamp_x - 6, 48), (lamp_x - 1, 48), (lamp_x - 6, 62), (lamp_x - 15, 62)]],
        (96, 100, 108),
    )
    bulb = (255, 252, 236) if lit else (108, 108, 100)
    pen.ellipse([(lamp_x - 14) * FINE, 59 * FINE, (lamp_x + 14) * FINE, 66 * FINE], bulb)
    return image


def _lamp(camera: NDArray[np.float64], lamp_x: float) -> Pixels:
    """The white light of the lamp, 0 to 1: a cone, a pool on the belt, and a little everywhere else."""
    image = Image.new("L", _fine(SCENE), 80)
    pen = ImageDraw.Draw(image)
    cone = [(lamp_x - 12, 64), (lamp_x + 12, 64), (lamp_x + 34, 106), (lamp_x - 34, 106)]
    pen.ellipse([(lamp_x - 74) * FINE, 50 * FINE, (lamp_x + 74) * FINE, 150 * FINE], 130)
    pen.polygon([(x * FINE, y * FINE) for x, y in cone], 190)
    pen.ellipse([(lamp_x - 38) * FINE, 80 * FINE, (lamp_x + 38) * FINE, 130 * FINE], 255)
    return _falling(camera, image, (0.86, 0.97, 1.0))


def _beacon(camera: NDArray[np.float64], press_x: float) -> Pixels:
    """The amber light of the press's warning beacon, 0 to 1: around it, and a little everywhere else."""
    image = Image.new("L", _fine(SCENE), 110)
    pen = ImageDraw.Draw(image)
    for reach, tone in ((90, 150), (60, 180), (30, 200)):
        box = [press_x - reach, 62 - reach, press_x + reach, 62 + reach * 0.8]
        pen.ellipse([value * FINE for value in box], tone)
    return _falling(camera, image, (1.0, 0.42, 0.04))


def _falling(camera: NDArray[np.float64], image: Image.Image, color: tuple[float, float, float]) -> Pixels:
    """Light of one color that falls on the scene, as the camera sees it, `(height, width, 3)`."""
    seen = np.asarray(look_through(camera, image.filter(ImageFilter.GaussianBlur(14))), np.float32)
    return np.asarray(seen[..., None] / 255 * np.array(color, np.float32))


def _light(rng: np.random.Generator) -> Pixels:
    """Vignette, one brighter side, warm or cold light."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    fall = 1.06 - rng.uniform(0.10, 0.22) * (x**2 + y**2)
    lean = 1 + rng.uniform(-0.10, 0.10) * x + rng.uniform(-0.05, 0.05) * y
    warmth = rng.uniform(-0.07, 0.07)
    color = rng.uniform(0.80, 0.96) * np.array([1 + warmth, 1.0, 1 - warmth])
    return np.asarray((fall * lean)[..., None] * color, np.float32)
