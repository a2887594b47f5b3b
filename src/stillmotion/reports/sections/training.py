"""How the models were trained: curves and recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from statistics import fmean
from typing import Any

from stillmotion.comparison import AccuracyCurves, TrainingSummary
from stillmotion.models import pretrained_backbone
from stillmotion.reports.geometry import Scale, polyline, scale, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import UNKNOWN, Section, number, seconds


def _facts(record: Record) -> Mapping[str, Any]:
    trainings = {name: result.trainings for name, result in record.results.items() if result.trainings}
    recipes = _recipes(trainings)
    plot = _plot(trainings)
    if not (plot or recipes):
        return {}
    return {
        "plot": plot,
        "recipes": recipes,
        "names": list(trainings),
        "cross_validated": record.comparison.data.cross_validated,
        "versions": [f"{name} {version}" for name, version in record.comparison.data.versions.items()],
    }


def _plot(trainings: Mapping[str, Sequence[TrainingSummary]]) -> dict[str, Any] | None:
    """Accuracy by epoch of all trainings; None if none has curves."""
    curves = {name: [(summary.curves, summary) for summary in own if summary.curves] for name, own in trainings.items()}
    curves = {name: own for name, own in curves.items() if own}
    epochs = [len(curve.validation) for own in curves.values() for curve, _ in own]
    longest = max(epochs, default=0)
    if not longest:
        return None
    x = scale(1.0, max(longest, 2.0))
    return {
        "models": [
            {"name": name, "trainings": [_lines(curve, summary, x) for curve, summary in own]}
            for name, own in curves.items()
        ],
        "ticks": [(x(tick), f"{tick:g}") for tick in ticks(1, longest, 8) if tick == int(tick)],
        "several_trainings": any(len(own) > 1 for own in curves.values()),
        "data": {
            "from": 1,
            "to": longest,
            "at": min(epochs),
            "step": 1,
            "unit": "epoch",
            "values": {
                name: {
                    "validation": _means([curve.validation for curve, _ in own]),
                    "training": _means([curve.train for curve, _ in own]),
                }
                for name, own in curves.items()
            },
        },
    }


def _lines(curves: AccuracyCurves, summary: TrainingSummary, x: Scale) -> dict[str, Any]:
    """Both curves of one training, and the place of its best epoch."""
    y = scale(0.0, 1.0)
    epochs = range(1, 1 + len(curves.validation))
    best = summary.training.best_epoch if summary.training else None
    known = best is not None and best in epochs
    return {
        "train": polyline(epochs, curves.train, x, y),
        "validation": polyline(epochs, curves.validation, x, y),
        "best": (x(best), y(curves.validation[best - 1])) if best is not None and known else None,
    }


def _means(curves: Sequence[Sequence[float]]) -> list[float]:
    """The mean at each epoch, over the trainings that lasted that long."""
    return [round(fmean(value for value in values if value is not None), 4) for values in zip_longest(*curves)]


def _recipes(trainings: Mapping[str, Sequence[TrainingSummary]]) -> list[tuple[str, list[str]]]:
    """The rows of the table of recipes: a setting, and its value for each family."""
    columns: list[dict[str, str]] = []
    for own in trainings.values():
        recipe = {key: value for key, value in asdict(own[0].recipe).items() if key not in ("family", "seed")}
        if pretrained_backbone(own[0].recipe.options) is not None and not own[0].recipe.finetune:
            recipe["augment"] = "none"
        records = [summary.training for summary in own if summary.training]
        recipe["seed"] = ", ".join(dict.fromkeys(str(summary.recipe.seed) for summary in own))
        recipe["epochs run"] = ", ".join(str(training.epochs) for training in records)
        recipe["best epoch"] = ", ".join(str(training.best_epoch) for training in records)
        recipe["training time"] = ", ".join(seconds(training.seconds) for training in records)
        columns.append(dict(_flatten(recipe)))
    keys = list(dict.fromkeys(key for column in columns for key in column))
    return [(key, [column.get(key, "") for column in columns]) for key in keys]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as names and texts: {"spec": {"frames": 16}} -> ("spec: frames", "16")."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = prefix + str(key).replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flatten(value, name + ": ")
        elif isinstance(value, list | tuple):
            rows.append((name, " \N{MULTIPLICATION SIGN} ".join(map(str, value))))
        elif isinstance(value, bool) or value is None:
            rows.append((name, {True: "yes", False: "no", None: UNKNOWN}[value]))
        else:
            rows.append((name, number(value) if isinstance(value, float) else str(value)))
    return rows


def _gist(record: Record) -> str:
    specs = [result.spec for result in record.results.values() if result.spec]
    if not specs:
        return "curves and recipes"
    frames = _range([spec.frames for spec in specs])
    windows = [spec.seconds for spec in specs if spec.seconds is not None]
    where = f"in windows of {_range(windows)} s" if windows else "spread over the video"
    return f"curves and recipes; {frames} {'frame' if frames == '1' else 'frames'} per clip, {where}"


def _range(values: Sequence[float]) -> str:
    """4, or 1 to 16."""
    return " to ".join(dict.fromkeys(number(value) for value in (min(values), max(values))))


TRAINING = Section("Training", _facts, "sections/training.html", _gist)
