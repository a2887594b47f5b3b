"""Add normal footage to a detector without starting anew, and false alarms that were looked at.

New recordings are held out as the first ones were: each is scored by a memory of all others, old and new, and
thresholds are chosen anew from all of them. A clip of a false alarm is no such recording: somebody chose it because it
was unusual. With it among the recordings, thresholds would be too high, so it is only remembered.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.detector import (
    BACKBONE_FILE,
    UNFINISHED_FOLDER,
    Detector,
    FrameScorer,
    load_detector,
)
from stillmotion.anomaly.fitting import FOLDS
from stillmotion.anomaly.footage import (
    MeasuredRecording,
    Recording,
    content_hash,
    find_recordings,
    footage_folder,
    measure_recordings,
    unfinished_folder,
)
from stillmotion.anomaly.memory import MemoryBuilder
from stillmotion.anomaly.promise import choose_thresholds, count_held_out
from stillmotion.anomaly.records import DetectorRecord, HeldOutPart, Kind, NormalFootage
from stillmotion.anomaly.scene import learn_scene_limits
from stillmotion.files import folder_lock
from stillmotion.progress import Progress, no_progress


@dataclass(frozen=True)
class AddedFootage:
    """What became of footage that was added.

    Attributes:
        detector: the detector that knows it.
        added: recordings that thresholds now rest on, too.
        remembered: recordings that are only remembered: false alarms, and recordings of a group that the detector knew,
            which its memory was not without.
        known: recordings that the detector knew already; they were left out.
        without_motion: of those added and remembered, recordings that are too short for the detector to learn motion
            from: that takes more than a second.

    Examples:
        >>> result = sm.add_normal_footage("detector", "new-normal/")
        >>> len(result.added), len(result.known)
        (2, 0)
    """

    detector: Detector
    added: tuple[str, ...] = ()
    remembered: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    without_motion: tuple[str, ...] = ()


def add_normal_footage(
    detector: Detector | str | Path, more: str | Path, *, progress: Progress = no_progress
) -> AddedFootage:
    """Add normal footage to a detector: it is remembered, and thresholds are chosen anew.

    Recordings are grouped as those that the detector was fitted on. Those of a group that it knows are only remembered:
    without a pattern for groups, the same name in the same folder, or in a folder inside it, is the same group. What
    comes at each phase of a cycle is not learned anew, only its threshold. If the call is interrupted, the detector is
    as it was, and the same call goes on.

    Args:
        detector: a detector or its folder, which is written to.
        more: a folder of videos, at any depth, or one video. There must be nothing unusual in them.
        progress: receives the minutes of footage measured.

    Returns:
        The detector, and what became of each recording.

    Raises:
        UsageError: there is no such detector or video.
        StillmotionError: no recording can be read, the detector is damaged or was made by an earlier version, or its
            folder cannot be written to.

    Examples:
        >>> result = sm.add_normal_footage("detector", "new-normal/")
        >>> result.detector.record.expected_per_hour
        4.3
    """
    return _add(detector, more, progress, acknowledged=False)


def acknowledge_alarm(
    detector: Detector | str | Path, clip: str | Path, *, progress: Progress = no_progress
) -> AddedFootage:
    """Let a detector remember a clip of a false alarm, so that the same is less unusual from now on.

    Thresholds stay as they are. They rest on recordings that nobody has chosen, and this clip was chosen because it is
    unusual. The shorter the clip, the better it is remembered. A false alarm by the cycle is not unlearned.

    Args:
        detector: a detector or its folder, which is written to.
        clip: a video of the false alarm, or a folder of such videos. There must be nothing in it that should alarm.
        progress: receives the minutes of footage measured.

    Returns:
        The detector, and what became of each clip.

    Raises:
        UsageError: there is no such detector or video.
        StillmotionError: no clip can be read, the detector is damaged, or its folder cannot be written to.

    Examples:
        >>> result = sm.acknowledge_alarm("detector", "alarms/clip.mp4")
        >>> result.remembered
        ('clip.mp4',)
    """
    return _add(detector, clip, progress, acknowledged=True)


def _add(detector: Detector | str | Path, more: str | Path, progress: Progress, *, acknowledged: bool) -> AddedFootage:
    folder = detector.folder if isinstance(detector, Detector) else Path(detector)
    load_detector(folder)  # Before a folder is made for the lock.
    with folder_lock(folder):
        detector = load_detector(folder)
        record = detector.record
        scores = detector.held_out_scores()
        # Whose group a false alarm is does not matter, and its name need not match a pattern.
        found, folders = (
            (find_recordings(Path(more)), record.footage.folders)
            if acknowledged
            else _find_recordings(Path(more), record.footage)
        )
        recordings, known = _unknown(found, record.footage)
        if not recordings:
            return AddedFootage(detector, known=known)
        identity = hashlib.sha256((folder / BACKBONE_FILE).read_bytes()).hexdigest()
        unfinished = unfinished_folder(folder / UNFINISHED_FOLDER, recordings, identity, record.rate)
        measured = measure_recordings(recordings, detector.backbone, record.rate, unfinished, progress, detector.still)
        held_out = [part for part in measured if not acknowledged and part.recording.group not in record.footage.groups]
        remembered = [part for part in measured if part not in held_out]

        memories = {fold: detector.without_fold(fold) for fold in {part.fold for part in record.footage.parts}}
        folds = _hold_out(detector, held_out, remembered)
        held_out = []
        for fold, (without, parts) in enumerate(folds, start=max(memories, default=-1) + 1):
            memories[fold] = without
            record = _with_recordings(record, parts, fold)
            held_out += parts
            for part in parts:
                for kind, values in _score(without, part).items():
                    scores[kind].append(values)
        if held_out:
            record = _with_thresholds(record, scores)
        hashes = (content_hash(part.recording.file) for part in remembered)
        footage = replace(record.footage, acknowledged=(*record.footage.acknowledged, *hashes), folders=folders)
        record = replace(record, footage=footage, generation=record.generation + 1)
        without_motion = tuple(
            part.recording.name
            for part in measured
            if "motion" in record.thresholds and all(stack is None for _, stack in part.read(record.rate))
        )
        replace(_remembering(detector, measured), record=record).save(
            {fold: without.learned for fold, without in memories.items()}, scores
        )
        shutil.rmtree(folder / UNFINISHED_FOLDER, ignore_errors=True)
    added, rest = (tuple(part.recording.name for part in parts) for parts in (held_out, remembered))
    return AddedFootage(load_detector(folder), added, rest, known, without_motion)


def _find_recordings(more: Path, footage: NormalFootage) -> tuple[list[Recording], tuple[str, ...]]:
    """The recordings in a folder, and all folders that the detector then has recordings of.

    In a folder that the detector knows, or in one inside it, names mean what they mean there, so the same name is the
    same group. Another folder may hold other recordings of the same names.
    """
    own = footage_folder(more.absolute()).resolve()
    known = next((folder for folder in footage.folders if own.is_relative_to(folder)), None)
    root = own if known is None else Path(known)
    recordings = find_recordings(more, footage.group, own.relative_to(root))
    if footage.group is None and known != footage.folders[0]:
        recordings = [replace(recording, group=(root / recording.group).as_posix()) for recording in recordings]
    return recordings, footage.folders if known is not None else (*footage.folders, str(root))


def _unknown(recordings: Sequence[Recording], footage: NormalFootage) -> tuple[list[Recording], tuple[str, ...]]:
    """The recordings that a detector does not know, each once; and the names of the others."""
    seen = {*footage.contents, *footage.acknowledged}
    new, known = [], []
    for recording in recordings:
        content = content_hash(recording.file)
        if content in seen:
            known.append(recording.name)
        else:
            new.append(recording)
        seen.add(content)
    return new, tuple(known)


def _hold_out(
    detector: Detector, recordings: Sequence[MeasuredRecording], remembered: Sequence[MeasuredRecording]
) -> list[tuple[Detector, list[MeasuredRecording]]]:
    """New recordings in up to `FOLDS` parts, by group; and for each part the detector that remembers all but that part.

    If the scene has changed, it is new to the detector, but not to one that remembers the other new recordings: only
    what differs among these should raise thresholds.
    """
    groups = sorted({part.recording.group for part in recordings})
    folds: dict[int, list[MeasuredRecording]] = {}
    for part in recordings:
        folds.setdefault(groups.index(part.recording.group) % FOLDS, []).append(part)
    return [
        (_remembering(detector, [part for part in (*recordings, *remembered) if part not in own]), own)
        for _, own in sorted(folds.items())
    ]


def _remembering(detector: Detector, recordings: Sequence[MeasuredRecording]) -> Detector:
    """The detector, which remembers these recordings, too."""
    if not recordings:
        return detector
    builder = MemoryBuilder(detector.record.generation + 1)
    for part in recordings:
        for measures, stack in part.read(detector.record.rate):
            builder.add(measures, stack)
    return replace(detector, memory=builder.build(detector.memory))


def _score(detector: Detector, part: MeasuredRecording) -> dict[Kind, NDArray[np.float64]]:
    """The scores of a recording that the detector has not seen."""
    scorer = FrameScorer(detector)
    scored = [scorer.push(measures) for measures, _ in part.read(detector.record.rate)]
    return {kind: np.array([getattr(score, kind) for score in scored]) for kind in detector.record.thresholds}


def _with_recordings(record: DetectorRecord, held_out: Sequence[MeasuredRecording], fold: int) -> DetectorRecord:
    """A record of further recordings, all of one fold."""
    footage = record.footage
    parts = (
        HeldOutPart(number, fold, 0.0, part.frames / record.rate)
        for number, part in enumerate(held_out, start=len(footage.recordings))
    )
    footage = replace(
        footage,
        recordings=(*footage.recordings, *(part.recording.name for part in held_out)),
        contents=(*footage.contents, *(content_hash(part.recording.file) for part in held_out)),
        groups=(*footage.groups, *(part.recording.group for part in held_out)),
        parts=(*footage.parts, *parts),
    )
    return replace(record, footage=footage)


def _with_thresholds(record: DetectorRecord, scores: Mapping[Kind, Sequence[NDArray[np.float64]]]) -> DetectorRecord:
    """A record whose thresholds are chosen anew.

    If the detector was fitted on one group, its stretches were scored by a memory that has seen that group. They say
    little about other groups, so they are not counted as footage; but where they alarm, that is counted.
    """
    footage = record.footage
    folds: dict[str, set[int]] = {}
    for part in footage.parts:
        folds.setdefault(footage.groups[part.recording], set()).add(part.fold)
    whole = [number for number, group in enumerate(footage.groups) if len(folds[group]) == 1]
    groups, frames = [footage.groups[number] for number in whole], [len(scores["look"][number]) for number in whole]
    held_out = count_held_out(groups, frames, record.rate, by_stretch=False)
    return replace(
        record,
        footage=replace(footage, held_out=held_out, held_out_by="group"),
        thresholds=choose_thresholds(scores, record.rate, held_out, record.promise_per_hour),
        scene=learn_scene_limits(scores, record.rate, held_out.units),
    )
