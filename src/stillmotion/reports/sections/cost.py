"""Accuracy against the cost of a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from stillmotion.comparison import Recommendation, recommendation_if_better_than_guessing, speed_text
from stillmotion.reports.geometry import polyline, scale, spread_labels, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import PERCENT, Section, number

# Of a dot's label, in percent of the plot.
LABEL_WIDTH, LABEL_HALF_HEIGHT, LABEL_GAP = 31, 7, 16
# The axis ends at this many times the slowest model's time, so that its label has room.
ROOM = 1.5
# With times further apart than this factor, the axis is logarithmic.
MAX_LINEAR_RATIO = 8


def _facts(record: Record) -> Mapping[str, Any]:
    if not record.models:
        return {}
    timed = [name for name, result in record.results.items() if result.cost.milliseconds_per_clip]
    recommendation = recommendation_if_better_than_guessing(record.comparison)
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
        low, high = min(times) / 1.6, max(times) * (max(times) / min(times)) ** 0.5
        logarithm_to_x = scale(log10(low), log10(high))
        steps = [factor * 10.0**power for power in range(-4, 8) for factor in (1, 2, 5)]
        xticks = [(logarithm_to_x(log10(step)), number(step)) for step in steps if low <= step <= high]
        xs = [logarithm_to_x(log10(time)) for time in times]
    else:
        time_to_x = scale(0.0, ROOM * max(times))
        xticks = [(time_to_x(tick), number(tick) if tick else "0") for tick in ticks(0, ROOM * max(times))]
        xs = [time_to_x(time) for time in times]
    bottom = max(0.0, min(result.accuracy.low for result in results) - 0.05)
    accuracy_to_y = scale(bottom, 1.0)
    ys = [accuracy_to_y(result.accuracy.value) for result in results]
    whiskers = [(accuracy_to_y(result.accuracy.low), accuracy_to_y(result.accuracy.high)) for result in results]
    obstacles = [(x, *whisker) for x, whisker in zip(xs, whiskers, strict=True)]
    dots: list[dict[str, Any]] = [
        {
            "name": name,
            "x": x,
            "y": y,
            "low": low,
            "high": high,
            "label_y": label_y,
            "label_left": _label_goes_left(x, label_y, obstacles),
            "accuracy": result.accuracy.value,
            "milliseconds": result.cost.milliseconds_per_clip,
        }
        for name, result, x, y, (low, high), label_y in zip(
            names, results, xs, ys, whiskers, spread_labels(ys, LABEL_GAP), strict=True
        )
    ]
    return {
        "dots": dots,
        "front": _front(record, dots),
        "logarithmic": logarithmic,
        "xticks": xticks,
        "yticks": [(accuracy_to_y(tick / 100), f"{tick:g}{PERCENT}") for tick in ticks(100 * bottom, 100)],
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


def _label_goes_left(x: float, height: float, obstacles: Sequence[tuple[float, float, float]]) -> bool:
    """Whether a label fits better to the left of its dot at x: fewer whiskers are in its way, or the box ends."""

    def in_the_way(start: float, end: float) -> int:
        return sum(
            start < at - x < end and low - LABEL_HALF_HEIGHT < height < high + LABEL_HALF_HEIGHT
            for at, low, high in obstacles
        )

    if x > 100 - LABEL_WIDTH or x < LABEL_WIDTH:
        return x > 50
    return in_the_way(-LABEL_WIDTH, -0.01) < in_the_way(0.01, LABEL_WIDTH)


COST = Section("Accuracy against cost", _facts, "sections/cost.html")
