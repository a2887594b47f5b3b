"""Predictions as rows, and rows as files."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from stillmotion.data import Video
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.prediction import VideoPrediction, check_ending, evaluation_rows, prediction_rows, write_rows

PREDICTION = VideoPrediction(
    Video("a.mp4", "x", "g"),
    ((0.0, 1.0), (1.0, 2.12345)),
    np.array([[0.9, 0.1], [0.3, 0.7]], np.float32),
    ("x", "y 🎉"),
)


def test_a_videos_prediction_is_the_mean_of_its_windows() -> None:
    np.testing.assert_allclose(PREDICTION.probabilities, [0.6, 0.4], rtol=1e-6)
    assert PREDICTION.label == "x"
    assert PREDICTION.probability == pytest.approx(0.6)


def test_users_get_a_row_per_window_and_one_for_the_whole_video() -> None:
    rows = prediction_rows([PREDICTION])
    assert [(row["window"], row["label"], row["start_seconds"], row["end_seconds"]) for row in rows] == [
        ("0", "x", 0.0, 1.0),
        ("1", "y 🎉", 1.0, 2.123),
        ("all", "x", 0.0, 2.123),
    ]
    assert [row["probability"] for row in rows] == pytest.approx([0.9, 0.7, 0.6])
    assert [row["prob_y 🎉"] for row in rows] == pytest.approx([0.1, 0.7, 0.4])


def test_independent_labels_are_all_named_and_a_regression_is_a_number() -> None:
    labels = dataclasses.replace(PREDICTION, outputs="independent sigmoids")
    window, _, video = prediction_rows([labels])
    assert [window["label"], video["label"], labels.label] == ["x", "x", "x"] and "probability" not in window
    both = np.array([[0.9, 0.6], [0.1, 0.2]], np.float32)
    assert [row["label"] for row in prediction_rows([dataclasses.replace(labels, window_probabilities=both)])] == [
        "x + y 🎉",
        "none",
        "x",
    ]
    numbers = np.array([[42.5, -1], [43.5, 0]], np.float32)
    regression = dataclasses.replace(
        PREDICTION, outputs="regression", window_probabilities=numbers, labels=("a", "value")
    )
    *_, row = prediction_rows([regression])
    assert regression.label == "" and not {"label", "probability"} & set(row)
    assert (row["value_a"], row["value"]) == (43.0, -0.5)


def test_evaluation_rows_have_the_true_label_and_the_group() -> None:
    rows = evaluation_rows([PREDICTION])
    assert [(row["label"], row["group"], row["window"], row["end_seconds"]) for row in rows] == [
        ("x", "g", 0, 1.0),
        ("x", "g", 1, 2.12345),
    ]
    assert [row["prob_x"] for row in rows] == pytest.approx([0.9, 0.3])


@pytest.mark.parametrize("rows", [prediction_rows([PREDICTION]), []], ids=["rows", "no rows"])
def test_every_format_of_table_can_be_written(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    for ending in (".csv", ".jsonl", ".parquet", ".CSV"):
        write_rows(rows, tmp_path / f"table{ending}")
    assert [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()] == rows
    assert pq.read_table(tmp_path / "table.parquet").to_pylist() == rows
    for name in ("table.csv", "table.CSV"):
        with (tmp_path / name).open(newline="", encoding="utf-8") as file:
            assert list(csv.DictReader(file)) == [{key: str(value) for key, value in row.items()} for row in rows]


def test_an_unknown_ending_is_refused_before_the_work_is_done(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"t\.xlsx: .*\.csv, \.jsonl, \.parquet"):
        check_ending(tmp_path / "t.xlsx")
    with pytest.raises(UsageError, match=r"\.csv, \.jsonl, \.parquet"):
        write_rows([], tmp_path / "t.xlsx")
    with pytest.raises(StillmotionError, match="cannot be written"):
        write_rows([], tmp_path / "none" / "t.csv")
    assert list(tmp_path.iterdir()) == []
