"""Tested recordings over time: levels, alarms and the truth, with frames to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillmotion.anomaly import Alarm, DetectorEvaluation
from stillmotion.anomaly.curves import LevelTimeline
from stillmotion.errors import UnreadableVideoError
from stillmotion.reports.geometry import polyline, scale, ticks
from stillmotion.reports.rendering import count, seconds
from stillmotion.reports.sprite_sheets import SpriteSheet, read_sprite_sheet

# Levels above this are drawn at the upper edge.
TOP = 3.0
# Recordings that are shown, those with misses and false alarms first; with frames, at most.
MAX_VIEWS, MAX_SHEETS = 40, 20
STRIP_FRAMES = 8


@dataclass(frozen=True)
class Span:
    """A stretch of time, in percent of the recording.

    Attributes:
        left: where it begins.
        width: how long it is.
        text: what it is.
        good: of a fault: whether it was found; of an alarm: whether it finds a fault.
    """

    left: float
    width: float
    text: str
    good: bool


@dataclass(frozen=True)
class RecordingView:
    """A tested recording, as the page shows it.

    Attributes:
        number: of the view, from 1.
        name: of the recording.
        summary: what became of it.
        lines: the points of each level, by name.
        threshold: where the threshold is, in percent of the height.
        faults: the truth.
        alarms: what was raised.
        ticks: of the axis of time.
        sheet: its frames, if there are any.
        strip: which of them are shown side by side.
        data: for the page's script.
    """

    number: int
    name: str
    summary: str
    lines: dict[str, str]
    threshold: float
    faults: tuple[Span, ...]
    alarms: tuple[Span, ...]
    ticks: tuple[tuple[float, str], ...]
    sheet: SpriteSheet | None
    strip: tuple[int, ...]
    data: dict[str, Any]


def view_recordings(evaluation: DetectorEvaluation, *, pictures: bool) -> list[RecordingView]:
    """The tested recordings, those with missed faults and false alarms first.

    Args:
        evaluation: what was found.
        pictures: whether to read frames.

    Returns:
        40 views at most, 20 with frames.
    """
    missed = [fault.recording for fault in evaluation.faults if fault.alarm is None]
    false = [alarm.recording for alarm in evaluation.false_alarms]

    def trouble(timeline: LevelTimeline) -> tuple[int, int, bool]:
        return -missed.count(timeline.recording), -false.count(timeline.recording), not timeline.faults

    ordered = sorted(evaluation.timelines, key=trouble)[:MAX_VIEWS]
    return [
        _view(number, timeline, evaluation, pictures=pictures and number <= MAX_SHEETS)
        for number, timeline in enumerate(ordered, start=1)
    ]


def _view(number: int, timeline: LevelTimeline, evaluation: DetectorEvaluation, *, pictures: bool) -> RecordingView:
    end = max(timeline.seconds[-1], 0.1)
    x, y = scale(0.0, end), scale(0.0, TOP)
    found = {
        (fault.fault.start_seconds, fault.fault.label): fault.alarm is not None
        for fault in evaluation.faults
        if fault.recording == timeline.recording
    }
    false = [alarm.alarm for alarm in evaluation.false_alarms if alarm.recording == timeline.recording]
    faults = tuple(
        _span(x, fault.start_seconds, min(fault.end_seconds, end), fault.label, found[fault.start_seconds, fault.label])
        for fault in timeline.faults
    )
    alarms = tuple(_alarm_span(x, alarm, alarm not in false) for alarm in timeline.alarms)
    sheet = None
    if pictures:
        try:
            sheet = read_sprite_sheet(Path(timeline.file), 0.0, end)
        except UnreadableVideoError:
            sheet = None  # Moved since the test: the page shows the rest.
    frames = len(sheet.seconds) if sheet else 0
    return RecordingView(
        number,
        timeline.recording,
        _summary(faults, len(false)),
        {name: polyline(timeline.seconds, levels, x, y) for name, levels in _levels(timeline).items()},
        y(1.0),
        faults,
        alarms,
        tuple((x(tick), f"{tick:g}\N{NO-BREAK SPACE}s") for tick in ticks(0.0, end, 6)),
        sheet,
        tuple(int((index + 0.5) / STRIP_FRAMES * frames) for index in range(STRIP_FRAMES)),
        {
            "from": 0,
            "to": round(end, 3),
            "labels": [],
            "traces": {},
            "views": [sheet.viewbox(index) for index in range(frames)] if sheet else [],
        },
    )


def _levels(timeline: LevelTimeline) -> dict[str, Sequence[float]]:
    levels = {"look": timeline.look, "motion": timeline.motion, "cycle": timeline.cycle}
    return {name: values for name, values in levels.items() if any(values)}


def _summary(faults: Sequence[Span], false: int) -> str:
    missed = sum(not fault.good for fault in faults)
    parts = []
    if faults:
        parts.append("all faults found" if not missed else f"{missed} of {count(len(faults), 'fault')} missed")
    if false:
        parts.append(count(false, "false alarm"))
    return ", ".join(parts) or "normal, no alarm"


def _span(x: Any, start: float, end: float, text: str, good: bool) -> Span:
    return Span(x(start), max(0.4, x(end) - x(start)), text, good)


def _alarm_span(x: Any, alarm: Alarm, good: bool) -> Span:
    end = alarm.end_seconds or alarm.raised_seconds
    text = f"by {alarm.kind}, {seconds(alarm.start_seconds)}"
    return _span(x, alarm.start_seconds, max(end, alarm.start_seconds), text, good)
