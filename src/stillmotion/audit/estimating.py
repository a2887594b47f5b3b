"""The chain of differences: which settings turn a video's frames into the pictures that were seen.

Greedy, from the healthy path on: at each step the one fault is taken that leaves least of the pictures over, as long
as it explains clearly more. Colours are judged small, where no kernel matters; the rest at the pictures' own size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from stillmotion.audit.aligning import Match, resize_any
from stillmotion.audit.faults import FAULTS, Setting, Shot, Size, normal_path, render_picture
from stillmotion.audit.faults.colour_matrix import COLOUR_MATRIX
from stillmotion.audit.faults.exposure import curve
from stillmotion.audit.faults.framing import WHOLE, Box
from stillmotion.audit.faults.jpeg import NONE, Jpeg
from stillmotion.audit.faults.scaling import SCALES, factors
from stillmotion.audit.resampling import Picture

# A fault must explain this share of what was left, and this many levels, to be believed.
SHARE, LEVELS = 0.05, 0.12
SMALL = 72  # pixels, the longer side where colours are judged
MOST = 4  # pictures that the dear comparisons are made on


@dataclass(frozen=True, eq=False)
class Sighting:
    """A picture that was seen, and its moment.

    Attributes:
        levels: float32 `(height, width, 3)`, 0 to 255, in the order seen.
        match: its moment.
        jpeg: what its file says, `NONE` if it is no JPEG; None if that is to be found out.
    """

    levels: Picture
    match: Match
    jpeg: Jpeg | None = None

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.levels.shape[0], self.levels.shape[1]

    def shot(self, radius: int = 0) -> Shot:
        """Its frame, and those around."""
        return self.match.reel.shot(self.match.index, radius)

    @property
    def resized(self) -> bool:
        """Whether it has another size than what it shows has in the video."""
        facts = self.match.reel.facts
        height, width = (facts.height, facts.width)[:: -1 if self.match.turn[0] % 2 else 1]
        left, top, right, bottom, _ = self.match.box
        seen = round((bottom - top) * height), round((right - left) * width)
        return max(abs(seen[0] - self.size[0]), abs(seen[1] - self.size[1])) > 1


@dataclass(frozen=True, eq=False)
class Explanation:
    """A path, and how far off it leaves the pictures: the root of the mean square, in levels, before and after."""

    path: dict[str, Setting]
    before: float
    after: float


def explain(sightings: Sequence[Sighting]) -> Explanation:
    """The path that pictures of one kind took from their frames. All have one size, turn and framing."""
    first = sightings[0]
    path = normal_path() | {
        "rotation or mirroring": first.match.turn,
        "stretch, crop or letterbox": first.match.box,
        "resizing": ("area", first.size) if first.resized else "area",
        "JPEG compression": first.jpeg or NONE,
    }
    path |= _explain_colours(sightings)
    detailed = sorted(sightings, key=lambda one: -float(np.abs(np.diff(one.levels, axis=1)).mean()))[:MOST]
    before = _off(detailed, path)
    least = before
    for _ in range(5):
        tried = [(_off(detailed, path | change), change) for change in _changes(first, path, least)]
        best = min(tried, key=lambda one: one[0], default=None)
        if best is None or not _believed(least, best[0]):
            break
        least, path = best[0], path | best[1]
    plain = _off(detailed, normal_path() | {name: path[name] for name in ("stretch, crop or letterbox",)})
    return Explanation(path, max(plain, before), least)


def _believed(before: float, after: float) -> bool:
    return after < before * (1 - SHARE) - LEVELS


def _changes(one: Sighting, path: dict[str, Setting], left: float) -> Iterator[dict[str, Setting]]:
    """Settings to try next, judged at the pictures' own size."""
    names = ["motion blur", "interlacing"]
    if one.resized:
        names.append("resizing")
    if one.jpeg is None:
        names.append("JPEG compression")
    if left > 1.5:
        names.append("video compression")
    for name in names:
        for setting in FAULTS[name].candidates:
            if name == "resizing":
                setting = (setting, one.size)
            if setting != path[name] and (name == "resizing" or path[name] == FAULTS[name].normal):
                yield {name: setting}


def _off(sightings: Sequence[Sighting], path: dict[str, Setting]) -> float:
    """How far the path's pictures are from those seen: the root of the mean square, in levels."""
    squares = []
    near = any(path[name] != FAULTS[name].normal for name in ("motion blur", "interlacing", "video compression"))
    for one in sightings:
        made = render_picture(path, one.shot(6 if near else 0), one.size)
        squares.append(float(((made - one.levels) ** 2).mean()))
    return float(np.sqrt(np.mean(squares)))


