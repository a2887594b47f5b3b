"""The one adapter: from what a camera gives to what a model takes, and from what it returns to probabilities.

What a card says of a model becomes a few layers around it: the order of channels or luma, the range, the order of axes,
and softmax or 1 - p beside p. So it is part of whatever is streamed or exported.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import UsageError
from stillmotion.models.cards import InputCard, ModelCard, find_axes, range_factors

# ITU-R BT.601, by which OpenCV and Pillow turn RGB into gray.
LUMA = (0.299, 0.587, 0.114)
_WHOLE = ("0..255", None)  # what a model of whole numbers may be given; None is still unknown


def adapt(model: keras.Model, card: ModelCard, *, levels: bool = True, clips: bool = True) -> keras.Model:
    """Compose a model from frames of a camera to probabilities.

    Args:
        model: the model.
        card: how it is fed and what it returns, with nothing missing.
        levels: whether it takes what a camera gives, uint8 RGB; otherwise float32 in the channel order and range that
            the model expects, of three channels in any case.
        clips: whether an image model takes clips of one frame.

    Returns:
        A model from `(batch, frames, height, width, 3)`, or `(batch, height, width, 3)` for an image model where
        `clips` is false, to float32 `(batch, labels)`. A regression returns its numbers.
    """
    layers = keras.layers
    if card.kind == "several inputs":
        return _adapt_several(model, card)
    is_image = card.kind == "image"
    shape = (*card.size, 3) if is_image and not clips else (card.frames.value or 1, *card.size, 3)
    inputs = keras.Input(shape, fixed_batch_size(model), dtype="uint8" if levels else "float32", name="clip")
    x: Any = inputs
    if is_image and clips:
        x = layers.Reshape((*card.size, 3))(x)
    x = _as_input(x, card, card.inputs[0], card.axes.value or "", levels=levels)
    outputs = only_tensor(model(as_model_input(model, x), training=False))
    return keras.Model(inputs, _probabilities(outputs, card), name=model.name)


def check_levels(card: ModelCard) -> None:
    """Check that a model of whole numbers is given levels, of which another range would leave only a few.

    Args:
        card: how the model is fed.

    Raises:
        UsageError: it is given another range.
    """
    for given in card.inputs:
        if given.role in ("frames", "difference") and "int" in given.dtype and card.input_range.value not in _WHOLE:
            raise UsageError(
                f"{card.model}: input range {card.input_range.value} was given, but the model takes {given.dtype}, so "
                "levels 0..255"
            )


def _adapt_several(model: keras.Model, card: ModelCard) -> keras.Model:
    """The same for a model of several inputs, which are all made of one clip."""
    frames = card.frames.value or 1
    inputs = keras.Input((frames, *card.size, 3), fixed_batch_size(model), dtype="uint8", name="clip")
    given: list[Any] = []
    for tensor in card.inputs:
        if tensor.role == "mask":
            # Every frame of a clip is one.
            given.append(keras.ops.cast(keras.ops.ones_like(inputs[:, :, 0, 0, 0]), tensor.dtype))
            continue
        axes = find_axes(tensor.shape) or ""
        x: Any = inputs
        own = tensor.shape[axes.index("t")] if "t" in axes else 1
        if "t" not in axes:
            x = x[:, -1]
        elif own and own != frames:
            # A pathway at another rate: the middle of each of its equal parts of the clip.
            places = [int((place + 0.5) * frames / own) for place in range(own)]
            x = keras.ops.take(x, places, axis=1)
        if tensor.role == "difference":
            # Of what the model would be given, in its range and channels; the first frame differs by nothing.
            x = _as_input(x, card, tensor, "thwc", levels=True)
            x = keras.ops.concatenate([keras.ops.zeros_like(x[:, :1]), x[:, 1:] - x[:, :-1]], axis=1)
            x = _permuted(x, axes)
        else:
            x = _as_input(x, card, tensor, axes, levels=True)
        given.append(x)
    struct = model.input
    if isinstance(struct, dict):
        names = [tensor.name for tensor in keras.tree.flatten(struct)]
        by_name = dict(zip([tensor.name for tensor in card.inputs], given, strict=True))
        given_as: Any = keras.tree.pack_sequence_as(struct, [by_name[name] for name in names])
    else:
        given_as = given
    outputs = only_tensor(model(given_as, training=False))
    return keras.Model(inputs, _probabilities(outputs, card), name=model.name)


def _as_input(x: Any, card: ModelCard, given: InputCard, axes: str, *, levels: bool) -> Any:
    """Pictures or clips of a camera as one input takes them."""
    as_they_are = given.dtype == "uint8" and levels and card.channels.value == "RGB"
    if not as_they_are:
        x = _feed(x, card, given.shape[axes.index("c")] or 1, levels=levels)
        if "int" in given.dtype:
            x = keras.ops.cast(keras.ops.round(x), given.dtype)  # OpenCV rounds luma, too.
    return _permuted(x, axes)


def _permuted(x: Any, axes: str) -> Any:
    """With the axes in the order that a model takes."""
    order = _permutation(axes)
    return x if order == tuple(sorted(order)) else keras.layers.Permute([axis + 1 for axis in order])(x)


def _feed(x: Any, card: ModelCard, channels: int, *, levels: bool) -> Any:
    """Channels and range of a picture or clip."""
    factor, offset = range_factors(card.input_range.value or "0..255")
    alike = len(set(factor)) == len(set(offset)) == 1
    if card.channels.value == "gray" or channels == 1:
        if not levels and not alike:  # Luma is of levels.
            x = _rescaled(x, 1 / factor, -offset / factor)
        luma = keras.layers.Dense(channels, use_bias=False, trainable=False, name="luma")
        x = luma(keras.ops.cast(x, "float32"))
        luma.set_weights([np.repeat(np.array(LUMA, np.float32)[:, None], channels, axis=1)])
        return _rescaled(x, factor[:channels], offset[:channels]) if levels or not alike else x
    if not levels:
        return _rescaled(x, np.ones(1), np.zeros(1))
    if card.channels.value == "BGR":
        x = keras.ops.take(x, [2, 1, 0], axis=-1)
    return _rescaled(x, factor, offset)


def _rescaled(x: Any, factor: NDArray[np.float64], offset: NDArray[np.float64]) -> Any:
    """Each channel times its factor and plus its offset."""
    if len(set(factor)) == len(set(offset)) == 1:
        return keras.layers.Rescaling(float(factor[0]), float(offset[0]))(x)
    return keras.layers.Rescaling([float(value) for value in factor], [float(value) for value in offset])(x)


def _permutation(axes: str) -> tuple[int, ...]:
    """For each axis of the model's input, the axis of a picture or clip in the usual order."""
    usual = "thwc" if "t" in axes else "hwc"
    return tuple(usual.index(axis) for axis in axes)


