"""Accuracy and other metrics of each family, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.comparison import IntervalEstimate, ModelResult
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import PERCENT, Section, percent


def _facts(record: Record) -> Mapping[str, Any]:
    if not record.models:
        return {}
    rows = [_row(name, result) for name, result in record.results.items()]
    several_trainings = any(row["trainings"] for row in rows)
    return {"rows": rows, "several_trainings": several_trainings}


def _gist(record: Record) -> str:
    return ", ".join(f"{name} {percent(result.accuracy.value)}" for name, result in record.results.items())


def _row(name: str, result: ModelResult) -> dict[str, Any]:
    return {
        "name": name,
        "trainings": result.accuracies if len(result.accuracies) > 1 else (),
        "metrics": [
            _metric(result.accuracy, as_percent=True),
            _metric(result.macro_f1, as_percent=True),
            _metric(result.log_loss, as_percent=False),
            {"value": percent(result.calibration_error, 1), "interval": ""},
        ],
    }


def _metric(estimate: IntervalEstimate, *, as_percent: bool) -> dict[str, str]:
    factor, digits, unit = (100, 1, PERCENT) if as_percent else (1, 3, "")
    return {
        "value": f"{factor * estimate.value:.{digits}f}{unit}",
        "interval": f"{factor * estimate.low:.{digits}f} to {factor * estimate.high:.{digits}f}",
    }


ACCURACY = Section("Accuracy", _facts, "sections/accuracy.html", _gist)
