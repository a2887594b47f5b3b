"""The labels that motion helps most and least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stillmotion.comparison import decide
from stillmotion.comparison.intervals import difference_interval, effective_videos, group_codes
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section

EACH_END = 8


def _facts(record: Record) -> Mapping[str, Any]:
    pair = record.pair
    both = [record.predictions(name) for name in pair] if pair else []
    if not both or not all(both):
        table = _table(record)
        return {"pair": None, "table": table} if table else {}
    decide(*both)  # refuses what is not paired
    first = both[0][0]
    rights = [np.mean([run.right for run in runs], axis=0) for runs in both]
    _, codes = group_codes(first.groups)
    rows: list[dict[str, Any]] = []
    for index, label in enumerate(first.labels):
        mine = first.truth == index
        if mine.any():
            change = (rights[1] - rights[0])[mine]
            gain = float(change.mean())
            videos = effective_videos(change, codes[mine])
            low, high = difference_interval(gain, float((change**2).mean()), videos)
            rows.append({
                "label": label, "videos": int(mine.sum()), "gain": gain, "low": low, "high": high,
                "still": 100 * float(rights[0][mine].mean()), "motion": 100 * float(rights[1][mine].mean()),
            })  # fmt: skip
    rows.sort(key=lambda row: -row["gain"])
    cut = len(rows) > 2 * EACH_END + 2
    shown: list[dict[str, Any] | None] = [*rows[:EACH_END], None, *rows[-EACH_END:]] if cut else [*rows]
    return {"pair": pair, "rows": shown, "cut": cut}


def _table(record: Record) -> list[tuple[str, int, list[float | None]]]:
    per_label = [record.comparison.families[name].figures.get("per_label") or {} for name in record.families]
    names = list(dict.fromkeys(label for labels in per_label for label in labels))
    return [
        (name, max(labels.get(name, {}).get("videos", 0) for labels in per_label),
         [labels.get(name, {}).get("recall") for labels in per_label])
        for name in names
    ]  # fmt: skip


LABELS = Section("Where motion helps most and least", _facts, "sections/labels.html")
