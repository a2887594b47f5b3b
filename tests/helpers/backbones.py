"""A backbone of a few weights, in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SIDE = 16


def write_backbone(folder: Path, seed: int = 0) -> str:
    """Write a Keras model of 16x16 pictures with a middle and a last stage; return its name as a backbone."""
    import keras
    from keras import layers

    picture = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(picture)
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="first")(x)
    x = layers.Add(name="middle")([x, layers.Conv2D(4, 3, padding="same", name="second")(x)])
    x = layers.Conv2D(6, 3, strides=2, padding="same", name="third")(x)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    top = layers.GlobalAveragePooling2D(name="top")(x)
    model = keras.Model(picture, layers.Dense(3)(top))
    randomize(model, seed)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / f"backbone{seed}.keras")
    return f"{folder / f'backbone{seed}.keras'}:top"


def randomize(model: Any, seed: int = 0) -> None:
    """Give every weight a random value, so that each matters."""
    rng = np.random.default_rng((seed, 3))
    for weight in model.weights:
        if "variance" in weight.path:
            weight.assign(rng.uniform(0.5, 2, weight.shape))
        elif "seed" not in weight.path:
            weight.assign(rng.normal(0, 1 / np.sqrt(max(1, np.prod(weight.shape[:-1]))), weight.shape))
