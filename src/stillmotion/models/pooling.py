"""Predictions of single frames, pooled over the frames of a clip without their order."""

from __future__ import annotations

from keras import KerasTensor, layers, ops

# Units of the attention.
ATTENTION = 32


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
        Logits `(batch, classes)` and, for "attention", how much a frame counts, `(batch, 1)`: the gated attention of
        Ilse et al. 2018, Attention-based Deep Multiple Instance Learning.
    """
    logits = layers.Dense(classes, kernel_initializer=initializer, name="logits")(features)
    if pool != "attention":
        return [logits]
    content = layers.Dense(ATTENTION, activation="tanh")(features)
    gate = layers.Dense(ATTENTION, activation="sigmoid")(features)
    return [logits, layers.Dense(1, use_bias=False, name="attention")(layers.Multiply()([content, gate]))]


def pooled(outputs: list[KerasTensor], pool: str) -> KerasTensor:
    """Pool what `frame_outputs` gave over the frames of a clip.

    Args:
        outputs: each `(batch, time, ...)`.
        pool: "max" for each class's highest logit, "attention" for the mean weighted by it, else the mean.

    Returns:
        Logits `(batch, classes)`.
    """
    if pool == "attention":
        logits, scores = outputs
        return ops.sum(layers.Softmax(axis=1)(scores) * logits, axis=1)
    layer = layers.GlobalMaxPooling1D if pool == "max" else layers.GlobalAveragePooling1D
    return layer(name="pool")(outputs[0])
