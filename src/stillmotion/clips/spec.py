"""What a clip is: how many pictures, how far apart in time, how large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stillmotion.errors import UsageError

Rate = float | Literal["spread"]
Order = Literal["forward", "shuffled", "frozen"]

# A clip longer than this shows little of any one movement.
LONGEST_SECONDS = 10.0


@dataclass(frozen=True)
class ClipSpec:
    """`frames` pictures at `rate` a second, stretched to `size`: a side, or (height, width).

    A window of `frames / rate` seconds is cut into `frames` equal slots, and a clip shows the picture
    in the middle of each::

        window      |--------------------------------------|
        slots       |---------|---------|---------|--------|
        clip             ^         ^         ^        ^         frames=4

    With `rate="spread"` the window is the whole labelled stretch, however long it is. So is it where
    the stretch is shorter than `frames / rate`.

    `order` is for controlled counterparts, which are trained without motion to see what that costs: "shuffled" takes
    the frames in a random order, the same for a window each time, "frozen" the middle one over and over.
    """

    frames: int = 16
    rate: Rate = "spread"
    size: int | tuple[int, int] = 64
    order: Order = "forward"

    def __post_init__(self) -> None:
        if isinstance(self.size, list):  # as JSON gives it
            object.__setattr__(self, "size", tuple(self.size))
        if self.frames < 1:
            raise UsageError(f"frames is {self.frames}; a clip has 1 frame or more")
        if self.rate != "spread" and not 0 < float(self.rate) < 10_000:
            raise UsageError(f"rate is {self.rate}; expected 'spread' or frames a second above 0")
        if min(self.height, self.width) < 16:
            raise UsageError(f"size is {self.height}x{self.width}; the smallest is 16x16")

    @property
    def height(self) -> int:
        """In pixels."""
        return self.size if isinstance(self.size, int) else self.size[0]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.size if isinstance(self.size, int) else self.size[1]

    @property
    def seconds(self) -> float | None:
        """How long a window is; None if that is up to the stretch."""
        return None if self.rate == "spread" else self.frames / self.rate


def choose_rate(durations: Sequence[float], frames: int) -> tuple[Rate, str]:
    """The rate that suits stretches of these lengths, and one line that says why.

    Trimmed clips of one action each are short and of like length: their frames are spread. From longer
    ones windows are cut, as long as the stretches typically last, and 10 seconds at most.

    Args:
        durations: of the labelled stretches, in seconds; those of pictures are 0 and do not count.
        frames: of a clip.
    """
    lengths = np.array([seconds for seconds in durations if seconds > 0])
    if len(lengths) == 0:
        return "spread", "rate: spread (there are only pictures)"
    typical, long = float(np.median(lengths)), float(np.quantile(lengths, 0.95))
    if long <= max(2 * LONGEST_SECONDS, 0.0) and long <= 4 * typical:
        return "spread", f"rate: spread, {frames} frames over each video (trimmed: {_span(lengths)})"
    rate = float(f"{frames / min(typical, LONGEST_SECONDS):.3g}")
    return rate, (
        f"rate: {rate:g} frames a second, windows of {frames / rate:.3g} s (long or untrimmed: {_span(lengths)})"
    )


def _span(lengths: np.ndarray) -> str:
    low, typical, high = lengths.min(), np.median(lengths), lengths.max()
    return f"{low:.3g} to {high:.3g} s, typically {typical:.3g} s"
