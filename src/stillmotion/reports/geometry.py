"""Axes and lines of plots, in percent of a box that the page stretches to any width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor, log10

import numpy as np

Scale = Callable[[float], float]

# Every axis of accuracy is the whole one, so that plots and reports compare.
ACCURACY_TICKS = (0, 25, 50, 75, 100)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers for an axis.

    Args:
        low: where the axis begins.
        high: where it ends.
        count: about how many numbers to return.

    Returns:
        Multiples of 1, 2, 2.5 or 5 times a power of ten, from `low` to `high`.
    """
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, floor(high / step + 1e-9) + 1)]


def scale(low: float, high: float) -> Scale:
    """A linear map from `low`..`high` to 0..100. Values outside are clipped."""
    width = high - low or 1.0
    return lambda value: min(100.0, max(0.0, 100 * (value - low) / width))


def polyline(xs: Sequence[float] | np.ndarray, ys: Sequence[float] | np.ndarray, x: Scale, y: Scale) -> str:
    """The `points` of an SVG polyline in a box of 100 by 100.

    Args:
        xs: values along the x axis.
        ys: as many along the y axis, which points upward.
        x: scale of the x axis.
        y: scale of the y axis.
    """
    return " ".join(f"{x(float(a)):.2f},{100 - y(float(b)):.2f}" for a, b in zip(xs, ys, strict=True))
