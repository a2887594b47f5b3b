"""Windows that are unlike the training clips are marked, in `predict` and in streams alike, and become unknown."""

from __future__ import annotations

import csv
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stillmotion as sm
from helpers.media import Pictures, write_video
from helpers.training import write_untrained_run
from stillmotion.clips import clip_appearance, read_clips
from stillmotion.prediction import EventDetector, load_clip_model, prediction_rows, stream_to, window_predictor
from stillmotion.runs import make_memory, write_memory
from stillmotion.streaming import WindowPrediction, stream_model

pytestmark = pytest.mark.backend


def ramp(seed: int, count: int = 12) -> Pictures:
    """A soft ramp of light that moves: what the run has seen. Recordings differ a little."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 2 * np.pi, 48)
    start, speed, light = rng.uniform(0, 6), rng.uniform(0, 0.6), rng.uniform(90, 150)
    frames = [light + 60 * np.sin(x - speed * t - start)[None, :, None] * np.ones((32, 1, 3)) for t in range(count)]
    return np.clip(np.array(frames) + rng.normal(0, 2, (count, 32, 48, 3)), 0, 255).astype(np.uint8)


def other(seed: int, count: int = 12) -> Pictures:
    """Black and white tiles: what it has never seen."""
    tiles = np.random.default_rng(seed).integers(0, 2, (8, 12)).repeat(4, 0).repeat(4, 1).astype(np.uint8) * 255
    return np.broadcast_to(tiles[None, :, :, None], (count, 32, 48, 3))


@pytest.fixture(autouse=True)
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial of a divided model takes longer than all else here."""
    monkeypatch.setattr(window_predictor, "stream_model", partial(stream_model, check=False))


@pytest.fixture(scope="module")
def old_run(tmp_path_factory: pytest.TempPathFactory) -> sm.Run:
    """A run from before there were memories, whose windows of 4 frames last 0.4 s."""
    spec = sm.ClipSpec(frames=4, rate=10, size=16)
    return write_untrained_run(tmp_path_factory.mktemp("old") / "run", "frame_pool", spec, ("left", "right"))


