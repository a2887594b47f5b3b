"""Measures of a rendered machine that repeats, beside a belt with a rhythm of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stillmotion.anomaly.footage import MeasuredRecording, Recording, store_measures
from stillmotion.anomaly.measuring import Floats, Measures

RATE = 8.0
STEP = 4  # frames, and four steps are a cycle: 2 seconds
CYCLE = "ABC "
MACHINE, BELT, REST = [0, 1, 2], [3, 4], [5, 6, 7, 8]
CHANNELS = 4


def steps_for(seconds: float, changes: dict[int, str] | None = None) -> str:
    """The steps of a recording: the same cycle again and again, but for some that are given by their number."""
    cycles = round(seconds * RATE / STEP / len(CYCLE))
    return "".join((changes or {}).get(number, CYCLE) for number in range(cycles))


def show(
    steps: Sequence[str], seed: int, *, step_frames: Sequence[float] | float = STEP, belt: float = 11.0
) -> list[Measures]:
    """What a camera measures: each step has a look of its own, and everything has some noise.

    Args:
        steps: one after the other.
        seed: of the noise.
        step_frames: how long each step lasts.
        belt: frames from part to part.
    """
    rng = np.random.default_rng(seed)
    looks = np.random.default_rng(99).normal(0, 1, (len(CYCLE), len(MACHINE), CHANNELS))
    pace = rng.uniform(0.97, 1.03)
    ends = np.cumsum(np.broadcast_to(step_frames, len(steps))) * pace
    frames = np.arange(int(ends[-1]))
    now = np.searchsorted(ends, frames, side="right")
    patches = rng.normal(0, 0.15, (len(frames), 9, CHANNELS))
    patches[:, MACHINE] += looks[[CYCLE.index(steps[step]) for step in now]]
    phase = 2 * np.pi * (frames / (belt * pace) + rng.uniform())
    patches[:, BELT] += np.stack([np.cos(phase), np.sin(phase), np.cos(2 * phase), np.sin(2 * phase)], axis=1)[:, None]
    flow, top = np.zeros((9, 4), np.float32), np.zeros(3, np.float32)
    return [
        Measures((n + 1) / RATE, n == 0, picture, top, flow) for n, picture in enumerate(patches.astype(np.float32))
    ]


def store(folder: Path, number: int, measures: Sequence[Measures]) -> MeasuredRecording:
    """A recording on disk."""
    file = folder / f"{number}.npz"
    frames = store_measures(file, measures)
    return MeasuredRecording(Recording(f"{number}.mp4", Path(f"{number}.mp4"), str(number)), file, frames)


def noise(frames: int, seed: int) -> list[Measures]:
    """A scene in which things come and go at random."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 0.3, (frames, 9, CHANNELS)), axis=0) * 0.2
    visits = (rng.random(frames) < 0.02).astype(float)
    passing = np.convolve(visits, np.hanning(12))[:frames, None, None]
    patches: Floats = (walk + passing + rng.normal(0, 0.15, walk.shape)).astype(np.float32)
    flow, top = np.zeros((9, 4), np.float32), np.zeros(3, np.float32)
    return [Measures((n + 1) / RATE, n == 0, picture, top, flow) for n, picture in enumerate(patches)]
