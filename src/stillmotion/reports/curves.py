"""Accuracy against how much a model was given, with intervals: the picture of two sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stillmotion.comparison import IntervalEstimate
from stillmotion.reports.geometry import Scale, polyline, scale
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import number

# Between the points of neighboring models, in percent of the plot, so that their whiskers do not cover each other.
NUDGE = 1.4

Curve = Sequence[tuple[float, IntervalEstimate]]  # places on the x axis, and the accuracy there


def accuracy_plot(
    record: Record, curves: Mapping[str, Curve], x: Scale, xticks: Mapping[float, float]
) -> Mapping[str, Any]:
    """What the macro `curves` draws.

    Args:
        record: the comparison to show.
        curves: one for each model.
        x: scale of the x axis.
        xticks: numbers below the x axis, by their place on it.
    """
    verdict = record.comparison.verdict
    y = scale(0.0, 1.0)
    middle = (len(curves) - 1) / 2
    return {
        "curves": [
            _curve(name, curve, x, y, NUDGE * (index - middle)) for index, (name, curve) in enumerate(curves.items())
        ],
        "xticks": [(x(at), number(value)) for at, value in xticks.items()],
        "guessing": verdict.guessing if verdict else None,
    }


def _curve(name: str, curve: Curve, x: Scale, y: Scale, nudge: float) -> dict[str, Any]:
    def moved(value: float) -> float:
        return x(value) + nudge

    return {
        "name": name,
        "line": polyline([at for at, _ in curve], [interval.value for _, interval in curve], moved, y),
        "points": [
            {"x": moved(at), "y": y(interval.value), "low": y(interval.low), "high": y(interval.high)}
            for at, interval in curve
        ],
        "values": [interval.value for _, interval in curve],
    }
