"""Frames as they come: from a file, a camera, a network stream or a pipe, dropped rather than late.

A source that stops, stalls or breaks is opened again, with longer and longer pauses.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

import av
from av.container import InputContainer

from stillmotion.decoding.prefetch import PrefetchReader, SourceFrame
from stillmotion.decoding.pyav import with_times
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError

# Silence after which a source is given up and opened again; and the longest pause before that.
STALL_SECONDS = 10.0
LONGEST_PAUSE = 30.0
# A live source whose times go back by more has begun again.
BACK_SECONDS = 1.0
# An address that ends so names a file that ends, too, and is read as one.
_FILES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})
Frames = Generator[SourceFrame, None, None]
# What FFmpeg calls a camera on each system.
_CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "video={}")}


@dataclass(frozen=True)
class Source:
    """Where frames come from. `raw` is `(width, height, rate)` of a pipe that carries bare RGB pictures."""

    name: str
    kind: Literal["file", "camera", "network", "pipe"]
    raw: tuple[int, int, float] | None = None

    @property
    def live(self) -> bool:
        """Whether it goes on without us."""
        return self.kind in ("camera", "network")

    def __str__(self) -> str:
        """For a person, and without the password that an address may hold."""
        if self.kind == "camera":
            return f"camera {self.name}"
        if self.name == "-":
            return "standard input"
        scheme, mark, rest = self.name.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" if mark else self.name


@dataclass
class SourceStats:
    """What became of a source's frames so far."""

    frames: int = 0
    dropped: int = 0
    rate: float = 25.0  # that the source claims, in frames a second
    reconnects: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)  # width and height, each time that they changed
    trouble: str = ""


def find_source(text: str | Path, *, raw: str = "") -> Source:
    """A path, a camera's number, a URL, or `-` for standard input.

    Args:
        raw: `WIDTHxHEIGHT@RATE`, for a pipe of bare RGB pictures.

    Raises:
        UsageError: no such file, or not such a `raw`.
    """
    name = str(text)
    if raw:
        return Source(name, "pipe", _read_raw(raw))
    if name == "-":
        return Source(name, "pipe")
    if name.isdecimal():
        return Source(name, "camera")
    if "://" in name:
        web = urlsplit(name)
        ends = web.scheme in ("http", "https") and PurePosixPath(web.path).suffix.lower() in _FILES
        return Source(name, "file" if ends else "network")
    path = Path(name)
    if not path.exists() or path.is_dir():
        raise UsageError(f"{name}: no such file; a source is a file, a camera's number, a URL, or -")
    return Source(name, "pipe" if path.is_fifo() else "file")


def _read_raw(text: str) -> tuple[int, int, float]:
    try:
        size, rate = text.split("@")
        width, height = (int(side) for side in size.lower().split("x"))
        if min(width, height) > 0 and 0 < float(rate) < 10_000:
            return width, height, float(rate)
    except ValueError:
        pass
    raise UsageError(f"--raw {text!r}: expected WIDTHxHEIGHT@RATE, like 640x480@25")


def read_source(
    source: Source,
    *,
    every_frame: bool = False,
    paced: bool = False,
    counts: SourceStats | None = None,
    stop: threading.Event | None = None,
) -> Frames:
    """The frames of a source, until it ends. One that is live never does.

    A thread reads and decodes ahead of whoever asks, so that neither a silent source nor a slow one holds up `stop`.

    Args:
        every_frame: wait for whoever asks, and drop nothing. So it is with files and pipes, if not `paced`.
        paced: play a file at its own pace, as if it were live.
        counts: kept up to date.
        stop: when it is set, the frames end.

    Raises:
        UnreadableVideoError: it cannot be opened, or gives no picture at all.
    """
    counts, stop, closed = counts or SourceStats(), stop or threading.Event(), threading.Event()
    frames = _lasting(source, counts, closed) if source.live else _once(source, counts)
    if paced and not source.live:
        frames = _at_its_pace(frames, closed)
    drop = (source.live or paced) and not every_frame
    with closing(PrefetchReader(frames, drop=drop, stop=stop, closed=closed)) as ahead:
        for shot in ahead:
            counts.dropped = ahead.dropped
            yield shot


