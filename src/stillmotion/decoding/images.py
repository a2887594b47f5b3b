"""Still images, decoded as videos of one frame: upright by their EXIF rotation, resized as frames of videos are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stillmotion.decoding.frames import DecodedFrames, Images, Seconds, VideoFacts
from stillmotion.errors import UnreadableVideoError


def probe(path: Path) -> VideoFacts:
    """Find out what an image file holds: one frame of duration 0. See `stillmotion.decoding.probe`."""
    height, width, _ = _read_upright(path).shape
    return VideoFacts(width, height, 0.0, 0.0, 1, codec=path.suffix[1:].lower(), container="image")


def iter_frames(path: Path, height: int, width: int, *, start_seconds: float = 0.0) -> Iterator[tuple[float, Images]]:
    """Decode the one frame, at 0 seconds. See `stillmotion.decoding.iter_frames`."""
    yield 0.0, read_frames(path, [0.0], height, width).images[0]


def read_frames(path: Path, seconds: Sequence[float] | Seconds, height: int, width: int) -> DecodedFrames:
    """Decode the one frame, whatever the times. See `stillmotion.decoding.read_frames`."""
    from av.video.frame import VideoFrame
    from av.video.reformatter import Interpolation

    # Resized by FFmpeg, not Pillow, so that an image and a video of the same picture give the same pixels.
    frame = VideoFrame.from_ndarray(_read_upright(path), format="rgb24")
    resized = frame.reformat(width=width, height=height, interpolation=Interpolation.AREA)
    return DecodedFrames(np.asarray(resized.to_ndarray(), np.uint8)[None], np.zeros(1))


def _read_upright(path: Path) -> Images:
    """The image, uint8 RGB `(height, width, 3)`, turned as its EXIF data says."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.ascontiguousarray(ImageOps.exif_transpose(image).convert("RGB"))
    except UnidentifiedImageError:
        raise UnreadableVideoError(f"{path}: not a readable image") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableVideoError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
