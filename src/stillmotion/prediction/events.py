"""Turn the predictions of a stream into events: which label applied, from when to when."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.data import read_class_names
from stillmotion.errors import UsageError
from stillmotion.models.cards import Outputs
from stillmotion.streaming import WindowPrediction

ENTER_THRESHOLD, EXIT_THRESHOLD = 0.6, 0.4


@dataclass(frozen=True)
class Event:
    """A stretch of time with one label.

    Attributes:
        start_seconds: the end of the first window of the event.
        end_seconds: the end of its last window.
        label: the label.
        confidence: the mean of the label's smoothed probability over the event.

    Examples:
        >>> result = sm.stream_to("runs/motion", "new.mp4", events="events.csv")
        >>> event = sm.Event(1.0, 2.5, "jam", 0.8)
        >>> event.end_seconds - event.start_seconds
        1.5
    """

    start_seconds: float
    end_seconds: float
    label: str
    confidence: float


@dataclass
class _OpenEvent:
    """An event that has not ended yet: the label's number, its times, and the sum of its smoothed probabilities."""

    label: int
    start_seconds: float
    last_seconds: float = 0.0
    sum: float = 0.0
    count: int = 0


class EventDetector:
    """Finds events in predictions as they arrive.

    Probabilities are averaged over the last seconds. An event begins when a label's average reaches the enter
    threshold, and ends when it falls below the exit threshold or another label's average, now the largest, reaches the
    enter threshold. With the exit threshold below the enter threshold, small changes do not end an event (hysteresis).

    The labels of a model with independent outputs each have their own events, which may overlap. So does the number
    that a regression returns; its thresholds are numbers of that kind, and have to be given.

    Args:
        labels: class names in the order of the model's outputs; see `read_class_names`.
        smoothing_seconds: how long probabilities are averaged; 0 takes each prediction as it is.
        enter_threshold: smoothed probability at which an event begins; or a mapping with one for each label. By default
            0.6, and no events for a regression.
        exit_threshold: smoothed probability below which an event ends, likewise. By default 0.4, or the enter threshold
            if only that is given for a regression.
        min_duration_seconds: events shorter than this are ignored.
        outputs: what the model's outputs are; see `ModelCard`.

    Raises:
        UsageError: the exit threshold is above the enter threshold, a threshold for a label that is not there, or the
            labels cannot be read.

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
    ) -> None:
        self.labels = read_class_names(labels)
        regression = outputs == "regression"
        if exit_threshold is None and regression:
            exit_threshold = enter_threshold
        self._enter = self._thresholds(enter_threshold, inf if regression else ENTER_THRESHOLD)
        self._exit = self._thresholds(exit_threshold, inf if regression else EXIT_THRESHOLD)
        for label, enter, leave in zip(self.labels, self._enter, self._exit, strict=True):
            if leave > enter:
                of_label = f" of {label}" if isinstance(enter_threshold, Mapping) else ""
                raise UsageError(
                    f"the exit threshold{of_label} is {leave:g}, above the enter threshold, {enter:g}: "
                    "an event would end as it begins"
                )
        self.independent = regression or outputs == "independent sigmoids"
        self.smoothing_seconds = smoothing_seconds
        self.min_duration_seconds = min_duration_seconds
        self._recent: deque[tuple[float, NDArray[np.float32]]] = deque()
        self._open: dict[int, _OpenEvent] = {}

    def _thresholds(self, given: float | Mapping[str, float] | None, default: float) -> NDArray[np.float64]:
        """One threshold for each label."""
        if isinstance(given, Mapping):
            unknown = next((label for label in given if label not in self.labels), None)
            if unknown is not None:
                raise UsageError(f"a threshold for {unknown!r}, which is none of the labels {', '.join(self.labels)}")
            return np.array([given.get(label, default) for label in self.labels])
        return np.full(len(self.labels), default if given is None else given)

    def push(self, prediction: WindowPrediction) -> list[Event]:
        """Take the next prediction of the stream.

        Args:
            prediction: with its time in seconds.

        Returns:
            The events that end with this prediction; one at most, unless labels are independent.

        Raises:
            UsageError: the prediction has no time.
        """
        seconds = prediction.seconds
        if seconds is None:
            raise UsageError("events need predictions with times: give the stream the times of its frames")
        self._recent.append((seconds, prediction.probabilities))
        while self._recent[0][0] < seconds - self.smoothing_seconds:
            self._recent.popleft()
        mean = np.mean([probabilities for _, probabilities in self._recent], axis=0)
        candidates = range(len(mean)) if self.independent else [int(mean.argmax())]
        entering = [label for label in candidates if mean[label] >= self._enter[label]]
        ended: list[Event] = []
        for label in list(self._open):
            replaced = not self.independent and entering not in ([], [label])
            if mean[label] < self._exit[label] or replaced:
                ended += self._end(label)
        for label in entering:
            if label not in self._open:
                self._open[label] = _OpenEvent(label, seconds)
        for label, event in self._open.items():
            event.last_seconds = seconds
            event.sum += float(mean[label])
            event.count += 1
        return ended

    def flush(self) -> list[Event]:
        """End the open events and forget earlier predictions, as at the end of a recording.

        Returns:
            The events that were open and long enough.
        """
        self._recent.clear()
        return [event for label in list(self._open) for event in self._end(label)]

    def _end(self, label: int) -> list[Event]:
        event = self._open.pop(label)
        if event.last_seconds - event.start_seconds < self.min_duration_seconds:
            return []
        return [Event(event.start_seconds, event.last_seconds, self.labels[event.label], event.sum / event.count)]
