"""Claims about still and motion models that need no training: order, cost, shortcuts. Prints tables for the docs.

    python benchmarks/claims.py order
    python benchmarks/claims.py cost [--frames 10,20,40]
    python benchmarks/claims.py shortcuts DATA...

`cost` measures the three models of the tutorials at the same input of 64 x 64 pixels: multiply-adds from the graph, and
the shortest of several timings on this machine. The median would vary with whatever else the machine does.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from stillmotion.data import read_videos
from stillmotion.inspection import find_shortcuts
from stillmotion.models import FAMILIES, build_model
from stillmotion.models.counting import count_multiply_adds

SIDE, CLASSES, BATCH = 64, 10, 8


def order() -> None:
    """Print how much the predictions of untrained models change when the frames of random clips are shuffled."""
    rng = np.random.default_rng((0,))
    clips = rng.integers(0, 256, (16, 10, SIDE, SIDE, 3), dtype=np.uint8)
    shuffled = clips[:, rng.permutation(10)]
    print("| model | largest change of a probability when frames are shuffled |\n|---|---|")
    for family in FAMILIES:
        for preset in ("standard", "classic"):
            model = build_model(family, frames=10, height=SIDE, width=SIDE, classes=CLASSES, options={"preset": preset})
            change = abs(model.predict_on_batch(clips) - model.predict_on_batch(shuffled)).max()
            print(f"| {family}, {preset} | {change:.1g} |", flush=True)
    image_model = keras.applications.MobileNetV2(weights=None, input_shape=(SIDE, SIDE, 3), classes=CLASSES)
    ordered, reordered = (
        np.sort(image_model.predict_on_batch(frames[0].astype("float32")), axis=0) for frames in (clips, shuffled)
    )
    print(f"| an image model of Keras on each frame, predictions sorted | {abs(ordered - reordered).max():.1g} |")


def cost(frame_counts: list[int]) -> None:
    """Print the cost of the three models for several numbers of frames."""
    print("| frames | model | parameters | million multiply-adds | ms per clip | ms per clip in training |")
    print("|---|---|---|---|---|---|")
    for frames in frame_counts:
        for family in ("frame_pool", "cnn_rnn", "conv3d"):
            model = build_model(
                family, frames=frames, height=SIDE, width=SIDE, classes=CLASSES, options={"preset": "classic"}
            )
            clips = np.random.default_rng(0).integers(0, 256, (BATCH, frames, SIDE, SIDE, 3), dtype=np.uint8)
            labels = np.eye(CLASSES, dtype="float32")[np.arange(BATCH) % CLASSES]
            model.compile("adam", "categorical_crossentropy")
            predict = shortest_time(lambda model=model, clips=clips: model.predict_on_batch(clips[:1]), 10)
            train = shortest_time(
                lambda model=model, clips=clips, labels=labels: model.train_on_batch(clips, labels), 5
            )
            print(
                f"| {frames} | {family} | {model.count_params():,} | {count_multiply_adds(model) / 1e6:,.0f} | "
                f"{1000 * predict:.1f} | {1000 * train / BATCH:.1f} |",
                flush=True,
            )


def shortcuts(data: list[str]) -> None:
    """Print what predicts the labels of data sets other than the action."""
    print("| data | what alone predicts the label | accuracy | guessing | significant |\n|---|---|---|---|---|")
    for path in data:
        for shortcut in find_shortcuts(read_videos(path)):
            accuracy = f"{shortcut.accuracy:.0%} ({shortcut.low:.0%} to {shortcut.high:.0%})"
            print(
                f"| {Path(path).stem} | {shortcut.name} | {accuracy} | {shortcut.guessing:.0%} "
                f"| {'yes' if shortcut.predicts_label else 'no'} |",
                flush=True,
            )


def shortest_time(work: Callable[[], object], times: int) -> float:
    """Seconds, after a first call that compiles."""
    work()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("order", "cost", "shortcuts"))
    parser.add_argument("data", nargs="*")
    parser.add_argument("--frames", default="10,20,40")
    options = parser.parse_args()
    if options.what == "order":
        order()
    elif options.what == "shortcuts":
        shortcuts(options.data)
    else:
        cost([int(count) for count in options.frames.split(",")])


if __name__ == "__main__":
    main()
