"""From the distances of a frame to its scores, averaged over a moment."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from stillmotion.anomaly.measuring import Floats
from stillmotion.anomaly.memory import Distances

# Scores are averaged over this long: the noise of single frames is no fault.
SMOOTHING_SECONDS = 0.5
# The score of a frame is the mean over its most unusual cells.
WORST_CELLS = 3
# What is usual: only so many of the frames of held-out normal footage exceed it.
USUAL = 0.99


@dataclass(frozen=True)
class CellScales:
    """The distances that normal footage reaches, by which distances are divided.

    Attributes:
        patches: float32 `(cells,)`, of the look of each cell.
        top: of the look of the whole picture.
        motion: float32 `(cells,)`.
    """

    patches: Floats
    top: float
    motion: Floats


@dataclass(frozen=True)
class FrameScore:
    """The scores of one frame.

    Attributes:
        look: of its look; NaN where it is not known yet.
        motion: of its movement, likewise.
        look_cell: the most unusual cell by look.
        motion_cell: likewise, by movement.
        look_cells: float32 `(cells,)`, the score of each cell by look.
        motion_cells: likewise, by movement; None where it is not known yet.
        cycle: of its place in the cycle, likewise; NaN, too, where nothing repeats.
        cycle_cell: the most unusual cell by that.
    """

    look: float
    motion: float
    look_cell: int
    motion_cell: int
    look_cells: Floats = field(repr=False, compare=False)
    motion_cells: Floats | None = field(default=None, repr=False, compare=False)
    cycle: float = np.nan
    cycle_cell: int = 0


def score_distances(distances: Distances, scales: CellScales) -> FrameScore:
    """Make scores of distances.

    Args:
        distances: of a frame.
        scales: what is usual.

    Returns:
        The scores; about 1 is what normal footage rarely exceeds.
    """
    patches = distances.patches / scales.patches
    look = max(_worst(patches), distances.top / scales.top)
    if distances.motion is None:
        return FrameScore(look, np.nan, int(patches.argmax()), 0, patches)
    motion = distances.motion / scales.motion
    return FrameScore(look, _worst(motion), int(patches.argmax()), int(motion.argmax()), patches, motion)


def _worst(cells: Floats) -> float:
    """The mean of the most unusual cells."""
    return float(np.sort(cells)[-WORST_CELLS:].mean())


class Smoothing:
    """A moving average that begins anew with each recording.

    Args:
        rate: values per second.
    """

    def __init__(self, rate: float) -> None:
        self._recent: deque[float] = deque(maxlen=max(1, round(SMOOTHING_SECONDS * rate)))

    def push(self, value: float, *, starts: bool) -> float:
        """Take the next value.

        Args:
            value: NaN where it is not known.
            starts: whether it begins a recording.

        Returns:
            The average of the last ones; NaN until there are enough, because a few are noisier.
        """
        if starts:
            self._recent.clear()
        if not np.isnan(value):
            self._recent.append(value)
        return float(np.mean(self._recent)) if len(self._recent) == self._recent.maxlen else np.nan


class SmoothedScores:
    """Scores of one frame after the other, averaged over half a second.

    Args:
        scales: what distances are divided by.
        rate: frames per second.
    """

    def __init__(self, scales: CellScales, rate: float) -> None:
        self.scales = scales
        self._look, self._motion = Smoothing(rate), Smoothing(rate)

    def push(self, distances: Distances) -> FrameScore:
        """Score the next frame.

        Args:
            distances: from the memory.

        Returns:
            Its scores, and the cells of this frame alone.
        """
        score = score_distances(distances, self.scales)
        look = self._look.push(score.look, starts=distances.starts)
        motion = self._motion.push(score.motion, starts=distances.starts)
        return replace(score, look=look, motion=motion)
