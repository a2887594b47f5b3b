"""What an evaluation records in the run's folder, and what it refuses."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import stillmotion as sm
from helpers.media import noise, write_video
from stillmotion.cli import evaluate as command
from stillmotion.data import Part
from stillmotion.errors import StillmotionError
from stillmotion.files import folder_lock
from stillmotion.prediction import predict_labeled
from stillmotion.runs import DataRecord, write_run

pytestmark = pytest.mark.backend


@pytest.fixture
def run(motion_run: sm.Run, tmp_path: Path) -> sm.Run:
    """A run that may be changed."""
    return sm.read_run(shutil.copytree(motion_run.folder, tmp_path / "run"))


@pytest.fixture
def videos(tmp_path: Path) -> sm.Videos:
    """A short video, a longer one of three windows, and one that cannot be read."""
    write_video(tmp_path / "data" / "a.mp4", noise(4))
    write_video(tmp_path / "data" / "b.mp4", noise(12, seed=1))
    (tmp_path / "data" / "c.mp4").write_text("no video")
    return sm.Videos(
        tmp_path / "data",
        (sm.Video("a.mp4", "left", "g"), sm.Video("b.mp4", "right", "h"), sm.Video("c.mp4", "left", "h")),
    )


@pytest.mark.jax
def test_predictions_have_a_row_per_video_and_window(run: sm.Run, videos: sm.Videos) -> None:
    evaluated = sm.evaluate(run, videos)
    rows = pq.read_table(evaluated.predictions_file).to_pylist()
    assert [(row["video"], row["label"], row["group"], row["window"]) for row in rows] == [
        ("a.mp4", "left", "g", 0), ("b.mp4", "right", "h", 0), ("b.mp4", "right", "h", 1), ("b.mp4", "right", "h", 2),
    ]  # fmt: skip
    assert [row["end_seconds"] for row in rows] == pytest.approx([0.4, 0.4, 0.8, 1.2])
    predictions = [result for result in sm.predict(run, videos) if isinstance(result, sm.VideoPrediction)]
    expected = np.concatenate([prediction.window_probabilities for prediction in predictions])
    np.testing.assert_allclose([[row["prob_left"], row["prob_right"]] for row in rows], expected, atol=1e-6)


def test_the_record_has_the_test_part_the_skipped_videos_and_the_costs(run: sm.Run, videos: sm.Videos) -> None:
    evaluated = sm.evaluate(sm.evaluate(run, videos), videos)
    assert sm.read_run(run.folder) == evaluated
    data = evaluated.record.data
    assert [video.path for video in data.part("test")] == ["a.mp4", "b.mp4"]
    assert [name for name, _ in data.skipped] == ["c.mp4"]  # once, though it was evaluated twice
    assert data.root == str(videos.root)
    assert evaluated.record.cost is not None


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_run_is_not_tested_on_videos_that_it_has_learned_from(run: sm.Run, videos: sm.Videos, part: Part) -> None:
    seen = tuple(dataclasses.replace(video, part=part) for video in videos[:2])
    record = dataclasses.replace(run.record, data=DataRecord(str(videos.root), "0", seen))
    learned = write_run(sm.Run(run.folder, record))
    with pytest.raises(StillmotionError, match=r"was (trained|validated) on 1 of these 1 videos \(a\.mp4, \.\.\.\)"):
        sm.evaluate(learned, videos.only(videos[:1]))
    assert not run.predictions_file.exists()
    elsewhere = shutil.copytree(videos.root, videos.root.with_name("other"))
    data = sm.evaluate(learned.folder, sm.Videos(elsewhere, videos[:2])).record.data  # files of the same names
    assert (data.part(part).root, data.part("test").root) == (videos.root, elsewhere)
    assert data.shared_groups(part, "test") == ("g", "h")  # which were given, and are not the files' own


def test_another_test_part_replaces_the_first(run: sm.Run, videos: sm.Videos, tmp_path: Path) -> None:
    sm.evaluate(run, videos)
    write_video(tmp_path / "other" / "d.mp4", noise(4, seed=2))
    evaluated = sm.evaluate(run, sm.Videos(tmp_path / "other", (sm.Video("d.mp4", "left"),)))
    assert [video.path for video in evaluated.record.data.part("test")] == ["d.mp4"]
    assert set(pq.read_table(run.predictions_file).column("video").to_pylist()) == {"d.mp4"}


def test_a_test_video_that_cannot_be_read_for_a_while_stays_in_the_test_part(run: sm.Run, videos: sm.Videos) -> None:
    before = sm.evaluate(run, videos).record.data
    file = videos.root / "a.mp4"
    moved = file.rename(file.with_suffix(".away"))
    away = sm.evaluate(sm.read_run(run.folder), before.part("test")).record.data
    assert away.videos == before.videos
    assert [name for name, _ in away.skipped] == ["c.mp4", "a.mp4"]
    assert set(pq.read_table(run.predictions_file).column("video").to_pylist()) == {"b.mp4"}
    moved.rename(file)
    assert sm.evaluate(sm.read_run(run.folder), away.part("test")).record.data == before
    assert set(pq.read_table(run.predictions_file).column("video").to_pylist()) == {"a.mp4", "b.mp4"}


def test_a_video_that_becomes_readable_joins_the_test_part(run: sm.Run, videos: sm.Videos) -> None:
    sm.evaluate(run, videos)
    write_video(videos.root / "c.mp4", noise(4, seed=3))
    data = sm.evaluate(sm.read_run(run.folder), videos).record.data
    assert [video.path for video in data.part("test")] == ["a.mp4", "b.mp4", "c.mp4"]
    assert data.skipped == ()


def test_predict_labeled_records_nothing(run: sm.Run, videos: sm.Videos) -> None:
    reports: list[tuple[str, int, int]] = []
    before = {path: path.read_bytes() for path in run.folder.iterdir()}
    predictions, skipped = predict_labeled(
        run, videos, progress=lambda stage, done, total, figures={}, /: reports.append((stage, done, total))
    )
    assert [prediction.video.path for prediction in predictions] == ["a.mp4", "b.mp4"]
    assert [video.video.path for video in skipped] == ["c.mp4"]
    assert reports == [("testing", done, 3) for done in (1, 2, 3)]
    assert {path: path.read_bytes() for path in run.folder.iterdir()} == before


def test_the_command_records_nothing_for_other_videos(
    run: sm.Run, videos: sm.Videos, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in ("left", "right"):
        write_video(tmp_path / "other" / label / "video.mp4", noise(9))
    sm.evaluate(run, videos)
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    monkeypatch.setattr(command, "load_backend", lambda: None)
    command.evaluate(run.folder, tmp_path / "other")
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
    assert "recall of left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("video", "message"),
    [
        (sm.Video("a.mp4", "up"), "the test part has the label 'up'; this run knows 'left', 'right'"),
        (sm.Video("a.mp4"), "the test part has videos without a label; this run knows 'left', 'right'"),
        (sm.Video("c.mp4", "left"), r"no readable video in the test part: .*c\.mp4"),
    ],
)
def test_what_a_run_cannot_be_evaluated_on(video: sm.Video, message: str, run: sm.Run, videos: sm.Videos) -> None:
    with pytest.raises(StillmotionError, match=message):
        sm.evaluate(run, videos.only([video]))
    assert not run.predictions_file.exists()


def test_only_one_process_works_in_a_runs_folder(run: sm.Run, videos: sm.Videos) -> None:
    with folder_lock(run.folder), pytest.raises(StillmotionError, match="another stillmotion process is using"):
        sm.evaluate(run, videos)
