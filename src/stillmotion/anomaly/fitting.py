"""Learn what is normal. Read `fit_anomaly_detector` from top to bottom.

Each frame is measured once. The measures are kept on disk, one file per recording, until the detector is complete: an
interrupted call goes on where it was.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.detector import (
    KINDS,
    CellScales,
    Detector,
    DetectorRecord,
    Kind,
    NormalFootage,
    SmoothedScores,
    is_detector,
    load_detector,
)
from stillmotion.anomaly.measuring import FrameMeasurer, Measures, measure_source
from stillmotion.anomaly.memory import Distances, Memory, MemoryBuilder, MotionStack
from stillmotion.anomaly.promise import Threshold, choose_threshold, read_promise
from stillmotion.data.grouping import make_grouping_rule
from stillmotion.data.media import check_exists, find_media, is_image
from stillmotion.decoding.live import find_source
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError
from stillmotion.files import atomic_write, folder_lock
from stillmotion.models.pretrained import weights_id
from stillmotion.progress import Progress, no_progress

BACKBONE = "efficientnet-lite0"
RATE = 8.0
FOLDS = 5
# The distance that only so many of the frames of held-out normal footage exceed.
USUAL = 0.99
UNFINISHED_FOLDER = "unfinished"
# Less than this cannot be divided into stretches that differ.
MINIMUM_SECONDS = 20.0


@dataclass(frozen=True)
class Recording:
    """A recording of normal footage.

    Attributes:
        name: relative to the footage's folder.
        file: the video.
        group: recordings of one group are held out together.
    """

    name: str
    file: Path
    group: str


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

    If the call is interrupted, the same call goes on where it was.

    Args:
        normal: a folder of videos, at any depth, or one video. There must be nothing unusual in them.
        out: the detector's folder.
        promise: how many false alarms are acceptable: "1/hour", "2/day".
        backbone: see `stillmotion.models.pretrained`.
        rate: frames per second that are looked at.
        group: a regular expression; what it matches in a video's path names its group. Recordings of one group, such as
            those of one day, are held out together.
        overwrite: whether another detector in `out` is replaced.
        progress: receives the number of videos measured.

    Returns:
        The detector.

    Raises:
        UsageError: there is no video, or an argument makes no sense.
        StillmotionError: there are less than 20 seconds of footage, the backbone's weights or OpenCV are missing, or
            the folder cannot be written to or holds another detector.
    """
    promised = read_promise(promise)
    if not 1 <= rate <= 60:
        raise UsageError(f"rate is {rate:g}; expected 1 to 60 frames per second")
    recordings = find_recordings(Path(normal), group)
    folder = Path(out)
    identity = _identify(recordings, backbone, rate)
    with folder_lock(folder):
        if is_detector(folder) and not overwrite:
            raise StillmotionError(f"{folder}: holds a detector; choose another folder, or overwrite it")
        measured = _measure(recordings, backbone, rate, folder / UNFINISHED_FOLDER / identity, progress)
        footage, folds = _divide(measured, rate)

        # Score each recording by a memory of the others.
        held_out = _hold_out(measured, folds, rate, progress)
        scales = _usual_distances([distances for part in held_out for distances in part])
        scores = _held_out_scores(measured, held_out, scales, rate)
        thresholds: dict[Kind, Threshold] = {
            kind: choose_threshold(scores[kind], rate, promised.per_hour / len(KINDS)) for kind in KINDS
        }

        # The detector remembers all of them.
        builder = MemoryBuilder()
        for part in measured:
            for measures, stack in part.frames(rate):
                builder.add(measures, stack)
        record = DetectorRecord(backbone, rate, str(promised), promised.per_hour, footage, thresholds)
        Detector(folder, record, builder.build(), scales).save()
        shutil.rmtree(folder / UNFINISHED_FOLDER, ignore_errors=True)
    return load_detector(folder)


def find_recordings(normal: Path, group: str | None = None) -> list[Recording]:
    """Find the recordings of normal footage.

    Args:
        normal: a folder or a video.
        group: see `fit_anomaly_detector`.

    Returns:
        The recordings, sorted by path.

    Raises:
        UsageError: there is no such file or folder, or `group` makes no sense.
        StillmotionError: there is no video in the folder.
    """
    check_exists(normal)
    root = normal if normal.is_dir() else normal.parent
    files = [file for file in find_media(normal) if not is_image(file)] if normal.is_dir() else [normal]
    if not files:
        raise StillmotionError(f"{normal}: no videos in this folder")
    rule = make_grouping_rule(group)
    names = [file.relative_to(root) for file in files]
    return [Recording(name.as_posix(), file, rule.group_of(name)) for name, file in zip(names, files, strict=True)]


@dataclass(frozen=True)
class _Measured:
    """The measures of a recording, on disk.

    Attributes:
        recording: which one.
        file: where they are.
        count: how many frames.
    """

    recording: Recording
    file: Path
    count: int

    def frames(self, rate: float) -> Iterator[tuple[Measures, NDArray[np.float32] | None]]:
        """Each frame, with the movement up to it."""
        stack = MotionStack(rate)
        with self.file.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = [archive[name] for name in ("seconds", "starts", "patches", "top", "flow")]
        for seconds, starts, patches, top, flow in zip(*arrays, strict=True):
            measures = Measures(
                float(seconds),
                bool(starts),
                patches.astype(np.float32),
                top.astype(np.float32),
                flow.astype(np.float32),
            )
            yield measures, stack.push(measures)


