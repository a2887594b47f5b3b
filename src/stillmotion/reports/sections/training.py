"""How the families were trained: curves and recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from statistics import fmean
from typing import Any

from stillmotion.comparison import TrainingSummary
from stillmotion.reports.geometry import Scale, polyline, scale, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number, seconds


def _facts(record: Record) -> Mapping[str, Any]:
    trainings = {name: result.trainings for name, result in record.results.items()}
    plotted = {name: [training for training in own if training.curves] for name, own in trainings.items()}
    plotted = {name: own for name, own in plotted.items() if own}
    curves = {name: [training.curves for training in own if training.curves] for name, own in plotted.items()}
    lengths = [len(curve.validation) for own in curves.values() for curve in own]
    longest = max(lengths, default=0)
    x = scale(1.0, max(longest, 2.0))
    recipe, names = _recipe(trainings)
    facts = {
        "curves": [{"name": name, "runs": [_lines(training, x) for training in own]} for name, own in plotted.items()],
        "cursor": {
            "from": 1,
            "to": longest,
            "at": min(lengths, default=1),
            "step": 1,
            "unit": "epoch",
            "values": {
                name: {
                    "validation": _means([curve.validation for curve in own]),
                    "training": _means([curve.train for curve in own]),
                }
                for name, own in curves.items()
            },
        },
        "many": any(len(own) > 1 for own in plotted.values()),
        "ticks": [(x(mark), f"{mark:g}") for mark in ticks(1, longest, 8) if mark == int(mark)] if longest else [],
        "recipe": recipe,
        "names": names,
        "folds": record.comparison.data.cross_validated,
        "versions": [f"{name} {version}" for name, version in record.comparison.data.versions.items()],
    }
    return facts if facts["curves"] or recipe else {}


def _lines(summary: TrainingSummary, x: Scale) -> dict[str, Any]:
    y = scale(0.0, 1.0)
    curves = summary.curves
    assert curves is not None
    epochs = range(1, 1 + len(curves.validation))
    lines = {
        "train": polyline(epochs, curves.train, x, y),
        "validation": polyline(epochs, curves.validation, x, y),
        "best": None,
    }
    best = summary.training.best_epoch if summary.training else None
    if best is None or best > len(curves.validation):
        return lines
    return {**lines, "best": (x(best), y(curves.validation[best - 1]))}


def _means(curves: Sequence[Sequence[float]]) -> list[float]:
    """Over the trainings that went on to each epoch."""
    return [round(fmean(value for value in values if value is not None), 4) for values in zip_longest(*curves)]


def _recipe(trainings: Mapping[str, Sequence[TrainingSummary]]) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Rows of the table of recipes, and the families of its columns."""
    columns: dict[str, dict[str, str]] = {}
    for name, own in trainings.items():
        if own:
            recipe = {key: value for key, value in asdict(own[0].recipe).items() if key not in ("family", "seed")}
            records = [summary.training for summary in own if summary.training]
            recipe["seed"] = ", ".join(dict.fromkeys(str(summary.recipe.seed) for summary in own))
            recipe["epochs run"] = ", ".join(str(training.epochs) for training in records)
            recipe["best epoch"] = ", ".join(str(training.best_epoch) for training in records)
            recipe["training time"] = ", ".join(seconds(training.seconds) for training in records)
            columns[name] = dict(_flatten(recipe))
    keys = list(dict.fromkeys(key for column in columns.values() for key in column))
    return [(key, [column.get(key, "") for column in columns.values()]) for key in keys], list(columns)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = prefix + str(key).replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flatten(value, name + ": ")
        elif isinstance(value, list | tuple):
            rows.append((name, " \N{MULTIPLICATION SIGN} ".join(map(str, value))))
        elif isinstance(value, bool) or value is None:
            rows.append((name, {True: "yes", False: "no", None: "\N{EN DASH}"}[value]))
        else:
            rows.append((name, number(value) if isinstance(value, float) else str(value)))
    return rows


def _gist(record: Record) -> str:
    spec = record.comparison.spec
    if spec is None:
        return "curves and recipes"
    rate = "spread over the video" if spec.rate == "spread" else f"{spec.rate} per second"
    return f"curves and recipes; {spec.frames} frames per clip, {rate}"


TRAINING = Section("How they were trained", _facts, "sections/training.html", _gist)
