"""Frames as they arrive from a file, a camera, a network stream or a pipe. A live source drops frames rather than lag.

A live source that stops, stalls or breaks is opened again, with longer and longer pauses in between.
"""

from __future__ import annotations

import math
import re
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
from av.video.frame import VideoFrame

from stillmotion.data.frame_folders import frame_files
from stillmotion.data.media import FrameFolder, as_frame_folder
from stillmotion.decoding.frames import TICK
from stillmotion.decoding.prefetch import PrefetchReader, SourceFrame
from stillmotion.decoding.pyav import OPENING, frames_from, with_times
from stillmotion.decoding.threads import apply_limit
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError
from stillmotion.files import as_path

# A source that sends nothing for this long is given up and opened again.
STALL_SECONDS = 10.0
MAX_PAUSE_SECONDS = 30.0
# A live source whose times go back by more than this has started again.
BACK_SECONDS = 1.0
# A web address with one of these endings is a file, which ends, and not a live stream.
_FILE_ENDINGS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})
SourceFrames = Generator[SourceFrame, None, None]
TimedFrames = Generator[tuple[float, VideoFrame], None, None]
# FFmpeg's input device and name of a camera on each system.
_CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "video={}")}


@dataclass(frozen=True)
class Source:
    """Where frames come from.

    Attributes:
        name: a path, a camera's number, a URL, or `-` for standard input.
        kind: what it is.
        raw: `(width, height, rate)` of a pipe that carries raw RGB pictures.
        start_seconds: where in a file to begin.
        end_seconds: where in a file to end; None for its end.
    """

    name: str
    kind: Literal["file", "camera", "network", "pipe"]
    raw: tuple[int, int, float] | None = None
    start_seconds: float = 0.0
    end_seconds: float | None = None

    @property
    def live(self) -> bool:
        """Whether frames are lost if they are not read in time."""
        return self.kind in ("camera", "network")

    def __str__(self) -> str:
        """A name to print, without the credentials that a URL may hold."""
        if self.kind == "camera":
            return f"camera {self.name}"
        if self.name == "-":
            return "standard input"
        return without_credentials(self.name)


