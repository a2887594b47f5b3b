"""conv3d: the residual blocks of the picture CNN, inflated to space and time.

Factored, a 3 x 3 x 3 convolution becomes one over space and one over time: (2+1)D, Tran et al. 2018. Both are
written as 2D convolutions of reshaped tensors, which is exact, and on CPUs many times faster than Conv3D.
"""

from __future__ import annotations

import keras
from keras import KerasTensor, layers, ops

from stillmotion.models.backbones import (
    WIDTHS,
    classic_features,
    clip_input,
    coarse,
    fold,
    motion_input,
    normalised,
    probabilities,
    shortened,
    unfold,
)


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    clip = clip_input(frames, height, width)
    x = motion_input(clip, str(options["input"]))
    if options["size"] == "classic":
        x = classic_features(x)
    else:
        x = layers.Dropout(0.5)(layers.Flatten()(_features(x, bool(options["factored"]), steps)))
    logits = layers.Dense(classes, name="logits")(x)
    return keras.Model(clip, probabilities(logits), name="conv3d")


def _features(x: KerasTensor, factored: bool, steps: int) -> KerasTensor:
    """`(batch, time, height, width, channels)` -> `(batch, time, rows, columns, 96)`, at most 4 x 4 x 4."""
    convolution = _factored if factored else _full
    for channels in WIDTHS:
        halve = 2 if x.shape[1] > 4 else 1
        shortcut = shortened(layers.AveragePooling3D((halve, 2, 2), padding="same")(x), channels, steps)
        y = convolution(x, channels, (halve, 2), steps)
        y = convolution(layers.ReLU()(normalised(y, steps)), channels, (1, 1), steps)
        x = layers.ReLU()(layers.Add()([shortcut, normalised(y, steps)]))
    return unfold(coarse(fold(x)), x.shape[1])


def _full(x: KerasTensor, channels: int, strides: tuple[int, int], steps: int) -> KerasTensor:
    time, space = strides
    return layers.Conv3D(channels, 3, strides=(time, space, space), padding="same", use_bias=False)(x)


def _factored(x: KerasTensor, channels: int, strides: tuple[int, int], steps: int) -> KerasTensor:
    time, space = strides
    frames = x.shape[1]
    y = layers.Conv2D(channels, 3, strides=space, padding="same", use_bias=False)(fold(x))
    y = layers.ReLU()(normalised(y, steps))
    height, width = y.shape[1:3]
    y = ops.reshape(y, (-1, frames, height * width, channels))
    y = layers.Conv2D(channels, (3, 1), strides=(time, 1), padding="same", use_bias=False)(y)
    return ops.reshape(y, (-1, y.shape[1], height, width, channels))
