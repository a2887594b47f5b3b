"""From the feature maps of a network to the two depths that heads are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import KerasTensor, layers

# Rows and columns of the grid: fine enough to tell where something moves, and small enough to keep on disk.
GRID = 7
# The middle stage has a stride of 16 pixels; where convolutions are not padded, cells are somewhat larger.
_MAX_CELL = 18
# What computes no features of its own.
_NO_STAGES = (layers.ZeroPadding2D, layers.Rescaling, layers.Normalization)


def two_depths(picture: KerasTensor, middle: KerasTensor, top: KerasTensor) -> keras.Model:
    """Pool the middle stage to a coarse grid, and the top to a vector.

    Args:
        picture: the input.
        middle: `(batch, rows, columns, channels)`.
        top: `(batch, rows, columns, channels)`, or `(batch, features)` if it is pooled already.

    Returns:
        A model with the two of them as outputs, with frozen weights.
    """
    grid = _coarse(middle)
    pooled = layers.GlobalAveragePooling2D(name="backbone_top")(top) if len(top.shape) == 4 else top
    model = keras.Model(picture, [grid, pooled], name="backbone")
    model.trainable = False
    return model


def _coarse(x: KerasTensor) -> KerasTensor:
    """Average to `GRID` rows and columns, by windows that overlap where a side is no multiple of it."""
    strides = tuple(max(1, side // GRID) for side in x.shape[1:3])
    windows = tuple(max(1, side - (GRID - 1) * step) for side, step in zip(x.shape[1:3], strides, strict=True))
    return layers.AveragePooling2D(windows, strides=strides, name="backbone_grid")(x)


class LayerCall(NamedTuple):
    """A layer with its output."""

    layer: keras.Layer
    output: KerasTensor


def call_flat(network: keras.Model, picture: KerasTensor) -> list[LayerCall]:
    """Call a functional model so that its layers become layers of the model around it, and not of a model within it.

    Args:
        network: with one input and one output.
        picture: what to call it on.

    Returns:
        The calls of its layers in order. The last one gives its output.
    """
    calls: list[LayerCall] = []

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        calls.append(LayerCall(layer, layer(*args, **kwargs)))
        return calls[-1].output

    plain = keras.Model(network.inputs[0], network.output)
    keras.models.clone_model(plain, input_tensors=picture, clone_function=lambda layer: layer, call_function=call)
    return calls


def find_middle(calls: Sequence[LayerCall], height: int, width: int) -> KerasTensor:
    """Find the feature map of a middle stage: where branches meet last before the picture gets coarser than 1/16.

    In a network without branches, it is the last feature map of that size.

    Args:
        calls: see `call_flat`.
        height: of the picture, in pixels.
        width: likewise.

    Returns:
        `(batch, rows, columns, channels)`.

    Raises:
        ValueError: the network has no feature maps that fine.
    """
    fine = [
        call
        for call in calls
        if isinstance(call.output, KerasTensor)
        and len(call.output.shape) == 4
        and not isinstance(call.layer, _NO_STAGES)
        and all(cells * _MAX_CELL >= side for cells, side in zip(call.output.shape[1:3], (height, width), strict=True))
    ]
    if not fine:
        raise ValueError("no feature maps")
    meetings = [call for call in fine if isinstance(call.layer, layers.Add | layers.Concatenate)]
    return (meetings or fine)[-1].output
