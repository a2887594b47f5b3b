"""What the heads on pretrained backbones share. A head sees each frame as one vector: the grid, flattened, and the top.

The grid of the middle stage shows where things are and how they move; the top shows what they are. Which of them tells
the labels apart differs from data set to data set, so every head sees both.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import keras
import numpy as np
from keras import KerasTensor, layers, ops
from numpy.typing import NDArray

from stillmotion.models.backbones import clip_input, fold, unfold
from stillmotion.models.keras_graph import iter_layers

# Standardized features beyond this are cut off: what was constant in training may be anything later.
LIMIT = 8.0
_EPSILON = 1e-4
# Channels that the grid is brought to, the same way in each of its cells.
CHANNELS = 16
# Features of a frame, from the grid and the top each.
WIDTH = 64
DROPOUT = 0.5


class FeatureShape(NamedTuple):
    """The features of a clip.

    Attributes:
        frames: frames of the clip.
        grid: rows, columns and channels of the grid.
        top: number of features of the top.
    """

    frames: int
    grid: tuple[int, int, int]
    top: int

    @property
    def features(self) -> int:
        """Number of features of a frame."""
        return prod(self.grid) + self.top


def head_input(shape: FeatureShape) -> KerasTensor:
    """The input of every head: `(batch, frames, features)`."""
    return keras.Input((shape.frames, shape.features), name="features")


def standardized(features: KerasTensor) -> KerasTensor:
    """Features with the mean 0 and the variance 1 that they have in the train part; see `set_standardization`."""
    layer = layers.BatchNormalization(
        center=False, scale=False, epsilon=_EPSILON, trainable=False, name="standardization"
    )
    return ops.clip(layer(features), -LIMIT, LIMIT)


def set_standardization(head: keras.Model, clips: NDArray[np.float16]) -> None:
    """Set mean and variance of the features.

    Args:
        head: see `stillmotion.models.build_head`.
        clips: those of the train part, `(clips, frames, features)`.
    """
    layer = next(layer for layer in iter_layers(head) if layer.name == "standardization")
    frames = clips.reshape(-1, clips.shape[-1])
    layer.moving_mean.assign(frames.mean(0, dtype=np.float64))
    layer.moving_variance.assign(frames.var(0, dtype=np.float64))


def feature_vector(features: KerasTensor, shape: FeatureShape) -> KerasTensor:
    """Both depths, each brought to a few features of its own.

    Args:
        features: standardized, `(batch, features)`.
        shape: which of them are the grid.

    Returns:
        `(batch, 2 * WIDTH)`.
    """
    cells = prod(shape.grid)
    grid = ops.reshape(features[:, :cells], (-1, *shape.grid))
    grid = layers.Flatten()(layers.Dense(CHANNELS, activation="relu")(grid))
    grid = layers.Dense(WIDTH, activation="relu")(layers.Dropout(DROPOUT)(grid))
    top = layers.Dense(WIDTH, activation="relu")(layers.Dropout(DROPOUT)(features[:, cells:]))
    return layers.Dropout(DROPOUT)(layers.Concatenate()([grid, top]))


def features_of(backbone: keras.Model, pictures: KerasTensor) -> KerasTensor:
    """Run pictures through a backbone: uint8 `(batch, height, width, 3)` -> `(batch, features)`."""
    grid, top = backbone(pictures)
    return layers.Concatenate(name="features")([layers.Flatten()(grid), top])


def join_backbone(family: str, backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Put a head onto its backbone; see `stillmotion.models.join_backbone`."""
    frames = head.input.shape[1]
    clip = clip_input(frames, *backbone.input.shape[1:3])
    features = unfold(features_of(backbone, fold(clip)), frames)
    return keras.Model(clip, head(features), name=family)
