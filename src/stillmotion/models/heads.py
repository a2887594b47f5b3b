"""What the heads on pretrained backbones share. A head sees each frame as one vector: the grid, flattened, and the top.

The grid of the middle stage shows where things are and how they move; the top shows what they are. Which of them tells
the labels apart differs from data set to data set, so every head sees both. With 50 to 300 clips and thousands of
features per frame, linear layers with much dropout and weight decay validated best.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import keras
import numpy as np
from keras import KerasTensor, layers, ops
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError
from stillmotion.models.backbones import clip_input, fold, unfold
from stillmotion.models.keras_graph import iter_layers

# Standardized features beyond this are cut off: what was constant in training may be anything later.
LIMIT = 8.0
_STANDARDIZATION = "standardization"


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


def clip_features(shape: FeatureShape) -> KerasTensor:
    """The input of every head: `(batch, frames, features)`."""
    return keras.Input((shape.frames, shape.features), name="features")


def check_frames(family: str, frames: int) -> None:
    """Check that a clip has two frames, of which a model takes the difference."""
    if frames < 2:
        raise StillmotionError(f"{family} takes the differences of neighboring frames, and a clip has one frame")


def standardized(features: KerasTensor) -> KerasTensor:
    """Features with the mean 0 and the variance 1 that they have in the train part; see `set_standardization`."""
    layer = layers.BatchNormalization(center=False, scale=False, epsilon=1e-6, trainable=False, name=_STANDARDIZATION)
    return ops.clip(layer(features), -LIMIT, LIMIT)


def set_standardization(head: keras.Model, shape: FeatureShape, clips: NDArray[np.float16]) -> None:
    """Set the mean and variance of the features: for the grid, of each channel over all cells.

    Args:
        head: see `stillmotion.models.build_head`.
        shape: of the clips.
        clips: those of the train part, `(clips, frames, features)`.
    """
    cells = prod(shape.grid)
    grid = clips[..., :cells].reshape(-1, shape.grid[-1])
    top = clips[..., cells:].reshape(-1, shape.top)
    places = cells // shape.grid[-1]
    layer = next(layer for layer in iter_layers(head) if layer.name == _STANDARDIZATION)
    for weight, measure in ((layer.moving_mean, np.mean), (layer.moving_variance, np.var)):
        of_grid, of_top = (measure(part, axis=0, dtype=np.float64) for part in (grid, top))
        weight.assign(np.concatenate([np.tile(of_grid, places), of_top]))


def shared_dropout(features: KerasTensor, rate: float) -> KerasTensor:
    """Drop the same features in a whole batch.

    Drawing a random number for each feature of each frame took longer than the rest of a training step.
    """
    shape = (1,) * (len(features.shape) - 1) + (features.shape[-1],)
    return layers.Dropout(rate, noise_shape=shape)(features)


def linear_input(features: KerasTensor, dropout: float) -> KerasTensor:
    """Standardized features for a linear layer: some are dropped, and their norm is about 1, however many there are."""
    return layers.Rescaling(features.shape[-1] ** -0.5)(shared_dropout(features, dropout))


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
