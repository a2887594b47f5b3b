"""Accuracy against the cost of a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from stillmotion.comparison import Recommendation, speed_text
from stillmotion.reports.geometry import polyline, scale, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number
from stillmotion.reports.tags import Dot, Tag, place_tags

# A name that is further from its dot, in percent of the plot, has a line to it, which ends beside the name.
NEAR, LINE_WIDTH = 4.0, 1.4
# The axis is this many times as long as the way to the slowest model, so that its name has room.
ROOM = 1.55
# With times further apart than this factor, the axis is logarithmic.
MAX_LINEAR_RATIO = 8


def _facts(record: Record) -> Mapping[str, Any]:
    if not record.models:
        return {}
    timed = [name for name, result in record.results.items() if result.cost.milliseconds_per_clip]
    recommendation = record.comparison.recommendation_if_better_than_guessing
    return {
        "recommendation": recommendation,
        "speed": _speed(record, recommendation),
        "plot": _plot(record, timed) if timed else None,
    }


def _plot(record: Record, names: Sequence[str]) -> dict[str, Any]:
    results = [record.comparison.models[name] for name in names]
    times = [float(result.cost.milliseconds_per_clip or 0) for result in results]
    logarithmic = max(times) > MAX_LINEAR_RATIO * min(times)
    if logarithmic:
        low = min(times) / 1.6
        high = low * (max(times) / low) ** ROOM
        logarithm_to_x = scale(log10(low), log10(high))
        steps = [factor * 10.0**power for power in range(-4, 8) for factor in (1, 2, 5)]
        xticks = [(logarithm_to_x(log10(step)), number(step)) for step in steps if low <= step <= high]
        xs = [logarithm_to_x(log10(time)) for time in times]
    else:
        time_to_x = scale(0.0, ROOM * max(times))
        xticks = [(time_to_x(tick), number(tick) if tick else "0") for tick in ticks(0, ROOM * max(times))]
        xs = [time_to_x(time) for time in times]
    accuracy_to_y = scale(0.0, 1.0)
    ys = [accuracy_to_y(result.accuracy.value) for result in results]
    whiskers = [(accuracy_to_y(result.accuracy.low), accuracy_to_y(result.accuracy.high)) for result in results]
    placed = [Dot(name, x, y, low, high) for name, x, y, (low, high) in zip(names, xs, ys, whiskers, strict=True)]
    dots: list[dict[str, Any]] = [
        {
            "name": dot.name,
            "x": dot.x,
            "y": dot.y,
            "low": dot.low,
            "high": dot.high,
            "tag": tag,
            "line": _line(dot, tag),
            "accuracy": result.accuracy.value,
            "milliseconds": result.cost.milliseconds_per_clip,
        }
        for result, dot, tag in zip(results, placed, place_tags(placed), strict=True)
    ]
    return {
        "dots": dots,
        "front": _front(record, dots),
        "logarithmic": logarithmic,
        "xticks": xticks,
    }


def _front(record: Record, dots: Sequence[Mapping[str, Any]]) -> str:
    """The points of the Pareto front; empty if it has one model only or is unknown."""
    recommendation = record.comparison.recommendation
    front = recommendation.pareto_front if recommendation else ()
    on_front = [dot for name in front for dot in dots if dot["name"] == name]
    if len(on_front) < 2:
        return ""
    return polyline([dot["x"] for dot in on_front], [dot["y"] for dot in on_front], scale(0, 100), scale(0, 100))


def _speed(record: Record, recommendation: Recommendation | None) -> str:
    """What follows "X is the most accurate on these videos"."""
    if recommendation is None or recommendation.model != recommendation.best:
        return ""
    fastest = speed_text(record.comparison, recommendation.model)
    return fastest or ", and no faster model is shown to be within the margin of it"


def _line(dot: Dot, tag: Tag) -> str:
    """The path of the line from a dot to its name; empty if they are near each other."""
    if abs(tag.y - dot.y) <= NEAR:
        return ""
    beside = dot.x - LINE_WIDTH if tag.left else dot.x + LINE_WIDTH
    return f"M{dot.x:.2f} {100 - dot.y:.2f}L{beside:.2f} {100 - tag.y:.2f}"


def _gist(record: Record) -> str:
    times = {name: result.cost.milliseconds_per_clip for name, result in record.results.items()}
    measured = [f"{name} {number(time, 3, measured=True)} ms" for name, time in times.items() if time]
    return f"time per clip: {', '.join(measured)}" if measured else "not measured"


COST = Section("Accuracy against cost", _facts, "sections/cost.html", _gist)
