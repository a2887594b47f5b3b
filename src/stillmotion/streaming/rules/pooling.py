"""Pooling: over the axes of one slice first, then over slices."""

from __future__ import annotations

from typing import Any

from keras import ops

from stillmotion.streaming.actions import FullWindow, OpView, PerFrame, Present, Ruling, Windowed
from stillmotion.streaming.rules.convolutions import taps_of
from stillmotion.streaming.rules.per_frame import MIXES
from stillmotion.streaming.timeline import Taps


def maximum(view: OpView) -> Ruling:
    # An absent slice is a copy of one that is there.
    return _pooling(view, ops.max_pool, lambda found, present: ops.max(found, axis=2))


def average(view: OpView) -> Ruling:
    def mean(found: Any, present: Present) -> Any:
        if present.all():
            return ops.mean(found, axis=2)
        weights = present / present.sum(axis=1, keepdims=True)
        weights = weights.reshape(1, *present.shape, *[1] * (len(found.shape) - 3))
        return ops.sum(found * ops.cast(weights, found.dtype), axis=2)

    return _pooling(view, ops.average_pool, mean)


def _pooling(view: OpView, pool: Any, over_slices: Any) -> Ruling:
    layer, axis = view.operation, view.axis
    if layer.data_format != "channels_last":
        return "its channels come first"
    if axis == 0:
        return view.each()
    if axis == len(view.shape) - 1:
        return MIXES
    sizes = _each_axis(layer.pool_size, len(view.shape) - 2)
    strides = _each_axis(layer.strides or layer.pool_size, len(view.shape) - 2)
    taps = taps_of(view.length, sizes.pop(axis - 1), strides.pop(axis - 1), 1, layer.padding)
    if taps == Taps():
        return view.each()

    def within(found: Any, present: Present) -> Any:
        slices = found.shape[1]
        found = pool(ops.reshape(found, (-1, *view.rest)), tuple(sizes), tuple(strides), layer.padding)
        return ops.reshape(found, (-1, slices, *found.shape[1:]))

    chain = [Windowed(taps, over_slices, int(view.result[axis] or 0), axis)]
    if any(side != 1 for side in sizes + strides):
        chain.insert(0, Windowed(Taps(), within, view.length, axis))
    return [*chain]


def global_maximum(view: OpView) -> Ruling:
    return _global(view, ops.max)


def global_average(view: OpView) -> Ruling:
    return _global(view, ops.mean)


def _global(view: OpView, reduce: Any) -> Ruling:
    """Over the axes of a slice, then over time."""
    if view.axis == 0:
        return view.each()
    if view.operation.data_format != "channels_last" or view.axis == len(view.shape) - 1:
        return MIXES
    if view.operation.keepdims or len(view.shape) == 3:
        return "it is over all of the window"
    axes = tuple(axis for axis in range(1, len(view.shape) - 1) if axis != view.axis)
    return [
        PerFrame(lambda found: reduce(found, axis=axes), 1),
        FullWindow(lambda found: reduce(found, axis=1)),
    ]


def _each_axis(given: int | tuple[int, ...], count: int) -> list[int]:
    return [given] * count if isinstance(given, int) else list(given)
