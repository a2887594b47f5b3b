"""Turn the predictions of a stream into events: which label applied, from when to when."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stillmotion.data import read_class_names
from stillmotion.errors import UsageError
from stillmotion.models.cards import Outputs
from stillmotion.prediction.event_records import Event, EventNotice, OpenEvent, ended_events
from stillmotion.prediction.near_misses import NearMisses

if TYPE_CHECKING:
    from stillmotion.streaming import WindowPrediction

ENTER_THRESHOLD, EXIT_THRESHOLD = 0.6, 0.4
# The label of windows that are unlike the training clips. Its averages are of their distance, and end at this share of
# the threshold.
UNKNOWN, UNKNOWN_EXIT = "unknown", 0.9


class EventDetector:
    """Finds events in predictions as they arrive.

    Probabilities are averaged over the last seconds. An event begins when a label's average reaches the enter
    threshold, and ends when it falls below the exit threshold or another label's average, now the largest, reaches the
    enter threshold. With the exit threshold below the enter threshold, small changes do not end an event (hysteresis).

    The labels of a model with independent outputs each have their own events, which may overlap. So does the number
    that a regression returns; its thresholds are numbers of that kind, and have to be given.

    Where the smoothed distance of windows from the training clips is above 1, the event is "unknown", whatever the
    model says, and events of labels end. The threshold can be given like those of labels. If "unknown" is one of the
    labels, such an event is "unknown footage".

    Args:
        labels: class names in the order of the model's outputs; see `read_class_names`.
        smoothing_seconds: how long probabilities are averaged; 0 takes each prediction as it is.
        enter_threshold: smoothed probability at which an event begins; or a mapping with one for each label. By default
            0.6, and no events for a regression.
        exit_threshold: smoothed probability below which an event ends, likewise. By default 0.4, or two thirds of the
            enter threshold if that is less; for a regression, the enter threshold.
        min_duration_seconds: events shorter than this are ignored.
        outputs: what the model's outputs are; see `ModelCard`.
        only: the labels whose events are reported; by default all. Events of the others still end those of these.
        notice_seconds: from one notice of an event that goes on to the next; 0 for none in between.
        unknown: whether windows that are unlike the training clips are unknown, and not what the model says.

    Raises:
        UsageError: the exit threshold is above the enter threshold, a threshold for a label that is not there, such a
            label in `only`, or the labels cannot be read.

    Examples:
        >>> detector = sm.EventDetector(["calm", "jam"], enter_threshold={"jam": 0.8}, min_duration_seconds=1)
        >>> for prediction in sm.stream("runs/motion", "new.mp4"):
        ...     events = detector.push(prediction)
    """

    def __init__(
        self,
        labels: str | Path | Sequence[str],
        *,
        smoothing_seconds: float = 1.0,
        enter_threshold: float | Mapping[str, float] | None = None,
        exit_threshold: float | Mapping[str, float] | None = None,
        min_duration_seconds: float = 0.5,
        outputs: Outputs = "softmax",
        only: Sequence[str] | None = None,
        notice_seconds: float = 60.0,
        unknown: bool = True,
    ) -> None:
        self.labels = read_class_names(labels)
        regression = outputs == "regression"
        if exit_threshold is None and regression:
            exit_threshold = enter_threshold
        unknown_label = UNKNOWN
        while unknown_label in self.labels:  # A class of its own, which people have for "none of these".
            unknown_label += " footage"
        # The last one is that of unknown events.
        self._names = (*self.labels, unknown_label)
        everywhere = np.ones(len(self.labels))
        self._enter = self._thresholds(enter_threshold, everywhere * (inf if regression else ENTER_THRESHOLD))
        usual = inf * everywhere if regression else np.minimum(EXIT_THRESHOLD, self._enter * 2 / 3)
        self._exit = self._thresholds(exit_threshold, usual)
        given = [it.get(unknown_label) if isinstance(it, Mapping) else None for it in (enter_threshold, exit_threshold)]
        limit = 1.0 if given[0] is None else given[0]
        self._enter = np.append(self._enter, limit)
        self._exit = np.append(self._exit, UNKNOWN_EXIT * limit if given[1] is None else given[1])
        for label, enter, leave in zip(self._names, self._enter, self._exit, strict=True):
            if leave > enter:
                of_label = f" of {label}" if isinstance(enter_threshold, Mapping) else ""
                raise UsageError(
                    f"the exit threshold{of_label} is {leave:g}, above the enter threshold, {enter:g}: "
                    "an event would end as it begins"
                )
        self.only = frozenset(self._check_known(only, "events of") if only is not None else self._names)
        self.independent = regression or outputs == "independent sigmoids"
        self.smoothing_seconds = smoothing_seconds
        self.min_duration_seconds = min_duration_seconds
        self.notice_seconds = notice_seconds
        self.unknown = unknown
        self.near_misses = NearMisses(min_duration_seconds)
        self._recent: deque[tuple[float, NDArray[np.float64]]] = deque()
        self._open: dict[int, OpenEvent] = {}
        self._found = False
        self._ids, self._begun = uuid.uuid4().hex[:12], 0

    def _thresholds(self, given: float | Mapping[str, float] | None, usual: NDArray[np.float64]) -> NDArray[np.float64]:
        """One threshold for each label."""
        if given is None:
            return usual
        if isinstance(given, Mapping):
            self._check_known(list(given), "a threshold for")
            return np.array([given.get(label, value) for label, value in zip(self.labels, usual, strict=True)])
        return np.full(len(self.labels), given)

    def _check_known(self, labels: Sequence[str], what: str) -> Sequence[str]:
        unknown = next((label for label in labels if label not in self._names), None)
        if unknown is not None:
            raise UsageError(f"{what} {unknown!r}, which is none of the labels {', '.join(self.labels)}")
        return labels

    def push(self, prediction: WindowPrediction) -> list[Event]:
        """Take the next prediction of the stream.

        Args:
            prediction: with its time in seconds.

        Returns:
            The events that end with this prediction; one at most, unless labels are independent.

        Raises:
            UsageError: the prediction has no time.
        """
        return ended_events(self.advance(prediction))

    def advance(self, prediction: WindowPrediction) -> list[EventNotice]:
        """Take the next prediction of the stream, as `push` does, and also say which events begin and go on.

        Args:
            prediction: with its time in seconds.

        Returns:
            What has become of events with this prediction.

        Raises:
            UsageError: the prediction has no time.
        """
        seconds = prediction.seconds
        if seconds is None:
            raise UsageError("events need predictions with times: give the stream the times of its frames")
        distance = prediction.distance if self.unknown and prediction.distance is not None else 0.0
        self._recent.append((seconds, np.append(prediction.probabilities.astype(np.float64), distance)))
        while self._recent[0][0] < seconds - self.smoothing_seconds:
            self._recent.popleft()
        mean = np.mean([values for _, values in self._recent], axis=0)
        last = len(self.labels)
        is_unknown = bool(mean[last] >= self._exit[last] if last in self._open else mean[last] > self._enter[last])
        if is_unknown:
            candidates, entering = [], [last]
        else:
            candidates = list(range(last)) if self.independent else [int(mean[:last].argmax())]
            entering = [label for label in candidates if mean[label] >= self._enter[label]]
        self._remember(seconds, mean, candidates, entering)
        notices: list[EventNotice] = []
        for label in list(self._open):
            replaced = (is_unknown or not self.independent) and entering not in ([], [label])
            if mean[label] < self._exit[label] or replaced:
                notices += self._end(label)
        for label in entering:
            if label not in self._open:
                self._begun += 1
                identity = f"{self._ids}-{self._begun}"
                self._open[label] = OpenEvent(self._names[label], seconds, identity, float(mean[label]))
        for label, event in self._open.items():
            event.extend(seconds, float(mean[label]))
            notices += self._go_on(event)
        return notices

    def flush(self) -> list[Event]:
        """End the open events and forget earlier predictions, as at the end of a recording.

        Returns:
            The events that were open and long enough.
        """
        return ended_events(self.finish())

    def finish(self) -> list[EventNotice]:
        """End the open events, as `flush` does.

        Returns:
            What has become of those that were long enough.
        """
        self._recent.clear()
        self.near_misses.flush()
        return [notice for label in list(self._open) for notice in self._end(label)]

    def explain_silence(self) -> str:
        """Say how close the predictions came to an event, for when there was none.

        Returns:
            One line: the highest average that was reached, and which threshold would have made it an event.
        """
        limits = zip(self.labels, self._enter, self._exit, strict=False)
        return self.near_misses.explain(
            {label: (float(enter), float(leave)) for label, enter, leave in limits if label in self.only}
        )

    def _remember(
        self, seconds: float, mean: NDArray[np.float64], candidates: Sequence[int], entering: Sequence[int]
    ) -> None:
        """Keep what `explain_silence` needs, as long as there was no event."""
        if self._found:
            return
        lasting = [
            number
            for number, label in enumerate(self.labels)
            if label in self.only
            and (entering in ([], [number]) or (self.independent and len(self.labels) not in entering))
        ]
        self.near_misses.push(
            seconds,
            {self.labels[number]: float(mean[number]) for number in lasting},
            {self.labels[number] for number in candidates},
            {self.labels[number]: float(self._exit[number]) for number in lasting},
        )

    def _go_on(self, event: OpenEvent) -> list[EventNotice]:
        """The notice that an event is long enough to count, or that it goes on."""
        if event.label not in self.only:
            return []
        if event.noticed_seconds is None:
            if event.last_seconds - event.start_seconds < self.min_duration_seconds:
                return []
        elif not self.notice_seconds or event.last_seconds - event.noticed_seconds < self.notice_seconds:
            return []
        self._found = True
        began = event.noticed_seconds is None
        event.noticed_seconds = event.last_seconds
        return [event.notice("began" if began else "ongoing")]

    def _end(self, label: int) -> list[EventNotice]:
        event = self._open.pop(label)
        # An event that was too short, or whose label is not wanted, was not noticed when it began.
        return [] if event.noticed_seconds is None else [event.notice("ended")]
