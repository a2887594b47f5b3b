"""Videos as the audit sees them: every frame small, to find moments by; a few at the source's size, to compare."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults import Shot
from stillmotion.decoding import VideoFacts, iter_frames, probe, read_frames

SIDE = 48  # of the small pictures, in pixels


@dataclass(frozen=True, eq=False)
class Reel:
    """A video.

    Attributes:
        file: its path.
        facts: what it holds.
        seconds: float64 `(n,)`, when each frame begins.
        thumbs: uint8 `(n, SIDE, SIDE)`, the mean of the three channels, which no channel order changes.
    """

    file: Path
    facts: VideoFacts
    seconds: NDArray[np.float64]
    thumbs: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.seconds)

    def shot(self, index: int, radius: int = 0) -> Shot:
        """A frame by number, with `radius` frames before and after it as far as there are, at the source's size."""
        return _shot(self, index, radius)


def read_reel(file: Path) -> Reel:
    """Decode a video once, small. Raises UnreadableVideo."""
    facts = probe(file)
    seconds, thumbs = [], []
    for at, picture in iter_frames(file, SIDE, SIDE):
        seconds.append(at)
        thumbs.append(picture.mean(-1).round().astype(np.uint8))
    return Reel(file, facts, np.array(seconds), np.stack(thumbs))


@lru_cache(maxsize=24)
def _shot(reel: Reel, index: int, radius: int) -> Shot:
    first, last = max(0, index - radius), min(len(reel) - 1, index + radius)
    times = reel.seconds[first : last + 1]
    found = read_frames(reel.file, times, reel.facts.height, reel.facts.width)
    shown = found.shown_at(times)
    return Shot(shown, index - first, times)
