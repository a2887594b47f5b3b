"""The labels that motion helps most and least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section

EACH_END = 8
MOST_PAIRS = 12


def _facts(record: Record) -> Mapping[str, Any]:
    verdict = record.comparison.verdict
    if verdict is None or not verdict.labels:
        table = _table(record)
        return {"pair": None, "table": table} if table else {}
    rows = list(verdict.labels)
    cut = len(rows) > 2 * EACH_END + 2
    shown = [*rows[:EACH_END], None, *rows[-EACH_END:]] if cut else [*rows]
    only = [pair for pair in verdict.pairs if pair.only_motion]
    return {"pair": record.pair, "rows": shown, "cut": cut, "only": only[:MOST_PAIRS], "more": len(only) - MOST_PAIRS}


def _table(record: Record) -> list[tuple[str, int, list[float | None]]]:
    per_label = [result.per_label for result in record.results.values()]
    names = list(dict.fromkeys(label for labels in per_label for label in labels))
    return [
        (
            name,
            max(labels[name].videos for labels in per_label if name in labels),
            [labels[name].recall.value if name in labels else None for labels in per_label],
        )
        for name in names
    ]


def _gist(record: Record) -> str:
    verdict = record.comparison.verdict
    if verdict is None or not verdict.labels:
        return "the share of each label's videos that is found"
    helped = sum(one.significant for one in verdict.labels)
    only = sum(pair.only_motion for pair in verdict.pairs)
    apart = f"; {only} pair{'' if only == 1 else 's'} told apart only by motion" if only else ""
    return f"{helped} of {len(verdict.labels)} labels surely told better{apart}"


LABELS = Section("Label by label", _facts, "sections/labels.html", _gist)
