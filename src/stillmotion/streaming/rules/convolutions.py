"""Convolutions over time: that over one slice and its neighbours is one of the other axes, with more channels.

`Conv3D` with 3 slices in time of C channels is a `Conv2D` of 3 C channels: the same products, on CPUs often quicker.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from stillmotion.streaming.actions import OpView, Present, Ruling, Windowed
from stillmotion.streaming.rules.per_frame import MIXES
from stillmotion.streaming.timeline import Taps


def convolution(view: OpView) -> Ruling:
    layer, axis = view.operation, view.axis
    if layer.data_format != "channels_last":
        return "its channels come first"
    if axis == 0:
        return view.each()
    if axis == len(view.shape) - 1:
        return MIXES
    time = axis - 1
    kernel_size, strides, dilations = (list(one) for one in (layer.kernel_size, layer.strides, layer.dilation_rate))
    taps = taps_of(view.length, kernel_size.pop(time), strides.pop(time), dilations.pop(time), layer.padding)
    if taps == Taps():
        return view.each()
    if layer.groups != 1:
        return "its channels are in groups"
    channels, filters = view.rest[-1], layer.filters

    def call(found: Any, present: Present) -> Any:
        if not present.all():
            found = found * ops.cast(present.reshape(1, *present.shape, *[1] * len(view.rest)), found.dtype)
        slices = found.shape[1]
        found = ops.moveaxis(found, 2, -2)
        found = ops.reshape(found, (-1, *view.rest[:-1], taps.count * channels))
        kernel = ops.moveaxis(ops.cast(layer.kernel, found.dtype), time, -3)
        kernel = ops.reshape(kernel, (*kernel_size, taps.count * channels, filters))
        if any(side != 1 for side in kernel_size + strides):
            padding = "same" if layer.padding == "same" else "valid"
            found = ops.conv(found, kernel, tuple(strides), padding, dilation_rate=tuple(dilations))
        else:
            found = ops.matmul(found, ops.reshape(kernel, kernel.shape[-2:]))
        if layer.use_bias:
            found = found + ops.cast(layer.bias, found.dtype)
        if layer.activation is not None:
            found = layer.activation(found)
        return ops.reshape(found, (-1, slices, *found.shape[1:]))

    return [Windowed(taps, call, int(view.result[axis] or 0), axis)]


def taps_of(length: int, count: int, stride: int, dilation: int, padding: str) -> Taps:
    """Of a convolution or pooling over `length` slices, padded as Keras pads."""
    reach = (count - 1) * dilation
    if padding == "same":
        before = max((-(-length // stride) - 1) * stride + reach + 1 - length, 0) // 2
    else:
        before = reach if padding == "causal" else 0
    return Taps(count, stride, dilation, before)
