"""How much of the time each label took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stillmotion.prediction.event_records import Event


@dataclass(frozen=True)
class LabelTime:
    """The events of one label.

    Attributes:
        label: the label.
        events: how many there were.
        seconds: how long they were in all.
        longest_seconds: the longest of them.

    Examples:
        >>> entry = sm.LabelTime("jam", events=2, seconds=7.5, longest_seconds=5.0)
        >>> entry.seconds / entry.events
        3.75
    """

    label: str
    events: int
    seconds: float
    longest_seconds: float


def time_budget(events: Iterable[Event]) -> tuple[LabelTime, ...]:
    """Add up the time of events.

    Args:
        events: the events, which may overlap.

    Returns:
        One entry for each label that has events, those that took longest first.

    Examples:
        >>> events = [sm.Event(1.0, 3.5, "jam", 0.8, 0.65, 0.9), sm.Event(9.0, 14.0, "jam", 0.8, 0.7, 0.9)]
        >>> (entry,) = sm.time_budget(events)
        >>> entry.seconds
        7.5
    """
    spans: dict[str, list[float]] = {}
    for event in events:
        spans.setdefault(event.label, []).append(event.end_seconds - event.start_seconds)
    entries = [LabelTime(label, len(times), sum(times), max(times)) for label, times in spans.items()]
    return tuple(sorted(entries, key=lambda entry: (-entry.seconds, entry.label)))
