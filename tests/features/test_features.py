"""The cache of features: each frame goes through the backbone once, and is never another frame's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.media import noise, write_video
from stillmotion.clips import trim_cache
from stillmotion.decoding import DecodedFrames, read_frames
from stillmotion.errors import StillmotionError, UnreadableVideoError
from stillmotion.features import (
    FeatureRequest,
    FrameFeatures,
    cached_features,
    extract_features,
    extraction,
    frame_features,
)

SIDES = (32, 48)


class FakeBackbone:
    """Its grid is the picture itself, in coarse cells; its top is the mean color."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        # How many frames went through, without the copies of the last one that fill up a batch.
        self.runs = 0

    def predict_on_batch(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        self.batches.append(len(pictures))
        copies = np.flatnonzero((pictures == pictures[-1]).all((1, 2, 3)))
        self.runs += int(copies[0]) + 1
        height, width = pictures.shape[1:3]
        cells = pictures.reshape(-1, 4, height // 4, 4, width // 4, 3).mean((2, 4))
        return [cells.astype(np.float32), pictures.mean((1, 2)).astype(np.float32)]


@pytest.fixture
def backbone(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBackbone]:
    fake = FakeBackbone()
    monkeypatch.setattr(extraction, "build_backbone", lambda name, height, width: fake)
    monkeypatch.setattr(frame_features, "weights_id", lambda name: f"weights of {name}")
    extraction._built.cache_clear()
    frame_features._backbone_id.cache_clear()
    yield fake
    extraction._built.cache_clear()
    frame_features._backbone_id.cache_clear()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[float]]]:
    """What is decoded: files and times."""
    calls: list[tuple[str, list[float]]] = []

    def read(path: Path, seconds: Any, height: int, width: int) -> DecodedFrames:
        calls.append((path.name, np.asarray(seconds).tolist()))
        return read_frames(path, seconds, height, width)

    monkeypatch.setattr(extraction, "read_frames", read)
    return calls


def video(folder: Path, name: str, frames: int = 10, seed: int = 0) -> Path:
    """Frames that all differ, 10 per second."""
    return write_video(folder / name, noise(frames, seed=seed))


def get(file: Path, seconds: Any, backbone: str = "fake") -> FrameFeatures:
    return cached_features(backbone, file, seconds, *SIDES)


def colors(file: Path, seconds: list[float]) -> NDArray[np.float16]:
    """The tops of the frames on screen, from the file itself."""
    means = read_frames(file, seconds, *SIDES).shown_at(seconds).mean((1, 2))
    return np.asarray(means.astype(np.float32), np.float16)


def entries(folder: Path) -> list[Path]:
    return [path for path in (folder / "cache" / "features").rglob("*") if path.is_file()]


def test_each_time_gets_the_features_of_the_frame_on_screen(tmp_path: Path, backbone: FakeBackbone) -> None:
    file = video(tmp_path, "a.mp4")
    wanted = [0.35, 0.05, 0.9, 0.05, 7.0, -1.0]
    for _ in range(2):
        features = get(file, wanted)
        np.testing.assert_allclose(features.seconds, [0.3, 0.0, 0.9, 0.0, 0.9, 0.0], atol=1e-9)
        np.testing.assert_array_equal(features.top, colors(file, wanted))
        np.testing.assert_allclose(features.grid.mean((1, 2)), features.top, rtol=2e-3)
        assert features.grid.shape == (6, 4, 4, 3)
        assert {features.grid.dtype, features.top.dtype} == {np.dtype(np.float16)}
    assert backbone.runs == 3


def test_a_frame_goes_through_the_backbone_once_whoever_asks(
    tmp_path: Path, backbone: FakeBackbone, decoded: list[tuple[str, list[float]]]
) -> None:
    file = video(tmp_path, "a.mp4")
    get(file, [0.0, 0.2, 0.4])
    get(file, [0.41, 0.21, 0.6])  # other times, two of the same frames
    assert backbone.runs == 4
    assert decoded == [("a.mp4", [0.0, 0.2, 0.4]), ("a.mp4", [0.21, 0.41, 0.6])]
    wanted = [0.6, 0.0, 0.21, 0.2]  # all of them asked for before
    np.testing.assert_array_equal(get(file, wanted).top, colors(file, wanted))
    get(file, [0.45])  # a frame that is there, at a new time: it is decoded to learn which one it is
    assert len(decoded) == 3
    assert backbone.runs == 4
    assert len(entries(tmp_path)) == 1
    np.testing.assert_array_equal(get(file, [0.45]).top, colors(file, [0.45]))
    assert len(decoded) == 3


