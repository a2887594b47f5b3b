"""Still images, decoded as videos of one frame: upright by their EXIF rotation, resized as frames of videos are.

Pillow decodes them, with the plugin of `pi_heif` for the HEIC files of telephones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pi_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from stillmotion.decoding.frames import DecodedFrames, Framing, Images, Seconds, VideoFacts
from stillmotion.errors import UnreadableVideoError

pi_heif.register_heif_opener()


def probe(path: Path) -> VideoFacts:
    """Find out what an image file holds: one frame of duration 0. See `stillmotion.decoding.probe`."""
    height, width, _ = read_upright(path).shape
    return VideoFacts(width, height, 0.0, 0.0, 1, codec=path.suffix[1:].lower(), container="image")


def keyframe_seconds(path: Path) -> Seconds:
    """There are none but the first frame. See `stillmotion.decoding.keyframe_seconds`."""
    return np.zeros(1)


def iter_frames(path: Path, height: int, width: int, *, start_seconds: float = 0.0) -> Iterator[tuple[float, Images]]:
    """Decode the one frame, at 0 seconds. See `stillmotion.decoding.iter_frames`."""
    yield 0.0, read_frames(path, [0.0], height, width).images[0]


def read_frames(
    path: Path, seconds: Sequence[float] | Seconds, height: int, width: int, framing: Framing = "stretch"
) -> DecodedFrames:
    """Decode the one frame, whatever the times. See `stillmotion.decoding.read_frames`."""
    return DecodedFrames(read_image(path, height, width, framing)[None], np.zeros(1))


def read_image(path: Path, height: int, width: int, framing: Framing = "stretch") -> Images:
    """Decode an image and resize it by FFmpeg, so that an image and a video of the same picture give the same pixels.

    Args:
        path: the image.
        height: in pixels.
        width: likewise.
        framing: how an image of another aspect ratio gets this size.

    Returns:
        uint8 RGB `(height, width, 3)`.

    Raises:
        UnreadableVideoError: the file is not an image that can be read.
    """
    from av.video.frame import VideoFrame

    from stillmotion.decoding.resizing import Resizer

    return Resizer(height, width, framing)(VideoFrame.from_ndarray(read_upright(path), format="rgb24"))


def read_upright(path: Path) -> Images:
    """Decode an image.

    Args:
        path: the image.

    Returns:
        uint8 RGB `(height, width, 3)`, turned as its EXIF data says.

    Raises:
        UnreadableVideoError: the file is not an image that can be read.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            # Pillow itself would clip 16-bit gray to white. It calls that of PGM files "I".
            if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
                upright = Image.fromarray(np.rint(np.asarray(upright) / 257).astype(np.uint8))
            elif image.mode in ("I", "F"):
                raise UnreadableVideoError(
                    f"{path}: its 32-bit pixels do not say what is white; convert it to an image of 8 or 16 bits"
                )
            return np.ascontiguousarray(upright.convert("RGB"))
    except (UnreadableVideoError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise UnreadableVideoError(f"{path}: not a readable image") from None
    except Exception as error:  # Pillow's plugins do not say which errors they raise for damaged files.
        raise UnreadableVideoError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
