"""Channel order, dynamic range, matrix, grayscale and exposure, estimated together; and which range numbers are in.

Estimated on small pictures, where no interpolation kernel matters, over all pictures at once. Together, because each
of these faults explains a part of what another one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults import (
    CHANNEL_ORDER,
    COLOR_MATRIX,
    DYNAMIC_RANGE,
    EXPOSURE,
    FRAMING,
    GRAYSCALE,
    ORIENTATION,
    PathSettings,
    render_picture,
)
from stillmotion.audit.faults.color_matrix import MISTAKES
from stillmotion.audit.faults.dynamic_range import Toning, usual_tonings
from stillmotion.audit.faults.exposure import NORMAL, apply_curve, fit_exposure, sorted_levels
from stillmotion.audit.faults.framing import WHOLE, Box
from stillmotion.audit.faults.scaling import SCALINGS, Scaling, factors
from stillmotion.audit.frame_search import Match
from stillmotion.audit.observations import Observation
from stillmotion.audit.resampling import Picture, resize_values

# To be believed, a fault must explain this fraction of what was left unexplained, and this many levels.
MIN_FRACTION, MIN_LEVELS = 0.05, 0.12
MIN_EXPOSURE = 0.015  # a gain and gamma nearer to 1 are no difference
SIDE = 128  # longer side at which colors are compared, in pixels
MAX_TONINGS = 3  # that are tried together with the other faults
MAX_PICTURES, MAX_PIXELS = 12, 12_000  # that are compared


def explain_colors(observations: Sequence[Observation], settings: PathSettings) -> PathSettings:
    """Estimate the faults of color.

    Args:
        observations: pictures that came the same way.
        settings: the other faults, which stay as they are.

    Returns:
        The settings with the faults of color that explain the pictures clearly better than none.
    """
    rendered, observed = _small_pairs(observations)
    best, least = settings, _distance(rendered, observed) * (1 - MIN_FRACTION) - MIN_LEVELS
    tonings = [DYNAMIC_RANGE.normal, *likeliest_tonings(observations)]
    matrices = [COLOR_MATRIX.normal, *MISTAKES]
    faults = (CHANNEL_ORDER, DYNAMIC_RANGE, COLOR_MATRIX, GRAYSCALE)
    for order, mode, toning, matrix in product(("RGB", "BGR"), ("color", "gray"), tonings, matrices):
        if mode == "gray" and (order == "BGR" or matrix != COLOR_MATRIX.normal):
            continue  # gray pictures show neither
        if toning != DYNAMIC_RANGE.normal and matrix != COLOR_MATRIX.normal:
            continue  # a matrix is a mistake about SDR files
        toned = DYNAMIC_RANGE.apply(rendered, toning)
        recolored = GRAYSCALE.apply(COLOR_MATRIX.apply(toned, matrix), mode)
        tried = settings.having(DYNAMIC_RANGE, toning)
        tried = tried.having(CHANNEL_ORDER, order).having(COLOR_MATRIX, matrix).having(GRAYSCALE, mode)
        count = sum(tried.has(fault) for fault in faults)
        in_order = CHANNEL_ORDER.apply(observed, order)
        fitted = fit_exposure(sorted_levels(recolored), sorted_levels(in_order))
        exposures = [NORMAL]
        if max(abs(fitted[0] - 1), abs(fitted[1] - 1)) >= MIN_EXPOSURE:
            exposures.append(fitted)
        for number, exposure in enumerate(exposures):
            exposed = np.rint(apply_curve(recolored, exposure))
            extra = count + number - 1
            distance = _distance(CHANNEL_ORDER.apply(exposed, order), observed)
            # No fault is preferred to one, and one to two.
            penalized = distance * (1 + MIN_FRACTION * extra) + MIN_LEVELS * extra
            if penalized < least:
                best, least = tried.having(EXPOSURE, exposure), penalized
    return best


def likeliest_tonings(observations: Sequence[Observation]) -> list[Toning]:
    """The ways to bring an HDR video to SDR that leave least unexplained, in either channel order.

    Args:
        observations: pictures that came the same way.

    Returns:
        A few ways, the likeliest first; none for an SDR video.
    """
    tonings = usual_tonings(observations[0].match.video.facts)
    if not tonings:
        return []
    rendered, observed = _small_pairs(observations)

    def distance(toning: Toning) -> float:
        toned = DYNAMIC_RANGE.apply(rendered, toning)
        return min(_distance(toned, observed), _distance(toned[..., ::-1], observed))

    return sorted(tonings, key=distance)[:MAX_TONINGS]


def find_scaling(values: Sequence[Picture], matches: Sequence[Match], expected: str) -> Scaling:
    """Find which range pictures are in.

    8-bit pictures that were scaled give whole levels when they are scaled back, so the range is certain.
    Otherwise it is the range that brings them nearest to their frames.

    Args:
        values: pictures of any range, float32 `(height, width, 3)`.
        matches: their frames.
        expected: the range that they should have, preferred unless another one fits much better.

    Returns:
        A name in `SCALINGS`, or (factor, offset) where none of these fits.
    """
    sample = np.concatenate([np.asarray(picture, np.float64).reshape(-1, 3)[::7] for picture in values[:MAX_PICTURES]])
    whole = []
    for scaling in SCALINGS:
        levels = _unscaled(sample, scaling)
        inside = levels.min() > -1 and levels.max() < 256 and np.ptp(levels) > 8
        if inside and float(np.abs(levels - np.rint(levels)).mean()) < 0.03:
            whole.append(scaling)
    if whole:
        return expected if expected in whole else whole[0]
    pairs = [
        _small_pairs([Observation(picture, match)])
        for picture, match in zip(values[:MAX_PICTURES], matches[:MAX_PICTURES], strict=False)
    ]
    rendered = np.concatenate([pair[0] for pair in pairs]).astype(np.float64)
    observed = np.concatenate([pair[1] for pair in pairs]).astype(np.float64)
    distances = {
        scaling: min(
            float(np.sqrt(((_unscaled(observed, scaling)[..., ::step] - rendered) ** 2).mean())) for step in (1, -1)
        )
        for scaling in SCALINGS
    }
    best = min(distances, key=lambda scaling: distances[scaling])
    if distances[expected] < 2 * distances[best]:
        best = expected
    factor, offset = (float(number) for number in np.polyfit(rendered.mean(-1).ravel(), observed.mean(-1).ravel(), 1))
    if factor <= 1e-9 or 1 / 3 < factor / float(factors(best)[0].mean()) < 3:
        return best
    fitted = float(np.sqrt((((observed - offset) / factor - rendered).mean(-1) ** 2).mean()))
    return (factor, offset) if fitted < distances[best] / 2 else best


def _small_pairs(observations: Sequence[Observation]) -> tuple[Picture, Picture]:
    """Pixels of the frames, oriented and framed, and of the observed pictures, without bars: `(n, 1, 3)` each."""
    rendered, observed = [], []
    for observation in observations[:MAX_PICTURES]:
        scale = min(1.0, SIDE / max(observation.size))
        height, width = max(4, round(observation.size[0] * scale)), max(4, round(observation.size[1] * scale))
        match = observation.match
        settings = PathSettings().having(ORIENTATION, match.orientation).having(FRAMING, match.box)
        inside = _inside_bars(match.box, height, width)
        picture = render_picture(settings, observation.context(), (height, width))
        rendered.append(picture[inside].reshape(-1, 1, 3))
        observed.append(resize_values(observation.levels, height, width)[inside].reshape(-1, 1, 3))
    step = max(1, sum(map(len, rendered)) // MAX_PIXELS)
    return np.concatenate(rendered)[::step], np.concatenate(observed)[::step]


def _inside_bars(box: Box, height: int, width: int) -> tuple[slice, slice]:
    """The rows and columns of a framed picture that show the frame."""
    if box == WHOLE:
        return slice(None), slice(None)
    left, top, right, bottom, _ = box
    rows = [np.ceil(height * max(0, -top) / (bottom - top)), np.floor(height * (min(1, bottom) - top) / (bottom - top))]
    across = right - left
    columns = [np.ceil(width * max(0, -left) / across), np.floor(width * (min(1, right) - left) / across)]
    return slice(int(rows[0]), int(rows[1])), slice(int(columns[0]), int(columns[1]))


def _distance(rendered: Picture, observed: Picture) -> float:
    """The root of the mean squared difference, in levels."""
    return float(np.sqrt(((rendered - observed) ** 2).mean()))


def _unscaled(values: NDArray[np.float64], scaling: Scaling) -> NDArray[np.float64]:
    factor, offset = factors(scaling)
    return (values - offset) / factor