def _open(source: Source) -> InputContainer:
    where, form = source.name, None
    options: dict[str, str] = {}
    timeout = None
    if source.kind == "camera":
        form, address = _CAMERAS.get(sys.platform, _CAMERAS["linux"])
        where = address.format(source.name)
    elif source.kind == "pipe":
        where = "pipe:0" if source.name == "-" else source.name
        if source.raw:
            form = "rawvideo"
            width, height, rate = source.raw
            options = {"video_size": f"{width}x{height}", "pixel_format": "rgb24", "framerate": f"{rate:g}"}
    elif "://" in source.name:
        timeout = STALL_SECONDS
        if source.name.startswith("rtsp"):
            options = {"rtsp_transport": "tcp"}
    try:
        container: InputContainer = av.open(
            where, format=form, options=options, metadata_errors="replace", timeout=timeout
        )
    except av.error.ExitError:
        raise UnreadableVideoError(f"{source}: cannot be opened (nothing came for {STALL_SECONDS:g} s)") from None
    except (av.error.FFmpegError, OSError) as error:
        raise UnreadableVideoError(f"{source}: cannot be opened ({error.strerror or error})") from None
    if not container.streams.video:
        container.close()
        raise UnreadableVideoError(f"{source}: no pictures in it")
    return container


def _once(source: Source, counts: SourceStats) -> Frames:
    """From opening to the end."""
    first = True
    with _open(source) as container:
        stream = container.streams.video[0]
        counts.rate = float(stream.average_rate or stream.guessed_rate or 25)
        stream.thread_type = "SLICE" if source.live else "AUTO"
        for seconds, frame in with_times(container, stream, back=BACK_SECONDS if source.live else math.inf):
            size = frame.width, frame.height
            if not counts.sizes or counts.sizes[-1] != size:
                counts.sizes.append(size)
            counts.frames += 1
            yield SourceFrame(seconds, frame, first, time.monotonic())
            first = False
    if first:
        raise UnreadableVideoError(f"{source}: no picture can be decoded")


def pauses() -> Iterator[float]:
    """Seconds before each new try to open a source: longer and longer, to a limit."""
    pause = 1.0
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


def _lasting(source: Source, counts: SourceStats, closed: threading.Event) -> Frames:
    """Opened again and again. Time goes on by the clock while it is away, or where its own clock jumps ahead."""
    waits, began, ahead = pauses(), None, 0.0
    while True:
        start, last = None, None
        try:
            for shot in _once(source, counts):
                fresh = shot.fresh or (last is not None and _jumped(last, shot))
                if start is None or fresh:
                    start, waits, counts.trouble = shot.seconds, pauses(), ""
                    began = shot.arrived if began is None else began
                    ahead = shot.arrived - began
                last = shot
                yield replace(shot, seconds=shot.seconds - start + ahead, fresh=fresh)
            counts.trouble = f"{source}: it stopped"
        except StillmotionError as error:
            if began is None:
                raise
            counts.trouble = str(error)
        if closed.wait(next(waits)):
            return
        counts.reconnects += 1


def _jumped(last: SourceFrame, shot: SourceFrame) -> bool:
    return shot.seconds - last.seconds > shot.arrived - last.arrived + STALL_SECONDS


def _at_its_pace(frames: Iterator[SourceFrame], closed: threading.Event) -> Frames:
    began = None
    for shot in frames:
        began = time.monotonic() - shot.seconds if began is None else began
        if closed.wait(max(0.0, began + shot.seconds - time.monotonic())):
            return
        yield replace(shot, arrived=time.monotonic())
