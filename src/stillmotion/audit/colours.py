"""Colours and ranges: channel order, matrix, grey, gain and gamma; which range numbers are in.

Judged small, where no kernel matters, on all pictures at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from stillmotion.audit.faults import FAULTS, Setting, normal_path, render_picture
from stillmotion.audit.faults.colour_matrix import COLOUR_MATRIX
from stillmotion.audit.faults.exposure import curve
from stillmotion.audit.faults.framing import WHOLE, Box
from stillmotion.audit.faults.scaling import SCALES, factors
from stillmotion.audit.matching import Match, resize_any
from stillmotion.audit.observations import Observation
from stillmotion.audit.resampling import Picture

# A fault must explain this share of what was left, and this many levels, to be believed.
SHARE, LEVELS = 0.05, 0.12
SMALL = 128  # pixels, the longer side where colours are judged


def explain_colours(sightings: Sequence[Observation]) -> dict[str, Setting]:
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
            fitted = exposure or fit_exposure(spread(turned), spread(wanted))
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


def fit_exposure(made: NDArray[Any], seen: NDArray[Any]) -> tuple[float, float]:
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


def _small_pairs(sightings: Sequence[Observation]) -> tuple[Picture, Picture]:
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
        _small_pairs([Observation(picture, match)]) for picture, match in zip(values[:12], matches[:12], strict=False)
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


def spread(picture: Picture) -> NDArray[np.float64]:
    """Its levels in order, thinned: `(400, 3)`."""
    flat = np.sort(picture.reshape(-1, 3), axis=0)
    taken: NDArray[np.float64] = flat[np.linspace(0, len(flat) - 1, 400).astype(int)].astype(np.float64)
    return taken
