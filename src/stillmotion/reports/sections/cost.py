"""Accuracy against what an answer costs."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from typing import Any

from stillmotion.reports.advice import sound_advice
from stillmotion.reports.geometry import polyline, scale, spread_labels, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number

_KEYS = ("accuracy", "milliseconds_per_clip", "frames_per_second", "parameters", "train_seconds", "multiply_adds",
         "clip_seconds", "milliseconds_per_second", "multiply_adds_per_second", "peak_megabytes")  # fmt: skip


def _facts(record: Record) -> Mapping[str, Any]:
    families = record.comparison.families
    table = [(name, {key: families[name].figures.get(key) for key in _KEYS}) for name in record.families]
    if not table:
        return {}
    known = [
        (name, one) for name, one in table if one["accuracy"] is not None and one["milliseconds_per_clip"]
    ]
    return {"table": table, "advice": sound_advice(record), **_plot(record, [name for name, _ in known])}


def _plot(record: Record, names: list[str]) -> dict[str, Any]:
    figures = {name: record.comparison.families[name].figures for name in names}
    if not names:
        return {"dots": [], "front": "", "logarithmic": False, "xticks": [], "yticks": []}
    times = [float(one["milliseconds_per_clip"]) for one in figures.values()]
    logarithmic = max(times) > 8 * min(times)
    if logarithmic:
        across = scale(log10(min(times) / 1.6), log10(max(times) * 1.6))
        steps = [a * 10.0**b for b in range(-4, 8) for a in (1, 2, 5)]
        xticks = [(across(log10(t)), number(t)) for t in steps if min(times) / 1.6 <= t <= max(times) * 1.6]
        places = [across(log10(time)) for time in times]
    else:
        across = scale(0.0, 1.2 * max(times))
        xticks = [(across(tick), number(tick) if tick else "0") for tick in ticks(0, 1.2 * max(times))]
        places = [across(time) for time in times]
    bounds = [(float(f.get("accuracy_low", f["accuracy"])), float(f.get("accuracy_high", f["accuracy"])))
              for f in figures.values()]  # fmt: skip
    bottom = max(0.0, min(low for low, _ in bounds) - 0.05)
    up = scale(bottom, 1.0)
    tags = spread_labels([up(float(f["accuracy"])) for f in figures.values()], 16)
    dots: list[dict[str, Any]] = [
        {
            "name": name,
            "x": x,
            "y": up(float(figures[name]["accuracy"])),
            "low": up(low),
            "high": up(high),
            "tag": tag,
            "figures": figures[name],
        }
        for name, x, (low, high), tag in zip(names, places, bounds, tags, strict=True)
    ]
    yticks = [(up(tick / 100), f"{tick:g} %") for tick in ticks(100 * bottom, 100)]
    advice = record.comparison.recommendation
    on_front = [dot for name in (advice.front if advice else ()) for dot in dots if dot["name"] == name]
    front = polyline([dot["x"] for dot in on_front], [dot["y"] for dot in on_front], scale(0, 100), scale(0, 100))
    return {"dots": dots, "front": front, "logarithmic": logarithmic, "xticks": xticks, "yticks": yticks}


COST = Section("Accuracy against cost", _facts, "sections/cost.html")
