"""Moments -> events: what went on, from when to when."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stillmotion.streaming import WindowPrediction


@dataclass(frozen=True)
class Event:
    """A label that held; `confidence` is its mean smoothed probability."""

    start_seconds: float
    end_seconds: float
    label: str
    confidence: float


@dataclass
class EventDetector:
    """Finds events in moments, as they come.

    Probabilities are averaged over the last `smoothing` seconds. A label begins to hold where its average reaches
    `enter`, and holds until the average is below `leave` or another label's is above it and has entered: between
    the two thresholds, nothing flickers. What held for less than `least` seconds is no event.
    """

    labels: Sequence[str]
    smoothing: float = 1.0
    enter: float = 0.6
    leave: float = 0.4
    least: float = 0.5
    _recent: deque[tuple[float, NDArray[np.float32]]] = field(default_factory=deque)
    _holding: int | None = None
    _start: float = 0.0
    _last: float = 0.0
    _sum: float = 0.0
    _count: int = 0

    def push(self, moment: WindowPrediction) -> list[Event]:
        """The events that this moment ends: none or one."""
        assert moment.seconds is not None, "events need times"
        self._recent.append((moment.seconds, moment.probabilities))
        while self._recent[0][0] < moment.seconds - self.smoothing:
            self._recent.popleft()
        mean = np.mean([found for _, found in self._recent], axis=0)
        best = int(mean.argmax())
        ended = []
        entered = best if mean[best] >= self.enter else None
        holding = self._holding
        if holding is not None and (mean[holding] < self.leave or (entered is not None and entered != holding)):
            ended = self._end()
        if self._holding is None and entered is not None:
            self._holding, self._start, self._sum, self._count = entered, moment.seconds, 0.0, 0
        if self._holding is not None:
            self._last = moment.seconds
            self._sum += float(mean[self._holding])
            self._count += 1
        return ended

    def flush(self) -> list[Event]:
        """End what still holds, and forget the past: what comes is another recording."""
        self._recent.clear()
        return self._end()

    def _end(self) -> list[Event]:
        holding, self._holding = self._holding, None
        if holding is None or self._last - self._start < self.least:
            return []
        return [Event(self._start, self._last, self.labels[holding], self._sum / self._count)]
