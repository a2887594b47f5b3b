"""Convolutions over time, computed as convolutions over the other axes.

A `Conv3D` over 3 slices of C channels is a `Conv2D` over one picture of 3 * C channels: the same products, and on CPUs
often faster.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from stillmotion.streaming.actions import Actions, OpView, Present, Windowed
from stillmotion.streaming.rules.per_frame import MIXES
from stillmotion.streaming.timeline import Taps


def convolution(view: OpView) -> Actions:
    """`Conv1D`, `Conv2D`, `Conv3D`, with time as one of the axes that they convolve."""
    layer, axis = view.operation, view.axis
    if layer.data_format != "channels_last":
        return "its channels come first"
    if axis == 0:
        return view.per_frame()
    if axis == len(view.shape) - 1:
        return MIXES
    time = axis - 1
    kernel_size, strides, dilations = (list(side) for side in (layer.kernel_size, layer.strides, layer.dilation_rate))
    taps = taps_of(view.length, kernel_size.pop(time), strides.pop(time), dilations.pop(time), layer.padding)
    if taps == Taps():
        return view.per_frame()
    if layer.groups != 1:
        return "its channels are in groups"
    channels, filters = view.slice_shape[-1], layer.filters

    def call(neighbors: Any, present: Present) -> Any:
        x = neighbors
        if not present.all():
            # A slice outside of the window is padding: zero.
            x = x * ops.cast(present.reshape(1, *present.shape, *[1] * len(view.slice_shape)), x.dtype)
        slices = x.shape[1]
        x = ops.moveaxis(x, 2, -2)
        x = ops.reshape(x, (-1, *view.slice_shape[:-1], taps.count * channels))
        kernel = ops.moveaxis(ops.cast(layer.kernel, x.dtype), time, -3)
        kernel = ops.reshape(kernel, (*kernel_size, taps.count * channels, filters))
        if any(side != 1 for side in kernel_size + strides):
            padding = "same" if layer.padding == "same" else "valid"
            x = ops.conv(x, kernel, tuple(strides), padding, dilation_rate=tuple(dilations))
        else:
            x = ops.matmul(x, ops.reshape(kernel, kernel.shape[-2:]))
        if layer.use_bias:
            x = x + ops.cast(layer.bias, x.dtype)
        if layer.activation is not None:
            x = layer.activation(x)
        return ops.reshape(x, (-1, slices, *x.shape[1:]))

    return [Windowed(taps, call, int(view.result[axis] or 0), axis)]


def taps_of(length: int, count: int, stride: int, dilation: int, padding: str) -> Taps:
    """The taps of a convolution or pooling over `length` slices, padded the way Keras pads."""
    reach = (count - 1) * dilation
    if padding == "same":
        before = max((-(-length // stride) - 1) * stride + reach + 1 - length, 0) // 2
    else:
        before = reach if padding == "causal" else 0
    return Taps(count, stride, dilation, before)
