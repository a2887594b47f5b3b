"""What a run remembers of the clips that it learned from, to say of others that they are unlike them.

A clip's distance is that to the nearest remembered clip. For each remembered clip, the distance to the nearest one of
another recording says what is usual for new recordings: the threshold is the distance that few of them exceed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips.appearance import PARTS, Appearance
from stillmotion.files import atomic_write
from stillmotion.runs.layout import MEMORY_FILE
from stillmotion.runs.run import Run

Floats = NDArray[np.float64]
# The share of clips of new recordings that may be taken for unlike the training clips.
FALSE_ALARMS = 0.05
# With fewer recordings, the distance that 5 % of new ones exceed is anyone's guess.
MIN_RECORDINGS = 10
MAX_CLIPS = 500


@dataclass(frozen=True, eq=False)
class ClipMemory:
    """Remembered clips.

    Attributes:
        clips: `(clips, numbers)`, the appearance of each, centered and scaled.
        center: `(numbers,)`, the mean appearance.
        scale: `(numbers,)`, what makes each part of an appearance vary as much as the others.
        threshold: the distance that is exceeded by 5 % of the remembered clips, from the other recordings.
    """

    clips: NDArray[np.float32]
    center: NDArray[np.float32]
    scale: NDArray[np.float32]
    threshold: float

    def distance(self, appearance: Appearance) -> float:
        """How unlike the remembered clips a clip is.

        Args:
            appearance: of the clip.

        Returns:
            The distance to the nearest of them, over the threshold: above 1, the clip is unlike them.
        """
        offsets = self.clips - (appearance - self.center) / self.scale
        return math.sqrt(float((offsets**2).sum(1).min())) / self.threshold


def make_memory(appearances: Sequence[Appearance], recordings: Sequence[str]) -> ClipMemory | None:
    """Remember clips.

    Args:
        appearances: of each clip.
        recordings: the group that each comes from.

    Returns:
        The memory; None if there are fewer than `MIN_RECORDINGS` recordings.
    """
    names, codes = np.unique(np.array(recordings, str), return_inverse=True)
    if len(names) < MIN_RECORDINGS:
        return None
    clips = np.stack(appearances).astype(np.float32)
    center = clips.mean(0)
    scale = np.concatenate(
        [
            np.full(part.shape[1], max(1e-6, math.sqrt(float(part.var(0).sum()))), np.float32)
            for part in np.split(clips, np.cumsum(list(PARTS.values()))[:-1], axis=1)
        ]
    )
    clips = (clips - center) / scale
    exact = clips.astype(np.float64)  # The differences of squares are small.
    squares = (exact**2).sum(1)
    distances = np.sqrt(np.maximum(0, squares[:, None] + squares - 2 * exact @ exact.T))
    nearest = np.where(codes[:, None] == codes, np.inf, distances).min(1)
    return ClipMemory(clips, center, scale, max(1e-6, _quantile(nearest, codes)))


def _quantile(distances: Floats, codes: NDArray[np.int_]) -> float:
    """The distance that is exceeded by the share `FALSE_ALARMS`, where each recording counts as much as the others.

    One recording more is counted, further away than all: the new one, of which nothing is known (conformal prediction,
    Vovk et al. 2005). So with n recordings, fewer than 20, it is the largest distance, which
    about one in n + 1 new recordings exceeds.
    """
    sizes = np.bincount(codes)
    order = np.argsort(distances)
    shares = np.cumsum(1 / sizes[codes[order]]) / (len(sizes) + 1)
    place = int(np.searchsorted(shares, 1 - FALSE_ALARMS - 1e-9))
    return float(distances[order[min(place, len(order) - 1)]])


def write_memory(memory: ClipMemory, run: Run) -> None:
    """Write a run's memory.npz; the file is complete or not there.

    Args:
        memory: the memory.
        run: the run; its folder exists.

    Raises:
        StillmotionError: the file cannot be written.
    """
    with atomic_write(run.folder / MEMORY_FILE) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            clips=memory.clips.astype(np.float16),
            center=memory.center,
            scale=memory.scale,
            threshold=np.float64(memory.threshold),
        )


def read_memory(run: Run) -> ClipMemory | None:
    """Read what a run remembers.

    Args:
        run: the run.

    Returns:
        The memory; None if the run has none, as one from before there were memories, or if the file is damaged.
    """
    path: Path = run.folder / MEMORY_FILE
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            clips, center, scale = (arrays[name].astype(np.float32) for name in ("clips", "center", "scale"))
            memory = ClipMemory(clips, center, scale, float(arrays["threshold"]))
    except Exception:  # A damaged file may raise anything, of the archive, of what is packed in it, or of an array.
        return None
    numbers = (sum(PARTS.values()),)
    whole = clips.ndim == 2 and clips.size and clips.shape[1:] == center.shape == scale.shape == numbers
    return memory if whole and memory.threshold > 0 else None
