"""Every engine predicts what the model does, is refused where it does not, and says what is not installed."""

from __future__ import annotations

import os
import sys
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from keras import layers

from helpers.networks import network, noise, pixels, windows_of
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.exporting import Program, Tensor, onnx
from stillmotion.models import build_model
from stillmotion.streaming import ENGINES, engines, stream_model

pytestmark = pytest.mark.backend
ON_TENSORFLOW = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
NEEDS = {"onnx": "onnxruntime", "openvino": "openvino"}
EXPORTED = [engine for engine in ENGINES if engine != "keras"]  # On Keras, test_streams.py does the same.
on_tensorflow = pytest.mark.skipif(not ON_TENSORFLOW, reason="exported from TensorFlow")


def need(engine: str) -> None:
    pytest.importorskip(NEEDS[engine])
    pytest.importorskip("tf2onnx")


def model_of(family: str, **options: Any) -> keras.Model:
    model = build_model(family, frames=6, height=16, width=16, classes=4, options=options)
    rng = np.random.default_rng(2)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    model.compile(run_eagerly=True)
    return model


def small_model() -> keras.Model:
    return keras.Sequential([keras.Input((3, 4)), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])


@on_tensorflow
@pytest.mark.parametrize("engine", EXPORTED)
@pytest.mark.parametrize(("family", "options"), [("cnn_rnn", {"bidirectional": False, "input": "rgb"}), ("conv3d", {})])
def test_streams_on_every_engine(engine: str, family: str, options: dict[str, Any]) -> None:
    """Two streams share it, in unequal cuts; one waits while the other is fed."""
    need(engine)
    model = model_of(family, **options)
    stream = stream_model(model, streams=2, engine=engine)
    videos = {name: pixels(20, seed, side=16) for seed, name in enumerate("ab")}
    streamed: dict[str, list[Any]] = {"a": [], "b": []}
    at = dict.fromkeys(streamed, 0)
    for sizes in ({"a": 7, "b": 9}, {"a": 5}, {"b": 11, "a": 2}, {"a": 6}):
        for name, predictions in stream.push({n: videos[n][at[n] : at[n] + size] for n, size in sizes.items()}).items():
            streamed[name] += [prediction.probabilities for prediction in predictions]
            at[name] += sizes[name]
    for name, video in videos.items():
        np.testing.assert_allclose(streamed[name], windows_of(model, video, 1, 0), atol=1e-5)


@on_tensorflow
@given(st.data())
@settings(
    max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)  # fmt: skip
def test_a_random_network_on_onnx(data: Any) -> None:
    need("onnx")
    model = network(data.draw)
    hop = data.draw(st.integers(1, 3))
    video = noise(model, model.input_shape[1] + 6)
    streamed = [prediction.probabilities for prediction in stream_model(model, hop=hop, engine="onnx").push(video)]
    np.testing.assert_allclose(streamed, windows_of(model, video, hop, 0), atol=1e-4)


@on_tensorflow
@on_tensorflow
def test_onnx_knows_what_its_converter_does_not() -> None:
    """Tensors that a layer holds, convolutions in groups, functions compiled by XLA, and the exact GELU."""
    need("onnx")
    clip = keras.Input((4, 6, 6, 4))
    x = layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[1.0, 4.0, 9.0, 16.0])(clip)
    x = layers.Conv3D(8, 3, padding="same", groups=2, activation="gelu")(x)
    x = layers.TimeDistributed(layers.Conv2D(8, 3, groups=4))(x)
    model = keras.Model(clip, layers.Dense(3)(layers.GlobalAveragePooling3D()(x)))
    tensor = Tensor("clip", (1, 4, 6, 6, 4), "float32")
    run = onnx.load(onnx.convert(Program(model, lambda tensor: [model(tensor, training=False)], (tensor,), ("y",))))
    values = np.random.default_rng(0).normal(2, 3, (1, 4, 6, 6, 4)).astype("float32")
    np.testing.assert_allclose(run({"clip": values})["y"], model.predict_on_batch(values), atol=1e-5)


@on_tensorflow
def test_onnx_adds_convolutions_of_single_pixels() -> None:
    """One of them is a bias of the other, which has a bias already."""
    need("onnx")
    picture = keras.Input((2, 2, 4))
    total = layers.Add()([layers.Conv2D(3, 2, bias_initializer="ones")(picture) for _ in range(2)])
    model = keras.Model(picture, layers.Flatten()(total))
    tensor = Tensor("picture", (1, 2, 2, 4), "float32")
    run = onnx.load(onnx.convert(Program(model, lambda tensor: [model(tensor, training=False)], (tensor,), ("y",))))
    values = np.random.default_rng(0).normal(size=(1, 2, 2, 4)).astype("float32")
    np.testing.assert_allclose(run({"picture": values})["y"], model.predict_on_batch(values), atol=1e-5)


@on_tensorflow
def test_a_model_that_onnx_runtime_cannot_run_is_one_line() -> None:
    need("onnx")
    clip = keras.Input((6, 6, 3))
    x = layers.Conv2D(2, 3, dtype="bfloat16")(clip)
    model = keras.Model(clip, layers.Dense(3, dtype="float32")(layers.GlobalAveragePooling2D()(x)))
    tensor = Tensor("clip", (1, 6, 6, 3), "float32")
    program = Program(model, lambda tensor: [model(tensor, training=False)], (tensor,), ("y",))
    with pytest.raises(StillmotionError, match=r"^ONNX Runtime cannot run this model \(.*bfloat16"):
        onnx.load(onnx.convert(program))


def test_an_engine_that_predicts_something_else_is_refused_with_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    need("onnx")
    load = onnx.load

    def wrong(model: bytes) -> Any:
        run = load(model)
        return lambda tensors: {name: tensor + 0.01 for name, tensor in run(tensors).items()}

    monkeypatch.setattr(engines, "ENGINES", {**ENGINES, "onnx": engines.Engine(engines.exported(wrong), (1,))})
    monkeypatch.setattr("stillmotion.streaming.streams.ENGINES", engines.ENGINES)
    with pytest.raises(StillmotionError, match=r"on onnx the model's predictions differ by 1\.0e-02, 1e-04 is"):
        stream_model(small_model(), engine="onnx")


@on_tensorflow
@pytest.mark.parametrize(("engine", "lacks"), [("onnx", "tf2onnx"), ("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_what_is_not_installed_is_one_line(engine: str, lacks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if lacks != "tf2onnx":
        need("onnx")
    monkeypatch.setitem(sys.modules, lacks, None)
    with pytest.raises(StillmotionError, match=rf"{lacks} cannot be imported .*pip install 'stillmotion\[{engine}\]'"):
        stream_model(small_model(), engine=engine)


def test_wrong_calls() -> None:
    model = small_model()
    with pytest.raises(UsageError, match="no engine 'fast': choose from keras, onnx, openvino"):
        stream_model(model, engine="fast")
    if not ON_TENSORFLOW:
        pytest.importorskip("tf2onnx")
        with pytest.raises(StillmotionError, match="exported from TensorFlow, and Keras runs on jax"):
            stream_model(model, engine="onnx")
