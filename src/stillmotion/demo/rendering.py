"""Render a clip of a shift: parts on a moving belt, seen by a camera with noise."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stillmotion.demo.labels import Label, belt_travel, station_strokes
from stillmotion.demo.parts import draw_part, part_shadow
from stillmotion.demo.scenery import (
    BELT_BOTTOM,
    BELT_TOP,
    FINE,
    HEIGHT,
    PRESS_STEPS,
    SCENE,
    WIDTH,
    Shift,
    look_through,
)

SECONDS = 2.4
PARTS = 5  # on the loop
# From part to part, in pixels of the video: there is always at least one whole part in the frame.
SPACING = 92
LOOP = PARTS * SPACING
# Rows of the belt image beyond each edge, for the camera's interpolation.
BLEED = 4


def render_clip(shift: Shift, label: Label, rng: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
    """Render the frames of one clip of 2.4 seconds.

    There is no motion blur, which would show the speed in a single frame.

    Args:
        shift: what all clips of one recording share.
        label: what the clip may show.
        rng: where the random draws come from.

    Yields:
        uint8 RGB `(height, width, 3)`, at the frame rate of the shift.
    """
    seconds = np.arange(round(SECONDS * shift.rate)) / shift.rate
    surface = label.surfaces[rng.integers(len(label.surfaces))]
    motion = label.motions[rng.integers(len(label.motions))]
    lamp_first = label.lamp_first[rng.integers(len(label.lamp_first))]
    phase = rng.uniform(0, LOOP)
    travel = belt_travel(motion, seconds, rng)
    press, lamp = station_strokes(lamp_first, seconds, rng)
    drift = (
        1
        + 0.05 * np.sin(2 * np.pi * (rng.uniform(0.1, 0.5) * seconds + rng.uniform()))
        + rng.normal(0, 0.006, len(seconds))
    )
    belt = _laden_belt(shift, [draw_part(shift.style, surface, rng) for _ in range(PARTS)], rng)
    noise = rng.normal(0, shift.grain, (HEIGHT + 64, WIDTH + 64, 3)).astype(np.float32)
    corners = rng.integers(0, 64, (len(seconds), 2))
    for index in range(len(seconds)):
        start = (phase - travel[index]) % LOOP  # the point of the loop that is at the left edge of the scene
        seen = look_through(shift.camera, belt, -start * FINE, BELT_TOP * FINE - BLEED)
        image = Image.composite(seen, shift.background, shift.belt_mask)
        overlay = shift.stations[round(float(press[index]) * (PRESS_STEPS - 1))][int(lamp[index] > 0.5)]
        image.paste(overlay, mask=overlay)
        frame = np.asarray(image, np.float32) * (shift.light * np.float32(drift[index]))
        for level, light in ((press[index], shift.beacon), (lamp[index], shift.lamp)):
            if level > 0:
                frame = frame * (1 + np.float32(0.45 * level) * light) + np.float32(24 * level) * light
        top, left = corners[index]
        frame += noise[top : top + HEIGHT, left : left + WIDTH]
        yield np.clip(frame, 0, 255).astype(np.uint8)


def _laden_belt(shift: Shift, parts: list[Image.Image], rng: np.random.Generator) -> Image.Image:
    """The belt with its parts and their shadows: one loop, continued by the width of the scene."""
    loop, wide = LOOP * FINE, (LOOP + SCENE[0]) * FINE
    middle = (BELT_BOTTOM - BELT_TOP) * FINE // 2
    belt = shift.belt.copy()
    black = Image.new("RGB", (1, 1))
    for number, part in enumerate(parts):
        x = (number + 0.5) * SPACING * FINE + rng.uniform(-3, 3) * FINE
        y = middle + rng.uniform(-2, 2) * FINE
        shadow = part_shadow(part, shift.style.light).point(lambda value: value * shift.darkness)
        corner = round(x - shadow.width / 2), round(y - shadow.height / 2)
        belt.paste(black.resize(shadow.size), corner, shadow)
        belt.paste(part, (round(x - part.width / 2), round(y - part.height / 2)), part)
    laden = Image.new("RGB", (wide, belt.height + 2 * BLEED))
    for x in (0, loop):
        for y in (0, 2 * BLEED, BLEED):  # the belt continues under the rails
            laden.paste(belt, (x, y))
    return laden
