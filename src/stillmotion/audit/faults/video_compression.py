"""H.264 and HEVC at a constant quality, over the frames up to the one that is taken."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from io import BytesIO

import numpy as np

from stillmotion.audit.faults.fault import NEIGHBORS, FrameContext, FrameFault
from stillmotion.decoding import Images

Encoding = tuple[str, int]  # codec, CRF
NONE: Encoding = ("", 0)
_ENCODERS = {"H.264": "libx264", "HEVC": "libx265"}
# libx265 4.2 writes outside of its memory for pictures up to 48 pixels wide, and refuses sides below 16.
MIN_SIDE = 64
_STRENGTHS: tuple[Encoding, ...] = tuple((codec, crf) for codec in _ENCODERS for crf in (23, 32, 40))


def encode(frames: Images, encoding: Encoding) -> Images:
    """Encode frames and decode them again. Small ones are padded to a size that is safe for the encoder.

    Args:
        frames: uint8 RGB `(n, height, width, 3)`.
        encoding: codec and CRF.

    Returns:
        The decoded frames, of the same shape; the given ones if the encoder refuses them.
    """
    import av
    from av.video.stream import VideoStream

    codec, crf = encoding
    height, width = frames.shape[1:3]
    quiet = {"x265-params": f"log-level=none:pools=1:crf={crf}"} if codec == "HEVC" else {}
    buffer = BytesIO()
    try:
        with av.open(buffer, "w", format="matroska") as container:
            stream = container.add_stream(
                _ENCODERS[codec], rate=25, options={"crf": str(crf), "preset": "veryfast", **quiet}
            )
            assert isinstance(stream, VideoStream)
            rows, columns = (max(MIN_SIDE, side + side % 2) for side in (height, width))
            stream.height, stream.width, stream.pix_fmt = rows, columns, "yuv420p"
            stream.codec_context.thread_count = 1
            padded = np.pad(frames, ((0, 0), (0, rows - height), (0, columns - width), (0, 0)), mode="edge")
            for picture in padded:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        buffer.seek(0)
        with av.open(buffer, "r") as coded:
            decoded = [frame.to_ndarray(format="rgb24") for frame in coded.decode(video=0)]
    except av.error.FFmpegError:
        return frames
    return np.stack(decoded)[:, :height, :width].astype(np.uint8)


@lru_cache(maxsize=4)
def _last_frame(frames: bytes, shape: tuple[int, ...], encoding: Encoding) -> Images:
    """The last frame after encoding; cached, because the paths of one frame are rendered many times."""
    last: Images = encode(np.frombuffer(frames, np.uint8).reshape(shape), encoding)[-1]
    return last


def _apply(context: FrameContext, encoding: Encoding) -> FrameContext:
    if encoding == NONE:
        return context
    before = context.frames[max(0, context.center - NEIGHBORS) : context.center + 1]
    frames = context.frames.copy()
    frames[context.center] = _last_frame(before.tobytes(), before.shape, encoding)
    return dataclasses.replace(context, frames=frames)


def _label(encoding: Encoding) -> str:
    return "as in the file" if encoding == NONE else f"{encoding[0]} at CRF {encoding[1]}"


VIDEO_COMPRESSION: FrameFault[Encoding] = FrameFault(
    id="video_compression",
    name="video compression",
    normal=NONE,
    strengths=_STRENGTHS,
    candidates=(*_STRENGTHS, ("H.264", 48)),
    expensive=True,
    apply=_apply,
    label=_label,
    describe=lambda encoding: (
        "are as in the file" if encoding == NONE else f"were encoded again (about {_label(encoding)})"
    ),
    fix=lambda video, snapshots: "record at a lower CRF or a higher bit rate, and train on frames of such videos",
)
