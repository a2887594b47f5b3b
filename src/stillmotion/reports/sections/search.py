"""What each family was given to try, and chose: the equal chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number


def _facts(record: Record) -> Mapping[str, Any]:
    families = record.comparison.families
    searches = {name: families[name].figures.get("search") or [] for name in record.families}
    if not any(searches.values()):
        return {}
    trials = [
        {"family": name, "fold": fold if len(folds) > 1 else None, **trial}
        for name, folds in searches.items()
        for fold, one in enumerate(folds, 1)
        for trial in one.get("trials") or ()
    ]
    return {
        "crossed": bool(record.comparison.data.get("cross_validated")),
        "rows": [_row(record, name, folds) for name, folds in searches.items()],
        "trials": trials,
        "given": _given(next(folds for folds in searches.values() if folds)),
    }


def _given(folds: Sequence[Mapping[str, Any]]) -> str:
    """What is the same for all, from any family's search."""
    count, minutes = len(folds[0].get("trials") or ()), folds[0].get("minutes")
    settings = f"the same {count} settings to choose from, by validation" if count else "its default settings"
    time = f", with an equal share of {number(minutes)} minutes" if minutes else ""
    return settings + time + (f", in each of {len(folds)} folds anew" if len(folds) > 1 else "")


def _row(record: Record, name: str, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    chosen = Counter(trial["name"] for one in folds for trial in one.get("trials") or () if trial.get("chosen"))
    count = sum(len(one.get("trials") or ()) for one in folds)
    epochs = sorted({one["epochs"] for one in folds if one.get("epochs")})
    span = "" if not epochs else f"{epochs[0]} epochs" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]} epochs"
    tried = f"{count} trial{'' if count == 1 else 's'}, then " if count else ""
    several = [f"{setting} ({times} fold{'' if times == 1 else 's'})" for setting, times in chosen.items()]
    folded = ", ".join(several if len(folds) > 1 else chosen)
    return {
        "name": name,
        "given": f"{tried}at most {span}" if span else tried,
        "chose": folded or "the defaults",
        "validation": record.comparison.families[name].figures.get("validation_accuracy"),
    }


def _gist(record: Record) -> str:
    figures = (record.comparison.families[name].figures.get("search") for name in record.families)
    return "every family had " + _given(next(folds for folds in figures if folds))


SEARCH = Section("An equal chance", _facts, "sections/search.html", _gist)
