"""Predictions over time, read from the runs' files."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillmotion.comparison.traces import TimedProbabilities, make_trace, read_over_time


def write(path: Path, videos: dict[str, list[float]], label: str = "a") -> Path:
    """Probabilities of a label for each video, a second apart, in reverse order of time."""
    rows = [
        {"video": video, "seconds": float(second), f"prob_{label}": p, "prob_b": 1 - p}
        for video, values in videos.items()
        for second, p in reversed(list(enumerate(values)))
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_predictions_are_read_by_video_in_the_order_of_time(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", {"y": [0.1, 0.2, 0.3], "x": [0.9, 0.8]})
    by_video = read_over_time([path], ("b", "a"))
    assert set(by_video) == {"x", "y"}
    np.testing.assert_allclose(by_video["y"].seconds, [0, 1, 2])
    np.testing.assert_allclose(by_video["y"].probabilities, [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    np.testing.assert_allclose(by_video["x"].probabilities[:, 1], [0.9, 0.8])


def test_only_some_videos_are_read_and_the_first_file_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "1.parquet", {"x": [0.9], "y": [0.1]})
    second = write(tmp_path / "2.parquet", {"x": [0.5], "z": [0.4]})
    by_video = read_over_time([first, second], ("a", "b"), {"x", "z"})
    assert {video: timed.probabilities[0, 0] for video, timed in by_video.items()} == {"x": 0.9, "z": 0.4}


def test_files_that_are_missing_or_of_other_labels_are_skipped(tmp_path: Path) -> None:
    other_labels = write(tmp_path / "o.parquet", {"x": [0.9]}, label="c")
    good = write(tmp_path / "g.parquet", {"y": [0.1]})
    assert set(read_over_time([tmp_path / "none.parquet", other_labels, good], ("a", "b"))) == {"y"}


def test_a_trace_is_rounded() -> None:
    timed = TimedProbabilities(np.array([0.12345, 1.0]), np.array([[0.123456, 0.876544], [0.66666, 0.33334]]))
    trace = make_trace(timed, ("a", "b"))
    assert trace.seconds == (0.123, 1.0)
    assert trace.labels == ("b", "a")
    assert trace.confidence == (0.8765, 0.6667)
    assert trace.probabilities["b"] == pytest.approx((0.8765, 0.3333))
