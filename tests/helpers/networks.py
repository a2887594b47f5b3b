"""Random small networks, of layers that can be divided in time and of some that cannot."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from hypothesis import strategies as st
from keras import layers, ops

Draw = Any
PADDINGS = st.sampled_from(["valid", "same"])
ACTIVATIONS = st.sampled_from([None, "relu", "tanh"])


def network(draw: Draw) -> keras.Model:
    """From clips `(batch, time, height, width, 3)` to `(batch, 4)`; weights are random, biases too."""
    frames, height, width = draw(st.integers(2, 9)), draw(st.integers(4, 7)), draw(st.integers(4, 7))
    kind = draw(st.sampled_from(["pixels", "pixels", "vectors"]))
    clip = keras.Input((frames, height, width, 3) if kind == "pixels" else (frames, 5), dtype="float32")
    x = clip
    for _ in range(draw(st.integers(1, 4))):
        x = draw(st.sampled_from(ON_PIXELS if len(x.shape) == 5 else ON_VECTORS))(draw, x)
    end = draw(st.sampled_from(ENDS if len(x.shape) == 3 else WIDE_ENDS))
    model = keras.Model(clip, layers.Dense(4, activation="softmax")(end(draw, x)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    for weight in model.weights:
        if "variance" in weight.path:
            weight.assign(rng.uniform(0.5, 2, weight.shape))
        elif "seed" not in weight.path:
            weight.assign(rng.normal(0, 1 / np.sqrt(max(1, np.prod(weight.shape[:-1]))), weight.shape))
    model.compile(run_eagerly=True)
    return model


# On (batch, time, height, width, channels).


def conv3d(draw: Draw, x: Any) -> Any:
    size = (draw(st.integers(1, min(4, x.shape[1]))), draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    padding = draw(PADDINGS)
    if padding == "valid" and any(side < k for side, k in zip(x.shape[1:4], size, strict=True)):
        padding = "same"
    strides, dilation = (draw(st.integers(1, 3)), draw(st.integers(1, 2)), 1), (1, 1, 1)
    if max(strides) == 1 and 2 * (size[0] - 1) < x.shape[1]:
        dilation = (draw(st.integers(1, 2)), 1, 1)
    return layers.Conv3D(4, size, strides, padding, dilation_rate=dilation, activation=draw(ACTIVATIONS),
                         use_bias=draw(st.booleans()))(x)  # fmt: skip


def factored(draw: Draw, x: Any) -> Any:
    """Over time alone, as a Conv2D of reshaped frames."""
    _, frames, height, width, channels = x.shape
    y = ops.reshape(x, (-1, frames, height * width, channels))
    size = draw(st.integers(1, min(3, frames)))
    y = layers.Conv2D(4, (size, 1), (draw(st.integers(1, 2)), 1), draw(PADDINGS))(y)
    return ops.reshape(y, (-1, y.shape[1], height, width, 4))


def pooled(draw: Draw, x: Any) -> Any:
    layer = draw(st.sampled_from([layers.MaxPooling3D, layers.AveragePooling3D]))
    size = tuple(draw(st.integers(1, min(3, side))) for side in x.shape[1:4])
    return layer(size, draw(st.sampled_from([None, 1, 2])), draw(PADDINGS))(x)


def residual(draw: Draw, x: Any) -> Any:
    y = layers.Conv3D(x.shape[-1], (draw(st.integers(1, 3)), 1, 1), padding="same")(x)
    return layers.ReLU()(layers.Add()([x, layers.BatchNormalization()(y)]))


def folded(draw: Draw, x: Any) -> Any:
    """Frames as a batch of pictures."""
    y = ops.reshape(x, (-1, *x.shape[2:]))
    y = draw(st.sampled_from([
        layers.Conv2D(3, 2, padding="same", activation="relu"), layers.DepthwiseConv2D(2, padding="same"),
        layers.SeparableConv2D(3, 2, padding="same"), layers.GroupNormalization(1),
    ]))(y)  # fmt: skip
    if draw(st.booleans()):
        y = layers.GlobalAveragePooling2D()(y)
    return ops.reshape(y, (-1, x.shape[1], *y.shape[1:]))


def distributed(draw: Draw, x: Any) -> Any:
    return layers.TimeDistributed(draw(st.sampled_from([layers.Flatten(), layers.Conv2D(2, 1)])))(x)


def difference(draw: Draw, x: Any) -> Any:
    if draw(st.booleans()):
        previous = ops.take(x, [0, *range(x.shape[1] - 1)], axis=1)
        return ops.concatenate([x, x - previous], axis=-1)
    following = ops.take(x, [*range(1, x.shape[1]), x.shape[1] - 1], axis=1)
    return following - x


def beside(draw: Draw, x: Any) -> Any:
    """Frames and their differences from those before, as channels of one picture each."""
    if x.shape[1] < 3:
        return x
    newest = x[:, 1:]
    parts = ops.concatenate([newest, newest - x[:, :-1], newest * 2], axis=-1)
    y = ops.reshape(parts, (-1, *parts.shape[2:]))
    stride, biased = draw(st.integers(1, 2)), draw(st.booleans())
    y = layers.Conv2D(4, 2, stride, "same", activation=draw(ACTIVATIONS), use_bias=biased)(y)
    return ops.reshape(y, (-1, parts.shape[1], *y.shape[1:]))


def cut(draw: Draw, x: Any) -> Any:
    if x.shape[1] < 3:
        return x
    return draw(st.sampled_from([
        lambda: layers.Cropping3D(((1, 0), (0, 0), (0, int(x.shape[3] > 1))))(x),
        lambda: layers.ZeroPadding3D(((1, 1), (0, 0), (1, 0)))(x),
        lambda: x[:, 1:] - x[:, :-1],
        lambda: x[:, ::2, :, 0, None],
    ]))()  # fmt: skip


def turned(draw: Draw, x: Any) -> Any:
    """The time axis is not always the first."""
    y = ops.transpose(x, (0, 2, 1, 3, 4))
    y = layers.Conv3D(3, (1, draw(st.integers(1, min(3, x.shape[1]))), 2), padding="same")(y)
    return layers.Permute((2, 1, 3, 4))(layers.LayerNormalization()(y))


def nested(draw: Draw, x: Any) -> Any:
    inner = keras.Input(x.shape[1:])
    model = keras.Model(inner, layers.ReLU()(layers.Conv3D(3, (2, 1, 1), padding="same")(inner)))
    return keras.Sequential([keras.Input(x.shape[1:]), layers.Rescaling(0.5), model])(x)


ON_PIXELS = [conv3d, conv3d, factored, pooled, residual, folded, distributed, difference, beside, cut, turned, nested]


# On (batch, time, features).


def conv1d(draw: Draw, x: Any) -> Any:
    size = draw(st.integers(1, min(3, x.shape[1])))
    padding = draw(st.sampled_from(["valid", "same", "causal"]))
    return layers.Conv1D(4, size, draw(st.integers(1, 2)), padding, activation=draw(ACTIVATIONS))(x)


def pooled1d(draw: Draw, x: Any) -> Any:
    layer = draw(st.sampled_from([layers.MaxPooling1D, layers.AveragePooling1D]))
    return layer(draw(st.integers(1, min(3, x.shape[1]))), draw(st.integers(1, 2)), draw(PADDINGS))(x)


def dense(draw: Draw, x: Any) -> Any:
    return draw(st.sampled_from([
        layers.Dense(4, "relu"), layers.LayerNormalization(), layers.EinsumDense("abc,cd->abd", (x.shape[1], 4)),
    ]))(x)  # fmt: skip


def sequences(draw: Draw, x: Any) -> Any:
    return layers.GRU(3, return_sequences=True, go_backwards=draw(st.booleans()))(x)


def attention(draw: Draw, x: Any) -> Any:
    layer = layers.MultiHeadAttention(2, 2, use_bias=draw(st.booleans()))  # Keras on JAX refuses another value_dim
    if draw(st.booleans()):
        return layer(x, x)
    return layer(x, layers.Dense(3)(x), key=x, use_causal_mask=draw(st.booleans()))


ON_VECTORS = [conv1d, conv1d, pooled1d, dense, sequences, attention]


# To (batch, features).


def recurrent(draw: Draw, x: Any) -> Any:
    layer = draw(st.sampled_from([
        layers.LSTM(3), layers.LSTM(3, use_bias=False), layers.GRU(3), layers.GRU(3, reset_after=False),
        layers.SimpleRNN(3),
    ]))  # fmt: skip
    if not draw(st.booleans()):
        return layer(x)
    mode = draw(st.sampled_from(["concat", "sum", "ave", "mul"]))
    return layers.Bidirectional(layer, merge_mode=mode)(x)


def averaged(draw: Draw, x: Any) -> Any:
    pool = {3: (layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D),
            5: (layers.GlobalAveragePooling3D, layers.GlobalMaxPooling3D)}[len(x.shape)]  # fmt: skip
    return draw(st.sampled_from(pool))()(x)


def flat(draw: Draw, x: Any) -> Any:
    return layers.Flatten()(x)


def last(draw: Draw, x: Any) -> Any:
    return layers.Flatten()(x[:, -1])


def meaned(draw: Draw, x: Any) -> Any:
    return layers.Flatten()(ops.mean(x, axis=draw(st.sampled_from([1, -1]))))


WIDE_ENDS = [averaged, flat, last, meaned]
ENDS = [recurrent, recurrent, averaged, flat, last, meaned]


# Their inputs and expected outputs.


def windows_of(model: keras.Model, frames: Any, hop: int, start: int) -> Any:
    """The plain way: each window by itself."""
    length = model.input_shape[1]
    starts = range(start, len(frames) - length + 1, hop)
    if not starts:
        return np.zeros((0, 4), np.float32)
    return np.asarray(model.predict_on_batch(np.stack([frames[at : at + length] for at in starts])))


def noise(model: keras.Model, count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(0, 1, (count, *model.input_shape[2:])).astype(np.float32)


def pixels(count: int, seed: int = 0, side: int = 12) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3)).astype(np.uint8)
