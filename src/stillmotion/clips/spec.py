"""What a clip is: how many frames, how far apart in time, and how large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from stillmotion.decoding import Framing
from stillmotion.errors import UsageError

Rate = float | Literal["spread"]
Order = Literal["forward", "shuffled", "frozen"]

# A clip longer than this shows little of any one movement.
MAX_CLIP_SECONDS = 10.0
MIN_SIDE = 16  # pixels
MAX_RATE = 10_000  # frames per second that no camera has


@dataclass(frozen=True)
class ClipSpec:
    """How a clip is taken from a video.

    A window of `frames / rate` seconds is divided into `frames` equal slots. The clip shows the frame in the middle of
    each::

        window      |--------------------------------------|
        slots       |---------|---------|---------|--------|
        clip             ^         ^         ^        ^         frames=4

    With `rate="spread"` the window is the whole labeled segment, however long it is. So it is if the segment is
    shorter than `frames / rate`.

    Attributes:
        frames: the number of frames.
        rate: frames per second, or "spread".
        size: of the frames in pixels: one side of a square, or (height, width).
        order: "forward", except in control experiments that train without motion to measure what that costs:
            "shuffled" puts the frames in a random order, always the same for the same window, and "frozen" repeats the
            middle frame. It is part of the spec because a model must be tested on clips like those it was trained on.
        framing: how a frame of another aspect ratio gets this size: "stretch" (the whole frame, its aspect ratio not
            kept), "crop" (the largest centered part with the aspect ratio of the size) or "letterbox" (the whole frame,
            padded with black). Runs are trained on stretched frames.

    Examples:
        >>> spec = sm.ClipSpec(frames=16, rate=8, size=(96, 128))
        >>> spec.seconds
        2.0
    """

    frames: int = 16
    rate: Rate = "spread"
    size: int | tuple[int, int] = 64
    order: Order = "forward"
    framing: Framing = "stretch"

    def __post_init__(self) -> None:
        if isinstance(self.size, list):  # JSON has no tuples.
            object.__setattr__(self, "size", tuple(self.size))
        if not isinstance(self.frames, Integral) or self.frames < 1:
            raise UsageError(f"frames is {self.frames!r}; a clip has 1 frame or more")
        if self.rate != "spread" and not (isinstance(self.rate, Real) and 0 < self.rate < MAX_RATE):
            raise UsageError(f"rate is {self.rate!r}; expected 'spread' or frames per second above 0")
        sides = self.size if isinstance(self.size, tuple) else (self.size, self.size)
        if len(sides) != 2 or not all(isinstance(side, Integral) for side in sides):
            raise UsageError(f"size is {self.size!r}; expected pixels like 64, or (height, width)")
        if min(self.height, self.width) < MIN_SIDE:
            raise UsageError(f"size is {self.height}x{self.width}; the smallest is {MIN_SIDE}x{MIN_SIDE}")
        if self.order not in get_args(Order):
            raise UsageError(f"order is {self.order!r}; expected {', '.join(get_args(Order))}")
        if self.framing not in get_args(Framing):
            raise UsageError(f"framing is {self.framing!r}; expected {', '.join(get_args(Framing))}")

    @property
    def height(self) -> int:
        """The height of a frame in pixels."""
        return self.size[0] if isinstance(self.size, tuple) else self.size

    @property
    def width(self) -> int:
        """The width of a frame in pixels."""
        return self.size[1] if isinstance(self.size, tuple) else self.size

    @property
    def seconds(self) -> float | None:
        """The length of a window; None if it is that of the segment."""
        return None if self.rate == "spread" else self.frames / self.rate


def choose_rate(durations: Sequence[float], frames: int, own_rates: Sequence[float] = ()) -> tuple[Rate, str]:
    """Choose the frame rate that suits segments of these durations.

    Trimmed videos of one action each are short and of similar length: their frames are spread. From longer ones,
    windows are cut that are as long as the typical segment, and 10 seconds at most.

    Args:
        durations: of the labeled segments, in seconds. Those of still images are 0 and do not count.
        frames: the number of frames in a clip.
        own_rates: frames per second of the videos, which the rate does not exceed.

    Returns:
        The rate, and one line that says why.

    Examples:
        >>> sm.choose_rate([2.0, 2.5, 3.0], frames=16)
        ('spread', 'rate: spread, 16 frames over each video (trimmed: 2 to 3 s, typically 2.5 s)')
    """
    lengths = np.array([seconds for seconds in durations if seconds > 0])
    if len(lengths) == 0:
        return "spread", "rate: spread (there are only images)"
    typical, long = float(np.median(lengths)), float(np.quantile(lengths, 0.95))
    if long <= 2 * MAX_CLIP_SECONDS and long <= 4 * typical:
        return "spread", f"rate: spread, {frames} frames over each video (trimmed: {_range_of(lengths)})"
    wanted = float(f"{frames / min(typical, MAX_CLIP_SECONDS):.3g}")
    rate = cap_rate(wanted, own_rates)
    capped = f", no more than the videos have themselves, instead of {wanted:g}" if rate < wanted else ""
    return rate, (
        f"rate: {rate:g} frames per second{capped}, windows of {frames / rate:.3g} s "
        f"(long or untrimmed: {_range_of(lengths)})"
    )


def cap_rate(rate: float, own_rates: Sequence[float]) -> float:
    """Lower a rate to the highest that any video has: more frames than that would be the same ones again.

    Args:
        rate: frames per second.
        own_rates: those of the videos.

    Returns:
        The rate, or a lower one.
    """
    highest = max(own_rates, default=rate)
    # Headers are not exact: 29.97 is 30.
    return rate if rate <= 1.01 * highest else float(f"{highest:.3g}")


def _range_of(lengths: NDArray[np.float64]) -> str:
    """The shortest, longest and median length in words."""
    low, typical, high = lengths.min(), np.median(lengths), lengths.max()
    return f"{low:.3g} to {high:.3g} s, typically {typical:.3g} s"
