"""Compare streaming frame by frame with the sliding window, on every engine. Writes benchmarks/results/streaming.md.

    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python benchmarks/streaming.py [--rounds 25] [--memory 100000]
        [--models cnn_rnn,classic] [--stdout]

Each model predicts after every new frame. The methods take turns; in each round, a method runs for at least five calls
and 15 ms, and its figure is the fastest of all its calls. The time of a call is wall-clock or processor time, whichever
is less: the first includes other work on the machine, the second other threads that wait busily. The environment
variables give every engine one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from streaming_page import ENGINE_NAMES, render_page

import stillmotion as sm
from stillmotion.exporting import Program, Tensor, onnx, openvino
from stillmotion.models import build_model
from stillmotion.models.counting import count_by_call
from stillmotion.models.keras_graph import Graph, Node
from stillmotion.streaming import ENGINES
from stillmotion.streaming.streams import StreamModel

PAGE = Path(__file__).parent / "results" / "streaming.md"
PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}
CLASSES = 5


def ours(family: str, frames: int, **options: Any) -> keras.Model:
    return build_model(family, frames=frames, height=64, width=64, classes=CLASSES, options=options)


def plain_cnn_lstm(frames: int) -> keras.Model:
    """The CNN-LSTM of the tutorials, with TimeDistributed."""
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
    """Eight convolutions, padded in time: nearly every slice of a window depends on its ends."""
    x = clip = keras.Input((frames, 32, 32, 3))
    for _ in range(8):
        x = layers.Conv3D(16, 3, padding="same", activation="relu")(x)
    return keras.Model(clip, layers.Dense(CLASSES, activation="softmax")(layers.GlobalAveragePooling3D()(x)))


MODELS: dict[str, Callable[[], keras.Model]] = {
    "classic CNN-LSTM, 16 frames": lambda: ours("cnn_rnn", 16, preset="classic"),
    "the same with TimeDistributed": lambda: plain_cnn_lstm(16),
    "classic Conv3D, 16 frames": lambda: ours("conv3d", 16, preset="classic"),
    **{
        f"{family}{suffix}, {frames} frames": lambda family=family, options=options, frames=frames: ours(
            family, frames, **options
        )
        for frames in (16, 32)
        for family, options, suffix in [
            ("frame_pool", {}, ""),
            ("cnn_rnn", {}, ""),
            ("cnn_rnn", {"input": "rgb"}, " input=rgb"),
            ("cnn_rnn", {"bidirectional": True}, " bidirectional=true"),
            ("conv3d", {}, ""),
        ]
    },
    "MobileNetV2 and GRU, 160x160, 16 frames": lambda: mobilenet_gru(16),
    "deep Conv3D padded in time, 16 frames": lambda: deep_same(16),
}


THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
# In each round a method runs at least this often and this long. The first call after another method's finds cold
# caches, so fast methods get as much time as slow ones.
MIN_CALLS, MIN_SECONDS = 5, 0.015

Method = Callable[[], Any]


def fastest(methods: dict[str, tuple[Method, int]], rounds: int) -> dict[str, float]:
    """Milliseconds per frame of each method, given as what to run and how many frames it covers."""
    milliseconds: dict[str, list[float]] = {name: [] for name in methods}
    for number in range(rounds + 2):
        for name, (method, frames) in methods.items():
            calls, first = 0, time.perf_counter()
            while calls < MIN_CALLS or time.perf_counter() < first + MIN_SECONDS:
                began = time.perf_counter(), time.process_time()
                method()
                ended = time.perf_counter(), time.process_time()
                calls += 1
                if number > 1:  # The first two rounds warm up.
                    milliseconds[name].append(1000 * min(np.subtract(ended, began)) / frames)
    return {name: min(times) for name, times in milliseconds.items()}


def multiply_adds(stream: StreamModel) -> tuple[float, float]:
    """Multiply-adds of the model for a whole window, and of the divided model for each new window."""
    reports = {report.layer: report for report in stream.layers}
    graph = stream.plan.graph
    whole = new = 0.0
    for node, count in count_by_call(graph):
        report, recurrent = reports[node.operation.name], recurrent_multiply_adds(graph, node)
        whole += count
        new += (count - recurrent) * report.computed / report.slices + recurrent
    return whole, new


def recurrent_multiply_adds(graph: Graph, node: Node) -> int:
    """The share of a recurrent layer that has to run over each window: the products with its state."""
    layer = node.operation
    directions = [getattr(layer, name) for name in ("forward_layer", "backward_layer") if hasattr(layer, name)]
    cells = [direction.cell for direction in directions or [layer] if hasattr(direction, "cell")]
    kernels = [int(np.prod(cell.recurrent_kernel.shape)) for cell in cells if hasattr(cell, "recurrent_kernel")]
    return int(graph.shape(node.inputs[0])[1] or 1) * sum(kernels) if kernels else 0


def window_methods(model: keras.Model) -> dict[str, Callable[[Any], Any]]:
    """For each engine, what predicts a single clip."""
    (clip,) = model.inputs
    tensor = Tensor("clip", (1, *clip.shape[1:]), clip.dtype)
    program = Program(model, lambda clips: [model(clips, training=False)], (tensor,), ("probabilities",))
    exported = onnx.convert(program)
    runners = {"onnx": onnx.load(exported), "openvino": openvino.load(exported)}
    return {"keras": model.predict_on_batch} | {
        name: lambda window, run=run: run({"clip": window})["probabilities"] for name, run in runners.items()
    }


def measure(model: keras.Model, rounds: int) -> dict[str, Any]:
    """Milliseconds per frame of each method, the limit, and how far predictions are from the model's own."""
    _, frames, height, width, _ = model.input_shape
    video = np.random.default_rng(0).integers(0, 256, (frames + 48, height, width, 3), dtype=np.uint8)
    video = video.astype(model.inputs[0].dtype)
    windows = [video[None, at : at + frames] for at in range(len(video) - frames + 1)]
    expected = np.concatenate([model.predict_on_batch(window) for window in windows])
    streams = {engine: sm.stream_model(model, engine=engine) for engine in ENGINES}
    predicted = {
        engine: np.array([prediction.probabilities for prediction in stream.push(video)])
        for engine, stream in streams.items()
    }
    by_window = window_methods(model)
    methods: dict[str, tuple[Method, int]] = {"predict": (lambda: model.predict(windows[0], verbose=0), 1)}
    for engine, stream in streams.items():
        methods[f"{engine} window"] = (lambda run=by_window[engine]: run(windows[0]), 1)
        methods[f"{engine} frame"] = (lambda stream=stream: stream.push(video[:1]), 1)
    methods["keras 16"] = (lambda: streams["keras"].push(video[:16]), 16)
    figures: dict[str, Any] = dict(fastest(methods, rounds))
    whole, new = multiply_adds(streams["keras"])
    figures["limit"] = whole / new
    figures["difference"] = {
        engine: float(np.abs(probabilities - expected).max()) for engine, probabilities in predicted.items()
    }
    reasons = (report.reason for report in streams["keras"].layers if report.reason)
    figures["reasons"] = list(dict.fromkeys(reasons))
    return figures


