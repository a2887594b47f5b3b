"""Resample frames that arrive at their own times to the model's rate, as they arrive."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Generic, TypeVar

from stillmotion.decoding import TICK

FrameT = TypeVar("FrameT")


class FrameResampler(Generic[FrameT]):
    """Gives the frame on screen in the middle of each slot of `1 / rate` seconds, as `read_clips` does for files.

    Slot n starts at `start + n / rate`. Its frame is the last that began by its middle, which is known once a later
    frame has begun::

        slots       |---------|---------|---------|
        middles          ^         ^         ^
        frames      a  b    c    d        e   f         gives b, d, e

    Args:
        rate: slots per second.
        start: when the first slot starts, in seconds.

    Attributes:
        slots: the number of slots given so far.
        shown: the last frame that was pushed.
    """

    def __init__(self, rate: float, start: float = 0.0) -> None:
        self.rate, self.start = rate, start
        self.slots = 0
        self.shown: FrameT | None = None

    def push(self, seconds: float, frame: FrameT) -> Iterator[tuple[float, FrameT]]:
        """Take the next frame.

        Args:
            seconds: when it begins.
            frame: the frame.

        Yields:
            For each slot that is now decided, the time at which it ends and its frame.
        """
        while self.shown is not None and self._middle() + TICK < seconds:
            yield self._next(self.shown)
        self.shown = frame

    def due(self, seconds: float) -> int:
        """About how many slots `push` would give for a frame that begins at this time."""
        return 0 if self.shown is None else max(0, math.floor((seconds - self._middle()) * self.rate) + 1)

    def flush(self, end: float) -> Iterator[tuple[float, FrameT]]:
        """Give the remaining slots, where the last frame is shown until `end`, in seconds.

        Yields:
            For each slot, the time at which it ends and its frame.
        """
        total = math.floor((end - self.start) * self.rate + 1e-6)
        while self.shown is not None and self.slots < total:
            yield self._next(self.shown)

    def _middle(self) -> float:
        """The middle of the next slot."""
        return self.start + (self.slots + 0.5) / self.rate

    def _next(self, frame: FrameT) -> tuple[float, FrameT]:
        """Count a slot; its end and its frame."""
        self.slots += 1
        return self.start + self.slots / self.rate, frame
