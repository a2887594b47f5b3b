"""Whatever is given to a run is predicted or skipped, in order."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stillmotion as sm
from helpers.media import noise, write_video
from stillmotion.clips import even_windows, open_videos, read_clips
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.prediction import find_inputs, predict

pytestmark = pytest.mark.backend


def test_pictures_and_videos_are_predicted_and_broken_files_skipped_in_order(
    motion_run: sm.Run, tmp_path: Path
) -> None:
    Image.fromarray(noise(1)[0]).save(tmp_path / "picture.png")
    write_video(tmp_path / "video.mp4", noise(9))
    (tmp_path / "broken.mp4").write_text("no video")
    names = [tmp_path / name for name in ("picture.png", "broken.mp4", "video.mp4")]
    picture, broken, video = predict(motion_run, find_inputs(names))
    assert isinstance(picture, sm.VideoPrediction) and picture.windows == ((0.0, 0.0),)
    assert isinstance(broken, sm.SkippedVideo) and "broken.mp4" in broken.reason
    assert isinstance(video, sm.VideoPrediction) and len(video.windows) == 3
    assert video.probabilities.shape == (2,)
    assert video.labels == ("left", "right")
    np.testing.assert_allclose(video.window_probabilities.sum(axis=1), np.ones(3), atol=1e-5)


def test_a_video_is_predicted_alike_alone_and_among_others(motion_run: sm.Run, tmp_path: Path) -> None:
    """Clips of several videos share a batch, and a video of many windows has batches of its own."""
    lengths = [4, 12, 36, 80, 4]
    files = [write_video(tmp_path / f"{number}.mp4", noise(n, seed=number)) for number, n in enumerate(lengths)]
    videos = sm.Videos(tmp_path, tuple(sm.Video(file.name) for file in files))
    together = list(predict(motion_run, videos))
    opened = list(predict(motion_run, open_videos(videos)))
    for number, (prediction, same) in enumerate(zip(together, opened, strict=True)):
        (alone,) = predict(motion_run, videos.only([videos[number]]))
        assert isinstance(prediction, sm.VideoPrediction)
        assert isinstance(alone, sm.VideoPrediction)
        assert isinstance(same, sm.VideoPrediction)
        assert prediction.video == alone.video == same.video == videos[number]
        assert prediction.windows == alone.windows == same.windows
        assert len(prediction.windows) == lengths[number] // 4
        np.testing.assert_allclose(prediction.window_probabilities, alone.window_probabilities, atol=1e-5)
        np.testing.assert_allclose(prediction.window_probabilities, same.window_probabilities, atol=1e-5)


def test_a_video_of_more_windows_than_are_read_at_once_is_predicted_window_by_window(
    motion_run: sm.Run, tmp_path: Path
) -> None:
    import keras

    brightness = np.linspace(0.1, 1, 4 * 70)[:, None, None, None]
    file = write_video(tmp_path / "long.mp4", (noise(4 * 70, 16, 16) * brightness).astype(np.uint8))
    (prediction,) = predict(motion_run, find_inputs([file]))
    assert isinstance(prediction, sm.VideoPrediction)
    spec = motion_run.recipe.spec
    assert list(prediction.windows) == even_windows(spec, (0.0, 28.0)) and len(prediction.windows) == 70
    clips = read_clips(file, prediction.windows, spec)
    expected = keras.ops.convert_to_numpy(keras.saving.load_model(motion_run.model_file)(clips))
    assert expected.std(axis=0).max() > 1e-3
    np.testing.assert_allclose(prediction.window_probabilities, expected, atol=1e-5)


def test_a_model_that_does_not_fit_its_record_is_refused(motion_run: sm.Run, still_run: sm.Run, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_text("no model")
    with pytest.raises(StillmotionError, match="not a Keras model"):
        list(predict(dataclasses.replace(motion_run, folder=tmp_path), sm.Videos(tmp_path, ())))
    record = dataclasses.replace(motion_run.record, labels=("left", "right", "still"))
    with pytest.raises(StillmotionError, match=r"gives 2 probabilities; run\.json says .* 3 labels"):
        list(predict(dataclasses.replace(motion_run, record=record), sm.Videos(tmp_path, ())))


def test_inputs_in_any_mixture(tmp_path: Path) -> None:
    for name in ("clips/b.mp4", "clips/a.png", "c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "t.csv").write_text("path,start_seconds\nc.mp4,1\n")
    inputs = find_inputs([tmp_path / "t.csv", tmp_path / "clips"])
    assert [(Path(v.path).name, v.start_seconds) for v in inputs] == [("c.mp4", 1.0), ("a.png", None), ("b.mp4", None)]
    assert [inputs.file(v).exists() for v in inputs] == [True] * 3
    with pytest.raises(UsageError, match="no such file"):
        find_inputs([tmp_path / "none.mp4"])
