"""Accuracy against what an answer costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from stillmotion.comparison import Recommendation, sound_recommendation, speed_text
from stillmotion.reports.geometry import polyline, scale, spread_labels, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number

WIDE, TALL = 31, 7  # of a tag, and half of its height, in percent of the plot
ROOM = 1.5  # times the slowest, so that its tag has a place


def _facts(record: Record) -> Mapping[str, Any]:
    if not record.families:
        return {}
    known = [name for name, result in record.results.items() if result.cost.milliseconds_per_clip]
    advice = sound_recommendation(record.comparison)
    return {"advice": advice, "and_cheap": _and_cheap(record, advice), **_plot(record, known)}


def _plot(record: Record, names: list[str]) -> dict[str, Any]:
    results = [record.comparison.families[name] for name in names]
    if not names:
        return {"dots": [], "front": "", "logarithmic": False, "xticks": [], "yticks": []}
    times = [float(result.cost.milliseconds_per_clip or 0) for result in results]
    logarithmic = max(times) > 8 * min(times)
    if logarithmic:
        low, high = min(times) / 1.6, max(times) * (max(times) / min(times)) ** 0.5
        across = scale(log10(low), log10(high))
        steps = [a * 10.0**b for b in range(-4, 8) for a in (1, 2, 5)]
        xticks = [(across(log10(t)), number(t)) for t in steps if low <= t <= high]
        places = [across(log10(time)) for time in times]
    else:
        across = scale(0.0, ROOM * max(times))
        xticks = [(across(tick), number(tick) if tick else "0") for tick in ticks(0, ROOM * max(times))]
        places = [across(time) for time in times]
    bounds = [(result.accuracy.low, result.accuracy.high) for result in results]
    bottom = max(0.0, min(low for low, _ in bounds) - 0.05)
    up = scale(bottom, 1.0)
    heights = [up(result.accuracy.value) for result in results]
    tags = spread_labels(heights, 16)
    dots: list[dict[str, Any]] = [
        {
            "name": name,
            "x": x,
            "y": y,
            "low": up(low),
            "high": up(high),
            "tag": tag,
            "left": _to_the_left(x, tag, [(at, up(a), up(b)) for at, (a, b) in zip(places, bounds, strict=True)]),
            "accuracy": result.accuracy.value,
            "milliseconds": result.cost.milliseconds_per_clip,
        }
        for name, result, x, y, (low, high), tag in zip(names, results, places, heights, bounds, tags, strict=True)
    ]
    yticks = [(up(tick / 100), f"{tick:g} %") for tick in ticks(100 * bottom, 100)]
    advice = record.comparison.recommendation
    on_front = [dot for name in (advice.pareto_front if advice else ()) for dot in dots if dot["name"] == name]
    front = polyline([dot["x"] for dot in on_front], [dot["y"] for dot in on_front], scale(0, 100), scale(0, 100))
    return {"dots": dots, "front": front, "logarithmic": logarithmic, "xticks": xticks, "yticks": yticks}


def _and_cheap(record: Record, advice: Recommendation | None) -> str:
    """Of the model that is right most often."""
    if advice is None or advice.family != advice.best:
        return ""
    return (
        speed_text(record.comparison, advice.family) or ", and no faster model is shown to be within the margin of it"
    )


def _to_the_left(x: float, height: float, whiskers: Sequence[tuple[float, float, float]]) -> bool:
    """Whether a tag stands better to the left of its dot at x: where others lie in its way, or the box ends."""

    def others(start: float, end: float) -> int:
        return sum(start < at - x < end and low - TALL < height < high + TALL for at, low, high in whiskers)

    if x > 100 - WIDE or x < WIDE:
        return x > 50
    return others(-WIDE, -0.01) < others(0.01, WIDE)


COST = Section("Accuracy against cost", _facts, "sections/cost.html")
