"""Learn the cycles of machines that repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.cycle import MOST_SQUARED, CycleRegion
from stillmotion.anomaly.measuring import Floats
from stillmotion.anomaly.rhythm import Rhythm

# Samples per period, about: slow cycles are looked at every few frames.
SAMPLES = 40
PHASES_PER_SAMPLE, MOST_PHASES = 4, 128
# How many cycles the first guess of a cycle is made of, and how often it is improved.
FIRST_CYCLES, ROUNDS = 12, 2
# Directions in which phases differ, at most, and the share of their differences that these hold.
DIRECTIONS, ENERGY = 12, 0.95


def learn_region(rhythm: Rhythm, stretches: Sequence[Floats]) -> CycleRegion:
    """Learn what comes at each phase of a rhythm.

    Args:
        rhythm: which cells repeat, and with which period.
        stretches: how these look, float32 `(frames, features)` each.

    Returns:
        The region.
    """
    stride = max(1, round(rhythm.period / SAMPLES))
    period = rhythm.period / stride
    count = int(np.clip(round(PHASES_PER_SAMPLE * period), 24, MOST_PHASES))
    sampled = [_samples(stretch, stride) for stretch in stretches]
    first, phases = _first_guess(sampled, period, count)
    parts, found = [first], [phases]
    for _ in range(ROUNDS):
        region = _region(rhythm, stride, period, np.concatenate(parts), np.concatenate(found), count)
        parts, found, speeds = [], [], []
        for stretch in sampled:
            phases, fastness = _follow(region, stretch)
            parts.append(stretch[len(stretch) - len(phases) :])
            found.append(phases)
            speeds.append(fastness)
        period /= float(np.exp(np.mean(np.concatenate(speeds))))
    return _region(rhythm, stride, period, np.concatenate(parts), np.concatenate(found), count)


def _samples(frames: Floats, stride: int) -> Floats:
    """The means of so many frames each."""
    whole = len(frames) // stride * stride
    samples: Floats = frames[:whole].reshape(-1, stride, frames.shape[1]).mean(axis=1)
    return samples


def _first_guess(stretches: Sequence[Floats], period: float, count: int) -> tuple[Floats, NDArray[np.float64]]:
    """The first cycles of the stretch that repeats best, with their phases."""
    best: tuple[float, Floats, NDArray[np.float64]] | None = None
    for stretch in stretches:
        part = stretch[: round(FIRST_CYCLES * period)]
        if len(part) < 3 * period:
            continue
        spread = float(part.var(axis=0).sum())
        for tried in period * np.exp(np.linspace(-0.06, 0.06, 13)):
            phases = np.arange(len(part)) / tried % 1 * count
            left = float((part - _smooth(part, phases, count)[phases.astype(np.intp)]).var(axis=0).sum())
            explained = 1 - left / spread if spread else 0.0  # A picture that stands still repeats nothing.
            if best is None or explained > best[0]:
                best = explained, part, phases
    assert best is not None
    return best[1:]


def _follow(region: CycleRegion, samples: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Phase and speed of all samples but the first two periods, as `CycleTracker` finds them, but all at once."""
    count, phases = len(samples) - region.window + 1, len(region.pictures)
    if count < 1:
        return np.empty(0), np.empty(0)
    squares = np.minimum(region.squares(samples), MOST_SQUARED)
    twice = np.concatenate([squares, squares], axis=1)
    lowest = np.full(count, np.inf)
    phase, speed = np.zeros(count), np.zeros(count)
    for own, shifts in zip(region.speeds[::2], region.shifts[::2], strict=True):
        costs = np.zeros((count, phases), np.float32)
        for number, shift in enumerate(shifts):
            costs += twice[number : number + count, phases - shift : 2 * phases - shift]
        best = costs.argmin(axis=1)
        cost = costs[np.arange(count), best]
        better = cost < lowest
        lowest[better], phase[better], speed[better] = cost[better], best[better], own
    return phase, speed


def _weights(phases: NDArray[np.float64], count: int) -> Floats:
    """How much each sample belongs to each phase: `(samples, phases)`."""
    off = (np.arange(count) - phases[:, None] + count / 2) % count - count / 2
    return np.exp(-0.5 * np.square(off / (PHASES_PER_SAMPLE / 2))).astype(np.float32)


def _smooth(samples: Floats, phases: NDArray[np.float64], count: int) -> Floats:
    """The mean of samples at each phase."""
    weights = _weights(phases, count)
    means: Floats = (weights.T @ samples) / np.maximum(weights.sum(axis=0), 1e-6)[:, None]
    return means


def _region(
    rhythm: Rhythm,
    stride: int,
    period: float,
    samples: Floats,
    phases: NDArray[np.float64],
    count: int,
) -> CycleRegion:
    """What comes at each phase, if the phase of each sample is known."""
    pictures = _smooth(samples, phases, count)
    _, sizes, directions = np.linalg.svd(pictures - pictures.mean(axis=0), full_matrices=False)
    share = np.cumsum(np.square(sizes)) / np.square(sizes).sum()
    axes = directions[: min(DIRECTIONS, int(np.searchsorted(share, ENERGY)) + 1)].T
    at = np.round(phases).astype(np.intp) % count
    rest = samples @ axes - (pictures @ axes)[at]
    covariance = rest.T @ rest / len(rest)
    covariance += np.eye(len(covariance)) * max(1e-2 * np.trace(covariance) / len(covariance), 1e-9)
    projection = (axes @ np.linalg.inv(np.linalg.cholesky(covariance)).T).astype(np.float32)
    squares = np.square(samples @ projection - (pictures @ projection)[at]).mean(axis=1)
    spread = _smooth(squares[:, None].astype(np.float32), phases, count)[:, 0]
    spread = np.maximum(spread, np.median(spread) / 2)
    return CycleRegion(period, stride, np.array(rhythm.cells), pictures, projection, spread.astype(np.float32))
