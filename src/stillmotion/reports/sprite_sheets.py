"""A video in small pictures on one sheet, as data that stands in the page itself."""

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
from stillmotion.errors import UnreadableVideoError

WIDTH = 176  # pixels of a picture
TALLEST = 176
COLUMNS = 8
RATE = 12.5  # pictures a second, as far as the most suffice
FEWEST, MOST = 8, 32  # pictures
QUALITY = 58  # of WebP: 1 to 3 kB a picture


@dataclass(frozen=True)
class Sheet:
    """Pictures from left to right, row by row. uri: WebP. seconds: when each is on screen. width, height: of one."""

    uri: str
    seconds: tuple[float, ...]
    width: int
    height: int

    def view(self, index: int) -> str:
        """The `viewBox` that shows one picture."""
        row, column = divmod(index, COLUMNS)
        return f"{column * self.width} {row * self.height} {self.width} {self.height}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole sheet, in pixels."""
        return COLUMNS * self.width, -(-len(self.seconds) // COLUMNS) * self.height


def read_sheet(path: Path, start: float, end: float) -> Sheet:
    """Pictures spread evenly over a stretch of a video; its shape is kept.

    Raises:
        UnreadableVideoError: the file is no more there, or gives no picture.
    """
    facts = probe(path)
    shrink = min(WIDTH / facts.width, TALLEST / facts.height)
    width, height = (max(16, round(shrink * side)) for side in (facts.width, facts.height))
    count = int(np.clip(round(RATE * (end - start)), FEWEST, MOST))
    seconds = start + (np.arange(count) + 0.5) / count * (end - start)
    shown = read_frames(path, seconds.tolist(), height, width).shown_at(seconds)
    uri = "data:image/webp;base64," + b64encode(_encode(np.asarray(shown))).decode("ascii")
    return Sheet(uri, tuple(np.round(seconds, 3).tolist()), width, height)


def video_seconds(path: Path) -> float:
    """How long a video is. Raises UnreadableVideoError."""
    if not path.is_file():
        raise UnreadableVideoError(f"{path.name}: the video is no longer where it was")
    return probe(path).seconds


def _encode(pictures: NDArray[np.uint8]) -> bytes:
    """(n, height, width, 3) -> one picture, the last row filled with black."""
    missing = -len(pictures) % COLUMNS
    whole = np.pad(pictures, ((0, missing), (0, 0), (0, 0), (0, 0)))
    rows = [np.concatenate(list(row), axis=1) for row in whole.reshape(-1, COLUMNS, *whole.shape[1:])]
    buffer = BytesIO()
    Image.fromarray(np.concatenate(rows)).save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue()
