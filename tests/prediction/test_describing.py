"""Models of other people: described, refused while something is unknown, and fed alike by every command."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import stillmotion as sm
from helpers.commands import assert_refused, run_command
from helpers.media import write_video
from helpers.old_files import layer, sequential, write_h5
from stillmotion.clips import open_videos
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models.card_files import write_card
from stillmotion.models.loading import rebuild
from stillmotion.prediction import VideoPrediction, convert_model, describe_model, find_inputs, load_clip_model
from stillmotion.prediction.events import EventDetector
from stillmotion.streaming import WindowPrediction

pytestmark = pytest.mark.backend
RED, BLUE = (200, 30, 30), (30, 30, 200)


def film(folder: Path) -> Path:
    """Red for two seconds, then blue for two, at 10 frames per second."""
    frames = np.repeat(np.array([RED, BLUE], np.uint8), 20, axis=0)
    return write_video(folder / "film.mp4", np.broadcast_to(frames[:, None, None], (40, 32, 48, 3)))


def color_model(file: Path, *, end: Any = None, order: int = 1, frames: int | None = 4) -> Path:
    """Trained on pictures divided by 255, of which the file says nothing: is a clip red or blue?"""
    inputs = keras.Input((frames, 16, 16, 3))
    hidden, dense = layers.Dense(2, activation="relu"), layers.Dense(2)
    x = dense(hidden(layers.GlobalAveragePooling3D()(inputs)))
    model = keras.Model(inputs, layers.Softmax()(x) if end is None else end(x))
    # Red is between 0.65 and 0.95 of full: in every other range, red is never or always there.
    hidden.set_weights([np.array([[1, 1], [0, 0], [0, 0]], np.float32)[::order], np.array([-0.65, -0.9], np.float32)])
    dense.set_weights([np.array([[100, 0], [-300, 0]], np.float32), np.array([-5, 0], np.float32)])
    model.save(file)
    return file


def snapshots(folder: Path) -> Path:
    for name, color in (("blue", BLUE), ("red", RED)):
        (folder / "stills" / name).mkdir(parents=True)
        for number in range(4):
            noise = np.random.default_rng(number).integers(-30, 30, (20, 20, 3))
            picture = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(folder / "stills" / name / f"{number}.png")
    return folder / "stills"


def test_what_changes_answers_is_asked_for(tmp_path: Path) -> None:
    model, video = color_model(tmp_path / "m.keras"), film(tmp_path)
    message = "does not say its input range and channels, which change what it predicts: give `input_range`, `channels`"
    for call in (
        lambda: list(sm.stream(model, video, rate=10)),
        lambda: sm.export_model(model, "onnx"),
    ):
        with pytest.raises(UsageError, match=message):
            call()
    # How far apart its frames are matters where they come from videos.
    with pytest.raises(UsageError, match=r"input range, channels and rate, which .*, `rate` \(frames per second"):
        list(sm.predict(model, [video]))
    assert describe_model(model, input_range="0..1", channels="rgb").missing_for_videos == ("rate",)
    for words in (("predict", model, video, "--rate", 10), ("stream", model, video, "--rate", 10), ("export", model)):
        assert_refused(2, "give --input-range, --channels; stillmotion describe with --snapshots", *words)


def test_labeled_snapshots_tell_range_and_channel_order(tmp_path: Path) -> None:
    """They are written into the card, which all commands read."""
    model, video = color_model(tmp_path / "m.keras", order=-1), film(tmp_path)
    card = describe_model(model, snapshots=snapshots(tmp_path), labels=["red", "blue"], rate=10)
    assert (card.input_range.value, card.input_range.source) == ("0..1", "measured")
    assert (card.channels.value, card.channels.source) == ("BGR", "measured")
    assert not card.missing
    write_card(card, tmp_path / "m.json")
    (predicted,) = sm.predict(model, [video])
    assert isinstance(predicted, VideoPrediction)
    labels = [predicted.labels[int(row.argmax())] for row in predicted.window_probabilities]
    assert labels[0] == "red" and labels[-1] == "blue"
    streamed = list(sm.stream(model, video))
    assert [streamed[0].label, streamed[-1].label] == ["red", "blue"]
    by_window = dict(zip([round(end, 3) for _, end in predicted.windows], predicted.window_probabilities, strict=True))
    common = [entry for entry in streamed if entry.seconds and round(entry.seconds, 3) in by_window]
    assert len(common) == 10
    for entry in common:
        np.testing.assert_allclose(entry.probabilities, by_window[round(entry.seconds or 0, 3)], atol=1e-5)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("given", [{}, {"input_range": "0..1"}], ids=["unknown", "given"])
def test_folders_of_snapshots_name_labels_where_they_fit(tmp_path: Path, given: dict[str, str], linear: bool) -> None:
    """Whether or not the range is known; and all commands know them from the card."""
    folder, file = snapshots(tmp_path), tmp_path / "m.keras"
    end = (lambda x: x) if linear else None
    facts: dict[str, Any] = {**given, "channels": "rgb"}
    color_model(file, end=end)  # red comes first, which is not the order of the folders
    card = describe_model(file, snapshots=folder, rate=10, **facts)
    assert (card.labels.value, card.labels.source) == (("0", "1"), "assumed")
    assert "do not fit its outputs in their sorted order" in card.labels.evidence
    assert (card.outputs.value is None) is linear
    (folder / "red").rename(folder / "a red")
    card = describe_model(file, snapshots=folder, rate=10, **facts)
    assert (card.labels.value, card.labels.source) == (("a red", "blue"), "measured")
    assert card.input_range.value == "0..1" and card.outputs.value == ("logits" if linear else "softmax")
    any_channels = describe_model(file, snapshots=folder, rate=10).labels
    assert any_channels.evidence == "numbers; the folders of the snapshots fit its outputs in more than one order"
    write_card(card, tmp_path / "m.json")
    note = load_clip_model(file, channels="rgb").note
    assert note.endswith("labels a red, blue (folders of the snapshots, sorted; 100% of 8 labeled snapshots right)")


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_labels_that_a_picture_has_not_count_where_they_are_independent(tmp_path: Path, activation: Any) -> None:
    """Fed 0..255, this model finds every label in every picture."""
    inputs = keras.Input((16, 16, 3))
    hidden, dense = layers.Dense(10, activation="relu"), layers.Dense(2, activation=activation)
    model = keras.Model(inputs, dense(hidden(layers.GlobalAveragePooling2D()(inputs))))
    kernel, to_red, to_blue = np.zeros((3, 10)), np.zeros(10), np.zeros(10)
    kernel[0, :5] = kernel[2, 5:] = 1
    to_red[:5] = to_blue[5:] = 30, -300, 1000, -3000, 8000
    hidden.set_weights([kernel, -np.tile([0.65, 0.9, 20, 45, 140], 2)])
    dense.set_weights([np.stack([to_red, to_blue], axis=1), np.full(2, -3.2)])
    model.save(tmp_path / "m.keras")
    facts: dict[str, Any] = {"channels": "rgb", "labels": ["red", "blue"], "snapshots": snapshots(tmp_path)}
    card = describe_model(tmp_path / "m.keras", **facts, outputs=None if activation else "independent logits")
    assert (card.input_range.value, card.input_range.source) == ("0..1", "measured")
    assert describe_model(tmp_path / "m.keras", **facts, outputs="regression").input_range.value is None


def test_what_was_found_out_or_given_against_it_is_said(tmp_path: Path) -> None:
    inputs = keras.Input((4, 16, 16, 3))
    x = layers.GlobalAveragePooling3D()(layers.Rescaling(1 / 255, name="scale")(inputs))
    keras.Model(inputs, layers.Dense(2, activation="softmax", name="head")(x)).save(tmp_path / "scales.keras")
    facts: dict[str, Any] = {"rate": 10, "channels": "rgb"}
    scales = tmp_path / "scales.keras"
    assert load_clip_model(scales, **facts).note == "input range 0..255 (head gets them scaled by the model)"
    contradicted = load_clip_model(scales, **facts, input_range="0..1").note
    assert contradicted == "input range 0..1 (as given, but head gets them scaled by the model from 0..255)"
    assert load_clip_model(color_model(tmp_path / "m.keras"), **facts, input_range="0..1").note == ""
    result = run_command("predict", scales, film(tmp_path), "--rate", "10", "--channels", "rgb")
    assert result.returncode == 0 and "input range 0..255 (head gets them" in result.stderr
    assert "frames are stretched (as the model is assumed" in result.stderr  # no reason to refuse


def framed_model(folder: Path) -> tuple[Path, Path]:
    """A model that returns a picture's mean color, and a video that is black in the middle, with white at both ends."""
    inputs = keras.Input((16, 16, 3))
    keras.Model(inputs, layers.GlobalAveragePooling2D()(inputs)).save(folder / "mean.keras")
    frames = np.zeros((12, 32, 48, 3), np.uint8)
    frames[:, :, :8] = frames[:, :, 40:] = 255
    return folder / "mean.keras", write_video(folder / "bars.mp4", frames)


