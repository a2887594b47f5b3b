"""Operations that move values: the time axis goes elsewhere, or its slices shift."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from keras import ops

from stillmotion.models.keras_graph import Shape
from stillmotion.streaming.actions import Actions, Axis, OpView, Present, Windowed, slice_shape
from stillmotion.streaming.rules.per_frame import MIXES
from stillmotion.streaming.timeline import Taps


def reshape(view: OpView) -> Actions:
    """A reshape that keeps time as an axis, folds it into the batch, or unfolds it from there."""
    axis = _place_of_time(view)
    if axis is None:
        return "it merges the time axis with others"
    new_shape = slice_shape(view.result, axis)

    def call(slices: Any, present: Present) -> Any:
        return ops.reshape(slices, (-1, slices.shape[1], *new_shape))

    return [Windowed(Taps(), call, view.length, axis)]


def _place_of_time(view: OpView) -> Axis | None:
    """Where the time axis is after a reshape, or None if it is merged with others.

    A reshape keeps the order of values. So there must be as many values in the axes ahead of time as before."""
    size, new_size = math.prod(view.slice_shape), _count(view.result[1:])
    ahead = 1 if view.axis == 0 else _count(view.shape[1 : view.axis])
    for axis in range(1, len(view.result)):
        same = view.result[axis] == view.length and _count(view.result[1:axis]) == ahead
        if same and new_size == size * view.length:
            return axis
    return 0 if ahead == 1 and new_size == size else None


def _count(sides: Shape) -> int:
    return math.prod(int(side or 0) for side in sides)


def transpose(view: OpView) -> Actions:
    """`ops.transpose`."""
    axes = view.operation.axes
    if axes is None or axes[0] != 0:
        return "it moves the batch axis"
    return view.per_frame(list(view.positive_axes(axes)).index(view.axis) if view.axis else 0)


def moveaxis(view: OpView) -> Actions:
    """`ops.moveaxis`."""
    rank = len(view.shape)
    source, target = (
        [axis % rank for axis in ((axes,) if isinstance(axes, int) else axes)]
        for axes in (view.operation.source, view.operation.destination)
    )
    order = [axis for axis in range(rank) if axis not in source]
    for axis, place in sorted(zip(source, target, strict=True), key=lambda pair: pair[1]):
        order.insert(place, axis)
    return "it moves the batch axis" if order[0] != 0 else view.per_frame(order.index(view.axis))


def swapaxes(view: OpView) -> Actions:
    """`ops.swapaxes`."""
    first, second = view.positive_axes((view.operation.axis1, view.operation.axis2))
    if 0 in (first, second) and first != second:
        return "it moves the batch axis"
    return view.per_frame({first: second, second: first}.get(view.axis, view.axis))


def permute(view: OpView) -> Actions:
    """`Permute`, whose axes are counted without the batch."""
    return view.per_frame((0, *view.operation.dims).index(view.axis) if view.axis else 0)


def expand(view: OpView) -> Actions:
    """`ops.expand_dims`."""
    axis = view.operation.axis
    axes = sorted(number % len(view.result) for number in ((axis,) if isinstance(axis, int) else axis))
    if axes[0] == 0:
        return "it moves the batch axis"
    old_axes = [number for number in range(len(view.result)) if number not in axes]
    return view.per_frame(old_axes[view.axis])


def squeeze(view: OpView) -> Actions:
    """`ops.squeeze`, which must say which axes."""
    axis = view.operation.axis
    if axis is None:
        return "it does not say which axes"
    axes = view.positive_axes(axis)
    if view.axis in axes:
        return MIXES
    return view.per_frame(view.axis - sum(number < view.axis for number in axes))


def take(view: OpView) -> Actions:
    """`ops.take`. Along time: neighboring frames, as in a difference from the frame before."""
    axis = view.operation.axis
    if len(view.node.args) != 2 or view.node.kwargs or len(view.node.inputs) != 1 or axis is None:
        return "its indices are not constant"
    (axis,) = view.positive_axes(axis)
    if axis != view.axis:
        return view.per_frame(view.axis + (axis < view.axis) * (len(view.result) - len(view.shape))) if axis else MIXES
    indices = view.node.args[1]
    if view.axis == 0 or len(view.result) != len(view.shape):
        return MIXES
    chosen = [int(index) % view.length for index in indices]
    steps = [later - earlier for earlier, later in pairwise(chosen)]
    step = max(set(steps), key=steps.count, default=0)
    if step < 1:
        return "it picks frames out of order"
    # Slice j of the result is slice j * step + offset; beyond the window's ends, the first or last slice is repeated.
    offset = chosen[steps.index(step)] - steps.index(step) * step
    if any(index != min(max(j * step + offset, 0), view.length - 1) for j, index in enumerate(chosen)):
        return "it picks frames out of order"
    return [Windowed(Taps(1, step, 1, -offset), _only_tap, len(chosen), view.axis)]


def get_item(view: OpView) -> Actions:
    """`x[...]` with constant numbers and slices."""
    key = view.node.args[1]
    if len(view.node.inputs) != 1:
        return "its index depends on the frames"
    keys: list[Any] = list(key) if isinstance(key, list | tuple) else [key]
    if any(not (part is None or part is Ellipsis or isinstance(part, int | slice)) for part in keys):
        return "it is indexed by an array"
    if Ellipsis in keys:
        dots = keys.index(Ellipsis)
        missing = len(view.shape) - sum(part is not None for part in keys) + 1
        keys[dots : dots + 1] = [slice(None)] * missing
    keys += [slice(None)] * (len(view.shape) - sum(part is not None for part in keys))
    if keys[0] != slice(None):
        return "it picks from the batch axis"
    if view.axis == 0:
        return view.per_frame()
    # None adds an axis, so the keys that belong to an axis of the input have to be found.
    place = [number for number, part in enumerate(keys) if part is not None][view.axis]
    chosen = keys[place]
    if isinstance(chosen, int):
        return "it picks one frame of the window"
    start, stop, step = chosen.indices(view.length)
    if step < 1 or stop <= start:
        return "it reverses time"
    other_keys = tuple(part for number, part in enumerate(keys) if number not in (0, place))
    return [
        Windowed(
            Taps(1, step, 1, -start),
            lambda neighbors, present: neighbors[(slice(None), slice(None), 0, *other_keys)],
            len(range(start, stop, step)),
            sum(not isinstance(part, int) for part in keys[:place]),
        )
    ]


def crop(view: OpView) -> Actions:
    """`Cropping1D` to `3D`."""
    return _crop_or_pad(view, view.operation.cropping, -1)


def pad(view: OpView) -> Actions:
    """`ZeroPadding1D` to `3D`."""
    return _crop_or_pad(view, view.operation.padding, 1)


def pad_operation(view: OpView) -> Actions:
    """`ops.pad`: with zeros, or within the slices."""
    pairs = [tuple(pair) for pair in view.operation.pad_width]
    pairs = pairs * len(view.shape) if len(pairs) == 1 else pairs
    if any(pairs[0]):
        return "it pads the batch axis"
    if view.axis == 0 or not any(pairs[view.axis]):
        return view.per_frame()
    arguments = [*view.node.args[1:], *view.node.kwargs.values()]
    if view.operation.mode != "constant" or any(argument not in (None, 0) for argument in arguments):
        return "it pads the time axis with other values than zero"
    return _shift(view, pairs, 1)


def _crop_or_pad(view: OpView, sides: Any, sign: int) -> Actions:
    channels_first = getattr(view.operation, "data_format", "channels_last") != "channels_last"
    if view.axis == 0:
        return view.per_frame()
    pairs = [(side, side) if isinstance(side, int) else tuple(side) for side in sides]
    if len(view.shape) == 3:
        pairs = [tuple(sides)]
    return _shift(view, [(0, 0), *([(0, 0)] if channels_first else []), *pairs, (0, 0)][: len(view.shape)], sign)


def _shift(view: OpView, pairs: list[Any], sign: int) -> Actions:
    """Add to each axis, or cut off, what the pairs say."""
    before, after = pairs[view.axis]
    others = [pair for axis, pair in enumerate(pairs) if axis not in (0, view.axis)]
    within_slice = [(0, 0), (0, 0), *others]

    def call(neighbors: Any, present: Present) -> Any:
        slices = neighbors[:, :, 0]
        if not present.all():
            slices = slices * ops.cast(present.reshape(1, -1, *[1] * len(view.slice_shape)), slices.dtype)
        if not any(map(any, within_slice)):
            return slices
        if sign > 0:
            return ops.pad(slices, within_slice)
        sides = zip(within_slice, slices.shape, strict=True)
        return slices[tuple(slice(low, side - high) for (low, high), side in sides)]

    return [Windowed(Taps(1, 1, 1, sign * before), call, view.length + sign * (before + after), view.axis)]


def _only_tap(neighbors: Any, present: Present) -> Any:
    return neighbors[:, :, 0]
