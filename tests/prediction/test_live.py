"""A stream of a file predicts what `predict` does for the same windows, and keeps up with a live source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import keras
import numpy as np
import pytest
from av.video.frame import PictureType
from numpy.typing import NDArray

import stillmotion as sm
from helpers.media import Pictures, noise, turn_clockwise, write_phone_video, write_video
from stillmotion.clips import read_clips
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models import build_model, deployed_model
from stillmotion.models.card_files import write_card
from stillmotion.models.inference import load_keras_model
from stillmotion.prediction import describe_model, find_inputs, predict
from stillmotion.prediction.clip_models import ClipModel, load_clip_model
from stillmotion.prediction.hops import hop_to_keep_up
from stillmotion.prediction.live import stream, stream_updates
from stillmotion.prediction.window_predictor import StreamStats
from stillmotion.runs import DataRecord, Recipe, Run, RunRecord, TrainingRecord, write_run

pytestmark = pytest.mark.backend
LABELS = ("left", "right", "still")
Probabilities = NDArray[np.float32]


def untrained(folder: Path, family: str, spec: sm.ClipSpec, typical_seconds: float = 1.0, **options: Any) -> Run:
    """A run that has not learned anything, but whose predictions differ from clip to clip."""
    folder.mkdir()
    model = build_model(family, frames=spec.frames, height=spec.height, width=spec.width, classes=3, options=options)
    kernel = model.trainable_weights[-2]  # of the last layer
    kernel.assign(np.random.default_rng(1).normal(0, 5, kernel.shape))
    recipe = Recipe(family, sm.make_recipe(family, **options).options, spec)
    deployed_model(family, model, recipe.options).save(folder / "model.keras")
    data = DataRecord(str(folder), "", (), typical_seconds=typical_seconds)
    return write_run(Run(folder, RunRecord(recipe, LABELS, data, training=TrainingRecord(1, 1, 1.0, 1.0, 0.5))))


def predicted_by(run: Run, clips: Pictures) -> Probabilities:
    """What the run's model says of clips, without any of `predict`."""
    return np.asarray(load_keras_model(run.model_file)(clips, training=False))


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose windows are two frames."""
    spec = sm.ClipSpec(frames=2, rate=10.0, size=16)
    return untrained(tmp_path_factory.mktemp("runs") / "small", "frame_pool", spec)


@pytest.mark.parametrize("family", ["frame_changes", "frame_sequence", "cnn_rnn"])
def test_a_file_streamed_is_the_file_predicted(family: str, tmp_path: Path) -> None:
    """Every window, and among them those that `predict` takes, end to end."""
    spec = sm.ClipSpec(frames=4, rate=5.0, size=16)
    run = untrained(tmp_path / "run", family, spec)
    file = write_video(tmp_path / "video.mp4", noise(24), rate=10)  # three windows of 0.8 s

    (whole,) = predict(run, find_inputs([file]))
    assert isinstance(whole, sm.VideoPrediction)
    predictions = list(stream(run, file))
    assert [prediction.index for prediction in predictions] == list(range(9))
    ends = [prediction.seconds for prediction in predictions if prediction.seconds]
    windows = [(end - 0.8, end) for end in ends]
    expected = predicted_by(run, read_clips(file, windows, spec))
    assert expected.std(0).max() > 1e-3
    np.testing.assert_allclose([prediction.probabilities for prediction in predictions], expected, atol=1e-5)
    assert [prediction.label for prediction in predictions] == [LABELS[row.argmax()] for row in expected]

    assert ends[::4] == pytest.approx([end for _, end in whole.windows])
    np.testing.assert_allclose(
        [prediction.probabilities for prediction in predictions[::4]], whole.window_probabilities, atol=1e-5
    )


def glide(count: int) -> Pictures:
    """A bright square over a shaded ground: what B-frames are made for."""
    ground = np.linspace(20, 120, 48, dtype=np.uint8)[None, :, None].repeat(32, 0).repeat(3, 2)
    pictures = np.stack([ground] * count)
    for number, picture in enumerate(pictures):
        picture[8:20, number % 36 : number % 36 + 12] = [230, 40 + 5 * number % 200, 60]
    return pictures


def test_a_difficult_file_streamed_is_the_file_predicted(tmp_path: Path) -> None:
    """B-frames, uneven times, an edit list, turned by a quarter; and one that is shorter than the window."""
    spec = sm.ClipSpec(frames=4, rate=5.0, size=16)
    run = untrained(tmp_path / "run", "conv3d", spec)
    gaps = np.random.default_rng(0).uniform(0.01, 0.3, 40)
    long = turn_clockwise(write_phone_video(tmp_path / "long.mp4", glide(40), list(np.cumsum(gaps) - 0.5)))
    short = write_phone_video(tmp_path / "short.mp4", glide(7), list(np.cumsum(gaps[:7]) - 0.5))
    with av.open(str(long)) as content:
        kinds = [(frame.pict_type, frame.rotation) for frame in content.decode(video=0)]
        assert len(kinds) < 40 and (PictureType.B, -90) in kinds

    clip_model = load_clip_model(run)
    for file, whole in zip((long, short), predict(run, find_inputs([long, short])), strict=True):
        assert isinstance(whole, sm.VideoPrediction)
        predictions = [prediction for update in stream_updates(clip_model, file) for prediction in update.predictions]
        ends = [prediction.seconds or 0.0 for prediction in predictions]
        windows = [(end - 0.8, end) for end in ends] if file == long else whole.windows
        assert ends == pytest.approx([end for _, end in windows])
        expected = predicted_by(run, read_clips(file, windows, spec))
        np.testing.assert_allclose([prediction.probabilities for prediction in predictions], expected, atol=1e-5)
        # The first of the windows that `predict` takes; where they overlap, others begin between a stream's slots.
        np.testing.assert_allclose(predictions[0].probabilities, whole.window_probabilities[0], atol=1e-5)
        assert len(predictions) == (1 if file == short else int(whole.windows[-1][1] * 5) - 3)


def test_a_spread_model_sees_windows_as_long_as_its_videos_were(tmp_path: Path) -> None:
    """For a video of that length, and for a shorter one, the prediction is that of `predict`."""
    run = untrained(tmp_path / "run", "conv3d", sm.ClipSpec(frames=4, size=16), typical_seconds=2.4)
    assert "windows of 2.4 s, as the training videos typically last" in load_clip_model(run).note
    videos = [write_video(tmp_path / f"{count}.mp4", noise(count), rate=10) for count in (24, 9)]
    for video, whole in zip(videos, predict(run, find_inputs(videos)), strict=True):
        assert isinstance(whole, sm.VideoPrediction)
        (prediction,) = stream(run, video)
        assert prediction.seconds == pytest.approx(whole.windows[0][1])
        np.testing.assert_allclose(prediction.probabilities, whole.window_probabilities[0], atol=1e-5)


def test_a_model_that_is_not_a_runs_needs_a_rate(tmp_path: Path) -> None:
    model = build_model("conv3d", frames=4, height=16, width=16, classes=3)
    model.save(tmp_path / "mine.keras")
    with pytest.raises(UsageError, match=r"does not say its channels.*give `channels`"):
        next(stream(tmp_path / "mine.keras", write_video(tmp_path / "video.mp4", noise(10), rate=10)))
    write_card(describe_model(tmp_path / "mine.keras", channels="rgb"), tmp_path / "mine.json")
    file = write_video(tmp_path / "video.mp4", noise(10), rate=10)
    with pytest.raises(UsageError, match="does not say its rate, which changes"):
        next(stream(tmp_path / "mine.keras", file))
    with pytest.raises(UsageError, match="2 labels for a model of 3"):
        next(stream(tmp_path / "mine.keras", file, rate=10, labels=["a", "b"]))
    predictions = list(stream(tmp_path / "mine.keras", file, rate=10, labels=LABELS))
    expected = np.asarray(model(read_clips(file, [(0.0, 0.4)], sm.ClipSpec(4, 10.0, 16)), training=False))
    np.testing.assert_allclose(predictions[0].probabilities, expected[0], atol=1e-5)
    assert len(predictions) == 7


def test_every_frame_of_a_file_played_in_realtime_is_used_or_counted(small_run: Run, tmp_path: Path) -> None:
    file = write_video(tmp_path / "video.mp4", noise(8), rate=20)
    stats = StreamStats()
    updates = list(stream_updates(load_clip_model(small_run), file, hop=1, realtime=True, stats=stats))
    assert stats.source.frames == 8
    assert len(updates) + stats.source.dropped == 8
    assert sum(len(update.predictions) for update in updates) == stats.windows


def test_what_is_no_video_is_refused(small_run: Run, tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_text("no video")
    with pytest.raises(StillmotionError, match=r"no\.mp4: cannot be opened"):
        list(stream(small_run, tmp_path / "no.mp4"))
    with pytest.raises(UsageError, match="no such file; a source is"):
        list(stream(small_run, "nothing.mp4"))


@pytest.mark.parametrize(("seconds", "hop"), [(0.0, 1), (0.06, 1), (0.075, 2), (0.2, 3), (1.0, 15)])
def test_predictions_take_at_most_70_percent_of_the_time(seconds: float, hop: int) -> None:
    assert hop_to_keep_up(seconds, rate=10) == hop
    assert seconds <= 0.7 * hop / 10


def small_model() -> ClipModel:
    clip = keras.Input((2, 16, 16, 3), dtype="uint8")
    pixels = keras.layers.Rescaling(1 / 255)(clip)
    return ClipModel(keras.Model(clip, keras.layers.Softmax()(keras.layers.GlobalMaxPooling3D()(pixels))), 10.0, LABELS)


def test_a_video_of_fewer_frames_than_the_model_takes_is_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = []
    for rate in (5, 10):
        caplog.clear()
        with caplog.at_level("INFO", "stillmotion"):
            list(stream_updates(small_model(), write_video(tmp_path / f"{rate}.mp4", noise(6), rate=rate)))
        said.append([message for message in caplog.messages if "frames are repeated" in message])
    assert said[1] == [] and len(said[0]) == 1
    assert "5.mp4: has 5 frames per second, and the model takes 10: frames are repeated" in said[0][0]


def test_the_hop_adapts_to_a_slow_model_on_a_live_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 10 frames per second, 0.25 s for a prediction allow one in 4 frames."""
    monkeypatch.setattr("stillmotion.prediction.window_predictor.measure_prediction_seconds", lambda model: 0.25)
    file = write_video(tmp_path / "video.mp4", noise(12), rate=10)
    stats = StreamStats()
    list(stream_updates(small_model(), file, realtime=True, stats=stats))
    assert stats.hop == 4
    fixed = StreamStats()
    next(stream_updates(small_model(), file, realtime=True, hop=2, stats=fixed))
    assert fixed.hop == 2
    not_live = StreamStats()
    next(stream_updates(small_model(), file, stats=not_live))
    assert not_live.hop == 1


def test_another_engine_predicts_the_same(small_run: Run, tmp_path: Path) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exported from TensorFlow")
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    file = write_video(tmp_path / "video.mp4", noise(8), rate=10)
    exported, expected = (
        [prediction.probabilities for prediction in stream(small_run, file, engine=engine)]
        for engine in ("onnx", "keras")
    )
    assert len(exported) == 7
    np.testing.assert_allclose(exported, expected, atol=1e-5)
