"""The answer, the interval that it rests on, and what to take home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.comparison import (
    LOOKING_AGAIN,
    AdviceTopic,
    Verdict,
    correction_text,
    selection_text,
    verdict_details,
)
from stillmotion.reports.geometry import scale, ticks
from stillmotion.reports.ladder import ladder_figure
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import MINUS, PERCENT, Section, number, points, render_text

# Topic of the advice, heading, and the section that has more about it.
TAKEAWAYS: tuple[tuple[AdviceTopic, str, str | None], ...] = (
    ("next_steps", "What to do next", None),
    ("failures", "Where it fails", "labels"),
    ("cost", "What it costs", "cost"),
)


def _facts(record: Record) -> Mapping[str, Any]:
    verdict = record.comparison.verdict
    if verdict is None:
        missing = "A verdict needs a still and a motion model, trained and evaluated on the same videos."
        known = "Here are the results that there are." if record.models else "There are no results yet."
        return {"sentence": f"{missing} {known}", "plot": None, "verdict": None, "ladder": None}
    details = verdict_details(verdict)
    details = details[:1].upper() + details[1:]
    ladder = record.comparison.ladder
    takeaways = [
        (heading, [render_text(advice.text) for advice in record.comparison.advice if advice.topic == topic], section)
        for topic, heading, section in TAKEAWAYS
    ]
    return {
        "sentence": render_text(record.comparison.ladder_sentence if ladder else details),
        "details": render_text(details),
        "ladder": ladder_figure(record),
        "plot": _plot(verdict),
        "takeaways": takeaways,
        "verdict": verdict,
        "looking_again": render_text(LOOKING_AGAIN[:1].upper() + LOOKING_AGAIN[1:]),
        "level": number(100 * verdict.level) + PERCENT,
        "selection": render_text(selection_text(verdict) + correction_text(verdict)),
    }


def _plot(verdict: Verdict) -> dict[str, Any]:
    low, high = min(verdict.low, 0.0, verdict.margin), max(verdict.high, 0.0, verdict.margin)
    padding = max(0.22 * (high - low), 0.02)
    low, high = low - padding, high + padding
    # Both zones are wide enough for their names.
    low = min(low, verdict.margin - 0.25 * (high - verdict.margin))
    high = max(high, verdict.margin + 0.25 * (verdict.margin - low))
    x = scale(low, high)
    digits = 1 if any(abs(limit - verdict.margin) < 0.01 for limit in (verdict.low, verdict.high)) else 0
    marks = [mark for mark in ticks(100 * low, 100 * high) if -100 <= mark <= 100]
    difference, start, end = (points(value, digits) for value in (verdict.difference, verdict.low, verdict.high))
    interval = f"{number(100 * verdict.level)}{PERCENT} interval from {start} to {end}"
    return {
        "spoken": f"{verdict.motion} minus {verdict.still}: a difference of {difference} points, {interval}; "
        f"margin {points(verdict.margin, digits)} points.",
        "zero": x(0.0),
        "margin": x(verdict.margin),
        "low": x(verdict.low),
        "high": x(verdict.high),
        "difference": x(verdict.difference),
        "digits": digits,
        "margin_digits": 1 if (1000 * verdict.margin) % 10 else 0,
        "ticks": [(x(mark / 100), f"{mark:+g}".replace("-", MINUS) if mark else "0") for mark in marks],
    }


VERDICT = Section("Verdict", _facts, "sections/verdict.html")
