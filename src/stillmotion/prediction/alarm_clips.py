"""Clips of alarms that begin before the alarm does: the last seconds are always encoded, and kept in memory."""

from __future__ import annotations

import io
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.decoding.resizing import Resizer, quarter_turns, upright_sides
from stillmotion.prediction.annotation import VIDEOS
from stillmotion.prediction.sinks import name_file_in_errors

BEFORE_SECONDS = AFTER_SECONDS = 5.0
# A clip is no longer than this, so that an alarm that stays on does not fill the disk.
LONGEST_SECONDS = 120.0
# Pixels of the longer side, at most.
CLIP_SIDE = 1280
# An alarm is known up to so long after its start: it must last, scores look back, and a clip begins with a key frame.
_DELAY_SECONDS, _KEYFRAME_SECONDS = 2.0, 1.0
# What is kept in memory, at most, however busy the picture is.
_MAX_BYTES = 64 << 20
_TICK = Fraction(1, 1000)
# 2.4 ms per 720p frame on one core.
_ENCODER_OPTIONS = {
    "crf": "23",
    "preset": "ultrafast",
    "tune": "zerolatency",
    "g": "1000000",
    "forced-idr": "1",
    "threads": "1",
}


class ClipRecorder:
    """Encodes the frames of a stream as they come, and writes them into the clips that are open.

    Nothing is encoded twice: the same packets go to each clip.
    """

    def __init__(self) -> None:
        self._encoder: Any = None
        self._packets: deque[tuple[float, Packet[Any]]] = deque()
        self._bytes = 0
        self._last_pts, self._last_keyframe = -1, -1e9
        self._clips: list[AlarmClip] = []
        self._reformatter = VideoReformatter()

    def write(self, frame: SourceFrame) -> None:
        """Take the next frame.

        Raises:
            StillmotionError: a clip cannot be written.
        """
        for packet in self._encode(frame):
            self._packets.append((frame.seconds, packet))
            self._bytes += packet.size
            for clip in self._clips:
                clip.write(frame.seconds, packet)
        oldest = frame.seconds - BEFORE_SECONDS - _DELAY_SECONDS - _KEYFRAME_SECONDS
        while self._packets and (self._packets[0][0] < oldest or self._bytes > _MAX_BYTES):
            self._bytes -= self._packets.popleft()[1].size
        self._clips = [clip for clip in self._clips if not clip.closed]

    def begin(self, path: Path, start_seconds: float) -> AlarmClip:
        """Begin a clip, from `BEFORE_SECONDS` before a time on.

        Args:
            path: the mp4 file.
            start_seconds: when the alarm began, at most some seconds ago.

        Returns:
            The clip, which gets all further frames until it ends.

        Raises:
            StillmotionError: it cannot be written.
        """
        begin = start_seconds - BEFORE_SECONDS
        keyframes = [number for number, (_, packet) in enumerate(self._packets) if packet.is_keyframe]
        first = max((number for number in keyframes if self._packets[number][0] <= begin), default=None)
        first = first if first is not None else next(iter(keyframes), len(self._packets))
        clip = AlarmClip(path, self._encoder)
        for number in range(first, len(self._packets)):
            clip.write(*self._packets[number])
        self._clips.append(clip)
        return clip

    def close(self) -> None:
        """End all clips with the last frame."""
        for clip in self._clips:
            clip.close()
        self._clips = []

    def _encode(self, frame: SourceFrame) -> list[Packet[Any]]:
        if self._encoder is None:
            self._encoder = _open_encoder(*_clip_sides(*upright_sides(frame.frame)))
        height, width = self._encoder.height, self._encoder.width
        # Only a turned frame takes the way through RGB, which takes twice as long.
        if quarter_turns(frame.frame):
            picture = VideoFrame.from_ndarray(Resizer(height, width)(frame.frame), format="rgb24")
        else:
            picture = self._reformatter.reformat(frame.frame, width=width, height=height, format="yuv420p")
        self._last_pts = max(self._last_pts + 1, round(frame.seconds / _TICK))
        picture.pts, picture.time_base = self._last_pts, _TICK
        starts = frame.starts_recording or frame.seconds - self._last_keyframe >= _KEYFRAME_SECONDS
        if starts:
            self._last_keyframe = frame.seconds
        picture.pict_type = av.video.frame.PictureType.I if starts else av.video.frame.PictureType.NONE
        packets: list[Packet[Any]] = self._encoder.encode(picture)
        return packets


class AlarmClip:
    """A clip that is being written.

    Args:
        path: the mp4 file.
        encoder: the stream that the packets come from; None if there was no frame yet.

    Attributes:
        closed: whether it has ended.
        first_seconds: the time of its first frame.
        last_seconds: of its last.
    """

    def __init__(self, path: Path, encoder: Any) -> None:
        self.path = path
        self.first_seconds = self.last_seconds = 0.0
        self.closed = False
        self._end = float("inf")
        self._first_pts: int | None = None
        with name_file_in_errors(path):
            self._container = av.open(str(path), "w", options=VIDEOS[".mp4"])
            self._stream = self._container.add_stream_from_template(encoder)

    def write(self, seconds: float, packet: Packet[Any]) -> None:
        """Add a packet, unless the clip is complete."""
        if self.closed:
            return
        if self._first_pts is None:
            self._first_pts, self.first_seconds = packet.pts or 0, seconds
        if seconds > min(self._end, self.first_seconds + LONGEST_SECONDS):
            self.close()
            return
        # Muxing changes a packet, and another clip may get the same one.
        copy: Packet[Any] = Packet(bytes(packet))
        copy.pts = copy.dts = (packet.pts or 0) - self._first_pts
        copy.time_base, copy.is_keyframe, copy.stream = _TICK, packet.is_keyframe, self._stream
        with name_file_in_errors(self.path):
            self._container.mux(copy)
        self.last_seconds = seconds

    def end(self, end_seconds: float) -> None:
        """The alarm has ended: the clip ends `AFTER_SECONDS` later."""
        self._end = end_seconds + AFTER_SECONDS

    def close(self) -> None:
        """Finish the file."""
        if not self.closed:
            self.closed = True
            with name_file_in_errors(self.path):
                self._container.close()


def _clip_sides(height: int, width: int) -> tuple[int, int]:
    """Even sides that are no longer than `CLIP_SIDE`, in proportion."""
    scale = min(1.0, CLIP_SIDE / max(height, width))
    return max(2, round(scale * height) // 2 * 2), max(2, round(scale * width) // 2 * 2)


def _open_encoder(height: int, width: int) -> Any:
    """An encoder whose packets an mp4 file can hold; what it is opened with is never written."""
    container = av.open(io.BytesIO(), "w", format="mp4")
    encoder: Any = container.add_stream("libx264", rate=30, options=_ENCODER_OPTIONS)
    encoder.height, encoder.width, encoder.pix_fmt = height, width, "yuv420p"
    encoder.codec_context.time_base = _TICK
    container.start_encoding()
    return encoder
