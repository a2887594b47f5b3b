"""The trial at the start notices rules that are wrong, also in models that are saturated by its frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from helpers.networks import windows_of
from stillmotion.models import precision
from stillmotion.streaming import fusion, stream_model, streams
from stillmotion.streaming.checking import Agreement, compare_with_model
from stillmotion.streaming.plan import StreamPlan
from stillmotion.streaming.planning import make_stream_plan
from stillmotion.streaming.rules import LAYERS, OPERATIONS, convolutions, indexing, per_frame, recurrent
from stillmotion.streaming.timeline import Taps, Timeline
from stillmotion.streaming.trial import structured_frames

pytestmark = pytest.mark.backend
T = 6
Wrong = Callable[[pytest.MonkeyPatch], None]


def on_vectors(body: Callable[[Any], Any], width: int = 4) -> Callable[[], keras.Model]:
    """Values of hundreds go into the layer, and what comes out of it is squashed: predictions show next to nothing."""

    def build() -> keras.Model:
        i = keras.Input((T, width))
        x = body(i * 300.0)
        return keras.Model(i, layers.Dense(2, activation="softmax")(layers.Flatten()(x * 300.0)))

    return build


def on_pixels(body: Callable[[Any], Any]) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        i = keras.Input((T, 4, 4, 2))
        return keras.Model(i, layers.Dense(2, activation="softmax")(layers.Flatten()(body(i * 300.0) * 300.0)))

    return build


def taps(**changes: int) -> Wrong:
    """The taps of convolutions and poolings, changed."""
    right = convolutions.taps_of

    def wrong(*arguments: Any) -> Taps:
        found = right(*arguments)
        values = {
            name: getattr(found, name) + changes.get(name, 0) for name in ("count", "stride", "dilation", "before")
        }
        return Taps(**values)

    return lambda patch: patch.setattr(convolutions, "taps_of", wrong)


def row(table: Any, name: str) -> Wrong:
    """The operation counts as per frame whatever it does."""
    return lambda patch: patch.setitem(table, name, lambda view: view.per_frame())


def biased(right: Any) -> Any:
    return lambda cell, frames: right(cell, frames) + 0.01


def swapped(cell: Any, from_state: Any) -> Any:
    step = recurrent_gates(cell, from_state)

    def wrong(inputs: Any, state: Any) -> Any:
        i, f, new, o = ops.split(inputs, 4, axis=-1)
        return step(ops.concatenate([f, i, new, o], axis=-1), state)

    return wrong


recurrent_gates = recurrent._gates_of_lstm
parallel = recurrent.run_in_parallel
interior, result_of, skipping, shift = Timeline.of_interior, Taps.result, recurrent._skipping, indexing._shift
direction = recurrent._run_direction
sums = fusion._sum_of_convolutions


def late(self: Taps, source: Timeline, length: int) -> Timeline:
    """Slices at the edges of a window count as shared."""
    right = result_of(self, source, length)
    return Timeline(right.hop, right.length, right.stride, max(right.first - 1, 0), right.last)


def both(x: Any) -> Any:
    """Frames and their differences as channels of one picture each."""
    parts = ops.concatenate([x[:, 1:], x[:, 1:] - x[:, :-1]], axis=-1)
    return layers.Conv2D(3, 2)(ops.reshape(parts, (-1, 4, 4, 4)))


class Folded(layers.Layer):
    """Takes frames as a batch, and yet mixes them, by code that cannot be seen."""

    def call(self, x: Any) -> Any:
        if isinstance(x, keras.KerasTensor):
            raise TypeError("values are needed")
        return x + 0.01 * ops.roll(x, 1, axis=0)

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor(x.shape, x.dtype)


def unfolded(x: Any) -> Any:
    y = ops.reshape(x, (-1, x.shape[-1]))
    return ops.reshape(Folded()(y), (-1, T, x.shape[-1]))


conv1d = on_vectors(lambda x: layers.Conv1D(3, 3, padding="same")(x))
lstm = on_vectors(lambda x: layers.LSTM(3, bias_initializer="uniform")(x))
WRONG: dict[str, tuple[Callable[[], keras.Model], Wrong]] = {
    "a convolution is shifted": (conv1d, taps(before=1)),
    "a convolution has one slice too many": (conv1d, taps(count=1)),
    "a dilation is ignored": (on_vectors(lambda x: layers.Conv1D(3, 2, dilation_rate=2)(x)), taps(dilation=-1)),
    "a stride is ignored": (on_vectors(lambda x: layers.Conv1D(3, 2, strides=2)(x)), taps(stride=-1)),
    "padding is not zero": (
        conv1d, lambda patch: patch.setattr(convolutions, "_padded_with_zeros", lambda x, present: x),
    ),
    "a kernel is turned around": (
        on_vectors(lambda x: layers.SeparableConv1D(3, 3)(x * 0.1)),
        lambda patch: patch.setattr(convolutions, "_padded_with_zeros", lambda x, present: ops.flip(x, axis=2)),
    ),
    "groups are mixed": (
        on_vectors(lambda x: layers.Conv1D(4, 3, groups=2)(x)),
        lambda patch: patch.setattr(
            convolutions, "_split", lambda x, groups: list(ops.split(ops.flip(x, axis=-1), groups, axis=-1))
        ),
    ),
    "a projection is off": (lstm, lambda patch: patch.setattr(recurrent, "project", biased(recurrent.project))),
    "gates are swapped": (lstm, lambda patch: patch.setattr(recurrent, "_gates_of_lstm", swapped)),
    "a recurrence does not begin with zeros": (
        on_vectors(lambda x: layers.GRU(3)(x)),
        lambda patch: patch.setattr(
            recurrent, "_zeros", lambda layer, frame: (ops.ones_like(frame[..., : layer.units]) * 0.5,)
        ),
    ),
    "open windows begin a frame late": (
        on_vectors(lambda x: layers.SimpleRNN(3)(x)),
        lambda patch: patch.setattr(
            recurrent, "run_in_parallel", lambda layer, x, state, hop, length, masked: parallel(
                layer, x * 0.999, state, hop, length, masked
            ),
        ),
    ),
    "a mask is ignored": (
        on_vectors(lambda x: layers.GRU(3)(x, mask=ops.max(x, axis=-1) > 150)),
        lambda patch: patch.setattr(
            recurrent, "_skipping", lambda step, masked: lambda frame, state: step(frame[..., :-1], state)
        ),
    ),
    "both directions run forward": (
        on_vectors(lambda x: layers.Bidirectional(layers.LSTM(3), backward_layer=layers.GRU(3, go_backwards=True))(x)),
        lambda patch: patch.setattr(recurrent, "_run_direction", forward),
    ),
    "softmax over frames": (on_vectors(lambda x: layers.Softmax(axis=1)(x)), row(LAYERS, "Softmax")),
    "softmax over frames as an activation": (
        on_vectors(lambda x: layers.Permute((2, 1))(layers.Activation("softmax")(layers.Permute((2, 1))(x)))),
        lambda patch: patch.setattr(per_frame, "activation_mixes", lambda *arguments: ""),
    ),
    "normalization over frames": (
        on_vectors(lambda x: layers.LayerNormalization(axis=1)(x)), row(LAYERS, "LayerNormalization"),
    ),
    "normalization of whole samples": (
        on_vectors(lambda x: layers.GroupNormalization(2)(x)), row(LAYERS, "GroupNormalization"),
    ),
    "weights for each place": (on_vectors(lambda x: layers.PReLU("normal")(x)), row(LAYERS, "PReLU")),
    "a bias for each frame": (
        on_vectors(lambda x: layers.EinsumDense("abc,cd->abd", (T, 3), bias_axes="bd", bias_initializer="normal")(x)),
        row(LAYERS, "EinsumDense"),
    ),
    "positions as a constant": (
        on_vectors(lambda x: x + np.arange(T, dtype=np.float32)[:, None]),
        lambda patch: patch.setattr(per_frame, "_constants", lambda view: []),
    ),
    "a matrix along time": (
        on_vectors(lambda x: layers.Dense(T)(layers.Permute((2, 1))(x))), row(LAYERS, "Dense"),
    ),
    "attention over frames": (
        on_vectors(lambda x: layers.MultiHeadAttention(1, 4)(x, x)), row(LAYERS, "MultiHeadAttention"),
    ),
    "attention without its scale": (
        on_vectors(lambda x: layers.MultiHeadAttention(2, 3)(x, x)),
        lambda patch: patch.setattr(ops, "softmax", lambda x, axis: x),
    ),
    "an axis is moved elsewhere": (
        on_vectors(lambda x: layers.Permute((2, 1))(x), width=T),
        lambda patch: patch.setitem(LAYERS, "Permute", lambda view: view.per_frame()),
    ),
    "frames are shifted the wrong way": (
        on_vectors(lambda x: ops.pad(x, ((0, 0), (2, 0), (0, 0)))),
        lambda patch: patch.setattr(
            indexing, "_shift", lambda view, pairs, sign: shift(view, [pair[::-1] for pair in pairs], sign)
        ),
    ),
    "slices at the edges are shared": (conv1d, lambda patch: patch.setattr(Taps, "result", late)),
    "slices are taken from the frame after": (
        on_vectors(lambda x: layers.Conv1D(3, 2)(x)),
        lambda patch: patch.setattr(Timeline, "of_interior", lambda self, at: interior(self, at) - 1),
    ),
    "a sum along time": (on_vectors(lambda x: ops.sum(x, axis=1, keepdims=True)), row(OPERATIONS, "Sum")),
    "sorted along time": (on_vectors(lambda x: ops.sort(x, axis=1)), row(OPERATIONS, "Sort")),
    "parts of a split convolution are swapped": (
        on_pixels(both),
        lambda patch: patch.setattr(
            fusion, "_sum_of_convolutions",
            lambda *arguments: lambda *parts: sums(*arguments)(*parts[::-1]),
        ),
    ),
    "a layer of pictures mixes them": (on_vectors(unfolded), lambda patch: None),
}  # fmt: skip


def forward(layer: Any, inputs: Any, mask: Any) -> Any:
    turned = ops.flip(inputs, axis=1) if layer.go_backwards else inputs
    return direction(layer, turned, mask)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keras.utils.set_random_seed(0)
    build, break_ = WRONG[name]
    model = build()
    break_(monkeypatch)
    # Not the final comparison of predictions: the trial of each layer.
    reasons = [report.reason for report in make_stream_plan(model, 1).reports]
    assert any("frame by frame" in reason or "divided" in reason for reason in reasons), reasons


def test_a_layer_that_works_across_the_batch_takes_one_window_at_a_time() -> None:
    """So that a window's prediction does not depend on the others that are computed with it."""
    i = keras.Input((T, 4))
    x = layers.Flatten()(layers.Dense(3)(i))
    model = keras.Model(i, layers.Dense(2)(ops.tanh(x - 0.9 * ops.mean(x, axis=0, keepdims=True))))
    frames = structured_frames(20, (4,), "float32")
    streamed = np.array([prediction.probabilities for prediction in stream_model(model).push(frames)])
    alone = [windows_of(model, frames[at : at + T], 1, 0)[0] for at in range(len(streamed))]
    np.testing.assert_allclose(streamed, alone, atol=1e-5)


