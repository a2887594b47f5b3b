"""Recordings of a running line: normal footage, and test recordings with a truth of faults and nuisances.

The camera stands still, as it does at a line: all recordings show the same shift. New parts come all the time; speed
and light vary a little from recording to recording. Faults are of look (a scratched or a dented part passes), of motion
(the belt stops, stutters, runs back, fast or slowly) and of sequence (the lamp acts before the press, or the press does
not act). Nuisances are no faults: the light flickers, drifts or dims, the camera shakes, dust floats past. Each normal
recording has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stillmotion.demo.labels import BEAT_SECONDS, SPEEDS
from stillmotion.demo.parts import draw_part, part_shadow
from stillmotion.demo.rendering import BLEED, LOOP, PARTS, SPACING
from stillmotion.demo.scenery import (
    BELT_BOTTOM,
    BELT_TOP,
    FINE,
    HEIGHT,
    PRESS_STEPS,
    SCENE,
    WIDTH,
    Shift,
    draw_shift,
    look_through,
)
from stillmotion.files import atomic_write

RATE = 12
FAULTS: dict[str, tuple[str, ...]] = {
    "look": ("scratched", "dented"),
    "motion": ("stop", "stutter", "backward", "fast", "slow"),
    "sequence": ("lamp-first", "press-missing"),
}
NUISANCES = ("flicker", "drift", "dark", "shake", "dust")
FAULT_SECONDS = 6.0
DUST_SPECKS = 4
# The same frames give the same file: with several threads or a look ahead, x264 does not always do so.
_CODEC = {"preset": "veryfast", "crf": "20", "threads": "1", "bf": "0", "x264-params": "mbtree=0"}
# Scene columns between which the center of a part is well inside the picture.
_SEEN = (60.0, 180.0)
_ROWS, _COLUMNS = np.arange(HEIGHT)[:, None], np.arange(WIDTH)[None]


@dataclass(frozen=True)
class Happening:
    """A fault or a nuisance.

    Attributes:
        name: one of `FAULTS` or `NUISANCES`.
        start_seconds: when it begins.
        end_seconds: when it ends.
    """

    name: str
    start_seconds: float
    end_seconds: float


def draw_line(seed: int) -> Shift:
    """The line that all recordings of a seed show."""
    return draw_shift(np.random.default_rng((seed, 99)), LOOP)


def plan_happenings(names: Sequence[str], seconds: float, rng: np.random.Generator) -> list[Happening]:
    """Spread faults and nuisances over a recording, at random places that do not touch.

    Args:
        names: what happens.
        seconds: of the recording.
        rng: where the random draws come from.

    Returns:
        The happenings, in order of time.
    """
    slot = seconds / max(len(names), 1)
    shuffled = [names[index] for index in rng.permutation(len(names))]
    starts = [number * slot + rng.uniform(3.0, slot - FAULT_SECONDS - 3.0) for number in range(len(names))]
    return [Happening(name, start, start + FAULT_SECONDS) for name, start in zip(shuffled, starts, strict=True)]


def render_recording(
    shift: Shift, seconds: float, planned: Sequence[Happening], rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], list[Happening]]]:
    """Render the frames of a recording.

    Args:
        shift: the line.
        seconds: how long.
        planned: what happens. A part that is scratched or dented is seen a little later than planned.
        rng: where the random draws come from.

    Yields:
        uint8 RGB `(height, width, 3)` at 12 frames per second, and what has happened up to it.
    """
    times = np.arange(round(seconds * RATE)) / RATE
    speed = _speed(times, planned, rng)
    start = (rng.uniform(0, LOOP) - np.cumsum(speed) / RATE) % LOOP
    press, lamp = _stations(times, planned, rng)
    light = _light(times, planned, rng)
    shake = _shake(times, planned, rng)
    dust = _dust(times, planned, rng)
    belt = _Belt(shift, rng)
    noise = rng.normal(0, shift.grain, (HEIGHT + 64, WIDTH + 64, 3)).astype(np.float32)
    corners = rng.integers(0, 64, (len(times), 2))
    waiting = sorted(
        (event for event in planned if event.name in FAULTS["look"]), key=lambda event: event.start_seconds
    )
    happened = [event for event in planned if event.name not in FAULTS["look"]]
    for index, now in enumerate(times):
        due = waiting[0].name if waiting and now >= waiting[0].start_seconds else None
        if belt.renew(float(start[index]), due):
            waiting.pop(0)
        happened += belt.seen(float(start[index]), float(now))
        move_x, move_y = shake[index]
        seen = look_through(shift.camera, belt.image, -start[index] * FINE, BELT_TOP * FINE - BLEED)
        image = Image.composite(seen, shift.background, shift.belt_mask)
        overlay = shift.stations[round(float(press[index]) * (PRESS_STEPS - 1))][int(lamp[index] > 0.5)]
        image.paste(overlay, mask=overlay)
        if move_x or move_y:
            image = _moved(image, float(move_x), float(move_y))
        frame = np.asarray(image, np.float32) * (shift.light * np.float32(light[index]))
        for level, source in ((press[index], shift.beacon), (lamp[index], shift.lamp)):
            if level > 0:
                frame = frame * (1 + np.float32(0.45 * level) * source) + np.float32(24 * level) * source
        for right, down, size, levels in dust[index][dust[index, :, 3] > 0]:
            far = np.square(_COLUMNS - right) + np.square(_ROWS - down)
            frame += levels * np.exp(-far / (2 * size**2))[..., None]
        top, left = corners[index]
        frame += noise[top : top + HEIGHT, left : left + WIDTH]
        yield np.clip(frame, 0, 255).astype(np.uint8), happened


def write_recording(
    path: Path, shift: Shift, seconds: float, planned: Sequence[Happening], rng: np.random.Generator
) -> list[Happening]:
    """Render a recording into an mp4.

    Args:
        path: the file.
        shift: the line.
        seconds: how long.
        planned: what happens.
        rng: where the random draws come from.

    Returns:
        What happened, and when.
    """
    from fractions import Fraction

    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    happened: list[Happening] = []
    with atomic_write(path) as part, av.open(str(part), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=Fraction(RATE), options=_CODEC)
        stream.pix_fmt, stream.width, stream.height = "yuv420p", WIDTH, HEIGHT
        for pixels, so_far in render_recording(shift, seconds, planned, rng):
            happened = so_far
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode())
    return sorted(happened, key=lambda event: event.start_seconds)


def _during(times: NDArray[np.float64], planned: Sequence[Happening], name: str) -> NDArray[np.bool_]:
    """At which times something happens."""
    inside = np.zeros(len(times), np.bool_)
    for event in planned:
        if event.name == name:
            inside |= (times >= event.start_seconds) & (times < event.end_seconds)
    return inside


def _speed(times: NDArray[np.float64], planned: Sequence[Happening], rng: np.random.Generator) -> NDArray[np.float64]:
    """Pixels per second, to the right."""
    normal = SPEEDS["forward"] * rng.uniform(0.96, 1.04)
    wobble = 1 + 0.02 * np.sin(2 * np.pi * (times / rng.uniform(7, 19) + rng.uniform()))
    speed = np.asarray(normal * wobble)
    for name, factor in (("stop", 0.0), ("backward", -1.0), ("fast", 2.3), ("slow", 0.4)):
        speed = np.where(_during(times, planned, name), factor * normal, speed)
    stuttering = np.where(times % 0.9 < 0.6, 0.0, 3 * normal)
    return np.where(_during(times, planned, "stutter"), stuttering, speed)


def _stations(
    times: NDArray[np.float64], planned: Sequence[Happening], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far the press is down, and how bright the lamp is."""
    clock = times / (BEAT_SECONDS * rng.uniform(0.98, 1.02)) + rng.uniform(0, 3)
    beat, within = np.floor(clock) % 3, clock % 1.0
    act = np.clip(np.minimum(within, 1.0 - within) / 0.18, 0.0, 1.0)
    first, second = np.where(beat == 0, act, 0.0), np.where(beat == 1, act, 0.0)
    swapped = _during(times, planned, "lamp-first")
    press, lamp = np.where(swapped, second, first), np.where(swapped, first, second)
    return np.where(_during(times, planned, "press-missing"), 0.0, press), lamp


