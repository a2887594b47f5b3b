"""The chain of differences: which settings turn a video's frames into the pictures that were seen.

Greedy, from the healthy path on: at each step the one fault is taken that leaves least of the pictures over, as long
as it explains clearly more. Colours are judged small, where no kernel matters; the rest at the pictures' own size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

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
from stillmotion.audit.faults.video_compression import VIDEO_COMPRESSION, encoded
from stillmotion.audit.resampling import Picture

# A fault must explain this share of what was left, and this many levels, to be believed.
SHARE, LEVELS = 0.05, 0.12
SMALL = 128  # pixels, the longer side where colours are judged
MOST = 4  # pictures that the dear comparisons are made on
SHIFTED = 0.8  # what another moment must leave over of the first one's, to be believed
LEAD = 6  # frames around a moment that faults of time look at
LOSSY_LEVELS = 1.5  # left over, before an encoder is suspected


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
    """A path, and how far off it leaves the pictures: the root of the mean square, in levels, before and after.

    `shifts` moves each picture's moment by so many frames. `rest` names what the path cannot repeat to the level,
    where it was recognised all the same: the loss of another encoder.
    """

    path: dict[str, Setting]
    before: float
    after: float
    shifts: tuple[int, ...]
    rest: str | None = None


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
    before = least = _off(detailed, path)
    for _ in range(6):
        for changes in (_changes(detailed, path), _dear_changes(detailed, path, least)):
            tried = [(_off(detailed, path | change), change) for change in changes]
            best = min(tried, key=lambda one: one[0], default=(np.inf, {}))
            if _believed(least, best[0]):
                least, path = best[0], path | best[1]
                break
        else:
            break
    path, least = _pruned(detailed, path, least)
    plain = path | {VIDEO_COMPRESSION.name: VIDEO_COMPRESSION.normal}  # encoding each would take long
    shifts = tuple(_best_shift(one, plain, (0, -1, 1, -2, 2))[1] for one in sightings)
    return Explanation(path, before, least, shifts, _lossy(detailed, path, least))


def _pruned(sightings: Sequence[Sighting], path: dict[str, Setting], least: float) -> tuple[dict[str, Setting], float]:
    """The path without what it does as well without: a setting that stood in for one that was found after it."""
    for name in ("gamma or exposure", "colour matrix or range", "motion blur", "JPEG compression"):
        without = path | {name: FAULTS[name].normal}
        known = name == "JPEG compression" and sightings[0].jpeg is not None
        if without != path and not known and not _believed(off := _off(sightings, without), least):
            path, least = without, off
    return path, least


def _lossy(sightings: Sequence[Sighting], path: dict[str, Setting], left: float) -> str | None:
    """Whether what is left over is an encoder's loss: on the snapshot's side, or on the video's.

    On the video's, a snapshot that is encoded comes nearer to its frame.
    """
    name = VIDEO_COMPRESSION.name
    if path[name] != VIDEO_COMPRESSION.normal:
        return name
    if left < LOSSY_LEVELS or any(one.resized for one in sightings):
        return None
    for setting in VIDEO_COMPRESSION.candidates:
        squares = []
        for one in sightings[:2]:
            made = render_picture(path, one.shot(), one.size)
            whole = np.clip(np.rint(one.levels), 0, 255).astype(np.uint8)[None]
            squares.append(float(((encoded(whole, setting)[0] - made) ** 2).mean()))  # type: ignore[arg-type]
        if float(np.sqrt(np.mean(squares))) < 0.85 * left:
            return name
    return None


def _believed(before: float, after: float) -> bool:
    return after < before * (1 - SHARE) - LEVELS


def _dear_changes(sightings: Sequence[Sighting], path: dict[str, Setting], left: float) -> Iterator[dict[str, Setting]]:
    """The encoder to try where nothing else helps: the one that does best on one picture."""
    if left > LOSSY_LEVELS and path[VIDEO_COMPRESSION.name] == VIDEO_COMPRESSION.normal:
        changes = [{VIDEO_COMPRESSION.name: setting} for setting in VIDEO_COMPRESSION.candidates]
        yield min(changes, key=lambda change: _off(sightings[:1], path | change))


def _changes(sightings: Sequence[Sighting], path: dict[str, Setting]) -> Iterator[dict[str, Setting]]:
    """Settings to try next, judged at the pictures' own size."""
    one = sightings[0]
    names = ["motion blur", "interlacing"]
    if one.resized:
        names.append("resizing")
    if one.jpeg is None:
        names.append("JPEG compression")
    for name in names:
        for setting in FAULTS[name].candidates:
            if name == "resizing":
                setting = (setting, one.size)
            if setting != path[name] and (name == "resizing" or path[name] == FAULTS[name].normal):
                yield {name: setting}
    if path["gamma or exposure"] != (1.0, 1.0):
        yield {"gamma or exposure": (1.0, 1.0)}
    unlit = path | {"gamma or exposure": (1.0, 1.0)}
    made = [render_picture(unlit, one.shot(LEAD), one.size) for one in sightings]
    fitted = _fit_exposure(
        np.concatenate([_spread(picture) for picture in made]),
        np.concatenate([_spread(one.levels) for one in sightings]),
    )
    if fitted not in ((1.0, 1.0), path["gamma or exposure"]):
        yield {"gamma or exposure": fitted}


def _spread(picture: Picture) -> NDArray[np.float64]:
    """Its levels in order, thinned: `(400, 3)`."""
    flat = np.sort(picture.reshape(-1, 3), axis=0)
    taken: NDArray[np.float64] = flat[np.linspace(0, len(flat) - 1, 400).astype(int)].astype(np.float64)
    return taken


