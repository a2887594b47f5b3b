"""Videos as the audit sees them: every frame small, to match snapshots with; some at full size, to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults import FrameContext, Size
from stillmotion.decoding import Images, VideoFacts, iter_frames, probe, read_frames

SMALL_BYTES = 6e7  # all frames of a video below this are decoded at once and kept
THUMBNAIL_SIDE = 48  # pixels


@dataclass(frozen=True, eq=False)
class IndexedVideo:
    """A video with a thumbnail of every frame.

    Attributes:
        file: its path.
        facts: what its container says.
        seconds: float64 `(n,)`, when each frame begins.
        thumbnails: uint8 `(n, side, side)`, the mean of the three channels, which no channel order changes.
    """

    file: Path
    facts: VideoFacts
    seconds: NDArray[np.float64]
    thumbnails: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def size(self) -> Size:
        """Height and width of its frames."""
        return self.facts.height, self.facts.width

    def context(self, index: int, radius: int = 0) -> FrameContext:
        """A frame at full size, with up to `radius` frames before and after it."""
        first, last = max(0, index - radius), min(len(self) - 1, index + radius)
        if self.is_small:
            return FrameContext(_all_frames(self)[first : last + 1], index - first, self.seconds[first : last + 1])
        return _cached_context(self, first, index, last)

    def picture(self, index: int) -> NDArray[np.float32]:
        """A frame at full size, float32 `(height, width, 3)`."""
        return self.context(index).picture.astype(np.float32)

    def frames(self, indices: Sequence[int]) -> Images:
        """Frames at full size, `(n, height, width, 3)`."""
        if self.is_small:
            return _all_frames(self)[list(indices)]
        times = self.seconds[list(indices)]
        return read_frames(self.file, times, self.facts.height, self.facts.width).shown_at(times)

    @property
    def is_small(self) -> bool:
        """Whether all its frames fit into memory, together with those of other videos."""
        return 3 * self.facts.height * self.facts.width * len(self) <= SMALL_BYTES


def index_video(file: Path) -> IndexedVideo:
    """Decode a video once, into thumbnails.

    Args:
        file: the video.

    Returns:
        The video with its index.

    Raises:
        UnreadableVideoError: it cannot be decoded.
    """
    facts = probe(file)
    seconds, thumbnails = [], []
    for second, picture in iter_frames(file, THUMBNAIL_SIDE, THUMBNAIL_SIDE):
        seconds.append(second)
        thumbnails.append(picture.mean(-1).round().astype(np.uint8))
    return IndexedVideo(file, facts, np.array(seconds), np.stack(thumbnails))


@lru_cache(maxsize=10)
def _all_frames(video: IndexedVideo) -> Images:
    return read_frames(video.file, video.seconds, video.facts.height, video.facts.width).shown_at(video.seconds)


@lru_cache(maxsize=24)
def _cached_context(video: IndexedVideo, first: int, index: int, last: int) -> FrameContext:
    return FrameContext(video.frames(range(first, last + 1)), index - first, video.seconds[first : last + 1])
