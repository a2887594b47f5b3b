"""Operations that treat each slice by itself, provided that they do not work along the time axis."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from stillmotion.streaming.actions import Actions, OpView, PerFrame, slice_shape

# The reason of every operation that works along the time axis.
MIXES = "it works along the time axis"


def elementwise(view: OpView) -> Actions:
    """Operations that broadcast. A constant must be the same for all frames."""
    if any(len(shape) != len(view.shape) for shape in view.shapes):
        return "it broadcasts tensors of different ranks"
    constants = [np.shape(leaf) for leaf in keras.tree.flatten((view.node.args, view.node.kwargs)) if _is_array(leaf)]
    for shape in constants:
        place = view.axis - len(view.shape) + len(shape)
        if len(shape) > len(view.shape) or (place >= 0 and shape[place] != 1):
            return "its constant differs from frame to frame"
    return view.per_frame()


def other_axes(view: OpView) -> Actions:
    """Operations along one or more axes, such as a softmax or normalization: time must not be one of them."""
    axis = view.operation.axis
    if axis is None:
        return view.per_frame() if type(view.operation).__name__ == "Normalization" else MIXES
    return MIXES if view.axis in view.positive_axes(axis) else view.per_frame()


def dense(view: OpView) -> Actions:
    """`Dense` works along the last axis."""
    return MIXES if view.axis == len(view.shape) - 1 else view.per_frame()


def einsum(view: OpView) -> Actions:
    """`EinsumDense`, such as `abc,cd->abd`: the letter of the time axis must be in the result, not in the kernel."""
    if view.axis == 0:
        return view.per_frame()
    inputs, result = view.operation.equation.replace(" ", "").split("->")
    frames, kernel = inputs.split(",")
    if "..." in frames:
        # Dots stand for axes: write letters that no equation has, Greek ones, in their place.
        dots = len(view.shape) - len(frames) + 3
        letters = "".join(chr(0x391 + number) for number in range(dots))
        frames, result = frames.replace("...", letters), result.replace("...", letters)
    letter = frames[view.axis]
    if letter in kernel or letter not in result:
        return MIXES
    return view.per_frame(result.index(letter))


def time_distributed(view: OpView) -> Actions:
    """`TimeDistributed`, with all frames as one batch instead of one after the other."""
    if view.axis != 1 or len(view.node.inputs) != 1:
        return "it is not distributed over the frames" if view.axis != 1 else "it is given a mask"
    inner = view.operation.layer

    def call(frames: Any) -> Any:
        slices = frames.shape[1]
        results = inner(keras.ops.reshape(frames, (-1, *frames.shape[2:])))
        return keras.ops.reshape(results, (-1, slices, *slice_shape(view.result, 1)))

    return [PerFrame(call, 1)]


def reduction(view: OpView) -> Actions:
    """A sum, mean or other reduction over axes: time must not be one of them."""
    axis = view.operation.axis
    if axis is None or view.axis in (axes := view.positive_axes(axis)):
        return MIXES
    kept = bool(getattr(view.operation, "keepdims", False))
    return view.per_frame(view.axis if kept else view.axis - sum(axis < view.axis for axis in axes))


def one_hot(view: OpView) -> Actions:
    """`OneHot` adds an axis, which may move the time axis."""
    new = view.operation.axis % len(view.result)
    if new == 0:
        return MIXES
    return view.per_frame(view.axis + (new <= view.axis))


def matmul(view: OpView) -> Actions:
    """A product with a constant matrix, along the last axis."""
    if len(view.node.inputs) != 1 or not isinstance(view.node.args[0], type(view.node.inputs[0])):
        return "it multiplies tensors that both depend on the frames"
    if view.axis == len(view.shape) - 1 or len(np.shape(view.node.args[1])) != 2:
        return MIXES
    return view.per_frame()


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and not isinstance(leaf, keras.KerasTensor)
