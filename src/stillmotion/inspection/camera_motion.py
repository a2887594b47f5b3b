"""How the camera moves: the translation and the zoom that most of the picture shares, from frame to frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A picture has 3 x 3 blocks.
BLOCK = 21
SIDE = 3 * BLOCK
# The camera moves as so many of the nine blocks do. What moves in front of it covers fewer.
MIN_BLOCKS = 6
# It moves only if this share of the blocks that can be located move together: a conveyor belt that covers two thirds of
# the picture is no camera. The price is a camera that moves behind a dashboard.
MIN_MOVING_SHARE = 0.75
# Blocks agree with a motion if it explains their shifts within this many pixels.
TOLERANCE = 1.0
# Shifts below this are no motion: something that moves through a part of a block seems to shift it a little.
MIN_SHIFT = 0.5
# The correlation of two blocks of noise hardly ever has a peak as high as this; that of equal ones is 1.
MIN_PEAK = 0.3
# Low frequencies count most, because noise is in the high ones. In cycles per pixel.
LOW_PASS = 0.15

# Where the blocks' centers are from the picture's center, down and right, in pixels.
CENTERS = BLOCK * (np.stack(np.meshgrid(range(3), range(3), indexing="ij"), axis=-1).reshape(9, 2) - 1.0)
FIRST, SECOND = np.triu_indices(9, 1)


def camera_motion(pictures: NDArray[np.number]) -> Floats:
    """Estimate the camera's motion between neighboring pictures.

    Each of nine blocks is located in the next picture by phase correlation, beginning at no shift and, if that fails,
    at the shift of the whole picture. The result is the translation and the zoom that most blocks agree with.

    Args:
        pictures: gray, `(n, 63, 63)`.

    Returns:
        `(n - 1, 3)`: the shift to the right and down, as shares of the picture's side, and the zoom (0.05: 5 % larger).
        NaN where fewer than six of the nine blocks agree, for example where there is nothing to see but noise, and
        where fewer than three quarters of those that can be located move together.
    """
    first, second = pictures[:-1].astype(np.float64), pictures[1:].astype(np.float64)
    none = np.zeros((len(first), 2), int)
    motions = _fit_blocks(first, second, none)
    lost = np.flatnonzero(np.isnan(motions[:, 0]))
    if len(lost):
        shifts, _ = _phase_correlation(first[lost], second[lost])
        motions[lost] = _fit_blocks(first[lost], second[lost], np.rint(shifts).astype(int))
    return motions


def _fit_blocks(first: Floats, second: Floats, start: NDArray[np.intp]) -> Floats:
    """Motions `(n, 3)` between pictures `(n, side, side)`; the first are shifted by `start` beforehand."""
    moved = np.stack([np.roll(picture, shift, (0, 1)) for picture, shift in zip(first, start, strict=True)])
    residual, peaks = _phase_correlation(
        _blocks(moved).reshape(-1, BLOCK, BLOCK), _blocks(second).reshape(-1, BLOCK, BLOCK)
    )
    shifts = residual.reshape(-1, 9, 2) + start[:, None]
    # What was rolled in from the other edge was not in the first picture.
    from_there = CENTERS - start[:, None]
    inside = (np.abs(from_there) <= BLOCK + BLOCK / 3).all(axis=-1)
    return _fit(shifts, inside & (peaks.reshape(-1, 9) >= MIN_PEAK))


def _blocks(pictures: Floats) -> Floats:
    """`(n, 9, 21, 21)`, row by row."""
    return pictures.reshape(-1, 3, BLOCK, 3, BLOCK).swapaxes(2, 3).reshape(-1, 9, BLOCK, BLOCK)


def _fit(shifts: Floats, usable: NDArray[np.bool_]) -> Floats:
    """The motions `(n, 3)` that most usable blocks agree with.

    `shifts` is `(n, 9, 2)`, down and right. Each pair of blocks proposes a motion, and each block one without a zoom.
    """
    apart = CENTERS[SECOND] - CENTERS[FIRST]
    pair_zooms = ((shifts[:, SECOND] - shifts[:, FIRST]) * apart).sum(-1) / (apart**2).sum(-1)
    zooms = np.concatenate([np.zeros(shifts.shape[:2]), pair_zooms], axis=1)
    origins = np.concatenate([np.arange(9), FIRST])
    translations = shifts[:, origins] - zooms[..., None] * CENTERS[origins]
    explained = translations[:, :, None] + zooms[..., None, None] * CENTERS
    agree = (np.abs(shifts[:, None] - explained) <= TOLERANCE).all(axis=-1) & usable[:, None]
    best = agree[np.arange(len(agree)), agree.sum(axis=-1).argmax(axis=-1)]
    motions = np.full((len(shifts), 3), np.nan)
    agreeing, located = best.sum(axis=-1), usable.sum(axis=-1)
    for row in np.flatnonzero(agreeing >= MIN_BLOCKS):
        motion = _least_squares(shifts[row, best[row]], CENTERS[best[row]])
        if not motion.any() or agreeing[row] >= MIN_MOVING_SHARE * located[row]:
            motions[row] = motion
    return motions


def _least_squares(shifts: Floats, centers: Floats) -> Floats:
    """The motion that explains the shifts of blocks best; small ones are none."""
    if np.abs(np.median(shifts, axis=0)).max() < MIN_SHIFT and np.abs(shifts).max(-1).mean() < MIN_SHIFT:
        return np.zeros(3)
    offsets = centers - centers.mean(0)
    zoom = (offsets * shifts).sum() / (offsets**2).sum()
    down, right = shifts.mean(0) - zoom * centers.mean(0)
    return np.array([right / SIDE, down / SIDE, zoom])


def _phase_correlation(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """How far pictures `(n, side, side)` are shifted, `(n, 2)` down and right, and the heights of the peaks, `(n,)`."""
    side = first.shape[-1]
    hann = np.hanning(side + 2)[1:-1]
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    weight = np.exp(-((frequency / LOW_PASS) ** 2) / 2)
    before, after = (
        np.fft.rfft2((pictures - pictures.mean((1, 2), keepdims=True)) * np.outer(hann, hann))
        for pictures in (first, second)
    )
    cross = after * before.conj()
    correlation = np.fft.irfft2(weight * cross / (np.abs(cross) + 1e-9), s=(side, side))
    correlation /= np.fft.irfft2(weight.astype(complex), s=(side, side))[0, 0]
    peaks = correlation.max(axis=(1, 2))
    at = np.stack(np.unravel_index(correlation.reshape(len(correlation), -1).argmax(axis=1), (side, side)), axis=-1)
    shifts = (at + side // 2) % side - side // 2 + 0.0
    rows = np.arange(len(at))
    for axis, step in enumerate(np.eye(2, dtype=int)):
        low, high = (correlation[rows, *((at + sign * step) % side).T] for sign in (-1, 1))
        # The top of the parabola through the peak and its neighbors.
        curvature = np.minimum(low + high - 2 * peaks, -1e-9)
        shifts[:, axis] += np.clip((low - high) / curvature / 2, -0.5, 0.5)
    return shifts, peaks
