"""The frames of a video as one image, which is embedded in the page."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stillmotion.clips import read_frames
from stillmotion.decoding import probe

MAX_WIDTH = MAX_HEIGHT = 176  # pixels of a frame
COLUMNS = 8
FRAMES_PER_SECOND = 12.5
MIN_FRAMES, MAX_FRAMES = 8, 32
WEBP_QUALITY = 58  # 1 to 3 kB per frame


@dataclass(frozen=True)
class SpriteSheet:
    """Frames from left to right, row by row.

    Attributes:
        uri: a WebP image.
        seconds: when each frame is on screen.
        width: of one frame, in pixels.
        height: likewise.
    """

    uri: str
    seconds: tuple[float, ...]
    width: int
    height: int

    def viewbox(self, index: int) -> str:
        """The `viewBox` of an SVG that shows one frame."""
        row, column = divmod(index, COLUMNS)
        return f"{column * self.width} {row * self.height} {self.width} {self.height}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole sheet, in pixels."""
        return COLUMNS * self.width, -(-len(self.seconds) // COLUMNS) * self.height


def read_sprite_sheet(path: Path, start: float, end: float) -> SpriteSheet:
    """Read frames at equal distances, without changing their aspect ratio.

    Args:
        path: a video.
        start: start of the segment, in seconds.
        end: end of the segment.

    Returns:
        8 to 32 frames, 12.5 per second where that is enough.

    Raises:
        UnreadableVideoError: the file cannot be opened or holds no frame.
    """
    facts = probe(path)
    shrink = min(MAX_WIDTH / facts.width, MAX_HEIGHT / facts.height)
    width, height = (max(16, round(shrink * side)) for side in (facts.width, facts.height))
    count = int(np.clip(round(FRAMES_PER_SECOND * (end - start)), MIN_FRAMES, MAX_FRAMES))
    seconds = start + (np.arange(count) + 0.5) / count * (end - start)
    frames = read_frames(path, seconds.tolist(), height, width).shown_at(seconds)
    uri = "data:image/webp;base64," + b64encode(_encode(np.asarray(frames))).decode("ascii")
    return SpriteSheet(uri, tuple(np.round(seconds, 3).tolist()), width, height)


def _encode(frames: NDArray[np.uint8]) -> bytes:
    """Frames `(n, height, width, 3)` as one WebP image; the rest of the last row is black."""
    missing = -len(frames) % COLUMNS
    padded = np.pad(frames, ((0, missing), (0, 0), (0, 0), (0, 0)))
    rows = [np.concatenate(list(row), axis=1) for row in padded.reshape(-1, COLUMNS, *padded.shape[1:])]
    buffer = BytesIO()
    Image.fromarray(np.concatenate(rows)).save(buffer, "WEBP", quality=WEBP_QUALITY, method=4)
    return buffer.getvalue()
