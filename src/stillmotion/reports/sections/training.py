"""How the families were trained: curves and recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from statistics import fmean
from typing import Any

from stillmotion.reports.geometry import Scale, polyline, scale, ticks
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number, seconds

_KINDS = {"val_accuracy": "validation", "accuracy": "training"}


def _facts(record: Record) -> Mapping[str, Any]:
    trainings = {name: record.comparison.families[name].figures.get("trainings") or [] for name in record.families}
    curves = {name: [one for one in ones if (one.get("curves") or {}).get("val_accuracy")]
              for name, ones in trainings.items()}  # fmt: skip
    longest = max((len(one["curves"]["val_accuracy"]) for ones in curves.values() for one in ones), default=0)
    shortest = min((len(one["curves"]["val_accuracy"]) for ones in curves.values() for one in ones), default=1)
    x = scale(1.0, max(longest, 2.0))
    recipe, names = _recipe(trainings)
    facts = {
        "curves": [{"name": name, "runs": [_lines(one, x) for one in ones]} for name, ones in curves.items() if ones],
        "cursor": {"from": 1, "to": longest, "at": shortest, "step": 1, "unit": "epoch", "values": {
            name: {kind: _means([one["curves"][key] for one in ones]) for key, kind in _KINDS.items()}
            for name, ones in curves.items() if ones}},
        "many": any(len(ones) > 1 for ones in curves.values()),
        "ticks": [(x(mark), f"{mark:g}") for mark in ticks(1, longest, 8) if mark == int(mark)] if longest else [],
        "recipe": recipe,
        "names": names,
        "folds": bool(record.comparison.data.get("cross_validated")),
        "versions": [f"{name} {version}" for name, version in (record.comparison.data.get("versions") or {}).items()],
    }  # fmt: skip
    return facts if facts["curves"] or recipe else {}


def _lines(training: Mapping[str, Any], x: Scale) -> dict[str, Any]:
    y = scale(0.0, 1.0)
    curves, best = training["curves"], training.get("best_epoch")
    lines = {
        kind: polyline(range(1, 1 + len(curves[key])), curves[key], x, y) for key, kind in
        (("accuracy", "train"), ("val_accuracy", "validation"))
    }  # fmt: skip
    if best is None or best > len(curves["val_accuracy"]):
        return {**lines, "best": None}
    return {**lines, "best": (x(best), y(curves["val_accuracy"][best - 1]))}


def _means(curves: Sequence[Sequence[float]]) -> list[float]:
    """Over the trainings that went on to each epoch."""
    return [round(fmean(value for value in values if value is not None), 4) for values in zip_longest(*curves)]


def _recipe(trainings: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[list[tuple[str, list[str]]], list[str]]:
    columns: dict[str, dict[str, str]] = {}
    for name, ones in trainings.items():
        if ones:
            recipe = {key: value for key, value in ones[0]["recipe"].items() if key not in ("family", "seed")}
            recipe["seed"] = ", ".join(dict.fromkeys(str(one["recipe"].get("seed", "")) for one in ones))
            recipe |= {"epochs run": _each(ones, "epochs"), "best epoch": _each(ones, "best_epoch")}
            recipe["training time"] = ", ".join(seconds(one.get("seconds")) for one in ones)
            columns[name] = dict(_flatten(recipe))
    keys = list(dict.fromkeys(key for column in columns.values() for key in column))
    return [(key, [column.get(key, "") for column in columns.values()]) for key in keys], list(columns)


def _each(trainings: Sequence[Mapping[str, Any]], key: str) -> str:
    return ", ".join(str(one.get(key, "")) for one in trainings)


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
    rate = spec.get("rate")
    how = "" if not spec else f"{spec.get('frames')} frames a clip, " + (
        "spread over the video" if rate == "spread" else f"{rate} a second")  # fmt: skip
    return f"curves and recipes{f'; {how}' if how else ''}"


TRAINING = Section("How they were trained", _facts, "sections/training.html", _gist)
