"""Videos, decoded by PyAV, which includes FFmpeg.

Times are seconds from the start of the stream, by presentation timestamp.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stillmotion.decoding.frames import TICK, DecodedFrames, Framing, Images, Seconds, VideoFacts
from stillmotion.decoding.resizing import Resizer, quarter_turns, upright_sides
from stillmotion.decoding.threads import apply_limit
from stillmotion.errors import UnreadableVideoError

# A gap between wanted times is decoded if it is shorter than this; else a seek to the next keyframe takes less time.
SEEK_SECONDS = 2.0
# What frames per second are taken to be if a file does not say.
DEFAULT_RATE = 25.0
# Metadata that is not UTF-8 is no reason to refuse a video. PyAV 19 has no such argument, and reads any bytes.
OPENING: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
# Codes of ITU-T H.273 in headers. All others are SDR, or close to BT.709.
TRANSFERS = {16: "PQ", 18: "HLG"}
GAMUTS = {9: "BT.2020", 11: "P3", 12: "P3"}


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file's container and its first video stream; FFmpeg's errors become `UnreadableVideoError`."""
    try:
        if path.stat().st_size == 0:
            raise UnreadableVideoError(f"{path}: empty file (0 bytes)")
        with av.open(str(path), **OPENING) as container:
            if not container.streams.video:
                raise UnreadableVideoError(f"{path}: no video stream in this file")
            stream = container.streams.video[0]
            # PyAV's type does not say so, but without a decoder there is no codec context.
            if stream.codec_context is None:
                raise UnreadableVideoError(f"{path}: FFmpeg does not know the codec of this video")
            apply_limit(stream.codec_context)
            yield container, stream
    except av.error.FFmpegError as error:
        raise UnreadableVideoError(f"{path}: not a readable video ({error.strerror or error})") from None
    except OSError as error:
        raise UnreadableVideoError(f"{path}: {error.strerror or error}") from None


def probe(path: Path) -> VideoFacts:
    """Read the header, the first frame and the last packets of a file. See `stillmotion.decoding.probe`."""
    with open_video(path) as (container, stream):
        first = next(_decode(container, stream), None)
        if first is None:
            raise UnreadableVideoError(f"{path}: no frame can be decoded")
        rate = _mean_rate(stream)
        header = _header_seconds(container, stream)
        seconds = max(_last_frame_seconds(container, stream, header), 0.0) + 1 / rate
        # Headers are often a frame or so off. More means that the file was cut off.
        cut_off = header is not None and header - seconds > max(1.5 / rate, 0.05 * header)
        turns = quarter_turns(first)
        height, width = upright_sides(first)
        return VideoFacts(
            width=width,
            height=height,
            seconds=seconds,
            rate=rate,
            frames=(0 if cut_off else stream.frames) or max(1, round(seconds * rate)),
            codec=stream.codec_context.name,
            container=container.format.name.split(",")[0],
            rotation=90 * turns,
            header_seconds=header if cut_off else None,
            transfer=TRANSFERS.get(int(first.color_trc), "SDR"),
            gamut=GAMUTS.get(int(first.color_primaries), "BT.709"),
            sound=_sound(container),
        )


def iter_frames(path: Path, height: int, width: int, *, start_seconds: float = 0.0) -> Iterator[tuple[float, Images]]:
    """Decode from the frame shown at `start_seconds` on. See `stillmotion.decoding.iter_frames`."""
    resize = Resizer(height, width)
    with open_video(path) as (container, stream):
        shown: tuple[float, VideoFrame] | None = None
        for seconds, frame in frames_from(container, stream, start_seconds):
            # A frame that began before the start is on screen then only if no later one began by the start as well.
            if shown is not None and seconds > start_seconds + TICK:
                yield shown[0], resize(shown[1])
            shown = seconds, frame
        if shown is None:
            raise UnreadableVideoError(f"{path}: no frame can be decoded")
        yield shown[0], resize(shown[1])


def read_frames(
    path: Path, seconds: Sequence[float] | Seconds, height: int, width: int, framing: Framing = "stretch"
) -> DecodedFrames:
    """Decode straight on, and seek where a gap between wanted times holds a keyframe.

    See `stillmotion.decoding.read_frames`.
    """
    wanted = np.unique(np.asarray(seconds, np.float64))
    resize = Resizer(height, width, framing)
    images: list[Images] = []
    times: list[float] = []
    with open_video(path) as (container, stream):
        keyframes = _keyframe_seconds(stream)
        shown: tuple[float, VideoFrame] | None = None

        def keep_shown() -> None:
            if shown is not None and (not times or times[-1] != shown[0]):
                times.append(shown[0])
                images.append(resize(shown[1]))

        # `shown` is on screen until `following` begins: it is kept if a wanted time is before that.
        next_wanted = 0
        frames = frames_from(container, stream, float(wanted[0]))
        while next_wanted < len(wanted):
            following = next(frames, None)
            if following is None:
                keep_shown()
                break
            if shown is None or following[0] <= wanted[next_wanted] + TICK:
                shown = following
                continue
            while next_wanted < len(wanted) and wanted[next_wanted] + TICK < following[0]:
                keep_shown()
                next_wanted += 1
            shown = following
            if next_wanted < len(wanted) and _seek_pays(keyframes, following[0], float(wanted[next_wanted])):
                frames = frames_from(container, stream, float(wanted[next_wanted]))
                shown = None
    if not images:
        raise UnreadableVideoError(f"{path}: no frame can be decoded")
    return DecodedFrames(np.stack(images), np.array(times))


