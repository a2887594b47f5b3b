"""A model that is loaded once and used for days: by many threads, in flat memory, without a network."""

from __future__ import annotations

import errno
import logging
import pickle
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import stillmotion as sm
from helpers.media import noise, write_video
from stillmotion.clips import cache, cached_frames, read_clips
from stillmotion.prediction.clip_models import ClipModel

pytestmark = pytest.mark.backend
THREADS = 4


@pytest.fixture(scope="module")
def loaded(motion_run: sm.Run) -> ClipModel:
    return sm.load_clip_model(motion_run)


@pytest.fixture
def busy(loaded: ClipModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many threads were in the model at once, at each call."""
    inside, seen = [0], []
    predict = loaded.model.predict_on_batch

    def watched(batch: Any) -> Any:
        inside[0] += 1
        seen.append(inside[0])
        try:
            threading.Event().wait(0.001)  # Another thread may run.
            return predict(batch)
        finally:
            inside[0] -= 1

    monkeypatch.setattr(loaded.model, "predict_on_batch", watched)
    return seen


def predict(model: ClipModel, clip: Any) -> list[float]:
    (prediction,) = sm.predict(model, clip)
    assert isinstance(prediction, sm.VideoPrediction)
    return list(map(float, prediction.probabilities))


def test_threads_take_turns_and_get_what_one_thread_would(loaded: ClipModel, busy: list[int]) -> None:
    clips = noise(4 * 24, 16, 16).reshape(24, 4, 16, 16, 3)
    expected = [predict(loaded, clip) for clip in clips]
    with ThreadPoolExecutor(THREADS) as pool:
        np.testing.assert_allclose(list(pool.map(lambda clip: predict(loaded, clip), clips)), expected, atol=1e-6)
    assert max(busy) == 1 and len(busy) == 48


def test_a_stream_that_threads_share_loses_no_window(loaded: ClipModel) -> None:
    stream = sm.stream_model(loaded.model, check=False)
    frames = noise(1, 16, 16)
    with ThreadPoolExecutor(THREADS) as pool:
        windows = [window for new in pool.map(lambda _: stream.push(frames), range(203)) for window in new]
    assert sorted(window.index for window in windows) == list(range(200))


def test_many_streams_of_one_model_do_not_mix(loaded: ClipModel, tmp_path: Path) -> None:
    """Each in a thread of its own, both begun at once."""
    files = [write_video(tmp_path / f"{number}.mp4", noise(6, 16, 16, seed=number)) for number in range(2)]
    windows = [(start, start + 0.4) for start in (0.0, 0.1, 0.2)]
    clips = [read_clips(file, windows, sm.ClipSpec(4, 10, 16)) for file in files]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda file: [w.probabilities for w in sm.stream(loaded, file)], files))
    for predicted, clip in zip(together, clips, strict=True):
        np.testing.assert_allclose(predicted[:3], loaded.model.predict_on_batch(clip), atol=1e-5)


def test_the_memory_is_flat(loaded: ClipModel) -> None:
    """No object is left of a prediction. The bytes of 10,000 predictions are measured by hand: docs/embedding.md."""
    import gc

    clip = noise(4, 16, 16)
    predict(loaded, clip)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        predict(loaded, clip)
    gc.collect()
    assert len(gc.get_objects()) - before < 50


def test_a_loaded_model_is_pickled_as_its_path(loaded: ClipModel, motion_run: sm.Run) -> None:
    pickled = pickle.dumps(loaded)
    assert len(pickled) < 2000
    clip = noise(4, 16, 16)
    again = pickle.loads(pickled)
    np.testing.assert_allclose(predict(again, clip), predict(loaded, clip), atol=1e-6)
    assert (again.labels, again.rate, again.engine) == (loaded.labels, loaded.rate, loaded.engine)


def test_what_was_given_is_pickled_with_the_path(tmp_path: Path) -> None:
    picture = keras.Input((16, 16, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255)(picture)
    model = keras.Model(picture, keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(scaled)))
    model.save(tmp_path / "mine.keras")
    given: dict[str, Any] = {"channels": "bgr", "rate": 5, "labels": ["calm", "jam"]}
    for source in (tmp_path / "mine.keras", model):
        loaded = sm.load_clip_model(source, **given)
        again = pickle.loads(pickle.dumps(loaded))
        assert (again.labels, again.rate) == (("calm", "jam"), 5)
        np.testing.assert_allclose(predict(again, noise(1, 16, 16)), predict(loaded, noise(1, 16, 16)), atol=1e-6)


def test_nothing_is_fetched(motion_run: sm.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        pytest.fail("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", connect)
    file = write_video(tmp_path / "a.mp4", noise(4, 16, 16))
    assert len(predict(sm.load_clip_model(motion_run.folder), file)) == 2


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_read_only_cache_is_warned_of_once(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is in it is used, and what is not is decoded."""
    file = write_video(tmp_path / "a.mp4", noise(4, 16, 16))
    stored = cached_frames(file, [0.0], 16, 16)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "refused")

    cache._warn_of_read_only.cache_clear()
    monkeypatch.setattr(np, "save", refuse)
    monkeypatch.setattr("os.utime", refuse)
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: None if path.suffix == ".part" else refuse())
    with caplog.at_level(logging.WARNING, "stillmotion"):
        for seconds in (0.1, 0.2):
            assert cached_frames(file, [seconds], 16, 16).images.shape == (1, 16, 16, 3)
        with monkeypatch.context() as patch:
            patch.setattr(cache, "read_frames", lambda *_: pytest.fail("is in the cache"))
            np.testing.assert_array_equal(cached_frames(file, [0.0], 16, 16).images, stored.images)
        cache.trim_cache(0)
    assert [record.message.split("; ")[0] for record in caplog.records] == [
        f"{tmp_path / 'cache'}: the cache is read-only, so what is not in it is decoded anew each time"
    ]
