"""frame_pool: an image classifier on each frame alone, its logits pooled over the frames.

It cannot see motion, because the order of frames makes no difference to it.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from stillmotion.models.backbones import clip_input, fold, picture_vector, probabilities, scaled, unfold
from stillmotion.models.heads import FeatureShape, clip_features, features_of, linear_input, standardized
from stillmotion.models.pooling import frame_logits, frame_outputs, pooled

# Of the features of a pretrained backbone.
DROPOUT = 0.5


def build(
    *, frames: int, height: int, width: int, classes: int, options: dict[str, str | bool], steps: int
) -> keras.Model:
    """Build the model; see `build_model`. A model that will vote is trained on the mean of the frames' logits."""
    clip, pool = clip_input(frames, height, width), str(options["pool"])
    picture = picture_model(height, width, classes, pool, str(options["preset"]), steps)
    return keras.Model(clip, _pooled_over_frames(picture, clip, pool, classes), name="frame_pool")


def build_head(shape: FeatureShape, *, classes: int, options: dict[str, str | bool], steps: int) -> keras.Model:
    """Build the head; see `stillmotion.models.build_head`."""
    clip, pool = clip_features(shape), str(options["pool"])
    picture = picture_head(shape, classes, pool)
    return keras.Model(clip, _pooled_over_frames(picture, clip, pool, classes), name="head")


def picture_model(height: int, width: int, classes: int, pool: str, preset: str, steps: int) -> keras.Model:
    """The part that sees one picture: uint8 `(batch, height, width, 3)` -> see `frame_outputs`."""
    still = keras.Input((height, width, 3), dtype="uint8", name="snapshot")
    features = picture_vector(scaled(still), preset, steps)
    return keras.Model(still, frame_outputs(features, classes, pool), name="picture")


def picture_head(shape: FeatureShape, classes: int, pool: str) -> keras.Model:
    """The same for the features of one picture: `(batch, features)` -> see `frame_outputs`."""
    features = keras.Input((shape.features,), name="features")
    outputs = frame_outputs(linear_input(standardized(features), DROPOUT), classes, pool, "zeros")
    return keras.Model(features, outputs, name="picture")


def _pooled_over_frames(picture: keras.Model, clip: keras.KerasTensor, pool: str, classes: int) -> keras.KerasTensor:
    outputs = [unfold(output, clip.shape[1]) for output in picture(fold(clip))]
    return probabilities(pooled(outputs, pool, classes))


def voting(model: keras.Model) -> keras.Model:
    """The same weights, with one vote per frame, and one more for the mean of the frames' probabilities to break ties.

    The outputs are shares of the votes and sum to 1.

    Args:
        model: the whole model, or a head.
    """
    clip = keras.Input(model.input.shape[1:], dtype=model.input.dtype, name=model.input.name)
    frames = clip.shape[1]
    logits, *_ = model.get_layer("picture")(fold(clip))
    per_frame = unfold(probabilities(logits), frames)
    votes = ops.one_hot(ops.argmax(per_frame, axis=-1), per_frame.shape[-1], dtype="float32")
    shares = (ops.sum(votes, axis=1) + ops.mean(per_frame, axis=1)) / (frames + 1)
    return keras.Model(clip, layers.Identity(dtype="float32", name="shares")(shares), name=model.name)


def snapshot(model: keras.Model) -> keras.Model:
    """The same weights for a single picture: uint8 `(batch, height, width, 3)` -> `(batch, classes)`.

    Args:
        model: the whole model, or a head, whose pictures are features `(batch, features)`.
    """
    names = {layer.name for layer in model.layers}
    if "head" in names:
        backbone, model = model.get_layer("backbone"), model.get_layer("head")
        still = keras.Input(backbone.input.shape[1:], dtype="uint8", name="snapshot")
        outputs = model.get_layer("picture")(features_of(backbone, still))
    else:
        picture = model.get_layer("picture")
        still = keras.Input(picture.input.shape[1:], dtype=picture.input.dtype, name="snapshot")
        outputs = picture(still)
    return keras.Model(still, probabilities(frame_logits(model, outputs)), name="snapshot")
