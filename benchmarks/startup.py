"""How long a stream takes to start and how much memory, beside the model's own first `predict`; prints a table.

    python benchmarks/startup.py [--write benchmarks/results/startup.md]
    KERAS_BACKEND=jax python benchmarks/startup.py

Each figure comes from a process of its own. The start is that of `stream_model`, which includes its trial, and of the
first frames, one by one as from a camera, up to the first prediction. Memory is the peak of the process above what it
had with the model built. The aims: to start within three times the first `predict` and 2 s; for large models, memory
within twice the weights above that of `predict`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def dense() -> Any:
    """50 million weights in one layer."""
    import keras
    from keras import layers

    clip = keras.Input((16, 64, 64, 3))
    x = layers.TimeDistributed(layers.Dense(4096, activation="relu"))(layers.TimeDistributed(layers.Flatten())(clip))
    return keras.Model(clip, layers.Dense(5, activation="softmax")(layers.GRU(32)(x)))


def two_bidirectional() -> Any:
    """Two bidirectional LSTMs over 60 frames."""
    import keras
    from keras import layers

    clip = keras.Input((60, 32, 32, 3))
    x = layers.TimeDistributed(layers.Conv2D(16, 3, strides=2, activation="relu"))(clip)
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D())(x)
    x = layers.Bidirectional(layers.LSTM(128, return_sequences=True))(x)
    return keras.Model(clip, layers.Dense(5, activation="softmax")(layers.Bidirectional(layers.LSTM(64))(x)))


def application(name: str, side: int, frames: int) -> Callable[[], Any]:
    """A network of `keras.applications` on every frame, and a GRU."""

    def build() -> Any:
        import keras
        from keras import layers

        network = getattr(keras.applications, name)(
            weights=None, include_top=False, pooling="avg", input_shape=(side, side, 3)
        )
        clip = keras.Input((frames, side, side, 3))
        x = layers.GRU(32)(layers.TimeDistributed(network)(clip))
        return keras.Model(clip, layers.Dense(5, activation="softmax")(x))

    return build


def own() -> Any:
    """Our CNN-RNN."""
    from stillmotion.models import build_model

    return build_model("cnn_rnn", frames=16, height=64, width=64, classes=5)


MODELS: dict[str, Callable[[], Any]] = {
    "a layer of 50 million weights, GRU": dense,
    "two bidirectional LSTMs, 60 frames": two_bidirectional,
    "MobileNetV2, GRU": application("MobileNetV2", 160, 16),
    "ResNet50, GRU": application("ResNet50", 160, 16),
    "cnn_rnn": own,
}

# Megabytes of weights from which on they are most of what a process needs.
LARGE = 50


def memory(what: str) -> float:
    """Megabytes of this process: `VmRSS` for now, `VmHWM` for the peak."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def measure(name: str, part: str) -> dict[str, float]:
    """Seconds, and megabytes above those of the built model."""
    from stillmotion import stream_model

    model = MODELS[name]()
    shape = model.input_shape[1:]
    clip = np.random.default_rng(0).integers(0, 256, (1, *shape)).astype(model.input.dtype)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that from here on
    before, started = memory("VmRSS"), time.perf_counter()
    if part == "predict":
        model.predict_on_batch(clip)
    else:
        stream = stream_model(model)
        for frame in clip[0]:
            stream.push(frame[None])
    seconds = time.perf_counter() - started
    weights = sum(int(np.prod(weight.shape)) for weight in model.weights) * 4 / 2**20
    return {"seconds": seconds, "megabytes": memory("VmHWM") - before, "weights": weights}


def measured(name: str, part: str) -> dict[str, float]:
    """`measure` in a process of its own."""
    words = [sys.executable, __file__, "--measure", name, part]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def main() -> None:
    """Measure all models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="the page to write")
    parser.add_argument("--measure", nargs=2, metavar=("MODEL", "PART"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measure(*chosen.measure)))
        return
    import keras

    rows, missed = [], []
    for name in MODELS:
        predict, stream = measured(name, "predict"), measured(name, "stream")
        more = stream["megabytes"] - predict["megabytes"]
        allowed = 3 * predict["seconds"] + 2
        if stream["seconds"] > allowed:
            missed.append(f"{name}: {stream['seconds']:.1f} s to start")
        if predict["weights"] > LARGE and more > 2 * predict["weights"]:
            missed.append(f"{name}: {more:.0f} MB more")
        rows.append(
            f"| {name} | {predict['weights']:.0f} MB | {predict['seconds']:.1f} s | {stream['seconds']:.1f} s "
            f"| {allowed:.1f} s | {more:.0f} MB | {2 * predict['weights']:.0f} MB |"
        )
        print(rows[-1], flush=True)
    text = "\n".join(
        [
            "# Starting a stream",
            "",
            f"Keras {keras.__version__} on {keras.backend.backend()}, {os.cpu_count()} cores; made by "
            "`python benchmarks/startup.py`. The aims:\na start within three times the first `predict` "
            "and 2 s; for large models, memory within twice\nthe weights above that of `predict`.",
            "",
            "| Model | weights | first `predict` | start of a stream | at most "
            "| more memory than `predict` | twice the weights |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"Missed: {'; '.join(missed) or 'none'}. Of models below {LARGE} MB, what a stream needs besides the "
            "weights decides.",
            "",
        ]
    )
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
