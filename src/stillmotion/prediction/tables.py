"""Predictions as tables: one row per window, written as CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stillmotion.data.tables import probability_column
from stillmotion.errors import UsageError
from stillmotion.files import atomic_write
from stillmotion.models.cards import Outputs
from stillmotion.prediction.records import Probabilities, VideoPrediction, name_prediction

Row = dict[str, Any]


def evaluation_rows(predictions: Iterable[VideoPrediction]) -> list[Row]:
    """The rows of a run's predictions.parquet.

    Args:
        predictions: predictions for labeled videos.

    Returns:
        One row per window: the video, its true label and group, the window's number, start and end in seconds, and
        the probability of each label.
    """
    return [
        {
            "video": prediction.video.name,
            "label": prediction.video.label,
            "group": prediction.video.group,
            "window": number,
            "start_seconds": window[0],
            "end_seconds": window[1],
            **probability_columns(prediction.labels, prediction.window_probabilities[number]),
        }
        for prediction in predictions
        for number, window in enumerate(prediction.windows)
    ]


def prediction_rows(predictions: Iterable[VideoPrediction]) -> list[Row]:
    """The rows that a user of `stillmotion predict` gets.

    Args:
        predictions: predictions for any videos.

    Returns:
        For each video one row per window, then one for the whole video, whose `window` is "all": start and end in
        seconds, the predicted label and its probability, and the probability of each label. Independent labels are all
        named that are given, and have no `probability` in common. A regression has only its numbers, `value` or
        `value_<label>`. Where the run remembers its training clips, `unlike_training` and `distance` follow.
    """
    rows: list[Row] = []
    for prediction in predictions:
        spans = [(str(number), *window) for number, window in enumerate(prediction.windows)]
        spans.append(("all", prediction.windows[0][0], prediction.windows[-1][1]))
        all_probabilities = [*prediction.window_probabilities, prediction.probabilities]
        distances: list[float | None] = [None] * len(spans)
        if prediction.window_distances is not None:
            distances = [*map(float, prediction.window_distances), prediction.distance]
        for (window, start, end), probabilities, distance in zip(spans, all_probabilities, distances, strict=True):
            rows.append(
                {
                    "video": prediction.video.name,
                    "window": window,
                    "start_seconds": round(start, 3),
                    "end_seconds": round(end, 3),
                    **result_columns(probabilities, prediction.labels, prediction.outputs),
                    **distance_columns(distance),
                }
            )
    return rows


def result_columns(probabilities: Probabilities, labels: Sequence[str], outputs: Outputs) -> Row:
    """The cells of one row that say what was predicted; see `prediction_rows`.

    Args:
        probabilities: `(classes,)`.
        labels: the class names, in the order of the probabilities.
        outputs: what the model's outputs are.
    """
    if outputs == "regression":
        return {value_column(label): float(value) for label, value in zip(labels, probabilities, strict=True)}
    each = probability_columns(labels, probabilities)
    independent = outputs == "independent sigmoids"
    label = name_prediction(probabilities, labels, independent=independent)
    return {"label": label, **({} if independent else {"probability": float(probabilities.max())}), **each}


def distance_columns(distance: float | None) -> Row:
    """The cells of one row that say how unlike the training clips something is; none if that is not known."""
    return {} if distance is None else {"unlike_training": distance > 1, "distance": round(distance, 3)}


def value_column(label: str) -> str:
    """The name of the column that holds a regression's numbers of this name."""
    return label if label == "value" else f"value_{label}"


def probability_columns(labels: Sequence[str], probabilities: Probabilities) -> dict[str, float]:
    """The cells of one row that hold probabilities: `prob_<label>` for each label.

    Args:
        labels: the class names, in the order of the probabilities.
        probabilities: `(classes,)`.
    """
    return {probability_column(label): float(value) for label, value in zip(labels, probabilities, strict=True)}


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


WRITERS: Mapping[str, Callable[[Sequence[Row], Path], None]] = MappingProxyType(
    {".csv": _write_csv, ".jsonl": _write_json_lines, ".parquet": _write_parquet}
)


def check_ending(path: Path) -> None:
    """Check that a table can be written to a path, before the work is done.

    Args:
        path: the file to write.

    Raises:
        UsageError: its extension is none of `.csv`, `.jsonl` and `.parquet`.
    """
    if path.suffix.lower() not in WRITERS:
        raise UsageError(f"{path}: the name of a table must end in one of {', '.join(WRITERS)}")


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write a table in the format that the path's extension names; the file is complete or not there.

    Args:
        rows: all with the same columns.
        path: the file to write; one that exists is replaced.

    Raises:
        UsageError: an unknown extension.
        StillmotionError: the file cannot be written.
    """
    check_ending(path)
    with atomic_write(path) as part:
        WRITERS[path.suffix.lower()](rows, part)


def write_columns(columns: Mapping[str, Any], path: Path) -> None:
    """Write a Parquet file from whole columns, which is faster than rows; the file is complete or not there.

    Args:
        columns: sequences of the same length, by column name.
        path: the file to write; one that exists is replaced.

    Raises:
        StillmotionError: the file cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with atomic_write(path) as part:
        parquet.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), part)