def _light(times: NDArray[np.float64], planned: Sequence[Happening], rng: np.random.Generator) -> NDArray[np.float64]:
    """How bright the scene is: slow changes are normal; flicker, drift and darkness are nuisances."""
    light = rng.uniform(0.95, 1.05) + 0.03 * np.sin(2 * np.pi * (times / rng.uniform(20, 90) + rng.uniform()))
    light *= rng.normal(1, 0.006, len(times))
    light *= np.where(_during(times, planned, "flicker"), 1 + 0.06 * np.sin(2 * np.pi * 2.7 * times), 1.0)
    for event in planned:
        if event.name == "drift":
            share = np.clip((times - event.start_seconds) / (event.end_seconds - event.start_seconds), 0, 1)
            light *= 1 + 0.12 * np.sin(np.pi * share)
        elif event.name == "dark":  # It fades within a second, and comes back as slowly.
            inside = np.minimum(times - event.start_seconds, event.end_seconds - times)
            light *= 1 - 0.4 * np.clip(inside, 0, 1)
    return light


def _shake(times: NDArray[np.float64], planned: Sequence[Happening], rng: np.random.Generator) -> NDArray[np.float64]:
    """How far the camera moves, `(time, 2)` pixels."""
    shaking = _during(times, planned, "shake")[:, None]
    return np.where(shaking, rng.normal(0, 0.4, (len(times), 2)), 0.0)