def _explain_colours(sightings: Sequence[Sighting]) -> dict[str, Setting]:
    """Channel order, matrix and range, grey, gain and gamma: small, all pictures at once."""
    made, seen = _small_pairs(sightings)
    plain: dict[str, Setting] = {
        "channel order": "RGB", "colour matrix or range": ("", ""), "grey": "colour", "gamma or exposure": (1.0, 1.0)
    }  # fmt: skip
    best, least = plain, _distance(made, seen) * (1 - SHARE) - LEVELS
    matrices: list[Setting] = [COLOUR_MATRIX.normal, *COLOUR_MATRIX.candidates]
    for order, grey, matrix in product(("RGB", "BGR"), ("colour", "grey"), matrices):
        if grey == "grey" and (order == "BGR" or matrix != COLOUR_MATRIX.normal):
            continue
        changed: dict[str, Setting] = {"channel order": order, "colour matrix or range": matrix, "grey": grey}
        turned = made
        for name in ("colour matrix or range", "grey"):
            turned = FAULTS[name].apply(turned, changed[name], (0, 0))
        count = sum(changed[name] != plain[name] for name in changed)
        for exposure in ((1.0, 1.0), None):
            fitted = exposure or _fit_exposure(turned, seen if order == "RGB" else seen[..., ::-1])
            if exposure is None and max(abs(fitted[0] - 1), abs(fitted[1] - 1)) < 0.015:
                continue
            lit = np.rint(curve(turned, fitted))
            extra = count + (exposure is None)
            off = _distance(lit if order == "RGB" else lit[..., ::-1], seen)
            doubt = off * (1 + SHARE * max(0, extra - 1)) + LEVELS * max(0, extra - 1) if extra else off * (1 - SHARE) - LEVELS
            if doubt < least:
                best, least = {**changed, "gamma or exposure": fitted}, doubt
    return best


def _fit_exposure(made: Picture, seen: Picture) -> tuple[float, float]:
    """Gain and gamma, by least squares."""

    def off(setting: NDArray[np.float64]) -> float:
        gain, gamma = np.exp(setting)
        return float(((curve(made, (float(gain), float(gamma))) - seen) ** 2).mean())

    found = minimize(off, np.zeros(2), method="Nelder-Mead", options={"maxfev": 80, "xatol": 2e-3, "fatol": 1e-3})
    gain, gamma = np.exp(np.clip(found.x, -2.5, 2.5))
    return round(float(gain), 2), round(float(gamma), 2)


def _small_pairs(sightings: Sequence[Sighting]) -> tuple[Picture, Picture]:
    """Pixels as the frames have them, turned and framed, and as they were seen: `(n, 1, 3)` each, bars left out."""
    made, seen = [], []
    for one in sightings[:12]:
        scale = min(1.0, SMALL / max(one.size))
        height, width = max(4, round(one.size[0] * scale)), max(4, round(one.size[1] * scale))
        path = normal_path() | {
            "rotation or mirroring": one.match.turn, "stretch, crop or letterbox": one.match.box
        }  # fmt: skip
        inside = _inside(one.match.box, height, width)
        made.append(render_picture(path, one.shot(), (height, width))[inside].reshape(-1, 1, 3))
        seen.append(resize_any(one.levels, height, width)[inside].reshape(-1, 1, 3))
    every = max(1, sum(map(len, made)) // 12_000)
    return np.concatenate(made)[::every], np.concatenate(seen)[::every]


def _inside(box: Box, height: int, width: int) -> tuple[slice, slice]:
    """Where no bars are."""
    if box == WHOLE:
        return slice(None), slice(None)
    left, top, right, bottom, _ = box
    rows = [np.ceil(height * max(0, -top) / (bottom - top)), np.floor(height * (min(1, bottom) - top) / (bottom - top))]
    columns = [np.ceil(width * max(0, -left) / (right - left)), np.floor(width * (min(1, right) - left) / (right - left))]
    return slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))


def _distance(made: Picture, seen: Picture) -> float:
    return float(np.sqrt(((made - seen) ** 2).mean()))


def find_scale(values: Sequence[Picture], matches: Sequence[Match]) -> Setting:
    """Which range pictures of any range are in: a name in `SCALES`, or (factor, added) where none of them fits."""
    pairs = [
        _small_pairs([Sighting(picture, match)]) for picture, match in zip(values[:12], matches[:12], strict=False)
    ]
    made = np.concatenate([pair[0] for pair in pairs]).astype(np.float64)
    seen = np.concatenate([pair[1] for pair in pairs]).astype(np.float64)
    to_levels: Callable[[Setting], NDArray[np.float64]] = lambda scale: (seen - factors(scale)[1]) / factors(scale)[0]  # noqa: E731
    offs = {}
    for scale in SCALES:
        levels = to_levels(scale)
        offs[scale] = min(float(np.sqrt(((levels[..., ::way] - made) ** 2).mean())) for way in (1, -1))
    best = min(offs, key=lambda scale: offs[scale])
    if offs[best] < 90:
        return best
    factor, added = np.polyfit(made.mean(-1).ravel(), seen.mean(-1).ravel(), 1)
    return (float(factor), float(added)) if abs(factor) > 1e-9 else best


def grouped(sightings: Sequence[Sighting]) -> list[list[int]]:
    """Indices of sightings that took one way: of one size, turn, framing and kind of file."""
    groups: dict[object, list[int]] = {}
    for index, one in enumerate(sightings):
        box = tuple(round(side, 2) for side in one.match.box)
        groups.setdefault((one.size, one.match.turn, box, one.jpeg), []).append(index)
    return list(groups.values())


def with_match(one: Sighting, match: Match) -> Sighting:
    """The same picture, of another moment."""
    return replace(one, match=match)
