"""Which times of a segment become frames of clips: pure functions of the spec, the segment and a random generator."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips.spec import ClipSpec

Window = tuple[float, float]  # start and end in seconds

# Training takes its windows from at most this many places in a long segment: the cache need not hold an hour of frames.
MAX_PLACES = 32
# Each place is this many windows long, so that the windows from one place differ.
WINDOWS_PER_PLACE = 1.5
# If the whole segment is the window, training cuts off up to this share of it, half at either end.
MAX_TRIM = 0.2
MAX_CLIPS_PER_EPOCH = 8


def frame_times(spec: ClipSpec, window: Window) -> NDArray[np.float64]:
    """Compute when the frames of a clip are taken: in the middle of each slot of the window, in the spec's order.

    Args:
        spec: what a clip is.
        window: start and end, in seconds.

    Returns:
        `(frames,)` seconds.
    """
    start, end = window
    if spec.order == "frozen":
        return np.full(spec.frames, (start + end) / 2)
    slots = np.arange(spec.frames)
    if spec.order == "shuffled":
        # Seeded by the window in milliseconds: the same window is always shuffled in the same way.
        slots = np.random.default_rng([abs(round(1000 * seconds)) for seconds in window]).permutation(slots)
    return start + (slots + 0.5) * (end - start) / spec.frames


def even_windows(spec: ClipSpec, segment: Window, max_windows: int | None = None) -> list[Window]:
    """Spread windows evenly over a segment: the first starts and the last ends with it.

    Args:
        spec: what a clip is.
        segment: start and end, in seconds.
        max_windows: the largest number of windows; by default as many as leave no gap.

    Returns:
        Start and end of each window. It is the whole segment if clips are spread or the segment is shorter than a clip.
    """
    length = _window_seconds(spec, segment)
    if length is None:
        return [segment]
    start, end = segment
    count = math.ceil((end - start) / length - 1e-6)
    starts = np.linspace(start, end - length, min(count, max_windows or count))
    return [(float(begin), float(begin) + length) for begin in starts]


def random_window(spec: ClipSpec, segment: Window, rng: np.random.Generator) -> Window:
    """Draw a window for training: anywhere in the segment, or most of it if the whole segment is the window.

    Args:
        spec: what a clip is.
        segment: start and end, in seconds.
        rng: where the random draws come from.

    Returns:
        Start and end of the window, in seconds, within the segment.
    """
    length = _window_seconds(spec, segment)
    if length is None:
        start, end = segment
        trim_start, trim_end = rng.uniform(0, MAX_TRIM / 2, size=2) * (end - start)
        return start + float(trim_start), end - float(trim_end)
    places = _places(length, segment)
    start, end = places[int(rng.integers(len(places)))]
    begin = float(rng.uniform(start, end - length))
    return begin, begin + length


def pool_times(spec: ClipSpec, segment: Window) -> NDArray[np.float64]:
    """Compute the times of the frames from which every `random_window` of a segment takes its own.

    They are decoded once. There are four times as many as in a clip if clips are spread, and they are twice as dense
    as in a clip if clips have a rate.

    Args:
        spec: what a clip is.
        segment: start and end, in seconds.

    Returns:
        `(times,)` seconds, ascending.
    """
    length = _window_seconds(spec, segment)
    if length is None:
        start, end = segment
        count = 4 * spec.frames
        return start + (np.arange(count) + 0.5) * (end - start) / count
    step = length / spec.frames / 2
    return np.concatenate([np.arange(start, end + step / 2, step) for start, end in _places(length, segment)])


def clips_per_epoch(spec: ClipSpec, segment: Window) -> int:
    """Compute how many clips training draws from a segment in each epoch: one per window that fits, 1 to 8.

    Args:
        spec: what a clip is.
        segment: start and end, in seconds.

    Returns:
        The number of clips.
    """
    length = spec.seconds
    return 1 if length is None else max(1, min(MAX_CLIPS_PER_EPOCH, int((segment[1] - segment[0]) / length)))


def _window_seconds(spec: ClipSpec, segment: Window) -> float | None:
    """The length of the windows that are cut from a segment; None if the whole segment is the window."""
    start, end = segment
    return None if spec.seconds is None or end - start <= spec.seconds else spec.seconds


def _places(length: float, segment: Window) -> list[Window]:
    """Where windows for training are: anywhere in the segment, or in evenly spread places of a long one."""
    start, end = segment
    place = WINDOWS_PER_PLACE * length
    if end - start <= place * MAX_PLACES:
        return [segment]
    return [(float(begin), float(begin) + place) for begin in np.linspace(start, end - place, MAX_PLACES)]
