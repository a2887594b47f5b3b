"""From levels to alarms: an alarm begins when frames are unusual for a moment, and ends when they are normal again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# An alarm begins after a level has been at least 1 for this long, and ends after all levels have been below `RELEASE`
# for `QUIET_SECONDS`: hysteresis, so that one fault is one alarm.
MINIMUM_SECONDS = 0.25
RELEASE, QUIET_SECONDS = 0.7, 1.0


class Level(NamedTuple):
    """How unusual a frame is in one respect.

    Attributes:
        value: 0 is typical, 1 or more is unusual.
        kind: "look", "motion" or "cycle".
        cell: row and column of the most unusual cell, from the upper left.
    """

    value: float
    kind: str = ""
    cell: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Alarm:
    """A stretch of time that is unusual.

    Attributes:
        start_seconds: when the level reached 1.
        raised_seconds: when the alarm was raised, after it had lasted for a moment.
        end_seconds: when the level was last above `RELEASE`; None while it lasts.
        kind: "look", "motion" or "cycle": which was highest.
        peak: the highest level.
        cell: row and column of the most unusual cell at the peak, from the upper left.
    """

    start_seconds: float
    raised_seconds: float
    end_seconds: float | None
    kind: str
    peak: float
    cell: tuple[int, int] = (0, 0)


class AlarmFinder:
    """Finds alarms in levels as they arrive.

    Args:
        rate: frames per second.

    Attributes:
        open: whether there is an alarm at the moment.
    """

    def __init__(self, rate: float) -> None:
        self._needed, self._quiet_needed = minimum_frames(rate), QUIET_SECONDS * rate
        # When each kind began to be unusual, and for how many frames it has been.
        self._since: dict[str, tuple[float, int]] = {}
        self._quiet = 0
        self._start = self._raised = self._last = 0.0
        self._peak = Level(0.0)
        self.open = False

    def push(self, seconds: float, levels: Sequence[Level]) -> tuple[Alarm | None, Alarm | None]:
        """Take the levels of the next frame.

        Each kind must last by itself, because each has a threshold of its own that keeps its part of the promise.

        Args:
            seconds: its time.
            levels: one of each kind.

        Returns:
            The alarm that is raised by it, and the alarm that ends with it.
        """
        highest = max(levels)
        if self.open or (self._since and highest.value >= 1):
            self._peak = max(self._peak, highest)
        else:
            self._peak = highest
        before, self._since = self._since, {}
        for value, kind, _ in levels:
            if value >= 1:
                start, frames = before.get(kind, (seconds, 0))
                self._since[kind] = start, frames + 1
        if self.open:
            return None, self._go_on(seconds, highest.value)
        lasting = [start for start, frames in self._since.values() if frames >= self._needed]
        if not lasting:
            return None, None
        self.open, self._quiet = True, 0
        self._start, self._raised, self._last = min(lasting), seconds, seconds
        return self._alarm(None), None

    def flush(self) -> Alarm | None:
        """End a recording: the alarm that was open, if there was one."""
        self._since = {}
        return self._end() if self.open else None

    def _go_on(self, seconds: float, level: float) -> Alarm | None:
        """The open alarm, if it ends now."""
        if level >= RELEASE:
            self._quiet, self._last = 0, seconds
        else:
            self._quiet += 1
        return self._end() if self._quiet >= self._quiet_needed else None

    def _end(self) -> Alarm:
        self.open = False
        return self._alarm(self._last)

    def _alarm(self, end: float | None) -> Alarm:
        return Alarm(self._start, self._raised, end, self._peak.kind, self._peak.value, self._peak.cell)


def minimum_frames(rate: float) -> int:
    """How many frames in a row must be unusual to raise an alarm."""
    return max(1, round(MINIMUM_SECONDS * rate))


def lasting_peak(scores: NDArray[np.float64], rate: float) -> float:
    """The highest score that lasts for as long as an alarm takes: thresholds above it raise none.

    Args:
        scores: in order of time; NaN where a score is not known.
        rate: scores per second.

    Returns:
        The score; minus infinity if none lasts.
    """
    frames = minimum_frames(rate)
    if len(scores) < frames:
        return -np.inf
    known = np.where(np.isnan(scores), -np.inf, scores)
    return float(np.lib.stride_tricks.sliding_window_view(known, frames).min(axis=1).max())
