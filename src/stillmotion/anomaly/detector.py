"""A detector: a folder of plain files.

detector/
    detector.json      what it was learned from, its thresholds and what they promise
    memory.npz         what is normal: arrays
    held_out.npz       the same without the recordings of each fold, to score these as if they were new
    scores.npz         the scores of normal footage that was held out, from which thresholds come
    backbone.keras     the frozen backbone, a plain Keras model: it loads without stillmotion

Each time that normal footage is added, the arrays get new names, which detector.json knows. It is written last, so what
interrupts this leaves the detector as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from stillmotion.anomaly.arrays import (
    DAMAGED,
    Learned,
    pack,
    pack_scores,
    read_arrays,
    unpack,
    unpack_scores,
    write_arrays,
)
from stillmotion.anomaly.cycle import CycleRegion, CycleScorer
from stillmotion.anomaly.frame_scores import CellScales, FrameScore, SmoothedScores
from stillmotion.anomaly.measuring import FrameMeasurer, Measures, prepare
from stillmotion.anomaly.memory import Memory, MotionStack
from stillmotion.anomaly.records import (
    KINDS as KINDS,
    DetectorRecord as DetectorRecord,
    HeldOutPart as HeldOutPart,
    Kind as Kind,
    NormalFootage as NormalFootage,
)
from stillmotion.anomaly.steadying import StillPixels
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import atomic_write, write_json

DETECTOR_FILE, MEMORY_FILE, BACKBONE_FILE = "detector.json", "memory.npz", "backbone.keras"
UNFINISHED_FOLDER = "unfinished"
HELD_OUT_FILE, SCORES_FILE = "held_out.npz", "scores.npz"


@dataclass(frozen=True)
class Detector:
    """What is normal, and from which score on something is not.

    Attributes:
        folder: where it is.
        record: what it was learned from and what it promises.
        memory: what is normal.
        scales: what distances are divided by.
        cycles: what comes at each phase of what repeats.
        still: the pixels that stand still in normal footage; None if too few do, or if an earlier version made the
            detector.

    Examples:
        >>> detector = sm.load_detector("detector")
        >>> detector.record.expected_per_hour  # false alarms, at most
        5.7
    """

    folder: Path
    record: DetectorRecord
    memory: Memory
    scales: CellScales
    cycles: tuple[CycleRegion, ...] = ()
    still: StillPixels | None = None

    def __repr__(self) -> str:
        return f"Detector({str(self.folder)!r}, {self.record.footage.held_out.hours:.2g} hours, {self.record.promise})"

    def measurer(self) -> FrameMeasurer:
        """Make what measures frames for this detector.

        Returns:
            A measurer, for one thread.

        Raises:
            StillmotionError: the backbone is missing or damaged, or OpenCV is not installed.
        """
        return FrameMeasurer(self.backbone, self.record.rate, self.still)

    @cached_property
    def backbone(self) -> Any:
        """The frozen Keras model that measures frames."""
        from stillmotion.models.loading import load_keras_model

        return prepare(load_keras_model(self.folder / BACKBONE_FILE))

    @property
    def learned(self) -> Learned:
        """Memory, scales and cycles."""
        return Learned(self.memory, self.scales, tuple(self.cycles))

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
            arrays = read_arrays(self.folder / self.record.file(HELD_OUT_FILE), f"fold{fold}_")
            return replace(self, **unpack(arrays)._asdict())
        except DAMAGED:
            raise StillmotionError(f"{self.folder}: what was held out is missing or damaged; fit again") from None

    def held_out_scores(self) -> dict[Kind, list[NDArray[np.float64]]]:
        """The scores of the normal footage that thresholds come from.

        Returns:
            For each kind, those of each recording that was held out; NaN where not known.

        Raises:
            StillmotionError: they are missing, because an earlier version made the detector, or damaged.
        """
        try:
            return unpack_scores(read_arrays(self.folder / self.record.file(SCORES_FILE)))
        except DAMAGED:
            raise StillmotionError(f"{self.folder}: the held-out scores are missing or damaged; fit again") from None

    def save(
        self,
        held_out: Mapping[int, Learned],
        scores: Mapping[Kind, Sequence[NDArray[np.float64]]],
        backbone: Any = None,
    ) -> None:
        """Write the folder's files; detector.json is the last, because it says that the detector is complete.

        Args:
            held_out: for each fold, what was learned without it.
            scores: see `held_out_scores`.
            backbone: the Keras model that measured the footage; None if it is there already.

        Raises:
            StillmotionError: a file cannot be written.
        """
        memory = pack(self.learned)
        if self.still is not None:
            memory |= {"still_mask": self.still.mask, "still_picture": self.still.picture}
        folds: dict[str, Any] = {}
        for fold, learned in held_out.items():
            folds |= pack(learned, prefix=f"fold{fold}_")
        for name, arrays in ((MEMORY_FILE, memory), (HELD_OUT_FILE, folds), (SCORES_FILE, pack_scores(scores))):
            write_arrays(self.folder / self.record.file(name), arrays)
        if backbone is not None:
            with atomic_write(self.folder / BACKBONE_FILE) as part:
                backbone.save(part)
        write_json(self.folder / DETECTOR_FILE, _ADAPTER.dump_python(self.record, mode="json"))
        self._remove_others()

    def _remove_others(self) -> None:
        """Delete arrays of other generations."""
        for name in (MEMORY_FILE, HELD_OUT_FILE, SCORES_FILE):
            for file in self.folder.glob(name.replace(".", "*.")):
                if file.name != self.record.file(name):
                    file.unlink(missing_ok=True)


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
        StillmotionError: it is damaged, or was written by another version of stillmotion.

    Examples:
        >>> detector = sm.load_detector("detector")
        >>> detector.record.promise
        '1/hour'
    """
    folder = Path(folder)
    if not is_detector(folder):
        raise UsageError(f"{folder}: not a detector; `stillmotion anomaly fit` makes one")
    try:
        return _load(folder)
    except (*DAMAGED, ValidationError):
        pass
    try:
        return _load(folder)  # Footage may have been added in between, which removes files.
    except (*DAMAGED, ValidationError):
        raise StillmotionError(f"{folder}: a damaged detector; fit it again") from None


def _load(folder: Path) -> Detector:
    record = _ADAPTER.validate_json((folder / DETECTOR_FILE).read_bytes())
    if record.version > DetectorRecord.version:
        raise StillmotionError(f"{folder}: written by a later version of stillmotion; update to read it")
    if record.version < DetectorRecord.version:  # Frames were measured in the light as it was.
        raise StillmotionError(f"{folder}: written by an earlier version of stillmotion; fit it again")
    arrays = read_arrays(folder / record.file(MEMORY_FILE))
    still = StillPixels(arrays["still_mask"], arrays["still_picture"]) if "still_mask" in arrays else None
    return Detector(folder, record, *unpack(arrays), still)


class FrameScorer:
    """Scores measured frames, one after the other.

    Args:
        detector: what is normal.
    """

    def __init__(self, detector: Detector) -> None:
        self._memory = detector.memory
        self._stack = MotionStack(detector.record.rate)
        self._scores = SmoothedScores(detector.scales, detector.record.rate)
        self._cycles = CycleScorer(detector.cycles, detector.record.rate)

    def push(self, measures: Measures) -> FrameScore:
        """Score the next frame."""
        score = self._scores.push(self._memory.distances(measures, self._stack.push(measures)))
        cycle, cell = self._cycles.push(measures)
        return replace(score, cycle=cycle, cycle_cell=cell)