def _probabilities(outputs: Any, card: ModelCard) -> Any:
    """A model's outputs as probabilities `(batch, labels)`, or a regression's numbers."""
    layers = keras.layers
    if card.per_frame.value:
        outputs = outputs[:, -1]
    if len(outputs.shape) == 1:
        outputs = layers.Reshape((1,))(outputs)
    if card.outputs.value == "logits":
        return layers.Activation("softmax", dtype="float32")(outputs)
    if card.outputs.value == "one logit":
        outputs = layers.Activation("sigmoid", dtype="float32")(outputs)
    if card.outputs.value == "independent logits":
        return layers.Activation("sigmoid", dtype="float32")(outputs)
    if card.outputs.value in ("one logit", "one sigmoid"):
        return layers.Concatenate(dtype="float32")([layers.Rescaling(-1.0, 1.0, dtype="float32")(outputs), outputs])
    return layers.Activation("linear", dtype="float32")(outputs)


def feed_array(clips: NDArray[Any], card: ModelCard) -> NDArray[Any]:
    """What a model takes, without Keras: for files of other runtimes, and to try what its card should say.

    Args:
        clips: uint8 RGB `(n, time, height, width, 3)`; of one frame for an image model.
        card: how the model is fed.

    Returns:
        The model's input for each clip, in its dtype.
    """
    values = clips[:, 0] if card.kind == "image" else clips
    factor, offset = range_factors(card.input_range.value or "0..255")
    values = values.astype(np.float32)
    axes = card.axes.value or ""
    if card.channels.value == "gray":
        channels = card.inputs[0].shape[axes.index("c")] or 1
        values = np.repeat(values @ np.array(LUMA, np.float32)[:, None], channels, axis=-1)
        factor, offset = factor[:channels], offset[:channels]
    elif card.channels.value == "BGR":
        values = values[..., ::-1]
    values = values * factor.astype(np.float32) + offset.astype(np.float32)
    values = values.transpose(0, *(axis + 1 for axis in _permutation(axes)))
    values = np.rint(values) if "int" in card.inputs[0].dtype else values
    return np.ascontiguousarray(values, dtype=card.inputs[0].dtype)


def probability_array(outputs: NDArray[Any], card: ModelCard) -> NDArray[np.float32]:
    """What a model returned as probabilities, without Keras; see `adapt`.

    Args:
        outputs: what it returned for each clip.
        card: what its outputs are.

    Returns:
        float32 `(n, labels)`; a regression's numbers.
    """
    numbers = np.asarray(outputs, np.float64)
    if card.per_frame.value:
        numbers = numbers[:, -1]
    numbers = numbers.reshape(len(numbers), -1)
    if card.outputs.value == "logits":
        numbers = np.exp(numbers - numbers.max(1, keepdims=True))
        numbers /= numbers.sum(1, keepdims=True)
    if card.outputs.value in ("one logit", "independent logits"):
        numbers = 1 / (1 + np.exp(-np.clip(numbers, -700, 700)))
    if card.outputs.value in ("one logit", "one sigmoid"):
        numbers = np.concatenate([1 - numbers, numbers], axis=1)
    return numbers.astype(np.float32)


def only_tensor(value: Any) -> Any:
    """The one tensor in a model's input or output, which may be a dict or list of it.

    Args:
        value: a tensor, or a dict or list that holds one.

    Returns:
        The tensor.
    """
    while isinstance(value, dict | list | tuple):
        (value,) = value.values() if isinstance(value, dict) else value
    return value


def as_model_input(model: keras.Model, x: Any) -> Any:
    """A tensor in the structure that a model of one input takes.

    Args:
        model: the model.
        x: the tensor.

    Returns:
        The tensor, or a dict or list that holds it.
    """
    struct = getattr(model, "input", None)  # A Sequential model has none, and takes a tensor.
    if isinstance(struct, dict):
        return {next(iter(struct)): x}
    return [x] if isinstance(struct, list) else x


def fixed_batch_size(model: keras.Model) -> int | None:
    """The only size of a batch that a model takes.

    Args:
        model: a model whose inputs are known.

    Returns:
        The size; None for any.
    """
    size: int | None = model.inputs[0].shape[0]
    return size
