"""Some test videos: their frames above each family's predictions over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from stillmotion.comparison import ExampleVideo, PredictionTrace, example_text
from stillmotion.decoding import probe
from stillmotion.errors import UnreadableVideoError
from stillmotion.reports.geometry import Scale, polyline, scale, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section
from stillmotion.reports.sprite_sheets import MAX_FRAMES, SpriteSheet, read_sprite_sheet

STRIP_FRAMES = 8


def _facts(record: Record) -> Mapping[str, Any]:
    examples = record.comparison.examples
    if not examples or record.pair is None:
        return {}
    videos = [_video(record, example, number) for number, example in enumerate(examples, start=1)]
    sheets = [video["sheet"] for video in videos if video["sheet"]]
    return {
        "videos": videos,
        "pair": record.pair,
        "reasons": list(Counter(video["reason"] for video in videos).items()),
        "labels": sorted(Counter(video["label"] for video in videos).items()),
        "guessing": record.comparison.verdict is not None and record.comparison.verdict.nothing_beats_guessing,
        "shown": len(sheets),
        "megabytes": sum(len(sheet.uri) for sheet in sheets) / 1e6,
        "max_frames": MAX_FRAMES,
    }


def _video(record: Record, example: ExampleVideo, number: int) -> dict[str, Any]:
    video, label = example.video, example.video.label or ""
    traces = {name: example.traces[name] for name in record.models if name in example.traces}
    sheet: SpriteSheet | None = None
    try:
        file = record.file(video)
        start, end = _span(example, probe(file).seconds)
        sheet, problem = read_sprite_sheet(file, start, end) if record.pictures else None, ""
    except UnreadableVideoError as error:
        (start, end), problem = _span(example, None), record.without_root(str(error))
    x, frames = scale(start, end), len(sheet.seconds) if sheet else 0
    plotted = list(next(iter(traces.values())).probabilities) if traces else []
    return {
        "number": number,
        "label": label,
        "name": record.without_root(video.name),
        "reason": example_text(example.reason, *record.pair) if record.pair else "",
        "sheet": sheet,
        "problem": problem,
        "strip": [int((index + 0.5) / STRIP_FRAMES * frames) for index in range(STRIP_FRAMES)],
        "predictions": [
            {"name": name, **vars(example.predictions[name])} for name in record.models if name in example.predictions
        ],
        "lines": [{"name": name, "points": _points(trace, label, x)} for name, trace in traces.items()],
        "plotted": plotted,
        "ticks": [(x(tick), f"{tick:g}\N{NO-BREAK SPACE}s") for tick in ticks(start, end, 6)],
        "data": {
            "from": round(start, 3),
            "to": round(end, 3),
            "labels": plotted,
            "traces": {name: _trace_data(trace, plotted) for name, trace in traces.items()},
            "views": [sheet.viewbox(index) for index in range(frames)] if sheet else [],
        },
    }


def _trace_data(trace: PredictionTrace, labels: list[str]) -> Mapping[str, Any]:
    """What the page's script needs to show the predictions at the cursor, and to plot another label."""
    return {
        "seconds": trace.seconds,
        "labels": trace.labels,
        "confidence": trace.confidence,
        "probabilities": [trace.probabilities[label] for label in labels],
    }


def _points(trace: PredictionTrace, label: str, x: Scale) -> str:
    probabilities = trace.probabilities[label]
    if len(probabilities) == 1:
        # The only prediction is for the whole segment.
        return f"0,{100 - 100 * probabilities[0]:.2f} 100,{100 - 100 * probabilities[0]:.2f}"
    return polyline(trace.seconds, probabilities, x, scale(0.0, 1.0))


def _span(example: ExampleVideo, length: float | None) -> tuple[float, float]:
    """Start and end of the labeled segment and of all predictions, in seconds. length: of the video, if known."""
    times = [second for trace in example.traces.values() for second in trace.seconds]
    if length is not None:
        end = example.video.end_seconds
        times += [example.video.start_seconds or 0.0, length if end is None else min(end, length)]
    elif not times:
        return 0.0, 1.0
    return min(times), max(max(times), min(times) + 1e-3)


EXAMPLE_VIDEOS = Section("Example videos", _facts, "sections/example_videos.html")
