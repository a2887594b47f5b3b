from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from stillmotion.comparison import read_predictions
from stillmotion.errors import StillmotionError

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
