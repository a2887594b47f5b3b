"""A stream of a file is what `predict` says of its windows; sources that stop and change; events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import keras
import numpy as np
import pytest
from av.video.frame import PictureType

import stillmotion as sm
from helpers.media import Pictures, noise, turn_clockwise, write_phone_video, write_video
from stillmotion.clips import read_clips
from stillmotion.decoding import live
from stillmotion.decoding.live import find_source, read_source
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models import FAMILIES, build_model, deployed_model
from stillmotion.models.inference import load_keras_model, predict_in_batches
from stillmotion.prediction import find_inputs, predict
from stillmotion.prediction.live import StreamStats, load_clip_model, stream, stream_updates
from stillmotion.runs import DataRecord, Recipe, Run, RunRecord, TrainingRecord, write_run

pytestmark = pytest.mark.backend
LABELS = ("left", "right", "still")


def untrained(folder: Path, family: str, spec: sm.ClipSpec, typical_seconds: float = 1.0, **options: str | bool) -> Run:
    """A run that has not learned anything, and answers differently to different clips all the same."""
    folder.mkdir()
    model = build_model(family, frames=spec.frames, height=spec.height, width=spec.width, classes=3, options=options)
    kernel = model.trainable_weights[-2]  # of the last layer
    kernel.assign(np.random.default_rng(1).normal(0, 5, kernel.shape))
    recipe = Recipe(family, sm.make_recipe(family, **options).options, spec)
    deployed_model(family, model, recipe.options).save(folder / "model.keras")
    data = DataRecord(str(folder), "", (), typical_seconds=typical_seconds)
    return write_run(Run(folder, RunRecord(recipe, LABELS, data, training=TrainingRecord(1, 1, 1.0, 1.0, 0.5))))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_streamed_is_the_file_predicted(family: str, tmp_path: Path) -> None:
    """Every window, and among them those that `predict` takes, end to end."""
    spec = sm.ClipSpec(frames=4, rate=5.0, size=16)
    run = untrained(tmp_path / "run", family, spec)
    file = write_video(tmp_path / "film.mp4", noise(24), rate=10)  # three windows of 0.8 s

    (answer,) = predict(run, find_inputs([file]))
    assert isinstance(answer, sm.VideoPrediction)
    moments = list(stream(run, file))
    assert [moment.index for moment in moments] == list(range(9))
    ends = [moment.seconds for moment in moments if moment.seconds]
    windows = [(end - 0.8, end) for end in ends]
    expected = predict_in_batches(load_keras_model(run.model_file), read_clips(file, windows, spec))
    assert expected.std(0).max() > 1e-3
    np.testing.assert_allclose([moment.probabilities for moment in moments], expected, atol=1e-5)
    assert [moment.label for moment in moments] == [LABELS[row.argmax()] for row in expected]

    assert ends[::4] == pytest.approx([end for _, end in answer.windows])
    np.testing.assert_allclose([m.probabilities for m in moments[::4]], answer.window_probabilities, atol=1e-5)


def glide(count: int) -> Pictures:
    """A bright square over a shaded ground: what B-frames are made for."""
    ground = np.linspace(20, 120, 48, dtype=np.uint8)[None, :, None].repeat(32, 0).repeat(3, 2)
    pictures = np.stack([ground] * count)
    for number, picture in enumerate(pictures):
        picture[8:20, number % 36 : number % 36 + 12] = [230, 40 + 5 * number % 200, 60]
    return pictures


@pytest.mark.parametrize("family", FAMILIES)
def test_a_difficult_file_streamed_is_the_file_predicted(family: str, tmp_path: Path) -> None:
    """B-frames, uneven times, an edit list, turned by a quarter; and one that is shorter than the window."""
    spec = sm.ClipSpec(frames=4, rate=5.0, size=16)
    run = untrained(tmp_path / "run", family, spec)
    gaps = np.random.default_rng(0).uniform(0.01, 0.3, 40)
    long = turn_clockwise(write_phone_video(tmp_path / "long.mp4", glide(40), list(np.cumsum(gaps) - 0.5)))
    short = write_phone_video(tmp_path / "short.mp4", glide(7), list(np.cumsum(gaps[:7]) - 0.5))
    with av.open(str(long)) as content:
        kinds = [(frame.pict_type, frame.rotation) for frame in content.decode(video=0)]
        assert len(kinds) < 40 and (PictureType.B, -90) in kinds

    watcher, model = load_clip_model(run), load_keras_model(run.model_file)
    for file in (long, short):
        (answer,) = predict(run, find_inputs([file]))
        assert isinstance(answer, sm.VideoPrediction)
        moments = [moment for seen in stream_updates(watcher, file) for moment in seen.moments]
        ends = [moment.seconds or 0.0 for moment in moments]
        windows = [(end - 0.8, end) for end in ends] if file == long else answer.windows
        assert ends == pytest.approx([end for _, end in windows])
        expected = predict_in_batches(model, read_clips(file, windows, spec))
        np.testing.assert_allclose([moment.probabilities for moment in moments], expected, atol=1e-5)
        # The first of the windows that `predict` takes; where they overlap, others begin between a stream's slots.
        np.testing.assert_allclose(moments[0].probabilities, answer.window_probabilities[0], atol=1e-5)
        assert len(moments) == (1 if file == short else int(answer.windows[-1][1] * 5) - 3)


@pytest.mark.parametrize("count", [24, 9])
def test_a_spread_model_sees_windows_as_long_as_its_videos_were(count: int, tmp_path: Path) -> None:
    """A video of that length is answered as `predict` does, and so is a shorter one."""
    run = untrained(tmp_path / "run", "cnn_rnn", sm.ClipSpec(frames=4, size=16), typical_seconds=2.4)
    assert "windows of 2.4 s, as the training videos typically last" in load_clip_model(run).note
    film = write_video(tmp_path / "film.mp4", noise(count), rate=10)
    (answer,) = predict(run, find_inputs([film]))
    assert isinstance(answer, sm.VideoPrediction)
    (moment,) = stream(run, film)
    assert moment.seconds == pytest.approx(answer.windows[0][1])
    np.testing.assert_allclose(moment.probabilities, answer.window_probabilities[0], atol=1e-5)


def test_a_model_of_ones_own_needs_its_rate(tmp_path: Path) -> None:
    model = build_model("conv3d", frames=4, height=16, width=16, classes=3)
    model.save(tmp_path / "mine.keras")
    file = write_video(tmp_path / "film.mp4", noise(10), rate=10)
    with pytest.raises(UsageError, match="give --rate"):
        next(stream(tmp_path / "mine.keras", file))
    with pytest.raises(UsageError, match="2 labels for a model of 3"):
        next(stream(tmp_path / "mine.keras", file, rate=10, labels=["a", "b"]))
    moments = list(stream(tmp_path / "mine.keras", file, rate=10, labels=LABELS))
    expected = np.asarray(model.predict_on_batch(read_clips(file, [(0.0, 0.4)], sm.ClipSpec(4, 10.0, 16))))
    np.testing.assert_allclose(moments[0].probabilities, expected[0], atol=1e-5)
    assert len(moments) == 7


def test_an_unlimited_past_is_carried_on_until_a_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a source that goes away, the new beginning is answered as if it were the first."""
    spec = sm.ClipSpec(frames=4, rate=10.0, size=16)
    run = untrained(tmp_path / "run", "cnn_rnn", spec, bidirectional=False)
    file = write_video(tmp_path / "film.mp4", noise(10), rate=10)
    on = [moment.probabilities for moment in stream(run, file, past="unlimited")]
    window = [moment.probabilities for moment in stream(run, file)]
    assert len(on) == len(window) == 7
    assert np.abs(on[-1] - window[-1]).max() > 1e-4

    def lasting(*_: object) -> Iterator[SourceFrame]:
        film = list(read_source(find_source(file)))
        for again in range(2):
            for number, shot in enumerate(film):
                yield replace(shot, seconds=shot.seconds + 10 * again, fresh=not number)

    monkeypatch.setattr(live, "_lasting", lasting)
    watcher = load_clip_model(run)
    coming = stream_updates(watcher, "rtsp://camera", hop=1, every_frame=True, past="unlimited")
    found = [moment for seen in coming for moment in seen.moments]
    assert [round(moment.seconds or 0, 1) for moment in found[5:8]] == [0.9, 10.4, 10.5]
    np.testing.assert_allclose([moment.probabilities for moment in found], [*on[:6], *on[:6]], atol=1e-5)
    with pytest.raises(UsageError, match="cannot go on from window to window"):
        list(stream(untrained(tmp_path / "both", "cnn_rnn", spec, bidirectional=True), file, past="unlimited"))


