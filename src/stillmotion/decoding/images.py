"""Still images: videos of one frame, upright by their EXIF rotation, resized as a video's frames are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stillmotion.decoding.frames import Frames, Images, Seconds, VideoFacts
from stillmotion.errors import UnreadableVideoError


def probe(path: Path) -> VideoFacts:
    """What the picture is: one frame that lasts no time.

    Raises:
        UnreadableVideoError: it cannot be read.
    """
    height, width, _ = _upright(path).shape
    return VideoFacts(width, height, 0.0, 0.0, 1, codec=path.suffix[1:].lower(), container="image")


def iter_frames(path: Path, height: int, width: int, *, start_seconds: float = 0.0) -> Iterator[tuple[float, Images]]:
    """The one frame, at 0 seconds."""
    yield 0.0, read_frames(path, [0.0], height, width).images[0]


def read_frames(path: Path, seconds: Sequence[float] | Seconds, height: int, width: int) -> Frames:
    """The one frame, whatever the times.

    Raises:
        UnreadableVideoError: it cannot be read.
    """
    from av.video.frame import VideoFrame
    from av.video.reformatter import Interpolation

    frame = VideoFrame.from_ndarray(_upright(path), format="rgb24")
    resized = frame.reformat(width=width, height=height, interpolation=Interpolation.AREA)
    return Frames(np.asarray(resized.to_ndarray(), np.uint8)[None], np.zeros(1))


def _upright(path: Path) -> Images:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.ascontiguousarray(ImageOps.exif_transpose(image).convert("RGB"))
    except UnidentifiedImageError:
        raise UnreadableVideoError(f"{path}: not a readable picture") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableVideoError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
