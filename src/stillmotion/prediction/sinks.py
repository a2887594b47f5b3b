"""Where moments and events go as they come: a table, a video, a web address. A new outlet is its class and its row."""

from __future__ import annotations

import csv
import json
import math
import queue
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from fractions import Fraction
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol, TextIO
from urllib.parse import urlsplit

import av
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFont

from stillmotion.data.tables import probability_column
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.decoding.pyav import Resizer, upright_sides
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.prediction.events import Event
from stillmotion.prediction.tables import probability_columns
from stillmotion.streaming import WindowPrediction

Row = dict[str, Any]


class Sink(Protocol):
    """What takes rows, one by one; each is kept at once, so that nothing is lost when the stream is stopped."""

    def write(self, row: Row) -> None: ...
    def close(self) -> None: ...


def window_columns(labels: Sequence[str]) -> list[str]:
    """Of `window_row`."""
    return ["seconds", "label", "probability", *map(probability_column, labels)]


def window_row(moment: WindowPrediction, labels: Sequence[str]) -> Row:
    """A moment as a row: when its window ends, its label and probability, and `prob_` of every label."""
    return {
        "seconds": None if moment.seconds is None else round(moment.seconds, 3),
        "label": moment.label,
        "probability": moment.probability,
        **probability_columns(labels, moment.probabilities),
    }


EVENT_COLUMNS = ["start_seconds", "end_seconds", "label", "confidence"]


def event_row(event: Event) -> Row:
    """An event as a row: start and end in seconds, label, confidence."""
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(event).items()}


class JsonLines:
    """One JSON object a line."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.file = path, _opened(path)

    def write(self, row: Row) -> None:
        with _telling(self.path):
            self.file.write(json.dumps(row, ensure_ascii=False) + "\n")
            self.file.flush()

    def close(self) -> None:
        with _telling(self.path):
            self.file.close()


class Csv:
    """A header, then one line a row."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.file = path, _opened(path)
        self.writer = csv.DictWriter(self.file, columns)
        with ExitStack() as failing, _telling(path):
            failing.callback(self.close)
            self.writer.writeheader()
            self.file.flush()
            failing.pop_all()

    def write(self, row: Row) -> None:
        with _telling(self.path):
            self.writer.writerow(row)
            self.file.flush()

    def close(self) -> None:
        with _telling(self.path):
            self.file.close()


class StandardOutput:
    """One JSON object a line, for the next program of a pipe."""

    def write(self, row: Row) -> None:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def close(self) -> None:
        pass


