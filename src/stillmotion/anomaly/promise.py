"""Thresholds that keep a promise about false alarms, as far as the normal footage at hand can carry it.

Each recording is scored by a memory of the others, as new footage will be. False alarms come in clusters: what looks
odd for a moment often looks odd again soon. So what is counted are stretches of at most 5 minutes in which there is an
alarm, and what is taken to be alike are whole recordings (or groups of them, such as days), not stretches or frames:
the next recording is as likely to be the worst as each one before. If k stretches of n recordings alarm, and no
recording holds more than b stretches, a new recording has (k + b) / (n + 1) of them or fewer on average (conformal risk
control, Angelopoulos et al. 2022). For recordings of at most 5 minutes, this is the probability that one alarms at all:
(k + 1) / (n + 1).

So n recordings without an alarm promise no less than 1 / (n + 1), whatever the detector; it is said how many would
keep a promise that these do not.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.alarms import lasting_peak
from stillmotion.errors import StillmotionError, UsageError

KindT = TypeVar("KindT", bound=str)
_HOURS = {"hour": 1.0, "day": 24.0, "week": 168.0, "shift": 8.0}
STRETCH_SECONDS = 300.0
# The score that is the threshold must not alarm itself.
MARGIN = 1.001
# A threshold is so far above the typical score at least: 1 is what normal footage rarely exceeds, and where nothing
# happens at all, scores differ by rounding alone.
LEAST_DISTANCE = 0.1


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
class HeldOut:
    """How much normal footage thresholds rest on.

    Attributes:
        units: how many recordings, or groups of them, are taken to be alike.
        longest: stretches of at most 5 minutes in the longest of them.
        hours: of all.
    """

    units: int
    longest: int
    hours: float

    def expected_per_hour(self, alarms: int) -> float:
        """How many stretches with a false alarm to expect per hour of new footage, at most.

        Args:
            alarms: how many stretches of this footage have one.
        """
        return (alarms + self.longest) / (self.units + 1) * self.units / self.hours

    def allowed(self, per_hour: float) -> int:
        """How many stretches of this footage may have an alarm if a promise is kept; less than 0 if it cannot be."""
        return math.floor(per_hour * self.hours / self.units * (self.units + 1) + 1e-9) - self.longest

    def units_needed(self, per_hour: float) -> int:
        """How many recordings like these a promise takes, if none of them alarms."""
        return max(1, math.ceil(self.longest * self.units / self.hours / per_hour - 1e-9) - 1)


@dataclass(frozen=True)
class Threshold:
    """The score from which on frames are unusual.

    Attributes:
        value: of the score.
        typical: the median score of held-out normal footage.
        alarms: how many stretches of that footage alarm.
    """

    value: float
    typical: float
    alarms: int

    def level(self, score: float) -> float:
        """How unusual a score is: 0 is typical, or not known yet; 1 is the threshold."""
        return 0.0 if math.isnan(score) else (score - self.typical) / (self.value - self.typical)


def count_stretches(frames: int, rate: float) -> int:
    """In how many equal parts of at most 5 minutes a recording is cut."""
    return max(1, math.ceil(frames / (STRETCH_SECONDS * rate)))


def count_held_out(groups: Sequence[str], frames: Sequence[int], rate: float, *, by_stretch: bool) -> HeldOut:
    """Count how much footage is held out.

    Args:
        groups: of each recording.
        frames: how many each has.
        rate: frames per second.
        by_stretch: whether stretches of time are taken to be alike, because there is one group only.

    Returns:
        The counts.
    """
    stretches: Counter[str] = Counter()
    for group, count in zip(groups, frames, strict=True):
        stretches[group] += count_stretches(count, rate)
    hours = sum(frames) / rate / 3600
    if by_stretch:
        return HeldOut(stretches.total(), 1, hours)
    return HeldOut(len(stretches), max(stretches.values()), hours)


def choose_threshold(
    scores: Sequence[NDArray[np.float64]], rate: float, held_out: HeldOut, per_hour: float
) -> Threshold:
    """The lowest threshold that keeps a promise on held-out normal footage; the highest score if none does.

    Args:
        scores: those of each recording, in order of time, each scored by a memory without it; NaN where not known.
        rate: scores per second.
        held_out: how much footage that is.
        per_hour: the promise.

    Returns:
        The threshold.

    Raises:
        StillmotionError: no score is known.
    """
    stretches = [part for whole in scores for part in np.array_split(whole, count_stretches(len(whole), rate))]
    peaks = np.sort([lasting_peak(part, rate) for part in stretches])[::-1]
    if not np.isfinite(peaks).any():
        raise StillmotionError("the recordings are too short: a second is the least")
    typical = float(np.nanmedian(np.concatenate(scores)))
    allowed = min(max(0, held_out.allowed(per_hour)), int(np.isfinite(peaks).sum()) - 1)
    value = float(peaks[allowed]) * MARGIN
    if value <= typical:  # All scores are the same, or almost every stretch may alarm.
        value = typical + 1.0 if peaks[0] <= typical else float(peaks[0]) * MARGIN
    value = max(value, typical + LEAST_DISTANCE)
    return Threshold(value, typical, int((peaks > value).sum()))


def choose_thresholds(
    scores: Mapping[KindT, Sequence[NDArray[np.float64]]], rate: float, held_out: HeldOut, per_hour: float
) -> dict[KindT, Threshold]:
    """Choose a threshold for each kind of score: each gets its share of the promise, as each may alarm.

    Args:
        scores: of each kind, see `choose_threshold`.
        rate: scores per second.
        held_out: how much footage that is.
        per_hour: the promise for all of them together.

    Returns:
        The thresholds.

    Raises:
        StillmotionError: no score is known.
    """
    return {kind: choose_threshold(parts, rate, held_out, per_hour / len(scores)) for kind, parts in scores.items()}


def rate_bound(alarms: int, hours: float, level: float = 0.95) -> float:
    """The upper bound of a rate on footage that was not used to choose the threshold (Garwood 1936).

    Args:
        alarms: how many there were, independent of each other.
        hours: in how many hours.
        level: confidence.

    Returns:
        Alarms per hour; 3 / hours if there was none, at 95 %.
    """
    from scipy.stats import chi2  # It takes a second to import.

    return float(chi2.ppf(level, 2 * (alarms + 1)) / 2 / hours)
