"""A frame at a time against the sliding window; writes docs/performance.md.

    python benchmarks/streaming.py [--rounds 30] [--memory 100000] [--models cnn_rnn,classic] [--stdout]

Each model is asked for an answer after every new frame. All ways are measured in turn, round by round, so that what
else the machine does falls on all alike; a figure is the least of the rounds, for what else it does only adds.
The ways:

- `predict`: `model.predict` on each window, as people write it;
- `batch`: `model.predict_on_batch` on each window;
- `push 1`: `stream_model`, a frame at a time, as from a camera;
- `push 16`: the same, 16 frames at a time, as from a file.

The limit is the model's own multiply-adds for what one new frame needs, done as fast as `batch` does those
of a window.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

import stillmotion as sm
from stillmotion.models import build_model
from stillmotion.streaming.counting import multiply_adds

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
CLASSES = 5


def ours(family: str, frames: int, **options: Any) -> keras.Model:
    return build_model(family, frames=frames, height=64, width=64, classes=CLASSES, options=options)


def plain_cnn_lstm(frames: int) -> keras.Model:
    """The tutorials' own, with TimeDistributed."""
    return keras.Sequential(
        [
            keras.Input((frames, 64, 64, 3)),
            layers.Rescaling(1 / 255),
            layers.TimeDistributed(layers.Conv2D(32, 3, activation="relu")),
            layers.TimeDistributed(layers.MaxPooling2D()),
            layers.TimeDistributed(layers.Conv2D(64, 3, activation="relu")),
            layers.TimeDistributed(layers.MaxPooling2D()),
            layers.TimeDistributed(layers.Flatten()),
            layers.LSTM(128),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def mobilenet_gru(frames: int, side: int = 160) -> keras.Model:
    clip = keras.Input((frames, side, side, 3))
    backbone = keras.applications.MobileNetV2((side, side, 3), include_top=False, weights=None, pooling="avg")
    pictures = keras.ops.reshape(layers.Rescaling(1 / 127.5, -1)(clip), (-1, side, side, 3))
    features = keras.ops.reshape(backbone(pictures), (-1, frames, 1280))
    return keras.Model(clip, layers.Dense(CLASSES, activation="softmax")(layers.GRU(128)(features)))


def deep_same(frames: int) -> keras.Model:
    """Eight convolutions, padded in time: nearly all of every window feels its ends."""
    x = clip = keras.Input((frames, 32, 32, 3))
    for _ in range(8):
        x = layers.Conv3D(16, 3, padding="same", activation="relu")(x)
    return keras.Model(clip, layers.Dense(CLASSES, activation="softmax")(layers.GlobalAveragePooling3D()(x)))


MODELS: dict[str, Callable[[], keras.Model]] = {
    "classic CNN-LSTM, 16 frames": lambda: ours("cnn_rnn", 16, size="classic"),
    "the same with TimeDistributed": lambda: plain_cnn_lstm(16),
    "classic Conv3D, 16 frames": lambda: ours("conv3d", 16, size="classic"),
    **{
        f"{family}{told}, {frames} frames": lambda family=family, options=options, frames=frames: ours(
            family, frames, **options
        )
        for frames in (16, 32)
        for family, options, told in [
            ("frame_pool", {}, ""),
            ("cnn_rnn", {}, ""),
            ("cnn_rnn", {"input": "rgb", "bidirectional": False}, " input=rgb bidirectional=false"),
            ("conv3d", {}, ""),
        ]
    },
    "MobileNetV2 and GRU, 160x160, 16 frames": lambda: mobilenet_gru(16),
    "deep Conv3D padded in time, 16 frames": lambda: deep_same(16),
}


def measure(model: keras.Model, rounds: int) -> dict[str, Any]:
    """Milliseconds a frame of each way, and how far the answers are apart."""
    _, frames, height, width, _ = model.input_shape
    film = np.random.default_rng(0).integers(0, 256, (frames + 48, height, width, 3), dtype=np.uint8)
    stream = sm.stream_model(model)
    answers = np.array([moment.probabilities for moment in stream.push(film)])
    windows = np.stack([film[at : at + frames] for at in range(len(answers))])
    expected = np.concatenate([model.predict_on_batch(window[None]) for window in windows])
    window, one, many = windows[:1], film[:1], film[:16]
    ways: dict[str, tuple[Callable[[], Any], int]] = {
        "predict": (lambda: model.predict(window, verbose=0), 1),
        "batch": (lambda: model.predict_on_batch(window), 1),
        "push 1": (lambda: stream.push(one), 1),
        "push 16": (lambda: stream.push(many), 16),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 2):
        for name, (way, count) in ways.items():
            began = time.perf_counter()
            way()
            if turn > 1:
                taken[name].append(1000 * (time.perf_counter() - began) / count)
    figures: dict[str, Any] = {name: min(times) for name, times in taken.items()}
    whole, new = multiply_adds(stream)
    figures["limit"] = figures["batch"] * new / whole
    figures["off"] = float(np.abs(answers - expected).max())
    figures["reasons"] = list(dict.fromkeys(part.reason for part in stream.parts if part.reason))
    return figures


def shared(rounds: int, streams: int = 8) -> tuple[float, float]:
    """Frames a second of so many streams in one batch, and one after the other."""
    model = ours("cnn_rnn", 16, input="rgb", bidirectional=False)
    together, alone = sm.stream_model(model, streams=streams), sm.stream_model(model)
    frames = np.random.default_rng(0).integers(0, 256, (17, 64, 64, 3), dtype=np.uint8)
    both: dict[str, list[float]] = {"together": [], "alone": []}
    together.push(dict.fromkeys(range(streams), frames))
    alone.push(frames)
    for _ in range(rounds + 2):
        began = time.perf_counter()
        together.push(dict.fromkeys(range(streams), frames[:1]))
        middle = time.perf_counter()
        for _ in range(streams):
            alone.push(frames[:1])
        both["together"].append(middle - began)
        both["alone"].append(time.perf_counter() - middle)
    return tuple(streams / min(times[2:]) for times in both.values())  # type: ignore[return-value]


def memory(frames: int) -> tuple[float, float]:
    """The process's peak in MB after a tenth of so many frames, and after all of them."""
    stream = sm.stream_model(ours("conv3d", 16))
    film = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), dtype=np.uint8)
    peaks = []
    for part in (frames // 10, frames - frames // 10):
        for _ in range(part // len(film)):
            stream.push(film)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return peaks[0], peaks[1]


def page(rows: Sequence[tuple[str, dict[str, Any]]], words: Sequence[str], versions: str) -> str:
    table = [
        "| model | predict | batch | push 1 | push 16 | limit | push 1 against batch | push 16 | off by |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in rows:
        cells = [f"{one[way]:.2f}" for way in ("predict", "batch", "push 1", "push 16", "limit")]
        gains = [f"{one['batch'] / one[way]:.1f}x" for way in ("push 1", "push 16")]
        table.append(f"| {name} | {' | '.join(cells + gains)} | {one['off']:.0e} |")
    notes = [f"- {name}: {'; '.join(one['reasons'])}." for name, one in rows if one["reasons"]]
    ways = (__doc__ or "").split("The ways:\n")[1]
    return "\n".join(
        [
            "# What streaming gains",
            "",
            "Milliseconds for each new frame, and for the answer of the window that it ends. Written by"
            " `python benchmarks/streaming.py`.",
            "",
            f"{versions}.",
            "",
            *table,
            "",
            ways.strip(),
            "",
            "Layers that run on the whole window, and why:",
            "",
            *notes,
            "",
            *words,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="A frame at a time against the sliding window.")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument(
        "--memory", type=int, default=100_000, help="frames pushed to see whether memory grows; 0: none"
    )
    parser.add_argument("--models", default="", help="only those whose names hold one of these, comma between")
    parser.add_argument("--stdout", action="store_true", help="print the page instead of writing it")
    chosen = parser.parse_args()
    wanted = chosen.models.split(",")
    rows = []
    for name, build in MODELS.items():
        if any(word in name for word in wanted):
            rows.append((name, measure(build(), chosen.rounds)))
            print(name, {key: value for key, value in rows[-1][1].items() if key != "reasons"}, flush=True)
    together, alone = shared(chosen.rounds)
    words = [f"Eight streams of cnn_rnn (rgb, one direction), a frame of each at a time: {together:.0f} frames a second"
             f" in one batch, {alone:.0f} one after the other: {together / alone:.1f}x."]  # fmt: skip
    if chosen.memory:
        early, late = memory(chosen.memory)
        words += ["", f"Memory at its highest after {chosen.memory // 10} frames {early:.0f} MB, after {chosen.memory}"
                  f" {late:.0f} MB."]  # fmt: skip
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", "all")
    versions = (
        f"Keras {keras.__version__} on {keras.backend.backend()}, Python {platform.python_version()},"
        f" {os.cpu_count()} cores, {threads} threads, the least of {chosen.rounds} rounds"
    )
    text = page(rows, words, versions)
    if chosen.stdout:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
