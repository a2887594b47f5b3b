"""Small clip models with random weights, each written the way people write it. `benchmarks/zoo.py` streams them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

T, SIDE, CLASSES = 8, 16, 3
Tensor = Any
MODELS: dict[str, Callable[[], keras.Model]] = {}


def model(name: str) -> Callable[[Callable[[], keras.Model]], Callable[[], keras.Model]]:
    """Add a builder to `MODELS`."""

    def add(build: Callable[[], keras.Model]) -> Callable[[], keras.Model]:
        MODELS[name] = build
        return build

    return add


def clip(frames: int = T, side: int = SIDE) -> Tensor:
    return keras.Input((frames, side, side, 3))


def cnn() -> keras.Model:
    return keras.Sequential(
        [layers.Conv2D(8, 3, 2, activation="relu"), layers.Conv2D(12, 3), layers.GlobalAveragePooling2D()]
    )


def features(x: Tensor) -> Tensor:
    return layers.TimeDistributed(cnn())(x)


def ending(inputs: Tensor, x: Tensor) -> keras.Model:
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax", dtype="float32")(x))


def on_features(body: Callable[[Tensor], Tensor]) -> Callable[[], keras.Model]:
    """A CNN per frame, and something over its features."""

    def build() -> keras.Model:
        i = clip()
        return ending(i, body(features(i)))

    return build


def on_clip(body: Callable[[Tensor], Tensor], frames: int = T) -> Callable[[], keras.Model]:
    """Something over pixels, whose result is pooled if it still has axes."""

    def build() -> keras.Model:
        i = clip(frames)
        x = body(i)
        return ending(i, layers.GlobalAveragePooling3D()(x) if len(x.shape) == 5 else x)

    return build


# Recurrent layers.

RECURRENT: dict[str, Callable[[Tensor], Tensor]] = {
    "CNN-LSTM": lambda x: layers.LSTM(16)(x),
    "CNN-GRU": lambda x: layers.GRU(16)(x),
    "CNN-SimpleRNN": lambda x: layers.SimpleRNN(16)(x),
    "CNN-BiLSTM": lambda x: layers.Bidirectional(layers.LSTM(8))(x),
    "CNN-BiGRU, summed": lambda x: layers.Bidirectional(layers.GRU(8), merge_mode="sum")(x),
    "two LSTMs": lambda x: layers.LSTM(8)(layers.LSTM(8, return_sequences=True)(x)),
    "two BiLSTMs": lambda x: layers.Bidirectional(layers.LSTM(6))(
        layers.Bidirectional(layers.LSTM(6, return_sequences=True))(x)
    ),
    "GRU, reset_after=False": lambda x: layers.GRU(8, reset_after=False)(x),
    "LSTM, go_backwards": lambda x: layers.LSTM(8, go_backwards=True)(x),
    "RNN of stacked cells": lambda x: layers.RNN([layers.LSTMCell(8), layers.GRUCell(6)])(x),
    "RNN of one cell": lambda x: layers.RNN(layers.GRUCell(6))(x),
    "LSTM, other activations": lambda x: layers.LSTM(8, activation="relu", recurrent_activation="hard_sigmoid")(x),
    "Masking and GRU": lambda x: layers.GRU(8)(layers.Masking()(ops.relu(x - 0.02))),
    "Masking and BiLSTM": lambda x: layers.Bidirectional(layers.LSTM(8))(layers.Masking()(ops.relu(x - 0.02))),
    "GRU with a mask from the features": lambda x: layers.GRU(8)(x, mask=ops.max(x, axis=-1) > 0.0),
    "LSTM and attention": lambda x: attention_pooling(layers.LSTM(8, return_sequences=True)(x)),
    "GRU over differences of features": lambda x: layers.GRU(8)(x[:, 1:] - x[:, :-1]),
    "CNN and Conv1D and LSTM": lambda x: layers.LSTM(8)(layers.MaxPooling1D(2)(layers.Conv1D(8, 3)(x))),
}
MODELS |= {name: on_features(body) for name, body in RECURRENT.items()}


@model("Rescaling, TimeDistributed layer by layer, Flatten, LSTM")
def _() -> keras.Model:
    i = clip()
    x = layers.TimeDistributed(layers.Conv2D(8, 3, activation="relu"))(layers.Rescaling(1 / 255)(i))
    x = layers.TimeDistributed(layers.MaxPooling2D(2))(x)
    x = layers.TimeDistributed(layers.Dropout(0.3))(layers.TimeDistributed(layers.BatchNormalization())(x))
    return ending(i, layers.LSTM(16)(layers.TimeDistributed(layers.Flatten())(x)))


@model("extracted features with Masking, two GRUs")
def _() -> keras.Model:
    i = keras.Input((T, 24))
    return ending(i, layers.GRU(8)(layers.GRU(16, return_sequences=True)(layers.Masking()(i))))


@model("fixed batch size")
def _() -> keras.Model:
    i = keras.Input(batch_shape=(1, T, SIDE, SIDE, 3))
    x = ops.reshape(cnn()(ops.reshape(i, (T, SIDE, SIDE, 3))), (1, T, 12))
    return ending(i, layers.GRU(8)(x))


@model("frames folded by ops.reshape, GRU")
def _() -> keras.Model:
    i = clip()
    return ending(i, layers.GRU(8)(ops.reshape(cnn()(ops.reshape(i, (-1, SIDE, SIDE, 3))), (-1, T, 12))))


@model("frames folded by ops.reshape, unfolded by a Lambda")
def _() -> keras.Model:
    i = clip()
    x = cnn()(ops.reshape(i, (-1, SIDE, SIDE, 3)))
    return ending(i, layers.GRU(8)(layers.Lambda(lambda z: ops.reshape(z, (-1, T, 12)), output_shape=(T, 12))(x)))


@model("one CNN for each frame in a list, stacked")
def _() -> keras.Model:
    i, backbone = clip(), cnn()
    return ending(i, layers.LSTM(8)(ops.stack([backbone(i[:, t]) for t in range(T)], axis=1)))


@model("one CNN for each frame in a list, concatenated")
def _() -> keras.Model:
    i, backbone = clip(), cnn()
    return ending(i, layers.Dense(8)(layers.Concatenate()([backbone(i[:, t]) for t in range(T)])))


@model("two ConvLSTM2D with pooling, as the tutorial writes them")
def _() -> keras.Model:
    i = clip()
    x = layers.ConvLSTM2D(4, 3, activation="tanh", recurrent_dropout=0.2, return_sequences=True)(i)
    x = layers.TimeDistributed(layers.Dropout(0.2))(layers.MaxPooling3D((1, 2, 2), padding="same")(x))
    x = layers.ConvLSTM2D(6, 3, activation="tanh", return_sequences=True)(x)
    return ending(i, layers.Flatten()(layers.MaxPooling3D((1, 2, 2), padding="same")(x)))


CONV_LSTM: dict[str, Callable[[Tensor], Tensor]] = {
    "ConvLSTM2D": lambda x: layers.GlobalAveragePooling2D()(layers.ConvLSTM2D(6, 3, strides=2)(x)),
    "ConvLSTM2D, padded, with BatchNormalization": lambda x: layers.BatchNormalization()(
        layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)(x)
    ),
    "bidirectional ConvLSTM2D": lambda x: layers.GlobalAveragePooling2D()(
        layers.Bidirectional(layers.ConvLSTM2D(3, 3, 2))(x)
    ),
}
MODELS |= {name: on_clip(body) for name, body in CONV_LSTM.items()}


# Convolutions over time.


class Factored(layers.Layer):
    """(2+1)D of the Keras example, with `get_config`."""

    def __init__(self, filters: int, **options: Any) -> None:
        super().__init__(**options)
        self.filters = filters
        self.space = layers.Conv3D(filters, (1, 3, 3), padding="same")
        self.time = layers.Conv3D(filters, (3, 1, 1), padding="same")

    def build(self, shape: Any) -> None:
        self.space.build(shape)
        self.time.build((*shape[:-1], self.filters))
        super().build(shape)

    def call(self, x: Tensor) -> Tensor:
        return self.time(self.space(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters}


class Residual(keras.Model):
    """A subclass with calls of its own."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.first, self.second, self.norm = Factored(filters), Factored(filters), layers.LayerNormalization()

    def call(self, x: Tensor, training: bool | None = None) -> Tensor:
        y = self.norm(self.second(ops.relu(self.first(x))), training=training)
        return ops.relu(ops.concatenate([x, y], axis=-1))


