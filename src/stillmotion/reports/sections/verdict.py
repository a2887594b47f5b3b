"""The answer in a sentence, the picture it rests on; what it costs, where it fails, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.comparison import AdviceTopic, Verdict, selection_text, verdict_details
from stillmotion.reports.geometry import scale, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number, points, render_text

_CARDS: tuple[tuple[AdviceTopic, str, str | None], ...] = (
    ("cost", "What it costs", "cost"),
    ("failures", "Where it fails", "labels"),
    ("next_steps", "What to do next", None),
)


def _facts(record: Record) -> Mapping[str, Any]:
    verdict = record.comparison.verdict
    if verdict is None:
        missing = "A verdict needs a still and a motion family, trained and evaluated on the same videos."
        known = "Here are the results of what there is." if record.families else "There are no results yet."
        return {"sentence": f"{missing} {known}", "plot": None, "verdict": None}
    details = verdict_details(verdict)  # the heading has said the answer
    cards = [
        (heading, [render_text(advice.text) for advice in record.comparison.advice if advice.topic == topic], section)
        for topic, heading, section in _CARDS
    ]
    return {
        "sentence": render_text(details[:1].upper() + details[1:]),
        "plot": _plot(verdict),
        "cards": cards,
        "verdict": verdict,
        "chosen": render_text(selection_text(verdict)),
    }


def _plot(verdict: Verdict) -> dict[str, Any]:
    low, high = min(verdict.low, 0.0, verdict.margin), max(verdict.high, 0.0, verdict.margin)
    pad = max(0.22 * (high - low), 0.02)
    low, high = low - pad, high + pad
    low = min(low, verdict.margin - 0.25 * (high - verdict.margin))  # both zones wide enough for their names
    high = max(high, verdict.margin + 0.25 * (verdict.margin - low))
    x = scale(low, high)
    digits = 1 if any(abs(value - verdict.margin) < 0.01 for value in (verdict.low, verdict.high)) else 0
    marks = [mark for mark in ticks(100 * low, 100 * high) if -100 <= mark <= 100]
    measured, start, end = (points(value, digits) for value in (verdict.difference, verdict.low, verdict.high))
    level, margin = number(100 * verdict.level), points(verdict.margin, digits)
    interval = f"{level} % interval from {start} to {end}; margin {margin}"
    return {
        "spoken": f"{verdict.motion} minus {verdict.still}: a difference of {measured} points, {interval}.",
        "zero": x(0.0),
        "margin": x(verdict.margin),
        "low": x(verdict.low),
        "high": x(verdict.high),
        "difference": x(verdict.difference),
        "digits": digits,
        "ticks": [(x(mark / 100), f"{mark:+g}".replace("-", "\N{MINUS SIGN}") if mark else "0") for mark in marks],
    }


VERDICT = Section("The verdict", _facts, "sections/verdict.html")
