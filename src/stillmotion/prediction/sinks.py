"""Where predictions and events go as they arrive: a table, or standard output.

To add a kind of table, add its class and its row in `SINKS`.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import av
import numpy as np

from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models.cards import Outputs
from stillmotion.prediction.event_records import Event, EventNotice
from stillmotion.prediction.tables import distance_columns, result_columns

if TYPE_CHECKING:
    from stillmotion.streaming import WindowPrediction

Row = dict[str, Any]


class Sink(Protocol):
    """Takes rows one by one. Each row is written at once, so that nothing is lost when the stream is stopped."""

    def write(self, row: Row) -> None: ...
    def close(self) -> None: ...


def window_columns(labels: Sequence[str], outputs: Outputs = "softmax", *, distances: bool = False) -> list[str]:
    """The columns of `window_row`; `distances` says whether the run remembers its training clips."""
    results = result_columns(np.zeros(len(labels), np.float32), labels, outputs)
    return ["seconds", *results, *distance_columns(0.0 if distances else None)]


def window_row(prediction: WindowPrediction, labels: Sequence[str], outputs: Outputs = "softmax") -> Row:
    """A prediction as a row: when its window ends, and what `predict` writes of a window's result."""
    return {
        "seconds": None if prediction.seconds is None else round(prediction.seconds, 3),
        **result_columns(prediction.probabilities, labels, outputs),
        **distance_columns(prediction.distance),
    }


EVENT_COLUMNS = [field.name for field in fields(Event)]


def event_row(event: Event) -> Row:
    """An event as a row: its attributes, to three decimals."""
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(event).items()}


def notice_row(notice: EventNotice, *, source: str, run: str, now: datetime, now_seconds: float | None) -> Row:
    """What has become of an event, as a row for a receiver that knows nothing of the stream.

    Args:
        notice: the notice.
        source: where the frames come from, without credentials.
        run: the model.
        now: the clock time.
        now_seconds: the time in the stream at that moment; None for a file, whose times are not those of the clock.

    Returns:
        State, id, clock times in ISO 8601, source, run, and the row of the event so far.
    """
    start = None
    if now_seconds is not None:
        start = (now - timedelta(seconds=now_seconds - notice.event.start_seconds)).isoformat(timespec="milliseconds")
    return {
        "state": notice.state,
        "id": notice.id,
        "time": now.isoformat(timespec="milliseconds"),
        "start_time": start,
        "source": source,
        "run": run,
        **event_row(notice.event),
    }


def clock_time(frame: SourceFrame) -> datetime:
    """When a frame arrived, in local time."""
    return datetime.now().astimezone() - timedelta(seconds=time.monotonic() - frame.arrived)


class JsonLines:
    """A file with one JSON object per line."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, _open_text(path)

    def write(self, row: Row) -> None:
        with name_file_in_errors(self.path):
            self.file.write(json.dumps(row, ensure_ascii=False) + "\n")
            self.file.flush()

    def close(self) -> None:
        with name_file_in_errors(self.path):
            self.file.close()


class Csv:
    """A file with a header, then one line per row."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.file = path, _open_text(path)
        self.writer = csv.DictWriter(self.file, columns)
        with ExitStack() as on_failure, name_file_in_errors(path):
            on_failure.callback(self.close)
            self.writer.writeheader()
            self.file.flush()
            on_failure.pop_all()

    def write(self, row: Row) -> None:
        with name_file_in_errors(self.path):
            self.writer.writerow(row)
            self.file.flush()

    def close(self) -> None:
        with name_file_in_errors(self.path):
            self.file.close()


class StandardOutput:
    """One JSON object per line, for the next program of a pipe."""

    def write(self, row: Row) -> None:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def close(self) -> None:
        pass


SINKS: Mapping[str, Callable[[Path, Sequence[str]], Sink]] = {
    ".jsonl": lambda path, columns: JsonLines(path),
    ".csv": Csv,
}


def open_sink(path: Path, columns: Sequence[str]) -> Sink:
    """Open a table that grows row by row.

    Args:
        path: its ending says which kind; `-` is standard output.
        columns: the keys of its rows, in order.

    Returns:
        The sink, to be closed after use.

    Raises:
        UsageError: an ending that is not in `SINKS`.
        StillmotionError: the file cannot be written.
    """
    check_table_ending(path)
    if str(path) == "-":
        return StandardOutput()
    return SINKS[path.suffix.lower()](path, columns)


def check_table_ending(path: Path) -> None:
    """Refuse an ending that is not in `SINKS`. Raises UsageError."""
    if str(path) != "-" and path.suffix.lower() not in SINKS:
        raise UsageError(f"{path}: a stream is written to one of {', '.join(SINKS)}, or - for standard output")


def _open_text(path: Path) -> TextIO:
    with name_file_in_errors(path):
        return path.open("w", newline="", encoding="utf-8")


@contextmanager
def name_file_in_errors(path: Path) -> Iterator[None]:
    """Turn an error of the system or of FFmpeg into one line that names the file."""
    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        raise StillmotionError(f"{path}: cannot be written ({error.strerror or error})") from None
