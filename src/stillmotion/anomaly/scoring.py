"""Score a file, camera or network stream, frame by frame."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.alarms import Alarm, AlarmFinder, Level
from stillmotion.anomaly.detector import Detector, FrameScorer, Kind, load_detector
from stillmotion.anomaly.frame_scores import FrameScore
from stillmotion.anomaly.measuring import FLOW_MEASURES, MeasuredFrame, measure_source
from stillmotion.anomaly.promise import Threshold
from stillmotion.anomaly.scene import SceneWatch
from stillmotion.decoding.live import Source, find_source
from stillmotion.decoding.prefetch import SourceFrame


@dataclass(frozen=True)
class Score:
    """How unusual a frame is.

    Attributes:
        seconds: when the frame's slot ends.
        level: the highest of `look`, `motion` and `cycle`.
        look: how unusual the look is: 0 is typical, 1 is the threshold that keeps the promise. It is 0 for the first
            half second of a recording, in which it is not known.
        motion: how unusual the movement is, likewise; not known for a second and a half, and always 0 if
            all normal recordings were shorter than two seconds.
        cycle: how unusual the place in the cycle is, likewise; not known for two cycles, and always 0 where nothing
            repeats.
        speed: how much moves: the mean over the picture, in sides of the picture per second.
        cell: row and column of the most unusual cell, from the upper left of a grid of 7 x 7.
        raised: the alarm that is raised by this frame.
        ended: the alarm that ends with it, or ended with the recording before it.
        frame: the frame itself.
        scene_changed: whether it is now seen, for the first time, that the scene has changed slowly since training.
            This is no alarm, but levels mean less from then on: add normal footage.
        in_alarm: whether an alarm is open after this frame.
        cells: float32 `(7, 7)`, how unusual each cell of this frame is by the kind that is the highest.

    Examples:
        >>> [score.seconds for score in sm.score_source("detector", "new.mp4") if score.level >= 1]
        [2.5]
    """

    seconds: float
    level: float
    look: float
    motion: float
    speed: float
    cell: tuple[int, int]
    raised: Alarm | None = None
    ended: Alarm | None = None
    frame: SourceFrame | None = None
    cycle: float = 0.0
    scene_changed: bool = False
    in_alarm: bool = False
    cells: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)

    @property
    def kind(self) -> Kind:
        """Which of the three is the highest."""
        kinds: tuple[Kind, ...] = ("look", "motion", "cycle")
        return max(kinds, key=lambda kind: float(getattr(self, kind)))


def score_source(
    detector: Detector | str | Path, source: str | Path | Source, *, watch: SceneWatch | None = None, **reading: Any
) -> Generator[Score, None, None]:
    """Score each frame of a source as it arrives. A file gives the same scores as a stream of it.

    An alarm that is open at the end of a file ends with its last frame: the last score has it.

    Args:
        detector: a detector or its folder.
        source: a file, a camera's number, a URL, or `-` for standard input.
        watch: sees whether the scene has changed. Give the same one to go on with it over several files.
        **reading: further arguments of `measure_source` and `read_source`.

    Yields:
        One score for each slot of `1 / rate` seconds.

    Raises:
        UsageError: there is no such detector or source.
        UnreadableVideoError: the source cannot be opened.
        StillmotionError: the detector is damaged, or its backbone is not here.

    Examples:
        >>> for score in sm.score_source("detector", "new.mp4"):
        ...     print(score.seconds, score.kind, score.cell)
        2.5 motion (3, 4)
    """
    detector = detector if isinstance(detector, Detector) else load_detector(detector)
    source = source if isinstance(source, Source) else find_source(source)
    yield from score_measures(detector, measure_source(detector.measurer(), source, **reading), watch=watch)


def score_measures(
    detector: Detector, frames: Iterable[MeasuredFrame], *, watch: SceneWatch | None = None
) -> Generator[Score, None, None]:
    """Score frames that have been measured. Whatever has scores gets them from here.

    Args:
        detector: what is normal.
        frames: in order of time.
        watch: sees whether the scene has changed.

    Yields:
        One score for each frame.
    """
    thresholds = detector.record.thresholds
    scorer = FrameScorer(detector)
    finder = AlarmFinder(detector.record.rate)
    watch = watch or SceneWatch(detector.record.scene, detector.record.rate)
    last: Score | None = None
    for frame, measures in frames:
        ended_before = finder.flush() if measures.starts else None
        score, side = scorer.push(measures), isqrt(len(measures.patches))
        levels = {
            kind: Level(threshold.level(getattr(score, kind)), kind, divmod(getattr(score, f"{kind}_cell"), side))
            for kind, threshold in thresholds.items()
        }
        raised, ended = finder.push(measures.seconds, tuple(levels.values()))
        if last is not None:
            yield last
        highest = max(levels.values())
        last = Score(
            measures.seconds,
            highest.value,
            levels["look"].value,
            levels["motion"].value if "motion" in levels else 0.0,
            float(measures.flow[:, FLOW_MEASURES.index("speed")].mean()),
            highest.cell,
            raised,
            ended_before or ended,
            frame,
            levels["cycle"].value if "cycle" in levels else 0.0,
            watch.push(score.look, score.motion),
            finder.open,
            cells=_cell_levels(highest, score, thresholds, side),
        )
    if last is not None:
        yield replace(last, ended=finder.flush() or last.ended, in_alarm=False)


def _cell_levels(
    highest: Level, score: FrameScore, thresholds: Mapping[Kind, Threshold], side: int
) -> NDArray[np.float32]:
    """The level of each cell, as if the whole frame were like it; of a cycle, only that of the most unusual cell."""
    levels = np.zeros((side, side), np.float32)
    if highest.kind == "cycle":
        levels[highest.cell] = highest.value
        return levels
    cells = score.motion_cells if highest.kind == "motion" else score.look_cells
    threshold = thresholds["motion" if highest.kind == "motion" else "look"]
    if cells is not None:
        levels[:] = np.reshape([threshold.level(cell) for cell in cells], levels.shape)
    return levels


SCORE_COLUMNS = ("seconds", "level", "look", "motion", "cycle", "speed", "row", "column", "alarm")
ALARM_COLUMNS = ("start_seconds", "raised_seconds", "end_seconds", "kind", "peak", "row", "column")


def score_row(score: Score) -> dict[str, Any]:
    """A score as a row of a table, see `SCORE_COLUMNS`; the most unusual cell is counted from the upper left."""
    numbers = (score.seconds, score.level, score.look, score.motion, score.cycle, score.speed)
    row = (*(round(number, 3) for number in numbers), *score.cell, score.in_alarm)
    return dict(zip(SCORE_COLUMNS, row, strict=True))


def alarm_row(alarm: Alarm) -> dict[str, Any]:
    """An alarm that has ended as a row of a table, see `ALARM_COLUMNS`."""
    times = (alarm.start_seconds, alarm.raised_seconds, alarm.end_seconds or alarm.raised_seconds)
    row = (*(round(seconds, 3) for seconds in times), alarm.kind, round(alarm.peak, 3), *alarm.cell)
    return dict(zip(ALARM_COLUMNS, row, strict=True))
