"""Claims about still and motion models that need no training: order, cost, leaks. Prints the tables of docs/claims.md.

    python benchmarks/claims.py order
    python benchmarks/claims.py cost [--frames 10,20,40]
    python benchmarks/claims.py leaks DATA...

cost: the tutorials' three models at equal input, 64 x 64 pixels: multiply-adds from the graph, and the quickest of
several timings on this machine (the median moves with whatever else it does).
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
    """What shuffling the frames of random clips does to the answers of untrained models."""
    rng = np.random.default_rng((0,))
    clips = rng.integers(0, 256, (16, 10, SIDE, SIDE, 3), dtype=np.uint8)
    mixed = clips[:, rng.permutation(10)]
    print("| model | largest change of a probability when frames are shuffled |\n|---|---|")
    for family in FAMILIES:
        for size in ("small", "classic"):
            model = build_model(family, frames=10, height=SIDE, width=SIDE, classes=CLASSES, options={"size": size})
            change = abs(model.predict_on_batch(clips) - model.predict_on_batch(mixed)).max()
            print(f"| {family}, {size} | {change:.1g} |", flush=True)
    picture = keras.applications.MobileNetV2(weights=None, input_shape=(SIDE, SIDE, 3), classes=CLASSES)
    one = picture.predict_on_batch(clips[0].astype("float32"))
    other = picture.predict_on_batch(mixed[0].astype("float32"))
    same = np.sort(one, axis=0), np.sort(other, axis=0)
    print(f"| a picture model of Keras on each frame, the answers sorted | {abs(same[0] - same[1]).max():.1g} |")


def cost(frame_counts: list[int]) -> None:
    """The classic three as the number of frames grows."""
    print("| frames | model | parameters | million multiply-adds | ms a clip | ms a clip in training |")
    print("|---|---|---|---|---|---|")
    for frames in frame_counts:
        for family in ("frame_pool", "cnn_rnn", "conv3d"):
            model = build_model(
                family, frames=frames, height=SIDE, width=SIDE, classes=CLASSES, options={"size": "classic"}
            )
            clips = np.random.default_rng(0).integers(0, 256, (BATCH, frames, SIDE, SIDE, 3), dtype=np.uint8)
            labels = np.eye(CLASSES, dtype="float32")[np.arange(BATCH) % CLASSES]
            model.compile("adam", "categorical_crossentropy")
            predict = quickest(lambda model=model, clips=clips: model.predict_on_batch(clips[:1]), 10)
            train = quickest(lambda model=model, clips=clips, labels=labels: model.train_on_batch(clips, labels), 5)
            print(
                f"| {frames} | {family} | {model.count_params():,} | {count_multiply_adds(model) / 1e6:,.0f} | "
                f"{1000 * predict:.1f} | {1000 * train / BATCH:.1f} |",
                flush=True,
            )


def leaks(data: list[str]) -> None:
    """What predicts the labels of data sets without looking at what happens."""
    print("| data | what alone predicts the label | right | guessing | leaks |\n|---|---|---|---|---|")
    for one in data:
        for found in find_shortcuts(read_videos(one)):
            span = f"{found.accuracy:.0%} ({found.low:.0%} to {found.high:.0%})"
            print(f"| {Path(one).stem} | {found.name} | {span} | {found.guessing:.0%} | {found.leaks} |", flush=True)


def quickest(work: Callable[[], object], times: int) -> float:
    """Seconds, after one call that compiles."""
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("order", "cost", "leaks"))
    parser.add_argument("data", nargs="*")
    parser.add_argument("--frames", default="10,20,40")
    options = parser.parse_args()
    if options.what == "order":
        order()
    elif options.what == "leaks":
        leaks(options.data)
    else:
        cost([int(count) for count in options.frames.split(",")])


if __name__ == "__main__":
    main()
