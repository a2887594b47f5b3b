"""A run tested on its own test part, or on other videos; its model is fabricated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.executors import FabricatingExecutor
from helpers.spies import ProgressSpy, Spy
from stillmotion import prediction
from stillmotion.clips import OpenedVideos, SkippedVideo, open_videos
from stillmotion.data import Video, Videos, read_videos
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.experiments import EvaluateTask, TrainTask, run_evaluation
from stillmotion.experiments.datasets import open_dataset
from stillmotion.prediction.records import VideoPrediction
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Recipe, Run

FRACTIONS = (0.4, 0.2, 0.4)


def record_test(run: Run, test: Videos | OpenedVideos) -> Run:
    """What `evaluate` would record, with one of two videos predicted correctly."""
    task = EvaluateTask(id="test", title="", folder=run.folder, test=open_videos(test))
    tested = FabricatingExecutor(lambda recipe: 0.5).run([task])["test"]
    assert isinstance(tested, Run)
    return tested


def train(recordings: Path, folder: Path, group: str | None = None) -> tuple[Run, OpenedVideos]:
    """A run that was trained but not tested, and its fold's test part."""
    dataset = open_dataset(read_videos(recordings, group=group), fractions=FRACTIONS, seed=0, rate="spread", frames=4)
    fold = dataset.folds[0]
    task = TrainTask(
        id="train", title="", folder=folder, recipe=Recipe("conv3d"), train=fold.train, validation=fold.validation
    )
    run = FabricatingExecutor(lambda recipe: 1.0).run([task])["train"]
    assert isinstance(run, Run)
    return run, fold.test


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy = Spy(lambda run, test, *, progress: record_test(run, test))
    monkeypatch.setitem(vars(prediction), "evaluate", spy)
    return spy


@pytest.fixture
def predict_labeled(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """Predicts "left" for every video, with two windows each, and skips one more video."""

    def predict(
        run: Run, test: Videos | OpenedVideos, *, progress: Progress
    ) -> tuple[list[VideoPrediction], list[SkippedVideo]]:
        videos = test.videos if isinstance(test, OpenedVideos) else test
        probabilities = np.array([[0.9, 0.1], [0.8, 0.2]], np.float32)
        windows = ((0.0, 1.0), (1.0, 2.0))
        return (
            [VideoPrediction(video, windows, probabilities, run.labels) for video in videos],
            [SkippedVideo(Video("broken.mp4"), "broken.mp4: empty file")],
        )

    spy = Spy(predict)
    monkeypatch.setitem(vars(prediction), "predict_labeled", spy)
    return spy


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[str]]:
    """The logged messages of a level."""
    caplog.set_level("INFO", "stillmotion.experiments.evaluating")
    return lambda level: [
        record.getMessage()
        for record in caplog.records
        if (record.name, record.levelname) == ("stillmotion.experiments.evaluating", level)
    ]


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_run_is_tested_on_its_own_test_part(
    recordings: Path, tmp_path: Path, evaluate: Spy, as_folder: bool, messages: Callable[[str], list[str]]
) -> None:
    run, test = train(recordings, tmp_path / "run")
    run = record_test(run, test)
    reports = ProgressSpy()
    metrics = run_evaluation(str(run.folder) if as_folder else run, progress=reports)
    assert evaluate.calls == [((run, run.record.data.part("test")), {"progress": reports})]
    assert {label: of_label.videos for label, of_label in metrics.per_label.items()} == {"left": 2, "right": 2}
    assert metrics.accuracy.value == 0.5
    assert messages("WARNING") == []


def test_other_videos_leave_the_run_as_it_is(
    recordings: Path, tmp_path: Path, predict_labeled: Spy, messages: Callable[[str], list[str]]
) -> None:
    run, test = train(recordings, tmp_path / "run")
    run = record_test(run, test)
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    everything, reports = read_videos(recordings), ProgressSpy()
    metrics = run_evaluation(run, everything, progress=reports)
    assert predict_labeled.calls == [((run, everything), {"progress": reports})]
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
    assert {label: of_label.recall.value for label, of_label in metrics.per_label.items()} == {
        "left": 1.0,
        "right": 0.0,
    }
    assert messages("INFO") == ["skipped: broken.mp4: empty file"]


@pytest.mark.usefixtures("predict_labeled")
@pytest.mark.parametrize("data", ["folder", "videos", "opened videos"])
def test_groups_that_were_trained_or_validated_on_are_warned_of(
    recordings: Path, tmp_path: Path, messages: Callable[[str], list[str]], data: str
) -> None:
    run, test = train(recordings, tmp_path / "run", r"rec\d")
    run = record_test(run, test)
    known = sorted({f"rec{number}" for number in range(5)} - set(test.videos.groups))
    assert len(known) == 3
    videos = read_videos(recordings, group=r"rec\d")
    if data == "folder":
        run_evaluation(run, recordings, group=r"rec\d")
    else:
        run_evaluation(run, videos if data == "videos" else open_videos(videos))
    assert messages("WARNING") == [
        f"the run was trained on 3 of these groups ({known[0]!r}, ...); its figures look better than they are"
    ]


def test_a_run_without_a_test_part_takes_the_videos_as_its_own(recordings: Path, tmp_path: Path, evaluate: Spy) -> None:
    run, test = train(recordings, tmp_path / "run")
    metrics = run_evaluation(run, test.videos)
    assert evaluate.calls == [((run, test.videos), {"progress": no_progress})]
    assert metrics.accuracy.value == 0.5


def test_skipped_videos_of_the_own_test_part_are_warned_of(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: Callable[[str], list[str]]
) -> None:
    run, test = train(recordings, tmp_path / "run")
    run = record_test(run, test)
    first, second, *_ = (video.name for video in run.record.data.part("test"))
    skipped = (("other.mp4", "other.mp4: empty file"), (first, "first: no such file"), (second, "second: no such file"))
    data = dataclasses.replace(run.record.data, skipped=skipped)
    evaluated = dataclasses.replace(run, record=dataclasses.replace(run.record, data=data))
    monkeypatch.setitem(vars(prediction), "evaluate", lambda run, test, *, progress: evaluated)
    run_evaluation(run)
    assert messages("WARNING") == [
        "2 of 4 test videos were skipped, so the figures are those of the others (first: no such file)"
    ]
    assert messages("INFO") == ["skipped: second: no such file"]


def test_a_run_without_a_test_part_needs_videos(recordings: Path, tmp_path: Path) -> None:
    run, _ = train(recordings, tmp_path / "run")
    with pytest.raises(StillmotionError, match="run: this run has no test part; give the videos"):
        run_evaluation(run)


def test_a_folder_that_is_not_there_is_a_wrong_usage(recordings: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such run folder"):
        run_evaluation(tmp_path / "nothing", recordings)
