"""Predictions of single frames, pooled over the frames of a clip without their order."""

from __future__ import annotations

import keras
from keras import KerasTensor, layers, ops

# Units of the attention, and of the two layers around the maximum of pool="set".
ATTENTION = 32
SET = 64


def frame_outputs(
    features: KerasTensor, classes: int, pool: str, initializer: str = "glorot_uniform"
) -> list[KerasTensor]:
    """What `pooled` needs of each frame.

    With a linear classifier, the logits of the mean of features are the mean of the frames' logits. So attention pools
    logits, and a frame on its own has logits, too.

    Args:
        features: of single frames, `(batch, features)`.
        classes: number of classes.
        pool: as for `pooled`.
        initializer: of the classifier's weights.

    Returns:
        Logits `(batch, classes)`. For "mean+max" also those whose maximum is taken. For "attention" also how much a
        frame counts, `(batch, 1)`: the gated attention of Ilse et al. 2018, Attention-based Deep Multiple Instance
        Learning. For "set", no logits but features `(batch, 64)`: what they mean is known once those of all frames are
        put together.
    """
    if pool == "set":
        return [layers.Dense(SET, activation="relu")(features)]
    logits = layers.Dense(classes, kernel_initializer=initializer, name="logits")(features)
    if pool == "mean+max":
        return [logits, layers.Dense(classes, kernel_initializer=initializer, name="max_logits")(features)]
    if pool != "attention":
        return [logits]
    content = layers.Dense(ATTENTION, activation="tanh")(features)
    gate = layers.Dense(ATTENTION, activation="sigmoid")(features)
    return [logits, layers.Dense(1, use_bias=False, name="attention")(layers.Multiply()([content, gate]))]


def pooled(outputs: list[KerasTensor], pool: str, classes: int) -> KerasTensor:
    """Pool what `frame_outputs` gave over the frames of a clip.

    Args:
        outputs: each `(batch, time, ...)`.
        pool: "max" for each class's highest logit, "mean+max" for the sum of a mean and a maximum of two classifiers,
            "attention" for the mean weighted by it, "set" for a classifier of the maximum of the frames' features,
            which can ask for two things in different frames (Deep Sets, Zaheer et al. 2017), else the mean.
        classes: number of classes.

    Returns:
        Logits `(batch, classes)`.
    """
    if pool == "attention":
        logits, scores = outputs
        return ops.sum(layers.Softmax(axis=1)(scores) * logits, axis=1)
    if pool == "set":
        return _classified(layers.GlobalMaxPooling1D(name="pool")(outputs[0]), classes)
    if pool == "mean+max":
        averaged, highest = outputs
        pools = [layers.GlobalAveragePooling1D()(averaged), layers.GlobalMaxPooling1D()(highest)]
        return layers.Add(name="mean_and_max")(pools)
    layer = layers.GlobalMaxPooling1D if pool == "max" else layers.GlobalAveragePooling1D
    return layer(name="pool")(outputs[0])


def _classified(features: KerasTensor, classes: int) -> KerasTensor:
    return layers.Dense(classes, name="set_logits")(layers.Dense(SET, activation="relu", name="set_hidden")(features))


def frame_logits(model: keras.Model, outputs: list[KerasTensor]) -> KerasTensor:
    """The logits of a single frame, as if it were the whole clip.

    Args:
        model: the model, or head, that pools.
        outputs: what `frame_outputs` gave for the frame.

    Returns:
        Logits `(batch, classes)`.
    """
    names = {layer.name for layer in model.layers}
    if "mean_and_max" in names:
        return layers.Add()(outputs)
    if "set_hidden" not in names:
        return outputs[0]
    return model.get_layer("set_logits")(model.get_layer("set_hidden")(outputs[0]))
