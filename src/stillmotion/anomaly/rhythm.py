"""What repeats: parts of the picture and their period, by autocorrelation.

A picture may hold several rhythms: a press acts at one, parts pass by at another, and beside them nothing repeats. So
each cell has an autocorrelation of its own, and cells that share a period are one rhythm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The periods that are looked for, in seconds; and how many of them a stretch must hold.
LONGEST_PERIOD, REPEATS = 60.0, 4
# The least frames per period: with fewer, one cannot tell one step from the next.
LEAST_FRAMES = 6
# How far a peak of the autocorrelation must rise above what surrounds it: 1 is a perfect repetition.
PROMINENCE = 0.2
# A peak at a multiple of the period may be higher than the one at the period, because frames are taken at fixed times.
MULTIPLE = 0.7
# Cells whose periods are this near to one of them are of one rhythm, by the logarithm. Two rhythms of one machine may
# differ by a tenth, and their cells must not be mixed.
NEAR = 0.03
# Rhythms of different recordings are the same if their periods differ by less.
SAME_PERIOD = 0.06
RHYTHMS = 3


@dataclass(frozen=True)
class Rhythm:
    """Cells that repeat with the same period.

    Attributes:
        period: in frames.
        cells: their numbers.
        strength: the mean height of their peaks; 1 is a perfect repetition.
    """

    period: float
    cells: tuple[int, ...]
    strength: float


def autocorrelation(features: NDArray[np.floating[Any]], lags: int) -> NDArray[np.float64]:
    """How much each cell is like itself some frames later.

    Args:
        features: `(frames, cells, features)`.
        lags: how many frames later, at most.

    Returns:
        `(cells, lags + 1)`, 1 at a lag of 0; NaN for lags of which the stretch does not hold enough.
    """
    frames = len(features)
    result = np.full((features.shape[1], lags + 1), np.nan)
    known = min(lags, frames // REPEATS)
    length = 1 << (frames + known - 1).bit_length()
    for cell in range(features.shape[1]):
        values = features[:, cell].astype(np.float32)
        centered = values - values.mean(axis=0)
        power = np.square(np.abs(np.fft.rfft(centered, length, axis=0))).sum(axis=1)
        sums = np.fft.irfft(power, length)[: known + 1] / (frames - np.arange(known + 1))
        result[cell, : known + 1] = sums / max(sums[0], 1e-12)
    return result


def find_rhythms(correlations: Sequence[NDArray[np.float64]]) -> list[Rhythm]:
    """Find the rhythms that most recordings have.

    Args:
        correlations: of each stretch, see `autocorrelation`.

    Returns:
        Up to 3 rhythms, the strongest first; none where nothing repeats.
    """
    from scipy.signal import find_peaks  # It takes a moment to import.

    if not correlations:
        return []
    stacked = np.stack(correlations)
    # A lag counts if half of the stretches are long enough for it.
    lags = int((np.isfinite(stacked[:, 0]).mean(axis=0) >= 0.5).sum())
    typical = np.nanmedian(stacked[:, :, :lags], axis=0)
    periods: dict[int, tuple[float, float]] = {}
    for cell, values in enumerate(typical):
        peaks, facts = find_peaks(values, prominence=PROMINENCE)
        usable = (peaks >= LEAST_FRAMES) & (values[peaks] > PROMINENCE)
        if usable.any():
            peaks, heights = peaks[usable], facts["prominences"][usable]
            first = int(np.argmax(values[peaks] >= MULTIPLE * values[peaks].max()))
            periods[cell] = _refined(values, int(peaks[first])), float(heights[first])
    rhythms: list[Rhythm] = []
    while periods and len(rhythms) < RHYTHMS:
        groups = [_alike(periods, period) for period, _ in periods.values()]
        members = max(groups, key=lambda cells: _total(periods, cells))
        period = _mean(periods, members)
        members = sorted({*members, *_alike(periods, period)})
        rhythms.append(Rhythm(_mean(periods, members), tuple(members), _total(periods, members) / len(members)))
        periods = {cell: found for cell, found in periods.items() if cell not in members}
    return rhythms


def _alike(periods: dict[int, tuple[float, float]], period: float) -> list[int]:
    """The cells whose period is about this one."""
    return [cell for cell, (other, _) in periods.items() if abs(np.log(other / period)) < NEAR]


def _total(periods: dict[int, tuple[float, float]], cells: Sequence[int]) -> float:
    return sum(periods[cell][1] for cell in cells)


def _mean(periods: dict[int, tuple[float, float]], cells: Sequence[int]) -> float:
    """The mean period of cells, weighted by how strong they are."""
    return sum(periods[cell][0] * periods[cell][1] for cell in cells) / _total(periods, cells)


def _refined(values: NDArray[np.float64], peak: int) -> float:
    """The place of a peak between frames, by a parabola."""
    if peak + 1 >= len(values):
        return float(peak)
    before, at, after = values[peak - 1 : peak + 2]
    bend = before - 2 * at + after
    return float(peak + 0.5 * (before - after) / bend) if bend < 0 else float(peak)
