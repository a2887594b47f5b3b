"""Pooling: first over the axes of each slice, then over slices."""

from __future__ import annotations

from typing import Any

from keras import ops

from stillmotion.streaming.actions import Actions, FullWindow, OpView, PerFrame, Present, Windowed
from stillmotion.streaming.rules.convolutions import taps_of
from stillmotion.streaming.rules.per_frame import MIXES, convert
from stillmotion.streaming.timeline import Taps


def maximum(view: OpView) -> Actions:
    """`MaxPooling1D` to `3D`."""
    # In place of a slice outside of the window there is a copy of one inside, which does not change the maximum.
    return _pooling(view, ops.max_pool, lambda neighbors, present: ops.max(neighbors, axis=2))


def average(view: OpView) -> Actions:
    """`AveragePooling1D` to `3D`: padding does not count."""

    def mean(neighbors: Any, present: Present) -> Any:
        if present.all():
            return ops.mean(neighbors, axis=2)
        weights = present / present.sum(axis=1, keepdims=True)
        weights = weights.reshape(1, *present.shape, *[1] * (len(neighbors.shape) - 3))
        return ops.sum(neighbors * ops.cast(weights, neighbors.dtype), axis=2)

    return _pooling(view, ops.average_pool, mean)


def _pooling(view: OpView, pool: Any, over_slices: Any) -> Actions:
    layer, axis = view.operation, view.axis
    if axis == 0:
        return view.per_frame()
    first = layer.data_format == "channels_first"
    if axis == (1 if first else len(view.shape) - 1):
        return MIXES
    sizes = _per_axis(layer.pool_size, len(view.shape) - 2)
    strides = _per_axis(layer.strides or layer.pool_size, len(view.shape) - 2)
    time = axis - (2 if first else 1)
    taps = taps_of(view.length, sizes.pop(time), strides.pop(time), 1, layer.padding)
    if taps == Taps():
        return view.per_frame()

    def within_slice(slices: Any, present: Present) -> Any:
        count = slices.shape[1]
        pictures = ops.reshape(convert(layer, slices), (-1, *view.slice_shape))
        pictures = ops.moveaxis(pictures, 1, -1) if first else pictures
        pooled = pool(pictures, tuple(sizes), tuple(strides), layer.padding, "channels_last")
        pooled = ops.moveaxis(pooled, -1, 1) if first else pooled
        return ops.reshape(pooled, (-1, count, *pooled.shape[1:]))

    actions = [Windowed(taps, over_slices, int(view.result[axis] or 0), axis)]
    if any(side != 1 for side in sizes + strides):
        actions.insert(0, Windowed(Taps(), within_slice, view.length, axis))
    return [*actions]


def global_maximum(view: OpView) -> Actions:
    """`GlobalMaxPooling1D` to `3D`."""
    return _global(view, ops.max)


def global_average(view: OpView) -> Actions:
    """`GlobalAveragePooling1D` to `3D`."""
    return _global(view, ops.mean)


def _global(view: OpView, reduce: Any) -> Actions:
    """Over the axes of each slice, then over time."""
    if view.axis == 0:
        return view.per_frame()
    layer = view.operation
    first = layer.data_format == "channels_first"
    if view.axis == (1 if first else len(view.shape) - 1):
        return MIXES
    if layer.keepdims or len(view.shape) == 3 or len(view.node.inputs) > 1:
        return "it pools the whole window"
    channels = 1 if first else len(view.shape) - 1
    axes = tuple(axis for axis in range(1, len(view.shape)) if axis not in (view.axis, channels))
    return [
        PerFrame(lambda slices: reduce(convert(layer, slices), axis=axes), 2 if first and view.axis > 1 else 1),
        FullWindow(lambda slices: reduce(slices, axis=2 if first and view.axis > 1 else 1)),
    ]


def _per_axis(sizes: int | tuple[int, ...], count: int) -> list[int]:
    return [sizes] * count if isinstance(sizes, int) else list(sizes)
