"""A detector: a folder of plain files.

detector/
    detector.json      what it was learned from, its thresholds and what they promise
    memory.npz         what is normal: arrays
    backbone.keras     the frozen backbone, a plain Keras model: it loads without stillmotion
"""

from __future__ import annotations

import zipfile
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from stillmotion.anomaly.measuring import Floats, FrameMeasurer, Measures
from stillmotion.anomaly.memory import Distances, Memory, MotionStack
from stillmotion.anomaly.promise import Threshold
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, write_json

DETECTOR_FILE, MEMORY_FILE = "detector.json", "memory.npz"
# Scores are averaged over this long: the noise of single frames is no fault.
SMOOTHING_SECONDS = 0.5
# The score of a frame is the mean over its most unusual cells.
WORST_CELLS = 3
Kind = Literal["look", "motion"]
KINDS: tuple[Kind, ...] = ("look", "motion")


@dataclass(frozen=True)
class NormalFootage:
    """What a detector was learned from.

    Attributes:
        recordings: the files, relative to the footage's folder.
        groups: number of groups that they come from.
        hours: of footage.
        held_out_by: "recording", or "stretch" if there was one group only, cut into stretches of time.
    """

    recordings: tuple[str, ...]
    groups: int
    hours: float
    held_out_by: Literal["recording", "stretch"]


@dataclass(frozen=True)
class DetectorRecord:
    """What detector.json holds.

    Attributes:
        backbone: see `stillmotion.models.pretrained`.
        rate: frames per second.
        promise: false alarms, such as "1/hour".
        promise_per_hour: the same per hour.
        footage: what it was learned from.
        thresholds: of each kind of score.
        version: of this format.
    """

    backbone: str
    rate: float
    promise: str
    promise_per_hour: float
    footage: NormalFootage
    thresholds: dict[Kind, Threshold] = field(default_factory=dict)
    version: int = 1

    @property
    def expected_per_hour(self) -> float:
        """False alarms per hour to expect on new footage like this, at most."""
        return sum(threshold.expected_per_hour for threshold in self.thresholds.values())

    @property
    def keeps_promise(self) -> bool:
        """Whether there was enough normal footage for the promise."""
        return self.expected_per_hour <= self.promise_per_hour * (1 + 1e-9)

    @property
    def hours_needed(self) -> float:
        """Hours of normal footage that the promise takes."""
        return len(KINDS) / self.promise_per_hour


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
    """The scores of one frame, not smoothed.

    Attributes:
        look: of its look.
        motion: of its movement; 0 where there is no second of it yet.
        look_cell: the most unusual cell by look.
        motion_cell: likewise, by movement.
    """

    look: float
    motion: float
    look_cell: int
    motion_cell: int


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
        return FrameScore(look, 0.0, int(patches.argmax()), 0)
    motion = distances.motion / scales.motion
    return FrameScore(look, _worst(motion), int(patches.argmax()), int(motion.argmax()))


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
        """Take the next value; the average of the last ones."""
        if starts:
            self._recent.clear()
        self._recent.append(value)
        return float(np.mean(self._recent))


@dataclass(frozen=True)
class Detector:
    """What is normal, and from which score on something is not.

    Attributes:
        folder: where it is.
        record: what it was learned from and what it promises.
        memory: what is normal.
        scales: what distances are divided by.
    """

    folder: Path
    record: DetectorRecord
    memory: Memory
    scales: CellScales

    def __repr__(self) -> str:
        return f"Detector({str(self.folder)!r}, {self.record.footage.hours:.2g} hours, {self.record.promise})"

    def measurer(self) -> FrameMeasurer:
        """What measures frames for this detector."""
        return FrameMeasurer(self.record.backbone, self.record.rate)

    def save(self) -> None:
        """Write the folder's files; detector.json is the last, because it says that the detector is complete.

        Raises:
            StillmotionError: a file cannot be written.
        """
        arrays: dict[str, Any] = {
            "patches": self.memory.patches,
            "top": self.memory.top,
            "motion": self.memory.motion,
            "motion_scale": self.memory.motion_scale,
            "cell_patches": self.scales.patches,
            "cell_top": np.float32(self.scales.top),
            "cell_motion": self.scales.motion,
        }
        with atomic_write(self.folder / MEMORY_FILE) as part, part.open("wb") as file:
            np.savez(file, **arrays)
        write_json(self.folder / DETECTOR_FILE, _ADAPTER.dump_python(self.record, mode="json"))


_ADAPTER = TypeAdapter(DetectorRecord)


def is_detector(path: Path) -> bool:
    """Whether a path is a detector's folder."""
    return (path / DETECTOR_FILE).is_file()


def load_detector(folder: str | Path) -> Detector:
    """Load a detector.

    Args:
        folder: what `fit_anomaly_detector` wrote.

    Returns:
        The detector.

    Raises:
        UsageError: there is none.
        StillmotionError: it is damaged.
    """
    folder = Path(folder)
    if not is_detector(folder):
        raise UsageError(f"{folder}: not a detector; `stillmotion anomaly fit` makes one")
    try:
        record = _ADAPTER.validate_json((folder / DETECTOR_FILE).read_bytes())
        with (folder / MEMORY_FILE).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays: dict[str, NDArray[np.float32]] = {name: archive[name] for name in archive.files}
        memory = Memory(arrays["patches"], arrays["top"], arrays["motion"], arrays["motion_scale"])
        scales = CellScales(arrays["cell_patches"], float(arrays["cell_top"]), arrays["cell_motion"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, ValidationError):
        raise StillmotionError(f"{folder}: a damaged detector; fit it again") from None
    return Detector(folder, record, memory, scales)


class SmoothedScores:
    """Scores of one frame after the other, averaged over half a second.

    Args:
        scales: what distances are divided by.
        rate: frames per second.
    """

    def __init__(self, scales: CellScales, rate: float) -> None:
        self.scales = scales
        self._look, self._motion = Smoothing(rate), Smoothing(rate)

    def push(self, distances: Distances, *, starts: bool) -> FrameScore:
        """Score the next frame.

        Args:
            distances: from the memory.
            starts: whether the frame begins a recording.

        Returns:
            Its scores, and the most unusual cells of this frame alone.
        """
        score = score_distances(distances, self.scales)
        look = self._look.push(score.look, starts=starts)
        motion = self._motion.push(score.motion, starts=starts)
        return FrameScore(look, motion, score.look_cell, score.motion_cell)


class FrameScorer:
    """Scores measured frames, one after the other.

    Args:
        detector: what is normal.
    """

    def __init__(self, detector: Detector) -> None:
        self._memory = detector.memory
        self._stack = MotionStack(detector.record.rate)
        self._scores = SmoothedScores(detector.scales, detector.record.rate)

    def push(self, measures: Measures) -> FrameScore:
        """Score the next frame."""
        distances = self._memory.distances(measures, self._stack.push(measures))
        return self._scores.push(distances, starts=measures.starts)
