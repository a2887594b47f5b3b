"""An old model of somebody else's: described, converted, audited, streamed and exported, each with one command.

    python examples/old_model.py
    python examples/old_model.py --folder old

The model is a CNN-LSTM as tutorials wrote it for Keras 2: on frames from OpenCV, so in the order BGR, divided by 255,
in an `.h5` file that says nothing of either, and that Keras 3 does not load. It is trained here and written in Keras
2's form, so that the example needs no Keras 2.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import av
import h5py
import keras
import numpy as np
from keras import layers
from PIL import Image

FRAMES, SIDE, RATE = 8, 32, 8
LABELS = {"blue": (40, 60, 200), "red": (200, 60, 40)}


def film(label: str, seed: int, frames: int = 3 * FRAMES) -> np.ndarray:
    """A disc that crosses a gray background: uint8 RGB `(frames, 48, 64, 3)`."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:48, :64]
    speed, height, size = rng.uniform(1.5, 3), rng.uniform(14, 34), rng.uniform(8, 13)
    pictures = np.empty((frames, 48, 64, 3), np.int16)
    pictures[:] = rng.integers(70, 150, (48, 64, 1))
    for number in range(frames):
        disc = (rows - height) ** 2 + (columns - (5 + speed * number) % 64) ** 2 < size**2
        pictures[number][disc] = LABELS[label]
    return np.clip(pictures + rng.integers(-8, 9, pictures.shape), 0, 255).astype(np.uint8)


def write_video(file: Path, pictures: np.ndarray) -> None:
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "16"})
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def train(epochs: int) -> keras.Model:
    """Trained as its author did, whose frames were BGR and divided by 255."""
    model = keras.Sequential(
        [
            keras.Input((FRAMES, SIDE, SIDE, 3)),
            layers.TimeDistributed(layers.Conv2D(8, 3, strides=2, activation="relu")),
            layers.TimeDistributed(layers.BatchNormalization(momentum=0.8)),
            layers.TimeDistributed(layers.MaxPooling2D(4)),
            layers.TimeDistributed(layers.GlobalAveragePooling2D()),
            layers.LSTM(8),
            layers.Dense(len(LABELS), activation="softmax"),
        ]
    )
    labels = [number % len(LABELS) for number in range(40)]
    starts = np.random.default_rng(0).integers(0, 2 * FRAMES, len(labels))
    films = (film(list(LABELS)[label], seed) for seed, label in enumerate(labels))
    clips = np.stack([pictures[start : start + FRAMES] for start, pictures in zip(starts, films, strict=True)])
    resized = np.stack([[Image.fromarray(frame).resize((SIDE, SIDE)) for frame in clip] for clip in clips])
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(resized[..., ::-1].astype(np.float32) / 255, np.array(labels), batch_size=8, epochs=epochs, verbose=0)
    return model


def keras_2_config(layer: keras.Layer) -> dict[str, Any]:
    """A layer's configuration as Keras 2 wrote it."""
    config = layer.get_config()
    config = {key: value for key, value in config.items() if not key.endswith(("_initializer", "quantization_config"))}
    config["dtype"] = "float32"
    if isinstance(layer, layers.TimeDistributed):
        config["layer"] = keras_2_config(layer.layer)
    if isinstance(layer, layers.BatchNormalization):
        config = {**config, "axis": [3], "fused": True} | {"renorm": False}
    if isinstance(layer, layers.LSTM):
        config["time_major"] = False
    return {"class_name": type(layer).__name__, "config": config}


def write_keras_2(model: keras.Model, file: Path) -> None:
    """An `.h5` file as Keras 2.4 wrote it."""
    configs = [keras_2_config(layer) for layer in model.layers]
    configs[0]["config"]["batch_input_shape"] = [None, *model.input_shape[1:]]
    with h5py.File(file, "w") as written:
        config = {"class_name": "Sequential", "config": {"name": "lrcn", "layers": configs}}
        written.attrs["model_config"] = json.dumps(config).encode()
        written.attrs["keras_version"] = b"2.4.0"
        weights = written.create_group("model_weights")
        weights.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = weights.create_group(layer.name)
            names = [f"{layer.name}/{number}:0" for number in range(len(layer.weights))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, layer.get_weights(), strict=True):
                group[name] = array


def run(folder: Path, *words: str) -> None:
    """Run a command and show it."""
    print(f"\n$ stillmotion {' '.join(words)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "stillmotion", *words], cwd=folder, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    print("\n".join(line for line in lines if not line.startswith(("WARNING", "I0000", "W0000", "E0000", "To enable"))))
    if done.returncode:
        raise SystemExit(done.returncode)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--epochs", type=int, default=40)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    write_keras_2(train(arguments.epochs), folder / "lrcn.h5")
    pictures = np.concatenate([film("red", 100), film("blue", 101)])
    write_video(folder / "line.mp4", pictures)
    for label, first in (("red", 0), ("blue", 3 * FRAMES)):
        (folder / "stills" / label).mkdir(parents=True, exist_ok=True)
        for number in range(first + 2, first + 22, 2):
            Image.fromarray(pictures[number]).save(folder / "stills" / label / f"{number:03}.png")
    run(folder, "describe", "lrcn.h5", "--snapshots", "stills", "--labels", "blue,red", "--rate", str(RATE))
    run(folder, "convert", "lrcn.h5", "new.keras")
    run(folder, "audit", "new.keras", "line.mp4", "--snapshots", "stills", "--no-sensitivity")
    run(folder, "stream", "new.keras", "line.mp4", "--events", "events.csv")
    run(folder, "export", "new.keras", "--format", "saved_model", "--stream", "--out", "exported")
    print(f"\neverything is in {folder}")


if __name__ == "__main__":
    main()