def _measure(
    recordings: Sequence[Recording], backbone: str, rate: float, folder: Path, progress: Progress
) -> list[_Measured]:
    """Measure all recordings; those that an interrupted call has measured are read."""
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    measurer: FrameMeasurer | None = None
    measured, unreadable = [], []
    for number, recording in enumerate(recordings):
        progress("measuring", number, len(recordings))
        file = folder / f"{number:05d}.npz"
        count = _count(file)
        if count is None:
            measurer = measurer or FrameMeasurer(backbone, rate)
            try:
                frames = [part.measures for part in measure_source(measurer, find_source(recording.file))]
            except UnreadableVideoError as error:
                unreadable.append(str(error))
                continue
            _store(file, frames)
            count = len(frames)
        if count:
            measured.append(_Measured(recording, file, count))
    progress("measuring", len(recordings), len(recordings))
    if not measured:
        raise StillmotionError(f"none of {len(recordings)} videos can be read: {unreadable[0]}")
    return measured


def _store(file: Path, frames: Sequence[Measures]) -> None:
    seconds, starts = np.array([frame.seconds for frame in frames]), np.array([frame.starts for frame in frames], bool)
    patches, top, flow = (
        np.array([frame[place] for frame in frames], np.float16)
        for place in range(Measures._fields.index("patches"), len(Measures._fields))
    )
    with atomic_write(file) as part, part.open("wb") as opened:
        np.savez(opened, seconds=seconds, starts=starts, patches=patches, top=top, flow=flow)


def _count(file: Path) -> int | None:
    """How many frames are stored in a file; None if it is not there, or damaged."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            return len(archive["seconds"])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def _identify(recordings: Sequence[Recording], backbone: str, rate: float) -> str:
    """A name for these measures."""
    digest = hashlib.sha256(f"{weights_id(backbone)} {rate}".encode())
    for recording in recordings:
        status = recording.file.stat()
        digest.update(f"{recording.file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def _divide(measured: Sequence[_Measured], rate: float) -> tuple[NormalFootage, list[NDArray[np.intp]]]:
    """Which fold each frame of each recording belongs to: by group, or by stretches of time if there is one group."""
    seconds = sum(part.count for part in measured) / rate
    if seconds < MINIMUM_SECONDS:
        raise StillmotionError(
            f"{seconds:.0f} seconds of normal footage are too few to learn from; {MINIMUM_SECONDS:.0f} are the least, "
            "and an hour is a beginning"
        )
    groups = sorted({part.recording.group for part in measured})
    names = tuple(part.recording.name for part in measured)
    if len(groups) == 1:
        footage = NormalFootage(names, 1, seconds / 3600, "stretch")
        total, begun, folds = sum(part.count for part in measured), 0, []
        for part in measured:
            folds.append(((begun + np.arange(part.count)) * FOLDS // total).astype(np.intp))
            begun += part.count
        return footage, folds
    fold_of = {group: number % min(FOLDS, len(groups)) for number, group in enumerate(groups)}
    footage = NormalFootage(names, len(groups), seconds / 3600, "recording")
    return footage, [np.full(part.count, fold_of[part.recording.group], np.intp) for part in measured]


def _hold_out(
    measured: Sequence[_Measured], folds: Sequence[NDArray[np.intp]], rate: float, progress: Progress
) -> list[list[Distances]]:
    """The distances of each frame from a memory of the other folds."""
    numbers = sorted({int(fold) for part in folds for fold in np.unique(part)})
    builders = {number: MemoryBuilder(number) for number in numbers}
    for part, own in zip(measured, folds, strict=True):
        for (measures, stack), fold in zip(part.frames(rate), own, strict=True):
            for number, builder in builders.items():
                if number != fold:
                    builder.add(measures, stack)
    memories: dict[int, Memory] = {}
    for number, builder in builders.items():
        if not builder.has_motion:
            raise StillmotionError("the recordings are too short: each must last longer than a second")
        memories[number] = builder.build()
    held_out = []
    for done, (part, own) in enumerate(zip(measured, folds, strict=True), start=1):
        held_out.append(
            [
                memories[int(fold)].distances(measures, stack)
                for (measures, stack), fold in zip(part.frames(rate), own, strict=True)
            ]
        )
        progress("scoring what was held out", done, len(measured))
    return held_out


def _usual_distances(distances: Sequence[Distances]) -> CellScales:
    """The distance that held-out normal footage rarely exceeds, for each cell; at least half of the typical one."""
    patches = np.quantile([item.patches for item in distances], USUAL, axis=0)
    motion = np.quantile([item.motion for item in distances if item.motion is not None], USUAL, axis=0)
    return CellScales(
        np.maximum(patches, np.median(patches) / 2).astype(np.float32),
        float(np.quantile([item.top for item in distances], USUAL)) or 1.0,
        np.maximum(motion, max(float(np.median(motion)) / 2, 1e-6)).astype(np.float32),
    )


def _held_out_scores(
    measured: Sequence[_Measured], held_out: Sequence[Sequence[Distances]], scales: CellScales, rate: float
) -> dict[Kind, list[NDArray[np.float64]]]:
    """The scores of each recording, smoothed as in use."""
    scores: dict[Kind, list[NDArray[np.float64]]] = {kind: [] for kind in KINDS}
    for part, distances in zip(measured, held_out, strict=True):
        smoothed = SmoothedScores(scales, rate)
        pushed = [
            smoothed.push(item, starts=measures.starts)
            for item, (measures, _) in zip(distances, part.frames(rate), strict=True)
        ]
        scores["look"].append(np.array([score.look for score in pushed]))
        scores["motion"].append(np.array([score.motion for score in pushed]))
    return scores
