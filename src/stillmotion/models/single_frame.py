"""single_frame: the picture CNN on one frame, the middle one of the clip.

It is trained on clips of one frame, each drawn from anywhere in its window.
"""

from __future__ import annotations

import keras

from stillmotion.models.backbones import clip_input, probabilities
from stillmotion.models.frame_pool import picture_model


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`."""
    clip = clip_input(frames, height, width)
    picture = picture_model(height, width, classes, "mean", str(options["preset"]), steps)
    (logits,) = picture(clip[:, frames // 2])
    return keras.Model(clip, probabilities(logits), name="single_frame")
