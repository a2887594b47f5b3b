"""frame_pool: the picture CNN on each frame alone, its logits pooled over the frames.

It cannot see motion, because the order of frames makes no difference to it.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from stillmotion.models.backbones import clip_input, fold, picture_vector, probabilities, scaled, unfold
from stillmotion.models.pooling import frame_outputs, pooled


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`. A model that will vote is trained on the mean of the frames' logits."""
    clip, pool = clip_input(frames, height, width), str(options["pool"])
    picture = picture_model(height, width, classes, pool, str(options["preset"]), steps)
    outputs = [unfold(output, frames) for output in picture(fold(clip))]
    return keras.Model(clip, probabilities(pooled(outputs, pool)), name="frame_pool")


def picture_model(height: int, width: int, classes: int, pool: str, preset: str, steps: int) -> keras.Model:
    """The part that sees one picture: uint8 `(batch, height, width, 3)` -> see `frame_outputs`."""
    still = keras.Input((height, width, 3), dtype="uint8", name="snapshot")
    features = picture_vector(scaled(still), preset, steps)
    return keras.Model(still, frame_outputs(features, classes, pool), name="picture")


def voting(model: keras.Model) -> keras.Model:
    """The same weights, with one vote per frame, and one more for the mean of the frames' probabilities to break ties.

    The outputs are shares of the votes and sum to 1.
    """
    frames = model.input.shape[1]
    clip = clip_input(*model.input.shape[1:4])
    logits, *_ = model.get_layer("picture")(fold(clip))
    per_frame = unfold(probabilities(logits), frames)
    votes = ops.one_hot(ops.argmax(per_frame, axis=-1), per_frame.shape[-1], dtype="float32")
    shares = (ops.sum(votes, axis=1) + ops.mean(per_frame, axis=1)) / (frames + 1)
    return keras.Model(clip, layers.Identity(dtype="float32", name="shares")(shares), name="frame_pool")


def snapshot(model: keras.Model) -> keras.Model:
    """The same weights for a single picture: uint8 `(batch, height, width, 3)` -> `(batch, classes)`."""
    picture = model.get_layer("picture")
    still = keras.Input(picture.input.shape[1:], dtype="uint8", name="snapshot")
    logits, *_ = picture(still)
    return keras.Model(still, probabilities(logits), name="snapshot")
