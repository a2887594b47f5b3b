"""The features of a video's frames, and how they are kept on disk.

There is one entry per backbone, video and frame size. It grows when other frames of the video are asked for, so a frame
goes through a backbone once, whichever model asks for it. An entry is written anew as a whole. If two processes
write the same one, the last wins, and what it lacks is computed again when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips.cache import entry_path, load_entry, store_entry
from stillmotion.decoding import Seconds, index_shown_at
from stillmotion.models.pretrained import weights_id

Features = NDArray[np.float16]

# Part of every entry's name. Change it when a backbone gives other features for the same weights.
FEATURES_VERSION = "1"


@dataclass(frozen=True)
class FrameFeatures:
    """The features of frames.

    Attributes:
        seconds: float64 `(frames,)`, when each frame begins.
        grid: float16 `(frames, rows, columns, channels)`, the coarse grid of a middle stage.
        top: float16 `(frames, features)`, the pooled top.

    Examples:
        >>> features = sm.cached_features("efficientnet-lite0", Path("new.mp4"), [0.0, 0.5], 224, 224)
        >>> features.top.shape
        (2, 1280)
    """

    seconds: Seconds
    grid: Features
    top: Features


@dataclass(frozen=True)
class StoredFeatures:
    """What the cache holds of a video.

    Attributes:
        frames: the features of all frames that the backbone has seen, each once, ascending in time.
        wanted: float64 `(times,)`, the times that were asked for, ascending. Only at these is it known, without
            decoding, which frame is on screen.
    """

    frames: FrameFeatures
    wanted: Seconds

    def missing(self, seconds: Sequence[float] | Seconds) -> Seconds:
        """Those of the times that nobody has asked for before, ascending, each once."""
        return np.setdiff1d(np.asarray(seconds, np.float64), self.wanted)

    def shown_at(self, seconds: Sequence[float] | Seconds) -> FrameFeatures:
        """The features of the frame on screen at each of these times, all of which were asked for."""
        rows = index_shown_at(self.frames.seconds, seconds)
        return FrameFeatures(self.frames.seconds[rows], self.frames.grid[rows], self.frames.top[rows])


def merge(parts: Sequence[StoredFeatures], wanted: Seconds) -> StoredFeatures:
    """Put together features of one video.

    Args:
        parts: features that may overlap; at least one.
        wanted: further times whose frames are among them.

    Returns:
        All frames and times, in new arrays.
    """
    seconds, rows = np.unique(np.concatenate([part.frames.seconds for part in parts]), return_index=True)
    grid = np.concatenate([part.frames.grid for part in parts])[rows]
    top = np.concatenate([part.frames.top for part in parts])[rows]
    times = np.unique(np.concatenate([wanted, *(part.wanted for part in parts)]))
    return StoredFeatures(FrameFeatures(seconds, grid, top), times)


def features_entry(backbone: str, file: Path, height: int, width: int) -> Path:
    """Where the features of a video are kept.

    Args:
        backbone: see `stillmotion.models.pretrained`.
        file: the video.
        height: of the frames that the backbone sees, in pixels.
        width: likewise.

    Returns:
        The entry of the cache, which need not exist.

    Raises:
        UnreadableVideoError: there is no such video.
        UsageError: there is no such backbone.
        StillmotionError: the backbone's weights cannot be read.
    """
    return entry_path("features", file, height, width, _backbone_id(backbone).encode())


def load_features(entry: Path) -> StoredFeatures | None:
    """Read what the cache holds; None if there is nothing."""
    arrays = load_entry(entry, 4)
    if arrays is None:
        return None
    wanted, seconds, grid, top = arrays
    return StoredFeatures(FrameFeatures(np.array(seconds), grid, top), np.array(wanted))


def store_features(entry: Path, features: StoredFeatures) -> None:
    """Write an entry as a whole. Raises StillmotionError if the cache cannot be written."""
    frames = features.frames
    store_entry(entry, [features.wanted, frames.seconds, frames.grid, frames.top])


@lru_cache(maxsize=8)
def _backbone_id(backbone: str) -> str:
    return f"{FEATURES_VERSION} {weights_id(backbone)}"