@pytest.mark.parametrize(("framing", "mean"), [("stretch", 85.0), ("crop", 0.0), ("letterbox", 85 * 11 / 16)])
def test_a_model_is_shown_frames_in_its_framing_offline_and_live(tmp_path: Path, framing: Any, mean: float) -> None:
    """Whether that is given or in its card."""
    model, video = framed_model(tmp_path)
    facts: dict[str, Any] = {"input_range": "0..255", "channels": "rgb", "outputs": "regression", "rate": 10}
    given = load_clip_model(model, **facts, framing=framing)
    write_card(describe_model(model, **facts, framing=framing), tmp_path / "mean.json")
    (predicted,) = sm.predict(model, [video])
    assert isinstance(predicted, VideoPrediction)
    np.testing.assert_allclose(predicted.window_probabilities, mean, atol=2)
    streamed = [entry.probabilities for entry in sm.stream(given, video)]
    assert np.array_equal(streamed, predicted.window_probabilities)


def test_how_frames_are_framed_is_noted_once_where_it_matters(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not for videos of the model's aspect ratio, or nearly that, and not where it was given."""
    caplog.set_level("INFO", "stillmotion")
    model, wide = framed_model(tmp_path)
    square, like_square = (write_video(tmp_path / f"{w}.mkv", np.zeros((2, 50, w, 3), np.uint8)) for w in (50, 52))
    facts: dict[str, Any] = {"input_range": "0..255", "channels": "rgb", "outputs": "regression", "rate": 10}
    assumed, given = load_clip_model(model, **facts), load_clip_model(model, **facts, framing="stretch")

    def notes(predicted: Any) -> int:
        caplog.clear()
        list(predicted)
        said = (
            f"{wide}: its aspect ratio is not the model's; frames are stretched (as the model is assumed to have been "
            "trained)"
        )
        assert caplog.messages in ([], [said])
        return len(caplog.messages)

    opened = open_videos(find_inputs([square, wide, wide]))
    assert [notes(sm.predict(assumed, inputs)) for inputs in ([square, like_square], [square, wide, wide], opened)] == [
        0, 1, 1,
    ]  # fmt: skip
    assert [notes(sm.stream(assumed, source)) for source in (square, wide)] == [0, 1]
    assert notes(sm.predict(given, [wide])) == notes(sm.stream(given, wide)) == 0


def test_every_command_takes_the_framing_of_a_model(tmp_path: Path) -> None:
    model, video = framed_model(tmp_path)
    others = {"predict": [video], "stream": [video], "evaluate": [tmp_path], "convert": [tmp_path / "new.keras"]}
    for command in ("describe", "predict", "stream", "export", "evaluate", "convert"):
        words = (command, model, *others.get(command, []), "--framing", "squash")
        assert_refused(2, "framing 'squash': expected stretch, crop, letterbox", *words)
    result = run_command("describe", model, "--framing", "letterbox")
    assert result.returncode == 0 and "letterbox given" in " ".join(result.stdout.split())
    # Given once, it is known from then on, also to what is made of the model.
    facts = ("--input-range", "0..255", "--channels", "rgb", "--outputs", "regression")
    assert run_command("convert", model, tmp_path / "new.keras", *facts).returncode == 0
    assert json.loads((tmp_path / "new.json").read_text())["framing"]["value"] == "letterbox"


def test_snapshots_are_framed_as_the_model_sees_them(tmp_path: Path) -> None:
    """Their edges are of the other color: uncropped, no range fits."""
    folder = snapshots(tmp_path)
    for file in folder.glob("*/*.png"):
        picture = np.asarray(Image.open(file))
        edge = np.full((20, 20, 3), BLUE if file.parent.name == "red" else RED, np.uint8)
        Image.fromarray(np.concatenate([edge, picture, edge], axis=1)).save(file)
    file = color_model(tmp_path / "m.keras")
    facts: dict[str, Any] = {"snapshots": folder, "channels": "rgb", "labels": ["red", "blue"]}
    assert describe_model(file, **facts).input_range.value is None
    assert describe_model(file, **facts, framing="crop").input_range.value == "0..1"


def test_describe_prints_and_writes_the_card(tmp_path: Path) -> None:
    model = color_model(tmp_path / "m.keras")
    result = run_command("describe", model, "--channels", "bgr")
    assert result.returncode == 0
    assert "BGR" in result.stdout and "given" in result.stdout
    assert "unknown, and needed to predict, stream and export: give --input-range" in result.stderr
    written = json.loads((tmp_path / "m.json").read_text())
    assert written["channels"] == {"value": "BGR", "source": "given", "evidence": ""}
    assert written["input_range"]["source"] == "unknown"
    # Given once, it is known from then on.
    assert_refused(2, "does not say its input range and rate, which change what", "predict", model, film(tmp_path))


def image_model(file: Path, end: Any, *, start: Any = None, loss: Any = None) -> Path:
    """A model of pictures whose color goes through `end`."""
    inputs = keras.Input((16, 16, 3))
    x = (start or layers.Rescaling(1 / 255))(inputs)
    model = keras.Model(inputs, end(layers.GlobalAveragePooling2D()(x)))
    if loss is not None:
        model.compile(loss=loss)
    model.save(file)
    return file


FROM_LOGITS: dict[str, Any] = {"from_logits": True}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("count", "loss", "outputs"),
    [
        (4, None, None),
        (4, "mse", "regression"),
        (4, keras.losses.Huber(), "regression"),
        (4, keras.losses.SparseCategoricalCrossentropy(**FROM_LOGITS), "logits"),
        (4, "categorical_crossentropy", None),
        (4, keras.losses.BinaryCrossentropy(**FROM_LOGITS), "independent logits"),
        (1, keras.losses.BinaryCrossentropy(**FROM_LOGITS), "one logit"),
        (1, None, None),
    ],
)
def test_outputs_without_activation_are_known_by_the_loss(
    tmp_path: Path, count: int, loss: Any, outputs: str | None, suffix: str
) -> None:
    """A bounding box is no four classes."""
    file = image_model(tmp_path / f"m{suffix}", layers.Dense(count), loss=loss)
    card = describe_model(file, channels="rgb")
    assert (card.outputs.value, card.missing) == (outputs, () if outputs else ("outputs",))
    if outputs is None:
        with pytest.raises(UsageError, match=r"does not say its outputs, which .* give `outputs`"):
            load_clip_model(file, channels="rgb")
    else:
        assert f"outputs {outputs} (trained with the loss" in load_clip_model(file, channels="rgb").note