def without_credentials(url: str) -> str:
    """Strip what must not be printed from a URL: user, password, query and fragment.

    Args:
        url: a URL; anything else is returned as it is.

    Returns:
        Scheme, host, port and path. If a password and a query cannot be told apart, only the scheme.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    # A password may hold an unescaped "/", "?" or "#", where a parser takes it for a path, query or fragment. So all up
    # to the last "@" is dropped, even where that "@" belongs to a path.
    credentials, _, address = rest.rpartition("@")
    # An "@" after "?" or "#" ends a password or belongs to a query. What follows it is then a host or part of a secret.
    if re.search(r"[?#]", credentials):
        return f"{scheme}://..."
    address = re.split(r"[?#]", address, maxsplit=1)[0]
    return f"{scheme}://{address}"


@dataclass
class SourceStats:
    """What has become of a source's frames so far.

    Attributes:
        frames: frames read.
        dropped: frames dropped because they could not be used in time.
        rate: frames per second, as the source declares it.
        reconnects: how often the source was opened again.
        gaps: how often so many frames were lost that another recording begins; only anomaly detectors count this.
        sizes: width and height of the frames, each time that they changed.
        error: why the source cannot be read at the moment; empty while it can.
    """

    frames: int = 0
    dropped: int = 0
    rate: float = 25.0
    reconnects: int = 0
    gaps: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)
    error: str = ""


def find_source(
    text: str | Path | int, *, raw: str = "", start: float | None = None, end: float | None = None
) -> Source:
    """Find out what kind of source a text names.

    Args:
        text: a path, a camera's number, a URL, or `-` for standard input.
        raw: for a pipe of raw RGB pictures, their size and rate as `WIDTHxHEIGHT@RATE`.
        start: where in a file to begin, in seconds.
        end: where in a file to end, in seconds.

    Returns:
        The source, which is not opened yet.

    Raises:
        UsageError: no such file, not a valid URL, `raw` has another form, the source is no pipe, or a start or end that
            is not in order, or of a source that is not a file.
    """
    source = _find_source(text, raw)
    if start is None and end is None:
        return source
    if source.kind != "file":
        raise UsageError(f"{source}: has no start and end; only files have")
    first = start or 0.0
    if not 0 <= first < (math.inf if end is None else end):
        raise UsageError(f"the start is {first:g} s and the end {end or 0.0:g} s; expected a start before the end")
    return replace(source, start_seconds=first, end_seconds=end)


def _find_source(text: str | Path | int, raw: str) -> Source:
    is_name = isinstance(text, str | int)
    name = str(text if is_name else as_path(text, "a source: a file, a camera's number, a URL, or -"))
    if raw:
        size_and_rate = _read_raw(raw)
        if name != "-" and not Path(name).is_fifo():
            raise UsageError(f"{without_credentials(name)}: raw video is read from - (standard input) or a named pipe")
        return Source(name, "pipe", size_and_rate)
    if name == "-":
        return Source(name, "pipe")
    if name.isdecimal():
        return Source(name, "camera")
    if "://" in name:
        try:
            web = urlsplit(name)
        except ValueError:
            raise UsageError(f"{without_credentials(name)}: not a valid URL") from None
        ends = web.scheme in ("http", "https") and PurePosixPath(web.path).suffix.lower() in _FILE_ENDINGS
        return Source(name, "file" if ends else "network")
    path = Path(name)
    if as_frame_folder(path):
        return Source(name, "file")
    try:
        exists = path.exists()
    except OSError as error:
        raise UsageError(f"{name[:60]!r}...: no file ({error.strerror})") from None
    if not exists or path.is_dir():
        problem = "a folder" if path.is_dir() else "no such file"
        frames = f", or a folder of frames with its rate ({path.name}@25fps)" if path.is_dir() else ""
        raise UsageError(f"{name}: {problem}; a source is a file, a camera's number, a URL, or -{frames}")
    return Source(name, "pipe" if path.is_fifo() else "file")


def _read_raw(text: str) -> tuple[int, int, float]:
    try:
        size, rate = text.split("@")
        width, height = (int(side) for side in size.lower().split("x"))
        if min(width, height) > 0 and 0 < float(rate) < 10_000:
            return width, height, float(rate)
    except ValueError:
        pass
    raise UsageError(f"raw video {text!r}: expected WIDTHxHEIGHT@RATE, like 640x480@25")


def read_source(
    source: Source,
    *,
    every_frame: bool = False,
    realtime: bool = False,
    stats: SourceStats | None = None,
    stop: threading.Event | None = None,
) -> SourceFrames:
    """Read the frames of a source until it ends. A live source never ends.

    A thread reads and decodes ahead, so that neither a silent source nor a slow one delays `stop`.

    Args:
        source: see `find_source`.
        every_frame: drop no frame of a live source. Files and pipes drop none anyway, unless `realtime`.
        realtime: play a file at its own speed, as if it were live.
        stats: kept up to date.
        stop: ends the frames when it is set.

    Yields:
        The frames in order.

    Raises:
        UnreadableVideoError: the source cannot be opened, or has no picture at all.
    """
    stats, stop, closed = stats or SourceStats(), stop or threading.Event(), threading.Event()
    frames = _read_and_reconnect(source, stats, closed) if source.live else _read_once(source, stats)
    if realtime and not source.live:
        frames = _at_own_speed(frames, closed)
    drop = (source.live or realtime) and not every_frame
    with closing(PrefetchReader(frames, drop=drop, stop=stop, closed=closed)) as reader:
        for frame in reader:
            stats.dropped = reader.dropped
            yield frame


def _open(source: Source) -> InputContainer:
    """Open a source with FFmpeg."""
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
        if source.kind == "file" and "://" not in source.name and Path(where).stat().st_size == 0:
            raise UnreadableVideoError(f"{source}: empty file (0 bytes)")
        container: InputContainer = av.open(where, format=form, options=options, timeout=timeout, **OPENING)
    except av.error.ExitError:
        raise UnreadableVideoError(f"{source}: cannot be opened (nothing came for {STALL_SECONDS:g} s)") from None
    except (av.error.FFmpegError, OSError) as error:
        raise UnreadableVideoError(f"{source}: cannot be opened ({error.strerror or error})") from None
    if not container.streams.video:
        container.close()
        raise UnreadableVideoError(f"{source}: no pictures in it")
    # PyAV's type does not say so, but without a decoder there is no codec context.
    if container.streams.video[0].codec_context is None:
        container.close()
        raise UnreadableVideoError(f"{source}: FFmpeg does not know the codec of this video")
    return container


def _read_once(source: Source, stats: SourceStats) -> SourceFrames:
    """Read a source from opening it to its end."""
    first = True
    for seconds, frame in _within(source, _decode_source(source, stats), stats):
        size = frame.width, frame.height
        if not stats.sizes or stats.sizes[-1] != size:
            stats.sizes.append(size)
        stats.frames += 1
        yield SourceFrame(seconds, frame, first, time.monotonic())
        first = False
    if first:
        raise UnreadableVideoError(f"{source}: no picture can be decoded")


def _decode_source(source: Source, stats: SourceStats) -> TimedFrames:
    """The frames of a source with their times; of a file, from one that began by the start on."""
    folder = as_frame_folder(Path(source.name)) if source.kind == "file" else None
    if folder:
        stats.rate = folder.rate
        yield from _decode_frame_folder(folder)
        return
    with _open(source) as container:
        stream = container.streams.video[0]
        stats.rate = float(stream.average_rate or stream.guessed_rate or 25)
        stream.thread_type = "SLICE" if source.live else "AUTO"
        apply_limit(stream.codec_context)
        if source.start_seconds:
            yield from frames_from(container, stream, source.start_seconds)
        else:
            yield from with_times(container, stream, back=BACK_SECONDS if source.live else math.inf)


def _decode_frame_folder(folder: FrameFolder) -> TimedFrames:
    """The frames in a folder; those that cannot be read are left out."""
    from stillmotion.decoding.images import read_upright

    readable = False
    for number, file in enumerate(frame_files(folder.folder)):
        try:
            frame = VideoFrame.from_ndarray(read_upright(file), format="rgb24")
        except UnreadableVideoError:
            continue
        readable = True
        yield number / folder.rate, frame
    if not readable:
        raise UnreadableVideoError(f"{folder.folder}: no frame can be read")


def _within(source: Source, frames: TimedFrames, stats: SourceStats) -> TimedFrames:
    """The frames that are on screen between the source's start and end."""
    start, end = source.start_seconds, source.end_seconds
    shown: tuple[float, VideoFrame] | None = None  # The last frame that began by the start.
    with closing(frames):
        for seconds, frame in frames:
            if end is not None and seconds >= end - TICK:
                break
            if start and seconds <= start + TICK:
                shown = seconds, frame
                continue
            if shown is not None:
                yield shown
                shown = None
            yield seconds, frame
        else:
            if shown is not None and (last := shown[0] + 1 / stats.rate) <= start:
                raise UnreadableVideoError(f"{source}: ends at {last:.2f} s, before the start at {start:g} s")
    if shown is not None:
        yield shown


