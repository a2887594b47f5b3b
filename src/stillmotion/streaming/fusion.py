"""Convolutions of channels side by side: the sum of one of each, without putting them there.

A frame and its difference from the one before are six channels of one tensor. To interleave them, three values by
three, takes as long as the first convolution of a small model, and the sum of two convolutions of three is the same.
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
from stillmotion.streaming.plan import StreamPlan, Task
from stillmotion.streaming.timeline import Taps


def split_convolutions(plan: StreamPlan) -> None:
    """Where a `Conv2D` of frames alone takes what was put side by side for it, it takes the parts."""
    makers = {ref: task for task in plan.tasks for ref in task.outputs.values()}
    uses = Counter(ref for task in plan.tasks for ref in task.inputs)

    def only_maker(ref: Ref) -> Task | None:
        return makers.get(ref) if uses[ref] == 1 and ref not in plan.histories and ref != plan.graph.output else None

    merged: dict[int, Task] = {}
    gone: set[int] = set()
    for task in plan.tasks:
        if not _is(task, "Conv2D", PerFrame) or task.operation.groups != 1 or plan.timed[task.outputs[0]].axis:
            continue
        between = only_maker(task.inputs[0])
        if between is None or not _is(between, "Reshape", Windowed) or between.action.taps != Taps():  # type: ignore[union-attr]
            continue
        beside = only_maker(between.inputs[0])
        if beside is None or not _is(beside, "Concatenate", PerFrame) or len(set(beside.inputs)) < len(beside.inputs):
            continue
        shapes = [plan.graph.shape(ref) for ref in beside.inputs]
        taken, last = plan.graph.shape(task.inputs[0]), len(shapes[0]) - 1
        widths = [int(shape[-1] or 0) for shape in shapes]
        if beside.operation.axis % len(shapes[0]) != last or taken[-1] != sum(widths):
            continue
        if any(plan.timed[ref].axis != 1 for ref in beside.inputs):
            continue
        call = _sum_of(task.operation, taken[1:-1], widths)
        merged[id(task)] = Task(PerFrame(call, 0), beside.inputs, task.outputs, task.operation)
        gone |= {id(between), id(beside)}
    plan.tasks[:] = [merged.get(id(task), task) for task in plan.tasks if id(task) not in gone]


def _is(task: Task, name: str, action: type) -> bool:
    return type(task.operation).__name__ == name and isinstance(task.action, action)


def _sum_of(layer: Any, sides: Shape, widths: Sequence[int]) -> Callable[..., Any]:
    ends = [0, *np.cumsum(widths).tolist()]

    def call(*parts: Any) -> Any:
        found = sum(
            layer.convolution_op(
                ops.reshape(ops.cast(part, layer.compute_dtype), (-1, *sides, high - low)),
                ops.cast(layer.kernel, layer.compute_dtype)[:, :, low:high],
            )
            for part, (low, high) in zip(parts, pairwise(ends), strict=True)
        )
        if layer.use_bias:
            found = found + ops.cast(layer.bias, layer.compute_dtype)
        return found if layer.activation is None else layer.activation(found)

    return call
