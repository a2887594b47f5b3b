"""What an event is, and what is said of it while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal


@dataclass(frozen=True)
class Event:
    """A stretch of time with one label.

    Attributes:
        start_seconds: the end of the first window of the event.
        end_seconds: the end of its last window.
        label: the label, or "unknown" (see `EventDetector`) where windows are unlike the training clips.
        confidence: the mean of the label's smoothed probability over the event. It may be below the enter threshold,
            because an event lasts until the exit threshold. Of unknown events, the mean of the smoothed distance.
        entry_confidence: the smoothed probability with which the event began.
        peak_confidence: the highest smoothed probability of the event.

    Examples:
        >>> result = sm.stream_to("runs/motion", "new.mp4", events="events.csv")
        >>> event = sm.Event(1.0, 2.5, "jam", 0.8, 0.65, 0.9)
        >>> event.end_seconds - event.start_seconds
        1.5
    """

    start_seconds: float
    end_seconds: float
    label: str
    confidence: float
    entry_confidence: float
    peak_confidence: float


@dataclass(frozen=True)
class EventNotice:
    """What has become of an event.

    Attributes:
        state: "began" as soon as the event is long enough to count, "ongoing" at an interval, or "ended".
        event: the event so far; it has its last window when it has ended.
        id: the same in all notices of an event, and in those of no other event.

    Examples:
        >>> for update in sm.stream_updates("runs/motion", "new.mp4", events=True):
        ...     ended = [notice.event for notice in update.notices if notice.state == "ended"]
    """

    state: Literal["began", "ongoing", "ended"]
    event: Event
    id: str = field(default="", compare=False)


@dataclass
class OpenEvent:
    """An event that has not ended yet, with the first, highest, sum and count of its smoothed probabilities."""

    label: str
    start_seconds: float
    id: str
    first: float
    last_seconds: float = 0.0
    highest: float = -inf
    sum: float = 0.0
    count: int = 0
    noticed_seconds: float | None = None  # When its last notice was given.

    def extend(self, seconds: float, value: float) -> None:
        self.last_seconds = seconds
        self.highest = max(self.highest, value)
        self.sum += value
        self.count += 1

    def notice(self, state: Literal["began", "ongoing", "ended"]) -> EventNotice:
        mean = self.sum / self.count
        event = Event(self.start_seconds, self.last_seconds, self.label, mean, self.first, self.highest)
        return EventNotice(state, event, self.id)


def ended_events(notices: Sequence[EventNotice]) -> list[Event]:
    """The events that have ended, among what has become of events."""
    return [notice.event for notice in notices if notice.state == "ended"]