def test_labels_make_numbers_of_any_size_the_logits_of_classes(tmp_path: Path) -> None:
    file = image_model(tmp_path / "m.keras", layers.Dense(2, name="head"))
    loaded = load_clip_model(file, channels="rgb", labels=["a", "b"])
    assert loaded.outputs == "logits" and "outputs logits (head has no activation function; one for" in loaded.note
    file = image_model(tmp_path / "relu.keras", layers.Dense(2, activation="relu"))
    with pytest.raises(UsageError, match="give `outputs`"):
        load_clip_model(file, channels="rgb", labels=["a", "b"])


@pytest.mark.parametrize(
    "end",
    [
        layers.Dense(1, activation="relu", kernel_initializer="ones"),
        layers.Dense(1, kernel_initializer="ones"),
        lambda x: keras.ops.relu(layers.Dense(1, kernel_initializer="ones")(x)),
        lambda x: layers.Flatten()(layers.Dense(1, activation="relu", kernel_initializer="ones")(x)),
    ],
    ids=["relu", "linear", "operation", "flat"],
)
def test_small_numbers_are_no_probabilities(tmp_path: Path, end: Any) -> None:
    file = image_model(tmp_path / "m.keras", end, start=layers.Rescaling(1 / 1000))
    assert describe_model(file, channels="rgb").outputs.value is None
    flat = image_model(tmp_path / "flat.keras", lambda x: layers.Flatten()(layers.Dense(1, activation="sigmoid")(x)))
    assert describe_model(flat, channels="rgb").outputs.value == "one sigmoid"


