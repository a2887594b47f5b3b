"""What is predicted from memory is what would be predicted from disk."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stillmotion as sm
from helpers.media import noise, write_video
from stillmotion.clips import read_clips
from stillmotion.errors import UnreadableVideoError
from stillmotion.prediction import predict_labeled

pytestmark = pytest.mark.backend


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "video.mp4", noise(4))


def probabilities(results: object) -> list[list[float]]:
    assert isinstance(results, list)
    return [list(map(float, result.probabilities)) for result in results]


def test_bytes_open_files_and_clips_are_predicted_as_files_are(motion_run: sm.Run, video: Path) -> None:
    clip = read_clips(video, [(0.0, 0.4)], motion_run.recipe.spec)[0]
    with video.open("rb") as file:
        results = list(sm.predict(motion_run, [video, video.read_bytes(), file, clip]))
    first, *others = probabilities(results)
    assert [result.video.path for result in results] == [str(video), "input 1", "input 2", "input 3"]
    np.testing.assert_allclose(others, [first] * 3, atol=1e-6)


def test_an_array_is_a_clip_a_batch_of_clips_or_a_picture(motion_run: sm.Run) -> None:
    model = sm.load_clip_model(motion_run)
    clips = noise(8, 16, 16).reshape(2, 4, 16, 16, 3)
    batch = probabilities(list(sm.predict(model, clips)))
    np.testing.assert_allclose(batch, probabilities(list(sm.predict(model, list(clips)))), atol=1e-6)
    picture = clips[0, 0]
    still = probabilities(list(sm.predict(model, [picture, np.stack([picture] * 4)])))
    np.testing.assert_allclose(still[0], still[1], atol=1e-6)


@pytest.mark.parametrize(
    "clip", [np.zeros((4, 16, 16, 3)), np.zeros((5, 16, 16, 3), np.uint8), np.zeros((4, 16, 17, 3), np.uint8)]
)
def test_other_arrays_are_refused(motion_run: sm.Run, clip: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    with pytest.raises(sm.UsageError, match=r"the model takes uint8 RGB of shape \(4, 16, 16, 3\)"):
        list(sm.predict(sm.load_clip_model(motion_run), clip))


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
def test_the_bytes_of_a_picture_are_recognized(motion_run: sm.Run, tmp_path: Path, format: str) -> None:
    written = io.BytesIO()
    Image.fromarray(noise(1, 32, 32)[0]).save(written, format)
    file = tmp_path / f"picture.{format.lower()}"
    file.write_bytes(written.getvalue())
    from_disk, from_memory = probabilities(list(sm.predict(sm.load_clip_model(motion_run), [file, written.getvalue()])))
    np.testing.assert_allclose(from_memory, from_disk, atol=1e-6)


def test_bytes_that_are_no_video_are_skipped_by_name(motion_run: sm.Run) -> None:
    (skipped,) = sm.predict(motion_run, b"no video")
    assert isinstance(skipped, sm.SkippedVideo)
    assert skipped.reason.startswith("input 0: ")


def test_copies_are_deleted_after_use_and_not_named(
    motion_run: sm.Run, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []

    def read(self: object, file: Path, *_: object, **__: object) -> None:
        seen.append(file)
        assert [one.name for one in file.parent.iterdir()] == [file.name]  # none of those before
        raise UnreadableVideoError(f"{file}: broken")

    monkeypatch.setattr("stillmotion.prediction.run_models.RunModel.read", read)
    results = list(sm.predict(motion_run, [video.read_bytes()] * 2))
    assert [result.reason for result in results if isinstance(result, sm.SkippedVideo)] == [
        "input 0: broken",
        "input 1: broken",
    ]
    assert len(seen) == 2


def test_a_model_in_memory_needs_only_what_its_layers_do_not_say(video: Path) -> None:
    """An image model, as `stream_model` takes it."""
    import keras
    from keras import layers

    picture = keras.Input((16, 16, 3), dtype="uint8")
    outputs = layers.Dense(2, activation="softmax")(layers.Flatten()(layers.Rescaling(1 / 255)(picture)))
    model = keras.Model(picture, outputs, name="mine")
    with pytest.raises(sm.UsageError, match="in memory/mine does not say its channels"):
        list(sm.stream(model, video))
    clip_model = sm.load_clip_model(model, channels="rgb", rate=10)
    streamed = [window.probabilities for window in sm.stream(clip_model, video)]
    frames = read_clips(video, [(0.0, 0.4)], sm.ClipSpec(4, 10, 16))[0]
    np.testing.assert_allclose(streamed, model.predict_on_batch(frames), atol=1e-5)
    with pytest.raises(sm.UsageError, match="give the folder to export it to, `out`"):
        sm.export_model(model, "onnx", channels="rgb")


def test_runs_are_named_by_their_folders(motion_run: sm.Run, tmp_path: Path) -> None:
    write_video(tmp_path / "data" / "left" / "a.mp4", noise(4))
    write_video(tmp_path / "data" / "right" / "b.mp4", noise(4, seed=1))
    folder = str(motion_run.folder)
    data = tmp_path / "data"
    assert sm.predict_over_time(folder, data).over_time_file.exists()
    assert sm.evaluate_perturbed(folder, data).perturbed_file.exists()
    predictions, _ = predict_labeled(motion_run, sm.read_videos(data))
    assert len(predictions) == 2
