"""Operations that move values about: the time axis goes elsewhere, or its slices shift."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from keras import ops

from stillmotion.models.keras_graph import Shape
from stillmotion.streaming.actions import Axis, OpView, Present, Ruling, Windowed, rest_of
from stillmotion.streaming.rules.per_frame import MIXES
from stillmotion.streaming.timeline import Taps


def reshape(view: OpView) -> Ruling:
    """Time stays an axis of its own, is folded into the batch, or unfolded from it."""
    axis = _place_of_time(view)
    if axis is None:
        return "it merges the time axis with others"
    rest = rest_of(view.result, axis)
    return [Windowed(Taps(), lambda found, present: ops.reshape(found, (-1, found.shape[1], *rest)), view.length, axis)]


def _place_of_time(view: OpView) -> Axis | None:
    """Values keep their order: what is ahead of time stays ahead of it, what is behind stays behind."""
    size, taken = math.prod(view.rest), _elements(view.result[1:])
    ahead = 1 if view.axis == 0 else _elements(view.shape[1 : view.axis])
    for axis in range(1, len(view.result)):
        same = view.result[axis] == view.length and _elements(view.result[1:axis]) == ahead
        if same and taken == size * view.length:
            return axis
    return 0 if ahead == 1 and taken == size else None


def _elements(sides: Shape) -> int:
    return math.prod(int(side or 0) for side in sides)


def transpose(view: OpView) -> Ruling:
    axes = view.operation.axes
    if axes is None or axes[0] != 0:
        return "it moves the batch axis"
    return view.each(list(view.axes(axes)).index(view.axis) if view.axis else 0)


def permute(view: OpView) -> Ruling:
    return view.each((0, *view.operation.dims).index(view.axis) if view.axis else 0)


def expand(view: OpView) -> Ruling:
    axis = view.operation.axis
    axes = sorted(one % len(view.result) for one in ((axis,) if isinstance(axis, int) else axis))
    if axes[0] == 0:
        return "it moves the batch axis"
    place = [one for one in range(len(view.result)) if one not in axes][view.axis]
    return view.each(place)


def squeeze(view: OpView) -> Ruling:
    axis = view.operation.axis
    if axis is None:
        return "it does not say which axes"
    axes = view.axes(axis)
    if view.axis in axes:
        return MIXES
    return view.each(view.axis - sum(one < view.axis for one in axes))


def take(view: OpView) -> Ruling:
    """Along time: neighbours, as a difference from the frame before has them."""
    axis = view.operation.axis
    if len(view.node.args) != 2 or view.node.kwargs or len(view.node.inputs) != 1 or axis is None:
        return "its indices are not constant"
    (axis,) = view.axes(axis)
    if axis != view.axis:
        return view.each(view.axis + (axis < view.axis) * (len(view.result) - len(view.shape))) if axis else MIXES
    indices = view.node.args[1]
    if view.axis == 0 or len(view.result) != len(view.shape):
        return MIXES
    chosen = [int(index) % view.length for index in indices]
    steps = [later - earlier for earlier, later in pairwise(chosen)]
    step = max(set(steps), key=steps.count, default=0)
    if step < 1:
        return "it picks frames out of order"
    # Slice j is slice j * step + offset; at the window's ends, the outermost again.
    offset = chosen[steps.index(step)] - steps.index(step) * step
    if any(index != min(max(j * step + offset, 0), view.length - 1) for j, index in enumerate(chosen)):
        return "it picks frames out of order"
    return [Windowed(Taps(1, step, 1, -offset), _same, len(chosen), view.axis)]


def get_item(view: OpView) -> Ruling:
    key = view.node.args[1]
    if len(view.node.inputs) != 1:
        return "its index depends on the frames"
    keys: list[Any] = list(key) if isinstance(key, list | tuple) else [key]
    if any(not (one is None or one is Ellipsis or isinstance(one, int | slice)) for one in keys):
        return "it is indexed by an array"
    if Ellipsis in keys:
        dots = keys.index(Ellipsis)
        missing = len(view.shape) - sum(one is not None for one in keys) + 1
        keys[dots : dots + 1] = [slice(None)] * missing
    keys += [slice(None)] * (len(view.shape) - sum(one is not None for one in keys))
    if keys[0] != slice(None):
        return "it picks from the batch axis"
    if view.axis == 0:
        return view.each()
    places = [place for place, one in enumerate(keys) if one is not None]
    place = places[view.axis]
    chosen = keys[place]
    if isinstance(chosen, int):
        return "it picks one frame of the window"
    start, stop, step = chosen.indices(view.length)
    if step < 1 or stop <= start:
        return "it turns time round"
    others = tuple(one for n, one in enumerate(keys) if n not in (0, place))
    return [
        Windowed(
            Taps(1, step, 1, -start),
            lambda found, present: found[(slice(None), slice(None), 0, *others)],
            len(range(start, stop, step)),
            sum(not isinstance(one, int) for one in keys[:place]),
        )
    ]


def crop(view: OpView) -> Ruling:
    return _cut(view, view.operation.cropping, -1)


def pad(view: OpView) -> Ruling:
    return _cut(view, view.operation.padding, 1)


def _cut(view: OpView, sides: Any, sign: int) -> Ruling:
    if getattr(view.operation, "data_format", "channels_last") != "channels_last":
        return "its channels come first"
    if view.axis == 0:
        return view.each()
    pairs = [(side, side) if isinstance(side, int) else tuple(side) for side in sides]
    if len(view.shape) == 3:
        pairs = [tuple(sides)]
    if view.axis > len(pairs):
        return MIXES
    before, after = pairs.pop(view.axis - 1)
    rest = [(0, 0), (0, 0), *pairs, (0, 0)]

    def call(found: Any, present: Present) -> Any:
        found = found[:, :, 0]
        if not present.all():
            found = found * ops.cast(present.reshape(1, -1, *[1] * len(view.rest)), found.dtype)
        if not any(map(any, rest)):
            return found
        if sign > 0:
            return ops.pad(found, rest)
        return found[tuple(slice(low, side - high) for (low, high), side in zip(rest, found.shape, strict=True))]

    return [Windowed(Taps(1, 1, 1, sign * before), call, view.length + sign * (before + after), view.axis)]


def _same(found: Any, present: Present) -> Any:
    return found[:, :, 0]
