"""frame_sequence: the features of each frame, and how much they change, read in order by a small network over time."""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor, layers, ops
from numpy.typing import NDArray

from stillmotion.models.backbones import (
    clip_input,
    fold,
    normalized,
    picture_features,
    probabilities,
    scaled,
    unfold,
)
from stillmotion.models.heads import FeatureShape, check_frames, clip_features, linear_input, standardized

# Features of a frame.
WIDTH = 64
# Of the features of a pretrained backbone and their changes, and of the clip's features.
DROPOUT = (0.8, 0.5)


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`."""
    clip = clip_input(frames, height, width)
    x = layers.Dropout(0.3)(layers.Flatten()(picture_features(fold(scaled(clip)), steps)))
    x = normalized(layers.Dense(WIDTH, use_bias=False)(x), steps)
    return keras.Model(clip, _in_order(unfold(x, frames), classes, str(options["head"])), name="frame_sequence")


def build_head(shape: FeatureShape, *, classes: int, options: dict[str, str | bool], steps: int) -> keras.Model:
    """Build the head; see `stillmotion.models.build_head`.

    It sees each frame but the first, and how much each feature has changed since the frame before. Over time, the small
    network would find in which direction features change, but hardly how much: all that it gets is linear in them.
    """
    check_frames("frame_sequence", shape.frames)
    clip = clip_features(shape)
    features = standardized(clip)
    newest = features[:, 1:]
    amount = ops.absolute(newest - features[:, :-1]) - 1
    x = layers.Add()([layers.Dense(WIDTH)(linear_input(part, DROPOUT[0])) for part in (newest, amount)])
    return keras.Model(clip, _in_order(x, classes, str(options["head"])), name="head")


def _in_order(x: KerasTensor, classes: int, head: str) -> KerasTensor:
    """Probabilities `(batch, classes)` from the features of frames in order, `(batch, time, WIDTH)`."""
    over_time = {"gru": _gru, "convolution": _convolution, "transformer": _transformer}[head]
    logits = layers.Dense(classes, name="logits")(layers.Dropout(DROPOUT[1])(over_time(x)))
    return probabilities(logits)


def _gru(x: KerasTensor) -> KerasTensor:
    return layers.GRU(WIDTH)(layers.ReLU()(x))


def _convolution(x: KerasTensor) -> KerasTensor:
    """Three frames at a time; what they show is kept for each place in the clip."""
    x = layers.ReLU()(x)
    y = layers.Conv1D(WIDTH, 3, padding="same", activation="relu")(x)
    return layers.Flatten()(layers.Add()([x, y]))


def _transformer(x: KerasTensor) -> KerasTensor:
    """One block with the normalization first (Xiong et al. 2020), on frames with positions (Vaswani et al. 2017)."""
    x = layers.Dense(WIDTH)(x + _positions(x.shape[1]))
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(4, WIDTH // 4)(y, y)])
    y = layers.Dense(2 * WIDTH, activation="gelu")(layers.LayerNormalization()(x))
    x = layers.Add()([x, layers.Dense(WIDTH)(y)])
    return layers.Flatten()(layers.LayerNormalization()(x))


def _positions(frames: int) -> NDArray[np.float32]:
    """Sines and cosines of each place in the clip, `(1, frames, WIDTH)`."""
    angles = np.arange(frames)[:, None] / 10_000 ** np.linspace(0, 1, WIDTH // 2, endpoint=False)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1, dtype=np.float32)[None]
