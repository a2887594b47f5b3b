"""conv3d: convolutions over space and time, of the picture CNN's widths, with max pooling between them.

Factored, a 3 x 3 x 3 convolution becomes one over space and one over time: (2+1)D, Tran et al. 2018. Both are
written as 2D convolutions of reshaped tensors, which is exact, and on CPUs many times faster than Conv3D.
The largest response is pooled, not every second one taken: what moves is small, and is not to be missed. It is
normalised after the pooling, of what is left: before it, normalisation alone took half of the time of a training step.

Causal, a convolution over time sees a slice and the one before it, slices are pooled in pairs that end with the last,
and the answer rests on the last alone. From 16 frames on, what that has seen is the window and no more: padding is
never felt, and an unlimited past changes nothing.
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
    unfold,
)

GRID = 2  # coarser than of single pictures: where a movement goes is in the slices, not in one place


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    clip = clip_input(frames, height, width)
    x = motion_input(clip, str(options["input"]))
    if options["size"] == "classic":
        x = classic_features(x)
    else:
        x = _features(x, bool(options["factored"]), bool(options["causal"]), steps)
        x = layers.Dropout(0.5)(layers.Flatten()(x[:, -1] if options["causal"] else x))
    logits = layers.Dense(classes, name="logits")(x)
    return keras.Model(clip, probabilities(logits), name="conv3d")


def _features(x: KerasTensor, factored: bool, causal: bool, steps: int) -> KerasTensor:
    """`(batch, time, height, width, channels)` -> `(batch, time, rows, columns, 96)`, at most 4 x 2 x 2."""
    block = _factored if factored else _full
    for channels in WIDTHS:
        x = block(x, channels, 2 if x.shape[1] > 4 else 1, causal, steps)
    return unfold(coarse(fold(x), GRID), x.shape[1])


def _full(x: KerasTensor, channels: int, halve: int, causal: bool, steps: int) -> KerasTensor:
    """Height and width are halved, time divided by `halve`."""
    if causal:
        x = layers.ZeroPadding3D(((1, 0), (1, 1), (1, 1)))(x)
        y = layers.Conv3D(channels, (2, 3, 3), use_bias=False)(x)
        y = _paired(y, halve)
    else:
        y = layers.Conv3D(channels, 3, padding="same", use_bias=False)(x)
    return layers.ReLU()(normalised(layers.MaxPooling3D((halve, 2, 2), padding="same")(y), steps))


def _paired(y: KerasTensor, halve: int) -> KerasTensor:
    """Without the first slice, where it would have no partner."""
    odd = y.shape[1] % halve
    return y[:, odd:] if odd else y


def _factored(x: KerasTensor, channels: int, halve: int, causal: bool, steps: int) -> KerasTensor:
    """As `_full`: a convolution over space, then one over time."""
    frames = x.shape[1]
    y = layers.Conv2D(channels, 3, padding="same", use_bias=False)(fold(x))
    y = layers.ReLU()(normalised(layers.MaxPooling2D(2, padding="same")(y), steps))
    height, width = y.shape[1:3]
    y = ops.reshape(y, (-1, frames, height * width, channels))
    if causal:
        y = layers.Conv2D(channels, (2, 1), use_bias=False)(layers.ZeroPadding2D(((1, 0), (0, 0)))(y))
        y = _paired(y, halve)
    else:
        y = layers.Conv2D(channels, (3, 1), padding="same", use_bias=False)(y)
    if halve > 1:
        y = layers.MaxPooling2D((halve, 1), padding="same")(y)
    y = layers.ReLU()(normalised(y, steps))
    return ops.reshape(y, (-1, y.shape[1], height, width, channels))
