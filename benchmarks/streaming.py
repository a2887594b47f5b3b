"""A frame at a time against the sliding window, on every engine; writes benchmarks/results/streaming.md.

    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python benchmarks/streaming.py [--rounds 25] [--memory 100000]
        [--models cnn_rnn,classic] [--stdout]

Each model is asked for an answer after every new frame. All ways are measured in turn, of each five calls and fifteen
milliseconds or more a round, and a figure is the least of all calls. A call's time is the clock's or the processor's,
whichever is less: the one counts other work on the machine too, the other threads that wait busily. The variables give
every engine one thread.

Four ways, on Keras, ONNX Runtime and OpenVINO:

- `predict`: `model.predict` on each window, as people write it;
- `window`: each window by itself, as fast as the engine can: on Keras `predict_on_batch`, elsewhere the whole model
  exported for one clip;
- `frame`: `stream_model`, one frame at a time, as from a camera;
- `16`: the same on Keras, 16 frames at a time, as from a file.
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
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

import stillmotion as sm
from stillmotion.exporting import Program, Tensor, onnx, openvino
from stillmotion.models import build_model
from stillmotion.models.counting import count_by_call
from stillmotion.models.keras_graph import Graph, Node
from stillmotion.streaming import ENGINES
from stillmotion.streaming.streams import StreamModel

PAGE = Path(__file__).parent / "results" / "streaming.md"
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
    "classic CNN-LSTM, 16 frames": lambda: ours("cnn_rnn", 16, preset="classic"),
    "the same with TimeDistributed": lambda: plain_cnn_lstm(16),
    "classic Conv3D, 16 frames": lambda: ours("conv3d", 16, preset="classic"),
    **{
        f"{family}{told}, {frames} frames": lambda family=family, options=options, frames=frames: ours(
            family, frames, **options
        )
        for frames in (16, 32)
        for family, options, told in [
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


# The bars, for models like cnn_rnn at 16 frames: so many windows' time saved, and no further from the limit.
LIKE_CNN_RNN = [
    "classic CNN-LSTM, 16 frames", "the same with TimeDistributed", "cnn_rnn, 16 frames",
    "cnn_rnn input=rgb, 16 frames", "cnn_rnn bidirectional=true, 16 frames", "MobileNetV2 and GRU, 160x160, 16 frames",
]  # fmt: skip
GAIN, NEAR, CONV3D_GAIN, SHARED_GAIN, EXACT = 8.0, 1.3, 4.0, 2.0, 1e-5
PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}
NAMES = {"keras": "Keras", "onnx": "ONNX Runtime", "openvino": "OpenVINO"}

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")  # what gives every engine one

# A turn of one way: a call that follows another's finds cold caches, so quick ways get as much time as slow ones.
CALLS, SECONDS = 5, 0.015

WHY = [
    "Where a target is missed, it is for one of these reasons. A frame of 64 x 64 is some seventy",
    "operations of one to ten microseconds each, and a call around them, which a window shares among its",
    "frames; the column `16` shows the cost. With `bidirectional=true`, one direction begins with the",
    "newest frame and takes one step after the other for each prediction. A layer with a large matrix",
    "reads all of it for a single frame. Eight streams in one batch save calls and keep all cores busy:",
    "where a call costs next to nothing, on one core, there is nothing to save. TensorFlow spreads even",
    "small operations over all threads, which slows single frames down more than a batch: part of its",
    "gain is that.",
]

Way = Callable[[], Any]


def least(ways: dict[str, tuple[Way, int]], rounds: int) -> dict[str, float]:
    """Milliseconds for a frame, of each way in turn: (what to run, the frames that it answers)."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 2):
        for name, (way, count) in ways.items():
            calls, first = 0, time.perf_counter()
            while calls < CALLS or time.perf_counter() < first + SECONDS:
                began = time.perf_counter(), time.process_time()
                way()
                ended = time.perf_counter(), time.process_time()
                calls += 1
                if turn > 1:
                    taken[name].append(1000 * min(np.subtract(ended, began)) / count)
    return {name: min(times) for name, times in taken.items()}


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


def window_ways(model: keras.Model) -> dict[str, Callable[[Any], Any]]:
    """One clip -> its prediction, by each engine."""
    (given,) = model.inputs
    clip = Tensor("clip", (1, *given.shape[1:]), given.dtype)
    exported = onnx.convert(Program(model, lambda clips: [model(clips, training=False)], (clip,), ("probabilities",)))
    runs = {"onnx": onnx.load(exported), "openvino": openvino.load(exported)}
    return {"keras": model.predict_on_batch} | {
        name: lambda window, run=run: run({"clip": window})["probabilities"] for name, run in runs.items()
    }


