"""Files of Keras 2 are loaded and compute what they did; what cannot be loaded is refused with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from helpers.old_files import called, functional, layer, sequential, write_archive, write_h5, write_saved_model
from stillmotion.errors import StillmotionError
from stillmotion.models.inference import load_keras_model

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
Array = NDArray[Any]


def weights(*shape: int) -> Array:
    return RNG.normal(0, 0.5, shape).astype(np.float32)


def initial(name: str) -> dict[str, Any]:
    return {"class_name": name, "config": {"dtype": "float32"}}


DEPTHWISE = layer(
    "DepthwiseConv2D", "depth", kernel_size=[3, 3], strides=[1, 1], padding="same", groups=1, depth_multiplier=1,
    depthwise_initializer=initial("Ones"), depthwise_regularizer=None, bias_initializer=initial("Zeros"),
)  # fmt: skip
NORM = layer(
    "BatchNormalization", "norm", axis=[3], fused=True, renorm=False, virtual_batch_size=None, momentum=0.99,
    epsilon=0.001, gamma_regularizer={"class_name": "Mine", "config": {}},
)  # fmt: skip
RECURRENT = layer("GRU", "gru", units=4, time_major=False, implementation=2, reset_after=True, activation="tanh")


def in_time(inner: dict[str, Any], name: str, **config: Any) -> dict[str, Any]:
    return layer("TimeDistributed", name, layer=inner, **config)


def clip_weights() -> dict[str, list[Array]]:
    return {
        "a": [weights(3, 3, 3, 1), weights(3)],
        "b": [weights(3), weights(3), weights(3), np.abs(weights(3)) + 0.5],
        "c": [],
        "gru": [weights(3, 12), weights(4, 12), weights(2, 12)],
        "dense": [weights(4, 2), weights(2)],
    }


CLIP_MODEL = sequential(
    in_time(DEPTHWISE, "a", batch_input_shape=[None, 5, 8, 8, 3]),
    in_time(NORM, "b"),
    in_time(layer("GlobalAveragePooling2D", "pool"), "c"),
    RECURRENT,
    layer("Dense", "dense", units=2, activation="softmax", kernel_initializer=initial("GlorotUniform")),
)


def clip_reference(arrays: dict[str, list[Array]]) -> keras.Model:
    """The same model, built by Keras 3."""
    model = keras.Sequential(
        [
            keras.Input((5, 8, 8, 3)),
            layers.TimeDistributed(layers.DepthwiseConv2D(3, padding="same")),
            layers.TimeDistributed(layers.BatchNormalization()),
            layers.TimeDistributed(layers.GlobalAveragePooling2D()),
            layers.GRU(4),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.set_weights([array for part in arrays.values() for array in part])
    return model


@pytest.mark.parametrize("kind", ["h5", "h5 named .keras", "keras", "json", "weights of json", "SavedModel"])
def test_a_model_of_keras_2_predicts_what_it_did(kind: str, tmp_path: Path) -> None:
    arrays = clip_weights()
    if kind == "keras":
        places = (
            "layers/time_distributed/layer",
            "layers/time_distributed_1/layer",
            "",
            "layers/gru/cell",
            "layers/dense",
        )
        stored = {place: part for place, part in zip(places, arrays.values(), strict=True) if place}
        file = write_archive(tmp_path / "old.keras", CLIP_MODEL, stored)
    elif kind == "SavedModel":
        pytest.importorskip("tensorflow")
        file = write_saved_model(tmp_path / "old", CLIP_MODEL, [array for part in arrays.values() for array in part])
    elif "json" in kind:
        write_h5(tmp_path / "old.h5", None, arrays)
        (tmp_path / "old.json").write_text(json.dumps({**CLIP_MODEL, "keras_version": "2.4.0"}))
        file = tmp_path / ("old.json" if kind == "json" else "old.h5")
    else:
        file = write_h5(tmp_path / ("old.h5" if kind == "h5" else "old.keras"), CLIP_MODEL, arrays)
    clips = RNG.uniform(0, 1, (2, 5, 8, 8, 3)).astype(np.float32)
    expected = clip_reference(arrays).predict_on_batch(clips)
    np.testing.assert_allclose(load_keras_model(file).predict_on_batch(clips), expected, atol=1e-6)


def test_weights_of_a_saved_model_are_in_the_order_of_keras_2(tmp_path: Path) -> None:
    """Of a model in a TimeDistributed it lists the trainable ones of all layers, then the others."""
    pytest.importorskip("tensorflow")
    cnn = sequential(
        layer("Dense", "one", units=3, batch_input_shape=[None, 3]),
        layer("BatchNormalization", "first", axis=[1]),
        layer("BatchNormalization", "second", axis=[1]),
    )
    config = sequential(in_time(cnn, "all", batch_input_shape=[None, 4, 3]))
    kernel, bias, *scales = [weights(3, 3), weights(3), *(weights(3) for _ in range(4))]
    means, variances = (weights(3), weights(3)), (np.abs(weights(3)) + 0.5, np.abs(weights(3)) + 0.5)
    moving = [means[0], variances[0], means[1], variances[1]]
    x = weights(2, 4, 3)
    expected = x @ kernel + bias
    for place in range(2):
        gamma, beta = scales[2 * place : 2 * place + 2]
        expected = (expected - means[place]) / np.sqrt(variances[place] + 1e-3) * gamma + beta
    model = load_keras_model(write_saved_model(tmp_path / "old", config, [kernel, bias, *scales, *moving]))
    np.testing.assert_allclose(model.predict_on_batch(x), expected, atol=1e-5)
    names = ["kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "gamma", "beta"]
    other = write_saved_model(tmp_path / "other", config, [kernel, bias, *scales, *moving], names)
    with pytest.raises(StillmotionError, match="its variables hold moving_mean"):
        load_keras_model(other)


def old_hard_sigmoid(x: Array) -> Array:
    return np.asarray(np.clip(0.2 * x + 0.5, 0, 1))


def test_hard_sigmoid_keeps_its_old_meaning(tmp_path: Path) -> None:
    """The default of recurrent layers before 2.3 and of ConvLSTM2D in all of Keras 2: its slope has changed since."""
    kernel, recurrent, bias = weights(3, 8) * 3, weights(2, 8) * 3, weights(8)
    dense, out = [weights(2, 4) * 4, weights(4)], [weights(4, 4) * 4, weights(4)]
    config = sequential(
        layer("LSTM", "lstm", units=2, recurrent_activation="hard_sigmoid", batch_input_shape=[None, 6, 3]),
        layer("Dense", "dense", units=4, activation="hard_sigmoid"),
        layer("Dense", "out", units=4),
        layer("Activation", "end", activation="hard_sigmoid"),
    )
    arrays = {"lstm": [kernel, recurrent, bias], "dense": dense, "out": out, "end": []}
    file = write_h5(tmp_path / "old.h5", config, arrays, version="2.2.4")
    x = RNG.normal(0, 2, (4, 6, 3)).astype(np.float32)
    hidden, cell = np.zeros((4, 2)), np.zeros((4, 2))
    for step in range(6):
        i, f, c, o = np.split(x[:, step] @ kernel + hidden @ recurrent + bias, 4, axis=1)
        cell = old_hard_sigmoid(f) * cell + old_hard_sigmoid(i) * np.tanh(c)
        hidden = old_hard_sigmoid(o) * np.tanh(cell)
    expected = old_hard_sigmoid(old_hard_sigmoid(hidden @ dense[0] + dense[1]) @ out[0] + out[1])
    np.testing.assert_allclose(load_keras_model(file).predict_on_batch(x), expected, atol=1e-6)


def test_a_gru_that_does_not_say_how_it_resets_does_so_as_in_its_day(tmp_path: Path) -> None:
    config = sequential(layer("GRU", "gru", units=2, batch_input_shape=[None, 4, 3]))
    file = write_h5(tmp_path / "old.h5", config, {"gru": [weights(3, 6), weights(2, 6), weights(6)]}, version="2.0.8")
    assert load_keras_model(file).layers[0].reset_after is False


def test_functions_of_tensorflow_become_operations_of_keras(tmp_path: Path) -> None:
    def function(name: str, function: str, *inbound: Any, kind: str = "TFOpLambda") -> dict[str, Any]:
        return called(layer(kind, name, function=function), *inbound)

    config = functional(
        called(layer("InputLayer", "in/put", batch_input_shape=[None, 4, 6], ragged=False, sparse=False)),
        function("div", "math.truediv", ["in/put", 0, 0, {"y": 2.0, "name": None}]),
        function("minus", "math.subtract", ["_CONSTANT_VALUE", -1, 1.0, {"y": ["div", 0, 0], "name": None}]),
        function("mean", "math.reduce_mean", ["minus", 0, 0, {"axis": [1]}]),
        function(
            "first", "__operators__.getitem",
            ["minus", 0, 0, {"slice_spec": [{"class_name": "__ellipsis__"}, {"start": 0, "stop": 2, "step": None}]}],
            kind="SlicingOpLambda",
        ),
        function("flat", "reshape", ["first", 0, 0, {"shape": [-1, 8]}]),
        function("all", "concat", [["mean", 0, 0, {"axis": -1}], ["flat", 0, 0, {"axis": -1}]]),
        function("sum", "__operators__.add", ["all", 0, 0, {"y": ["all", 0, 0], "name": None}]),
        outputs=[["sum", 0, 0]],
    )  # fmt: skip
    x = RNG.normal(0, 1, (3, 4, 6)).astype(np.float32)
    minus = 1 - x / 2
    expected = 2 * np.concatenate([minus.mean(1), minus[..., :2].reshape(3, 8)], axis=1)
    model = load_keras_model(write_h5(tmp_path / "old.h5", config, {}))
    np.testing.assert_allclose(model.predict_on_batch(x), expected, atol=1e-6)


def test_an_unknown_function_of_tensorflow_is_named(tmp_path: Path) -> None:
    config = functional(
        called(layer("InputLayer", "input", batch_input_shape=[None, 4])),
        called(layer("TFOpLambda", "fft", function="signal.rfft"), ["input", 0, 0, {}]),
        outputs=[["fft", 0, 0]],
    )
    with pytest.raises(StillmotionError, match=r"old\.h5: uses TensorFlow's tf\.signal\.rfft"):
        load_keras_model(write_h5(tmp_path / "old.h5", config, {}))


def test_nested_models_are_called_where_keras_2_called_them(tmp_path: Path) -> None:
    """There, the first call of a nested model is number 1."""
    inner = functional(
        called(layer("InputLayer", "x", batch_input_shape=[None, 3])),
        called(layer("Dense", "inner/dense", units=2), [["x", 0, 0, {}]]),
        outputs=[["inner/dense", 0, 0]],
        name="inner",
    )
    config = functional(
        called(layer("InputLayer", "a", batch_input_shape=[None, 3])),
        called(layer("InputLayer", "b", batch_input_shape=[None, 3])),
        called(inner, [["a", 0, 0, {}]], [["b", 0, 0, {}]]),
        called(layer("Subtract", "end"), [["inner", 1, 0, {}], ["inner", 2, 0, {}]]),
        outputs=[["end", 0, 0]],
    )
    dense = [weights(3, 2), weights(2)]
    model = load_keras_model(write_h5(tmp_path / "old.h5", config, {"inner": dense}))
    a, b = weights(4, 3), weights(4, 3)
    np.testing.assert_allclose(model.predict_on_batch([a, b]), (a - b) @ dense[0], atol=1e-6)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_normalization_knows_what_it_adapted_to(ending: str, tmp_path: Path) -> None:
    """Keras 3 loads these weights from an HDF5 file and goes on with a mean of 0."""
    normalization = layers.Normalization()
    model = keras.Sequential([keras.Input((3,)), normalization])
    normalization.adapt(RNG.normal(5, 2, (50, 3)).astype(np.float32))
    x = weights(2, 3)
    expected = model.predict_on_batch(x)
    model.save(tmp_path / f"model.{ending}")
    np.testing.assert_allclose(load_keras_model(tmp_path / f"model.{ending}").predict_on_batch(x), expected, atol=1e-6)


def test_code_of_keras_2_is_not_run(tmp_path: Path) -> None:
    code = ["4wEAAAAAAAAA\n", None, None]
    config = sequential(layer("Lambda", "code", function=code, function_type="lambda", batch_input_shape=[None, 3]))
    file = write_h5(tmp_path / "old.h5", config, {})
    with pytest.raises(StillmotionError, match=r"contains Python code \(a Lambda layer\).*`unsafe`"):
        load_keras_model(file)
    # Allowed, this one is of another Python; a crash would be worse than the refusal.
    with pytest.raises(StillmotionError, match=r"old\.h5: "):
        load_keras_model(file, unsafe=True)


def test_custom_layers_are_named_and_taken(tmp_path: Path) -> None:
    class Doubling(layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

    config = sequential(layer("Custom>Doubling", "mine", batch_input_shape=[None, 3]))
    file = write_h5(tmp_path / "old.h5", config, {})
    with pytest.raises(StillmotionError, match="has a custom layer or function 'Doubling'"):
        load_keras_model(file)
    assert load_keras_model(file, custom_objects={"Doubling": Doubling}).predict_on_batch(np.ones((1, 3)))[0, 0] == 2


class Attention(layers.Layer):
    """As tutorials write it: with the name of a layer of Keras's that does something else."""

    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor


class ReLU(layers.ReLU):
    def call(self, x: Any) -> Any:
        return super().call(x) - 1


@pytest.mark.parametrize("package", ["", "Custom>"])
def test_a_class_of_the_users_is_not_replaced_by_keras_s_of_that_name(package: str, tmp_path: Path) -> None:
    config = sequential(
        in_time(layer(f"{package}Attention", "mine", factor=3.0), "all", batch_input_shape=[None, 2, 3]),
        layer(f"{package}ReLU", "other", threshold=0.0, time_major=False),
    )
    file = write_h5(tmp_path / "old.h5", config, {})
    objects = {"Attention": Attention, "ReLU": ReLU, "Dense": layers.Dense}
    model = load_keras_model(file, custom_objects=objects)
    np.testing.assert_allclose(model.predict_on_batch(np.ones((1, 2, 3))), np.full((1, 2, 3), 2.0))


def test_a_registered_class_is_named_or_found_and_never_replaced_by_keras_s(tmp_path: Path) -> None:
    config = sequential(layer("Tests>ReLU", "other", threshold=0.0, batch_input_shape=[None, 3]))
    file = write_h5(tmp_path / "old.h5", config, {})
    with pytest.raises(StillmotionError, match="has a custom layer or function 'ReLU'"):
        load_keras_model(file)
    keras.saving.register_keras_serializable("Tests", "ReLU")(ReLU)
    try:
        assert load_keras_model(file).predict_on_batch(np.ones((1, 3)))[0, 0] == 0
    finally:
        keras.saving.get_custom_objects().pop("Tests>ReLU")