class TemporalShift(layers.Layer):
    """TSM: an eighth of the channels comes from the frame before, an eighth from the one after."""

    def call(self, x: Tensor) -> Tensor:
        fold = x.shape[-1] // 4
        after = ops.pad(x[:, 1:, ..., :fold], ((0, 0), (0, 1), (0, 0), (0, 0), (0, 0)))
        before = ops.pad(x[:, :-1, ..., fold : 2 * fold], ((0, 0), (1, 0), (0, 0), (0, 0), (0, 0)))
        return ops.concatenate([after, before, x[..., 2 * fold :]], axis=-1)


def inception(x: Tensor) -> Tensor:
    parts = [
        layers.Conv3D(4, 1)(x),
        layers.Conv3D(4, 3, padding="same")(layers.Conv3D(2, 1)(x)),
        layers.Conv3D(4, 1)(layers.MaxPooling3D(3, 1, padding="same")(x)),
    ]
    return layers.ReLU()(layers.BatchNormalization()(layers.Concatenate()(parts)))


def squeeze_excite(x: Tensor) -> Tensor:
    weights = layers.Dense(x.shape[-1], activation="sigmoid")(layers.GlobalAveragePooling3D(keepdims=True)(x))
    return layers.Multiply()([x, weights])


def slowfast(x: Tensor) -> Tensor:
    slow = layers.Conv3D(8, (1, 3, 3), (1, 2, 2), activation="relu")(x[:, ::4])
    fast = layers.Conv3D(2, (3, 3, 3), (1, 2, 2), padding="same", activation="relu")(x)
    lateral = layers.Conv3D(4, (5, 1, 1), (4, 1, 1), padding="same")(fast)
    slow = layers.Concatenate()([slow, layers.Cropping3D(((0, 0), (0, 1), (0, 1)))(lateral)])
    pooled = [layers.GlobalAveragePooling3D()(path) for path in (layers.Conv3D(8, 1)(slow), fast)]
    return layers.Concatenate()(pooled)


