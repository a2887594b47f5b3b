"""When the pictures of a clip are taken: pure functions of the spec, the stretch and a random generator."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stillmotion.clips.spec import ClipSpec

Window = tuple[float, float]

# From a long stretch training takes at most so many places, lest the cache hold an hour of frames.
MOST_PLACES = 32
# A clip in training may begin and end up to this share of a trimmed stretch later and earlier.
TRIM = 0.2


def frame_times(spec: ClipSpec, window: Window) -> NDArray[np.float64]:
    """The times of a clip's frames, in seconds, shape `(frames,)`: the middle of each slot, in the spec's order."""
    start, end = window
    if spec.order == "frozen":
        return np.full(spec.frames, (start + end) / 2)
    slots = np.arange(spec.frames)
    if spec.order == "shuffled":
        slots = np.random.default_rng([abs(round(1000 * second)) for second in window]).permutation(slots)
    return start + (slots + 0.5) * (end - start) / spec.frames


def even_windows(spec: ClipSpec, segment: Window, most: int | None = None) -> list[Window]:
    """Windows that cover the stretch evenly: the first begins and the last ends with it.

    As many as it takes to leave no gap, or `most`.
    """
    start, end = segment
    length = spec.seconds
    if length is None or end - start <= length:
        return [segment]
    count = math.ceil((end - start) / length - 1e-6)
    starts = np.linspace(start, end - length, min(count, most or count))
    return [(float(begin), float(begin) + length) for begin in starts]


def random_window(spec: ClipSpec, segment: Window, rng: np.random.Generator) -> Window:
    """A window for training: anywhere in the stretch, or, of a trimmed one, most of it."""
    start, end = segment
    length = spec.seconds
    if length is None or end - start <= length:
        early, late = rng.uniform(0, TRIM / 2, size=2) * (end - start)
        return start + float(early), end - float(late)
    place_start, place_end = _pick(length, segment, rng)
    begin = float(rng.uniform(place_start, place_end - length))
    return begin, begin + length


def pool_times(spec: ClipSpec, segment: Window) -> NDArray[np.float64]:
    """Times of the frames from which any `random_window` of the stretch takes its own, in seconds.

    Four times as dense as the clip when spread, twice when at a rate.
    """
    start, end = segment
    length = spec.seconds
    if length is None or end - start <= length:
        count = 4 * spec.frames
        return start + (np.arange(count) + 0.5) * (end - start) / count
    step = length / spec.frames / 2
    return np.concatenate([np.arange(begin, stop + step / 2, step) for begin, stop in _places(length, segment)])


def clips_per_epoch(spec: ClipSpec, segment: Window) -> int:
    """How many clips training draws from the stretch in each epoch: more from a longer one, 8 at most."""
    length = spec.seconds
    return 1 if length is None else max(1, min(8, int((segment[1] - segment[0]) / length)))


def _places(length: float, segment: Window) -> list[Window]:
    """Where in the stretch windows for training lie: all of it, or even places in a long one."""
    start, end = segment
    if end - start <= 1.5 * length * MOST_PLACES:
        return [segment]
    return [
        (float(begin), float(begin) + 1.5 * length) for begin in np.linspace(start, end - 1.5 * length, MOST_PLACES)
    ]


def _pick(length: float, segment: Window, rng: np.random.Generator) -> Window:
    places = _places(length, segment)
    return places[int(rng.integers(len(places)))]
