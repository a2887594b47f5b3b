"""What each family takes for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stillmotion.comparison import family_to_use
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section

LARGEST = 24  # labels; beyond, a list of the most frequent mistakes is easier to read
NAMED = 8  # labels whose columns have names, not numbers
THREE, TWO = 6, 10  # labels whose matrices stand so many in a row
MISTAKES = 15


def _facts(record: Record) -> Mapping[str, Any]:
    labels = record.comparison.data.labels
    models = []
    for name, result in record.results.items():
        table = np.array(result.confusion, float)
        if table.shape == (len(labels), len(labels)) and len(labels):
            models.append({"name": name, "rows": _rows(labels, table), "mistakes": _mistakes(labels, table)})
    if not models:
        return {}
    many = len(labels)
    width = "" if many <= THREE else "wide" if many <= TWO else "one"
    return {"models": models, "labels": labels, "matrix": many <= LARGEST, "width": width, "numbered": many > NAMED}


def _rows(labels: tuple[str, ...], table: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    rows = []
    for index, label in enumerate(labels):
        total = max(float(table[index].sum()), 1e-9)
        shares = [float(count) / total for count in table[index]]
        cells = [
            {
                "share": round(100 * share),
                "right": column == index,
                "text": _count(count),
            }
            for column, (share, count) in enumerate(zip(shares, table[index], strict=True))
        ]
        rows.append((label, cells))
    return rows


def _mistakes(labels: tuple[str, ...], table: Any) -> list[tuple[str, str, str]]:
    pairs = [(float(table[i, j]), i, j) for i in range(len(labels)) for j in range(len(labels)) if i != j]
    worst = sorted((pair for pair in pairs if pair[0] > 0), key=lambda pair: -pair[0])[:MISTAKES]
    return [(labels[i], labels[j], _count(count)) for count, i, j in worst]


def _count(count: float) -> str:
    """Whole videos; a mean over seeds may have a fraction; nothing for none."""
    return "" if count == 0 else f"{count:.1f}".removesuffix(".0")


def _gist(record: Record) -> str:
    verdict = record.comparison.verdict
    chosen = (family_to_use(record.comparison) or verdict.motion) if verdict else record.families[0]
    for one in _facts(record).get("models", ()):
        mistakes = one["mistakes"] if one["name"] == chosen else []
        if len(mistakes) > 1 and mistakes[0][2] == mistakes[1][2]:
            return f"no mistake of {chosen} stands out"
        for label, answer, count in mistakes[:1]:
            return f"{chosen} most often takes {label} for {answer} ({count} video{'' if count == '1' else 's'})"
    return f"{chosen} makes no mistake"


CONFUSION = Section("What is taken for what", _facts, "sections/confusion.html", _gist)
