"""Convolutions over time, computed as convolutions over the other axes.

A `Conv3D` over 3 slices of C channels is a `Conv2D` over one picture of 3 * C channels: the same products, and on CPUs
often faster.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from stillmotion.streaming.actions import Actions, OpView, Present, Windowed
from stillmotion.streaming.rules.per_frame import MIXES, activation_mixes, convert
from stillmotion.streaming.timeline import Taps


def convolution(view: OpView) -> Actions:
    """`Conv1D`, `Conv2D`, `Conv3D`, with time as one of the axes that they convolve."""
    layer = view.operation
    where = _time_of(view)
    if isinstance(where, str):
        return where
    if where is None:
        return view.per_frame()
    taps, time = where
    first = layer.data_format == "channels_first"
    kernel_size, strides, dilations = (
        [side for axis, side in enumerate(sides) if axis != time]
        for sides in (layer.kernel_size, layer.strides, layer.dilation_rate)
    )
    sides = view.slice_shape[1:] if first else view.slice_shape[:-1]
    channels, filters, groups = view.slice_shape[0 if first else -1], layer.filters, layer.groups

    def call(neighbors: Any, present: Present) -> Any:
        x = _padded_with_zeros(convert(layer, neighbors), present)
        slices = x.shape[1]
        x = ops.moveaxis(x, 3, -1) if first else x
        # The channels of a group, of all taps, come next to each other.
        x = ops.reshape(x, (-1, taps.count, *sides, groups, channels // groups))
        x = ops.reshape(ops.moveaxis(x, 1, -2), (-1, *sides, taps.count * channels))
        kernel = ops.moveaxis(ops.cast(layer.kernel, x.dtype), time, -3)
        kernel = ops.reshape(kernel, (*kernel_size, taps.count * channels // groups, filters))
        if groups == 1 and all(side == 1 for side in kernel_size + strides):
            x = ops.matmul(x, ops.reshape(kernel, kernel.shape[-2:]))
        else:
            padding = "same" if layer.padding == "same" else "valid"
            parts = [
                ops.conv(part, kernel_part, tuple(strides), padding, "channels_last", tuple(dilations))
                for part, kernel_part in zip(_split(x, groups), _split(kernel, groups), strict=True)
            ]
            x = parts[0] if groups == 1 else ops.concatenate(parts, axis=-1)
        if layer.use_bias:
            x = x + ops.cast(layer.bias, x.dtype)
        if layer.activation is not None:
            x = layer.activation(x)
        x = ops.moveaxis(x, -1, 1) if first else x
        return ops.reshape(x, (-1, slices, *x.shape[1:]))

    return [Windowed(taps, call, int(view.result[view.axis] or 0), view.axis)]


def separable(view: OpView) -> Actions:
    """`DepthwiseConv1D` and `SeparableConv1D` over time: for each channel a weighted sum of slices."""
    layer = view.operation
    where = _time_of(view)
    if isinstance(where, str):
        return where
    if where is None:
        return view.per_frame()
    if layer.data_format != "channels_last":
        return "its channels come first"
    taps, _ = where
    separated = hasattr(layer, "pointwise_kernel")

    def call(neighbors: Any, present: Present) -> Any:
        x = _padded_with_zeros(convert(layer, neighbors), present)
        kernel = ops.cast(layer.depthwise_kernel if separated else layer.kernel, x.dtype)
        x = ops.einsum("bstc,tcm->bscm", x, kernel)
        x = ops.reshape(x, (-1, x.shape[1], kernel.shape[1] * kernel.shape[2]))
        if separated:
            x = ops.matmul(x, ops.cast(layer.pointwise_kernel, x.dtype)[0])
        if layer.use_bias:
            x = x + ops.cast(layer.bias, x.dtype)
        return x if layer.activation is None else layer.activation(x)

    return [Windowed(taps, call, int(view.result[view.axis] or 0), view.axis)]


def _time_of(view: OpView) -> tuple[Taps, int] | str | None:
    """The taps of a convolution and its axis that is time; None if it works on each slice; or a reason."""
    layer, axis, rank = view.operation, view.axis, len(view.shape)
    first = layer.data_format == "channels_first"
    if axis and axis == (1 if first else rank - 1):
        return MIXES
    # A softmax as an activation works along the last axis, whatever the layout is.
    if reason := activation_mixes(layer.activation, axis, rank):
        return reason
    if axis == 0:
        return None
    if first and layer.activation is not None and activation_mixes(layer.activation, rank - 1, rank):
        return "its activation works along the last axis"
    time = axis - (2 if first else 1)
    count, stride, dilation = (sides[time] for sides in (layer.kernel_size, layer.strides, layer.dilation_rate))
    taps = taps_of(view.length, count, stride, dilation, layer.padding)
    return None if taps == Taps() else (taps, time)


def _padded_with_zeros(neighbors: Any, present: Present) -> Any:
    """A slice outside of the window is padding: zero."""
    if present.all():
        return neighbors
    exists = present.reshape(1, *present.shape, *[1] * (len(neighbors.shape) - 3))
    return neighbors * ops.cast(exists, neighbors.dtype)


def _split(tensor: Any, groups: int) -> list[Any]:
    return [tensor] if groups == 1 else list(ops.split(tensor, groups, axis=-1))


def taps_of(length: int, count: int, stride: int, dilation: int, padding: str) -> Taps:
    """The taps of a convolution or pooling over `length` slices, padded the way Keras pads."""
    reach = (count - 1) * dilation
    if padding == "same":
        before = max((-(-length // stride) - 1) * stride + reach + 1 - length, 0) // 2
    else:
        before = reach if padding == "causal" else 0
    return Taps(count, stride, dilation, before)