def test_a_model_built_for_one_batch_size() -> None:
    i = keras.Input(batch_shape=(2, T, 4))
    x = ops.reshape(layers.Dense(3)(ops.reshape(i, (2 * T, 4))), (2, T, 3))
    model = keras.Model(i, layers.Dense(2)(ops.reshape(ops.cumsum(x, axis=1), (2, 3 * T))))
    frames = structured_frames(20, (4,), "float32", (0, 1))
    streamed = np.array([prediction.probabilities for prediction in stream_model(model).push(frames)])
    windows = [np.stack([frames[at : at + T]] * 2) for at in range(len(streamed))]
    expected = [np.asarray(model.predict_on_batch(window))[0] for window in windows]
    np.testing.assert_allclose(streamed, expected, atol=1e-5)


def test_the_trial_multiplies_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU multiplies in TF32 by default, whose rounding looks like a wrong division."""
    tried = {"layers": False, "predictions": False}

    def is_full() -> bool:
        if keras.backend.backend() == "jax":
            import jax

            return bool(getattr(jax.config, "jax_default_matmul_precision") == "float32")  # noqa: B009
        import tensorflow as tf

        return not tf.config.experimental.tensor_float_32_execution_enabled()

    def make(*arguments: Any, **options: Any) -> StreamPlan:
        tried["layers"] = is_full()
        return make_stream_plan(*arguments, **options)

    def compare(*arguments: Any) -> Agreement:
        tried["predictions"] = is_full()
        return compare_with_model(*arguments)

    monkeypatch.setattr(precision, "rounds_factors", lambda: True)
    monkeypatch.setattr(streams, "make_stream_plan", make)
    monkeypatch.setattr(streams, "compare_with_model", compare)
    stream_model(on_pixels(layers.TimeDistributed(layers.Conv2D(2, 3)))())
    assert tried == {"layers": True, "predictions": True}
    assert not is_full()


def test_the_trial_leaves_the_model_as_it_is() -> None:
    class Training(layers.Layer):
        """Normalizes by the statistics of the batch, which changes the layer's own."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = layers.BatchNormalization()

        def call(self, x: Any) -> Any:
            return self.inner(x, training=True)

    i, layer = keras.Input((T, 4)), Training()
    model = keras.Model(i, layers.Dense(2)(layers.Flatten()(layer(layers.Dense(3)(i)))))
    before = [weight.numpy().copy() for weight in model.weights]
    plan = make_stream_plan(model, 1)
    assert any(report.reason for report in plan.reports)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
