"""Faster batch normalization in training on TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras

from stillmotion.models.keras_graph import iter_layers


@contextmanager
def fused_normalization(model: keras.Model) -> Iterator[None]:
    """Let a model's `BatchNormalization` layers use TensorFlow's one operation for it, inside of this context.

    Keras writes batch normalization as several operations, each of which reads and writes the whole tensor; of the
    residual picture CNN they took 40 % of a training step. The layers compute the same as before. They are Keras's own
    again after the context, so saved models know nothing of this. On other backends nothing happens.

    Args:
        model: the model that is trained; of its layers, those that normalize pictures over their channels.
    """
    layers = [layer for layer in iter_layers(model) if _can_be_fused(layer)]
    for layer in layers:
        layer.call = partial(_call, layer)
    try:
        yield
    finally:
        for layer in layers:
            # A layer that is listed twice has been restored already.
            vars(layer).pop("call", None)


def _can_be_fused(layer: keras.layers.Layer) -> bool:
    return (
        keras.backend.backend() == "tensorflow"
        and type(layer) is keras.layers.BatchNormalization
        and layer.trainable
        and layer.scale
        and layer.center
        and not layer.renorm
        and layer.axis in (-1, 3)
        and layer.input_spec is not None
        and layer.input_spec.ndim == 4
    )


def _call(layer: keras.layers.BatchNormalization, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
    """`BatchNormalization.call`, with `tf.compat.v1.nn.fused_batch_norm` for the batch's own statistics."""
    if not training or mask is not None:
        return type(layer).call(layer, inputs, training=training, mask=mask)
    import tensorflow as tf

    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        keras.ops.cast(inputs, "float32"),
        keras.ops.convert_to_tensor(layer.gamma),
        keras.ops.convert_to_tensor(layer.beta),
        epsilon=layer.epsilon,
        is_training=True,
    )
    # TensorFlow gives the unbiased variance, while Keras averages the biased one.
    count = keras.ops.cast(keras.ops.size(inputs) / inputs.shape[-1], "float32")
    variance *= (count - 1) / count
    for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(moving * layer.momentum + value * (1 - layer.momentum))
    return keras.ops.cast(outputs, layer.compute_dtype)
