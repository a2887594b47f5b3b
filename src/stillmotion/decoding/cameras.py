"""Frames as they come: from a file, a camera, a network stream or a pipe, dropped rather than late.

A thread reads and decodes, and keeps a few frames for whoever asks; what is not asked for in time is dropped and
counted. A source that stops, stalls or breaks is opened again, with longer and longer pauses.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.video.frame import VideoFrame

from stillmotion.decoding.pyav import with_times
from stillmotion.errors import StillmotionError, UnreadableVideo, UsageError

# Frames that wait, at most; the oldest is dropped for a newer one.
WAITING = 8
# Silence after which a live source is given up and opened again, and the longest pause before that.
STALL_SECONDS = 10.0
LONGEST_PAUSE = 30.0
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


@dataclass
class Counts:
    """What became of a source's frames so far."""

    frames: int = 0
    dropped: int = 0
    rate: float = 25.0  # that the source claims, in frames a second
    reconnects: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)  # width and height, each time that they changed
    trouble: str = ""


@dataclass(frozen=True)
class Shot:
    """A frame and its time in seconds since the first; `fresh` after a break: what went before is another recording.

    `arrived` is when it was decoded, by `time.monotonic`.
    """

    seconds: float
    frame: VideoFrame
    fresh: bool
    arrived: float


def find_source(text: str | Path, *, raw: str = "") -> Source:
    """A path, a camera's number, a URL, or `-` for standard input.

    Args:
        raw: `WIDTHxHEIGHT@RATE`, for a pipe of bare RGB pictures.

    Raises:
        UsageError: no such file, or not such a `raw`.
    """
    name = str(text)
    if raw:
        try:
            size, rate = raw.split("@")
            width, height = (int(side) for side in size.lower().split("x"))
            return Source(name, "pipe", (width, height, float(rate)))
        except ValueError:
            raise UsageError(f"--raw {raw!r}: expected WIDTHxHEIGHT@RATE, like 640x480@25") from None
    if name == "-":
        return Source(name, "pipe")
    if name.isdecimal():
        return Source(name, "camera")
    if "://" in name:
        return Source(name, "network")
    if not Path(name).is_file():
        raise UsageError(f"{name}: no such file; a source is a file, a camera's number, a URL, or -")
    return Source(name, "file")


def shots(source: Source, *, every_frame: bool = False, paced: bool = False, counts: Counts | None = None) -> Iterator[
    Shot
]:  # fmt: skip
    """The frames of a source, until it ends. One that is live never does.

    Args:
        every_frame: wait for whoever asks, and drop nothing. So it is with files and pipes, if not `paced`.
        paced: play a file at its own pace, as if it were live.
        counts: kept up to date.

    Raises:
        UnreadableVideo: it cannot be opened, or gives no picture at all.
    """
    counts = counts or Counts()
    frames = _lasting(source, counts) if source.live else _once(source, counts)
    if paced and not source.live:
        frames = _at_its_pace(frames)
    if every_frame or not (source.live or paced):
        yield from frames
    else:
        with closing(_Newest(frames, counts)) as newest:
            yield from newest


def _open(source: Source) -> InputContainer:
    where: Any = source.name
    options: dict[str, str] = {}
    form = None
    if source.kind == "camera":
        form, address = _CAMERAS.get(sys.platform, _CAMERAS["linux"])
        where = address.format(source.name)
    elif source.kind == "pipe":
        where = sys.stdin.buffer if source.name == "-" else source.name
        if source.raw:
            form = "rawvideo"
            width, height, rate = source.raw
            options = {"video_size": f"{width}x{height}", "pixel_format": "rgb24", "framerate": f"{rate:g}"}
    elif source.name.startswith("rtsp"):
        options = {"rtsp_transport": "tcp"}
    try:
        container: InputContainer = av.open(
            where, format=form, options=options, metadata_errors="replace",
            timeout=STALL_SECONDS if source.kind == "network" else None,
        )  # fmt: skip
    except (av.error.FFmpegError, OSError) as error:
        raise UnreadableVideo(f"{source.name}: cannot be opened ({error.strerror or error})") from None
    if not container.streams.video:
        container.close()
        raise UnreadableVideo(f"{source.name}: no pictures in it")
    return container


def _once(source: Source, counts: Counts) -> Iterator[Shot]:
    """From opening to the end."""
    first = True
    with _open(source) as container:
        stream = container.streams.video[0]
        counts.rate = float(stream.average_rate or stream.guessed_rate or 25)
        stream.thread_type = "SLICE" if source.live else "AUTO"
        for seconds, frame in with_times(container, stream):
            size = frame.width, frame.height
            if not counts.sizes or counts.sizes[-1] != size:
                counts.sizes.append(size)
            counts.frames += 1
            yield Shot(seconds, frame, first, time.monotonic())
            first = False
    if first:
        raise UnreadableVideo(f"{source.name}: no picture can be decoded")


def _lasting(source: Source, counts: Counts) -> Iterator[Shot]:
    """Opened again and again. Time goes on by the clock while it is away."""
    pause, began, ahead = 1.0, None, 0.0
    while True:
        start = None
        try:
            for shot in _once(source, counts):
                if start is None:
                    start, pause, counts.trouble = shot.seconds, 1.0, ""
                    began = shot.arrived if began is None else began
                    ahead = shot.arrived - began
                yield Shot(shot.seconds - start + ahead, shot.frame, shot.fresh, shot.arrived)
            counts.trouble = f"{source.name}: it stopped"
        except StillmotionError as error:
            if began is None:
                raise
            counts.trouble = str(error)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
        counts.reconnects += 1


def _at_its_pace(frames: Iterator[Shot]) -> Iterator[Shot]:
    began = None
    for shot in frames:
        began = time.monotonic() - shot.seconds if began is None else began
        time.sleep(max(0.0, began + shot.seconds - time.monotonic()))
        yield Shot(shot.seconds, shot.frame, shot.fresh, time.monotonic())


class _Newest:
    """What a thread has read and nobody has taken yet: the newest frames only."""

    def __init__(self, frames: Iterator[Shot], counts: Counts) -> None:
        self.frames, self.counts = frames, counts
        self.waiting: deque[Shot] = deque()
        self.changed = threading.Condition()
        self.ended = False
        self.failure: BaseException | None = None
        threading.Thread(target=self._read, name="camera", daemon=True).start()

    def _read(self) -> None:
        try:
            for shot in self.frames:
                with self.changed:
                    if self.ended:
                        return
                    if len(self.waiting) == WAITING:
                        lost = self.waiting.popleft()
                        self.counts.dropped += 1
                        if lost.fresh:
                            head = self.waiting[0]
                            self.waiting[0] = Shot(head.seconds, head.frame, True, head.arrived)
                    self.waiting.append(shot)
                    self.changed.notify()
        except BaseException as failure:  # told to whoever asks
            self.failure = failure
        finally:
            with self.changed:
                self.ended = True
                self.changed.notify()

    def __iter__(self) -> Iterator[Shot]:
        while True:
            with self.changed:
                while not self.waiting and not self.ended:
                    self.changed.wait(0.2)  # so that Ctrl-C is heard
                if not self.waiting:
                    break
                shot = self.waiting.popleft()
            yield shot
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """Let the thread end after the frame that it is at."""
        with self.changed:
            self.ended = True