def measure_shared(rounds: int, streams: int = 8) -> dict[str, float]:
    """Milliseconds for one frame of each of several streams, in one batch and one stream after the other, by engine."""
    model = ours("cnn_rnn", 16)
    frames = np.random.default_rng(0).integers(0, 256, (17, 64, 64, 3), dtype=np.uint8)
    methods: dict[str, tuple[Method, int]] = {}
    for engine in ENGINES:
        together = sm.stream_model(model, streams=streams, engine=engine)
        alone = sm.stream_model(model, engine=engine)
        together.push(dict.fromkeys(range(streams), frames))
        alone.push(frames)
        batch = dict.fromkeys(range(streams), frames[:1])
        methods[f"{engine} together"] = (lambda stream=together, batch=batch: stream.push(batch), 1)
        methods[f"{engine} alone"] = (lambda stream=alone: [stream.push(frames[:1]) for _ in range(streams)], 1)
    return fastest(methods, rounds)


def measure_memory(frames: int, engine: str) -> list[float]:
    """The process's peak memory in MB after a tenth of this many frames, and after all of them."""
    stream = sm.stream_model(ours("cnn_rnn", 16), engine=engine)
    video = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), dtype=np.uint8)
    peaks = []
    for count in (frames // 10, frames - frames // 10):
        for _ in range(count // len(video)):
            stream.push(video)
        # Not `getrusage`, which reports the parent's peak where that is higher.
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        peaks.append(int(peak[1]) / 1024 if peak else float("nan"))
    return peaks


PARTS: dict[str, Callable[..., Any]] = {"shared": measure_shared, "memory": measure_memory}


def run_part(name: str, threads: str | None, *arguments: object) -> Any:
    """Run one of `PARTS` in a fresh process with this many threads, or all."""
    variables = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
    if threads is not None:
        variables |= dict.fromkeys(THREAD_VARIABLES, threads)
    command = [sys.executable, __file__, "--part", json.dumps([name, *arguments])]
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def describe_threads(threads: str | None) -> str:
    return "one thread" if threads == "1" else f"{threads or 'all'} threads"


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare streaming frame by frame with the sliding window.")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument(
        "--memory", type=int, default=100_000, help="frames to push to see whether memory grows; 0 skips this"
    )
    parser.add_argument("--models", default="", help="comma-separated parts of names: only models with one of them")
    parser.add_argument("--stdout", action="store_true", help="print the page instead of writing it")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        name, *values = json.loads(arguments.part)
        print(json.dumps(PARTS[name](*values)))
        return
    wanted = arguments.models.split(",")
    rows = []
    for name, build in MODELS.items():
        if any(part in name for part in wanted):
            rows.append((name, measure(build(), arguments.rounds)))
            print(name, {key: value for key, value in rows[-1][1].items() if key != "reasons"}, flush=True)
    threads = os.environ.get("OMP_NUM_THREADS")
    shared = {
        describe_threads(count): run_part("shared", count, arguments.rounds) for count in dict.fromkeys([threads, None])
    }
    print(shared, flush=True)
    peaks = {}
    for engine in ENGINES if arguments.memory else ():
        peaks[engine] = run_part("memory", threads, arguments.memory, engine)
        print(engine, peaks[engine], flush=True)
    versions = ", ".join(f"{ENGINE_NAMES[name]} {version(package)}" for name, package in PACKAGES.items())
    setting = (
        f"Keras {keras.__version__} on {keras.backend.backend()}, {versions}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, {describe_threads(threads)}, the fastest of {arguments.rounds} rounds"
    )
    text = render_page(rows, shared, peaks, arguments.memory, setting)
    if arguments.stdout:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
