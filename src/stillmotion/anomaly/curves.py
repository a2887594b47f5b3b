"""Scores of recordings whose truth is known: areas under the ROC curve, and the scores over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from stillmotion.anomaly.alarms import Alarm
from stillmotion.anomaly.scoring import Score
from stillmotion.anomaly.truth import TrueFault, TrueRecording
from stillmotion.statistics import group_codes, mean_interval

# Points of a recording's timeline, at most; each is the highest of the frames that it stands for.
TIMELINE_POINTS = 600


@dataclass(frozen=True)
class Curve:
    """Areas under the ROC curve.

    Attributes:
        macro: the mean over recordings that hold both normal and unusual frames; None if there is none.
        micro: over all frames together; None if one kind is missing.
        recordings: of the highest score of each recording, to tell those with a fault from those without; likewise.
        macro_interval: the 95 % interval of `macro`, by group; None if there is no `macro`.
    """

    macro: float | None
    micro: float | None
    recordings: float | None
    macro_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class LevelTimeline:
    """The scores of a recording over time.

    Attributes:
        recording: its name.
        file: where it is.
        seconds: when each score was made.
        look: levels of look; 1 is the threshold.
        motion: levels of motion.
        faults: the truth.
        alarms: what was raised.
        cycle: levels of the cycle; empty where none is used or it is never known.
    """

    recording: str
    file: str
    seconds: tuple[float, ...]
    look: tuple[float, ...]
    motion: tuple[float, ...]
    faults: tuple[TrueFault, ...]
    alarms: tuple[Alarm, ...]
    cycle: tuple[float, ...] = ()


@dataclass(frozen=True)
class RecordingScores:
    """The scores of one recording, and whether each frame is unusual.

    Attributes:
        group: of the recording.
        unusual: `(frames,)`.
        scores: by name, `(frames,)`.
    """

    group: str
    unusual: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]


def collect_scores(recording: TrueRecording, scored: Sequence[Score]) -> RecordingScores:
    """The scores of a recording by name, and three that know nothing of what is normal."""
    seconds = np.array([score.seconds for score in scored])
    unusual = np.zeros(len(scored), np.bool_)
    for fault in recording.faults:
        unusual |= (seconds > fault.start_seconds) & (seconds <= fault.end_seconds)
    scores = {
        "highest level": np.array([score.level for score in scored]),
        "look": np.array([score.look for score in scored]),
        "motion": np.array([score.motion for score in scored]),
        "cycle": np.array([score.cycle for score in scored]),
        "frame number": seconds,
        "share of the recording": np.full(len(scored), unusual.mean()),
        "how much moves": np.array([score.speed for score in scored]),
    }
    return RecordingScores(recording.group, unusual, scores)


def measure_curves(recordings: Sequence[RecordingScores]) -> dict[str, Curve]:
    """The areas under the ROC curve of each score.

    Args:
        recordings: one or more.

    Returns:
        The areas by name; without those of look, motion or cycle if it is 0 throughout, because it is not used or never
        known: its areas would be those of chance.
    """
    kinds = ("look", "motion", "cycle")
    absent = {kind for kind in kinds if not any(part.scores[kind].any() for part in recordings)}
    return {name: measure_curve(recordings, name) for name in recordings[0].scores if name not in absent}


def measure_curve(recordings: Sequence[RecordingScores], name: str) -> Curve:
    """The areas under the ROC curve of one score.

    Args:
        recordings: one or more.
        name: of the score.

    Returns:
        The areas.
    """
    scores, unusual = [part.scores[name] for part in recordings], [part.unusual for part in recordings]
    areas = [_area(*part) for part in zip(unusual, scores, strict=True)]
    within = [(area, part.group) for area, part in zip(areas, recordings, strict=True) if area is not None]
    macro, interval = None, None
    if within:
        values = np.array([area for area, _ in within])
        macro = float(values.mean())
        interval = mean_interval(values, group_codes([group for _, group in within])[1], 1.0)
    return Curve(
        macro,
        _area(np.concatenate(unusual), np.concatenate(scores)),
        _area(np.array([part.any() for part in unusual]), np.array([part.max() for part in scores])),
        interval,
    )


def make_timeline(recording: TrueRecording, scored: Sequence[Score], alarms: Sequence[Alarm]) -> LevelTimeline:
    """The scores of a recording over time, coarse enough to be drawn.

    Args:
        recording: which one.
        scored: one or more scores.
        alarms: what was raised.

    Returns:
        The timeline.
    """
    starts = np.unique(np.linspace(0, len(scored), TIMELINE_POINTS + 1).astype(int))[:-1]

    def highest(values: Sequence[float]) -> tuple[float, ...]:
        peaks = np.maximum.reduceat(np.array(values), starts)
        return tuple(round(float(peak), 3) for peak in peaks)

    return LevelTimeline(
        recording.name,
        str(recording.file),
        highest([score.seconds for score in scored]),
        highest([score.look for score in scored]),
        highest([score.motion for score in scored]),
        recording.faults,
        tuple(alarms),
        highest([score.cycle for score in scored]) if any(score.cycle for score in scored) else (),
    )


def _area(unusual: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """The area under the ROC curve; None if nothing or everything is unusual."""
    return None if unusual.all() or not unusual.any() else float(roc_auc_score(unusual, scores))
