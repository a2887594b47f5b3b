"""The models that competed for each rung of the ladder, and which of them validation chose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.comparison import ContenderResult
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section


def _facts(record: Record) -> Mapping[str, Any]:
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "milliseconds": result.cost.milliseconds_per_clip,
            "contenders": [(contender, _mean_accuracy(contender)) for contender in result.contenders],
        }
        for name, result in record.results.items()
        if result.contenders
    ]
    folds = max((len(contender.validation_accuracies) for row in rows for contender, _ in row["contenders"]), default=0)
    compete = any(len(row["contenders"]) > 1 for row in rows)
    return {"rows": rows, "folds": folds} if compete else {}


def _gist(record: Record) -> str:
    return "; ".join(
        f"{name}: {' or '.join(contender.name for contender in result.contenders if contender.chosen_folds)}"
        for name, result in record.results.items()
        if result.contenders
    )


def _mean_accuracy(contender: ContenderResult) -> float | None:
    accuracies = contender.validation_accuracies
    return sum(accuracies) / len(accuracies) if accuracies else None


CONTENDERS = Section("Contenders of each rung", _facts, "sections/contenders.html", _gist)
