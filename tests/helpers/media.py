"""Small videos: lossless or lossy, with frames at any times, and rotated."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.uint8]


def noise(n: int, height: int = 32, width: int = 48, seed: int = 0) -> Pictures:
    """Random frames `(n, height, width, 3)`, no two of them equal."""
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def write_video(
    path: Path, frames: Pictures, rate: int = 10, *, seconds: Sequence[float] | None = None, keyframes: int = 12
) -> Path:
    """Encode frames `(n, height, width, 3)` losslessly, in RGB, at `seconds` or at `rate` frames per second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tick = Fraction(1, 1000)
    with av.open(str(path), "w", options={"movflags": "+faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream("libx264rgb", rate=rate, options={"qp": "0", "g": str(keyframes)})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb24"
        stream.codec_context.time_base = tick
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = round(1000 * (number / rate if seconds is None else seconds[number]))
            frame.time_base = tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_phone_video(path: Path, frames: Pictures, seconds: Sequence[float]) -> Path:
    """Encode as telephones do: B-frames at uneven times; an edit list hides those before 0 s, which are in the file."""
    with av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "20", "bf": "3", "sc_threshold": "0"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for picture, at in zip(frames, seconds, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(1000 * at), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turn_clockwise(path: Path) -> Path:
    """Write into the header of an mp4 file, as telephones do, that it is shown rotated by 90 degrees clockwise."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    unit = 1 << 16
    content[matrix : matrix + 36] = struct.pack(">9i", 0, unit, 0, -unit, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def write_lossy_video(path: Path, frames: Pictures, *, rate: int = 10, **options: str) -> Path:
    """Encode frames `(n, height, width, 3)` with H.264, at high quality by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    moov = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=moov) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10", **options})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_with_sound(path: Path, frames: Pictures, *, rate: int = 10, sound: bool = True) -> Path:
    """Encode frames `(n, height, width, 3)` losslessly, with silence in mono, 8,000 samples per second, or no sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=rate, options={"qp": "0"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb24"
        audio = container.add_stream("pcm_s16le", rate=8000, layout="mono") if sound else None
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        if audio is not None:
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 8000 * len(frames) // rate), np.int16), format="s16", layout="mono"
            )
            silence.sample_rate = 8000
            container.mux(audio.encode(silence))
            container.mux(audio.encode())
    return path
