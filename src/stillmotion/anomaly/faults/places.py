"""Where a fault of look is put: on something that has a structure, and moving with it if it moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.faults.scene import TAIL_SECONDS, FaultyScene, Scene, Times, box_around
from stillmotion.anomaly.measuring import FLOW_SIDE, Floats, import_opencv

# What is painted over the window of a slot, and how much of each pixel it covers.
Painter = Callable[[int, Floats], tuple[Floats, Floats]]
# How long a fault of look is shown, unless it leaves the picture before; and how long it must be shown.
SHOWN_SECONDS, LEAST_SECONDS = 3.0, 0.75
# Places that are looked at, and of which share of them moving ones are taken where there are some.
CANDIDATES, MOVING = 60, 0.7
# Pixels per frame below which a place does not move.
STILL = 0.3


@dataclass(frozen=True)
class Place:
    """A disk of the picture that moves with what it lies on.

    Attributes:
        scene: where it is.
        radius: in pixels.
        slots: the slots in which it is in the picture.
        path: float `(slots, 2)`, x and y of its center in pixels.
    """

    scene: Scene
    radius: float
    slots: NDArray[np.intp]
    path: NDArray[np.float64]

    @cached_property
    def reach(self) -> int:
        """Half of the side of the window around it."""
        return int(np.ceil(2.2 * self.radius)) + 3

    def window(self, number: int, center: tuple[float, float] | None = None) -> Floats:
        """The picture around it in one of its slots: `(2 * reach + 1, 2 * reach + 1, 3)`."""
        cv2 = import_opencv()
        times = _times(self.scene)
        image = self.scene.images[self.scene.shown_at(times)[self.slots[number]]]
        side = 2 * self.reach + 1
        x, y = center or tuple(self.path[number])
        return np.asarray(cv2.getRectSubPix(image, (side, side), (float(x), float(y))), np.float32)

    def disk(self, radius: float | None = None, softness: float = 0.25) -> Floats:
        """How much of each pixel of the window is covered: 1 inside of a radius, 0 outside, soft in between."""
        radius = self.radius if radius is None else radius
        axis = np.arange(-self.reach, self.reach + 1, dtype=np.float32)
        distance = np.hypot(axis[:, None], axis)
        edge = max(1.0, softness * radius)
        return np.clip((radius - distance) / edge + 0.5, 0, 1).astype(np.float32)


def find_place(scene: Scene, size: float, rng: np.random.Generator) -> Place | None:
    """Choose a place on something that has a structure, rather where something moves.

    Args:
        scene: the scene.
        size: diameter of the place, in parts of the picture's side.
        rng: of the choice.

    Returns:
        The place; None if whatever was tried leaves the picture at once.
    """
    radius = size * scene.side / 2
    times = _times(scene)
    shown = scene.shown_at(times)
    first = int(np.searchsorted(times, scene.start_seconds))
    gray = scene.grays[shown[first]].astype(np.float32)
    ratio = scene.side / FLOW_SIDE
    structure = np.hypot(*np.gradient(gray))
    flow = scene.flow(shown[first], shown[min(first + 1, len(shown) - 1)])
    centers = rng.uniform(radius, max(scene.side - radius, radius + 1), (CANDIDATES, 2))
    seen = [_inside(structure, center / ratio, radius / ratio) for center in centers]
    speeds = [float(np.hypot(*_inside_median(flow, center / ratio, radius / ratio))) for center in centers]
    # Not where a moving thing and a still one meet: a part is on one of them.
    whole = [_moves_as_one(flow, center / ratio, radius / ratio) for center in centers]
    good = [place for place in np.argsort(seen)[CANDIDATES // 3 :] if whole[place]] or list(np.argsort(seen)[-5:])
    moving = [place for place in good if speeds[place] * ratio > STILL]
    chosen = moving if moving and rng.random() < MOVING else good
    last = int(np.searchsorted(times, scene.start_seconds + min(SHOWN_SECONDS, scene.longest_seconds)))
    for place in rng.permutation(chosen)[:8]:
        path = [centers[place]]
        for slot in range(first, min(last, len(shown)) - 1):
            step = ratio * _inside_median(scene.flow(shown[slot], shown[slot + 1]), path[-1] / ratio, radius / ratio)
            after = path[-1] + (step if np.hypot(*step) > STILL else 0)
            if (after < -radius / 2).any() or (after > scene.side + radius / 2).any():
                break
            path.append(after)
        if len(path) >= LEAST_SECONDS * scene.rate:
            # Whole pixels: between them, a window would be blurred.
            return Place(scene, radius, first + np.arange(len(path)), np.round(path))
    return None


def cover(place: Place, patch: Floats, alpha: Floats, *, follow_light: bool = True) -> FaultyScene:
    """Lay a patch over a place, moving with it, as bright as the place is at that time.

    Args:
        place: where.
        patch: `(side, side, 3)` of the size of its window.
        alpha: `(side, side)`, how much of the picture it covers.
        follow_light: whether it gets brighter and darker with the place.
    """
    before = place.window(0).mean()

    def paint(number: int, window: Floats) -> tuple[Floats, Floats]:
        light = np.clip(window.mean() / max(before, 1.0), 0.7, 1.4) if follow_light else 1.0
        return np.asarray(patch * np.float32(light), np.float32), alpha

    return paint_over(place, paint)


def paint_over(place: Place, paint: Painter) -> FaultyScene:
    """Paint over a place in each of its slots.

    Args:
        place: where.
        paint: from the number of the slot and the window to what is painted and how much of the window it covers.
    """
    cv2 = import_opencv()
    scene = place.scene
    end = float(_times(scene)[place.slots[-1]] + 0.5 / scene.rate)
    times = scene.slots(end)
    shown = scene.shown_at(times)
    changed, boxes = {}, {}
    for number, slot in enumerate(place.slots):
        patch, alpha = paint(number, place.window(number))
        x, y = place.path[number]
        move = np.array([[1, 0, x - place.reach], [0, 1, y - place.reach]], np.float64)
        size = (scene.side, scene.side)
        laid = cv2.warpAffine(patch, move, size, borderMode=cv2.BORDER_REPLICATE)
        covers = cv2.warpAffine(alpha, move, size)[..., None]
        picture = scene.images[shown[slot]].astype(np.float32)
        changed[int(slot)] = np.clip(picture + (laid - picture) * covers + 0.5, 0, 255).astype(np.uint8)
        rows, columns = np.nonzero(covers[..., 0] > 0.2)
        if len(rows):
            center = (float(columns.min() + columns.max() + 1) / 2, float(rows.min() + rows.max() + 1) / 2)
            radius = max(float(np.ptp(rows)), float(np.ptp(columns))) / 2 + 0.5
            boxes[int(slot)] = box_around(center, radius, scene.side)
    return FaultyScene(times, shown, scene.start_seconds, end, changed, boxes)


def _times(scene: Scene) -> Times:
    return scene.slots(min(scene.start_seconds + SHOWN_SECONDS, scene.end_seconds - TAIL_SECONDS))


def _cut(field: NDArray[np.float32], center: NDArray[np.float64], radius: float) -> NDArray[np.float32]:
    x, y = center
    top, left = max(0, int(y - radius)), max(0, int(x - radius))
    return field[top : max(top + 1, int(y + radius) + 1), left : max(left + 1, int(x + radius) + 1)]


def _inside(field: NDArray[np.float32], center: NDArray[np.float64], radius: float) -> float:
    cut = _cut(field, center, radius)
    return float(cut.mean()) if cut.size else 0.0


def _inside_median(flow: Floats, center: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    cut = _cut(flow, center, radius)
    return np.median(cut.reshape(-1, 2), axis=0).astype(np.float64) if cut.size else np.zeros(2)


def _moves_as_one(flow: Floats, center: NDArray[np.float64], radius: float) -> bool:
    """Whether most of a disk moves as its median does."""
    cut = _cut(flow, center, radius).reshape(-1, 2)
    median = np.median(cut, axis=0)
    off = np.hypot(*(cut - median).T)
    return bool((off < 0.3 + 0.4 * np.hypot(*median)).mean() > 0.8)
