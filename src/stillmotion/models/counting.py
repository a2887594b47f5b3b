"""Count the multiply-adds that a model computes for one input, from its graph.

Convolutions, dense and recurrent layers and attention are counted, as in published figures. Normalization, activations,
pooling and additions are not. Tests check MobileNetV2 (0.30 billion at 224 x 224; Sandler et al. 2018, table 4) and
ResNet-50 (3.86 billion; He et al. 2016, table 1, print 3.8).
"""

from __future__ import annotations

from math import prod
from typing import Any

import keras

from stillmotion.models.keras_graph import Graph, Node, WholeModel, read_graph

_KERNEL_LAYERS = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)


def count_multiply_adds(model: keras.Model) -> int:
    """Count the multiply-adds of a model for one sample.

    Args:
        model: a model with one input of known size and one output.

    Returns:
        Multiply-adds per sample.

    Raises:
        UsageError: see `read_graph`.
    """
    return sum(count for _, count in count_by_call(read_graph(model)))


def count_by_call(graph: Graph) -> list[tuple[Node, int]]:
    """Count the multiply-adds of each call in a graph, for one sample.

    Shapes are computed again for a batch of one. So frames that are folded into the batch show up as a larger batch,
    and a layer that runs on each frame counts once per frame.

    Args:
        graph: of a model whose input has a known size.

    Returns:
        Each call with its multiply-adds, in the graph's order.
    """
    clip = graph.specs[graph.input]
    specs: dict[Any, Any] = {graph.input: keras.KerasTensor((1, *clip.shape[1:]), clip.dtype)}
    counts = []
    for node in graph.nodes:
        args, kwargs = node.arguments(specs)
        results = keras.tree.flatten(node.operation.compute_output_spec(*args, **kwargs))
        specs |= {ref: results[place] for place, ref in node.outputs.items()}
        count = _of_layer(node.operation, specs[node.inputs[0]].shape, results[0].shape) if node.inputs else 0
        counts.append((node, count))
    return counts


def _of_layer(layer: Any, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
    """The multiply-adds of one call; shapes begin with the batch."""
    layers = keras.layers
    if isinstance(layer, layers.Bidirectional):
        directions = (layer.forward_layer, layer.backward_layer)
        return sum(_of_layer(direction, input_shape, output_shape) for direction in directions)
    if isinstance(layer, layers.TimeDistributed):
        batch, frames, *rest = input_shape
        if isinstance(layer.layer, keras.Model):
            return frames * batch * count_multiply_adds(layer.layer)
        return frames * _of_layer(layer.layer, (batch, *rest), (output_shape[0], *output_shape[2:]))
    if isinstance(layer, layers.ConvLSTM1D | layers.ConvLSTM2D | layers.ConvLSTM3D):
        places = prod(output_shape[-1 - layer.cell.rank : -1])
        return prod(input_shape[:2]) * places * _kernel_size(layer)
    if isinstance(layer, layers.RNN):
        batch, frames, *_ = input_shape
        return batch * frames * _kernel_size(layer)
    if isinstance(layer, keras.Model | WholeModel):
        return input_shape[0] * count_multiply_adds(layer.model if isinstance(layer, WholeModel) else layer)
    if isinstance(layer, layers.MultiHeadAttention):
        batch, frames, *_ = input_shape
        products: int = frames * frames * layer.num_heads * (layer.key_dim + (layer.value_dim or layer.key_dim))
        return batch * (frames * _kernel_size(layer) + products)
    if isinstance(layer, layers.Conv1DTranspose | layers.Conv2DTranspose | layers.Conv3DTranspose):
        return prod(input_shape[:-1]) * _kernel_size(layer)
    if isinstance(layer, _KERNEL_LAYERS):
        channels_first = getattr(layer, "data_format", "channels_last") == "channels_first"
        positions = (output_shape[0], *output_shape[2:]) if channels_first else output_shape[:-1]
        return prod(positions) * _kernel_size(layer)
    return 0


def _kernel_size(layer: Any) -> int:
    """How many numbers are in a layer's kernels, trained or frozen."""
    return sum(prod(weight.shape) for weight in layer.weights if "kernel" in weight.name)
