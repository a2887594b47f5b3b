"""conv3d: convolutions over space and time, as wide as the picture CNN, with max pooling between them.

- Factored, a 3 x 3 x 3 convolution becomes one over space and one over time: (2+1)D, Tran et al. 2018. Both are
  written as 2D convolutions of reshaped tensors, which is exact, and on CPUs many times faster than `Conv3D`.
- Max pooling, and not strides, because what moves is small and must not be skipped.
- Normalization comes after pooling, where there is less to normalize: before it, normalization alone took half of the
  time of a training step.
- Causal, a convolution over time sees a slice and the one before it, slices are pooled in pairs that end with the last
  one, and the prediction depends on the last slice alone. From 16 frames on, that slice has seen the window and no
  padding.
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
    normalized,
    probabilities,
    unfold,
)

# Coarser than for single pictures: the direction of a movement is in its slices, not in one place.
GRID = 2


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`."""
    clip = clip_input(frames, height, width)
    x = motion_input(clip, str(options["input"]))
    if options["preset"] == "classic":
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
    """A 3D convolution. Height and width are halved, time is divided by `halve`."""
    if causal:
        x = layers.ZeroPadding3D(((1, 0), (1, 1), (1, 1)))(x)
        y = layers.Conv3D(channels, (2, 3, 3), use_bias=False)(x)
        y = _paired(y, halve)
    else:
        y = layers.Conv3D(channels, 3, padding="same", use_bias=False)(x)
    return layers.ReLU()(normalized(layers.MaxPooling3D((halve, 2, 2), padding="same")(y), steps))


def _paired(y: KerasTensor, halve: int) -> KerasTensor:
    """Drop the first slice if it would have no partner in pooling."""
    unpaired = y.shape[1] % halve
    return y[:, unpaired:] if unpaired else y


def _factored(x: KerasTensor, channels: int, halve: int, causal: bool, steps: int) -> KerasTensor:
    """Like `_full`, but a convolution over space and then one over time."""
    frames = x.shape[1]
    y = layers.Conv2D(channels, 3, padding="same", use_bias=False)(fold(x))
    y = layers.ReLU()(normalized(layers.MaxPooling2D(2, padding="same")(y), steps))
    height, width = y.shape[1:3]
    y = ops.reshape(y, (-1, frames, height * width, channels))
    if causal:
        y = layers.Conv2D(channels, (2, 1), use_bias=False)(layers.ZeroPadding2D(((1, 0), (0, 0)))(y))
        y = _paired(y, halve)
    else:
        y = layers.Conv2D(channels, (3, 1), padding="same", use_bias=False)(y)
    if halve > 1:
        y = layers.MaxPooling2D((halve, 1), padding="same")(y)
    y = layers.ReLU()(normalized(y, steps))
    return ops.reshape(y, (-1, y.shape[1], height, width, channels))
