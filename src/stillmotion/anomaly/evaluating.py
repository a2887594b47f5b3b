"""Test a detector on footage whose faults are known.

What counts is what a person at the line would count: faults found, false alarms per hour of normal footage, seconds
until found. Areas under curves are beside them, because papers give them; so are three scores that know nothing of what
is normal: the frame's number, the share of the recording that is unusual, and how much moves. No threshold comes from
the test, and no recording is normalized by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from stillmotion.anomaly.alarms import Alarm
from stillmotion.anomaly.detector import Detector, load_detector
from stillmotion.anomaly.footage import content_hash
from stillmotion.anomaly.promise import STRETCH_SECONDS, rate_bound
from stillmotion.anomaly.scoring import Score, score_source
from stillmotion.data import Videos, read_videos
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.progress import Progress, no_progress
from stillmotion.statistics.groups import group_codes
from stillmotion.statistics.intervals import proportion_interval

NORMAL = "normal"
# An alarm this long after a fault's end still counts as found: a score looks back over a second.
GRACE_SECONDS = 1.0


@dataclass(frozen=True)
class TrueFault:
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
    faults: tuple[TrueFault, ...] = ()


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
    fault: TrueFault
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
        recordings: of the highest score of each recording, to tell those with a fault from those without; likewise.
    """

    macro: float | None
    micro: float | None
    recordings: float | None


@dataclass(frozen=True)
class DetectorEvaluation:
    """How a detector did.

    Attributes:
        faults: each fault.
        false_alarms: each alarm outside of a fault.
        disturbed_stretches: in how many stretches of at most 5 minutes there is one: they come in clusters.
        normal_hours: of footage outside of faults.
        found: share of the faults that were found, and its 95 % interval by group.
        curves: of the score, of look and motion alone, and of three that know nothing.
        skipped: recordings that could not be read, with reasons.

    Examples:
        >>> result = sm.evaluate_detector("detector", "truth.csv")
        >>> len(result.false_alarms), result.normal_hours
        (0, 0.5)
    """

    faults: tuple[FoundFault, ...]
    false_alarms: tuple[FalseAlarm, ...]
    disturbed_stretches: int
    normal_hours: float
    found: tuple[float, float, float] | None
    curves: dict[str, Curve]
    skipped: tuple[str, ...] = field(default=())

    @property
    def disturbed_per_hour(self) -> float | None:
        """Stretches with a false alarm per hour of normal footage, which is what is promised; None if there is none."""
        return self.disturbed_stretches / self.normal_hours if self.normal_hours else None

    @property
    def most_disturbed_per_hour(self) -> float | None:
        """The upper 95 % bound of that."""
        return rate_bound(self.disturbed_stretches, self.normal_hours) if self.normal_hours else None

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
            faults = (*faults, TrueFault(video.start_seconds or 0.0, end, video.label))
        recordings[video.path] = TrueRecording(known.name, known.file, known.group, faults)
    return list(recordings.values())


