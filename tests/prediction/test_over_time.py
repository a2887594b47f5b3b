"""Predictions in the course of a video: what each of them may see."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import stillmotion as sm
from helpers.media import noise, write_video

pytestmark = pytest.mark.backend


def predict_over_time(run: sm.Run, files: list[Path], tmp_path: Path) -> list[list[dict[str, Any]]]:
    """The rows for each file."""
    copy = sm.Run(Path(shutil.copytree(run.folder, tmp_path / "run", dirs_exist_ok=True)), run.record)
    videos = sm.Videos(tmp_path, tuple(sm.Video(file.name) for file in files))
    rows = pq.read_table(sm.predict_over_time(copy, videos).over_time_file).to_pylist()
    return [[row for row in rows if row["video"] == file.name] for file in files]


def probabilities(rows: list[dict[str, Any]]) -> np.ndarray:
    return np.array([[row["prob_left"], row["prob_right"]] for row in rows])


@pytest.mark.parametrize("frames", [4, 12], ids=["a window is the whole video", "a window is a part of the video"])
def test_no_prediction_of_a_motion_model_sees_a_later_frame(frames: int, motion_run: sm.Run, tmp_path: Path) -> None:
    first = frames // 2  # whatever is shown from here on is something else in the other video
    pictures = noise(frames)
    changed = np.concatenate([pictures[:first], noise(frames - first, seed=1)])
    files = [write_video(tmp_path / "one.mp4", pictures), write_video(tmp_path / "other.mp4", changed)]
    rows, changed_rows = predict_over_time(motion_run, files, tmp_path)
    seconds = np.array([row["seconds"] for row in rows])
    assert seconds.tolist() == [row["seconds"] for row in changed_rows]
    before = seconds <= first / 10 + 1e-6
    assert 2 <= before.sum() < len(rows)
    difference = np.abs(probabilities(rows) - probabilities(changed_rows)).max(axis=1)
    np.testing.assert_allclose(difference[before], 0, atol=1e-6)
    assert difference[-1] > 1e-3


def test_the_last_prediction_of_a_motion_model_has_seen_all_that_the_videos_has(
    motion_run: sm.Run, tmp_path: Path
) -> None:
    file = write_video(tmp_path / "short.mp4", noise(4))
    (rows,) = predict_over_time(motion_run, [file], tmp_path)
    assert [row["seconds"] for row in rows] == pytest.approx([0.05, 0.15, 0.25, 0.35])
    (whole,) = sm.predict(motion_run, sm.Videos(tmp_path, (sm.Video("short.mp4"),)))
    assert isinstance(whole, sm.VideoPrediction)
    np.testing.assert_allclose(probabilities(rows)[-1], whole.probabilities, atol=1e-5)


def test_windows_of_a_long_video_overlap_by_three_quarters_and_reach_its_end(
    motion_run: sm.Run, tmp_path: Path
) -> None:
    (rows,) = predict_over_time(motion_run, [write_video(tmp_path / "long.mp4", noise(12))], tmp_path)
    assert [row["seconds"] for row in rows] == pytest.approx(np.linspace(0.4, 1.2, 9))


def test_a_long_video_is_predicted_at_64_times_at_most(motion_run: sm.Run, still_run: sm.Run, tmp_path: Path) -> None:
    file = write_video(tmp_path / "long.mp4", noise(12))
    for run in (motion_run, still_run):
        spec = dataclasses.replace(run.recipe.spec, rate=200.0)  # windows of 0.02 s
        record = dataclasses.replace(run.record, recipe=dataclasses.replace(run.recipe, spec=spec))
        (rows,) = predict_over_time(dataclasses.replace(run, record=record), [file], tmp_path)
        assert len(rows) == 64


def test_a_still_model_predicts_the_frame_that_is_shown_and_no_other(still_run: sm.Run, tmp_path: Path) -> None:
    pictures = noise(4)
    changed = pictures.copy()
    changed[2] = noise(1, seed=1)[0]
    files = [write_video(tmp_path / "one.mp4", pictures), write_video(tmp_path / "other.mp4", changed)]
    rows, changed_rows = predict_over_time(still_run, files, tmp_path)
    assert [row["seconds"] for row in rows] == pytest.approx([0.05, 0.15, 0.25, 0.35])
    difference = np.abs(probabilities(rows) - probabilities(changed_rows)).max(axis=1)
    np.testing.assert_allclose(difference[[0, 1, 3]], 0, atol=1e-6)
    assert difference[2] > 1e-3


def test_a_video_that_cannot_be_read_has_no_rows(motion_run: sm.Run, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("no video")
    good = write_video(tmp_path / "good.mp4", noise(4))
    broken_rows, good_rows = predict_over_time(motion_run, [tmp_path / "broken.mp4", good], tmp_path)
    assert (len(broken_rows), len(good_rows)) == (0, 4)
    assert set(good_rows[0]) == {"video", "seconds", "prob_left", "prob_right"}
    assert predict_over_time(motion_run, [tmp_path / "broken.mp4"], tmp_path) == [[]]
