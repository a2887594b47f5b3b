"""Operations that treat each slice by itself, provided that they do not work along the time axis."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np

from stillmotion.models.keras_graph import Ref, is_kerass_function
from stillmotion.streaming.actions import Actions, Axis, OpView, PerFrame, slice_shape

# The reason of every operation that works along the time axis.
MIXES = "it works along the time axis"


# Keras's activations by name, as functions, operations or layers.
_ELEMENTWISE = {
    *("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh"),
    *("leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink"),
    *("softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh", "tanh_shrink"),
    *("threshold", "ELU", "Identity", "LeakyReLU", "ReLU"),
}
_ALONG_THE_LAST_AXIS = {"glu", "log_softmax", "softmax", "sparsemax"}


def activation_mixes(function: Any, axis: Axis, rank: int) -> str:
    """Why an activation cannot work on each frame by itself; empty if it can.

    Args:
        function: what a layer has as its `activation`.
        axis: the time axis of the tensor that it works on.
        rank: the number of axes of that tensor.

    Returns:
        The reason. Only Keras's own functions are known.
    """
    if function is None:
        return ""
    if isinstance(function, partial):
        function = function.func
        if getattr(function, "__name__", "") in _ALONG_THE_LAST_AXIS:
            return "its activation may work along the time axis"
    name = type(function).__name__ if isinstance(function, keras.Layer) else getattr(function, "__name__", "")
    if not is_kerass_function(function):
        return f"what its activation {name or type(function).__name__} does with time is not known"
    if name in _ELEMENTWISE or (name in _ALONG_THE_LAST_AXIS and axis != rank - 1):
        return ""
    return MIXES if name in _ALONG_THE_LAST_AXIS else f"what its activation {name} does with time is not known"


def activation(view: OpView) -> Actions:
    """`Activation`, and layers that consist of one."""
    return activation_mixes(view.operation.activation, view.axis, len(view.shape)) or view.per_frame()


def elementwise(view: OpView) -> Actions:
    """Operations that broadcast. A constant must be the same for all frames."""
    if any(len(shape) != len(view.shape) for shape in view.shapes):
        return "it broadcasts tensors of different ranks"
    for shape in _constants(view):
        place = view.axis - len(view.shape) + len(shape)
        if len(shape) > len(view.shape) or (place >= 0 and shape[place] != 1):
            return "its constant differs from frame to frame"
    if any(shape[view.axis] != view.shape[view.axis] for shape in view.shapes):
        return "it broadcasts tensors of different lengths"
    return view.per_frame()


def _constants(view: OpView) -> list[tuple[int, ...]]:
    """The shapes of all constant arguments, among which may be lists of numbers."""
    arguments = [*view.node.args, *view.node.kwargs.values()]
    shapes = []
    for argument in arguments:
        leaves = keras.tree.flatten(argument)
        if any(isinstance(leaf, Ref) for leaf in leaves):
            shapes += [tuple(leaf.shape) for leaf in leaves if _is_array(leaf)]
        elif _is_array(argument):
            shapes.append(tuple(argument.shape))
        elif isinstance(argument, list | tuple):
            shapes.append(np.shape(argument))
    return shapes


def prelu(view: OpView) -> Actions:
    """`PReLU` has a weight for each place, and so for each frame unless `shared_axes` names time."""
    if view.axis == 0 or view.operation.alpha.shape[view.axis - 1] == 1:
        return view.per_frame()
    return "its weights differ from frame to frame"


def masking(view: OpView) -> Actions:
    """`Masking` looks at all features of a frame. The mask itself is a tensor of its own."""
    return MIXES if view.axis == len(view.shape) - 1 else view.per_frame()


def other_axes(view: OpView) -> Actions:
    """Operations along one or more axes, such as a softmax or normalization: time must not be one of them."""
    axis = view.operation.axis
    if axis is None:
        return view.per_frame() if type(view.operation).__name__ == "Normalization" else MIXES
    if view.node.kwargs.get("training"):
        return "it runs in training mode"
    if view.axis in view.positive_axes(axis):
        return MIXES
    mixed = any(shape[view.axis] != view.shape[view.axis] for shape in view.shapes)
    return "it joins tensors of different lengths" if mixed else view.per_frame()


def group_normalization(view: OpView) -> Actions:
    """`GroupNormalization` works along all axes of a sample."""
    return view.per_frame() if view.axis == 0 else MIXES


def dense(view: OpView) -> Actions:
    """`Dense` works along the last axis."""
    last = len(view.shape) - 1
    if view.axis == last:
        return MIXES
    return activation_mixes(view.operation.activation, view.axis, len(view.shape)) or view.per_frame()


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
    if letter in (view.operation.bias_axes or ""):
        return "its bias differs from frame to frame"
    axis = result.index(letter)
    return activation_mixes(view.operation.activation, axis, len(result)) or view.per_frame(axis)


def time_distributed(view: OpView) -> Actions:
    """`TimeDistributed`, with all frames as one batch instead of one after the other."""
    if view.axis != 1 or len(view.node.inputs) != 1:
        return "it is not distributed over the frames" if view.axis != 1 else "it is given a mask"
    layer = view.operation
    inner = layer.layer

    def call(frames: Any) -> Any:
        slices = frames.shape[1]
        frames = convert(layer, frames)
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
    if view.axis == len(view.shape) - 1 or len(view.node.args[1].shape) != 2:
        return MIXES
    return view.per_frame()


def convert(layer: Any, tensor: Any) -> Any:
    """A tensor in the dtype that a layer casts its inputs to."""
    return layer.dtype_policy.convert_input(tensor, layer.autocast, layer.input_dtype)


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape")
