"""frame_pool: the picture CNN on each frame alone, its logits pooled over the frames.

It cannot see motion, because the order of frames makes no difference to it.
"""

from __future__ import annotations

import keras
from keras import KerasTensor, layers, ops

from stillmotion.models.backbones import (
    classic_features,
    clip_input,
    fold,
    picture_features,
    probabilities,
    scaled,
    unfold,
)


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`. A model that will vote is trained on the mean of the frames' logits."""
    clip = clip_input(frames, height, width)
    picture = _picture_model(height, width, classes, str(options["preset"]), steps)
    logits = unfold(picture(fold(clip)), frames)
    pool = layers.GlobalMaxPooling1D if options["pool"] == "max" else layers.GlobalAveragePooling1D
    return keras.Model(clip, probabilities(pool(name="pool")(logits)), name="frame_pool")


def voting(model: keras.Model) -> keras.Model:
    """The same weights, with one vote per frame, and one more for the mean of the frames' probabilities to break ties.

    The outputs are shares of the votes and sum to 1.
    """
    frames = model.input.shape[1]
    clip = clip_input(*model.input.shape[1:4])
    per_frame = unfold(probabilities(_picture_of(model)(fold(clip))), frames)
    votes = ops.one_hot(ops.argmax(per_frame, axis=-1), per_frame.shape[-1], dtype="float32")
    shares = (ops.sum(votes, axis=1) + ops.mean(per_frame, axis=1)) / (frames + 1)
    return keras.Model(clip, layers.Identity(dtype="float32", name="shares")(shares), name="frame_pool")


def snapshot(model: keras.Model) -> keras.Model:
    """The same weights for a single picture: uint8 `(batch, height, width, 3)` -> `(batch, classes)`."""
    picture = _picture_of(model)
    still = keras.Input(picture.input.shape[1:], dtype="uint8", name="snapshot")
    return keras.Model(still, probabilities(picture(still)), name="snapshot")


def _picture_model(height: int, width: int, classes: int, preset: str, steps: int) -> keras.Model:
    still = keras.Input((height, width, 3), dtype="uint8", name="snapshot")
    pixels = scaled(still)
    features = classic_features(pixels) if preset == "classic" else _standard_features(pixels, steps)
    return keras.Model(still, layers.Dense(classes, name="logits")(features), name="picture")


def _standard_features(pixels: KerasTensor, steps: int) -> KerasTensor:
    return layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(picture_features(pixels, steps)))


def _picture_of(model: keras.Model) -> keras.Model:
    picture: keras.Model = model.get_layer("picture")
    return picture
