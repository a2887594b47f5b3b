"""Some test videos to look at: pictures over each family's answers through time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stillmotion.comparison import EXAMPLE_REASONS, ExampleVideo, PredictionTrace
from stillmotion.errors import UnreadableVideoError
from stillmotion.reports.geometry import Scale, polyline, scale, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section
from stillmotion.reports.sprite_sheets import MOST, Sheet, read_sheet, video_seconds

PICTURES = 8  # of the strip


def _facts(record: Record) -> Mapping[str, Any]:
    shown = record.comparison.examples
    if not shown or record.pair is None:
        return {}
    videos = [_video(record, one) for one in shown]
    filmed = [one["sheet"] for one in videos if one["sheet"]]
    for number, one in enumerate((one for one in videos if one["sheet"]), 1):
        one["number"] = number
    return {
        "videos": videos,
        "pair": record.pair,
        "reasons": list(Counter(EXAMPLE_REASONS[one.reason] for one in shown).items()),
        "labels": sorted(Counter(one["label"] for one in videos).items()),
        "filmed": len(filmed),
        "megabytes": sum(len(sheet.uri) for sheet in filmed) / 1e6,
        "most": MOST,
    }


def _video(record: Record, shown: ExampleVideo) -> dict[str, Any]:
    video, label = shown.video, shown.video.label or ""
    path = record.file(video)
    traces = {name: shown.traces[name] for name in record.families if name in shown.traces}
    start, end, gone = _span(path, shown)
    sheet: Sheet | None = None
    try:
        sheet = None if gone else read_sheet(path, start, end)
    except UnreadableVideoError as error:
        gone = str(error)
    x, count = scale(start, end), len(sheet.seconds) if sheet else 0
    followed = list(next(iter(traces.values())).probabilities) if traces else []
    return {
        "label": label,
        "name": video.name,
        "reason": EXAMPLE_REASONS[shown.reason],
        "sheet": sheet,
        "gone": gone,
        "strip": [int((index + 0.5) / PICTURES * count) for index in range(PICTURES)],
        "predictions": [
            {"name": name, **vars(shown.predictions[name])} for name in record.families if name in shown.predictions
        ],
        "lines": [{"name": name, "points": _points(trace, label, x)} for name, trace in traces.items()],
        "followed": followed,
        "ticks": [(x(tick), f"{tick:g}\N{NO-BREAK SPACE}s") for tick in ticks(start, end, 6)],
        "cursor": _cursor(traces, followed, sheet, start, end),
    }


def _cursor(
    traces: Mapping[str, PredictionTrace], followed: list[str], sheet: Sheet | None, start: float, end: float
) -> dict[str, Any]:
    """What the page's script needs to tell the answers at a moment, and to show its picture."""
    return {
        "from": round(start, 3),
        "to": round(end, 3),
        "labels": followed,
        "traces": {
            name: {
                "seconds": trace.seconds,
                "labels": trace.labels,
                "confidence": trace.confidence,
                "probabilities": [trace.probabilities[label] for label in followed],
            }
            for name, trace in traces.items()
        },
        "views": [sheet.view(index) for index in range(len(sheet.seconds))] if sheet else [],
    }


def _points(trace: PredictionTrace, label: str, x: Scale) -> str:
    heights = trace.probabilities[label]
    if len(heights) == 1:  # one moment holds for the whole stretch
        return f"0,{100 - 100 * heights[0]:.2f} 100,{100 - 100 * heights[0]:.2f}"
    return polyline(trace.seconds, heights, x, scale(0.0, 1.0))


def _span(path: Path, shown: ExampleVideo) -> tuple[float, float, str]:
    """Of the labelled stretch and of all answers, in seconds; and why there are no pictures, if there are none."""
    times = [second for trace in shown.traces.values() for second in trace.seconds]
    try:
        length = video_seconds(path)
    except UnreadableVideoError as error:
        return (min(times), max(times), str(error)) if times else (0.0, 1.0, str(error))
    low, high = shown.video.start_seconds or 0.0, length
    if shown.video.end_seconds is not None:
        high = min(shown.video.end_seconds, length)
    low, high = min([low, *times]), max([high, *times])
    return low, max(high, low + 1e-3), ""


EXAMPLE_VIDEOS = Section("See for yourself", _facts, "sections/example_videos.html")
