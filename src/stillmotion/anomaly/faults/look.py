"""Faults of look: something in the picture is missing, added, misplaced, damaged or of another color."""

from __future__ import annotations

import numpy as np

from stillmotion.anomaly.faults.places import Place, cover, find_place, paint_over
from stillmotion.anomaly.faults.scene import FaultyScene, Scene
from stillmotion.anomaly.measuring import Floats, import_opencv

# Diameter of the place of a fault whose strength is not its size, in parts of the picture's side.
SIZE = 0.14


def remove_part(scene: Scene, size: float, rng: np.random.Generator) -> FaultyScene | None:
    """What is at a place is gone: it looks like what is around it."""
    place = find_place(scene, size, rng)
    if place is None:
        return None
    return cover(place, _filled(place, scene, rng), place.disk())


def add_part(scene: Scene, size: float, rng: np.random.Generator) -> FaultyScene | None:
    """At a place is what belongs to another place."""
    place = find_place(scene, size, rng)
    if place is None:
        return None
    others = rng.uniform(place.radius, scene.side - place.radius, (20, 2))
    far = [other for other in others if np.hypot(*(other - place.path[0])) > 2.5 * place.radius]
    if not far:
        return None
    own = place.window(0)
    disk = place.disk() > 0.5
    # The one that is least like what is there.
    windows = [place.window(0, (float(x), float(y))) for x, y in far]
    patch = max(windows, key=lambda window: float(np.abs(window - own)[disk].mean()))
    return cover(place, patch, place.disk(softness=0.15))


def move_part(scene: Scene, distance: float, rng: np.random.Generator) -> FaultyScene | None:
    """What is at a place is so far from it, in parts of the picture's side."""
    cv2 = import_opencv()
    place = find_place(scene, SIZE, rng)
    if place is None:
        return None
    length = min(distance * scene.side, place.reach - place.radius - 1)
    angle = rng.uniform(0, 2 * np.pi)
    shift = np.array([[1, 0, length * np.cos(angle)], [0, 1, length * np.sin(angle)]])
    size = (2 * place.reach + 1,) * 2
    moved = cv2.warpAffine(place.window(0), shift, size, borderMode=cv2.BORDER_REPLICATE)
    covered = cv2.warpAffine(place.disk(), shift, size)
    patch = _filled(place, scene, rng)
    patch = patch + (moved - patch) * covered[..., None]
    return cover(place, patch, np.maximum(covered, place.disk()))


def turn_part(scene: Scene, degrees: float, rng: np.random.Generator) -> FaultyScene | None:
    """What is at a place is turned by so many degrees."""
    cv2 = import_opencv()
    place = find_place(scene, SIZE, rng)
    if place is None:
        return None
    center = (float(place.reach), float(place.reach))
    turn = cv2.getRotationMatrix2D(center, degrees * rng.choice([-1, 1]), 1.0)
    size = (2 * place.reach + 1,) * 2
    return cover(place, cv2.warpAffine(place.window(0), turn, size, borderMode=cv2.BORDER_REPLICATE), place.disk())


