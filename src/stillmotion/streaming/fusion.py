"""Replace a convolution of concatenated channels by the sum of one convolution per part.

With `input=both` our motion models convolve six channels: a frame and its difference from the frame before. To
interleave them, three values by three, takes as long as the first convolution of a small model, while the sum of two
convolutions of three channels is the same. The models themselves are not built that way, because it would change their
initial weights and the order of additions, and so what they learn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from keras import ops

from stillmotion.models.keras_graph import Ref, Shape
from stillmotion.streaming.actions import PerFrame, Windowed
from stillmotion.streaming.plan import StreamPlan, StreamTask
from stillmotion.streaming.timeline import Taps


def split_convolutions(plan: StreamPlan) -> None:
    """Find `Concatenate` -> `Reshape` -> `Conv2D` of single frames, and make each a single task.

    Args:
        plan: changed in place.
    """
    makers = {ref: task for task in plan.tasks for ref in task.outputs.values()}
    uses = Counter(ref for task in plan.tasks for ref in task.inputs)

    def only_use_of(ref: Ref) -> StreamTask | None:
        """The task that makes a tensor, if nothing but the task at hand needs it."""
        needed_elsewhere = uses[ref] != 1 or ref in plan.histories or ref == plan.graph.output
        return None if needed_elsewhere else makers.get(ref)

    replaced: dict[int, StreamTask] = {}
    removed: set[int] = set()
    for task in plan.tasks:
        if not _is(task, "Conv2D", PerFrame) or task.operation.groups != 1 or plan.timed[task.outputs[0]].axis:
            continue
        if task.operation.compute_dtype != "float32":  # In 16 bits the order of additions matters.
            continue
        reshape = only_use_of(task.inputs[0])
        if reshape is None or not _is(reshape, "Reshape", Windowed):
            continue
        if not isinstance(reshape.action, Windowed) or reshape.action.taps != Taps():
            continue
        concatenate = only_use_of(reshape.inputs[0])
        if concatenate is None or not _is(concatenate, "Concatenate", PerFrame):
            continue
        parts = concatenate.inputs
        shapes = [plan.graph.shape(ref) for ref in parts]
        widths = [int(shape[-1] or 0) for shape in shapes]
        input_shape, last = plan.graph.shape(task.inputs[0]), len(shapes[0]) - 1
        if concatenate.operation.axis % len(shapes[0]) != last or input_shape[-1] != sum(widths):
            continue
        if len(set(parts)) < len(parts) or any(plan.timed[ref].axis != 1 for ref in parts):
            continue
        call = _sum_of_convolutions(task.operation, input_shape[1:-1], widths)
        replaced[id(task)] = StreamTask(PerFrame(call, 0), parts, task.outputs, task.operation, task.call)
        removed |= {id(reshape), id(concatenate)}
    plan.tasks[:] = [replaced.get(id(task), task) for task in plan.tasks if id(task) not in removed]


def _is(task: StreamTask, name: str, action: type) -> bool:
    return type(task.operation).__name__ == name and isinstance(task.action, action)


def _sum_of_convolutions(layer: Any, sides: Shape, widths: Sequence[int]) -> Callable[..., Any]:
    """The layer as a function of the parts of its input channels."""
    ends = [0, *np.cumsum(widths).tolist()]

    def call(*parts: Any) -> Any:
        result = sum(
            layer.convolution_op(
                ops.reshape(ops.cast(part, layer.compute_dtype), (-1, *sides, high - low)),
                ops.cast(layer.kernel, layer.compute_dtype)[:, :, low:high],
            )
            for part, (low, high) in zip(parts, pairwise(ends), strict=True)
        )
        if layer.use_bias:
            result = result + ops.cast(layer.bias, layer.compute_dtype)
        return result if layer.activation is None else layer.activation(result)

    return call
