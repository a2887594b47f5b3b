"""What can be done along a time axis. A rule (see `rules/`) turns an operation into a chain of these actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from stillmotion.models.keras_graph import Node, Shape
from stillmotion.streaming.timeline import Taps

# `(slices, taps)`: which of the slices that an output is made of exist. Constant when a block is compiled.
Present = NDArray[np.bool_]

# Where a tensor has its time axis. Frames that are folded into the batch, `(batch * time, ...)`, are at axis 0.
Axis = int
Tensors = Callable[..., Any]


@dataclass(frozen=True)
class PerFrame:
    """Works on each slice by itself.

    Attributes:
        call: takes tensors with any number of slices along their time axis, and returns as many slices.
        axis: the time axis of the result.
        unproved: whether nothing but the trial shows that it works on each slice by itself.
    """

    call: Tensors
    axis: Axis
    unproved: bool = False


@dataclass(frozen=True)
class Windowed:
    """Makes each slice from a few neighboring slices, as a convolution over time does.

    Attributes:
        taps: which slices.
        call: takes `(batch, slices, taps, ...)` and a constant bool array `(slices, taps)`, which says which of them
            exist; returns `(batch, slices, ...)`.
        length: slices per window of the result.
        axis: the time axis of the result.
    """

    taps: Taps
    call: Tensors
    length: int
    axis: Axis


@dataclass(frozen=True)
class ParallelWindows:
    """Advances all windows that a new slice belongs to, side by side.

    The states of the unfinished windows are kept from block to block.

    Attributes:
        call: takes new slices `(batch, slices, ...)`, the state or None, and the hop; returns the results of the
            windows that are complete, `(batch, windows, ...)`, and the state.
    """

    call: Tensors


@dataclass(frozen=True)
class FullWindow:
    """Needs all slices of a window, so that windows share nothing from here on.

    Attributes:
        call: takes whole windows, with the axes that the model has.
        parallel: another way to the same results, for windows that overlap much.
        batch: if given, `call` takes one window at a time, as often as this says, because it works across a batch or is
            built for this batch size.
    """

    call: Tensors
    parallel: ParallelWindows | None = None
    batch: int | None = None

    def run(self, windows: int, tensors: Sequence[Any]) -> list[Any]:
        """All results for a number of windows."""
        if self.batch is None:
            return list(keras.tree.flatten(self.call(*tensors)))
        parts = [ops.split(tensor, windows, axis=0) if windows > 1 else [tensor] for tensor in tensors]
        results = [self._alone([part[number] for part in parts]) for number in range(windows)]
        return [ops.concatenate(pieces, axis=0) if windows > 1 else pieces[0] for pieces in zip(*results, strict=True)]

    def _alone(self, window: Sequence[Any]) -> list[Any]:
        """The results for one window, given as often as the call wants."""
        copies = self.batch or 1
        if copies == 1:
            return list(keras.tree.flatten(self.call(*window)))
        results = keras.tree.flatten(self.call(*(ops.concatenate([tensor] * copies, axis=0) for tensor in window)))
        return [result[: int(result.shape[0]) // copies] for result in results]


Action = PerFrame | Windowed | FullWindow | ParallelWindows

# A chain of actions, or the reason why the operation cannot be divided.
Actions = list[Action] | str


@dataclass(frozen=True)
class OpView:
    """An operation as the rules see it: all of its tensors have their time axis at the same place.

    Attributes:
        node: the call of the operation.
        axis: the time axis of the inputs.
        length: slices per window of the inputs.
        shapes: the shapes of the inputs.
        result: the shape of the result.
    """

    node: Node
    axis: Axis
    length: int
    shapes: tuple[Shape, ...]
    result: Shape

    @property
    def operation(self) -> Any:
        return self.node.operation

    @property
    def shape(self) -> Shape:
        """The shape of the first input."""
        return self.shapes[0]

    @property
    def slice_shape(self) -> tuple[int, ...]:
        """The shape of one slice of the first input."""
        return slice_shape(self.shape, self.axis)

    def call(self, *tensors: Any) -> Any:
        """Call the operation on these inputs."""
        return self.node.call(dict(zip(self.node.inputs, tensors, strict=True)))

    def per_frame(self, axis: Axis | None = None) -> list[Action]:
        """The operation itself on each slice; the time axis stays, or moves to `axis`."""
        return [PerFrame(self.call, self.axis if axis is None else axis)]

    def positive_axes(self, axes: int | tuple[int, ...] | list[int]) -> tuple[int, ...]:
        """Axes of the first input as non-negative numbers."""
        return tuple(axis % len(self.shape) for axis in ((axes,) if isinstance(axes, int) else axes))


Rule = Callable[[OpView], Actions]


def slice_shape(shape: Shape, axis: Axis) -> tuple[int, ...]:
    """The shape of one slice, without batch and time."""
    sides = shape[1:] if axis == 0 else (*shape[1:axis], *shape[axis + 1 :])
    return tuple(int(side or 0) for side in sides)
