"""Pictures with their times, and what a file says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Seconds = NDArray[np.float64]

# Times are compared with this tolerance, well below any frame's duration, well above rounding.
TICK = 0.0005


@dataclass(frozen=True)
class Frames:
    """Decoded pictures: `images` uint8 RGB `(n, height, width, 3)`, `seconds` float64 `(n,)`, ascending."""

    images: Images
    seconds: Seconds

    def shown_at(self, seconds: Sequence[float] | Seconds) -> Images:
        """The picture on screen at each time: the last that began by then, or the first of all."""
        return self.images[index_shown_at(self.seconds, seconds)]


def index_shown_at(began: Seconds, seconds: Sequence[float] | Seconds) -> NDArray[np.intp]:
    """For each time, the index of the last frame that began by then; 0 before the first."""
    found = np.searchsorted(began, np.asarray(seconds, np.float64) + TICK, side="right") - 1
    return np.maximum(found, 0)


@dataclass(frozen=True)
class VideoFacts:
    """What a file holds. `width` and `height` are as shown, after rotation.

    `seconds` is how long its pictures last, `rate` their mean number a second, `promised_seconds` the
    length that its header claims, where that is longer than what is there.
    """

    width: int
    height: int
    seconds: float
    rate: float
    frames: int
    codec: str
    container: str
    rotation: int = 0
    promised_seconds: float | None = None
