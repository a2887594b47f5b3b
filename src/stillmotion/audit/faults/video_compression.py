"""H.264 and HEVC at a constant quality, over the frames up to the moment."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from io import BytesIO

import numpy as np

from stillmotion.audit.faults.fault import Fault, FrameContext, Size
from stillmotion.decoding import Images

Codec = tuple[str, int]  # name, CRF
NONE: Codec = ("", 0)
_LEAD = 6  # frames before the moment that are encoded with it
_ENCODERS = {"H.264": "libx264", "HEVC": "libx265"}


def encoded(frames: Images, setting: Codec) -> Images:
    """Frames `(n, height, width, 3)` after coding and decoding; as they are where the encoder refuses such a size."""
    import av
    from av.video.stream import VideoStream

    height, width = frames.shape[1:3]
    quiet = {"x265-params": f"log-level=none:pools=1:crf={setting[1]}"} if setting[0] == "HEVC" else {}
    buffer = BytesIO()
    try:
        with av.open(buffer, "w", format="matroska") as container:
            stream = container.add_stream(
                _ENCODERS[setting[0]], rate=25, options={"crf": str(setting[1]), "preset": "veryfast", **quiet}
            )
            assert isinstance(stream, VideoStream)
            stream.height, stream.width, stream.pix_fmt = height + height % 2, width + width % 2, "yuv420p"
            stream.codec_context.thread_count = 1
            even = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            for picture in even:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        buffer.seek(0)
        with av.open(buffer, "r") as coded:
            decoded = [frame.to_ndarray(format="rgb24") for frame in coded.decode(video=0)]
    except av.error.FFmpegError:
        return frames
    return np.stack(decoded)[:, :height, :width].astype(np.uint8)


@lru_cache(maxsize=4)
def _last_of(frames: bytes, shape: tuple[int, ...], setting: Codec) -> Images:
    """The last frame after coding; kept, as one moment's paths are rendered many times."""
    last: Images = encoded(np.frombuffer(frames, np.uint8).reshape(shape), setting)[-1]
    return last


def _apply(shot: FrameContext, setting: Codec, size: Size) -> FrameContext:
    if setting == NONE:
        return shot
    first = max(0, shot.centre - _LEAD)
    last = shot.centre + 1
    frames = shot.frames.copy()
    frames[shot.centre] = _last_of(shot.frames[first:last].tobytes(), shot.frames[first:last].shape, setting)
    return dataclasses.replace(shot, frames=frames)


VIDEO_COMPRESSION = Fault(
    name="video compression",
    stage="time",
    normal=NONE,
    strengths=tuple((codec, crf) for codec in _ENCODERS for crf in (23, 32, 40)),
    candidates=(*((codec, crf) for codec in _ENCODERS for crf in (23, 32, 40)), ("H.264", 48)),
    apply=_apply,
    words=lambda setting: (
        "are as the file has them" if setting == NONE else f"are coded again, by {setting[0]} at about CRF {setting[1]}"
    ),
    cure=lambda video, snapshots: "record at a lower CRF or a higher bit rate, and train on frames of such videos",
)
