"""A model that was trained elsewhere becomes a run: it predicts the same, and is tested and compared like ours."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import stillmotion as sm
from helpers.media import noise, write_video
from stillmotion.comparison import kind_of
from stillmotion.models.card_files import card_file, write_card
from stillmotion.prediction import check_adoptable

pytestmark = pytest.mark.backend


def own_model(frames: int, *, ordered: bool) -> keras.Model:
    """Of images for one frame. Where order counts, on all pixels; else on their mean over time."""
    shape = (16, 16, 3) if frames == 1 else (frames, 16, 16, 3)
    pictures = keras.Input(shape)
    x = layers.Flatten()(pictures) if ordered else layers.Flatten()(keras.ops.mean(pictures, axis=1))
    return keras.Model(pictures, layers.Dense(2)(x), name="own")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(4):
        path = tmp_path / "data" / ("left", "right")[number % 2] / f"{number}.mp4"
        write_video(path, noise(4, 16, 16, seed=number))
    return tmp_path / "data"


@pytest.mark.parametrize(("frames", "ordered", "kind"), [(1, True, "still"), (4, False, "still"), (4, True, "motion")])
def test_an_adopted_model_predicts_as_before_with_its_labels_in_our_order(
    frames: int, ordered: bool, kind: str, data: Path, tmp_path: Path
) -> None:
    loaded = sm.load_clip_model(
        own_model(frames, ordered=ordered), channels="bgr", input_range="0..1", outputs="logits", rate=10,
        labels=["right", "left"], framing="crop",
    )  # fmt: skip
    run = sm.evaluate(sm.adopt_model(loaded, tmp_path / "run", validation=data), data)
    assert (run.labels, kind_of(run.recipe.family)) == (("left", "right"), kind)
    for adopted, own in zip(
        sm.predict(run, sm.read_videos(data)), sm.predict(loaded, sm.read_videos(data)), strict=True
    ):
        assert isinstance(adopted, sm.VideoPrediction) and isinstance(own, sm.VideoPrediction)
        np.testing.assert_allclose(adopted.probabilities, own.probabilities[::-1], atol=1e-5)
    training = run.record.training
    assert training is not None
    accuracy = sm.compute_metrics(sm.read_predictions(run.predictions_file)).accuracy.value
    assert training.validation_accuracy == accuracy
    assert training.validation_loss is not None and training.validation_loss > 0
    with pytest.raises(sm.StillmotionError, match="holds a run; choose another folder"):
        sm.adopt_model(loaded, run.folder)


def test_a_verdict_on_adopted_models_says_that_their_training_is_unknown(data: Path, tmp_path: Path) -> None:
    runs = {}
    for name, frames in (("mine", 4), ("frames", 1)):
        model = sm.load_clip_model(
            own_model(frames, ordered=True),
            channels="rgb",
            input_range="0..1",
            outputs="logits",
            rate=10,
            labels=["left", "right"],
        )
        runs[name] = [sm.evaluate(sm.adopt_model(model, tmp_path / name), data, cost=False)]
    verdict = sm.compare_runs(runs).verdict
    assert verdict is not None and (verdict.still, verdict.motion) == ("frames", "mine")
    warning = next(warning for warning in verdict.warnings if warning.code == "training_unknown")
    assert warning.names == ("mine", "frames") and "what mine and frames learned from is not known" in warning.text


def test_what_is_no_choice_of_a_label_is_not_adopted(tmp_path: Path) -> None:
    model = sm.load_clip_model(
        own_model(1, ordered=True), channels="rgb", input_range="0..1", outputs="regression", rate=1
    )
    with pytest.raises(sm.UsageError, match="only Keras models of labels"):
        sm.adopt_model(model, tmp_path / "run")
    box = dataclasses.replace(model, outputs="independent sigmoids")
    with pytest.raises(sm.UsageError, match="only Keras models of labels"):
        sm.adopt_model(box, tmp_path / "run")


def test_a_model_is_checked_before_it_is_adopted(tmp_path: Path) -> None:
    file = tmp_path / "mine.keras"
    own_model(1, ordered=True).save(file)
    with pytest.raises(sm.UsageError):
        check_adoptable(file, ["left", "right"])  # without a card
    card = sm.describe_model(file, channels="rgb", input_range="0..1", outputs="logits", rate=8, labels=["a", "left"])
    write_card(card, card_file(file))
    with pytest.raises(sm.UsageError, match=r"has the labels \['a', 'left'\]; the videos have \['left', 'right'\]"):
        check_adoptable(file, ["left", "right"])
    check_adoptable(file, ["left", "a"])


def changes_model(frames: int, weight: float = 1.0) -> keras.Model:
    """The mean size of the changes from frame to frame: the same backwards, and for two frames in both orders."""
    clip = keras.Input((frames, 16, 16, 3))
    changes = layers.Flatten()(keras.ops.mean(keras.ops.abs(clip[:, 1:] - clip[:, :-1]), axis=1))
    x = layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(0, 0.02 * weight, seed=1))(changes)
    return keras.Model(clip, x, name="changes")


@pytest.mark.parametrize("frames", [2, 3])
def test_a_model_of_changes_is_a_motion_model(frames: int, tmp_path: Path) -> None:
    facts: Any = {"channels": "rgb", "input_range": "0..1", "outputs": "logits", "rate": 10, "labels": ["a", "b"]}
    loaded = sm.load_clip_model(changes_model(frames), **facts)
    run = sm.adopt_model(loaded, tmp_path / "run")
    assert kind_of(run.recipe.family) == "motion"
    training = sm.read_run(run.folder).record.training
    assert training is not None and training.validation_accuracy is None  # no videos to know it from
    with pytest.raises(sm.UsageError, match="is called still, but"):
        sm.adopt_model(loaded, tmp_path / "other", kind="still")
    constant = sm.load_clip_model(changes_model(frames, weight=0), **facts)
    with pytest.raises(sm.UsageError, match="hardly vary, so its kind cannot be found out; give kind="):
        sm.adopt_model(constant, tmp_path / "other")
    assert kind_of(sm.adopt_model(constant, tmp_path / "other", kind="still").recipe.family) == "still"