def _dust(times: NDArray[np.float64], planned: Sequence[Happening], rng: np.random.Generator) -> NDArray[np.float64]:
    """Specks close to the lens, so out of focus: `(time, speck, 4)`, pixels to the right and downward, size, levels."""
    # In the middle of their way, all are in the picture.
    middle = rng.uniform((0, 0), (WIDTH, HEIGHT), (DUST_SPECKS, 2))
    speed = rng.normal(0, 10, (DUST_SPECKS, 2))
    size, levels = rng.uniform(1.5, 3, DUST_SPECKS), rng.uniform(15, 35, DUST_SPECKS)
    specks = np.zeros((len(times), DUST_SPECKS, 4))
    for event in planned:
        if event.name == "dust":
            seen = (times >= event.start_seconds) & (times < event.end_seconds)
            since_middle = times[seen, None, None] - (event.start_seconds + event.end_seconds) / 2
            specks[seen, :, :2] = middle + speed * since_middle
            specks[seen, :, 2:] = np.stack([size, levels], axis=-1)
    return specks


def _moved(image: Image.Image, right: float, down: float) -> Image.Image:
    """What a camera sees that has moved a little: as sharp as before, and not black at the edges."""
    from scipy.ndimage import shift

    pixels = shift(np.asarray(image, np.float32), (-down, -right, 0), order=5, mode="nearest")
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


class _Belt:
    """The belt with its parts, which are replaced by new ones where the camera does not see them."""

    def __init__(self, shift: Shift, rng: np.random.Generator) -> None:
        self.shift, self.rng = shift, rng
        self.parts = [draw_part(shift.style, "sound", rng) for _ in range(PARTS)]
        self.surfaces = ["sound"] * PARTS
        self.places = [self._place(number) for number in range(PARTS)]
        self.renewed = [False] * PARTS
        self.since: dict[int, float] = {}
        self.image = self._drawn()

    def renew(self, start: float, due: str | None) -> bool:
        """Replace the parts that are out of sight; whether one of them has the surface that is due."""
        used = False
        for number in range(PARTS):
            hidden = 300 < self._column(number, start) < 400
            if hidden and not self.renewed[number]:
                surface = due if due and not used else "sound"
                used = used or surface == due
                self.parts[number] = draw_part(self.shift.style, surface, self.rng)
                self.surfaces[number], self.places[number] = surface, self._place(number)
                self.image = self._drawn()
            self.renewed[number] = hidden
        return used

    def seen(self, start: float, now: float) -> list[Happening]:
        """The parts with a fault that leave the picture now."""
        left = []
        for number, surface in enumerate(self.surfaces):
            inside = surface != "sound" and _SEEN[0] < self._column(number, start) < _SEEN[1]
            if inside:
                self.since.setdefault(number, now)
            elif number in self.since:
                left.append(Happening(surface, self.since.pop(number), now))
        return left

    def _column(self, number: int, start: float) -> float:
        """The column of the scene at which the center of a part is."""
        return ((number + 0.5) * SPACING - start) % LOOP

    def _place(self, number: int) -> tuple[float, float]:
        x = (number + 0.5) * SPACING * FINE + self.rng.uniform(-3, 3) * FINE
        return x, (BELT_BOTTOM - BELT_TOP) * FINE // 2 + self.rng.uniform(-2, 2) * FINE

    def _drawn(self) -> Image.Image:
        belt = self.shift.belt.copy()
        black = Image.new("RGB", (1, 1))
        for part, (x, y) in zip(self.parts, self.places, strict=True):
            shadow = part_shadow(part, self.shift.style.light).point(lambda value: value * self.shift.darkness)
            corner = round(x - shadow.width / 2), round(y - shadow.height / 2)
            belt.paste(black.resize(shadow.size), corner, shadow)
            belt.paste(part, (round(x - part.width / 2), round(y - part.height / 2)), part)
        laden = Image.new("RGB", ((LOOP + SCENE[0]) * FINE, belt.height + 2 * BLEED))
        for x in (0, LOOP * FINE):
            for y in (0, 2 * BLEED, BLEED):
                laden.paste(belt, (x, y))
        return laden
