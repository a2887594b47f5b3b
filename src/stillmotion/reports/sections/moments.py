"""Some test videos: pictures over each family's answer through time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stillmotion.comparison import Example, examples
from stillmotion.comparison.predictions import Floats
from stillmotion.errors import UnreadableVideo
from stillmotion.reports.geometry import Scale, polyline, scale, ticks
from stillmotion.reports.records import Moments, Record
from stillmotion.reports.rendering import Section
from stillmotion.reports.strips import read_strip, video_seconds

COUNT = 8
PICTURES = 8


def _facts(record: Record) -> Mapping[str, Any]:
    pair = record.pair
    both = [record.predictions(name) for name in pair] if pair else []
    if not pair or not all(both):
        return {}
    chosen = examples(*both, count=COUNT)
    return {"videos": [_video(record, example) for example in chosen], "pair": pair}


def _video(record: Record, example: Example) -> dict[str, Any]:
    through_time = {
        name: moments
        for name in record.families
        if (moments := record.moments(name, example.video)) is not None
    }
    path, start, end = find_video(record, example)
    times = (
        np.concatenate([moments.seconds for moments in through_time.values()])
        if through_time
        else np.zeros(0)
    )
    facts: dict[str, Any] = {"label": example.label, "video": example.video, "reason": example.reason}
    facts |= {"answers": _answers(record, example), "strip": [], "gone": "", "lines": [], "ticks": []}
    try:
        start, end = _span(path, start, end, times)
        middles = start + (np.arange(PICTURES) + 0.5) / PICTURES * (end - start)
        facts["strip"] = read_strip(path, middles.tolist())
    except UnreadableVideo as error:
        facts["gone"] = str(error)
        start, end = (float(times.min()), float(times.max())) if len(times) else (0.0, 1.0)
    x, y = scale(start, end), scale(0.0, 1.0)
    facts["lines"] = [
        {"name": name, "points": _points(moments, _column(record, name, example.label), x, y)}
        for name, moments in through_time.items()
    ]
    facts["ticks"] = [(x(tick), f"{tick:g}\N{NO-BREAK SPACE}s") for tick in ticks(start, end, 6)]
    return facts


def _points(moments: Moments, column: int, x: Scale, y: Scale) -> str:
    heights: Floats = moments.probabilities[:, column]
    if len(heights) == 1:  # one moment holds for the whole stretch
        return f"0,{100 - y(float(heights[0])):.2f} 100,{100 - y(float(heights[0])):.2f}"
    return polyline(moments.seconds, heights, x, y)


def _column(record: Record, name: str, label: str) -> int:
    return record.predictions(name)[0].labels.index(label)


def _answers(record: Record, example: Example) -> list[dict[str, Any]]:
    answers = []
    for name in record.families:
        for run in record.predictions(name)[:1]:
            column = int(run.answers[example.row])
            answers.append({
                "name": name, "label": run.labels[column], "right": bool(run.right[example.row]),
                "probability": float(run.probabilities[example.row, column]),
            })  # fmt: skip
    return answers


def find_video(record: Record, example: Example) -> tuple[Path, float | None, float | None]:
    """The video's file and its labelled stretch, by the name that predictions know it by."""
    data = record.first_run.get("data") or {}
    root = Path(str(data.get("root") or record.comparison.data.get("root") or "."))
    for video in data.get("videos") or []:
        start, end = video.get("start_seconds"), video.get("end_seconds")
        stretch = (
            "" if start is None and end is None else f"@{start or 0:g}-{'' if end is None else f'{end:g}'}"
        )
        if str(video.get("path")) + stretch == example.video:
            return root / str(video["path"]), start, end
    return root / example.video, None, None


def _span(path: Path, start: float | None, end: float | None, times: Floats) -> tuple[float, float]:
    length = video_seconds(path)
    low, high = start or 0.0, length if end is None else min(end, length)
    if len(times):
        low, high = min(low, float(times.min())), max(high, float(times.max()))
    return low, max(high, low + 1e-3)


MOMENTS = Section("Videos to look at", _facts, "sections/moments.html")
