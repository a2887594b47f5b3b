"""Faults of sequence: a station of the line acts at another time, or not at all, while everything else goes on.

A station is a region of the picture in which something happens from time to time: it acts and rests. Its actions are
left out, delayed or swapped by showing the region at other times. Where nothing acts from time to time, no such fault
can be made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stillmotion.anomaly.faults.scene import LEAD_SECONDS, TAIL_SECONDS, Box, FaultyScene, Scene, Times
from stillmotion.anomaly.measuring import FLOW_SIDE, import_opencv

# Blocks along a side; the share of the time for which a block of a station is active; how long an action lasts.
BLOCKS = 28
ACTIVE = (0.02, 0.6)
ACTION_SECONDS = (0.15, 3.0)
# Levels by which an active block differs from what it mostly looks like; blocks of a station, at least.
CHANGE, FEWEST_BLOCKS = 12.0, 4
# Rest before and after an action.
REST_SECONDS = 0.3
# In place of a time: the moment at rest whose surroundings are most like those of now. So a lamp elsewhere is on or off
# in all of the picture.
AT_REST = np.nan


@dataclass(frozen=True)
class Station:
    """A region that acts from time to time.

    Attributes:
        mask: float32 `(side, side)`, 1 inside, with soft edges.
        box: around it.
        actions: when each begins and ends.
    """

    mask: NDArray[np.float32]
    box: Box
    actions: tuple[tuple[float, float], ...]


def skip_step(scene: Scene, count: float, rng: np.random.Generator) -> FaultyScene | None:
    """So many actions of a station in a row do not happen."""
    choices = [
        (station, station.actions[place : place + int(count)])
        for station in find_stations(scene)
        for place in _usable(scene, station, int(count))
    ]
    if not choices:
        return None
    station, actions = choices[rng.integers(len(choices))]

    def source(times: Times) -> Times:
        return np.where(_during(times, actions), AT_REST, times)

    return _shown_elsewhen(scene, actions[0][0], actions[-1][1], [(station, source)])


def delay_step(scene: Scene, seconds: float, rng: np.random.Generator) -> FaultyScene | None:
    """An action of a station happens so much later."""
    choices = []
    for station in find_stations(scene):
        for place in _usable(scene, station, 1):
            start, end = station.actions[place]
            following = station.actions[place + 1][0] if place + 1 < len(station.actions) else scene.end_seconds
            if end + seconds < following:
                choices.append((station, start, end))
    if not choices:
        return None
    station, start, end = choices[rng.integers(len(choices))]

    def source(times: Times) -> Times:
        waiting = (times >= start - REST_SECONDS / 2) & (times < start + seconds - REST_SECONDS / 2)
        acting = (times >= start + seconds - REST_SECONDS / 2) & (times < end + seconds)
        return np.where(waiting, AT_REST, np.where(acting, times - seconds, times))

    return _shown_elsewhen(scene, start, end + seconds, [(station, source)])


def swap_steps(scene: Scene, _: float, rng: np.random.Generator) -> FaultyScene | None:
    """A station acts when the next one should, and that one when the first should."""
    stations = find_stations(scene)
    choices = []
    for first in stations:
        for place in _usable(scene, first, 1):
            start, end = first.actions[place]
            for second in stations:
                for other in _usable(scene, second, 1):
                    begin, finish = second.actions[other]
                    if second is not first and 0.3 <= begin - start <= 4.0:
                        choices.append(((first, start, end), (second, begin, finish)))
    if not choices:
        return None
    (first, start, end), (second, begin, finish) = choices[rng.integers(len(choices))]
    shift = begin - start
    limit = max(finish, end + shift)

    def moved(start: float, end: float, shift: float) -> Callable[[Times], Times]:
        def source(times: Times) -> Times:
            acting = _during(times - shift, [(start, end)])
            left_out = _during(times, [(start, end)])
            return np.where(acting, times - shift, np.where(left_out, AT_REST, times))

        return source

    pairs = [(first, moved(start, end, shift)), (second, moved(begin, finish, -shift))]
    return _shown_elsewhen(scene, start, limit, pairs)


def find_stations(scene: Scene) -> list[Station]:
    """The regions of a scene that act from time to time, the largest first.

    A part of the picture acts while it looks unlike it mostly does. Parts that act at the same times are one station,
    such as a lamp and what it shines on. What always moves, such as a belt, is none.
    """
    cv2 = import_opencv()
    times = np.asarray((np.arange(int(scene.end_seconds * scene.rate)) + 0.5) / scene.rate, np.float64)
    shown = scene.shown_at(times)
    blocks = _blocks(scene.grays[shown].astype(np.float32))
    unlike = blocks - np.median(blocks, axis=0)
    active = np.abs(unlike) > CHANGE
    flows = [np.hypot(*np.moveaxis(scene.flow(*pair), -1, 0)) for pair in pairwise(shown)]
    moving = (_blocks(np.stack(flows)) > 0.5).mean(axis=0)
    share = active.mean(axis=0)
    waiting = (share >= ACTIVE[0]) & (share <= ACTIVE[1]) & (moving < 0.6)
    stations = []
    while waiting.sum() >= FEWEST_BLOCKS:
        seed = np.unravel_index(np.argmax(np.where(waiting, np.abs(unlike).max(axis=0), 0)), waiting.shape)
        pattern = active[:, seed[0], seed[1]][:, None, None]
        alike = (active & pattern).sum(axis=0) / np.maximum((active | pattern).sum(axis=0), 1)
        inside = waiting & (alike >= 0.6)
        waiting &= ~inside
        actions = _actions(active[:, inside].mean(axis=1) >= 0.5, times, scene.rate)
        if inside.sum() < FEWEST_BLOCKS or not actions:
            continue
        grown = ndimage.binary_dilation(inside, np.ones((3, 3), np.bool_))
        mask = cv2.resize(grown.astype(np.float32), (scene.side, scene.side), interpolation=cv2.INTER_LINEAR)
        rows, columns = (np.flatnonzero(grown.any(axis=axis)) / BLOCKS for axis in (1, 0))
        step = 1 / BLOCKS
        box = (float(rows[0]), float(columns[0]), float(rows[-1] + step), float(columns[-1] + step))
        stations.append(Station(mask, box, actions))
    return sorted(stations, key=lambda station: -float(station.mask.sum()))


def _blocks(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of blocks: `(n, 112, 112)` to `(n, BLOCKS, BLOCKS)`."""
    width = FLOW_SIDE // BLOCKS
    blocks: NDArray[np.float32] = pictures.reshape(len(pictures), BLOCKS, width, BLOCKS, width).mean(axis=(2, 4))
    return blocks


