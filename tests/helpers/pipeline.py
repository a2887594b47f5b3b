"""Videos, snapshots of their frames, and a model with known weights that depends on color and place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers.media import write_lossy_video

HEIGHT, WIDTH, FRAMES = 72, 96, 24
SNAPSHOT_FRAMES = (3, 9, 14, 20)
SIDE = 24


def moving_discs(seed: int) -> NDArray[np.uint8]:
    """Colored discs that drift over a textured ground: (24, 72, 96, 3)."""
    rng = np.random.default_rng((seed, 7))
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    ground = 90 + 50 * np.sin(rows / 5 + seed) * np.cos(columns / 7) + 30 * (columns / WIDTH)
    frames = np.repeat((ground[..., None] * np.array([1.2, 0.9, 0.6]))[None], FRAMES, axis=0)
    for number in range(4):
        start, speed = rng.uniform(15, 60, 2), rng.uniform(-2, 2, 2) + np.array([0.3, 0.8])
        color, size = rng.uniform(0, 255, 3), rng.uniform(7, 12)
        for t in range(FRAMES):
            y, x = (start + speed * t) % [HEIGHT, WIDTH]
            frames[t][(rows - y) ** 2 + (columns - x) ** 2 < size**2] = color * (0.7 + 0.02 * t) + 20 * number
    levels: NDArray[np.uint8] = np.clip(frames, 0, 255).astype(np.uint8)
    return levels


def write_disc_videos(folder: Path, count: int = 3) -> list[Path]:
    """Videos of moving discs, encoded with little loss."""
    return [write_lossy_video(folder / f"discs{seed}.mp4", moving_discs(seed)) for seed in range(count)]


def write_snapshots(
    folder: Path, videos: Sequence[Path], change: Callable[[Any], Any] | None = None, suffix: str = ".png"
) -> dict[str, int]:
    """Write decoded frames as pictures, changed if need be; return the number of each file's frame."""
    import av

    folder.mkdir()
    indices = {}
    for video in videos:
        with av.open(str(video)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        for index in SNAPSHOT_FRAMES:
            picture = frames[index] if change is None else change(frames[index])
            file = folder / f"{video.stem}-{index:02d}{suffix}"
            Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(file)
            indices[file.name] = index
    return indices


def color_model(*, scaled: bool = True, side: int = SIDE) -> Any:
    """Four labels by which color is where: every fault of color, place and sharpness changes the prediction."""
    import keras
    from keras import layers

    inputs = keras.Input((side, side, 3))
    x = layers.Rescaling(1 / 255)(inputs) if scaled else inputs
    x = layers.Conv2D(12, 3, activation="relu")(x)
    x = layers.AveragePooling2D(3)(x)
    outputs = layers.Dense(4, activation="softmax")(layers.Flatten()(x))
    model = keras.Model(inputs, outputs)
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 0.6 if weight.ndim > 1 else 0.1, weight.shape) for weight in model.get_weights()])
    return model
