"""A scene: a stretch of normal footage, and the same stretch with a fault in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.measuring import FLOW_SIDE, Floats, import_opencv
from stillmotion.decoding.frames import Images, index_shown_at

Times = NDArray[np.float64]
# What is shown before a fault and after it. A score of motion is known after a second and a half.
LEAD_SECONDS, TAIL_SECONDS = 2.5, 1.5

# Upper edge, left, bottom and right in parts of the picture.
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Scene:
    """A stretch of normal footage, as a detector sees it.

    Attributes:
        images: uint8 RGB `(frames, side, side, 3)`, all frames of the source.
        seconds: `(frames,)`, when each begins; 0 is the scene's beginning.
        rate: how many frames per second the detector looks at.
        start_seconds: when a fault begins, at the earliest.
        longest_seconds: how long one may last.
        flows: movement between pairs of frames that was computed already.
    """

    images: Images
    seconds: Times
    rate: float
    start_seconds: float
    longest_seconds: float
    flows: dict[tuple[int, int], Floats] = field(default_factory=dict, repr=False, compare=False)

    @property
    def side(self) -> int:
        """Of the pictures, in pixels."""
        return int(self.images.shape[1])

    @property
    def end_seconds(self) -> float:
        """When the scene ends."""
        return float(self.seconds[-1])

    def slots(self, end_seconds: float) -> Times:
        """The times that the detector looks at, from before a fault until after its end."""
        first = round((self.start_seconds - LEAD_SECONDS) * self.rate)
        last = int((end_seconds + TAIL_SECONDS) * self.rate)
        return np.asarray((np.arange(first, last) + 0.5) / self.rate, np.float64)

    def shown_at(self, seconds: Times) -> NDArray[np.intp]:
        """Which frame is shown at each time."""
        return index_shown_at(self.seconds, np.clip(seconds, 0, self.end_seconds))

    @cached_property
    def grays(self) -> Images:
        """The frames in gray, as small as those that flow is computed on."""
        cv2 = import_opencv()
        small = (FLOW_SIDE, FLOW_SIDE)
        return np.stack(
            [
                cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), small, interpolation=cv2.INTER_AREA)
                for image in self.images
            ]
        )

    def flow(self, before: int, after: int) -> Floats:
        """How far each pixel of `grays` moves from one frame to another, `(112, 112, 2)`."""
        pair = int(before), int(after)
        if pair not in self.flows:
            cv2 = import_opencv()
            dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
            self.flows[pair] = dis.calc(self.grays[pair[0]], self.grays[pair[1]], None)
        return self.flows[pair]

    @cached_property
    def noise(self) -> float:
        """The standard deviation of the camera's noise, from what does not move."""
        differences = np.diff(self.images[:50, ::2, ::2].astype(np.float32), axis=0)
        if not len(differences):
            return 0.0
        centered = np.abs(differences - np.median(differences, axis=(1, 2), keepdims=True))
        return float(1.4826 * np.median(centered) / np.sqrt(2))


@dataclass(frozen=True)
class FaultyScene:
    """A scene with a fault.

    Attributes:
        times: `(slots,)`, the times that the detector looks at.
        shown: `(slots,)`, the number of the frame that is shown.
        start_seconds: when the fault begins.
        end_seconds: when it ends.
        changed: pictures that are unlike the frame that is shown, by slot.
        boxes: where the fault is, by slot; empty if it is everywhere.
        only_noise: whether changed pictures differ by noise alone.
    """

    times: Times
    shown: NDArray[np.intp]
    start_seconds: float
    end_seconds: float
    changed: Mapping[int, Images] = field(default_factory=dict)
    boxes: Mapping[int, Box] = field(default_factory=dict)
    only_noise: bool = False


def as_recorded(scene: Scene) -> FaultyScene:
    """A scene in which nothing is wrong."""
    end = min(scene.start_seconds + scene.longest_seconds, scene.end_seconds - TAIL_SECONDS)
    times = scene.slots(end)
    return FaultyScene(times, scene.shown_at(times), scene.start_seconds, end)


def box_around(center: tuple[float, float], radius: float, side: int) -> Box:
    """The box of a disk, in parts of the picture; center is x, y in pixels."""
    x, y = center
    edges = np.clip(np.array([y - radius, x - radius, y + radius, x + radius]) / side, 0, 1)
    top, left, bottom, right = (float(edge) for edge in edges)
    return top, left, bottom, right
