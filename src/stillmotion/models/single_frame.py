"""single_frame: an image classifier on one frame, the middle one of the clip.

It is trained on clips of one frame, from anywhere in their windows or from the middle: see `moment` in `FAMILIES`.
"""

from __future__ import annotations

import keras

from stillmotion.models.backbones import clip_input, probabilities
from stillmotion.models.frame_pool import picture_head, picture_model
from stillmotion.models.heads import FeatureShape, clip_features


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`."""
    clip = clip_input(frames, height, width)
    picture = picture_model(height, width, classes, "mean", str(options["preset"]), steps)
    return keras.Model(clip, _of_middle_frame(picture, clip), name="single_frame")


def build_head(shape: FeatureShape, *, classes: int, options: dict[str, str | bool], steps: int) -> keras.Model:
    """Build the head; see `stillmotion.models.build_head`."""
    clip = clip_features(shape)
    return keras.Model(clip, _of_middle_frame(picture_head(shape, classes, "mean"), clip), name="head")


def _of_middle_frame(picture: keras.Model, clip: keras.KerasTensor) -> keras.KerasTensor:
    (logits,) = picture(clip[:, clip.shape[1] // 2])
    return probabilities(logits)
