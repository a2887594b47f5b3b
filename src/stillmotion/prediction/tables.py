"""Answers as tables: a row a window, ready for CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stillmotion.errors import UsageError
from stillmotion.files import atomic_write
from stillmotion.prediction.videos import Probabilities, VideoPrediction

Row = dict[str, Any]


def evaluation_rows(answers: Iterable[VideoPrediction]) -> list[Row]:
    """Rows of a run's predictions.parquet: the video, its true label and group, a window, probabilities."""
    return [
        {
            "video": answer.video.name,
            "label": answer.video.label,
            "group": answer.video.group,
            "window": number,
            "start_seconds": window[0],
            "end_seconds": window[1],
            **named(answer.labels, answer.window_probabilities[number]),
        }
        for answer in answers
        for number, window in enumerate(answer.windows)
    ]


def prediction_rows(answers: Iterable[VideoPrediction]) -> list[Row]:
    """Rows for a user: each window's label and probability, then the whole video's (`window` is "all")."""
    rows = []
    for answer in answers:
        spans = [(str(n), *window) for n, window in enumerate(answer.windows)]
        spans.append(("all", answer.windows[0][0], answer.windows[-1][1]))
        for (window, start, end), found in zip(
            spans, [*answer.window_probabilities, answer.probabilities], strict=True
        ):
            best = int(found.argmax())
            rows.append(
                {
                    "video": answer.video.name,
                    "window": window,
                    "start_seconds": round(start, 3),
                    "end_seconds": round(end, 3),
                    "label": answer.labels[best],
                    "probability": float(found[best]),
                    **named(answer.labels, found),
                }
            )
    return rows


def named(labels: Sequence[str], found: Probabilities) -> dict[str, float]:
    """A column `prob_<label>` for each label."""
    return {column_of(label): float(value) for label, value in zip(labels, found, strict=True)}


def column_of(label: str) -> str:
    """The column of a label's probability."""
    return f"prob_{label}"


def _write_csv(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def _write_json_lines(rows: Sequence[Row], path: Path) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _write_parquet(rows: Sequence[Row], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(list(rows)), path)


def write_columns(columns: Mapping[str, Any], path: Path) -> None:
    """Write a Parquet file from whole columns, whole or not at all: for many rows.

    Raises:
        StillmotionError: it cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with atomic_write(path) as part:
        parquet.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), part)


WRITERS: Mapping[str, Callable[[Sequence[Row], Path], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
}


def check_ending(path: Path) -> None:
    """Refuse a table that we could not write, before the work is done.

    Raises:
        UsageError: naming the endings that there are.
    """
    if path.suffix.lower() not in WRITERS:
        raise UsageError(f"{path}: a table ends in one of {', '.join(WRITERS)}")


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write a table, in the form that its ending says; whole or not at all.

    Raises:
        UsageError: another ending.
        StillmotionError: it cannot be written.
    """
    check_ending(path)
    with atomic_write(path) as part:
        WRITERS[path.suffix.lower()](rows, part)
