"""Thresholds that keep a promise about false alarms, as far as the normal footage at hand can carry it.

The footage is held out by recording: each recording is scored by a memory of the others. If k alarms would have been
raised in h hours, a new hour like these raises (k + 1) / h or fewer on average, because the next alarm is as likely to
come from new footage as from the old (conformal prediction, Vovk et al. 2005). So without any alarm in h hours no
promise below one in h hours can be kept by more than hope, and it is said how much more footage would keep it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from stillmotion.anomaly.alarms import count_alarms
from stillmotion.errors import UsageError

_Level = TypeVar("_Level", float, NDArray[np.float64])
_HOURS = {"hour": 1.0, "day": 24.0, "week": 168.0, "shift": 8.0}
# Above the highest score of held-out footage, where that is the threshold: the highest itself must not alarm.
MARGIN = 1.001
# How long a false alarm lasts at most, on average.
ALARM_SECONDS = 30.0


@dataclass(frozen=True)
class Promise:
    """At most so many false alarms.

    Attributes:
        alarms: how many.
        per: in which time: "hour", "shift" (of 8 hours), "day" or "week".
    """

    alarms: float
    per: str

    @property
    def per_hour(self) -> float:
        """False alarms per hour."""
        return self.alarms / _HOURS[self.per]

    def __str__(self) -> str:
        return f"{self.alarms:g}/{self.per}"


def read_promise(text: str) -> Promise:
    """Read a promise such as "1/hour" or "2/day".

    Args:
        text: a number, a slash, and "hour", "shift", "day" or "week".

    Returns:
        The promise.

    Raises:
        UsageError: it is not one.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(hour|shift|day|week)\s*", text)
    if match is None or float(match[1]) <= 0:
        raise UsageError(f"promise {text!r}: expected a number of false alarms per hour, shift, day or week, as 1/hour")
    return Promise(float(match[1]), match[2])


@dataclass(frozen=True)
class Threshold:
    """The score from which on frames are unusual.

    Attributes:
        value: of the score.
        typical: the median score of held-out normal footage.
        alarms: how many alarms it raises in the held-out normal footage.
        hours: of that footage.
    """

    value: float
    typical: float
    alarms: int
    hours: float

    def level(self, score: _Level) -> _Level:
        """How unusual a score is: 0 is typical, 1 is the threshold."""
        return (score - self.typical) / (self.value - self.typical)

    @property
    def expected_per_hour(self) -> float:
        """False alarms per hour to expect on new normal footage like this, at most."""
        return (self.alarms + 1) / self.hours


def choose_threshold(scores: Sequence[NDArray[np.float64]], rate: float, per_hour: float) -> Threshold:
    """The lowest threshold that keeps a promise on held-out normal footage; the highest score if none does.

    Args:
        scores: those of each recording, in order of time, each scored by a memory without it.
        rate: scores per second.
        per_hour: the promise.

    Returns:
        The threshold.
    """
    hours = sum(len(part) for part in scores) / rate / 3600
    allowed = max(0, math.floor(per_hour * hours + 1e-9) - 1)
    everything = np.concatenate(scores)
    typical = float(np.median(everything))
    values = np.unique(everything[everything > typical])
    if not len(values):  # All scores are the same.
        return Threshold(typical + 1.0, typical, 0, hours)
    low, high = 0, len(values) - 1  # Of thresholds just above a value; the highest raises no alarm.

    def alarms(index: int) -> int:
        threshold = Threshold(float(values[index]) * MARGIN, typical, 0, hours)
        return sum(count_alarms(threshold.level(part), rate) for part in scores)

    while low < high:
        middle = (low + high) // 2
        # A lower threshold may raise fewer alarms, if they run into one. Then it is in alarm for too long.
        raised = alarms(middle)
        if raised == 0 or (
            raised <= allowed and _seconds_above(scores, values[middle], rate) <= ALARM_SECONDS * allowed
        ):
            high = middle
        else:
            low = middle + 1
    return Threshold(float(values[high]) * MARGIN, typical, alarms(high), hours)


def _seconds_above(scores: Sequence[NDArray[np.float64]], value: float, rate: float) -> float:
    return sum(int((part > value).sum()) for part in scores) / rate


def rate_bound(alarms: int, hours: float, level: float = 0.95) -> float:
    """The upper bound of a rate of alarms on footage that was not used to choose the threshold (Garwood 1936).

    Args:
        alarms: how many there were.
        hours: in how many hours.
        level: confidence.

    Returns:
        Alarms per hour; 3 / hours if there was none, at 95 %.
    """
    return float(chi2.ppf(level, 2 * (alarms + 1)) / 2 / hours)
