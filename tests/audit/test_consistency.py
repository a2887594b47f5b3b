"""Silent faults of models are caught, with the layer's name and the cure."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from helpers.pipeline import SIDE, colour_model, write_films
from stillmotion.audit import audit_model
from stillmotion.audit.audited_model import AuditedModel, load_audited_model
from stillmotion.audit.consistency import check_model
from stillmotion.audit.preprocessing import find_range
from stillmotion.errors import StillmotionError, UsageError

pytestmark = pytest.mark.backend
FRAMES = 5


def saved(tmp_path: Path, model: Any, **given: Any) -> AuditedModel:
    model.save(tmp_path / "model.keras")
    return load_audited_model(tmp_path / "model.keras", **given)


def clip_model(frames: int | None) -> Any:
    inputs = keras.Input((frames, SIDE, SIDE, 3))
    x = layers.TimeDistributed(layers.Conv2D(4, 3, strides=4, activation="relu"), name="each_frame")(inputs)
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D(), name="each_pool")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GRU(4)(x)))


def inputs(*shape: int) -> Any:
    return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)


def failed(subject: AuditedModel, values: Any) -> dict[str, str]:
    return {check.name: check.cure for check in check_model(subject, values) if not check.passed}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the fault is TensorFlow's")
def test_time_distributed_with_unknown_time_is_caught(tmp_path: Path) -> None:
    found = failed(saved(tmp_path, clip_model(None)), inputs(4, 16, SIDE, SIDE, 3))
    cure = found["the same answer where the number of frames is unknown, as in fit on tf.data and export"]
    assert "each_frame" in cure and "each_pool" in cure
    assert "keras.Input((16, 24, 24, 3))" in cure


def test_a_healthy_clip_model_passes(tmp_path: Path) -> None:
    assert failed(saved(tmp_path, clip_model(FRAMES)), inputs(4, FRAMES, SIDE, SIDE, 3)) == {}


def test_a_healthy_image_model_passes(tmp_path: Path) -> None:
    assert failed(saved(tmp_path, colour_model()), 255 * inputs(4, SIDE, SIDE, 3)) == {}


def test_deaf_frames_are_counted(tmp_path: Path) -> None:
    given = keras.Input((FRAMES, SIDE, SIDE, 3))
    last = layers.Cropping3D(((3, 0), (0, 0), (0, 0)))(given)
    model = keras.Model(given, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling3D()(last)))
    found = failed(saved(tmp_path, model), inputs(4, FRAMES, SIDE, SIDE, 3))
    assert "[0, 1, 2]" in found["every frame counts in predict"]


def test_dropout_held_in_training_mode_is_named(tmp_path: Path) -> None:
    given = keras.Input((SIDE, SIDE, 3))
    x = layers.Dropout(0.5, name="stuck_dropout")(layers.Flatten()(given), training=True)
    found = failed(
        saved(tmp_path, keras.Model(given, layers.Dense(3, activation="softmax")(x))), inputs(4, SIDE, SIDE, 3)
    )
    assert "stuck_dropout" in found["model(x) without training=False agrees too"]
    assert "stuck_dropout" in found["no layer is held in training mode"]


def test_a_state_that_is_not_reset_is_named(tmp_path: Path) -> None:
    given = keras.Input((FRAMES, SIDE, SIDE, 3), batch_size=3)
    x = layers.Reshape((FRAMES, -1))(given)
    x = layers.GRU(4, stateful=True, name="keeps_state")(x)
    model = keras.Model(given, layers.Dense(3, activation="softmax")(x))
    found = failed(saved(tmp_path, model), inputs(8, FRAMES, SIDE, SIDE, 3))
    assert list(found) == ["the same answer twice"]
    assert "keeps_state" in found["the same answer twice"]


def test_sixteen_bits_are_not_taken_for_a_fault(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = colour_model()
    finally:
        keras.config.set_dtype_policy("float32")
    checks = check_model(saved(tmp_path, model), 255 * inputs(4, SIDE, SIDE, 3))
    assert [check.name for check in checks if not check.passed] == []
    assert "the same answer in float32 as in mixed_bfloat16" in [check.name for check in checks]


def test_logits_are_evaluated_too(tmp_path: Path) -> None:
    given = keras.Input((SIDE, SIDE, 3))
    subject = saved(tmp_path, keras.Model(given, layers.Dense(3)(layers.Flatten()(given))))
    assert subject.outputs == "logits"
    checks = {check.name: check.passed for check in check_model(subject, inputs(4, SIDE, SIDE, 3))}
    assert checks["evaluate agrees with predict"]


def test_answers_that_depend_on_the_batch(tmp_path: Path) -> None:
    given = keras.Input((SIDE, SIDE, 3))
    x = layers.Flatten()(given)
    model = keras.Model(given, layers.Dense(3, activation="softmax")(x - keras.ops.mean(x, axis=0, keepdims=True)))
    found = failed(saved(tmp_path, model), inputs(4, SIDE, SIDE, 3))
    assert "the other clips of the batch" in found["the same answer alone and in a batch"]


def test_the_range_is_read_from_rescaling(tmp_path: Path) -> None:
    subject = saved(tmp_path, colour_model())
    scale, why = find_range(subject, [])
    assert scale == "0..255"
    assert "1/255" in why


@pytest.mark.parametrize("scale", ["0..255", "0..1", "-1..1"])
def test_the_range_is_told_by_batch_normalisation(tmp_path: Path, scale: str) -> None:
    given = keras.Input((SIDE, SIDE, 3))
    norm = layers.BatchNormalization()
    model = keras.Model(given, layers.Dense(3, activation="softmax")(layers.Flatten()(norm(given))))
    pictures = [255 * inputs(SIDE, SIDE, 3) ** 2 for _ in range(4)]
    factor, added = {"0..255": (1, 0), "0..1": (1 / 255, 0), "-1..1": (1 / 127.5, -1)}[scale]
    seen = np.stack(pictures) * factor + added
    norm.moving_mean.assign(seen.mean((0, 1, 2)))
    norm.moving_variance.assign(seen.var((0, 1, 2)))
    assert find_range(saved(tmp_path, model), pictures)[0] == scale


@pytest.mark.parametrize(
    ("shape", "says"),
    [((7,), "neither images"), ((SIDE, SIDE, 1), "pictures of 1 channels"), ((3, SIDE, SIDE), "channels first")],
)
def test_what_is_no_model_of_pictures_is_refused(tmp_path: Path, shape: Any, says: str) -> None:
    given = keras.Input(shape)
    model = keras.Model(given, layers.Dense(3, activation="softmax")(layers.Flatten()(given)))
    with pytest.raises(StillmotionError, match=says):
        saved(tmp_path, model)


def test_other_bad_models_and_labels(tmp_path: Path) -> None:
    colour_model().save(tmp_path / "good.keras")
    (tmp_path / "bad.keras").write_text("nothing")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    with pytest.raises(UsageError, match="no such model"):
        load_audited_model(tmp_path / "none.keras")
    with pytest.raises(StillmotionError, match="not a Keras model"):
        load_audited_model(tmp_path / "bad.keras")
    with pytest.raises(StillmotionError, match="has 2 labels, the model gives 4"):
        load_audited_model(tmp_path / "good.keras", labels=tmp_path / "labels.txt")
    with pytest.raises(UsageError, match="--scale"):
        load_audited_model(tmp_path / "good.keras", scale="0-1")
    with pytest.raises(StillmotionError, match=r"no saved_model\.pb"):
        load_audited_model(tmp_path)


def test_a_lambda_is_not_loaded_unless_asked(tmp_path: Path) -> None:
    given = keras.Input((SIDE, SIDE, 3))
    x = layers.Lambda(lambda x: x / 255, output_shape=(SIDE, SIDE, 3))(given)
    keras.Model(given, layers.Dense(3, activation="softmax")(layers.Flatten()(x))).save(tmp_path / "code.keras")
    with pytest.raises(StillmotionError, match="--unsafe"):
        load_audited_model(tmp_path / "code.keras")
    assert load_audited_model(tmp_path / "code.keras", unsafe=True).size == (SIDE, SIDE)


def test_a_custom_layer_is_named_and_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_layers.py").write_text(
        "import keras\nclass Own(keras.layers.Layer):\n    def call(self, x):\n        return x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from own_layers import Own  # type: ignore[import-not-found]

    given = keras.Input((SIDE, SIDE, 3))
    keras.Model(given, layers.Dense(3, activation="softmax")(layers.Flatten()(Own()(given)))).save(
        tmp_path / "own.keras"
    )
    monkeypatch.delitem(__import__("sys").modules, "own_layers")
    with pytest.raises(StillmotionError, match=r"'Own'.*--custom"):
        load_audited_model(tmp_path / "own.keras")
    subject = load_audited_model(tmp_path / "own.keras", custom="own_layers")
    assert subject.labels == ("class 0", "class 1", "class 2")
    assert failed(subject, inputs(4, SIDE, SIDE, 3)) == {}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel is TensorFlow's")
def test_a_saved_model_folder(tmp_path: Path) -> None:
    colour_model().export(tmp_path / "exported", verbose=False)
    films = write_films(tmp_path, 1)
    found = audit_model(tmp_path / "exported", films, scale="0..255", sensitivity=False)
    assert found.model.kind == "image"
    assert all(check.passed for check in found.consistency)


def test_a_model_of_its_own_class_is_not_said_to_be_looked_into(tmp_path: Path) -> None:
    """It has no configuration to read, and its own test_step, which fails, is named rather than left out."""

    class Odd(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.pool, self.dense = layers.GlobalAveragePooling2D(), layers.Dense(4, activation="softmax")

        def call(self, pictures):  # type: ignore[no-untyped-def]
            return self.dense(self.pool(pictures))

        def get_config(self):  # type: ignore[no-untyped-def]
            raise NotImplementedError

        def test_step(self, *_):  # type: ignore[no-untyped-def]
            raise ValueError("wants masks")

    model = Odd()
    pictures = 255 * inputs(4, SIDE, SIDE, 3)
    model(pictures)
    subject = dataclasses.replace(saved(tmp_path, colour_model()), model=model)
    checks = {check.name: check for check in check_model(subject, pictures)}
    assert "no layer is held in training mode" not in checks
    assert not checks["evaluate agrees with predict"].passed
    assert "evaluate fails (wants masks" in checks["evaluate agrees with predict"].cure