def test_independent_logits_become_independent_probabilities(tmp_path: Path) -> None:
    file = image_model(tmp_path / "m.keras", layers.Dense(3), loss=keras.losses.BinaryCrossentropy(from_logits=True))
    loaded = load_clip_model(file, channels="rgb")
    assert loaded.outputs == "independent sigmoids"
    kernel = keras.saving.load_model(file, compile=False).get_weights()[0]
    expected = 1 / (1 + np.exp(-np.array(RED) / 255 @ kernel))
    picture = np.broadcast_to(np.array(RED, np.uint8), (1, 1, 16, 16, 3))
    np.testing.assert_allclose(loaded.model.predict_on_batch(picture)[0], expected, atol=1e-5)


def statistics_model(file: Path, pictures: Any, scale: float, offset: float) -> Path:
    """A model that begins with a BatchNormalization, which has learned from pictures of some range."""
    inputs = keras.Input((16, 16, 3))
    norm = layers.BatchNormalization(name="norm")
    x = layers.GlobalAveragePooling2D()(norm(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    values = pictures.astype(np.float64).reshape(-1, 3) * scale + offset
    norm.moving_mean.assign(values.mean(0))
    norm.moving_variance.assign(values.var(0))
    model.save(file)
    return file


@pytest.mark.parametrize(
    ("scale", "offset", "count", "expected"),
    [(1 / 255, 0, 4, "0..1"), (1 / 127.5, -1, 4, "-1..1"), (1 / 255, -0.5, 4, None), (1 / 255, 0, 3, None)],
)
def test_statistics_tell_a_range_that_fits_well(
    tmp_path: Path, scale: float, offset: float, count: int, expected: str | None
) -> None:
    """Not the best of ranges that all fit badly, nor by a picture or two."""
    pictures = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
    (tmp_path / "stills").mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "stills" / f"{number}.png")
    model = statistics_model(tmp_path / "m.keras", pictures, scale, offset)
    fact = describe_model(model, channels="rgb", snapshots=tmp_path / "stills").input_range
    assert (fact.value, fact.source) == ((expected, "measured") if expected else (None, "unknown"))


def test_a_model_that_was_trained_again_is_described_again(tmp_path: Path) -> None:
    file = color_model(tmp_path / "m.keras")
    write_card(describe_model(file, input_range="0..255", channels="rgb"), tmp_path / "m.json")
    color_model(file, end=layers.Dense(1, activation="sigmoid"))
    with pytest.raises(StillmotionError, match="describe it again"):
        load_clip_model(file, rate=10)
    card = describe_model(file)
    assert card.missing == ("input_range", "channels") and card.outputs.value == "one sigmoid"
    write_card(card, tmp_path / "m.json")
    with pytest.raises(UsageError, match="give `input_range`, `channels`"):
        load_clip_model(file, rate=10)


def test_what_a_card_holds_is_measured_again_but_not_what_was_given(tmp_path: Path) -> None:
    file, folder = color_model(tmp_path / "m.keras", order=-1), snapshots(tmp_path)
    card = describe_model(file, labels=["red", "blue"], rate=10)
    wrong = {name: type(getattr(card, name))(value=value, source="measured")
             for name, value in (("input_range", "0..255"), ("channels", "RGB"))}  # fmt: skip
    write_card(card.model_copy(update=wrong), tmp_path / "m.json")
    assert describe_model(file).channels.value == "RGB"
    card = describe_model(file, snapshots=folder)
    assert (card.input_range.value, card.channels.value) == ("0..1", "BGR")
    assert card.labels.value == ("red", "blue") and card.rate.value == 10
    given = card.channels.model_copy(update={"value": "RGB", "source": "given"})
    write_card(card.model_copy(update={"channels": given}), tmp_path / "m.json")
    assert describe_model(file, snapshots=folder).channels == given


def test_one_sigmoid_tells_two_labels_apart(tmp_path: Path) -> None:
    inputs = keras.Input((4, 16, 16, 3))
    dense = layers.Dense(1, activation="sigmoid")
    model = keras.Model(inputs, dense(layers.GlobalAveragePooling3D()(layers.Rescaling(1 / 255)(inputs))))
    dense.set_weights([np.array([[-30], [0], [30]], np.float32), np.zeros(1, np.float32)])
    model.save(tmp_path / "m.keras")
    loaded = load_clip_model(tmp_path / "m.keras", rate=10, channels="rgb", labels=["real", "fake"])
    labels = [prediction.label for prediction in sm.stream(loaded, film(tmp_path))]
    assert labels[0] == "real" and labels[-1] == "fake"
    assert load_clip_model(tmp_path / "m.keras", rate=10, channels="rgb", labels=["fake"]).labels == (
        "not fake",
        "fake",
    )
    with pytest.raises(UsageError, match="3 labels for a model of 2 classes"):
        load_clip_model(tmp_path / "m.keras", rate=10, channels="rgb", labels=["a", "b", "c"])


def test_an_output_per_frame_is_that_of_the_newest(tmp_path: Path) -> None:
    inputs = keras.Input((4, 16, 16, 3))
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D())(layers.Rescaling(1 / 255)(inputs))
    dense = layers.Dense(2, activation="softmax")
    model = keras.Model(inputs, dense(x))
    dense.set_weights([np.array([[20, -20], [0, 0], [-20, 20]], np.float32), np.zeros(2, np.float32)])
    model.save(tmp_path / "m.keras")
    loaded = load_clip_model(tmp_path / "m.keras", rate=10, channels="rgb", labels=["red", "blue"])
    for prediction in sm.stream(loaded, film(tmp_path)):
        assert prediction.label == ("red" if (prediction.seconds or 0) < 2.05 else "blue")


