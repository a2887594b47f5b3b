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
from pydantic import TypeAdapter, ValidationError

from stillmotion.anomaly.alarms import Alarm
from stillmotion.anomaly.curves import (
    Curve,
    LevelTimeline,
    RecordingScores,
    collect_scores,
    make_timeline,
    measure_curves,
)
from stillmotion.anomaly.detector import Detector, load_detector
from stillmotion.anomaly.footage import content_hash
from stillmotion.anomaly.promise import STRETCH_SECONDS, rate_bound
from stillmotion.anomaly.scoring import score_source
from stillmotion.anomaly.truth import TrueFault, TrueRecording, overlaps, read_truth
from stillmotion.decoding import probe
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError
from stillmotion.files import check_folder, make_folder, write_json
from stillmotion.formatting import count
from stillmotion.progress import Progress, no_progress
from stillmotion.statistics.groups import group_codes
from stillmotion.statistics.intervals import proportion_interval

EVALUATION_FILE = "evaluation.json"


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
class DetectorEvaluation:
    """How a detector did.

    Attributes:
        faults: each fault.
        false_alarms: each alarm outside of a fault.
        disturbed_stretches: in how many stretches of at most 5 minutes one is open: they come in clusters.
        normal_hours: of footage outside of faults.
        found: share of the faults that were found, and its 95 % interval by group.
        curves: of the level, of look, motion and cycle alone as far as they are used, and of three scores that know
            nothing.
        skipped: recordings that could not be read, with reasons.
        timelines: the scores of each recording over time.
        detector: the detector's folder.

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
    timelines: tuple[LevelTimeline, ...] = field(default=())
    detector: str = ""

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


def evaluate_detector(
    detector: Detector | str | Path,
    truth: str | Path | Sequence[TrueRecording],
    *,
    out: str | Path | None = None,
    progress: Progress = no_progress,
) -> DetectorEvaluation:
    """Test a detector on recordings whose faults are known.

    Args:
        detector: a detector or its folder.
        truth: a table, see `read_truth`, or what it returned.
        out: a folder for the result, which `read_detector_evaluation` reads. An earlier result in it is replaced.
        progress: receives the number of recordings done.

    Returns:
        What was found, what was missed, and false alarms.

    Raises:
        UsageError: there is no such detector or table, or a fault begins after the end of its recording.
        StillmotionError: no recording can be read, a recording is one that the detector was learned from, or `out`
            cannot be written to.

    Examples:
        >>> result = sm.evaluate_detector("detector", "truth.csv")
        >>> result.disturbed_per_hour
        0.0
    """
    if out is not None:
        check_folder(Path(out))
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
    for recording in recordings:
        _check_times(recording)
    faults: list[FoundFault] = []
    fault_groups: list[str] = []
    false_alarms: list[FalseAlarm] = []
    disturbed = 0
    skipped: list[str] = []
    frames: list[RecordingScores] = []
    timelines: list[LevelTimeline] = []
    for done, recording in enumerate(recordings):
        progress("testing", done, len(recordings))
        try:
            # Without the decoded frames: those of an hour do not fit into memory.
            scored = [replace(score, frame=None) for score in score_source(detector, recording.file)]
        except StillmotionError as error:
            skipped.append(str(error))
            continue
        if not scored:
            skipped.append(f"{recording.name}: is shorter than a frame at {detector.record.rate:g} per second")
            continue
        alarms = [score.ended for score in scored if score.ended is not None]
        faults += [_find(recording, fault, alarms) for fault in recording.faults]
        fault_groups += [recording.group] * len(recording.faults)
        false = [alarm for alarm in alarms if not any(overlaps(alarm, fault) for fault in recording.faults)]
        false_alarms += [FalseAlarm(recording.name, alarm) for alarm in false]
        disturbed += len({stretch for alarm in false for stretch in _stretches(alarm)})
        frames.append(collect_scores(recording, scored))
        timelines.append(make_timeline(recording, scored, alarms))
    progress("testing", len(recordings), len(recordings))
    if not frames:
        raise StillmotionError(f"none of {count(len(recordings), 'recording')} can be read: {skipped[0]}")
    found = None
    if faults:
        hits = np.array([float(fault.alarm is not None) for fault in faults])
        found = (float(hits.mean()), *proportion_interval(hits, group_codes(fault_groups)[1]))
    normal_frames = sum(int((~part.unusual).sum()) for part in frames)
    evaluation = DetectorEvaluation(
        tuple(faults),
        tuple(false_alarms),
        disturbed,
        normal_frames / detector.record.rate / 3600,
        found,
        measure_curves(frames),
        tuple(skipped),
        tuple(timelines),
        str(detector.folder),
    )
    if out is not None:
        write_json(make_folder(Path(out)) / EVALUATION_FILE, _ADAPTER.dump_python(evaluation, mode="json"))
    return evaluation


def _check_times(recording: TrueRecording) -> None:
    """Raise UsageError if a fault begins or ends after its recording: the table may be in other units."""
    if not recording.faults:
        return
    try:
        seconds = probe(recording.file).seconds
    except UnreadableVideoError:  # This is said when it is scored.
        return
    for fault in recording.faults:
        for what, at, latest in (("begins", fault.start_seconds, seconds), ("ends", fault.end_seconds, seconds + 1)):
            if latest < at < np.inf:
                raise UsageError(
                    f"{recording.name}: a fault {what} at {at:g} s, but the recording ends at {seconds:.1f} s"
                )


def _stretches(alarm: Alarm) -> range:
    """The numbers of the stretches of 5 minutes in which an alarm is open, as thresholds count them."""
    last = alarm.raised_seconds if alarm.end_seconds is None else max(alarm.raised_seconds, alarm.end_seconds)
    return range(int(alarm.raised_seconds // STRETCH_SECONDS), int(last // STRETCH_SECONDS) + 1)


def read_detector_evaluation(folder: str | Path) -> DetectorEvaluation:
    """Read what `evaluate_detector` wrote.

    Args:
        folder: its `out`.

    Returns:
        The evaluation.

    Raises:
        UsageError: there is none.
        StillmotionError: it is damaged.

    Examples:
        >>> result = sm.read_detector_evaluation("report")
        >>> result.disturbed_per_hour
        0.0
    """
    try:
        return _ADAPTER.validate_json((Path(folder) / EVALUATION_FILE).read_bytes())
    except OSError:
        raise UsageError(f"{folder}: no test of a detector; `evaluate_detector` writes one") from None
    except ValidationError:
        raise StillmotionError(f"{folder}: a damaged test of a detector; test again") from None


_ADAPTER = TypeAdapter(DetectorEvaluation)


def _find(recording: TrueRecording, fault: TrueFault, alarms: Sequence[Alarm]) -> FoundFault:
    """The first alarm that overlaps a fault."""
    first = next((alarm for alarm in alarms if overlaps(alarm, fault)), None)
    delay = None if first is None else max(0.0, first.raised_seconds - fault.start_seconds)
    return FoundFault(recording.name, fault, first, delay)