def causal(x: Tensor) -> Tensor:
    """MoViNet's causal convolution: padding in front only."""
    x = ops.pad(x, ((0, 0), (2, 0), (1, 1), (1, 1), (0, 0)))
    return ops.silu(layers.Conv3D(6, 3, padding="valid")(x))


def two_stream(x: Tensor) -> Tensor:
    return layers.Concatenate()(
        [
            layers.GlobalAveragePooling1D()(features(x)),
            layers.GlobalMaxPooling1D()(features(x[:, 1:] - x[:, :-1])),
        ]
    )


CONVOLUTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "C3D": lambda x: layers.MaxPooling3D(2)(
        layers.Conv3D(8, 3, padding="same", activation="relu")(
            layers.MaxPooling3D((1, 2, 2))(layers.Conv3D(6, 3, padding="same", activation="relu")(x))
        )
    ),
    "Conv3D without padding, Flatten": lambda x: layers.Flatten()(layers.Conv3D(4, 3, activation="relu")(x)),
    "I3D's Inception": lambda x: inception(layers.Conv3D(6, 3, (2, 2, 2), padding="same")(x)),
    "R(2+1)D, subclassed, with get_config": lambda x: Residual(4)(Factored(4)(x)),
    "Conv3D, dilated in time": lambda x: layers.Conv3D(4, 3, dilation_rate=(2, 1, 1), activation="relu")(x),
    "Conv3D in groups": lambda x: layers.Conv3D(8, 3, groups=4)(layers.Conv3D(8, 1)(x)),
    "Conv3D per channel (X3D)": lambda x: layers.Conv3D(4, 3, groups=4, padding="same")(layers.Conv3D(4, 1)(x)),
    "S3D: space, then time": lambda x: layers.Conv3D(6, (3, 1, 1))(layers.Conv3D(6, (1, 3, 3))(x)),
    "squeeze and excite over time": lambda x: layers.Conv3D(4, 3)(squeeze_excite(layers.Conv3D(4, 3)(x))),
    "SlowFast": slowfast,
    "two-stream: frames and their differences": two_stream,
    "temporal shift (TSM)": lambda x: layers.TimeDistributed(layers.Conv2D(8, 3))(
        TemporalShift()(layers.TimeDistributed(layers.Conv2D(8, 3))(x))
    ),
    "MoViNet: ops.pad in front, Conv3D": lambda x: causal(causal(x)),
    "ZeroPadding3D in front, Conv3D": lambda x: layers.Conv3D(4, 3)(layers.ZeroPadding3D(((2, 0), (1, 1), (1, 1)))(x)),
    "PReLU with weights for each place": lambda x: layers.PReLU()(layers.Conv3D(4, (1, 3, 3))(x)),
    "PReLU, shared over time": lambda x: layers.PReLU(shared_axes=[1, 2, 3])(layers.Conv3D(4, (3, 3, 3))(x)),
    "LayerNormalization over 5D": lambda x: layers.LayerNormalization()(layers.Conv3D(4, (1, 3, 3))(x)),
    "GroupNormalization over 5D": lambda x: layers.GroupNormalization(2)(layers.Conv3D(4, (3, 3, 3))(x)),
    "frames as channels of one picture": lambda x: layers.GlobalAveragePooling2D()(
        layers.Conv2D(8, 3)(layers.Reshape((SIDE, SIDE, 3 * T))(layers.Permute((2, 3, 1, 4))(x)))
    ),
    "standard deviation over frames": lambda x: ops.std(features(x), axis=1),
    "Lambda for / 255": lambda x: layers.GRU(8)(features(layers.Lambda(lambda z: z / 255.0)(x))),
    "Conv3DTranspose": lambda x: layers.Conv3DTranspose(2, 2, 2)(layers.Conv3D(4, 3)(x)),
    "first and last frame through one CNN": lambda x: (lambda net: net(x[:, 0]) - net(x[:, -1]))(cnn()),
}
MODELS |= {name: on_clip(body) for name, body in CONVOLUTIONS.items()}