def test_sizes_and_frames_that_a_model_leaves_open_are_asked_for(tmp_path: Path) -> None:
    inputs = keras.Input((None, None, None, 3))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling3D()(inputs)))
    model.save(tmp_path / "m.keras")
    facts: dict[str, Any] = {"rate": 10, "input_range": "0..1", "channels": "rgb"}
    with pytest.raises(UsageError, match="give `frames`, `size`"):
        load_clip_model(tmp_path / "m.keras", **facts)
    loaded = load_clip_model(tmp_path / "m.keras", **facts, frames=4, size=(16, 24))
    assert loaded.model.input_shape == (None, 4, 16, 24, 3)
    fixed = color_model(tmp_path / "fixed.keras")
    with pytest.raises(UsageError, match="frames 5 were given, but the model takes 4"):
        load_clip_model(fixed, **facts, frames=5)


def test_several_inputs_are_named(tmp_path: Path) -> None:
    rgb, flow = keras.Input((4, 16, 16, 3), name="rgb"), keras.Input((4, 16, 16, 2), name="flow")
    pooled = layers.Concatenate()([layers.GlobalAveragePooling3D()(rgb), layers.GlobalAveragePooling3D()(flow)])
    keras.Model([rgb, flow], layers.Dense(2, activation="softmax")(pooled)).save(tmp_path / "m.keras")
    facts: dict[str, Any] = {"rate": 10, "input_range": "0..1", "channels": "rgb"}
    with pytest.raises(UsageError, match=r"takes 2 inputs: rgb \(4, 16, 16, 3\), flow \(4, 16, 16, 2\); say what each"):
        load_clip_model(tmp_path / "m.keras", **facts)
    with pytest.raises(UsageError, match="has no input 'motion'; it has rgb, flow"):
        load_clip_model(tmp_path / "m.keras", **facts, inputs={"motion": "frames"})
    with pytest.raises(UsageError, match=r"input flow takes .* no pictures of 1 or 3 channels"):
        load_clip_model(tmp_path / "m.keras", **facts, inputs={"rgb": "frames", "flow": "difference"})


