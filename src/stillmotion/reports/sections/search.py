"""What each family was given to try, and chose: the equal chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stillmotion.comparison import FamilyResult, SearchRecord
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, number


def _facts(record: Record) -> Mapping[str, Any]:
    searches = {name: result.searches for name, result in record.results.items()}
    if not any(searches.values()):
        return {}
    trials = [
        {"family": name, "fold": fold if len(folds) > 1 else None, **vars(trial)}
        for name, folds in searches.items()
        for fold, search in enumerate(folds, 1)
        for trial in search.trials
    ]
    return {
        "crossed": record.comparison.data.cross_validated,
        "rows": [_row(name, result) for name, result in record.results.items()],
        "trials": trials,
        "given": _given(next(folds for folds in searches.values() if folds)),
    }


def _given(folds: Sequence[SearchRecord]) -> str:
    """What is the same for all, from any family's searches."""
    count, minutes = len(folds[0].trials), folds[0].minutes
    settings = f"the same {count} settings to choose from, by validation" if count else "its default settings"
    time = f", with an equal share of {number(minutes)} minutes" if minutes else ""
    return settings + time + (f", in each of {len(folds)} folds anew" if len(folds) > 1 else "")


def _row(name: str, result: FamilyResult) -> dict[str, Any]:
    folds = result.searches
    chosen = Counter(trial.name for search in folds for trial in search.trials if trial.chosen)
    count = sum(len(search.trials) for search in folds)
    epochs = sorted({search.epochs for search in folds})
    span = "" if not epochs else f"{epochs[0]} epochs" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]} epochs"
    tried = f"{count} trial{'' if count == 1 else 's'}, then " if count else ""
    several = [f"{setting} ({times} fold{'' if times == 1 else 's'})" for setting, times in chosen.items()]
    return {
        "name": name,
        "given": f"{tried}at most {span}" if span else tried,
        "chose": ", ".join(several if len(folds) > 1 else chosen) or "the defaults",
        "validation": result.validation_accuracy,
    }


def _gist(record: Record) -> str:
    return "every family had " + _given(next(result.searches for result in record.results.values() if result.searches))


SEARCH = Section("An equal chance", _facts, "sections/search.html", _gist)