def _off(sightings: Sequence[Sighting], path: dict[str, Setting]) -> float:
    """How far the path's pictures are from those seen: the root of the mean square, in levels.

    The median of the pictures', as the moment of one may be wrong.
    """
    blends = any(path[name] != FAULTS[name].normal for name in ("motion blur", "interlacing"))
    plain = path[VIDEO_COMPRESSION.name] == VIDEO_COMPRESSION.normal  # encoding three times would take long
    shifts = (0, -1, 1) if blends and plain else (0,)  # a blend's moment may be a frame off
    return float(np.sqrt(np.median([_best_shift(one, path, shifts)[0] for one in sightings])))


def _best_shift(one: Sighting, path: dict[str, Setting], shifts: Sequence[int]) -> tuple[float, int]:
    """The mean square that the path leaves over, and the shift of the moment where it is clearly least."""
    best = (np.inf, 0)
    for shift in shifts:
        made = render_picture(path | {"moment": shift}, one.shot(LEAD), one.size)
        square = float(((made - one.levels) ** 2).mean())
        if square < best[0] * (SHIFTED if shift else 1):
            best = square, shift
    return best


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
            wanted = seen if order == "RGB" else seen[..., ::-1]
            fitted = exposure or _fit_exposure(_spread(turned), _spread(wanted))
            if exposure is None and max(abs(fitted[0] - 1), abs(fitted[1] - 1)) < 0.015:
                continue
            lit = np.rint(curve(turned, fitted))
            extra = count + (exposure is None)
            off = _distance(lit if order == "RGB" else lit[..., ::-1], seen)
            # What is normal has the benefit of the doubt, one fault that over two.
            doubt = off * (1 + SHARE * (extra - 1)) + LEVELS * (extra - 1)
            if doubt < least:
                best, least = {**changed, "gamma or exposure": fitted}, doubt
    return best


def _fit_exposure(made: NDArray[Any], seen: NDArray[Any]) -> tuple[float, float]:
    """Gain and gamma, by least squares of levels that belong together: `(n, 3)` each.

    Given in order of level, noise and blur do not matter, which would draw a fit of pixels towards the mean.
    """

    def off(setting: NDArray[np.float64]) -> float:
        gain, gamma = np.exp(setting)
        return float(((curve(made, (float(gain), float(gamma))) - seen) ** 2).mean())

    start = np.array([[0.0, 0.0], [0.4, 0.0], [0.0, 0.4]])
    found = minimize(
        off,
        start[0],
        method="Nelder-Mead",
        options={"maxfev": 200, "xatol": 1e-3, "fatol": 1e-3, "initial_simplex": start},
    )
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
    across = right - left
    columns = [np.ceil(width * max(0, -left) / across), np.floor(width * (min(1, right) - left) / across)]
    return slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))


def _distance(made: Picture, seen: Picture) -> float:
    return float(np.sqrt(((made - seen) ** 2).mean()))


def find_scale(values: Sequence[Picture], matches: Sequence[Match], expected: str) -> Setting:
    """Which range pictures of any range are in: a name in `SCALES`, or (factor, added) where none of them fits.

    Pictures of 8 bits that were scaled give whole levels when scaled back, which tells the range for sure. Else it is
    the one that brings them nearest to their frames, and `expected` unless another does so much better.
    """
    some = np.concatenate([np.asarray(picture, np.float64).reshape(-1, 3)[::7] for picture in values[:12]])
    whole = []
    for scale in SCALES:
        levels = _levels(some, scale)
        inside = levels.min() > -1 and levels.max() < 256 and np.ptp(levels) > 8
        if inside and float(np.abs(levels - np.rint(levels)).mean()) < 0.03:
            whole.append(scale)
    if whole:
        return expected if expected in whole else whole[0]
    pairs = [
        _small_pairs([Sighting(picture, match)]) for picture, match in zip(values[:12], matches[:12], strict=False)
    ]
    made = np.concatenate([pair[0] for pair in pairs]).astype(np.float64)
    seen = np.concatenate([pair[1] for pair in pairs]).astype(np.float64)
    offs = {
        scale: min(float(np.sqrt(((_levels(seen, scale)[..., ::way] - made) ** 2).mean())) for way in (1, -1))
        for scale in SCALES
    }
    best = min(offs, key=lambda scale: offs[scale])
    if offs[expected] < 2 * offs[best]:
        best = expected
    factor, added = (float(one) for one in np.polyfit(made.mean(-1).ravel(), seen.mean(-1).ravel(), 1))
    if factor <= 1e-9 or 1 / 3 < factor / float(factors(best)[0].mean()) < 3:
        return best
    fitted = float(np.sqrt((((seen - added) / factor - made).mean(-1) ** 2).mean()))
    return (factor, added) if fitted < offs[best] / 2 else best


def _levels(values: NDArray[np.float64], scale: Setting) -> NDArray[np.float64]:
    factor, added = factors(scale)
    return (values - added) / factor


def grouped(sightings: Sequence[Sighting]) -> list[list[int]]:
    """Indices of sightings that took one way: of one size, turn, framing and kind of file."""
    groups: dict[object, list[int]] = {}
    for index, one in enumerate(sightings):
        box = tuple(round(side, 2) for side in one.match.box)
        groups.setdefault((one.size, one.match.turn, box, one.jpeg), []).append(index)
    return list(groups.values())
