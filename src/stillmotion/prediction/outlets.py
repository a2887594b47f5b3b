"""Where moments and events go as they come: a table, a video, a web address. A new outlet is its class and its row."""

from __future__ import annotations

import csv
import json
import queue
import threading
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TextIO

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from PIL import Image, ImageDraw, ImageFont

from stillmotion.decoding.cameras import Shot
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.prediction.events import Event
from stillmotion.prediction.rows import named
from stillmotion.streaming import Moment

Row = dict[str, Any]


class Outlet(Protocol):
    """What takes rows, one by one; each is kept at once, so that nothing is lost when the stream is stopped."""

    def write(self, row: Row) -> None: ...
    def close(self) -> None: ...


def moment_columns(labels: Sequence[str]) -> list[str]:
    """Of `moment_row`."""
    return ["seconds", "label", "probability", *(f"prob_{label}" for label in labels)]


def moment_row(moment: Moment, labels: Sequence[str]) -> Row:
    """A moment as a row: when its window ends, its label and probability, and `prob_` of every label."""
    return {
        "seconds": None if moment.seconds is None else round(moment.seconds, 3),
        "label": moment.label,
        "probability": moment.probability,
        **named(labels, moment.probabilities),
    }


EVENT_COLUMNS = ["start_seconds", "end_seconds", "label", "confidence"]


def event_row(event: Event) -> Row:
    """An event as a row: start and end in seconds, label, confidence."""
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(event).items()}


class JsonLines:
    """One JSON object a line."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.file = _opened(path)

    def write(self, row: Row) -> None:
        self.file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self.file.flush()

    def close(self) -> None:
        self.file.close()


class Csv:
    """A header, then one line a row."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.file = _opened(path)
        self.writer = csv.DictWriter(self.file, columns)
        self.writer.writeheader()

    def write(self, row: Row) -> None:
        self.writer.writerow(row)
        self.file.flush()

    def close(self) -> None:
        self.file.close()


class Webhook:
    """Posts each row as JSON, from a thread: a slow or absent receiver never holds up the stream.

    `failed` counts the rows that were not received, `trouble` is the last reason.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 5.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"--webhook {url}: expected an address that begins with http:// or https://")
        self.url, self.timeout_seconds = url, timeout_seconds
        self.failed, self.trouble = 0, ""
        self.rows: queue.Queue[Row | None] = queue.Queue(maxsize=100)
        self.thread = threading.Thread(target=self._post, name="webhook", daemon=True)
        self.thread.start()

    def write(self, row: Row) -> None:
        try:
            self.rows.put_nowait(row)
        except queue.Full:
            self.failed, self.trouble = self.failed + 1, "too slow"

    def close(self) -> None:
        """Post what waits still, for as long as one answer may take."""
        try:
            self.rows.put(None, timeout=self.timeout_seconds)
        except queue.Full:
            return
        self.thread.join(self.timeout_seconds)

    def _post(self) -> None:
        while (row := self.rows.get()) is not None:
            body = json.dumps(row, ensure_ascii=False).encode()
            request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_seconds):
                    pass
            except OSError as error:
                self.failed, self.trouble = self.failed + 1, str(getattr(error, "reason", error))


OUTLETS: Mapping[str, Callable[[Path, Sequence[str]], Outlet]] = {".jsonl": JsonLines, ".csv": Csv}


def open_outlet(path: Path, columns: Sequence[str]) -> Outlet:
    """A table that grows row by row.

    Raises:
        UsageError: an ending that is not in `OUTLETS`.
        StillmotionError: it cannot be written.
    """
    if path.suffix.lower() not in OUTLETS:
        raise UsageError(f"{path}: a stream is written to one of {', '.join(OUTLETS)}")
    return OUTLETS[path.suffix.lower()](path, columns)


class AnnotatedVideo:
    """The source's frames with the answer of the moment on them, at their own times."""

    def __init__(self, path: Path) -> None:
        try:
            self.container = av.open(str(path), "w")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise StillmotionError(f"{path}: cannot be written as a video ({error})") from None
        self.stream: Any = None
        self.reformatter = VideoReformatter()
        self.last = -1

    def write(self, shot: Shot, moment: Moment | None) -> None:
        """Add a frame, with the newest moment, if there is one."""
        if self.stream is None:
            self.stream = self.container.add_stream("libx264", rate=30, options={"crf": "20"})
            self.stream.width, self.stream.height = shot.frame.width // 2 * 2, shot.frame.height // 2 * 2
            self.stream.pix_fmt = "yuv420p"
            self.stream.codec_context.time_base = Fraction(1, 1000)
        picture = self.reformatter.reformat(shot.frame, self.stream.width, self.stream.height, "rgb24").to_ndarray()
        if moment is not None:
            picture = annotated(picture, f"{moment.label}  {moment.probability:.0%}", moment.probability)
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        self.last = max(self.last + 1, round(1000 * shot.seconds))
        frame.pts, frame.time_base = self.last, Fraction(1, 1000)
        self.container.mux(self.stream.encode(frame))

    def close(self) -> None:
        if self.stream is not None:
            self.container.mux(self.stream.encode())
        self.container.close()


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
    try:
        return path.open("w", newline="", encoding="utf-8")
    except OSError as error:
        raise StillmotionError(f"{path}: {error.strerror}") from None