def test_a_stateful_model_remembers_what_was_before(tmp_path: Path) -> None:
    inputs = keras.Input((1, 16, 16, 3), batch_size=1)
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D())(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.GRU(3, stateful=True)(x)))
    for weight in model.trainable_weights:  # large enough for the past to matter
        weight.assign(np.random.default_rng(1).normal(0, 1, weight.shape))
    model.save(tmp_path / "m.keras")
    video = film(tmp_path)
    loaded = load_clip_model(tmp_path / "m.keras", rate=10, channels="rgb")
    first = [prediction.probabilities for prediction in sm.stream(loaded, video)]
    again = [prediction.probabilities for prediction in sm.stream(loaded, video)]
    assert len(first) == 40
    np.testing.assert_allclose(first, again, atol=1e-6)
    # The same picture, with another past.
    assert np.abs(first[0] - first[10]).max() > 1e-3


@pytest.mark.parametrize("outputs", ["regression", "independent sigmoids"])
def test_numbers_and_independent_labels_are_predicted_as_such_and_not_tested_as_classes(
    outputs: str, tmp_path: Path
) -> None:
    inputs = keras.Input((4, 16, 16, 3))
    activation = None if outputs == "regression" else "sigmoid"
    dense = layers.Dense(2, activation=activation)
    model = keras.Model(inputs, dense(layers.GlobalAveragePooling3D()(inputs)))
    dense.set_weights([np.zeros((3, 2), np.float32), np.array([42.3, 40.0], np.float32)])
    model.save(tmp_path / "m.keras")
    facts = ("--input-range", "0..1", "--channels", "rgb", "--rate", "10", "--outputs", outputs, "--labels", "a,b")
    result = run_command("predict", tmp_path / "m.keras", film(tmp_path), *facts)
    first = result.stdout.splitlines()[0].split()
    if outputs == "regression":
        assert first == ["video", "seconds", "value_a", "value_b"] and "42.3" in result.stdout
    else:
        assert first == ["video", "seconds", "label"] and "a + b" in result.stdout
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        film(tmp_path / "data" / name)
    message = "a number" if outputs == "regression" else "independent labels"
    assert_refused(2, f"the model returns {message}", "evaluate", tmp_path / "m.keras", tmp_path / "data", *facts)


