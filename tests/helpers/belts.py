"""Small videos of a belt, from which a detector can learn what is normal."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from helpers.media import write_video

RATE = 8
SECONDS = 6


def write_belt(path: Path, *, seconds: float = SECONDS, seed: int = 0, stop: float = 99, color: float = 99) -> Path:
    """A square that moves to the right, until it stops or changes its color."""
    rng = np.random.default_rng(seed)
    pictures = np.full((round(seconds * RATE), 32, 32, 3), 60, np.uint8)
    x = 8 * seed
    for number, picture in enumerate(pictures):
        x += 3 if number < stop * RATE else 0
        picture[12:22, (x + np.arange(10)) % 32] = (230, 230, 230) if number < color * RATE else (230, 0, 0)
        picture += rng.integers(0, 6, picture.shape, dtype=np.uint8)
    return write_video(path, pictures, rate=RATE)
