"""A detector: a folder of plain files.

detector/
    detector.json      what it was learned from, its thresholds and what they promise
    memory.npz         what is normal: arrays
    held_out.npz       the same without the recordings of each fold, to score these as if they were new
    backbone.keras     the frozen backbone, a plain Keras model: it loads without stillmotion
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from stillmotion.anomaly.frame_scores import CellScales, FrameScore, SmoothedScores
from stillmotion.anomaly.measuring import FrameMeasurer, Measures, prepare
from stillmotion.anomaly.memory import Memory, MotionStack
from stillmotion.anomaly.promise import HeldOut, Threshold
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, write_json

DETECTOR_FILE, MEMORY_FILE, BACKBONE_FILE = "detector.json", "memory.npz", "backbone.keras"
HELD_OUT_FILE = "held_out.npz"
Kind = Literal["look", "motion"]
KINDS: tuple[Kind, ...] = ("look", "motion")


@dataclass(frozen=True)
class HeldOutPart:
    """A part of a recording that was held out as a whole.

    Attributes:
        recording: its number in `NormalFootage.recordings`.
        fold: which memory has not seen it, see `Detector.without_fold`.
        start_seconds: where the part begins in the recording.
        end_seconds: where it ends.
    """

    recording: int
    fold: int
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class NormalFootage:
    """What a detector was learned from.

    Attributes:
        recordings: the files, relative to the footage's folder.
        contents: a hash of each file, by which it is known again.
        held_out_by: "group" (each recording by default), or "stretch" if there was one group only, cut into stretches
            of time.
        held_out: how much thresholds rest on.
        parts: what was held out together; empty in detectors of earlier versions.
    """

    recordings: tuple[str, ...]
    contents: tuple[str, ...]
    held_out_by: Literal["group", "stretch"]
    held_out: HeldOut
    parts: tuple[HeldOutPart, ...] = ()


@dataclass(frozen=True)
class DetectorRecord:
    """What detector.json holds.

    Attributes:
        backbone: its name, see `stillmotion.models.pretrained`.
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
        """How many stretches of 5 minutes with a false alarm to expect per hour of new footage like this, at most."""
        return sum(self.footage.held_out.expected_per_hour(threshold.alarms) for threshold in self.thresholds.values())

    @property
    def keeps_promise(self) -> bool:
        """Whether there was enough normal footage for the promise."""
        return self.expected_per_hour <= self.promise_per_hour * (1 + 1e-9)

    @property
    def recordings_needed(self) -> int:
        """How many recordings, or groups of them, like these the promise takes, if none of them alarms."""
        return self.footage.held_out.units_needed(self.promise_per_hour / len(KINDS))

    @property
    def hours_needed(self) -> float:
        """How many hours of normal footage those are."""
        return self.recordings_needed * self.footage.held_out.hours / self.footage.held_out.units


@dataclass(frozen=True)
class Detector:
    """What is normal, and from which score on something is not.

    Attributes:
        folder: where it is.
        record: what it was learned from and what it promises.
        memory: what is normal.
        scales: what distances are divided by.

    Examples:
        >>> detector = sm.load_detector("detector")
        >>> detector.record.expected_per_hour  # false alarms, at most
        5.7
    """

    folder: Path
    record: DetectorRecord
    memory: Memory
    scales: CellScales

    def __repr__(self) -> str:
        return f"Detector({str(self.folder)!r}, {self.record.footage.held_out.hours:.2g} hours, {self.record.promise})"

    def measurer(self) -> FrameMeasurer:
        """Make what measures frames for this detector.

        Returns:
            A measurer, for one thread.

        Raises:
            StillmotionError: the backbone is missing or damaged, or OpenCV is not installed.
        """
        return FrameMeasurer(self._backbone, self.record.rate)

    @cached_property
    def _backbone(self) -> Any:
        from stillmotion.models.loading import load_keras_model

        return prepare(load_keras_model(self.folder / BACKBONE_FILE))

    def without_fold(self, fold: int) -> Detector:
        """The same detector with a memory that has not seen the recordings of a fold.

        Args:
            fold: see `HeldOutPart`.

        Returns:
            A detector.

        Raises:
            StillmotionError: the detector has no such memory, because an earlier version made it, or it is damaged.
        """
        try:
            arrays = _read_arrays(self.folder / HELD_OUT_FILE, f"fold{fold}_")
            return replace(self, memory=Memory(**{name: arrays[name] for name in _MEMORY_ARRAYS}))
        except _DAMAGED:
            raise StillmotionError(f"{self.folder}: what was held out is missing or damaged; fit again") from None

    def save(self, backbone: Any, held_out: Mapping[int, Memory]) -> None:
        """Write the folder's files; detector.json is the last, because it says that the detector is complete.

        Args:
            backbone: the Keras model that measured the footage.
            held_out: for each fold, a memory that has not seen it.

        Raises:
            StillmotionError: a file cannot be written.
        """
        arrays: dict[str, Any] = {
            **_memory_arrays(self.memory),
            "cell_patches": self.scales.patches,
            "cell_top": np.float32(self.scales.top),
            "cell_motion": self.scales.motion,
        }
        folds: dict[str, Any] = {}
        for fold, memory in held_out.items():
            folds |= _memory_arrays(memory, f"fold{fold}_")
        for name, content in ((MEMORY_FILE, arrays), (HELD_OUT_FILE, folds)):
            with atomic_write(self.folder / name) as part, part.open("wb") as file:
                np.savez(file, **content)
        with atomic_write(self.folder / BACKBONE_FILE) as part:
            backbone.save(part)
        write_json(self.folder / DETECTOR_FILE, _ADAPTER.dump_python(self.record, mode="json"))


_ADAPTER = TypeAdapter(DetectorRecord)
_MEMORY_ARRAYS = ("patches", "top", "motion", "motion_scale")
# What reading a file of arrays may raise if it is not one.
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def _memory_arrays(memory: Memory, prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{name}": getattr(memory, name) for name in _MEMORY_ARRAYS}


def _read_arrays(file: Path, prefix: str = "") -> dict[str, NDArray[np.float32]]:
    """The arrays of a file whose names begin with a prefix, without it."""
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
        return {name.removeprefix(prefix): archive[name] for name in archive.files if name.startswith(prefix)}


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

    Examples:
        >>> detector = sm.load_detector("detector")
        >>> detector.record.promise
        '1/hour'
    """
    folder = Path(folder)
    if not is_detector(folder):
        raise UsageError(f"{folder}: not a detector; `stillmotion anomaly fit` makes one")
    try:
        record = _ADAPTER.validate_json((folder / DETECTOR_FILE).read_bytes())
        arrays = _read_arrays(folder / MEMORY_FILE)
        memory = Memory(**{name: arrays[name] for name in _MEMORY_ARRAYS})
        scales = CellScales(arrays["cell_patches"], float(arrays["cell_top"]), arrays["cell_motion"])
    except (*_DAMAGED, ValidationError):
        raise StillmotionError(f"{folder}: a damaged detector; fit it again") from None
    return Detector(folder, record, memory, scales)


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
        return self._scores.push(self._memory.distances(measures, self._stack.push(measures)))
