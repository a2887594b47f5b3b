"""Turn the predictions of a stream into events: which label applied, from when to when."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.data import read_class_names
from stillmotion.errors import UsageError
from stillmotion.streaming import WindowPrediction


@dataclass(frozen=True)
class Event:
    """A stretch of time with one label.

    Attributes:
        start_seconds: the end of the first window of the event.
        end_seconds: the end of its last window.
        label: the label.
        confidence: the mean of the label's smoothed probability over the event.
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

    Args:
        labels: class names in the order of the model's outputs; see `read_class_names`.
        smoothing_seconds: how long probabilities are averaged; 0 takes each prediction as it is.
        enter_threshold: smoothed probability at which an event begins.
        exit_threshold: smoothed probability below which an event ends.
        min_duration_seconds: events shorter than this are ignored.

    Raises:
        UsageError: the exit threshold is above the enter threshold, or the labels cannot be read.
    """

    def __init__(
        self,
        labels: str | Path | Sequence[str],
        *,
        smoothing_seconds: float = 1.0,
        enter_threshold: float = 0.6,
        exit_threshold: float = 0.4,
        min_duration_seconds: float = 0.5,
    ) -> None:
        if exit_threshold > enter_threshold:
            raise UsageError(
                f"the exit threshold is {exit_threshold:g}, above the enter threshold, {enter_threshold:g}: "
                "an event would end as it begins"
            )
        self.labels = read_class_names(labels)
        self.smoothing_seconds = smoothing_seconds
        self.enter_threshold = enter_threshold
        self.exit_threshold = exit_threshold
        self.min_duration_seconds = min_duration_seconds
        self._recent: deque[tuple[float, NDArray[np.float32]]] = deque()
        self._open: _OpenEvent | None = None

    def push(self, prediction: WindowPrediction) -> list[Event]:
        """Take the next prediction of the stream.

        Args:
            prediction: with its time in seconds.

        Returns:
            The event that ends with this prediction, if one does.

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
        best = int(mean.argmax())
        entering = best if mean[best] >= self.enter_threshold else None
        ended: list[Event] = []
        if self._open is not None:
            below_exit = mean[self._open.label] < self.exit_threshold
            if below_exit or entering not in (None, self._open.label):
                ended = self._end()
        if self._open is None and entering is not None:
            self._open = _OpenEvent(entering, seconds)
        if self._open is not None:
            self._open.last_seconds = seconds
            self._open.sum += float(mean[self._open.label])
            self._open.count += 1
        return ended

    def flush(self) -> list[Event]:
        """End the open event and forget earlier predictions, as at the end of a recording.

        Returns:
            The event that was open, if there was one and it was long enough.
        """
        self._recent.clear()
        return self._end()

    def _end(self) -> list[Event]:
        event, self._open = self._open, None
        if event is None or event.last_seconds - event.start_seconds < self.min_duration_seconds:
            return []
        return [Event(event.start_seconds, event.last_seconds, self.labels[event.label], event.sum / event.count)]
