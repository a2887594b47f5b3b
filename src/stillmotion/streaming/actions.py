"""What can be done with a time axis. A rule (see `rules/`) turns an operation into a chain of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.models.keras_graph import Node, Shape
from stillmotion.streaming.timeline import Taps

# Which slices there are around each, `(slices, taps)`: constant.
Present = NDArray[np.bool_]

# Where a tensor's time axis is; frames that are folded into the batch, `(batch * time, ...)`, are at axis 0.
Axis = int
Tensors = Callable[..., Any]


@dataclass(frozen=True)
class PerFrame:
    """Slice by slice: `call` takes tensors with any number of slices at their time axis, and gives as many."""

    call: Tensors
    axis: Axis


@dataclass(frozen=True)
class Windowed:
    """From a few neighbouring slices.

    `call` takes `(batch, slices, taps, ...)` and a constant bool `(slices, taps)`, which of them there are, and gives
    `(batch, slices, ...)`. The result has `length` slices a window, and its time axis at `axis`.
    """

    taps: Taps
    call: Tensors
    length: int
    axis: Axis


@dataclass(frozen=True)
class FullWindow:
    """From all slices of a window: `call` takes the tensors as the model has them. Nothing is shared after it.

    Both others, where there are any, take new slices `(batch, slices, ...)` and a state or None, and give results and
    the state. `carry` goes on from the last slice seen instead of beginning anew with each window; its results are
    `(batch, slices, ...)`. `abreast` is another way to the same answers, see `ParallelWindows`.
    """

    call: Tensors
    carry: Tensors | None = None
    abreast: ParallelWindows | None = None


@dataclass(frozen=True)
class Stateful:
    """A `FullWindow` that goes on from the last slice seen."""

    call: Tensors


@dataclass(frozen=True)
class ParallelWindows:
    """A `FullWindow` that does with each new slice a step of all windows that it lies in, side by side.

    The windows' states are kept between blocks; `call` also takes the hop, and gives `(batch, windows, ...)`.
    """

    call: Tensors


Action = PerFrame | Windowed | FullWindow | Stateful | ParallelWindows


@dataclass(frozen=True)
class OpView:
    """An operation whose tensors all have their time axis, of `length` slices, at `axis`; its shapes."""

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
        """Of the first tensor."""
        return self.shapes[0]

    @property
    def rest(self) -> tuple[int, ...]:
        """Of one slice of the first tensor."""
        return rest_of(self.shape, self.axis)

    def call(self, *tensors: Any) -> Any:
        """The operation itself."""
        return self.node.call(dict(zip(self.node.inputs, tensors, strict=True)))

    def each(self, axis: Axis | None = None) -> list[Action]:
        """The operation itself, slice by slice; the time axis stays, or goes to `axis`."""
        return [PerFrame(self.call, self.axis if axis is None else axis)]

    def axes(self, given: int | tuple[int, ...] | list[int]) -> tuple[int, ...]:
        """Axes counted from the front."""
        many = (given,) if isinstance(given, int) else tuple(given)
        return tuple(axis % len(self.shape) for axis in many)


# A chain of actions, or the reason why there is none.
Ruling = list[Action] | str
Rule = Callable[[OpView], Ruling]


def rest_of(shape: Shape, axis: Axis) -> tuple[int, ...]:
    """The shape of one slice."""
    rest = shape[1:] if axis == 0 else (*shape[1:axis], *shape[axis + 1 :])
    return tuple(int(side or 0) for side in rest)
