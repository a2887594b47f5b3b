"""Videos as the audit sees them: every frame small, to find moments by; a few at the source's size, to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults import FrameContext
from stillmotion.decoding import Images, VideoFacts, iter_frames, probe, read_frames

SMALL_BYTES = 6e7  # of all of a video's frames: a shorter one is decoded once
SIDE = 48  # of the small pictures, in pixels


@dataclass(frozen=True, eq=False)
class IndexedVideo:
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

    def shot(self, index: int, radius: int = 0) -> FrameContext:
        """A frame by number, with `radius` frames before and after it as far as there are, at the source's size."""
        first, last = max(0, index - radius), min(len(self) - 1, index + radius)
        if self.small:
            return FrameContext(_all_frames(self)[first : last + 1], index - first, self.seconds[first : last + 1])
        return _shot(self, first, index, last)

    def frames(self, indices: Sequence[int]) -> Images:
        """Frames by number, at the source's size: `(n, height, width, 3)`."""
        if self.small:
            return _all_frames(self)[list(indices)]
        times = self.seconds[list(indices)]
        return read_frames(self.file, times, self.facts.height, self.facts.width).shown_at(times)

    @property
    def small(self) -> bool:
        """Whether all its frames fit into memory, with those of others."""
        return 3 * self.facts.height * self.facts.width * len(self) <= SMALL_BYTES


def index_video(file: Path) -> IndexedVideo:
    """Decode a video once, small. Raises UnreadableVideoError."""
    facts = probe(file)
    seconds, thumbs = [], []
    for at, picture in iter_frames(file, SIDE, SIDE):
        seconds.append(at)
        thumbs.append(picture.mean(-1).round().astype(np.uint8))
    return IndexedVideo(file, facts, np.array(seconds), np.stack(thumbs))


@lru_cache(maxsize=10)
def _all_frames(reel: IndexedVideo) -> Images:
    return read_frames(reel.file, reel.seconds, reel.facts.height, reel.facts.width).shown_at(reel.seconds)


@lru_cache(maxsize=24)
def _shot(reel: IndexedVideo, first: int, index: int, last: int) -> FrameContext:
    return FrameContext(reel.frames(range(first, last + 1)), index - first, reel.seconds[first : last + 1])
