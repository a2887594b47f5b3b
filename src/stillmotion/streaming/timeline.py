"""Where the slices of a window are in time, and which of them windows share. Pure arithmetic, no Keras.

A tensor with a time axis has `length` slices for each window. Slice j of the window that begins at frame s is at
position s + j * stride. The slices of the interior, first <= j < last, depend only on the frames around their position,
so windows that overlap share them. The slices outside of it depend on where the window begins or ends (by padding, or
by a difference from a frame that is not there), and are computed for each window::

    window at s        [head]  [ . . interior, shared . . ]  [tail]
    slice j              0      first                 last-1   length-1

A stream is worked on in blocks of `windows` windows, `hop` frames apart. In each block the interior grows by
`windows * fresh` slices, `spacing` frames apart, which the block before has not seen yet. They are packed into one
tensor with the heads and tails of all windows of the block::

    packed  [ windows * fresh new interior slices | heads of all windows | tails of all windows ]

In front of it are the interior slices that are kept from earlier blocks, the history.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Timeline:
    """The time axis of one tensor, in streams whose windows are `hop` frames apart.

    Attributes:
        hop: frames from one window to the next.
        length: slices of a window.
        stride: frames from one slice of a window to the next.
        first: the first slice of the interior.
        last: the slice after the last one of the interior.
    """

    hop: int
    length: int
    stride: int = 1
    first: int = 0
    last: int = 0

    @property
    def spacing(self) -> int:
        """Frames between neighboring interior slices. With a hop of 1, every phase of the stride occurs."""
        return math.gcd(self.hop, self.stride)

    @property
    def fresh(self) -> int:
        """New interior slices per window."""
        return self.hop // self.spacing

    @property
    def edges(self) -> int:
        """Slices of a window that it shares with no other window."""
        return self.length - self.last + self.first

    @property
    def work(self) -> int:
        """Slices computed per window, out of `length`."""
        return self.fresh + self.edges

    @property
    def pays(self) -> bool:
        """Whether sharing takes no more work than computing each window by itself."""
        return self.last > self.first and self.work <= self.length

    def packed(self, windows: int) -> int:
        """Slices in the packed tensor of a block."""
        return windows * self.work

    def of_interior(self, position: Indices) -> Indices:
        """Places of interior slices, by position in frames from the block's first window. Below 0: in the history."""
        return (position - (self.last - 1) * self.stride + self.hop) // self.spacing - 1

    def of_slice(self, window: Indices, slice_: Indices, windows: int) -> Indices:
        """Places in the packed tensor of slice j of the block's n-th window. Below 0: in the history."""
        tail = windows * (self.fresh + self.first)
        return np.select(
            [slice_ < self.first, slice_ >= self.last],
            [
                windows * self.fresh + window * self.first + slice_,
                tail + window * (self.length - self.last) + slice_ - self.last,
            ],
            self.of_interior(window * self.hop + slice_ * self.stride),
        )

    def of_windows(self, windows: int) -> Indices:
        """The places of all slices of each window, `(windows, length)`."""
        window, slice_ = np.meshgrid(np.arange(windows), np.arange(self.length), indexing="ij")
        return self.of_slice(window, slice_, windows)


@dataclass(frozen=True)
class Taps:
    """Slice j of the result is made of slices j * stride + i * dilation - before, for i from 0 to count - 1."""

    count: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0

    def result(self, source: Timeline, length: int) -> Timeline:
        """The timeline of a result that has `length` slices per window."""
        reach = (self.count - 1) * self.dilation
        first = max(0, -((-(source.first + self.before)) // self.stride))
        last = min(length, (source.last - 1 + self.before - reach) // self.stride + 1)
        return Timeline(source.hop, length, source.stride * self.stride, first, max(last, 0))

    def places(self, source: Timeline, result: Timeline, windows: int) -> tuple[Indices, NDArray[np.bool_]]:
        """Which slices of the source each packed slice of the result is made of.

        Args:
            source: the timeline of the source.
            result: the timeline of the result.
            windows: windows of the block.

        Returns:
            Two arrays `(packed, count)`: the places in the source, and whether there is such a slice. Where there is
            none, the place is that of another tap which exists.
        """
        tap = np.arange(self.count) * self.dilation - self.before
        fresh = np.arange(windows * result.fresh)
        position = (result.last - 1) * result.stride - result.hop + result.spacing * (fresh + 1)
        interior = source.of_interior(position[:, None] + tap * source.stride)
        edges = np.concatenate([np.arange(result.first), np.arange(result.last, result.length)])
        blocks = [edges[: result.first], edges[result.first :]]
        window = np.concatenate([np.repeat(np.arange(windows), len(block)) for block in blocks])
        slices = np.concatenate([np.tile(block, windows) for block in blocks])
        wanted = slices[:, None] * self.stride + tap
        exists = (wanted >= 0) & (wanted < source.length)
        outer = source.of_slice(window[:, None], np.clip(wanted, 0, source.length - 1), windows)
        # In place of a slice that does not exist, take one of the same taps that does, if any.
        existing = np.take_along_axis(outer, exists.argmax(axis=1)[:, None], axis=1) if len(outer) else outer
        outer = np.where(exists, outer, existing)
        present = np.concatenate([np.ones(interior.shape, bool), exists])
        return np.concatenate([interior, outer]), present


def aligned(timelines: list[Timeline]) -> Timeline | None:
    """The timeline of what is made from these tensors slice by slice; None if their slices do not match."""
    first, *others = timelines
    if any((other.stride, other.length) != (first.stride, first.length) for other in others):
        return None
    begin, end = max(timeline.first for timeline in timelines), min(timeline.last for timeline in timelines)
    return Timeline(first.hop, first.length, first.stride, begin, max(end, 0))
