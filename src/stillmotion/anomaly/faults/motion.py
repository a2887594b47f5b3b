"""Faults of motion: the recording is shown at other times than it was made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stillmotion.anomaly.faults.scene import TAIL_SECONDS, FaultyScene, Scene, Times
from stillmotion.decoding.frames import Images

# A stutter halts and goes on so often.
STUTTER_SECONDS = 0.9


def stop(scene: Scene, seconds: float, rng: np.random.Generator) -> FaultyScene | None:
    """Everything stands still for so many seconds, then goes on where it was."""
    return _retimed(scene, seconds, lambda after: np.zeros_like(after), 0.0, rng)


def reverse(scene: Scene, seconds: float, rng: np.random.Generator) -> FaultyScene | None:
    """Everything runs back for so many seconds, then forward again."""
    if seconds > scene.start_seconds:
        return None
    return _retimed(scene, seconds, lambda after: -after, -seconds, rng)


def change_speed(scene: Scene, factor: float, rng: np.random.Generator) -> FaultyScene | None:
    """Everything runs so many times as fast."""
    rest = scene.end_seconds - TAIL_SECONDS - scene.start_seconds
    seconds = min(scene.longest_seconds, rest / factor)
    return _retimed(scene, seconds, lambda after: factor * after, factor * seconds, rng)


def stutter(scene: Scene, share: float, rng: np.random.Generator) -> FaultyScene | None:
    """Everything halts for this share of the time and makes up for it in between, about once per second."""
    seconds = int(scene.longest_seconds / STUTTER_SECONDS) * STUTTER_SECONDS

    def source(after: Times) -> Times:
        periods, within = np.divmod(after, STUTTER_SECONDS)
        running = np.maximum(0, within - share * STUTTER_SECONDS) / (1 - share)
        return np.asarray(periods * STUTTER_SECONDS + running, np.float64)

    return _retimed(scene, seconds, source, seconds, rng)


def _retimed(
    scene: Scene, seconds: float, source: Callable[[Times], Times], then: float, rng: np.random.Generator
) -> FaultyScene | None:
    """A scene in which another time is shown during a fault.

    Args:
        scene: the scene.
        seconds: how long the fault lasts.
        source: from seconds after the fault's beginning to seconds after it in the recording.
        then: at which of these the recording goes on after the fault.
        rng: of the noise of frames that are shown again: a camera's noise does not stand still.
    """
    start, end = scene.start_seconds, scene.start_seconds + seconds
    if seconds < 0.4 or start + then + TAIL_SECONDS > scene.end_seconds + 0.5 / scene.rate:
        return None
    times = scene.slots(end)
    after = times - start
    shown_times = np.where(after < 0, times, np.where(times < end, start + source(after), start + then + times - end))
    shown = scene.shown_at(shown_times)
    changed = {}
    if scene.noise > 0.3:
        repeated = np.flatnonzero(np.diff(shown) == 0) + 1
        changed = {int(slot): add_noise(scene.images[shown[slot]], scene.noise, rng) for slot in repeated}
    return FaultyScene(times, shown, start, end, changed, only_noise=True)


def add_noise(image: Images, noise: float, rng: np.random.Generator) -> Images:
    """A picture with the noise of another moment."""
    noisy = image + rng.normal(0, noise, image.shape).astype(np.float32)
    return np.asarray(np.clip(noisy + 0.5, 0, 255), np.uint8)
