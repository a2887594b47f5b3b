"""Machines that repeat: each moment of a cycle is compared with the same moment of normal cycles.

The cells of a rhythm are followed through the last two periods: of all phases and speeds, those are taken at which
these fit best what was learned. A frame's score is then how far it is from what comes at its phase. So a step that is
left out, doubled or swapped is found, even if nothing looks or moves as it never did. A cycle that takes longer or less
long is found by its speed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.frame_scores import Smoothing
from stillmotion.anomaly.measuring import Floats, Measures

# How much faster or slower than usual a cycle may be, by its logarithm, and in how many steps.
SPEED_RANGE, SPEED_STEPS = 0.3, 49
# How many periods are looked back on to tell the phase.
LOOK_BACK = 2.0
# What does not fit at all must not decide which phase fits best: squared distances count up to this.
MOST_SQUARED = 9.0
# Where several speeds fit as well, the usual one is taken.
USUAL_SPEED_FIRST = 1e-3
# What comes this many samples early or late is in time: frames are taken when they are, and not when a step begins.
IN_TIME = 0.75


@dataclass(frozen=True)
class Cycle:
    """A cycle that is used.

    Attributes:
        period_seconds: how long it takes.
        cells: the numbers of the cells in which it is seen.
        phase_error: how well its phase is told on held-out recordings, typically, as a share of a cycle.
    """

    period_seconds: float
    cells: tuple[int, ...]
    phase_error: float


@dataclass(frozen=True)
class CycleRegion:
    """A part of the picture that repeats.

    Attributes:
        period: in samples.
        stride: frames per sample.
        cells: their numbers.
        pictures: float32 `(phases, features)`, how the cells look at each phase.
        projection: float32 `(features, dimensions)`, to the directions in which phases differ, so that what is usual
            has a length of about 1.
        spread: float32 `(phases,)`, the usual squared distance.
        usual_distance: what held-out normal cycles rarely exceed.
        usual_speed: likewise, of the logarithm of the speed.
    """

    period: float
    stride: int
    cells: NDArray[np.intp]
    pictures: Floats
    projection: Floats
    spread: Floats
    usual_distance: float = 1.0
    usual_speed: float = 1.0

    @cached_property
    def phases(self) -> Floats:
        """float32 `(phases, dimensions)`, the projected pictures."""
        return self.pictures @ self.projection

    @cached_property
    def window(self) -> int:
        """How many samples tell the phase."""
        return round(LOOK_BACK * self.period)

    @cached_property
    def tolerance(self) -> int:
        """How many phases early or late is in time."""
        return round(IN_TIME * len(self.pictures) / self.period)

    @cached_property
    def speeds(self) -> NDArray[np.float64]:
        """How much faster than usual a cycle may run, by the logarithm."""
        return np.linspace(-SPEED_RANGE, SPEED_RANGE, SPEED_STEPS)

    @cached_property
    def shifts(self) -> NDArray[np.intp]:
        """`(speeds, window)`: how many phases before the present one each sample of the window is, at each speed."""
        ago = np.arange(self.window)[::-1] * (len(self.pictures) / self.period)
        return np.round(ago * np.exp(self.speeds)[:, None]).astype(np.intp) % len(self.pictures)

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """`(speeds, window, phases)`: where in the flattened distances of the window each alignment looks."""
        count = len(self.pictures)
        phases = (np.arange(count) - self.shifts[..., None]) % count
        return phases + np.arange(self.window)[:, None] * count

    def squares(self, samples: Floats) -> Floats:
        """How far samples are from each phase, squared: `(samples, phases)`, of `(samples, features)`; 1 is usual."""
        projected = samples @ self.projection
        off: Floats = np.square(self.phases - projected[:, None]).mean(axis=2) / self.spread
        return off


def region_features(patches: NDArray[np.floating[Any]], cells: Sequence[int] | NDArray[np.intp]) -> Floats:
    """The look of some cells in frames, `(frames, features)`, of patches `(frames, cells, channels)`."""
    features: Floats = patches[:, cells].reshape(len(patches), -1).astype(np.float32)
    return features


class Moment(NamedTuple):
    """Where in its cycle a region is.

    Attributes:
        phase: number of the phase.
        speed: the logarithm of how much faster than usual the cycle runs.
        distance: how far from what comes at this phase; about 1 is usual.
        cell: the most unusual of the region's cells.
    """

    phase: int
    speed: float
    distance: float
    cell: int


class CycleTracker:
    """Follows a region through its cycle, one frame after the other.

    Args:
        region: what was learned.
    """

    def __init__(self, region: CycleRegion) -> None:
        self.region = region
        self._waiting: list[Floats] = []
        self._recent: deque[Floats] = deque(maxlen=region.window)
        self._moment: Moment | None = None

    def restart(self) -> None:
        """Begin another recording."""
        self._waiting.clear()
        self._recent.clear()
        self._moment = None

    def push(self, features: Floats) -> Moment | None:
        """Take what the region shows in the next frame.

        Returns:
            Where it is in its cycle; None until two periods have been seen. Slow cycles are looked at every few frames.
        """
        self._waiting.append(features)
        if len(self._waiting) == self.region.stride:
            sample = np.mean(self._waiting, axis=0)
            self._waiting.clear()
            self._moment = self._follow(sample)
        return self._moment

    def _follow(self, sample: Floats) -> Moment | None:
        region = self.region
        squares = region.squares(sample[None])[0]
        self._recent.append(squares)
        if len(self._recent) < region.window:
            return None
        recent = np.minimum(np.stack(self._recent), MOST_SQUARED).ravel()
        costs = recent[region.places].sum(axis=1)
        at_best_phase = costs.min(axis=1) + USUAL_SPEED_FIRST * np.square(region.speeds)
        best = int(at_best_phase.argmin())
        phase = int(costs[best].argmin())
        off = np.square(sample - region.pictures[phase]).reshape(len(region.cells), -1).sum(axis=1)
        speed = _lowest(region.speeds, at_best_phase, best)
        about = np.arange(phase - region.tolerance, phase + region.tolerance + 1) % len(squares)
        return Moment(phase, speed, float(np.sqrt(squares[about].min())), int(off.argmax()))


def _lowest(places: NDArray[np.float64], values: NDArray[np.floating[Any]], best: int) -> float:
    """Where values are lowest, between equally spaced places: by a parabola through the lowest one."""
    if not 0 < best < len(places) - 1:
        return float(places[best])
    before, at, after = map(float, values[best - 1 : best + 2])
    bend = before - 2 * at + after
    off = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(places[best] + off * (places[1] - places[0]))


def unusual(
    region: CycleRegion, distance: NDArray[np.float64] | float, speed: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """How unusual a moment is: about 1 is what normal cycles rarely exceed.

    Args:
        region: what is usual.
        distance: from what comes at this phase.
        speed: the logarithm.
    """
    return np.maximum(np.asarray(distance) / region.usual_distance, np.abs(speed) / region.usual_speed)


class CycleScorer:
    """Scores frames by their place in the cycle, one after the other.

    Args:
        regions: what was learned.
        rate: frames per second.
    """

    def __init__(self, regions: Sequence[CycleRegion], rate: float) -> None:
        self._trackers = [CycleTracker(region) for region in regions]
        self._smoothings = [Smoothing(rate) for _ in regions]

    def push(self, measures: Measures) -> tuple[float, int]:
        """Take the next frame.

        Returns:
            Its score, averaged over half a second, NaN where it is not known yet; and the most unusual cell.
        """
        score, cell = np.nan, 0
        for tracker, smoothing in zip(self._trackers, self._smoothings, strict=True):
            region = tracker.region
            if measures.starts:
                tracker.restart()
            moment = tracker.push(region_features(measures.patches[None], region.cells)[0])
            value = np.nan if moment is None else float(unusual(region, moment.distance, moment.speed))
            average = smoothing.push(value, starts=measures.starts)
            if moment is not None and not np.isnan(average) and not average <= score:  # which may not be known yet
                score, cell = average, int(region.cells[moment.cell])
        return score, cell