def evaluate_detector(
    detector: Detector | str | Path, truth: str | Path | Sequence[TrueRecording], *, progress: Progress = no_progress
) -> DetectorEvaluation:
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

    Examples:
        >>> result = sm.evaluate_detector("detector", "truth.csv")
        >>> result.disturbed_per_hour
        0.0
    """
    detector = detector if isinstance(detector, Detector) else load_detector(detector)
    recordings = read_truth(truth) if isinstance(truth, str | Path) else list(truth)
    if not recordings:
        raise UsageError("no recordings to test on")
    learned = {*detector.record.footage.contents, *detector.record.footage.acknowledged}
    known = [
        recording for recording in recordings if recording.file.is_file() and content_hash(recording.file) in learned
    ]
    if known:
        raise StillmotionError(f"{known[0].name}: the detector was learned from it; test on other recordings")
    faults: list[FoundFault] = []
    fault_groups: list[str] = []
    false_alarms: list[FalseAlarm] = []
    disturbed = 0
    skipped: list[str] = []
    frames: list[_Frames] = []
    for done, recording in enumerate(recordings):
        progress("testing", done, len(recordings))
        try:
            # Without the decoded frames: those of an hour do not fit into memory.
            scored = [replace(score, frame=None) for score in score_source(detector, recording.file)]
        except StillmotionError as error:
            skipped.append(str(error))
            continue
        alarms = [score.ended for score in scored if score.ended is not None]
        faults += [_find(recording, fault, alarms) for fault in recording.faults]
        fault_groups += [recording.group] * len(recording.faults)
        false = [alarm for alarm in alarms if not any(_overlap(alarm, fault) for fault in recording.faults)]
        false_alarms += [FalseAlarm(recording.name, alarm) for alarm in false]
        disturbed += len({alarm.raised_seconds // STRETCH_SECONDS for alarm in false})
        frames.append(_frames(recording, scored))
    progress("testing", len(recordings), len(recordings))
    if not frames:
        raise StillmotionError(f"none of {len(recordings)} recordings can be read: {skipped[0]}")
    found = None
    if faults:
        hits = np.array([float(fault.alarm is not None) for fault in faults])
        found = (float(hits.mean()), *proportion_interval(hits, group_codes(fault_groups)[1]))
    normal_frames = sum(int((~part.unusual).sum()) for part in frames)
    return DetectorEvaluation(
        tuple(faults),
        tuple(false_alarms),
        disturbed,
        normal_frames / detector.record.rate / 3600,
        found,
        {name: _curve(frames, name) for name in frames[0].scores},
        tuple(skipped),
    )


@dataclass(frozen=True)
class _Frames:
    """The frames of one recording: whether each is unusual, and its scores."""

    unusual: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]


def _frames(recording: TrueRecording, scored: Sequence[Score]) -> _Frames:
    seconds = np.array([score.seconds for score in scored])
    unusual = np.zeros(len(scored), np.bool_)
    for fault in recording.faults:
        unusual |= (seconds > fault.start_seconds) & (seconds <= fault.end_seconds)
    scores = {
        "highest of the three": np.array([score.level for score in scored]),
        "look": np.array([score.look for score in scored]),
        "motion": np.array([score.motion for score in scored]),
        "cycle": np.array([score.cycle for score in scored]),
        "frame number": seconds,
        "share of the recording": np.full(len(scored), unusual.mean()),
        "how much moves": np.array([score.speed for score in scored]),
    }
    return _Frames(unusual, scores)


def _find(recording: TrueRecording, fault: TrueFault, alarms: Sequence[Alarm]) -> FoundFault:
    """The first alarm that overlaps a fault."""
    first = next((alarm for alarm in alarms if _overlap(alarm, fault)), None)
    delay = None if first is None else max(0.0, first.raised_seconds - fault.start_seconds)
    return FoundFault(recording.name, fault, first, delay)


def _overlap(alarm: Alarm, fault: TrueFault) -> bool:
    end = alarm.raised_seconds if alarm.end_seconds is None else max(alarm.raised_seconds, alarm.end_seconds)
    return end >= fault.start_seconds and alarm.raised_seconds <= fault.end_seconds + GRACE_SECONDS


def _curve(frames: Sequence[_Frames], name: str) -> Curve:
    """The areas under the ROC curve of one score."""
    scores, unusual = [part.scores[name] for part in frames], [part.unusual for part in frames]
    macro = [area for part in zip(unusual, scores, strict=True) if (area := _area(*part)) is not None]
    return Curve(
        float(np.mean(macro)) if macro else None,
        _area(np.concatenate(unusual), np.concatenate(scores)),
        _area(np.array([part.any() for part in unusual]), np.array([part.max() for part in scores])),
    )


def _area(unusual: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """The area under the ROC curve; None if nothing or everything is unusual."""
    return None if unusual.all() or not unusual.any() else float(roc_auc_score(unusual, scores))
