"""Confusion matrices, or the most frequent mistakes where there are many labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stillmotion.reports.records import Record
from stillmotion.reports.rendering import Section
from stillmotion.statistics import Floats

# With more labels, a list of the most frequent mistakes is easier to read than a matrix.
MAX_MATRIX_LABELS = 24
# With more labels, columns have numbers instead of names.
MAX_NAMED_COLUMNS = 8
# Up to so many labels, three and two matrices fit side by side.
MAX_LABELS_OF_THREE, MAX_LABELS_OF_TWO = 6, 10
MAX_MISTAKES = 15


def _facts(record: Record) -> Mapping[str, Any]:
    labels = record.comparison.data.labels
    models = []
    for name, result in record.results.items():
        matrix = np.array(result.confusion, float)
        if labels and matrix.shape == (len(labels), len(labels)):
            models.append({"name": name, "rows": _rows(labels, matrix), "mistakes": _mistakes(labels, matrix)})
    if not models:
        return {}
    width = "full" if len(labels) > MAX_LABELS_OF_TWO else "wide" if len(labels) > MAX_LABELS_OF_THREE else ""
    return {
        "models": models,
        "labels": labels,
        "has_matrix": len(labels) <= MAX_MATRIX_LABELS,
        "width": width,
        "numbered": len(labels) > MAX_NAMED_COLUMNS,
    }


def _rows(labels: tuple[str, ...], matrix: Floats) -> list[tuple[str, list[dict[str, Any]]]]:
    rows = []
    for index, label in enumerate(labels):
        total = max(float(matrix[index].sum()), 1e-9)
        cells = [
            {"share": round(100 * float(videos) / total), "correct": column == index, "text": _count(videos)}
            for column, videos in enumerate(matrix[index])
        ]
        rows.append((label, cells))
    return rows


def _mistakes(labels: tuple[str, ...], matrix: Floats) -> list[tuple[str, str, str]]:
    """True label, predicted label and number of videos, the most frequent mistake first."""
    cells = [(float(matrix[i, j]), i, j) for i in range(len(labels)) for j in range(len(labels)) if i != j]
    mistakes = sorted((cell for cell in cells if cell[0] > 0), key=lambda cell: -cell[0])
    return [(labels[i], labels[j], _count(videos)) for videos, i, j in mistakes[:MAX_MISTAKES]]


def _count(videos: float) -> str:
    """A number of videos, with a fraction if it is a mean over trainings; empty for 0."""
    return "" if videos == 0 else f"{videos:.1f}".removesuffix(".0")


def _gist(record: Record) -> str:
    verdict = record.comparison.verdict
    chosen = (record.comparison.model_to_use or verdict.motion) if verdict else record.models[0]
    if not record.comparison.beats_guessing.get(chosen, True):
        return f"the mistakes of {chosen} are those of guessing, or nearly"
    for model in _facts(record).get("models", ()):
        mistakes = model["mistakes"] if model["name"] == chosen else []
        if len(mistakes) > 1 and mistakes[0][2] == mistakes[1][2]:
            return f"no mistake of {chosen} stands out"
        for label, predicted, videos in mistakes[:1]:
            return (
                f"{chosen} most often mistakes {label} for {predicted} ({videos} video{'' if videos == '1' else 's'})"
            )
    return f"{chosen} makes no mistake"


CONFUSION = Section("Confusion matrix", _facts, "sections/confusion.html", _gist)
