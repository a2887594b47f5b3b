"""How the families were trained, and on what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.reports.geometry import polyline, scale, ticks
from stillmotion.reports.records import Record, RunFiles
from stillmotion.reports.rendering import Section, number, seconds

PARTS = ("train", "validation", "test")


def _facts(record: Record) -> Mapping[str, Any]:
    data, run = record.comparison.data, record.first_run
    recipe, names = _recipe(record)
    counts = data.get("videos_per_label") or {}
    facts = {
        "curves": [one for one in (_curves(record, name) for name in record.families) if one["runs"]],
        "recipe": recipe,
        "names": names,
        "searches": _searches(record),
        "folds": bool(data.get("cross_validated")),
        "parts": [
            {"name": part, "videos": data["videos"].get(part), "groups": (data.get("groups") or {}).get(part)}
            for part in (PARTS if data.get("videos") else ())
        ],
        "labels": [(label, counts.get(label)) for label in data.get("labels") or ()],
        "left_out": [(one.get("path", ""), one.get("reason", "")) for one in data.get("left_out") or ()],
        "versions": [f"{name} {version}" for name, version in (run.get("versions") or {}).items()],
        "fingerprint": str((run.get("data") or {}).get("fingerprint", ""))[:12] or "unknown",
    }
    return facts if record.families or any(facts[key] for key in ("parts", "labels", "left_out")) else {}


def _searches(record: Record) -> list[dict[str, Any]]:
    """What each family was given on each fold: the trials of its search, and the time where that was set."""
    rows = []
    for name in record.families:
        given = record.comparison.families[name].figures.get("search") or ()
        for place, fold in enumerate(given, 1):
            for trial in fold.get("trials") or ():
                rows.append({"family": name, "fold": place if len(given) > 1 else None, **trial})
    return rows


def _curves(record: Record, name: str) -> dict[str, Any]:
    runs = [run for run in record.runs.get(name, ()) if run.history]
    longest = max((row.get("epoch", 0.0) for run in runs for row in run.history), default=1.0)
    x, y = scale(1.0, max(longest, 2.0)), scale(0.0, 1.0)

    def curve(run: RunFiles, key: str) -> str:
        rows = [row for row in run.history if "epoch" in row and key in row]
        return polyline([row["epoch"] for row in rows], [row[key] for row in rows], x, y)

    def best(run: RunFiles) -> tuple[float, float] | None:
        epoch = (run.run.get("training") or {}).get("best_epoch")
        rows = [row for row in run.history if row.get("epoch") == epoch and "val_accuracy" in row]
        return (x(float(epoch)), y(rows[0]["val_accuracy"])) if rows and epoch is not None else None

    lines = [
        {"train": curve(run, "accuracy"), "validation": curve(run, "val_accuracy"), "best": best(run)}
        for run in runs
    ]
    marks = [tick for tick in ticks(1, longest, 4) if tick == int(tick)]
    return {"name": name, "runs": lines, "ticks": [(x(mark), f"{mark:g}") for mark in marks]}


def _recipe(record: Record) -> tuple[list[tuple[str, list[str]]], list[str]]:
    columns: dict[str, dict[str, str]] = {}
    for name in record.families:
        runs = [run.run for run in record.runs.get(name, ()) if run.run]
        if runs:
            recipe = dict(runs[0].get("recipe") or {})
            recipe.pop("family", None)
            recipe["seed"] = ", ".join(str((run.get("recipe") or {}).get("seed", "")) for run in runs)
            training = runs[0].get("training") or {}
            recipe |= {"epochs run": training.get("epochs"), "best epoch": training.get("best_epoch")}
            recipe["training time"] = seconds(training.get("seconds"))
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


TRAINING = Section("How they were trained", _facts, "sections/training.html")