def test_independent_labels_have_events_of_their_own() -> None:
    detector = EventDetector(
        ["rain", "fog", "snow"], smoothing_seconds=0, enter_threshold={"fog": 0.2}, exit_threshold=0.1,
        outputs="independent sigmoids",
    )  # fmt: skip
    events = []
    for second in range(10):
        rain, fog = 0.9 if 1 <= second < 8 else 0.0, 0.3 if 3 <= second < 6 else 0.0
        events += detector.push(WindowPrediction(np.array([rain, fog, 0.5], np.float32), second, float(second)))
    events += detector.flush()
    assert [(event.label, event.start_seconds, event.end_seconds) for event in events] == [
        ("fog", 3, 5),
        ("rain", 1, 7),
    ]
    with pytest.raises(UsageError, match="a threshold for 'hail'"):
        EventDetector(["rain"], enter_threshold={"hail": 0.5})


def test_a_regression_has_events_where_thresholds_are_given() -> None:
    def events(**thresholds: Any) -> list[float]:
        detector = EventDetector(["speed"], smoothing_seconds=0, outputs="regression", **thresholds)
        found = []
        for second, value in enumerate([10.0, 60, 70, 65, 20, 10]):
            found += detector.push(WindowPrediction(np.array([value], np.float32), second, float(second)))
        return [event.start_seconds for event in found + detector.flush()]

    assert events() == [] and events(enter_threshold=50) == [1]


def test_teachable_machine_says_all_it_needs(tmp_path: Path) -> None:
    inner = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()])
    head = keras.Sequential([keras.Input((2,)), layers.Dense(2, activation="softmax")])
    keras.Sequential([inner, head]).save(tmp_path / "keras_model.keras")
    (tmp_path / "labels.txt").write_text("0 left hand\n1 right\n")
    card = describe_model(tmp_path / "keras_model.keras")
    assert (card.input_range.value, card.channels.value) == ("-1..1", "RGB") and not card.missing
    assert (card.framing.value, card.framing.source) == ("crop", "read")
    assert card.framing.evidence == "Teachable Machine trains on the center of each picture"
    given = describe_model(tmp_path / "keras_model.keras", framing="stretch").framing
    assert (given.value, given.source) == ("stretch", "given")
    assert card.labels.value == ("left hand", "right") and card.labels.source == "read"


def test_a_converted_model_is_clean_and_has_a_card(tmp_path: Path) -> None:
    model = color_model(tmp_path / "m.keras")
    result = convert_model(model, tmp_path / "new.keras", facts={"channels": "bgr", "input_range": "0..1"})
    assert result.max_difference <= 1e-6
    assert keras.saving.load_model(tmp_path / "new.keras").input_shape == (None, 4, 16, 16, 3)
    assert not describe_model(tmp_path / "new.keras").missing
    with pytest.raises(UsageError, match=r"a converted model is a \.keras file"):
        convert_model(model, tmp_path / "new.h5")
    with pytest.raises(UsageError, match="is the model itself"):
        convert_model(model, model)


def test_a_model_of_uint8_is_not_given_another_range(tmp_path: Path) -> None:
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(inputs))
    keras.Model(inputs, layers.Dense(2, activation="softmax")(x)).save(tmp_path / "m.keras")
    with pytest.raises(UsageError, match="but the model takes uint8, so levels"):
        describe_model(tmp_path / "m.keras", input_range="0..1")


