"""From the feature maps of a network to the two depths that heads are trained on."""

from __future__ import annotations

import keras
from keras import KerasTensor, layers

# Rows and columns of the grid: fine enough to tell where something moves, and small enough to keep on disk.
GRID = 7
# The middle stage has a stride of 16 pixels; where convolutions are not padded, cells are somewhat larger.
_MAX_CELL = 18


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
    pooled = layers.GlobalAveragePooling2D(name="top")(top) if len(top.shape) == 4 else top
    model = keras.Model(picture, [grid, pooled], name="backbone")
    model.trainable = False
    return model


def _coarse(x: KerasTensor) -> KerasTensor:
    """Average to `GRID` rows and columns, by windows that overlap where a side is no multiple of it."""
    strides = tuple(max(1, side // GRID) for side in x.shape[1:3])
    windows = tuple(max(1, side - (GRID - 1) * step) for side, step in zip(x.shape[1:3], strides, strict=True))
    return layers.AveragePooling2D(windows, strides=strides, name="grid")(x)


def find_middle(network: keras.Model) -> KerasTensor:
    """Find the feature map of a middle stage: where branches meet last before the picture gets coarser than 1/16.

    In a network without branches, it is the last feature map of that size, apart from padding.

    Args:
        network: a functional model whose input is a picture of known size.

    Returns:
        `(batch, rows, columns, channels)`.

    Raises:
        ValueError: the network has no feature maps that fine.
    """
    sides = network.inputs[0].shape[1:3]
    maps = [
        (layer, layer.output)
        for layer in network.layers
        if isinstance(getattr(layer, "output", None), KerasTensor)  # A layer that is called twice has no output.
        and len(layer.output.shape) == 4
        and not isinstance(layer, layers.ZeroPadding2D | layers.InputLayer)
    ]
    fine = [
        (layer, output)
        for layer, output in maps
        if all(size * _MAX_CELL >= side for size, side in zip(output.shape[1:3], sides, strict=True))
    ]
    if not fine:
        raise ValueError("no feature maps")
    meetings = [output for layer, output in fine if isinstance(layer, layers.Add | layers.Concatenate)]
    return (meetings or [output for _, output in fine])[-1]
