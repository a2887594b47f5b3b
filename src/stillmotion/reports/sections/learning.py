"""Whether more footage would help: accuracy against the number of training groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillmotion.comparison import LearningPoint
from stillmotion.reports.curves import accuracy_plot
from stillmotion.reports.geometry import scale
from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section


def _facts(record: Record) -> Mapping[str, Any]:
    by_model: dict[str, list[LearningPoint]] = {}
    for point in record.comparison.learning:
        by_model.setdefault(point.model, []).append(point)
    if not by_model:
        return {}
    groups = dict.fromkeys(point.groups for point in record.comparison.learning)
    return {
        "sentence": record.comparison.learning_sentence,
        "names": list(by_model),
        "rows": list(zip(*by_model.values(), strict=True)),
        "plot": accuracy_plot(
            record,
            {name: [(point.groups, point.accuracy) for point in points] for name, points in by_model.items()},
            scale(0.0, 1.12 * max(groups)),
            {number: number for number in groups},
        ),
    }


def _gist(record: Record) -> str:
    conclusion, _, _ = record.comparison.learning_sentence.partition(":")
    return conclusion


LEARNING = Section("More footage", _facts, "sections/learning.html", _gist)
