"""How close predictions came to an event: for when there is none, and its user wonders why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from typing import NamedTuple


class _Reached(NamedTuple):
    """An average that a label reached, when, and whether an event could have begun with it."""

    value: float
    seconds: float
    may_begin: bool = True


class NearMisses:
    """Remembers for each label the highest average, and the highest enter threshold that would have given an event.

    Args:
        min_duration_seconds: how long the shortest event lasts.
    """

    def __init__(self, min_duration_seconds: float) -> None:
        self.min_duration_seconds = min_duration_seconds
        self.highest: dict[str, _Reached] = {}
        self.enough: dict[str, float] = {}
        # Averages of the last `min_duration_seconds`, in which an event could have gone on.
        self._recent: dict[str, list[_Reached]] = {}
        self._windows = 0

    def push(
        self, seconds: float, averages: Mapping[str, float], beginning: Set[str], exits: Mapping[str, float]
    ) -> None:
        """Take the averages of one time.

        Args:
            seconds: the time.
            averages: those of the labels whose events could go on now.
            beginning: those whose events could begin.
            exits: the averages below which events end.
        """
        self._windows += 1
        recent = {label: self._recent.get(label, []) for label in averages}
        for label, value in averages.items():
            reached = _Reached(value, seconds, label in beginning)
            recent[label].append(reached)
            if reached.may_begin:
                self.highest[label] = max(self.highest.get(label, reached), reached, key=lambda it: it.value)
            while seconds - recent[label][0].seconds >= self.min_duration_seconds:
                self._begin_with_first(label, recent[label], exits[label])
                if len(recent[label]) == 1 or seconds - recent[label][1].seconds < self.min_duration_seconds:
                    break
                recent[label].pop(0)
        self._recent = recent

    def _begin_with_first(self, label: str, averages: list[_Reached], leave: float) -> None:
        """Remember the threshold with which an event would have begun with the first of these, and gone on."""
        if averages[0].may_begin:
            lowest = min(reached.value for reached in averages)
            # Below the exit threshold an event goes on only if that is lowered, too.
            threshold = averages[0].value if lowest >= leave else lowest
            self.enough[label] = max(self.enough.get(label, threshold), threshold)

    def flush(self) -> None:
        """No event spans what comes before this and what comes after it."""
        self._recent.clear()

    def explain(self, thresholds: Mapping[str, tuple[float, float]]) -> str:
        """Say why there was no event.

        Args:
            thresholds: of each label, the averages at which an event begins and ends.

        Returns:
            One line.
        """
        if not self._windows:
            return "no event: no window was complete"
        if not thresholds:
            return "no event: no stretch was unlike the training clips"
        if all(math.isinf(enter) for enter, _ in thresholds.values()):
            return "no event: a regression has events only with an enter threshold"
        if not self.highest:
            return f"no event: no window was most probably {' or '.join(thresholds)}"
        label = max(self.highest, key=lambda label: self.highest[label].value - thresholds[label][0])
        value, seconds, _ = self.highest[label]
        enter, leave = thresholds[label]
        text = f"no event: the highest average was {label} {value:.2f} at {seconds:.2f} s"
        short = f", but it did not last {self.min_duration_seconds:g} s; a minimum duration of 0"
        if value >= enter:
            return f"{text}{short} would give one"
        text += f", below the enter threshold of {enter:g}; "
        if label not in self.enough:
            text += "a minimum duration of 0 with "
        needed = _floor(self.enough.get(label, value))
        return f"{text}an enter{' and exit' if needed < leave else ''} threshold of {needed:g} would give one"


def _floor(value: float) -> float:
    """Rounded down, so that a threshold of this number is reached."""
    return math.floor(100 * value) / 100
