"""Operations that treat each slice alone, provided that their axes are others than time."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from stillmotion.streaming.actions import OpView, PerFrame, Ruling, rest_of

MIXES = "it works along the time axis"


def elementwise(view: OpView) -> Ruling:
    """Whatever broadcasts: a constant must not differ along time."""
    if any(len(shape) != len(view.shape) for shape in view.shapes):
        return "it broadcasts tensors of different ranks"
    constants = [np.shape(leaf) for leaf in keras.tree.flatten((view.node.args, view.node.kwargs)) if _is_array(leaf)]
    for shape in constants:
        place = view.axis - len(view.shape) + len(shape)
        if len(shape) > len(view.shape) or (place >= 0 and shape[place] != 1):
            return "its constant differs from frame to frame"
    return view.each()


def other_axes(view: OpView) -> Ruling:
    axis = view.operation.axis
    if axis is None:
        return view.each() if type(view.operation).__name__ == "Normalization" else MIXES
    return MIXES if view.axis in view.axes(axis) else view.each()


def dense(view: OpView) -> Ruling:
    return MIXES if view.axis == len(view.shape) - 1 else view.each()


def einsum(view: OpView) -> Ruling:
    """`abc,cd->abd`: time's letter must be in the result, and not in the kernel."""
    if view.axis == 0:
        return view.each()
    inputs, result = view.operation.equation.replace(" ", "").split("->")
    taken, kernel = inputs.split(",")
    if "..." in taken:
        dots = len(view.shape) - len(taken) + 3
        letters = "".join(chr(0x391 + n) for n in range(dots))
        taken, result = taken.replace("...", letters), result.replace("...", letters)
    letter = taken[view.axis]
    if letter in kernel or letter not in result:
        return MIXES
    return view.each(result.index(letter))


def time_distributed(view: OpView) -> Ruling:
    """All frames as one batch, instead of one frame after the other."""
    if view.axis != 1 or len(view.node.inputs) != 1:
        return "it is not distributed over the frames" if view.axis != 1 else "it is given a mask"
    inner = view.operation.layer

    def call(frames: Any) -> Any:
        slices = frames.shape[1]
        found = inner(keras.ops.reshape(frames, (-1, *frames.shape[2:])))
        return keras.ops.reshape(found, (-1, slices, *rest_of(view.result, 1)))

    return [PerFrame(call, 1)]


def reduction(view: OpView) -> Ruling:
    axis = view.operation.axis
    if axis is None or view.axis in (axes := view.axes(axis)):
        return MIXES
    kept = bool(getattr(view.operation, "keepdims", False))
    return view.each(view.axis if kept else view.axis - sum(one < view.axis for one in axes))


def one_hot(view: OpView) -> Ruling:
    new = view.operation.axis % len(view.result)
    if new == 0:
        return MIXES
    return view.each(view.axis + (new <= view.axis))


def matmul(view: OpView) -> Ruling:
    """By a constant matrix, along the last axis."""
    if len(view.node.inputs) != 1 or not isinstance(view.node.args[0], type(view.node.inputs[0])):
        return "it multiplies tensors that both depend on the frames"
    if view.axis == len(view.shape) - 1 or len(np.shape(view.node.args[1])) != 2:
        return MIXES
    return view.each()


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and not isinstance(leaf, keras.KerasTensor)