class Webhook:
    """Posts each row as JSON, from a thread: a slow or absent receiver never holds up the stream.

    `failed` counts the rows that were not received, `trouble` is the last reason.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 5.0) -> None:
        if not url.startswith(("http://", "https://")) or not urlsplit(url).hostname:
            raise UsageError(f"--webhook {url}: expected an address like http://host/path or https://host/path")
        self.url, self.timeout_seconds = url, timeout_seconds
        self.failed, self.trouble = 0, ""
        self.until = math.inf
        self.rows: queue.Queue[Row | None] = queue.Queue(maxsize=100)
        self.thread = threading.Thread(target=self._post, name="webhook", daemon=True)
        self.thread.start()

    def write(self, row: Row) -> None:
        try:
            self.rows.put_nowait(row)
        except queue.Full:
            self.failed, self.trouble = self.failed + 1, "too slow"

    def close(self) -> None:
        """Post what waits still, for as long as one answer may take; the rest counts as failed."""
        self.until = time.monotonic() + self.timeout_seconds
        self.rows.put(None)
        self.thread.join(2 * self.timeout_seconds)

    def _post(self) -> None:
        while (row := self.rows.get()) is not None:
            if time.monotonic() > self.until:
                self.failed, self.trouble = self.failed + 1, self.trouble or "too slow"
                continue
            body = json.dumps(row, ensure_ascii=False).encode()
            request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_seconds):
                    pass
            except (OSError, HTTPException, ValueError) as error:
                self.failed, self.trouble = self.failed + 1, str(getattr(error, "reason", error))


SINKS: Mapping[str, Callable[[Path, Sequence[str]], Sink]] = {".jsonl": JsonLines, ".csv": Csv}


def open_sink(path: Path, columns: Sequence[str]) -> Sink:
    """A table that grows row by row; `-` is standard output.

    Raises:
        UsageError: an ending that is not in `SINKS`.
        StillmotionError: it cannot be written.
    """
    if str(path) == "-":
        return StandardOutput()
    if path.suffix.lower() not in SINKS:
        raise UsageError(f"{path}: a stream is written to one of {', '.join(SINKS)}, or - for standard output")
    return SINKS[path.suffix.lower()](path, columns)


# Half a second at a time is whole on disk, whatever happens; closed, an mp4 is an ordinary one.
_FRAGMENTS = {"movflags": "hybrid_fragmented", "frag_duration": "500000", "flush_packets": "1"}
VIDEOS: Mapping[str, dict[str, str]] = {
    ".mp4": _FRAGMENTS,
    ".mov": _FRAGMENTS,
    ".mkv": {"cluster_time_limit": "500", "flush_packets": "1"},
}
# Fast enough to go along with a camera, and no frame held back for later.
_CODING = {"crf": "20", "preset": "veryfast", "tune": "zerolatency", "g": "50"}


class AnnotatedVideo:
    """The source's frames, upright, with the answer of the moment on them, at their own times.

    Raises:
        UsageError: an ending that is not in `VIDEOS`.
        StillmotionError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        options = VIDEOS.get(path.suffix.lower())
        if options is None:
            raise UsageError(f"{path}: a video is written to one of {', '.join(VIDEOS)}")
        self.path = path
        with _telling(path):
            self.container = av.open(str(path), "w", options=options)
        self.stream: Any = None
        self.resize: Resizer | None = None
        self.last = -1

    def write(self, shot: SourceFrame, moment: WindowPrediction | None) -> None:
        """Add a frame, with the newest moment, if there is one."""
        with _telling(self.path):
            if self.resize is None:
                self._begin(shot)
            assert self.resize is not None
            picture = self.resize(shot.frame)
            if moment is not None:
                picture = annotated(picture, f"{moment.label}  {moment.probability:.0%}", moment.probability)
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            self.last = max(self.last + 1, round(1000 * shot.seconds))
            frame.pts, frame.time_base = self.last, Fraction(1, 1000)
            self.container.mux(self.stream.encode(frame))

    def close(self) -> None:
        with _telling(self.path):
            try:
                if self.stream is not None:
                    self.container.mux(self.stream.encode())
            finally:
                self.container.close()

    def _begin(self, shot: SourceFrame) -> None:
        """As large as the first frame, to an even number of pixels; later ones are stretched to that."""
        height, width = (side // 2 * 2 for side in upright_sides(shot.frame))
        self.resize = Resizer(height, width)
        self.stream = self.container.add_stream("libx264", rate=30, options=_CODING)
        self.stream.height, self.stream.width, self.stream.pix_fmt = height, width, "yuv420p"
        self.stream.codec_context.time_base = Fraction(1, 1000)


def annotated(picture: np.ndarray, text: str, share: float) -> np.ndarray:
    """A strip at the top with the text, and under it a bar as long as the share."""
    image = Image.fromarray(picture)
    size = max(10, image.height // 16)
    draw = ImageDraw.Draw(image, "RGBA")
    draw.rectangle((0, 0, image.width, size * 3 // 2), fill=(0, 0, 0, 150))
    draw.text((size // 3, size // 6), text, fill=(255, 255, 255, 255), font=ImageFont.load_default(size))
    draw.rectangle((0, size * 3 // 2, round(image.width * share), size * 3 // 2 + max(2, size // 5)), fill="#f59e0b")
    return np.asarray(image)


def _opened(path: Path) -> TextIO:
    with _telling(path):
        return path.open("w", newline="", encoding="utf-8")


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """What goes wrong with a file becomes one line that names it."""
    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        raise StillmotionError(f"{path}: cannot be written ({error.strerror or error})") from None