def measure(model: keras.Model, rounds: int) -> dict[str, Any]:
    """Milliseconds a frame of each way, and how far the answers are apart."""
    _, frames, height, width, _ = model.input_shape
    film = np.random.default_rng(0).integers(0, 256, (frames + 48, height, width, 3), dtype=np.uint8)
    film = film.astype(model.inputs[0].dtype)
    windows = [film[None, at : at + frames] for at in range(len(film) - frames + 1)]
    expected = np.concatenate([model.predict_on_batch(window) for window in windows])
    streams = {engine: sm.stream_model(model, engine=engine) for engine in ENGINES}
    answers = {
        engine: np.array([prediction.probabilities for prediction in stream.push(film)])
        for engine, stream in streams.items()
    }
    by_window = window_ways(model)
    ways: dict[str, tuple[Way, int]] = {"predict": (lambda: model.predict(windows[0], verbose=0), 1)}
    for engine, stream in streams.items():
        ways[f"{engine} window"] = (lambda run=by_window[engine]: run(windows[0]), 1)
        ways[f"{engine} frame"] = (lambda stream=stream: stream.push(film[:1]), 1)
    ways["keras 16"] = (lambda: streams["keras"].push(film[:16]), 16)
    figures: dict[str, Any] = dict(least(ways, rounds))
    whole, new = multiply_adds(streams["keras"])
    figures["limit"] = whole / new
    figures["off"] = {engine: float(np.abs(found - expected).max()) for engine, found in answers.items()}
    figures["reasons"] = list(dict.fromkeys(report.reason for report in streams["keras"].layers if report.reason))
    return figures


def shared(rounds: int, streams: int = 8) -> dict[str, float]:
    """Milliseconds for a frame of each of so many streams, in one batch and one after the other, by engine."""
    model = ours("cnn_rnn", 16)
    frames = np.random.default_rng(0).integers(0, 256, (17, 64, 64, 3), dtype=np.uint8)
    ways: dict[str, tuple[Way, int]] = {}
    for engine in ENGINES:
        together = sm.stream_model(model, streams=streams, engine=engine)
        alone = sm.stream_model(model, engine=engine)
        together.push(dict.fromkeys(range(streams), frames))
        alone.push(frames)
        one = dict.fromkeys(range(streams), frames[:1])
        ways[f"{engine} together"] = (lambda stream=together, one=one: stream.push(one), 1)
        ways[f"{engine} alone"] = (lambda stream=alone: [stream.push(frames[:1]) for _ in range(streams)], 1)
    return least(ways, rounds)


