"""Learn what is normal. Read `fit_anomaly_detector` from top to bottom."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.alarms import lasting_peak
from stillmotion.anomaly.arrays import Learned
from stillmotion.anomaly.cycles import learn_cycles
from stillmotion.anomaly.detector import (
    DETECTOR_FILE,
    KINDS,
    UNFINISHED_FOLDER,
    Detector,
    DetectorRecord,
    HeldOutPart,
    Kind,
    NormalFootage,
    is_detector,
    load_detector,
)
from stillmotion.anomaly.footage import (
    MeasuredRecording,
    content_hash,
    each_once,
    find_recordings,
    footage_folder,
    measure_recordings,
    unfinished_folder,
)
from stillmotion.anomaly.frame_scores import USUAL, CellScales, SmoothedScores
from stillmotion.anomaly.measuring import import_opencv, prepare
from stillmotion.anomaly.memory import Distances, Memory, MemoryBuilder
from stillmotion.anomaly.promise import choose_thresholds, count_held_out, read_promise
from stillmotion.anomaly.scene import learn_scene_limits
from stillmotion.anomaly.steadying import find_still_pixels
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import folder_lock
from stillmotion.formatting import count
from stillmotion.models.pretrained import build_backbone, find_backbone, weights_id
from stillmotion.progress import Progress, no_progress

BACKBONE = "efficientnet-lite0"
RATE = 8.0
FOLDS = 5
# Less than this cannot be divided into stretches that differ.
MINIMUM_SECONDS = 20.0
# Where nothing moves and there is no noise, features differ by rounding alone, by less than this part of their length.
ROUNDING = 0.002


def fit_anomaly_detector(
    normal: str | Path,
    *,
    out: str | Path,
    promise: str = "1/hour",
    backbone: str = BACKBONE,
    rate: float = RATE,
    group: str | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Detector:
    """Learn from normal footage what is normal, and choose thresholds that keep a promise about false alarms.

    If all recordings are shorter than two seconds, look alone is used. If the call is interrupted, the same call goes
    on where it was.

    Args:
        normal: a folder of videos, at any depth, or one video. There must be nothing unusual in them.
        out: the detector's folder.
        promise: how many false alarms are acceptable: "1/hour", "2/day".
        backbone: see `stillmotion.models.pretrained`.
        rate: frames per second that are looked at.
        group: a regular expression; what it matches in a video's path names its group. Recordings of one group, such as
            those of one day, are held out together.
        overwrite: whether another detector in `out` is replaced.
        progress: receives the minutes of footage measured.

    Returns:
        The detector.

    Raises:
        UsageError: there is no video, or an argument makes no sense.
        StillmotionError: there are less than 20 seconds of footage, the backbone's weights or OpenCV are missing, or
            the folder cannot be written to or holds another detector.

    Examples:
        >>> detector = sm.fit_anomaly_detector("normal/", out="detector", promise="1/hour")
        >>> detector.record.keeps_promise
        False
    """
    promised = read_promise(promise)
    if not 1 <= rate <= 60:
        raise UsageError(f"rate is {rate:g}; expected 1 to 60 frames per second")
    recordings = find_recordings(Path(normal), group)
    side = find_backbone(backbone).side
    import_opencv()
    folder = Path(out)
    with folder_lock(folder):
        if is_detector(folder) and not overwrite:
            raise StillmotionError(
                f"{folder}: holds a detector; choose another folder, or replace it (--replace, overwrite=True)"
            )
        still = find_still_pixels([recording.file for recording in recordings], rate, side, progress)
        identity = f"{weights_id(backbone)} {still.digest if still else None}"
        unfinished = unfinished_folder(folder / UNFINISHED_FOLDER, recordings, identity, rate)
        model = prepare(build_backbone(backbone, side, side))
        measured = each_once(measure_recordings(recordings, model, rate, unfinished, progress, still))

        # Score each recording by a memory of the others.
        folds = _divide(measured, rate)
        memories, distances = _hold_out(measured, folds, rate, progress)
        least = _least_distances(memories[0])
        scales = _usual_distances(distances, folds, least)
        # A new recording has no part in what is usual. So none of those that thresholds come from may have one.
        others = {fold: _usual_distances(distances, folds, least, without=fold) for fold in memories}
        scores: dict[Kind, list[NDArray[np.float64]]] = {
            kind: [_smoothed(kind, part, own, others, rate) for part, own in zip(distances, folds, strict=True)]
            for kind in KINDS
        }
        if not _has_motion(memories, scores["motion"], rate):
            del scores["motion"]
        cycles = learn_cycles(measured, folds, rate)
        if cycles.regions:
            scores["cycle"] = cycles.scores
        folders = (str(footage_folder(Path(normal)).resolve()),)
        footage = replace(_describe(measured, folds, rate), group=group, folders=folders)
        thresholds = choose_thresholds(scores, rate, footage.held_out, promised.per_hour)

        # The detector remembers all of them.
        builder = MemoryBuilder()
        for recording in measured:
            for measures, stack in recording.read(rate):
                builder.add(measures, stack)
        record = DetectorRecord(
            backbone,
            rate,
            str(promised),
            promised.per_hour,
            footage,
            thresholds,
            cycles.cycles,
            cycles.note,
            learn_scene_limits(scores, rate, footage.held_out.units),
        )
        # If this is interrupted, there is no detector, rather than one of old and new parts.
        (folder / DETECTOR_FILE).unlink(missing_ok=True)
        held_out = {
            fold: Learned(memory, others[fold], cycles.held_out.get(fold, ())) for fold, memory in memories.items()
        }
        Detector(folder, record, builder.build(), scales, cycles.regions, still).save(held_out, scores, model)
        shutil.rmtree(folder / UNFINISHED_FOLDER, ignore_errors=True)
    return load_detector(folder)


def _describe(measured: Sequence[MeasuredRecording], folds: Sequence[NDArray[np.intp]], rate: float) -> NormalFootage:
    """What the detector is learned from, and how much it is."""
    groups = tuple(part.recording.group for part in measured)
    single = len(set(groups)) == 1
    return NormalFootage(
        tuple(part.recording.name for part in measured),
        tuple(content_hash(part.recording.file) for part in measured),
        "stretch" if single else "group",
        count_held_out(groups, [part.frames for part in measured], rate, by_stretch=single),
        tuple(part for number, own in enumerate(folds) for part in _parts(number, own, rate)),
        groups,
    )


def _parts(number: int, folds: NDArray[np.intp], rate: float) -> list[HeldOutPart]:
    """The parts of a recording, given the fold of each of its frames."""
    starts = [0, *(np.flatnonzero(np.diff(folds)) + 1).tolist()]
    ends = [*starts[1:], len(folds)]
    return [
        HeldOutPart(number, int(folds[start]), start / rate, end / rate)
        for start, end in zip(starts, ends, strict=True)
    ]


def _divide(measured: Sequence[MeasuredRecording], rate: float) -> list[NDArray[np.intp]]:
    """Which fold each frame of each recording belongs to: by group, or by stretches of time if there is one group."""
    total = sum(part.frames for part in measured)
    if total < MINIMUM_SECONDS * rate:
        raise StillmotionError(
            f"{count(round(total / rate), 'second')} of normal footage: too little to learn from; "
            f"{MINIMUM_SECONDS:.0f} are the least, and an hour is a beginning"
        )
    groups = sorted({part.recording.group for part in measured})
    if len(groups) == 1:
        ends = np.cumsum([part.frames for part in measured])
        return np.split(np.arange(total) * FOLDS // total, ends[:-1])
    fold_of = {group: number % FOLDS for number, group in enumerate(groups)}
    return [np.full(part.frames, fold_of[part.recording.group], np.intp) for part in measured]


def _hold_out(
    measured: Sequence[MeasuredRecording], folds: Sequence[NDArray[np.intp]], rate: float, progress: Progress
) -> tuple[dict[int, Memory], list[list[Distances]]]:
    """For each fold, a memory of the others; and the distances of each frame from the one that has not seen it."""
    builders = {int(number): MemoryBuilder(int(number)) for number in np.unique(np.concatenate(folds))}
    for part, own in zip(measured, folds, strict=True):
        for (measures, stack), fold in zip(part.read(rate), own, strict=True):
            for number, builder in builders.items():
                if number != fold:
                    builder.add(measures, stack)
    memories = {number: builder.build() for number, builder in builders.items()}
    held_out: list[list[Distances]] = []
    for part, own in zip(measured, folds, strict=True):
        frames = zip(part.read(rate), own, strict=True)
        held_out.append([memories[int(fold)].distances(measures, stack) for (measures, stack), fold in frames])
        progress("scoring what was held out", len(held_out), len(measured))
    return memories, held_out


def _has_motion(memories: Mapping[int, Memory], scores: Sequence[NDArray[np.float64]], rate: float) -> bool:
    """Whether recordings are long enough for motion: it is in each memory, and its score is known for a moment."""
    return all(memory.motion.size for memory in memories.values()) and any(
        np.isfinite(lasting_peak(part, rate)) for part in scores
    )


def _least_distances(memory: Memory) -> tuple[float, float]:
    """Distances of the look of cells and of whole pictures that are no more than rounding."""
    patches, top = (ROUNDING * float(np.median(np.linalg.norm(rows, axis=1))) for rows in (memory.patches, memory.top))
    return patches, top


def _usual_distances(
    distances: Sequence[Sequence[Distances]],
    folds: Sequence[NDArray[np.intp]],
    least: tuple[float, float] = (0.0, 0.0),
    without: int | None = None,
) -> CellScales:
    """The distance that held-out normal footage rarely exceeds, for each cell; at least half of the typical one.

    Args:
        distances: of the frames of each recording.
        folds: of the same frames.
        least: below which distances of cells and of whole pictures are no more than rounding.
        without: a fold that is left out.

    Returns:
        What distances are divided by.
    """
    known = [
        frame
        for part, own in zip(distances, folds, strict=True)
        for frame, fold in zip(part, own, strict=True)
        if fold != without
    ]
    patches = np.quantile([frame.patches for frame in known], USUAL, axis=0)
    moving = [frame.motion for frame in known if frame.motion is not None]
    motion = np.quantile(moving, USUAL, axis=0) if moving else np.ones(patches.shape)
    return CellScales(
        np.maximum(patches, max(float(np.median(patches)) / 2, least[0])).astype(np.float32),
        max(float(np.quantile([frame.top for frame in known], USUAL)), least[1]) or 1.0,
        np.maximum(motion, max(float(np.median(motion)) / 2, 1e-6)).astype(np.float32),
    )


def _smoothed(
    kind: Kind,
    distances: Sequence[Distances],
    folds: NDArray[np.intp],
    scales: Mapping[int, CellScales],
    rate: float,
) -> NDArray[np.float64]:
    """The scores of a recording, smoothed as in use; where another fold begins, smoothing begins anew."""
    scores: list[float] = []
    smoothed, last = None, None
    for frame, fold in zip(distances, folds.tolist(), strict=True):
        if smoothed is None or fold != last:
            smoothed, last = SmoothedScores(scales[fold], rate), fold
        scores.append(getattr(smoothed.push(frame), kind))
    return np.array(scores)
