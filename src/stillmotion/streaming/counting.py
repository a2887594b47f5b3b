"""Multiply-adds of a model's layers, for a whole window and for what one new frame adds to it."""

from __future__ import annotations

import math
from typing import Any

from stillmotion.models.keras_graph import Graph, Node, Shape
from stillmotion.streaming.streams import StreamModel


def multiply_adds(stream: StreamModel) -> tuple[float, float]:
    """Of the plain model on a window, and of the divided one for each window.

    Convolutions, dense and recurrent layers count; what else there is is small beside them.
    """
    parts = {part.layer: part for part in stream.parts}
    graph = stream.plan.graph
    whole = new = 0.0
    pictures = {graph.input: 1.0}  # that a tensor has in its batch, for each window
    for node in graph.nodes:
        held = max((pictures[ref] for ref in node.inputs), default=1.0)
        for ref in node.outputs.values():
            pictures[ref] = held
            if type(node.operation).__name__ == "Reshape":
                pictures[ref] *= _elements(graph.shape(node.inputs[0])) / _elements(graph.shape(ref))
        inputs, recurrence = _of_window(graph, node, held)
        part = parts[node.operation.name]
        whole += inputs + recurrence
        new += inputs * part.computed / part.slices + recurrence
    return whole, new


def _elements(shape: Shape) -> int:
    return math.prod(int(side or 1) for side in shape[1:])


def _of_window(graph: Graph, node: Node, pictures: float) -> tuple[float, float]:
    """What grows with the frames, and a recurrence, which runs over each window."""
    operation = node.operation
    if not node.inputs or 0 not in node.outputs:
        return 0.0, 0.0
    inner = operation.layer if type(operation).__name__ == "TimeDistributed" else operation
    taken = graph.shape(node.inputs[0])
    made = pictures * _elements(graph.shape(node.outputs[0]))
    kernel: Any = getattr(inner, "kernel", None)
    if type(operation).__name__ in ("LSTM", "GRU", "SimpleRNN", "Bidirectional"):
        layers = [getattr(operation, name, operation) for name in ("forward_layer", "backward_layer")]
        cells = [layer.cell for layer in dict.fromkeys(layers)]
        slices = int(taken[1] or 1)
        return (
            slices * sum(float(math.prod(cell.kernel.shape)) for cell in cells),
            slices * sum(float(math.prod(cell.recurrent_kernel.shape)) for cell in cells),
        )
    if type(inner).__name__ == "DepthwiseConv2D":
        return made * math.prod(inner.kernel_size), 0.0
    if kernel is None:
        return 0.0, 0.0
    return made * float(math.prod(kernel.shape[:-1])), 0.0