def temporal_block(x: Tensor, dilation: int) -> Tensor:
    y = layers.Conv1D(12, 2, padding="causal", dilation_rate=dilation, activation="relu")(x)
    return layers.Add()([x, layers.SpatialDropout1D(0.1)(y)])


ON_FEATURES: dict[str, Callable[[Tensor], Tensor]] = {
    "TCN: causal, dilated, last step": lambda x: temporal_block(temporal_block(x, 1), 2)[:, -1],
    "Conv1D, maximum": lambda x: layers.GlobalMaxPooling1D()(layers.Conv1D(8, 3, padding="same")(x)),
    "SeparableConv1D": lambda x: layers.GlobalMaxPooling1D()(layers.SeparableConv1D(8, 3, activation="relu")(x)),
    "DepthwiseConv1D": lambda x: layers.GlobalAveragePooling1D()(layers.DepthwiseConv1D(3, padding="same")(x)),
    "mean over frames": lambda x: layers.GlobalAveragePooling1D()(x),
    "maximum over frames": lambda x: ops.max(x, axis=1),
    "mean of probabilities": lambda x: ops.mean(layers.Dense(4, activation="softmax")(x), axis=1),
    "EinsumDense with a bias over time": lambda x: layers.Flatten()(
        layers.EinsumDense("abc,cd->abd", output_shape=(T, 8), bias_axes="bd")(x)
    ),
    "glu over time": lambda x: layers.Flatten()(ops.glu(x, axis=1)),
    "Flatten and Dense": lambda x: layers.Dense(8, activation="relu")(layers.Flatten()(x)),
    "dropout called with training=True": lambda x: layers.Dropout(0.5)(layers.GRU(8)(x), training=True),
    "cumulative sum": lambda x: ops.cumsum(x, axis=1)[:, -1],
    "sorted over time": lambda x: layers.Flatten()(ops.sort(x, axis=1)),
    "other frame order": lambda x: layers.GRU(8)(ops.flip(x, axis=1)),
}
MODELS |= {name: on_features(body) for name, body in ON_FEATURES.items()}


# Attention.