def _mean_rate(stream: VideoStream) -> float:
    """Frames per second."""
    return float(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)


def _to_seconds(stream: VideoStream, timestamp: int) -> float:
    """A timestamp in seconds from the start of the stream."""
    return float((timestamp - (stream.start_time or 0)) * (stream.time_base or 1))


def _to_timestamp(stream: VideoStream, seconds: float) -> int:
    """Seconds from the start of the stream as a timestamp to seek to."""
    return int(seconds / (stream.time_base or 1)) + (stream.start_time or 0)


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames in the order shown. Damaged packets are skipped; a file that is cut off ends there."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            # The file cannot be parsed any further. A packet of None makes the decoder give the frames it still holds.
            packet = None
        try:
            yield from stream.codec_context.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            pass
        if packet is None:
            return


def frames_from(container: InputContainer, stream: VideoStream, target: float) -> Iterator[tuple[float, VideoFrame]]:
    """Decode from a time on.

    Args:
        container: an open file.
        stream: its video stream.
        target: in seconds.

    Yields:
        Frames with their times, the first of which began by `target`, or is the first of all.

    Raises:
        UnreadableVideoError: the file cannot be rewound.
    """
    back = 0.5  # Keyframe timestamps are not exact in all containers: aim before the target, and further if in vain.
    if target > SEEK_SECONDS:
        while (start := target - back) > 0:
            try:
                container.seek(_to_timestamp(stream, start), stream=stream, backward=True)
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
            raise UnreadableVideoError(f"{container.name}: cannot seek to its start ({error.strerror})") from None
    yield from with_times(container, stream)


def with_times(
    container: InputContainer, stream: VideoStream, *, back: float = math.inf
) -> Iterator[tuple[float, VideoFrame]]:
    """Give each frame of a stream its time.

    Args:
        container: the opened file or source.
        stream: its video stream.
        back: the frames end where time goes back by more than this, in seconds: a live source has restarted.

    Yields:
        The time at which each frame begins, ascending, and the frame.
    """
    rate = _mean_rate(stream)
    avi = container.format.name == "avi"
    last = -1 / rate
    for frame in _decode(container, stream):
        # AVI has decoding timestamps only; presentation is later by the decoder's delay.
        timestamp = frame.dts - stream.codec_context.has_b_frames if avi and frame.dts is not None else frame.pts
        # Raw streams have no timestamps: a frame follows the last. In damaged files time goes back: skip the frame.
        seconds = last + 1 / rate if timestamp is None else _to_seconds(stream, timestamp)
        if seconds < last - back:
            return
        if seconds <= last:
            continue
        last = seconds
        yield seconds, frame


def keyframe_seconds(path: Path) -> Seconds:
    """The times of a video's keyframes. See `stillmotion.decoding.keyframe_seconds`."""
    with open_video(path) as (container, stream):
        listed = _keyframe_seconds(stream)
        if len(listed):
            return np.unique(listed)
        times = [
            _to_seconds(stream, timestamp)
            for packet in _packets(container, stream)
            if packet.is_keyframe and (timestamp := packet.pts if packet.pts is not None else packet.dts) is not None
        ]
        return np.unique(times)


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The packets of a stream, as far as the file can be parsed."""
    try:
        yield from (packet for packet in container.demux(stream) if packet.size)
    except av.error.FFmpegError:
        return


def _sound(container: InputContainer) -> tuple[int, int]:
    """Channels and samples per second of the first sound track."""
    for stream in container.streams.audio:
        if stream.codec_context is not None:
            return stream.codec_context.channels, stream.codec_context.sample_rate
    return 0, 0


def _keyframe_seconds(stream: VideoStream) -> Seconds:
    """The times of the keyframes that the container's index lists; often none."""
    return np.array([_to_seconds(stream, entry.timestamp) for entry in stream.index_entries if entry.is_keyframe])


def _seek_pays(keyframes: Seconds, now: float, target: float) -> bool:
    """Whether a seek reaches the target sooner than decoding on."""
    if target - now < SEEK_SECONDS:
        return False
    return len(keyframes) == 0 or bool(np.any((keyframes > now + 1) & (keyframes <= target - 0.5)))


def _header_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    """The duration that the header claims."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # If there is sound, the container's duration may be that of the sound.
    if container.duration and len(container.streams) == 1:
        return float(container.duration / 1e6)
    return None


def _last_frame_seconds(container: InputContainer, stream: VideoStream, header: float | None) -> float:
    """When the last frame begins: by the packets near the end, or by all packets if there are none near the end."""
    for start in ([header - 2.0] if header and header > 4.0 else []) + [0.0]:
        try:
            container.seek(_to_timestamp(stream, start), stream=stream, backward=True)
        except av.error.FFmpegError:
            continue
        times, count = [], 0
        try:
            for packet in container.demux(stream):
                count += packet.size > 0
                if packet.pts is not None and packet.size:
                    times.append(_to_seconds(stream, packet.pts))
        except av.error.FFmpegError:
            pass  # The file is damaged here: count what came before.
        if times:
            return max(times)
        if count and not start:
            return (count - 1) / _mean_rate(stream)
    return 0.0
