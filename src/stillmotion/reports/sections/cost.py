"""Accuracy against what an answer costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from stillmotion.comparison import Recommendation
from stillmotion.reports.advice import quickness, sound_advice
from stillmotion.reports.geometry import polyline, scale, spread_labels, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number

WIDE, TALL = 31, 7  # of a tag, and half of its height, in percent of the plot
ROOM = 1.5  # times the slowest, so that its tag has a place
_KEYS = ("accuracy", "milliseconds_per_clip", "frames_per_second", "parameters", "train_seconds", "multiply_adds",
         "clip_seconds", "milliseconds_per_second", "multiply_adds_per_second", "peak_megabytes")  # fmt: skip


def _facts(record: Record) -> Mapping[str, Any]:
    families = record.comparison.families
    table = [(name, {key: families[name].figures.get(key) for key in _KEYS}) for name in record.families]
    if not table:
        return {}
    known = [(name, one) for name, one in table if one["accuracy"] is not None and one["milliseconds_per_clip"]]
    advice = sound_advice(record)
    plot = _plot(record, [name for name, _ in known])
    return {"table": table, "advice": advice, "and_cheap": _and_cheap(record, advice), **plot}


def _plot(record: Record, names: list[str]) -> dict[str, Any]:
    figures = {name: record.comparison.families[name].figures for name in names}
    if not names:
        return {"dots": [], "front": "", "logarithmic": False, "xticks": [], "yticks": []}
    times = [float(one["milliseconds_per_clip"]) for one in figures.values()]
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
    bounds = [(float(f.get("accuracy_low", f["accuracy"])), float(f.get("accuracy_high", f["accuracy"])))
              for f in figures.values()]  # fmt: skip
    bottom = max(0.0, min(low for low, _ in bounds) - 0.05)
    up = scale(bottom, 1.0)
    heights = [up(float(f["accuracy"])) for f in figures.values()]
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
            "figures": figures[name],
        }
        for name, x, y, (low, high), tag in zip(names, places, heights, bounds, tags, strict=True)
    ]
    yticks = [(up(tick / 100), f"{tick:g} %") for tick in ticks(100 * bottom, 100)]
    advice = record.comparison.recommendation
    on_front = [dot for name in (advice.front if advice else ()) for dot in dots if dot["name"] == name]
    front = polyline([dot["x"] for dot in on_front], [dot["y"] for dot in on_front], scale(0, 100), scale(0, 100))
    return {"dots": dots, "front": front, "logarithmic": logarithmic, "xticks": xticks, "yticks": yticks}


def _and_cheap(record: Record, advice: Recommendation | None) -> str:
    """Of the model that is right most often."""
    if advice is None or advice.family != advice.best:
        return ""
    return quickness(record, advice.family) or ", and none that is quicker is surely within the margin of it"


def _to_the_left(x: float, height: float, whiskers: Sequence[tuple[float, float, float]]) -> bool:
    """Whether a tag stands better to the left of its dot at x: where others lie in its way, or the box ends."""

    def others(start: float, end: float) -> int:
        return sum(start < at - x < end and low - TALL < height < high + TALL for at, low, high in whiskers)

    if x > 100 - WIDE or x < WIDE:
        return x > 50
    return others(-WIDE, -0.01) < others(0.01, WIDE)


COST = Section("Accuracy against cost", _facts, "sections/cost.html")