def attention_pooling(x: Tensor) -> Tensor:
    """Softmax over frames by Permute, Activation, Permute."""
    weights = layers.Permute((2, 1))(layers.Dense(1, activation="tanh")(x))
    weights = layers.Permute((2, 1))(layers.Activation("softmax")(weights))
    return ops.sum(layers.Multiply()([x, weights]), axis=1)


def softmax_over_time(x: Tensor) -> Tensor:
    return ops.softmax(x, axis=1)


def own_activation(x: Tensor) -> Tensor:
    weights = layers.Activation(softmax_over_time)(layers.Dense(1)(layers.Dense(8, activation="tanh")(x)))
    return layers.Flatten()(layers.Dot(axes=1)([weights, x]))


class PositionalEmbedding(layers.Layer):
    """Of the Keras example of video transformers."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(1, *shape[1:]), initializer="uniform", name="table")
        super().build(shape)

    def call(self, x: Tensor) -> Tensor:
        return x + self.table


class TransformerEncoder(layers.Layer):
    """Of the Keras example of video transformers."""

    def __init__(self, width: int, heads: int, **options: Any) -> None:
        super().__init__(**options)
        self.attention = layers.MultiHeadAttention(heads, width // heads, dropout=0.3)
        self.dense = keras.Sequential([layers.Dense(2 * width, activation=keras.activations.gelu), layers.Dense(width)])
        self.first, self.second = layers.LayerNormalization(), layers.LayerNormalization()

    def build(self, shape: Any) -> None:
        self.attention.build(shape, shape)
        for part in (self.dense, self.first, self.second):
            part.build(shape)
        super().build(shape)

    def call(self, x: Tensor, mask: Tensor = None, training: bool | None = None) -> Tensor:
        x = self.first(x + self.attention(x, x, training=training))
        return self.second(x + self.dense(x))


class ClassToken(layers.Layer):
    """Puts a learned token in front, for which it needs the batch size."""

    def build(self, shape: Any) -> None:
        self.token = self.add_weight(shape=(1, 1, shape[-1]), initializer="normal", name="token")
        super().build(shape)

    def call(self, x: Tensor) -> Tensor:
        return ops.concatenate([ops.broadcast_to(self.token, (ops.shape(x)[0], 1, x.shape[-1])), x], axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], shape[1] + 1, shape[2])


def vivit(x: Tensor) -> Tensor:
    tokens = layers.Conv3D(8, (2, 8, 8), (2, 8, 8))(x)
    tokens = PositionalEmbedding()(layers.Reshape((-1, 8))(tokens))
    return layers.GlobalAveragePooling1D()(TransformerEncoder(8, 2)(tokens))


def patches(x: Tensor) -> Tensor:
    """(batch, time, 4 patches, 8)."""
    return layers.Reshape((T, 4, 8))(layers.TimeDistributed(layers.Conv2D(8, 8, 8))(x))


def factorised(x: Tensor) -> Tensor:
    """ViViT's second model: attention among the patches of a frame, then among frames."""
    x = patches(x)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4, attention_axes=(2,))(x, x))
    x = ops.mean(x, axis=2)
    return ops.mean(x + layers.MultiHeadAttention(2, 4)(x, x), axis=1)


def folded_patches(x: Tensor) -> Tensor:
    """The same with the frames folded into the batch."""
    x = PositionalEmbedding()(ops.reshape(patches(x), (-1, 4, 8)))
    x = TransformerEncoder(8, 2)(x)
    return layers.LSTM(8)(ops.reshape(x, (-1, T, 32)))


def tokens_of_frames(x: Tensor) -> Tensor:
    """A vision transformer with a class token for each frame."""
    x = ClassToken()(ops.reshape(patches(x), (-1, 4, 8)))
    return layers.LSTM(8)(ops.reshape(TransformerEncoder(8, 2)(x)[:, 0], (-1, T, 8)))


def divided(x: Tensor) -> Tensor:
    """TimeSformer: attention over time for each patch, then over the patches of each frame."""
    x = patches(x)
    over_time = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, T, 8))
    over_time = layers.MultiHeadAttention(2, 4)(over_time, over_time)
    x = x + ops.transpose(ops.reshape(over_time, (-1, 4, T, 8)), (0, 2, 1, 3))
    in_space = ops.reshape(x, (-1, 4, 8))
    x = x + ops.reshape(layers.MultiHeadAttention(2, 4)(in_space, in_space), (-1, T, 4, 8))
    return ops.mean(x, axis=(1, 2))