def scratch(scene: Scene, length: float, rng: np.random.Generator) -> FaultyScene | None:
    """A thin bright or dark line, as long as a part of the picture's side."""
    cv2 = import_opencv()
    place = find_place(scene, length, rng)
    if place is None:
        return None
    # Drawn four times as large, so that the line has soft edges.
    scale, side = 4, 2 * place.reach + 1
    along = np.linspace(-1, 1, 9)
    bends = np.cumsum(rng.normal(0, 0.08, 9))
    angle = rng.uniform(0, np.pi)
    x = along * np.cos(angle) - (bends - bends.mean()) * np.sin(angle)
    y = along * np.sin(angle) + (bends - bends.mean()) * np.cos(angle)
    points = np.stack([x, y], axis=-1) * place.radius + place.reach + 0.5
    line = np.zeros((side * scale, side * scale), np.uint8)
    width = max(scale, round(scale * scene.side / 224 * rng.uniform(1.0, 2.0)))
    cv2.polylines(line, [np.round(points * scale).astype(np.int32)], False, 255, width, cv2.LINE_AA)
    alpha = cv2.resize(line, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255 * 0.85
    sign = 1 if place.window(0).mean() < 110 else -1
    return paint_over(place, lambda number, window: (np.clip(window + sign * 70, 0, 255), alpha))


def change_color(scene: Scene, levels: float, rng: np.random.Generator) -> FaultyScene | None:
    """A place has another color of the same brightness, so many levels away."""
    cv2 = import_opencv()
    place = find_place(scene, SIZE, rng)
    if place is None:
        return None
    angle = rng.uniform(0, 2 * np.pi)
    shift = np.array([0, levels * np.cos(angle), levels * np.sin(angle)], np.float32)
    alpha = place.disk()

    def paint(number: int, window: Floats) -> tuple[Floats, Floats]:
        colors = cv2.cvtColor(window.clip(0, 255).astype(np.uint8), cv2.COLOR_RGB2YCrCb) + shift
        return cv2.cvtColor(colors.clip(0, 255).astype(np.uint8), cv2.COLOR_YCrCb2RGB).astype(np.float32), alpha

    return paint_over(place, paint)


def leak(scene: Scene, opacity: float, rng: np.random.Generator) -> FaultyScene | None:
    """A dark stain that grows."""
    place = find_place(scene, 0.18, rng)
    if place is None:
        return None
    texture = _clouds(2 * place.reach + 1, rng)
    color = rng.uniform(0.25, 0.5, 3).astype(np.float32)

    def paint(number: int, window: Floats) -> tuple[Floats, Floats]:
        grown = 0.25 + 0.75 * min(1.0, (number + 1) / (1.5 * scene.rate))
        # An uneven outline.
        alpha = np.clip(place.disk(place.radius * grown, 0.5) * 1.3 - 0.4 * texture, 0, 1) * opacity
        return np.asarray(window * color, np.float32), alpha.astype(np.float32)

    return paint_over(place, paint)


def smoke(scene: Scene, opacity: float, rng: np.random.Generator) -> FaultyScene | None:
    """A bright veil that rises and grows."""
    place = find_place(scene, 0.26, rng)
    if place is None:
        return None
    side = 2 * place.reach + 1
    texture = np.concatenate([_clouds(side, rng), _clouds(side, rng)])

    def paint(number: int, window: Floats) -> tuple[Floats, Floats]:
        grown = 0.4 + 0.6 * min(1.0, (number + 1) / (1.5 * scene.rate))
        first = int(number / scene.rate * 0.15 * scene.side) % side
        alpha = place.disk(place.radius * grown, 1.2) * (0.4 + 0.6 * texture[first : first + side]) * opacity
        return np.full_like(window, 205), alpha.astype(np.float32)

    return paint_over(place, paint)


def _filled(place: Place, scene: Scene, rng: np.random.Generator) -> Floats:
    """The window of a place whose disk is filled from around it."""
    cv2 = import_opencv()
    hole = (place.disk(place.radius * 1.15) > 0.1).astype(np.uint8)
    window = place.window(0).clip(0, 255).astype(np.uint8)
    filled = cv2.inpaint(window, hole, 3, cv2.INPAINT_TELEA).astype(np.float32)
    return np.asarray(filled + rng.normal(0, scene.noise, filled.shape), np.float32)


def _clouds(side: int, rng: np.random.Generator) -> Floats:
    """Soft random spots between 0 and 1."""
    cv2 = import_opencv()
    coarse, fine = (rng.random((count, count)).astype(np.float32) for count in (4, 9))
    spots = [cv2.resize(layer, (side, side), interpolation=cv2.INTER_CUBIC) for layer in (coarse, fine)]
    return np.asarray(np.clip(0.65 * spots[0] + 0.35 * spots[1], 0, 1), np.float32)
