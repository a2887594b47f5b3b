"""Whether the scene has changed since training: slowly, over minutes. This is said once, and is no alarm.

What is watched is the median of a score over minutes, which no fault of a few seconds moves. If no held-out normal
recording ever had such a median, a new one like them has it with a probability of at most 1 / (n + 1). That alone is
little with few recordings, so it must also be well above all of them, and stay there for three times as long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Over how long the median is taken: as long as recordings last, within these bounds.
SHORTEST_SECONDS, LONGEST_SECONDS = 30.0, 300.0
# How far above the highest median of the held-out recordings it must be, in distances of that from the typical one.
MARGIN = 0.5
# For how many such times it must stay there: one recording that is unlike the others is not a change.
LASTING = 3
# With fewer recordings, nothing can be said.
LEAST_RECORDINGS = 5


@dataclass(frozen=True)
class SceneLimits:
    """What scores of normal footage do not exceed for minutes.

    Attributes:
        seconds: over how long medians are taken.
        look: the limit of the median.
        motion: likewise.
    """

    seconds: float
    look: float
    motion: float


def learn_scene_limits(
    scores: Mapping[Any, Sequence[NDArray[np.float64]]], rate: float, recordings: int
) -> SceneLimits | None:
    """Learn how high scores of held-out normal recordings are over minutes.

    Args:
        scores: of look and of motion, those of each recording; NaN where not known.
        rate: scores per second.
        recordings: how many recordings, or groups of them, are alike.

    Returns:
        The limits; None if there are too few recordings, or all are too short for motion.
    """
    if recordings < LEAST_RECORDINGS or "motion" not in scores:
        return None
    lengths = [len(part) / rate for part in scores["look"]]
    seconds = float(np.clip(np.median(lengths), SHORTEST_SECONDS, LONGEST_SECONDS))
    limits = {}
    for kind in ("look", "motion"):
        highest = [_highest_median(part[~np.isnan(part)], round(seconds * rate)) for part in scores[kind]]
        known = [value for value in highest if np.isfinite(value)]
        if len(known) < LEAST_RECORDINGS:
            return None
        limits[kind] = float(max(known) + MARGIN * (max(known) - np.median(known)))
    return SceneLimits(seconds, limits["look"], limits["motion"])


def _highest_median(scores: NDArray[np.float64], window: int) -> float:
    """The highest median over a window, which is moved by a tenth; over all scores if there are fewer."""
    if not len(scores):
        return -np.inf
    starts = range(0, max(1, len(scores) - window + 1), max(1, window // 10))
    return float(max(np.median(scores[start : start + window]) for start in starts))


class SceneWatch:
    """Watches scores for a change that lasts.

    Args:
        limits: what normal footage does not exceed; None if that is not known: then nothing is ever said.
        rate: scores per second.

    Attributes:
        changed: whether the scene has changed.
    """

    def __init__(self, limits: SceneLimits | None, rate: float) -> None:
        self.changed = False
        self._limits, self._rate = limits, round(rate)
        window = 1 if limits is None else max(1, round(limits.seconds * rate))
        self._recent: dict[str, deque[float]] = {kind: deque(maxlen=window) for kind in ("look", "motion")}
        self._beyond = self._count = 0

    def push(self, look: float, motion: float) -> bool:
        """Take the scores of the next frame; NaN where not known.

        Returns:
            Whether it is now seen, for the first time, that the scene has changed.
        """
        if self._limits is None or self.changed:
            return False
        for recent, score in zip(self._recent.values(), (look, motion), strict=True):
            if not np.isnan(score):
                recent.append(score)
        self._count += 1
        if self._count % self._rate:
            return False  # Once a second will do.
        beyond = any(
            len(recent) == recent.maxlen and float(np.median(recent)) > getattr(self._limits, kind)
            for kind, recent in self._recent.items()
        )
        self._beyond = self._beyond + 1 if beyond else 0
        self.changed = self._beyond >= LASTING * self._limits.seconds
        return self.changed
