"""Videos through PyAV, which brings FFmpeg along.

Times are seconds from the stream's start by presentation timestamp. One reformatter is kept for all
frames of a file: resize and colour conversion in one pass, the fastest way that was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from stillmotion.decoding.frames import TICK, Frames, Images, Seconds, VideoFacts
from stillmotion.errors import UnreadableVideoError

# Decoding on past this much is dearer than a seek to the next keyframe.
SEEK_SECONDS = 2.0


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file's container and first video stream; what FFmpeg cannot read becomes UnreadableVideoError."""
    try:
        if path.stat().st_size == 0:
            raise UnreadableVideoError(f"{path}: empty file (0 bytes)")
        with av.open(str(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise UnreadableVideoError(f"{path}: no pictures in this file")
            yield container, container.streams.video[0]
    except av.error.FFmpegError as error:
        raise UnreadableVideoError(f"{path}: not a readable video ({error.strerror or error})") from None
    except OSError as error:
        raise UnreadableVideoError(f"{path}: {error.strerror or error}") from None


def probe(path: Path) -> VideoFacts:
    """What the file holds, from its header, its first frame and its last packets.

    Raises:
        UnreadableVideoError: it cannot be opened or gives no picture.
    """
    with opened(path) as (container, stream):
        first = next(_decoded(container, stream), None)
        if first is None:
            raise UnreadableVideoError(f"{path}: no picture can be decoded")
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        promised = _promised_seconds(container, stream)
        last = _last_seconds(container, stream, promised)
        seconds = max(last, 0.0) + 1 / rate
        short = promised is not None and promised - seconds > max(1.5 / rate, 0.05 * promised)
        turns = _turns(first)
        turned = turns % 2 == 1
        return VideoFacts(
            width=first.height if turned else first.width,
            height=first.width if turned else first.height,
            seconds=seconds,
            rate=rate,
            frames=(0 if short else stream.frames) or max(1, round(seconds * rate)),
            codec=stream.codec_context.name,
            container=container.format.name.split(",")[0],
            rotation=90 * turns,
            promised_seconds=promised if short else None,
        )


def iter_frames(path: Path, height: int, width: int, *, start_seconds: float = 0.0) -> Iterator[tuple[float, Images]]:
    """Every frame from the one shown at `start_seconds` on: its time, and uint8 RGB `(height, width, 3)`.

    Raises:
        UnreadableVideoError: it cannot be opened or gives no picture.
    """
    resize = Resizer(height, width)
    with opened(path) as (container, stream):
        shown = None
        for seconds, frame in _timed(container, stream, start_seconds):
            if seconds > start_seconds + TICK:
                if shown is not None:
                    yield shown[0], resize(shown[1])
                shown = seconds, frame
            else:
                shown = seconds, frame
        if shown is None:
            raise UnreadableVideoError(f"{path}: no picture can be decoded")
        yield shown[0], resize(shown[1])


def read_frames(path: Path, seconds: Sequence[float] | Seconds, height: int, width: int) -> Frames:
    """The frames on screen at the given times, each once: what `shown_at(seconds)` needs, no more.

    Decodes straight on, and seeks where a gap between wanted times holds a keyframe.

    Args:
        seconds: wanted times, in any order. Before the first frame it is the first, after the last the last.
        height: of the pictures given, to which the whole frame is stretched.
        width: likewise.

    Raises:
        UnreadableVideoError: it cannot be opened or gives no picture.
    """
    wanted = np.unique(np.asarray(seconds, np.float64))
    resize = Resizer(height, width)
    images: list[Images] = []
    times: list[float] = []
    with opened(path) as (container, stream):
        keyframes = _keyframe_seconds(stream)
        shown: tuple[float, VideoFrame] | None = None

        def keep() -> None:
            if shown is not None and (not times or times[-1] != shown[0]):
                times.append(shown[0])
                images.append(resize(shown[1]))

        next_wanted = 0
        frames = _timed(container, stream, float(wanted[0]))
        while next_wanted < len(wanted):
            coming = next(frames, None)
            if coming is None:
                keep()
                break
            if shown is None or coming[0] <= wanted[next_wanted] + TICK:
                shown = coming
                continue
            while next_wanted < len(wanted) and wanted[next_wanted] + TICK < coming[0]:
                keep()
                next_wanted += 1
            shown = coming
            if next_wanted < len(wanted) and _seek_pays(keyframes, coming[0], float(wanted[next_wanted])):
                frames = _timed(container, stream, float(wanted[next_wanted]))
                shown = None
    if not images:
        raise UnreadableVideoError(f"{path}: no picture can be decoded")
    return Frames(np.stack(images), np.array(times))


class Resizer:
    """Frames to upright uint8 RGB of one size."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Images:
        turns = _turns(frame)
        height, width = (self.width, self.height) if turns % 2 else (self.height, self.width)
        resized = self.reformatter.reformat(
            frame, width=width, height=height, format="rgb24", interpolation=Interpolation.AREA, threads=1
        ).to_ndarray()
        image: Images = np.asarray(resized, np.uint8)
        return np.rot90(image, turns) if turns else image


def upright_sides(frame: VideoFrame) -> tuple[int, int]:
    """Height and width as shown, after rotation."""
    return (frame.width, frame.height) if _turns(frame) % 2 else (frame.height, frame.width)


def _turns(frame: VideoFrame) -> int:
    """The quarter turns, counter-clockwise, that put a frame upright; none where the header's matrix is nonsense."""
    return round(frame.rotation / 90) % 4 if abs(frame.rotation) <= 360 else 0


def _seconds(stream: VideoStream, timestamp: int) -> float:
    return float((timestamp - (stream.start_time or 0)) * (stream.time_base or 1))


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames in the order shown; damaged packets are passed over, a cut-off file ends."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            # The data ends or cannot be parsed here; what the decoder still holds is shown.
            packet = None
        try:
            yield from stream.codec_context.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            pass
        if packet is None:
            return


def _timed(container: InputContainer, stream: VideoStream, target: float) -> Iterator[tuple[float, VideoFrame]]:
    """Frames with their times, from one that began by `target` on, or from the first of all."""
    back = 0.5
    if target > SEEK_SECONDS:
        while (start := target - back) > 0:
            try:
                offset = int(start / (stream.time_base or 1)) + (stream.start_time or 0)
                container.seek(offset, stream=stream, backward=True)
            except av.error.FFmpegError:
                break
            frames = with_times(container, stream)
            first = next(frames, None)
            if first is not None and first[0] <= target + TICK:
                yield first
                yield from frames
                return
            back *= 4
        try:
            container.seek(stream.start_time or 0, stream=stream, backward=True)
        except av.error.FFmpegError as error:
            raise UnreadableVideoError(f"{container.name}: cannot go back to its start ({error.strerror})") from None
    yield from with_times(container, stream)


def with_times(
    container: InputContainer, stream: VideoStream, *, back: float = math.inf
) -> Iterator[tuple[float, VideoFrame]]:
    """Frames with their times, ascending. Where times go back by more than `back` seconds, they end."""
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    avi = container.format.name == "avi"
    last = -1 / rate
    for frame in _decoded(container, stream):
        # AVI knows only the order of decoding, which lags behind that of showing by the decoder's delay.
        timestamp = frame.dts - stream.codec_context.has_b_frames if avi and frame.dts is not None else frame.pts
        # A raw stream has no timestamps, and damaged ones go back: such a frame follows the last, or is left out.
        seconds = last + 1 / rate if timestamp is None else _seconds(stream, timestamp)
        if seconds < last - back:
            return
        if seconds <= last:
            continue
        last = seconds
        yield seconds, frame


def _keyframe_seconds(stream: VideoStream) -> Seconds:
    return np.array([_seconds(stream, entry.timestamp) for entry in stream.index_entries if entry.is_keyframe])


def _seek_pays(keyframes: Seconds, now: float, target: float) -> bool:
    if target - now < SEEK_SECONDS:
        return False
    return len(keyframes) == 0 or bool(np.any((keyframes > now + 1) & (keyframes <= target - 0.5)))


def _promised_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # With sound, the container's length may be the sound's.
    if container.duration and len(container.streams) == 1:
        return float(container.duration / 1e6)
    return None


def _last_seconds(container: InputContainer, stream: VideoStream, promised: float | None) -> float:
    """When the last frame begins, by the packets near the end; by all of them if those tell nothing."""
    for start in ([promised - 2.0] if promised and promised > 4.0 else []) + [0.0]:
        try:
            offset = int(start / (stream.time_base or 1)) + (stream.start_time or 0)
            container.seek(offset, stream=stream, backward=True)
        except av.error.FFmpegError:
            continue
        times, count = [], 0
        try:
            for packet in container.demux(stream):
                count += packet.size > 0
                if packet.pts is not None and packet.size:
                    times.append(_seconds(stream, packet.pts))
        except av.error.FFmpegError:
            pass
        if times:
            return max(times)
        if count and not start:
            return (count - 1) / float(stream.average_rate or stream.guessed_rate or 25)
    return 0.0