def test_a_file_at_its_own_pace_and_one_that_is_none(tmp_path: Path) -> None:
    run = untrained(tmp_path / "run", "frame_pool", sm.ClipSpec(frames=2, rate=10.0, size=16))
    file = write_video(tmp_path / "film.mp4", noise(8), rate=20)
    tally = StreamStats()
    seen = list(stream_updates(load_clip_model(run), file, hop=1, paced=True, tally=tally))
    assert tally.source.frames == 8
    assert len(seen) + tally.source.dropped == 8
    assert sum(len(one.moments) for one in seen) == tally.moments
    (tmp_path / "no.mp4").write_text("no video")
    with pytest.raises(StillmotionError, match=r"no\.mp4: cannot be opened"):
        list(stream(run, tmp_path / "no.mp4"))
    with pytest.raises(UsageError, match="no such file; a source is"):
        list(stream(run, "nothing.mp4"))


def test_another_engine_says_the_same(tmp_path: Path) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exported from TensorFlow")
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    run = untrained(tmp_path / "run", "frame_pool", sm.ClipSpec(frames=2, rate=10.0, size=16))
    file = write_video(tmp_path / "film.mp4", noise(8), rate=10)
    found, expected = (
        [moment.probabilities for moment in stream(run, file, engine=engine)] for engine in ("onnx", "keras")
    )
    assert len(found) == 7
    np.testing.assert_allclose(found, expected, atol=1e-5)