def swin(x: Tensor) -> Tensor:
    """Video Swin: attention inside of windows of two frames, shifted by one frame for the second layer."""
    x = patches(x)
    for shift in (0, 1):
        y = ops.roll(x, -shift, axis=1) if shift else x
        y = ops.reshape(y, (-1, 8, 8))
        y = ops.reshape(layers.MultiHeadAttention(2, 4)(y, y), (-1, T, 4, 8))
        x = x + (ops.roll(y, shift, axis=1) if shift else y)
    return ops.mean(x, axis=(1, 2))


def with_positions(x: Tensor) -> Tensor:
    x = x + layers.Embedding(T, x.shape[-1])(ops.arange(T))
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 6)(x, x))
    return layers.GlobalMaxPooling1D()(x)


ATTENTION: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax over frames by Permute": attention_pooling,
    "softmax over frames as an activation of one's own": own_activation,
    "softmax over frames, Dense(activation=...)": lambda x: ops.sum(
        x * layers.Dense(1, activation=softmax_over_time)(x), axis=1
    ),
    "attention over frames": lambda x: ops.mean(layers.MultiHeadAttention(2, 6)(x, x), axis=1),
    "transformer with position embeddings": with_positions,
    "transformer of custom layers": lambda x: layers.GlobalMaxPooling1D()(
        TransformerEncoder(12, 2)(PositionalEmbedding()(x))
    ),
    "transformer with a class token": lambda x: TransformerEncoder(12, 2)(ClassToken()(x))[:, 0],
    "keras.layers.Attention": lambda x: layers.GlobalAveragePooling1D()(layers.Attention()([x, x])),
    "causal attention, last step": lambda x: layers.MultiHeadAttention(2, 6)(x, x, use_causal_mask=True)[:, -1],
    "GRU beside attention": lambda x: layers.Concatenate()([layers.GRU(8)(x), attention_pooling(x)]),
}
MODELS |= {name: on_features(body) for name, body in ATTENTION.items()}
TOKENS: dict[str, Callable[[Tensor], Tensor]] = {
    "ViViT: tubelets and a transformer": vivit,
    "ViViT: attention in frames, then over them": factorised,
    "transformer for each frame, LSTM": folded_patches,
    "transformer with a class token for each frame, LSTM": tokens_of_frames,
    "TimeSformer": divided,
    "Video Swin": swin,
}
MODELS |= {name: on_clip(body) for name, body in TOKENS.items()}


# How models are put together, and what they give.


@model("one sigmoid")
def _() -> keras.Model:
    i = clip()
    return keras.Model(i, layers.Dense(1, activation="sigmoid")(layers.GRU(8)(features(i))))


@model("independent sigmoids")
def _() -> keras.Model:
    i = clip()
    return keras.Model(i, layers.Dense(4, activation="sigmoid")(layers.LSTM(8)(features(i))))


@model("regression")
def _() -> keras.Model:
    i = clip()
    return keras.Model(i, layers.Dense(1)(layers.LSTM(8)(features(i))))


@model("one number without an axis")
def _() -> keras.Model:
    i = clip()
    return keras.Model(i, ops.squeeze(layers.Dense(1)(layers.LSTM(8)(features(i))), axis=-1))


@model("an output for each frame")
def _() -> keras.Model:
    i = clip()
    return ending(i, layers.GRU(8, return_sequences=True)(features(i)))


@model("dictionary in and out")
def _() -> keras.Model:
    i = keras.Input((T, SIDE, SIDE, 3), name="clip")
    return keras.Model({"clip": i}, {"label": layers.Dense(CLASSES)(layers.GRU(8)(features(i)))})


@model("lists of one in and out")
def _() -> keras.Model:
    i = clip()
    return keras.Model([i], [layers.Dense(CLASSES)(layers.GRU(8)(features(i)))])


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.net = layers.TimeDistributed(cnn())
        self.recurrent, self.dense = layers.LSTM(8), layers.Dense(CLASSES, activation="softmax")

    def call(self, x: Tensor) -> Tensor:
        return self.dense(self.recurrent(self.net(x)))


