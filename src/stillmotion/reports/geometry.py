"""Axes and lines in percent of a box, which the page stretches to any width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import ceil, floor, log10

import numpy as np

Scale = Callable[[float], float]


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers from low to high."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, floor(high / step + 1e-9) + 1)]


def scale(low: float, high: float) -> Scale:
    """Values -> 0..100, from left to right, held inside."""
    width = high - low or 1.0
    return lambda value: min(100.0, max(0.0, 100 * (value - low) / width))


def polyline(xs: Sequence[float] | np.ndarray, ys: Sequence[float] | np.ndarray, x: Scale, y: Scale) -> str:
    """The `points` of an SVG line in a box of 100 by 100, the y axis upwards."""
    return " ".join(f"{x(float(a)):.2f},{100 - y(float(b)):.2f}" for a, b in zip(xs, ys, strict=True))


def spread_labels(heights: Iterable[float], gap: float) -> list[float]:
    """Heights in percent, moved apart as little as need be so that labels do not overlap; order is kept."""
    wanted = list(heights)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = wanted[:]
    for _ in range(50):
        for before, after in pairwise(order):
            short = gap - (placed[after] - placed[before])
            if short > 0.01:
                placed[before] -= short / 2
                placed[after] += short / 2
        placed = [min(100.0, max(0.0, value)) for value in placed]
    return placed