def _actions(active: NDArray[np.bool_], times: Times, rate: float) -> tuple[tuple[float, float], ...]:
    """The stretches in which a region is active; none if it does not rest in between for as long."""
    joined = ndimage.binary_closing(np.pad(active, 3), np.ones(3, np.bool_))[3:-3]
    edges = np.diff(np.concatenate([[0], joined.astype(int), [0]]))
    half = 0.5 / rate
    found = [
        (float(times[first]) - half, float(times[last - 1]) + half)
        for first, last in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    ]
    lengths = [end - start for start, end in found]
    if not found or max(lengths) > ACTION_SECONDS[1] or sum(lengths) > 0.6 * float(times[-1]):
        return ()
    return tuple(action for action in found if action[1] - action[0] >= ACTION_SECONDS[0])


def _usable(scene: Scene, station: Station, count: int) -> list[int]:
    """The actions that begin late and end early enough, and before which the station has rested."""
    usable = []
    for place in range(len(station.actions) - count + 1):
        start, end = station.actions[place][0], station.actions[place + count - 1][1]
        before = station.actions[place - 1][1] if place else 0.0
        inside = start >= scene.start_seconds and end + TAIL_SECONDS <= scene.end_seconds
        if inside and start - before >= 2 * REST_SECONDS:
            usable.append(place)
    return usable


def _frames_at(scene: Scene, station: Station, times: Times, sources: Times) -> NDArray[np.intp]:
    """The frame of a station that is shown at each time, where sources say from when."""
    cv2 = import_opencv()
    resting = np.flatnonzero(~_during(scene.seconds, station.actions))
    outside = 1 - cv2.resize(station.mask, (FLOW_SIDE, FLOW_SIDE), interpolation=cv2.INTER_AREA)
    surroundings = _blocks(scene.grays[resting] * outside)
    shown = scene.shown_at(np.where(np.isnan(sources), times, sources))
    for slot in np.flatnonzero(np.isnan(sources)) if len(resting) else ():
        now = _blocks(scene.grays[shown[slot]][None] * outside)
        shown[slot] = resting[np.abs(surroundings - now).mean(axis=(1, 2)).argmin()]
    return shown


def _during(times: Times, actions: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Whether each time is in an action, or just before or after it."""
    inside = np.zeros(len(times), np.bool_)
    for start, end in actions:
        inside |= (times >= start - REST_SECONDS / 2) & (times < end + REST_SECONDS / 2)
    return inside


def _shown_elsewhen(
    scene: Scene, start: float, end: float, parts: list[tuple[Station, Callable[[Times], Times]]]
) -> FaultyScene | None:
    """A scene in which stations are shown at other times."""
    if end + TAIL_SECONDS > scene.end_seconds + 0.5 / scene.rate:
        return None
    # The fault may begin late in the scene: what is long before it is left out.
    times = scene.slots(end)
    times = times[-int((LEAD_SECONDS + end - start + TAIL_SECONDS) * scene.rate) :]
    shown = scene.shown_at(times)
    changed, boxes = {}, {}
    sources = [(station, _frames_at(scene, station, times, source(times))) for station, source in parts]
    for slot in range(len(times)):
        picture = scene.images[shown[slot]].astype(np.float32)
        for station, elsewhen in sources:
            if elsewhen[slot] != shown[slot]:
                mask = station.mask[..., None]
                picture = picture + (scene.images[elsewhen[slot]] - picture) * mask
                changed[slot] = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
        if start <= times[slot] <= end + TAIL_SECONDS:
            boxes[slot] = _around([station.box for station, _ in sources])
    return FaultyScene(times, shown, start, end, changed, boxes) if changed else None


def _around(boxes: list[Box]) -> Box:
    """The box around boxes."""
    edges = np.array(boxes)
    top, left = edges[:, :2].min(axis=0)
    bottom, right = edges[:, 2:].max(axis=0)
    return float(top), float(left), float(bottom), float(right)
