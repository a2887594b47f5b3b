"""How often each family is right, with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.reports.advice import guessing
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, percent


def _facts(record: Record) -> Mapping[str, Any]:
    if not record.families:
        return {}
    rows = [_row(record, name) for name in record.families]
    many = any(row["trainings"] for row in rows)
    return {"rows": rows, "chance": guessing(record), "many": many}


def _gist(record: Record) -> str:
    figures = {name: record.comparison.families[name].figures.get("accuracy") for name in record.families}
    return ", ".join(f"{name} {percent(accuracy)}" for name, accuracy in figures.items())


def _row(record: Record, name: str) -> dict[str, Any]:
    family = record.comparison.families[name]
    figures = family.figures
    trainings = figures.get("accuracies") or []
    return {
        "name": name,
        "kind": family.kind,
        "accuracy": figures.get("accuracy"),
        "low": figures.get("accuracy_low", figures.get("accuracy")),
        "high": figures.get("accuracy_high", figures.get("accuracy")),
        "trainings": trainings if len(trainings) > 1 else [],
        "cells": [
            _cell(figures, key, 100 if key != "log_loss" else 1)
            for key in ("accuracy", "macro_f1", "log_loss", "calibration_error")
        ],
    }


def _cell(figures: Mapping[str, Any], key: str, factor: int) -> dict[str, str]:
    value, low, high = (figures.get(key + end) for end in ("", "_low", "_high"))
    digits, unit = (1, "\N{NO-BREAK SPACE}%") if factor == 100 else (3, "")
    if value is None:
        return {"value": "\N{EN DASH}", "range": ""}
    span = "" if low is None or high is None else f"{factor * low:.{digits}f} to {factor * high:.{digits}f}"
    return {"value": f"{factor * value:.{digits}f}{unit}", "range": span}


ACCURACY = Section("How often each model is right", _facts, "sections/accuracy.html", _gist)