def test_an_old_model_is_compared_with_what_keras_2_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with its own copy, which would agree however wrong its cleaning was."""
    dense = [np.eye(3, 2, dtype=np.float32), np.zeros(2, np.float32)]
    config = sequential(
        layer("GlobalAveragePooling2D", "pool", batch_input_shape=[None, 16, 16, 3]),
        layer("Dense", "dense", units=2, activation="softmax"),
    )
    file = write_h5(tmp_path / "old.h5", config, {"pool": [], "dense": dense})
    monkeypatch.setitem(sys.modules, "tf_keras", None)
    result = convert_model(file, tmp_path / "new.keras")
    assert result.is_old and result.compared_with == "Keras 3"
    # Of this configuration Keras 3 makes the same as Keras 2; once so, and once as if Keras 2 computed something else.
    monkeypatch.setitem(sys.modules, "tf_keras", keras)
    monkeypatch.setattr(
        keras.models, "model_from_json", lambda text: rebuild(json.loads(text), "2.4.0", {}, unsafe=False)
    )
    assert convert_model(file, tmp_path / "new.keras").compared_with == "Keras 2"
    other = json.dumps(config).replace("softmax", "sigmoid")
    monkeypatch.setattr(
        keras.models, "model_from_json", lambda text: rebuild(json.loads(other), "2.4.0", {}, unsafe=False)
    )
    with pytest.raises(StillmotionError, match=r"not converted, the clean model's outputs differ by .* of Keras 2"):
        convert_model(file, tmp_path / "new.keras")


needs_tensorflow = pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="exported from TensorFlow"
)


@needs_tensorflow
def test_an_exported_model_takes_what_a_camera_gives(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model, video = color_model(tmp_path / "m.keras", order=-1), film(tmp_path)
    facts: dict[str, Any] = {"input_range": "0..1", "channels": "bgr", "labels": ["red", "blue"], "rate": 10}
    facts["framing"] = "crop"
    export = sm.export_model(model, "onnx", tmp_path / "out", **facts)
    about = json.loads((tmp_path / "out" / "export.json").read_text())
    assert about["inputs"][0]["dtype"] == "uint8" and about["card"]["channels"]["value"] == "BGR"
    assert about["framing"] == "crop"
    # The exported file is a model of its own, which is a black box now.
    box = load_clip_model(export.file, channels="rgb", rate=10, labels=["red", "blue"])
    expected = list(sm.stream(load_clip_model(model, **facts), video))
    streamed = list(sm.stream(box, video))
    assert [entry.seconds for entry in streamed] == [entry.seconds for entry in expected]
    np.testing.assert_allclose(
        [entry.probabilities for entry in streamed], [entry.probabilities for entry in expected], atol=1e-4
    )
    (predicted,) = sm.predict(box, [video])
    assert isinstance(predicted, VideoPrediction)
    with pytest.raises(UsageError, match="is a file of another runtime already"):
        sm.export_model(export.file, "onnx", tmp_path / "again", channels="rgb")


@needs_tensorflow
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
@pytest.mark.parametrize(("top", "expected"), [(1.0, "0..1"), (0.8, None), (255.0, "0..255")])
def test_a_quantized_span_is_a_range_only_where_it_is_a_usual_one(
    top: float, expected: str | None, tmp_path: Path
) -> None:
    """It is the span of the samples that the file was made with, which may have been dark."""
    pytest.importorskip("ai_edge_litert")
    import tensorflow as tf

    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Flatten()(inputs)))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    samples = np.linspace(0, top, 8 * 8 * 3, dtype=np.float32).reshape(1, 8, 8, 3)
    converter.representative_dataset = lambda: iter([[samples]])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    (tmp_path / "m.tflite").write_bytes(converter.convert())
    assert describe_model(tmp_path / "m.tflite").input_range.value == expected


def test_damaged_files_of_other_runtimes_are_refused(tmp_path: Path) -> None:
    for name, package in (("m.onnx", "onnxruntime"), ("m.tflite", "ai_edge_litert")):
        pytest.importorskip(package)
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(StillmotionError, match=f"{name}: cannot be loaded"):
            describe_model(tmp_path / name)


def test_one_input_is_given_frames_and_an_image_model_one(tmp_path: Path) -> None:
    """What a model would not be fed is refused, and not ignored."""
    image, clip = tmp_path / "image.keras", tmp_path / "clip.keras"
    for file, shape in ((image, (16, 16, 3)), (clip, (4, 16, 16, 3))):
        given = keras.Input(shape, name="motion")
        keras.Model(given, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(given))).save(file)
    for file in (image, clip):
        with pytest.raises(UsageError, match="its one input, motion, is given frames; 'difference' is for models of"):
            describe_model(file, inputs={"motion": "difference"})
    with pytest.raises(UsageError, match="frames 8 were given, but the model takes 1"):
        describe_model(image, frames=8)
    assert "rate" not in describe_model(image).missing_for_videos
