"""What each model was given to try, and what it chose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stillmotion.comparison import ModelResult, SearchRecord
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section, count, number


def _facts(record: Record) -> Mapping[str, Any]:
    searches = {name: result.searches for name, result in record.results.items()}
    if not any(searches.values()):
        return {}
    trials = [
        {"family": name, "fold": fold if len(folds) > 1 else None, **vars(trial)}
        for name, folds in searches.items()
        for fold, search in enumerate(folds, start=1)
        for trial in search.trials
    ]
    return {
        "cross_validated": record.comparison.data.cross_validated,
        "rows": [_row(name, result) for name, result in record.results.items()],
        "trials": trials,
        "budget": _budget(record),
    }


def _budget(record: Record) -> str:
    """What every model was given: the same for all, but that some settings do not apply to clips of one frame."""
    searched = [result.searches for result in record.results.values() if result.searches]
    folds: Sequence[SearchRecord] = max(searched, key=lambda searches: len(searches[0].trials))
    trials, minutes = len(folds[0].trials), folds[0].minutes
    settings = f"the same {trials} settings to choose from by validation" if trials else "its default settings"
    time = f", with an equal share of {number(minutes)} minutes" if minutes else ""
    return settings + time + (f", separately in each of {len(folds)} folds" if len(folds) > 1 else "")


def _row(name: str, result: ModelResult) -> dict[str, Any]:
    folds = result.searches
    chosen = Counter(trial.name for search in folds for trial in search.trials if trial.chosen)
    trials = sum(len(search.trials) for search in folds)
    epochs = sorted({search.epochs for search in folds})
    longest = f"at most {' to '.join(dict.fromkeys(map(str, (epochs[0], epochs[-1]))))} epochs" if epochs else ""
    by_folds = [f"{setting} ({count(times, 'fold')})" for setting, times in chosen.items()]
    return {
        "name": name,
        "budget": ", then ".join(filter(None, (count(trials, "trial") if trials else "", longest))),
        "chosen": ", ".join(by_folds if len(folds) > 1 else chosen) or "the defaults",
        "validation": result.validation_accuracy,
    }


def _gist(record: Record) -> str:
    return f"every {'contender' if record.comparison.ladder else 'family'} had {_budget(record)}"


SEARCH = Section("Search and training budget", _facts, "sections/search.html", _gist)
