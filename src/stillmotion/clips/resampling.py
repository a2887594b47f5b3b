"""Frames at their own times -> frames at the model's rate, as they come."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Generic, TypeVar

from stillmotion.decoding import TICK

P = TypeVar("P")


class FrameResampler(Generic[P]):
    """The picture on screen in the middle of each slot of `1 / rate` seconds: as `read_clips`, without the file.

    The n-th slot lasts from `start + n / rate`. Its picture is the last that began by its middle, known once a later
    one has begun::

        slots       |---------|---------|---------|
        middles          ^         ^         ^
        pictures    a  b    c    d        e   f         b, c or d, d or e
    """

    def __init__(self, rate: float, start: float = 0.0) -> None:
        self.rate, self.start = rate, start
        self.slots = 0
        self.shown: P | None = None

    def push(self, seconds: float, picture: P) -> Iterator[tuple[float, P]]:
        """A picture that begins now; out come the slots that it ends, with the time when each ends."""
        while self.shown is not None and self._middle() + TICK < seconds:
            yield self._next(self.shown)
        self.shown = picture

    def due(self, seconds: float) -> int:
        """How many slots a picture that begins now would end, about."""
        return 0 if self.shown is None else max(0, math.floor((seconds - self._middle()) * self.rate) + 1)

    def flush(self, end: float) -> Iterator[tuple[float, P]]:
        """The slots that are left, where the last picture is shown until `end`."""
        left = math.floor((end - self.start) * self.rate + 1e-6)
        while self.shown is not None and self.slots < left:
            yield self._next(self.shown)

    def _middle(self) -> float:
        return self.start + (self.slots + 0.5) / self.rate

    def _next(self, picture: P) -> tuple[float, P]:
        self.slots += 1
        return self.start + self.slots / self.rate, picture