def test_what_changes_answers_is_not_left_out(tmp_path: Path) -> None:
    config = sequential(layer("LSTM", "lstm", units=2, time_major=True, batch_input_shape=[None, 4, 3]))
    file = write_h5(tmp_path / "old.h5", config, {"lstm": [weights(3, 8), weights(2, 8), weights(8)]})
    with pytest.raises(StillmotionError, match="time_major"):
        load_keras_model(file)


def test_weights_alone_and_architectures_alone_are_refused(tmp_path: Path) -> None:
    write_h5(tmp_path / "weights.h5", None, clip_weights())
    with pytest.raises(StillmotionError, match="holds only weights, no model; put the model's architecture beside it"):
        load_keras_model(tmp_path / "weights.h5")
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "model.json").write_text(json.dumps(CLIP_MODEL))
    with pytest.raises(StillmotionError, match="an architecture without weights"):
        load_keras_model(tmp_path / "alone" / "model.json")


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["w"] = weights(3, 2)
    config = sequential(layer("Dense", "dense", units=2, use_bias=False, batch_input_shape=[None, 3]))
    file = write_h5(tmp_path / "old.h5", config, {"dense": [weights(3, 2)]})
    with h5py.File(file, "a") as opened:
        del opened["model_weights/dense/w0"]
        opened["model_weights/dense/w0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "w")
    with pytest.raises(StillmotionError, match=r"old\.h5"):
        load_keras_model(file)
