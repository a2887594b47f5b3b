"""frame_changes: the picture CNN on each frame together with its difference from the one before, pooled over frames.

It sees what changes from frame to frame. In which order the changes come makes no difference to it.
"""

from __future__ import annotations

import keras

from stillmotion.models.backbones import clip_input, fold, motion_input, picture_vector, probabilities, unfold
from stillmotion.models.pooling import frame_outputs, pooled


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`."""
    clip, pool = clip_input(frames, height, width), str(options["pool"])
    changes = motion_input(clip, "both")
    outputs = frame_outputs(picture_vector(fold(changes), "standard", steps), classes, pool)
    logits = pooled([unfold(output, changes.shape[1]) for output in outputs], pool)
    return keras.Model(clip, probabilities(logits), name="frame_changes")
