"""What a model computes for one input: multiply-adds, counted from its graph.

Convolutions, dense and recurrent layers and attention are counted, as published figures are; normalisation,
activations, pooling and additions are not. Checked against MobileNetV2 (300 million at 224 x 224, Sandler et al. 2018)
and ResNet-50 (3.8 thousand million, He et al. 2016).
"""

from __future__ import annotations

from math import prod
from typing import Any

import keras


def count_multiply_adds(model: keras.Model) -> int:
    """Multiply-adds of a functional model for one sample of its inputs, whose sizes are known.

    Folding frames into the batch is seen: the graph is walked with one sample, so that a picture CNN counts once a
    frame.
    """
    total = 0

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal total
        out = layer(*arguments, **options)
        first = arguments[0][0] if isinstance(arguments[0], list | tuple) else arguments[0]
        if isinstance(layer, keras.Model):
            total += int(first.shape[0]) * count_multiply_adds(layer)
        elif hasattr(out, "shape") and hasattr(first, "shape"):
            total += _of_layer(layer, tuple(first.shape), tuple(out.shape))
        return out

    inputs: Any = [keras.Input(batch_shape=(1, *tensor.shape[1:]), dtype=tensor.dtype) for tensor in model.inputs]
    if not isinstance(model.input, list | tuple):
        inputs = inputs[0]
    keras.models.clone_model(model, input_tensors=inputs, clone_function=_as_it_is, call_function=call)
    return total


def _as_it_is(layer: Any) -> Any:
    """A layer of the same make, to be called anew; models and what has no configuration are taken as they are."""
    return layer if isinstance(layer, keras.Model) else layer.__class__.from_config(layer.get_config())


def _of_layer(layer: Any, taken: tuple[int, ...], given: tuple[int, ...]) -> int:
    """taken, given: shapes of input and output, with their batch."""
    layers = keras.layers
    if isinstance(layer, layers.Bidirectional):
        return _of_layer(layer.forward_layer, taken, given) + _of_layer(layer.backward_layer, taken, given)
    if isinstance(layer, layers.TimeDistributed):
        return taken[1] * _of_layer(layer.layer, (taken[0], *taken[2:]), (given[0], *given[2:]))
    if isinstance(layer, layers.LSTM | layers.GRU | layers.SimpleRNN):
        return taken[0] * taken[1] * _weights(layer)
    if isinstance(layer, layers.MultiHeadAttention):
        pairs: int = taken[1] * taken[1] * layer.num_heads * (layer.key_dim + (layer.value_dim or layer.key_dim))
        return taken[0] * (taken[1] * _weights(layer) + pairs)
    if isinstance(layer, layers.Conv1DTranspose | layers.Conv2DTranspose | layers.Conv3DTranspose):
        return prod(taken[:-1]) * _weights(layer)
    weighty = (layers.Dense, layers.EinsumDense, layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D,
               layers.DepthwiseConv2D, layers.SeparableConv1D, layers.SeparableConv2D)  # fmt: skip
    if isinstance(layer, weighty):
        first = getattr(layer, "data_format", "channels_last") == "channels_first"
        return prod((given[0], *given[2:]) if first else given[:-1]) * _weights(layer)
    return 0


def _weights(layer: Any) -> int:
    """Numbers in its kernels: all trained weights but biases."""
    return sum(prod(weight.shape) for weight in layer.trainable_weights if "bias" not in weight.name)
