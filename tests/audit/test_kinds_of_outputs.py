"""Independent labels are looked at one by one, outputs for each frame as the newest one, and numbers are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from helpers.pipeline import SIDE, write_disc_videos, write_snapshots
from stillmotion.audit import Audit, audit_model
from stillmotion.audit.audited_model import clip_spec
from stillmotion.audit.decisions import same_labels, total_variation
from stillmotion.audit.loading import load_audited_model
from stillmotion.errors import StillmotionError
from stillmotion.models.card_files import card_file, write_card
from stillmotion.prediction import describe_model
from stillmotion.prediction.records import given_labels, name_prediction


def test_independent_labels_are_given_from_a_half_on() -> None:
    first, second = np.array([0.9, 0.8, 0.1], np.float32), np.array([0.9, 0.4, 0.1], np.float32)
    names = ("person", "car", "dog")
    assert given_labels(np.stack([first, second]), independent=True).tolist() == [
        [True, True, False],
        [True, False, False],
    ]
    assert name_prediction(first, names, independent=True) == "person + car"
    assert name_prediction(second * np.float32(0.5), names, independent=True) == "none"
    assert name_prediction(first, names, independent=False) == "person"
    assert not same_labels(first, second, independent=True)
    assert same_labels(first, second, independent=False)


def test_the_distance_of_independent_labels_is_that_of_the_one_that_changes_most() -> None:
    first, second = np.array([1, 1, 1], np.float32), np.array([0, 0, 0.5], np.float32)
    assert total_variation(first, second, independent=True) == 1
    assert total_variation(np.array([1, 0], np.float32), np.array([0, 1], np.float32)) == 1


def color_outputs(inputs: keras.KerasTensor, activation: str) -> keras.KerasTensor:
    """Red and blue by the mean color, and always."""
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.ops.mean(x, axis=(-3, -2))
    head = keras.layers.Dense(3, activation=activation)
    outputs = head(x)
    head.set_weights([40 * np.array([[1, -1, 0], [0, 0, 0], [-1, 1, 0]], np.float32), np.array([0, 0, 3], np.float32)])
    return outputs


def audit_swapped(folder: Path, model: keras.Model, **options: str) -> Audit:
    """Snapshots whose channels are swapped."""
    videos = write_disc_videos(folder, 1)
    write_snapshots(folder / "s", videos, lambda picture: picture[..., ::-1])
    model.save(folder / "model.keras")
    return audit_model(
        folder / "model.keras",
        videos,
        snapshots=folder / "s",
        labels=("red", "blue", "any"),
        sensitivity="frames" not in options,
        outputs=options.get("outputs"),
    )


@pytest.mark.backend
def test_each_independent_label_is_looked_at(tmp_path: Path) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(inputs, color_outputs(inputs, "sigmoid"))
    result = audit_swapped(tmp_path, model, outputs="independent sigmoids")
    assert result.causes[0].cause == "channel_order"
    assert {row.snapshot_label for row in result.snapshots} == {"blue + any"}
    assert {row.video_label for row in result.snapshots} == {"red + any"}
    assert "4 of 4 snapshots get a different label than their frame. By label: red in 4, blue in 4." in result.summary
    assert all(0 <= row.change <= 1 for row in result.sensitivity)


@pytest.mark.backend
def test_of_outputs_for_each_frame_the_newest_is_audited(tmp_path: Path) -> None:
    inputs = keras.Input((4, SIDE, SIDE, 3))
    result = audit_swapped(tmp_path, keras.Model(inputs, color_outputs(inputs, "softmax")), frames="no sensitivity")
    assert result.causes[0].cause == "channel_order"
    assert all(check.passed for check in result.consistency)
    assert "the model returns an output for each frame; that for the newest frame is audited" in result.notes


@pytest.mark.backend
def test_a_model_may_take_any_range(tmp_path: Path) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    levels = keras.layers.Rescaling(255.0, 127.5)(inputs)
    videos = write_disc_videos(tmp_path, 1)
    write_snapshots(tmp_path / "s", videos, lambda picture: picture[..., ::-1])
    keras.Model(inputs, color_outputs(levels, "softmax")).save(tmp_path / "model.keras")
    facts: dict[str, Any] = {"snapshots": tmp_path / "s", "sensitivity": False, "channels": "rgb"}
    result = audit_model(tmp_path / "model.keras", videos, input_range="-0.5..0.5", **facts)
    assert result.model.input_range == "-0.5..0.5"
    assert result.causes[0].cause == "channel_order"


@pytest.mark.backend
def test_a_logit_is_one_even_where_all_of_a_batch_are_between_0_and_1(tmp_path: Path) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    dense = keras.layers.Dense(1)
    outputs = dense(keras.layers.GlobalAveragePooling2D()(inputs))
    dense.set_weights([np.full((3, 1), 1e-9, np.float32), np.full(1, 0.25, np.float32)])
    keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    audited = load_audited_model(tmp_path / "model.keras", outputs="one logit", input_range="0..255")
    expected = 1 / (1 + np.exp(-0.25))
    probabilities = audited.predict([np.full((SIDE, SIDE, 3), 99, np.float32)])
    np.testing.assert_allclose(probabilities, [[1 - expected, expected]], rtol=1e-5)


@pytest.mark.backend
def test_clips_are_sampled_at_the_rate_of_the_card(tmp_path: Path) -> None:
    inputs = keras.Input((4, SIDE, SIDE, 3))
    x = keras.layers.GlobalAveragePooling3D()(inputs)
    keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x)).save(tmp_path / "model.keras")
    facts: dict[str, Any] = {"channels": "rgb", "input_range": "0..1"}
    assert clip_spec(load_audited_model(tmp_path / "model.keras")).rate == "spread"
    assert clip_spec(load_audited_model(tmp_path / "model.keras", rate=5, **facts)).rate == 5
    write_card(describe_model(tmp_path / "model.keras", rate=10, **facts), card_file(tmp_path / "model.keras"))
    assert clip_spec(load_audited_model(tmp_path / "model.keras")).rate == 10


@pytest.mark.backend
def test_a_regression_is_refused_in_one_line(tmp_path: Path) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(inputs)))
    model.save(tmp_path / "model.keras")
    with pytest.raises(StillmotionError, match="returns a number; only classifiers can be audited"):
        audit_model(tmp_path / "model.keras", ["none.mp4"], outputs="regression")


@pytest.mark.backend
@pytest.mark.parametrize("scaled", [False, True])
def test_a_range_means_the_same_by_each_of_its_names(tmp_path: Path, scaled: bool) -> None:
    """A card's name and the one that an audit prints, whatever a card beside the model or its layers say."""
    file = tmp_path / "model.keras"
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs) if scaled else inputs)
    keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x)).save(file)

    def fed(name: str) -> tuple[str | None, str]:
        audited = load_audited_model(file, input_range=name)
        return audited.input_range, audited.channels

    for _ in ("no card", "a card of 0..1"):
        for name in ("caffe", "ImageNet mean of BGR"):
            assert fed(name) == ("ImageNet mean of BGR", "BGR")
        for name in ("torch", "ImageNet mean and deviation"):
            assert fed(name)[0] == "ImageNet mean and deviation"
        assert fed("-1..1, twice")[0] == "-1..1, twice"
        write_card(describe_model(file, input_range="0..1"), card_file(file))


@pytest.mark.backend
def test_one_sigmoid_may_be_given_one_name(tmp_path: Path) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    outputs = keras.layers.Dense(1, activation="sigmoid")(keras.layers.GlobalAveragePooling2D()(inputs))
    keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    assert load_audited_model(tmp_path / "model.keras", labels="defect").labels == ("not defect", "defect")
