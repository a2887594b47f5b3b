"""Where predictions and events go as they arrive: a table, standard output, a web address.

To add a kind of table, add its class and its row in `SINKS`.
"""

from __future__ import annotations

import base64
import csv
import json
import math
import queue
import re
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol, TextIO
from urllib.parse import unquote, urlsplit

import av
import numpy as np

from stillmotion.decoding.live import without_credentials
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models.cards import Outputs
from stillmotion.prediction.event_records import Event, EventNotice
from stillmotion.prediction.tables import distance_columns, result_columns
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


class _RefuseRedirects(urllib.request.HTTPRedirectHandler):
    """Makes a redirect an error.

    urllib would follow it with a GET, which posts nothing, and would send the password to the other host.
    """

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_RefuseRedirects)


class Webhook:
    """Posts each row as JSON from a thread of its own, so that a slow or absent receiver never delays the stream.

    Args:
        url: http or https. A user name and password in it are sent as basic authentication. In them "/", "?" and "#"
            are escaped; elsewhere "@" is. Spaces, control characters and all beyond ASCII are escaped too.
        timeout_seconds: how long to wait for an answer.

    Attributes:
        failed: how many rows were not received.
        error: the last reason.

    Raises:
        UsageError: not such a URL. The message does not show it, because a wrong URL may hold a password anywhere.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 5.0) -> None:
        self.url = without_credentials(url)
        self._target, self._headers = _target_and_headers(url)
        self.timeout_seconds = timeout_seconds
        self.failed, self.error = 0, ""
        self._deadline = math.inf
        self._rows: queue.Queue[Row | None] = queue.Queue(maxsize=100)
        self.thread = threading.Thread(target=self._post_all, name="webhook", daemon=True)
        self.thread.start()

    def write(self, row: Row) -> None:
        try:
            self._rows.put_nowait(row)
        except queue.Full:
            self.failed, self.error = self.failed + 1, "too slow"

    def close(self) -> None:
        """Post the rows that still wait, for as long as one answer may take; the rest counts as failed."""
        self._deadline = time.monotonic() + self.timeout_seconds
        self._rows.put(None)
        self.thread.join(2 * self.timeout_seconds)

    def _post_all(self) -> None:
        while (row := self._rows.get()) is not None:
            if time.monotonic() > self._deadline:
                self.failed, self.error = self.failed + 1, self.error or "too slow"
                continue
            body = json.dumps(row, ensure_ascii=False).encode()
            request = urllib.request.Request(self._target, body, self._headers)
            try:
                with _OPENER.open(request, timeout=self.timeout_seconds):
                    pass
            except (HTTPException, ValueError) as error:
                # Their messages may show the URL, and with it a secret.
                self.failed, self.error = self.failed + 1, type(error).__name__
            except OSError as error:
                self.failed, self.error = self.failed + 1, str(getattr(error, "reason", error))


def _target_and_headers(url: str) -> tuple[str, dict[str, str]]:
    """The URL to post to, which urllib wants without user and password, and the headers that carry them."""
    headers = {"Content-Type": "application/json"}
    # Python's own errors about such a character show the URL.
    if re.search(r"[^!-~]", url):
        raise UsageError("webhook: escape spaces, control characters and letters beyond ASCII (a space is %20)")
    # In http://bob:se/cret@host, "bob" would be the host: the password would be sent to it as a path.
    if re.search(r"[/?#].*@", url.partition("://")[2], re.DOTALL):
        raise UsageError(
            "webhook: escape /, ? and # in the user name and password (%2F, %3F, %23), and @ elsewhere (%40)"
        )
    try:
        parts = urlsplit(url)
        # A port that is no number raises ValueError, as brackets without an end do.
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError("webhook: expected an address like http://host/path or https://host/path")
    credentials, _, address = parts.netloc.rpartition("@")
    if credentials:
        headers["Authorization"] = "Basic " + base64.b64encode(unquote(credentials).encode()).decode()
    return parts._replace(netloc=address).geturl(), headers


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
    if str(path) == "-":
        return StandardOutput()
    if path.suffix.lower() not in SINKS:
        raise UsageError(f"{path}: a stream is written to one of {', '.join(SINKS)}, or - for standard output")
    return SINKS[path.suffix.lower()](path, columns)


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
