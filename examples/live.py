"""Feed a trained clip model frame by frame, as a camera would, and get the predictions of whole windows.

    python examples/live.py
    python examples/live.py --videos 200 --epochs 20 --folder line

The first part takes a CNN-LSTM in plain Keras, as tutorials write it, and random frames. Every prediction is compared
with that of the sliding window, and both are timed. The second part trains a model with stillmotion on rendered videos
of a small production line, and labels a video while it plays.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers

import stillmotion as sm

FRAMES, SIDE = 16, 64


def cnn_lstm(classes: int) -> keras.Model:
    """The same convolutions on each frame, then an LSTM over the frames."""
    return keras.Sequential(
        [
            keras.Input((FRAMES, SIDE, SIDE, 3)),
            layers.Rescaling(1 / 255),
            layers.TimeDistributed(layers.Conv2D(32, 3, activation="relu")),
            layers.TimeDistributed(layers.MaxPooling2D()),
            layers.TimeDistributed(layers.Conv2D(64, 3, activation="relu")),
            layers.TimeDistributed(layers.MaxPooling2D()),
            layers.TimeDistributed(layers.Flatten()),
            layers.LSTM(128),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def in_plain_keras(count: int) -> None:
    """Compare the sliding window with the stream."""
    model = cnn_lstm(5)
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES + count, SIDE, SIDE, 3), dtype=np.uint8)
    stream = sm.stream_model(model)
    stream.push(frames[:FRAMES])
    model.predict_on_batch(frames[None, :FRAMES])  # Compiles it before it is timed.

    began = time.perf_counter()
    window = [model.predict_on_batch(frames[None, at : at + FRAMES])[0] for at in range(1, count + 1)]
    middle = time.perf_counter()
    streamed = [stream.push(frames[at : at + 1])[0].probabilities for at in range(FRAMES, FRAMES + count)]
    ended = time.perf_counter()

    print(f"sliding window {count / (middle - began):6.0f} predictions per second")
    print(f"stream         {count / (ended - middle):6.0f} predictions per second")
    print(f"largest difference {np.abs(np.array(window) - streamed).max():.0e}")
    for layer in stream.layers:
        print(f"  {layer.layer:20} {layer.kind:14} {layer.computed} of {layer.slices}")


def with_stillmotion(folder: Path, videos: int, epochs: int) -> None:
    """Train on rendered videos, then label one of the test videos as it plays."""
    sm.make_demo_data(folder / "videos", kind="motion", videos=videos, seed=0)
    train, validation, test = sm.split(sm.read_videos(folder / "videos"), (0.6, 0.2, 0.2), seed=0)
    spec = sm.ClipSpec(FRAMES, 10.0, SIDE)
    run = sm.train("cnn_rnn", train, validation, out=folder / f"run-{videos}-{epochs}", spec=spec, epochs=epochs)
    video = test.file(test[0])
    print(f"\n{video.name}, labeled {test[0].label}:")
    for prediction in sm.stream(run, video):
        print(f"  window to {prediction.seconds:5.2f} s: {prediction.label} {prediction.probability:.0%}")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Feed a clip model frame by frame.")
    parser.add_argument("--frames", type=int, default=50, help="frames timed in plain Keras")
    parser.add_argument("--videos", type=int, default=60, help="videos rendered")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="where to keep videos and runs [default: a temporary folder]")
    chosen = parser.parse_args(words)
    in_plain_keras(chosen.frames)
    with tempfile.TemporaryDirectory() as temporary:
        with_stillmotion(chosen.folder or Path(temporary), chosen.videos, chosen.epochs)


if __name__ == "__main__":
    main()
