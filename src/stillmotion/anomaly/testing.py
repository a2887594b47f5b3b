"""Test a detector on footage whose faults are known.

What counts is what a person at the line would count: faults found, false alarms per hour of normal footage, seconds
until found. Areas under curves are beside them, per recording (macro) and over all frames (micro), because papers give
them; so are three scores that know nothing: the frame's number, the share of the recording that is unusual, and how
much moves. No threshold comes from the test, and no recording is normalized by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from stillmotion.anomaly.alarms import Alarm
from stillmotion.anomaly.detector import Detector, load_detector
from stillmotion.anomaly.promise import rate_bound
from stillmotion.anomaly.scoring import score_source
from stillmotion.data import Videos, read_videos
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.progress import Progress, no_progress
from stillmotion.statistics.groups import group_codes
from stillmotion.statistics.intervals import proportion_interval

NORMAL = "normal"
# An alarm this long after a fault's end still counts as found: a score looks back over a second.
GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class Fault:
    """A stretch of a recording that is not normal.

    Attributes:
        start_seconds: when it begins.
        end_seconds: when it ends; infinite for the end of the file.
        label: what it is.
    """

    start_seconds: float
    end_seconds: float
    label: str


@dataclass(frozen=True)
class TrueRecording:
    """A recording whose faults are known.

    Attributes:
        name: relative to the table.
        file: the video.
        group: its group.
        faults: none if it is normal.
    """

    name: str
    file: Path
    group: str
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class FoundFault:
    """What became of a fault.

    Attributes:
        recording: where it is.
        fault: the fault.
        alarm: the first alarm in it; None if it was missed.
        delay_seconds: from its beginning until the alarm was raised; 0 if one was open already.
    """

    recording: str
    fault: Fault
    alarm: Alarm | None
    delay_seconds: float | None


@dataclass(frozen=True)
class FalseAlarm:
    """An alarm outside of every fault.

    Attributes:
        recording: where it is.
        alarm: the alarm.
    """

    recording: str
    alarm: Alarm


@dataclass(frozen=True)
class Curve:
    """Areas under the ROC curve.

    Attributes:
        macro: the mean over recordings that hold both normal and unusual frames; None if there is none.
        micro: over all frames together; None if one kind is missing.
    """

    macro: float | None
    micro: float | None


@dataclass(frozen=True)
class DetectorTest:
    """How a detector did.

    Attributes:
        faults: each fault.
        false_alarms: each alarm outside of a fault.
        normal_hours: of footage outside of faults.
        found: share of the faults that were found, and its 95 % interval by group.
        curves: of the score, of look and motion alone, and of the three that know nothing.
        skipped: recordings that could not be read, with reasons.
    """

    faults: tuple[FoundFault, ...]
    false_alarms: tuple[FalseAlarm, ...]
    normal_hours: float
    found: tuple[float, float, float] | None
    curves: dict[str, Curve]
    skipped: tuple[str, ...] = field(default=())

    @property
    def false_alarms_per_hour(self) -> float | None:
        """False alarms per hour of normal footage; None if there is none."""
        return len(self.false_alarms) / self.normal_hours if self.normal_hours else None

    @property
    def most_false_alarms_per_hour(self) -> float | None:
        """The upper 95 % bound of that."""
        return rate_bound(len(self.false_alarms), self.normal_hours) if self.normal_hours else None

    @property
    def median_delay_seconds(self) -> float | None:
        """Of the faults that were found, the median of the seconds until found."""
        delays = [fault.delay_seconds for fault in self.faults if fault.delay_seconds is not None]
        return float(np.median(delays)) if delays else None


def read_truth(table: str | Path) -> list[TrueRecording]:
    """Read which recordings hold which faults.

    Args:
        table: rows of `path,label[,start,end,group]`. A row with a start or an end is a fault from then to then; one
            without is a fault from beginning to end; one with the label "normal" is none.

    Returns:
        The recordings, in the order of the table.

    Raises:
        UsageError: there is no such table.
        StillmotionError: it cannot be read, or a row has no label.
    """
    videos: Videos = read_videos(table)
    recordings: dict[str, TrueRecording] = {}
    for video in videos:
        if video.label is None:
            raise StillmotionError(f"{table}: {video.name} has no label; write {NORMAL!r} for what is normal")
        known = recordings.get(video.path, TrueRecording(video.path, videos.file(video), video.group))
        faults = known.faults
        if video.label.lower() != NORMAL:
            end = np.inf if video.end_seconds is None else video.end_seconds
            faults = (*faults, Fault(video.start_seconds or 0.0, end, video.label))
        recordings[video.path] = TrueRecording(known.name, known.file, known.group, faults)
    return list(recordings.values())


def test_detector(
    detector: Detector | str | Path, truth: str | Path | Sequence[TrueRecording], *, progress: Progress = no_progress
) -> DetectorTest:
    """Test a detector on recordings whose faults are known.

    Args:
        detector: a detector or its folder.
        truth: a table, see `read_truth`, or what it returned.
        progress: receives the number of recordings done.

    Returns:
        What was found, what was missed, and false alarms.

    Raises:
        UsageError: there is no such detector or table.
        StillmotionError: no recording can be read, or a recording is one that the detector was learned from.
    """
    detector = detector if isinstance(detector, Detector) else load_detector(detector)
    recordings = read_truth(truth) if isinstance(truth, str | Path) else list(truth)
    if not recordings:
        raise UsageError("no recordings to test on")
    faults: list[FoundFault] = []
    fault_groups: list[str] = []
    false_alarms: list[FalseAlarm] = []
    skipped: list[str] = []
    frames: list[_Frames] = []
    for done, recording in enumerate(recordings):
        progress("testing", done, len(recordings))
        try:
            scored = list(score_source(detector, recording.file))
        except StillmotionError as error:
            skipped.append(str(error))
            continue
        alarms = [score.ended for score in scored if score.ended is not None]
        faults += [_find(recording, fault, alarms) for fault in recording.faults]
        fault_groups += [recording.group] * len(recording.faults)
        false_alarms += [
            FalseAlarm(recording.name, alarm)
            for alarm in alarms
            if not any(_overlap(alarm, fault) for fault in recording.faults)
        ]
        frames.append(_frames(recording, np.array([[s.seconds, s.level, s.look, s.motion] for s in scored])))
    progress("testing", len(recordings), len(recordings))
    if not frames:
        raise StillmotionError(f"none of {len(recordings)} recordings can be read: {skipped[0]}")
    found = None
    if faults:
        hits = np.array([float(fault.alarm is not None) for fault in faults])
        found = (float(hits.mean()), *proportion_interval(hits, group_codes(fault_groups)[1]))
    normal_frames = sum(int((~part.unusual).sum()) for part in frames)
    return DetectorTest(
        tuple(faults),
        tuple(false_alarms),
        normal_frames / detector.record.rate / 3600,
        found,
        {name: _curve(frames, name) for name in ("level", "look", "motion", "frame number", "share of the recording")},
        tuple(skipped),
    )


@dataclass(frozen=True)
class _Frames:
    """The frames of one recording: whether each is unusual, and its scores."""

    unusual: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]


def _frames(recording: TrueRecording, rows: NDArray[np.float64]) -> _Frames:
    seconds, level, look, motion = rows.T
    unusual = np.zeros(len(rows), np.bool_)
    for fault in recording.faults:
        unusual |= (seconds > fault.start_seconds) & (seconds <= fault.end_seconds)
    scores = {
        "level": level,
        "look": look,
        "motion": motion,
        "frame number": seconds,
        "share of the recording": np.full(len(rows), unusual.mean()),
    }
    return _Frames(unusual, scores)


def _find(recording: TrueRecording, fault: Fault, alarms: Sequence[Alarm]) -> FoundFault:
    """The first alarm that overlaps a fault."""
    first = next((alarm for alarm in alarms if _overlap(alarm, fault)), None)
    delay = None if first is None else max(0.0, first.raised_seconds - fault.start_seconds)
    return FoundFault(recording.name, fault, first, delay)


def _overlap(alarm: Alarm, fault: Fault) -> bool:
    end = alarm.raised_seconds if alarm.end_seconds is None else max(alarm.raised_seconds, alarm.end_seconds)
    return end >= fault.start_seconds and alarm.raised_seconds <= fault.end_seconds + GRACE_SECONDS


def _curve(frames: Sequence[_Frames], name: str) -> Curve:
    """The areas under the ROC curve of one score."""

    def area(parts: Sequence[_Frames]) -> float | None:
        unusual = np.concatenate([part.unusual for part in parts])
        if unusual.all() or not unusual.any():
            return None
        return float(roc_auc_score(unusual, np.concatenate([part.scores[name] for part in parts])))

    per_recording = [value for part in frames if (value := area([part])) is not None]
    return Curve(float(np.mean(per_recording)) if per_recording else None, area(frames))