def memory(frames: int, engine: str) -> list[float]:
    """The process's peak in MB after a tenth of so many frames, and after all of them."""
    stream = sm.stream_model(ours("cnn_rnn", 16), engine=engine)
    film = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), dtype=np.uint8)
    peaks = []
    for part in (frames // 10, frames - frames // 10):
        for _ in range(part // len(film)):
            stream.push(film)
        # Not of getrusage: that is the parent's, where it is more.
        told = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
        peaks.append(int(told[1]) / 1024 if told else float("nan"))
    return peaks


def told(threads: str | None) -> str:
    return "one thread" if threads == "1" else f"{threads or 'all'} threads"


def part(name: str, threads: str | None, *arguments: object) -> Any:
    """`PARTS[name]` in a process of its own, which has used no memory yet, with so many threads or all."""
    variables = {name: value for name, value in os.environ.items() if name not in THREADS}
    if threads is not None:
        variables |= dict.fromkeys(THREADS, threads)
    command = [sys.executable, __file__, "--part", json.dumps([name, *arguments])]
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


PARTS: dict[str, Callable[..., Any]] = {"shared": shared, "memory": memory}


Rows = Sequence[tuple[str, dict[str, Any]]]
Together = dict[str, dict[str, float]]  # what `shared` found, by the threads that engines had


def gain(one: dict[str, Any], engine: str) -> float:
    """How many times the frames a second of the sliding window."""
    return float(one[f"{engine} window"] / one[f"{engine} frame"])


def bars(rows: Rows, together: Together) -> list[str]:
    """What was asked for, and what came of it."""
    measured = dict(rows)
    told = []
    for engine, name in NAMES.items():
        like = [(model, measured[model]) for model in LIKE_CNN_RNN if model in measured]
        quick = [model for model, one in like if gain(one, engine) >= GAIN]
        near = [model for model, one in like if one["limit"] / gain(one, engine) <= NEAR]
        told.append(
            f"| {GAIN:g}x, models like cnn_rnn at 16 frames | {name} | {len(quick)} of {len(like)}"
            f"{missed([model for model, _ in like if model not in quick])} |"
        )
        told.append(
            f"| within {NEAR:g} of the limit, the same | {name} | {len(near)} of {len(like)}"
            f"{missed([model for model, _ in like if model not in near])} |"
        )
        classic = "classic Conv3D, 16 frames"
        if classic in measured:
            reached = gain(measured[classic], engine)
            said = f"{verdict(reached >= CONV3D_GAIN)}: {reached:.1f}x"
            told.append(f"| {CONV3D_GAIN:g}x, classic Conv3D | {name} | {said} |")
        for threads, found in together.items():
            times = found[f"{engine} alone"] / found[f"{engine} together"]
            said = f"{verdict(times >= SHARED_GAIN)}: {times:.1f}x"
            told.append(f"| {SHARED_GAIN:g}x, 8 streams in one batch, {threads} | {name} | {said} |")
        worst = max(one["off"][engine] for _, one in rows)
        told.append(f"| predictions within {EXACT:.0e} | {name} | {verdict(worst <= EXACT)}: {worst:.0e} at most |")
    return ["| target | engine | reached |", "|---|---|---|", *told]


def verdict(reached: bool) -> str:
    return "yes" if reached else "no"


def missed(models: Sequence[str]) -> str:
    return f"; not {', '.join(model.removesuffix(', 16 frames') for model in models)}" if models else ""


def page(rows: Rows, together: Together, peaks: Sequence[str], versions: str) -> str:
    gains = [
        "| model | limit | Keras | ONNX Runtime | OpenVINO |",
        "|---|---|---|---|---|",
    ]
    times = [
        "| model | predict | Keras window | frame | 16 | ONNX Runtime window | frame | OpenVINO window | frame"
        " | largest difference |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in rows:
        cells = [f"{gain(one, engine):.1f}x ({one['limit'] / gain(one, engine):.2f})" for engine in ENGINES]
        gains.append(f"| {name} | {one['limit']:.1f}x | {' | '.join(cells)} |")
        order = ["predict", "keras window", "keras frame", "keras 16", "onnx window", "onnx frame", "openvino window",
                 "openvino frame"]  # fmt: skip
        cells = [f"{one[way]:.2f}" for way in order]
        times.append(f"| {name} | {' | '.join(cells)} | {max(one['off'].values()):.0e} |")
    notes = [f"- {name}: {'; '.join(one['reasons'])}." for name, one in rows if one["reasons"]]
    eight = [
        f"- {NAMES[engine]}, {threads}: {8000 / found[f'{engine} together']:.0f} frames per second in one batch,"
        f" {8000 / found[f'{engine} alone']:.0f} one after the other."
        for engine in ENGINES
        for threads, found in together.items()
    ]
    ways = (__doc__ or "").split("every engine one thread.\n")[1]
    return "\n".join(
        [
            "# Speed of streaming",
            "",
            "    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python benchmarks/streaming.py",
            "",
            "Frames per second compared with the sliding window on the same engine, with a prediction after every",
            "new frame. In parentheses: the time per frame compared with the limit's.",
            "",
            f"{versions}.",
            "",
            *gains,
            "",
            "The limit is what the model's multiply-adds allow: those of a window over those of one new frame. A",
            "gain can exceed it where the engine runs the whole clip poorly, as it often does with recurrent",
            "layers.",
            "",
            "## Targets",
            "",
            *bars(rows, together),
            "",
            *WHY,
            "",
            "## Milliseconds per frame, with a prediction for the window that it ends",
            "",
            *times,
            "",
            ways.strip(),
            "",
            "Layers that run on the whole window, and why:",
            "",
            *notes,
            "",
            "## Many streams, and long ones",
            "",
            "Eight streams of cnn_rnn, one frame of each at a time:",
            "",
            *eight,
            "",
            *peaks,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="A frame at a time against the sliding window.")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument(
        "--memory", type=int, default=100_000, help="frames pushed to see whether memory grows; 0: none"
    )
    parser.add_argument("--models", default="", help="only those whose names hold one of these, comma between")
    parser.add_argument("--stdout", action="store_true", help="print the page instead of writing it")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.part:
        name, *arguments = json.loads(chosen.part)
        print(json.dumps(PARTS[name](*arguments)))
        return
    wanted = chosen.models.split(",")
    rows = []
    for name, build in MODELS.items():
        if any(word in name for word in wanted):
            rows.append((name, measure(build(), chosen.rounds)))
            print(name, {key: value for key, value in rows[-1][1].items() if key != "reasons"}, flush=True)
    threads = os.environ.get("OMP_NUM_THREADS")
    together = {told(count): part("shared", count, chosen.rounds) for count in dict.fromkeys([threads, None])}
    print(together, flush=True)
    peaks = []
    for engine in ENGINES if chosen.memory else ():
        early, late = part("memory", threads, chosen.memory, engine)
        peaks.append(
            f"- {NAMES[engine]}: peak memory of the process after {chosen.memory // 10} frames {early:.0f} MB,"
            f" after {chosen.memory} {late:.0f} MB."
        )
        print(peaks[-1], flush=True)
    engines = ", ".join(f"{NAMES[name]} {version(package)}" for name, package in PACKAGES.items())
    versions = (
        f"Keras {keras.__version__} on {keras.backend.backend()}, {engines}, Python {platform.python_version()},"
        f" {os.cpu_count()} cores, {told(threads)}, the fastest of {chosen.rounds} rounds"
    )
    text = page(rows, together, peaks, versions)
    if chosen.stdout:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