def pauses() -> Iterator[float]:
    """Seconds to wait before each attempt to open a source again: longer and longer, up to a limit."""
    pause = 1.0
    while True:
        yield pause
        pause = min(2 * pause, MAX_PAUSE_SECONDS)


def _read_and_reconnect(source: Source, stats: SourceStats, closed: threading.Event) -> SourceFrames:
    """Read a live source, and open it again whenever it ends.

    After a break, or where the source's own clock jumps ahead, times continue by the clock of this machine.
    """
    waits = pauses()
    began: float | None = None  # When the very first frame arrived.
    offset = 0.0  # Seconds from then to the start of the current recording.
    while True:
        start: float | None = None
        last: SourceFrame | None = None
        try:
            for frame in _read_once(source, stats):
                starts_recording = frame.starts_recording or (last is not None and _jumped(last, frame))
                if start is None or starts_recording:
                    start, waits, stats.error = frame.seconds, pauses(), ""
                    began = frame.arrived if began is None else began
                    offset = frame.arrived - began
                last = frame
                yield replace(frame, seconds=frame.seconds - start + offset, starts_recording=starts_recording)
            stats.error = f"{source}: it stopped"
        except StillmotionError as error:
            if began is None:
                raise
            stats.error = str(error)
        if closed.wait(next(waits)):
            return
        stats.reconnects += 1


def _jumped(last: SourceFrame, frame: SourceFrame) -> bool:
    return frame.seconds - last.seconds > frame.arrived - last.arrived + STALL_SECONDS


def _at_own_speed(frames: Iterator[SourceFrame], closed: threading.Event) -> SourceFrames:
    """Delay the frames of a file so that they arrive when a camera would have sent them."""
    began = None
    for frame in frames:
        began = time.monotonic() - frame.seconds if began is None else began
        if closed.wait(max(0.0, began + frame.seconds - time.monotonic())):
            return
        yield replace(frame, arrived=time.monotonic())
