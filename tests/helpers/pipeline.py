"""A film, and pictures of its moments; a model whose answer hangs on colour and place, with known weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers.media import write_lossy_video

HEIGHT, WIDTH, FRAMES = 72, 96, 24
MOMENTS = (3, 9, 14, 20)
SIDE = 24


def pictures(seed: int) -> NDArray[np.uint8]:
    """Coloured discs that drift over a textured ground: (24, 72, 96, 3)."""
    rng = np.random.default_rng((seed, 7))
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    ground = 90 + 50 * np.sin(rows / 5 + seed) * np.cos(columns / 7) + 30 * (columns / WIDTH)
    film = np.repeat((ground[..., None] * np.array([1.2, 0.9, 0.6]))[None], FRAMES, axis=0)
    for number in range(4):
        start, speed = rng.uniform(15, 60, 2), rng.uniform(-2, 2, 2) + np.array([0.3, 0.8])
        colour, size = rng.uniform(0, 255, 3), rng.uniform(7, 12)
        for t in range(FRAMES):
            y, x = (start + speed * t) % [HEIGHT, WIDTH]
            film[t][(rows - y) ** 2 + (columns - x) ** 2 < size**2] = colour * (0.7 + 0.02 * t) + 20 * number
    return np.clip(film, 0, 255).astype(np.uint8)


def write_films(folder: Path, count: int = 3) -> list[Path]:
    """Films, encoded with little loss."""
    return [write_lossy_video(folder / f"film{seed}.mp4", pictures(seed)) for seed in range(count)]


def write_snapshots(folder: Path, films: list[Path], change: Any = None, ending: str = "png") -> dict[str, int]:
    """Pictures of the films' moments as they are decoded, changed if need be; the frame's number of each."""
    import av

    folder.mkdir()
    truth = {}
    for film in films:
        with av.open(str(film)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        for moment in MOMENTS:
            picture = frames[moment] if change is None else change(frames[moment])
            file = folder / f"{film.stem}-{moment:02d}.{ending}"
            Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(file)
            truth[file.name] = moment
    return truth


def colour_model(*, scaled: bool = True, side: int = SIDE) -> Any:
    """Four labels by which colour is where: every fault of colour, place and sharpness moves the answer."""
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