@model("subclassed, built by a call")
def _() -> keras.Model:
    built = Subclassed()
    built(ops.zeros((1, T, SIDE, SIDE, 3)))
    return built


@model("Sequential")
def _() -> keras.Model:
    return keras.Sequential([clip(), layers.TimeDistributed(cnn()), layers.LSTM(8), layers.Dense(CLASSES)])


@model("nested and shared models")
def _() -> keras.Model:
    i, net = clip(), cnn()
    inner = keras.Input((T, SIDE, SIDE, 3))
    nested = keras.Model(inner, layers.TimeDistributed(net)(inner))
    return ending(i, layers.GRU(8)(nested(i) + nested(i * 0.5)))


@model("channels first, by Permute")
def _() -> keras.Model:
    i = keras.Input((T, SIDE, SIDE, 3))
    x = layers.Permute((1, 3, 4, 2))(layers.Permute((1, 4, 2, 3))(i))
    return ending(i, layers.GRU(8)(features(x)))


@model("uint8 in, Rescaling")
def _() -> keras.Model:
    i = keras.Input((T, SIDE, SIDE, 3), dtype="uint8")
    return ending(i, layers.GRU(8)(features(layers.Rescaling(1 / 127.5, -1)(i))))


@model("int8 weights")
def _() -> keras.Model:
    built = on_features(RECURRENT["CNN-GRU"])()
    built.quantize("int8")
    return built


@model("LoRA")
def _() -> keras.Model:
    built = on_features(RECURRENT["CNN-GRU"])()
    built.layers[-1].enable_lora(2)
    return built


class Blurred(layers.Layer):
    """Code that only works on tensors with values."""

    def call(self, x: Tensor) -> Tensor:
        if isinstance(x, keras.KerasTensor):
            raise TypeError("values are needed")
        return (x[:, 1:] + x[:, :-1]) / 2

    def compute_output_spec(self, x: Tensor) -> Tensor:
        return keras.KerasTensor((x.shape[0], x.shape[1] - 1, *x.shape[2:]), x.dtype)


@model("a layer whose code cannot be seen")
def _() -> keras.Model:
    i = clip()
    return ending(i, layers.LSTM(8)(Blurred()(features(i))))


@model("a single picture")
def _() -> keras.Model:
    i = keras.Input((SIDE, SIDE, 3))
    return ending(i, cnn()(i))


def in_precision(policy: str, build: Callable[[], keras.Model]) -> Callable[[], keras.Model]:
    def build_in() -> keras.Model:
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            return build()
        finally:
            keras.config.set_dtype_policy(before)

    return build_in


MODELS["CNN-GRU, mixed_bfloat16"] = in_precision("mixed_bfloat16", on_features(RECURRENT["CNN-GRU"]))
MODELS["CNN-BiLSTM, mixed_float16"] = in_precision("mixed_float16", on_features(RECURRENT["CNN-BiLSTM"]))
MODELS["C3D, mixed_bfloat16"] = in_precision("mixed_bfloat16", on_clip(CONVOLUTIONS["C3D"]))


# Backbones of keras.applications, per frame.

APPLICATIONS = {
    "MobileNet": 32, "MobileNetV2": 32, "MobileNetV3Small": 32, "EfficientNetB0": 32, "EfficientNetV2B0": 32,
    "ResNet50": 32, "ResNet50V2": 32, "DenseNet121": 32, "NASNetMobile": 32, "VGG16": 32, "ConvNeXtTiny": 32,
    "Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75,
}  # fmt: skip


def application(name: str, side: int) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        i = clip(4, side)
        options = {"alpha": 0.35} if name == "MobileNetV2" else {}
        backbone = getattr(keras.applications, name)(
            include_top=False, weights=None, input_shape=(side, side, 3), pooling="avg", **options
        )
        return ending(i, layers.GRU(8)(layers.TimeDistributed(backbone)(i)))

    return build


MODELS |= {f"TimeDistributed({name}), GRU": application(name, side) for name, side in APPLICATIONS.items()}
