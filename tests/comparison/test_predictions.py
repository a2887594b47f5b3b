from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from stillmotion.comparison import Predictions, read_predictions
from stillmotion.errors import StillmotionError, UsageError

TABLE = {
    "video": ["1", "0", "1"],
    "label": ["x", "y/'\" 🎉", "x"],
    "group": ["7", "", "7"],
    "window": [0, 0, 1],
    "prob_x": [0.9, 0.4, 0.3],
    "prob_y/'\" 🎉": [0.1, 0.6, 0.7],
}


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_windows_are_averaged_and_videos_sorted(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"p.{ending}"
    table = pa.table(TABLE)
    pq.write_table(table, path) if ending == "parquet" else pa_csv.write_csv(table, path)
    stored = read_predictions(path)
    assert stored.videos == ("0", "1")
    assert stored.groups == ("0", "7")  # a video without a group is its own
    assert stored.labels == ("x", "y/'\" 🎉")
    np.testing.assert_allclose(stored.probabilities, [[0.4, 0.6], [0.6, 0.4]])
    assert stored.correct.tolist() == [True, True]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"video": None}, "no column video"),
        ({"prob_x": None, "prob_y/'\" 🎉": None}, "prob_<label>"),
        ({"label": ["z", "x", "x"]}, "no probabilities for the label 'z'"),
        ({"prob_x": [0.9, None, 0.1]}, "missing"),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, change: dict[str, list[object] | None], words: str) -> None:
    table = {name: values for name, values in {**TABLE, **change}.items() if values is not None}
    pq.write_table(pa.table(table), tmp_path / "p.parquet")
    with pytest.raises(StillmotionError, match=words):
        read_predictions(tmp_path / "p.parquet")


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(StillmotionError, match="no such file"):
        read_predictions(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(StillmotionError, match="not a readable table"):
        read_predictions(tmp_path / "text.parquet")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"truth": [0.9, 1]}, "truth holds numbers of labels, from 0 to 1"),
        ({"truth": [float("nan"), 1]}, "truth holds numbers of labels, from 0 to 1"),
        ({"truth": [0, 2]}, "truth holds numbers of labels, from 0 to 1"),
        ({"groups": [None, None]}, "the group of the video 'a' is missing; give the video's name if"),
        ({"groups": ["monday", ""]}, "the group of the video 'b' is missing"),
        ({"groups": ["monday", float("nan")]}, "the group of the video 'b' is missing"),
        ({"labels": ["x", "x"]}, "the label 'x' is there twice"),
    ],
)
def test_predictions_made_by_hand_are_not_bent(change: dict[str, Any], words: str) -> None:
    given = {"videos": "ab", "groups": [1, 2], "labels": "xy", "truth": [0.0, 1], "probabilities": [[1, 0], [0, 1]]}
    predictions = Predictions(**given)  # type: ignore[arg-type]
    assert predictions.groups == ("1", "2") and predictions.truth.tolist() == [0, 1]
    with pytest.raises(UsageError, match=words):
        Predictions(**{**given, **change})
