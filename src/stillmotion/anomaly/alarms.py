"""From levels to alarms: an alarm begins when frames are unusual for a moment, and ends when they are normal again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# An alarm begins after the level has been at least 1 for this long, and ends after it has been below `RELEASE` for
# `QUIET_SECONDS`: hysteresis, so that one fault is one alarm.
MINIMUM_SECONDS = 0.25
RELEASE, QUIET_SECONDS = 0.7, 1.0


@dataclass(frozen=True)
class Alarm:
    """A stretch of time that is unusual.

    Attributes:
        start_seconds: when the level reached 1.
        raised_seconds: when the alarm was raised, after it had lasted for a moment.
        end_seconds: when the level was last above `RELEASE`; None while it lasts.
        kind: "look" or "motion": which of the two was highest.
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
        rate: levels per second.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._above = 0
        self._quiet = 0
        self._start = 0.0
        self._last = 0.0
        self._peak: tuple[float, str, tuple[int, int]] = (0.0, "", (0, 0))
        self._open: Alarm | None = None

    def push(
        self, seconds: float, level: float, kind: str = "", cell: tuple[int, int] = (0, 0)
    ) -> tuple[Alarm | None, Alarm | None]:
        """Take the next level.

        Args:
            seconds: its time.
            level: 1 or more is unusual.
            kind: which score gave it.
            cell: where.

        Returns:
            The alarm that is raised by it, and the alarm that ends with it.
        """
        if level >= 1:
            if self._above == 0 and self._open is None:
                self._start, self._peak = seconds, (0.0, "", (0, 0))
            self._above += 1
        else:
            self._above = 0
        if level >= 1 or self._open is not None:
            self._peak = max(self._peak, (level, kind, cell))
        raised = ended = None
        if self._open is None:
            if self._above >= max(1, round(MINIMUM_SECONDS * self.rate)):
                self._open = raised = Alarm(self._start, seconds, None, *self._named_peak())
                self._quiet, self._last = 0, seconds
        elif level >= RELEASE:
            self._quiet, self._last = 0, seconds
        else:
            self._quiet += 1
            if self._quiet >= QUIET_SECONDS * self.rate:
                ended = self._end()
        return raised, ended

    def flush(self) -> Alarm | None:
        """End a recording: the alarm that was open, if there was one."""
        ended = self._end() if self._open is not None else None
        self._above = 0
        return ended

    def _end(self) -> Alarm:
        assert self._open is not None
        kind, peak, cell = self._named_peak()
        ended = Alarm(self._open.start_seconds, self._open.raised_seconds, self._last, kind, peak, cell)
        self._open = None
        return ended

    def _named_peak(self) -> tuple[str, float, tuple[int, int]]:
        level, kind, cell = self._peak
        return kind, level, cell


def find_alarms(levels: Iterable[tuple[float, float, str, tuple[int, int]]], rate: float) -> list[Alarm]:
    """All alarms of one recording.

    Args:
        levels: seconds, level, kind and cell of each frame.
        rate: frames per second.

    Returns:
        The alarms, in order.
    """
    finder = AlarmFinder(rate)
    found = [ended for seconds, level, kind, cell in levels if (ended := finder.push(seconds, level, kind, cell)[1])]
    last = finder.flush()
    return [*found, last] if last else found


def count_alarms(levels: NDArray[np.float64], rate: float) -> int:
    """How many alarms the levels of one recording raise."""
    return len(find_alarms(((n / rate, float(level), "", (0, 0)) for n, level in enumerate(levels)), rate))
