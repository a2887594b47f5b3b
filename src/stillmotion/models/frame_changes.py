"""frame_changes: the differences of neighboring frames, each alone, pooled over the clip.

It sees what changes from frame to frame. In which order the changes come makes no difference to it.
"""

from __future__ import annotations

from math import prod

import keras
from keras import layers, ops

from stillmotion.models.backbones import clip_input, fold, motion_input, picture_vector, probabilities, unfold
from stillmotion.models.heads import FeatureShape, check_frames, clip_features, shared_dropout, standardized
from stillmotion.models.pooling import frame_outputs, pooled

# Of the head: features of a change, from the grid and the top each, and dropout of its input and its features.
WIDTH = 64
DROPOUT = (0.8, 0.3)


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`."""
    check_frames("frame_changes", frames)
    clip, pool = clip_input(frames, height, width), str(options["pool"])
    changes = motion_input(clip, "difference")
    outputs = frame_outputs(picture_vector(fold(changes), "standard", steps), classes, pool)
    logits = pooled([unfold(output, frames - 1) for output in outputs], pool, classes)
    return keras.Model(clip, probabilities(logits), name="frame_changes")


def build_head(shape: FeatureShape, *, classes: int, options: dict[str, str | bool], steps: int) -> keras.Model:
    """Build the head; see `stillmotion.models.build_head`.

    It sees how features change, which tells a direction, and how much they change, which does not average to nothing.
    """
    check_frames("frame_changes", shape.frames)
    clip, pool = clip_features(shape), str(options["pool"])
    features = standardized(clip)
    change = fold(features[:, 1:] - features[:, :-1])
    amount = ops.absolute(change) - 1
    cells = prod(shape.grid)
    parts = [
        layers.Concatenate()([change[:, :cells], amount[:, :cells]]),
        layers.Concatenate()([change[:, cells:], amount[:, cells:]]),
    ]
    parts = [layers.Dense(WIDTH, activation="relu")(shared_dropout(part, DROPOUT[0])) for part in parts]
    x = layers.Dropout(DROPOUT[1])(layers.Concatenate()(parts))
    logits = pooled([unfold(output, shape.frames - 1) for output in frame_outputs(x, classes, pool)], pool, classes)
    return keras.Model(clip, probabilities(logits), name="head")