def test_other_weights_sizes_and_contents_have_other_features(
    tmp_path: Path, backbone: FakeBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = video(tmp_path, "a.mp4")
    get(file, [0.0])
    get(file, [0.0], backbone="other")
    cached_features("fake", file, [0.0], 32, 24)
    assert len(backbone.batches) == 3
    monkeypatch.setattr(frame_features, "weights_id", lambda name: "trained further")
    frame_features._backbone_id.cache_clear()
    get(file, [0.0])
    assert len(backbone.batches) == 4
    monkeypatch.setattr(frame_features, "FEATURES_VERSION", "next")
    frame_features._backbone_id.cache_clear()
    get(file, [0.0])
    assert len(backbone.batches) == 5
    content = video(tmp_path, "b.mp4", seed=1).read_bytes()
    file.write_bytes(content)
    np.testing.assert_array_equal(get(file, [0.0]).top, colors(file, [0.0]))
    assert len(backbone.batches) == 6


def test_videos_share_batches_of_one_size(tmp_path: Path, backbone: FakeBackbone) -> None:
    files = [video(tmp_path, f"{seed}.mp4", seed=seed) for seed in range(5)]
    wanted = np.arange(10) / 10
    seen: list[tuple[str, int, int]] = []
    requests = [FeatureRequest(file, wanted) for file in files]
    extract_features(
        "fake", requests, *SIDES, progress=lambda stage, done, total, _={}, /: seen.append((stage, done, total))
    )
    assert backbone.batches == [extraction.BATCH_SIZE] * 4
    assert backbone.runs == 50
    assert seen == [("extracting features", done, 5) for done in range(1, 6)]
    for file in files:
        np.testing.assert_array_equal(get(file, wanted).top, colors(file, wanted.tolist()))
    extract_features("fake", requests, *SIDES, progress=lambda *_: pytest.fail("nothing is left to do"))
    assert len(backbone.batches) == 4


def test_requests_for_segments_of_one_file_are_one_entry(
    tmp_path: Path, backbone: FakeBackbone, decoded: list[tuple[str, list[float]]]
) -> None:
    file = video(tmp_path, "a.mp4")
    extract_features("fake", [FeatureRequest(file, [0.5, 0.6]), FeatureRequest(file, [0.0, 0.5])], *SIDES)
    assert decoded == [("a.mp4", [0.0, 0.5, 0.6])]
    assert len(backbone.batches) == len(entries(tmp_path)) == 1


def test_a_long_video_is_decoded_in_chunks(
    tmp_path: Path, backbone: FakeBackbone, decoded: list[tuple[str, list[float]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "CHUNK", 3)
    file = video(tmp_path, "a.mp4")
    wanted = (np.arange(20) / 20).tolist()  # two times per frame: chunks share frames
    np.testing.assert_array_equal(get(file, wanted).top, colors(file, wanted))
    assert max(len(times) for _, times in decoded) == 3
    assert backbone.runs == 10
    assert len(backbone.batches) == 1


def test_what_was_done_before_an_error_or_a_cancel_is_kept(tmp_path: Path, backbone: FakeBackbone) -> None:
    files = [video(tmp_path, f"{seed}.mp4", frames=extraction.BATCH_SIZE, seed=seed) for seed in range(3)]
    wanted = np.arange(extraction.BATCH_SIZE) / 10
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    broken = FeatureRequest(tmp_path / "broken.mp4", wanted)
    with pytest.raises(UnreadableVideoError, match=r"broken\.mp4"):
        extract_features("fake", [FeatureRequest(files[0], wanted), broken], *SIDES)
    assert len(entries(tmp_path)) == 1

    class StopError(Exception):
        pass

    def stop(stage: str, done: int, *_: object) -> None:
        raise StopError

    requests = [FeatureRequest(file, wanted) for file in files]
    with pytest.raises(StopError):
        extract_features("fake", requests, *SIDES, progress=stop)
    assert len(entries(tmp_path)) == 2
    extract_features("fake", requests, *SIDES)
    assert len(backbone.batches) == 3


def test_a_damaged_entry_is_computed_again(tmp_path: Path, backbone: FakeBackbone) -> None:
    file = video(tmp_path, "a.mp4")
    get(file, [0.0])
    (entry,) = entries(tmp_path)
    whole = entry.read_bytes()
    array = whole[: whole.index(b"\x93NUMPY", 1)]
    for content in (b"", whole[:-1], whole[:300], array, whole + array):
        entry.write_bytes(content)
        np.testing.assert_array_equal(get(file, [0.0]).top, colors(file, [0.0]))
    assert len(backbone.batches) == 6


def test_the_cache_is_trimmed_together_with_that_of_frames(
    tmp_path: Path, backbone: FakeBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = video(tmp_path, "a.mp4")
    get(file, [0.0])
    trim_cache(0)
    assert not entries(tmp_path)
    np.testing.assert_array_equal(get(file, [0.0]).top, colors(file, [0.0]))
    monkeypatch.setattr(extraction, "trim_cache", lambda: trim_cache(0))
    extract_features("fake", [FeatureRequest(file, [0.0])], *SIDES)
    assert entries(tmp_path), "what is there is no reason to trim"
    extract_features("fake", [FeatureRequest(video(tmp_path, "b.mp4"), [0.0])], *SIDES)
    assert len(entries(tmp_path)) == 1


@pytest.mark.parametrize("event", ["written", "deleted"])
def test_another_process_that_changes_an_entry_meanwhile_spoils_nothing(
    tmp_path: Path, backbone: FakeBackbone, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    """An entry claims no time whose frame it lacks."""
    file = video(tmp_path, "a.mp4")
    get(file, [0.0, 0.1])
    (entry,) = entries(tmp_path)
    before = entry.read_bytes()
    get(file, [0.7])
    after = entry.read_bytes()
    entry.write_bytes(before)
    predict = backbone.predict_on_batch

    def meanwhile(pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        entry.unlink()
        if event == "written":
            entry.write_bytes(after)
        return predict(pictures)

    monkeypatch.setattr(backbone, "predict_on_batch", meanwhile)
    wanted = [0.04, 0.5]  # the first is a new time for a frame that is there
    np.testing.assert_array_equal(get(file, wanted).top, colors(file, wanted))
    monkeypatch.setattr(backbone, "predict_on_batch", lambda pictures: pytest.fail("known already"))
    known = [0.0, 0.1, 0.04, 0.5] + ([0.7] if event == "written" else [])
    np.testing.assert_array_equal(get(file, known).top, colors(file, known))


def test_large_features_stay_finite(tmp_path: Path, backbone: FakeBackbone, monkeypatch: pytest.MonkeyPatch) -> None:
    large = [np.full((16, 2, 2, 1), 1e6, np.float32), np.full((16, 3), -1e6, np.float32)]
    monkeypatch.setattr(backbone, "predict_on_batch", lambda pictures: large)
    features = get(video(tmp_path, "a.mp4"), [0.0])
    assert (features.grid.max(), features.top.min()) == (65504, -65504)


def test_features_that_are_not_numbers_are_refused(
    tmp_path: Path, backbone: FakeBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = [np.zeros((16, 2, 2, 1), np.float32), np.full((16, 3), np.nan, np.float32)]
    monkeypatch.setattr(backbone, "predict_on_batch", lambda pictures: nothing)
    with pytest.raises(StillmotionError, match="backbone 'fake': gives features that are not numbers"):
        get(video(tmp_path, "a.mp4"), [0.0])


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, backbone: FakeBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STILLMOTION_CACHE", str(tmp_path / "file"))
    with pytest.raises(StillmotionError, match="STILLMOTION_CACHE"):
        get(video(tmp_path, "a.mp4"), [0.0])


@pytest.mark.backend
@pytest.mark.jax
def test_with_a_real_model_features_are_those_of_the_model(tmp_path: Path) -> None:
    import keras
    from keras import layers

    picture = keras.Input((32, 48, 3))
    maps = layers.Conv2D(4, 3, strides=8, padding="same", name="maps")(layers.Rescaling(1 / 255)(picture))
    model = keras.Model(picture, maps)
    model.save(tmp_path / "my.keras")
    file = video(tmp_path, "a.mp4")
    wanted = [0.0, 0.5, 0.9]
    features = get(file, wanted, backbone=f"{tmp_path / 'my.keras'}:maps")
    expected = np.asarray(model(read_frames(file, wanted, *SIDES).images))
    np.testing.assert_allclose(features.grid, expected, atol=2e-3)
    np.testing.assert_allclose(features.top, expected.mean((1, 2)), atol=2e-3)