@pytest.fixture(scope="module")
def run(old_run: sm.Run, tmp_path_factory: pytest.TempPathFactory) -> sm.Run:
    """A run that remembers ramps."""
    folder = tmp_path_factory.mktemp("remembering")
    shutil.copytree(old_run.folder, folder / "run")
    copy = sm.Run(folder / "run", old_run.record)
    clips = []
    for seed in range(20):
        file = write_video(folder / f"{seed}.mp4", ramp(seed, 4), rate=10)
        clips.append(read_clips(file, [(0.0, 0.4)], copy.recipe.spec)[0])
    memory = make_memory([clip_appearance(clip) for clip in clips], [f"g{seed}" for seed in range(20)])
    assert memory is not None
    write_memory(memory, copy)
    return copy


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ramp, then tiles, then a ramp again: each for 1.2 s, three windows."""
    frames = np.concatenate([ramp(30), other(0), ramp(31)])
    return write_video(tmp_path_factory.mktemp("video") / "video.mp4", frames, rate=10)


def test_predict_marks_windows_and_videos(run: sm.Run, video: Path) -> None:
    (prediction,) = sm.predict(run, video)
    assert isinstance(prediction, sm.VideoPrediction)
    *rows, whole = prediction_rows([prediction])
    assert [row["unlike_training"] for row in rows] == [False] * 3 + [True] * 3 + [False] * 3
    assert whole["distance"] == pytest.approx(np.mean([row["distance"] for row in rows]), abs=1e-3)
    assert whole["unlike_training"] == prediction.unlike_training == (whole["distance"] > 1)


@pytest.mark.parametrize("hop", [1, 3])
def test_a_stream_gives_the_distances_of_predict(run: sm.Run, video: Path, hop: int) -> None:
    (whole,) = sm.predict(run, video)
    assert isinstance(whole, sm.VideoPrediction) and whole.window_distances is not None
    expected = dict(zip([round(end, 3) for _, end in whole.windows], whole.window_distances, strict=True))
    given = {round(it.seconds or 0, 3): it.distance for it in sm.stream(run, video, hop=hop)}
    assert None not in given.values() and len(given) == (33 if hop == 1 else 11)
    common = expected.keys() & given.keys()
    assert len(common) == (9 if hop == 1 else 3)
    assert [given[end] for end in common] == pytest.approx([expected[end] for end in common], abs=1e-5)


def test_a_video_shorter_than_a_window_has_a_distance(run: sm.Run, tmp_path: Path) -> None:
    for frames, unlike in [(ramp(40, 3), False), (other(1, 3), True)]:
        file = write_video(tmp_path / f"{unlike}.mp4", frames, rate=10)
        (whole,) = sm.predict(run, file)
        (streamed,) = sm.stream(run, file)
        assert isinstance(whole, sm.VideoPrediction)
        assert whole.unlike_training == streamed.unlike_training == unlike
        assert streamed.distance == pytest.approx(whole.distance, abs=1e-5)


def test_a_long_video_has_distances_in_every_portion(run: sm.Run, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = sm.predict(run, video)
    monkeypatch.setattr("stillmotion.prediction.videos.WINDOWS_AT_ONCE", 4)
    (portions,) = sm.predict(run, video)
    assert isinstance(whole, sm.VideoPrediction) and isinstance(portions, sm.VideoPrediction)
    np.testing.assert_array_equal(whole.window_distances, portions.window_distances)


def test_a_stretch_that_is_unlike_training_is_an_unknown_event(run: sm.Run, video: Path, tmp_path: Path) -> None:
    model = load_clip_model(run)

    def found(**settings: Any) -> list[dict[str, str]]:
        detector = EventDetector(run.labels, smoothing_seconds=0, enter_threshold=0, exit_threshold=0, **settings)
        out = tmp_path / "events.csv"
        stream_to(model, video, events=out, predictions=tmp_path / "rows.csv", detector=detector, replace=True)
        with out.open() as file:
            return list(csv.DictReader(file))

    (unknown,) = [event for event in found() if event["label"] == "unknown"]
    # It begins and ends while the window shows both.
    assert 1.2 < float(unknown["start_seconds"]) < 1.7 and 2.3 < float(unknown["end_seconds"]) < 2.9
    assert float(unknown["peak_confidence"]) > 1 < float(unknown["entry_confidence"])
    assert [event["label"] for event in found(only=["unknown"])] == ["unknown"]
    assert "unknown" not in [event["label"] for event in found(unknown=False)]
    with (tmp_path / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["unlike_training"] for row in rows} == {"True", "False"}


def test_a_run_from_before_says_nothing(old_run: sm.Run, video: Path, tmp_path: Path) -> None:
    (prediction,) = sm.predict(old_run, video)
    assert isinstance(prediction, sm.VideoPrediction) and prediction.unlike_training is None
    assert "unlike_training" not in prediction_rows([prediction])[0]
    assert {window.unlike_training for window in sm.stream(old_run, video)} == {None}
    stream_to(old_run, video, predictions=tmp_path / "rows.csv")
    assert "unlike" not in (tmp_path / "rows.csv").read_text()


def windows(distances: list[float], labels: int = 2) -> list[WindowPrediction]:
    sure = np.eye(labels, dtype=np.float32)[0] * 0.9 + 0.05
    return [WindowPrediction(sure, at, float(at), "a", distance) for at, distance in enumerate(distances)]


@pytest.mark.parametrize("outputs", ["softmax", "independent sigmoids"])
def test_unknown_ends_events_of_labels_and_lasts_until_it_is_clearly_known(outputs: Any) -> None:
    detector = EventDetector(["a", "b"], smoothing_seconds=0, outputs=outputs)
    distances = [0.5, 0.5, 1.2, 0.95, 0.95, 0.5, 0.5, 0.95]
    events = [event for window in windows(distances) for event in detector.push(window)] + detector.flush()
    assert [(event.label, event.start_seconds, event.end_seconds) for event in events] == [
        ("a", 0, 1),
        ("unknown", 2, 4),
        ("a", 5, 7),
    ]


def test_unknown_has_a_threshold_like_labels() -> None:
    detector = EventDetector(["a", "b"], smoothing_seconds=0, enter_threshold={"unknown": 1.5})
    events = [event for window in windows([1.2, 1.2, 1.6, 1.4]) for event in detector.push(window)] + detector.flush()
    assert [(event.label, event.start_seconds) for event in events] == [("a", 0), ("unknown", 2)]


def test_a_label_called_unknown_is_a_label() -> None:
    labels, thresholds = ["unknown", "b"], {"unknown": 0.7, "unknown footage": 1.5}
    for only, expected in (
        (None, [("unknown", 0), ("unknown footage", 2)]),
        (["unknown"], [("unknown", 0)]),
        (["unknown footage"], [("unknown footage", 2)]),
    ):
        detector = EventDetector(labels, smoothing_seconds=0, enter_threshold=thresholds, only=only)
        events = [event for it in windows([1.2, 1.2, 1.6, 1.4]) for event in detector.push(it)] + detector.flush()
        assert [(event.label, event.start_seconds) for event in events] == expected
