"""Write the page of `benchmarks/streaming.py` from its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ENGINE_NAMES = {"keras": "Keras", "onnx": "ONNX Runtime", "openvino": "OpenVINO"}
# Models whose streaming we want at this speed: at least so many times the sliding window, and close to the limit.
LIKE_CNN_RNN = (
    "classic CNN-LSTM, 16 frames",
    "the same with TimeDistributed",
    "cnn_rnn, 16 frames",
    "cnn_rnn input=rgb, 16 frames",
    "cnn_rnn bidirectional=true, 16 frames",
    "MobileNetV2 and GRU, 160x160, 16 frames",
)
CLASSIC_CONV3D = "classic Conv3D, 16 frames"
MIN_GAIN, MAX_LIMIT_RATIO, MIN_CONV3D_GAIN, MIN_SHARED_GAIN, MAX_DIFFERENCE = 8.0, 1.3, 4.0, 2.0, 1e-5
METHODS = (
    "predict", "keras window", "keras frame", "keras 16", "onnx window", "onnx frame", "openvino window",
    "openvino frame",
)  # fmt: skip

REASONS = """\
Where a target is missed, it is for one of these reasons. A frame of 64 x 64 is some seventy
operations of one to ten microseconds each, and a call around them, which a window shares among its
frames; the column `16` shows the cost. With `bidirectional=true`, one direction begins with the
newest frame and takes one step after the other for each prediction. A layer with a large matrix
reads all of it for a single frame. Eight streams in one batch save calls and keep all cores busy:
where a call costs next to nothing, on one core, there is nothing to save. TensorFlow spreads even
small operations over all threads, which slows single frames down more than a batch: part of its
gain is that."""

METHOD_LIST = """\
Four ways, on Keras, ONNX Runtime and OpenVINO:

- `predict`: `model.predict` on each window, as people write it;
- `window`: each window by itself, as fast as the engine can: on Keras `predict_on_batch`, elsewhere the whole model
  exported for one clip;
- `frame`: `stream_model`, one frame at a time, as from a camera;
- `16`: the same on Keras, 16 frames at a time, as from a file."""

Figures = Mapping[str, Any]
Rows = Sequence[tuple[str, Figures]]
SharedFigures = Mapping[str, Mapping[str, float]]


def gain(figures: Figures, engine: str) -> float:
    """How many times as many frames per second as the sliding window."""
    return float(figures[f"{engine} window"] / figures[f"{engine} frame"])


def limit_ratio(figures: Figures, engine: str) -> float:
    """How many times the time that the limit would take."""
    return float(figures["limit"] / gain(figures, engine))


def target_rows(rows: Rows, shared: SharedFigures) -> list[str]:
    """A table of the targets, and which are reached."""
    by_model = dict(rows)
    similar = {name: by_model[name] for name in LIKE_CNN_RNN if name in by_model}
    lines = ["| target | engine | reached |", "|---|---|---|"]
    for engine, name in ENGINE_NAMES.items():
        slow = [model for model, figures in similar.items() if gain(figures, engine) < MIN_GAIN]
        far = [model for model, figures in similar.items() if limit_ratio(figures, engine) > MAX_LIMIT_RATIO]
        lines.append(f"| {MIN_GAIN:g}x, models like cnn_rnn at 16 frames | {name} | {_count(similar, slow)} |")
        lines.append(f"| within {MAX_LIMIT_RATIO:g} of the limit, the same | {name} | {_count(similar, far)} |")
        if CLASSIC_CONV3D in by_model:
            reached = gain(by_model[CLASSIC_CONV3D], engine)
            result = f"{_yes(reached >= MIN_CONV3D_GAIN)}: {reached:.1f}x"
            lines.append(f"| {MIN_CONV3D_GAIN:g}x, classic Conv3D | {name} | {result} |")
        for threads, times in shared.items():
            reached = times[f"{engine} alone"] / times[f"{engine} together"]
            result = f"{_yes(reached >= MIN_SHARED_GAIN)}: {reached:.1f}x"
            lines.append(f"| {MIN_SHARED_GAIN:g}x, 8 streams in one batch, {threads} | {name} | {result} |")
        worst = max(figures["difference"][engine] for _, figures in rows)
        result = f"{_yes(worst <= MAX_DIFFERENCE)}: {worst:.0e} at most"
        lines.append(f"| predictions within {MAX_DIFFERENCE:.0e} | {name} | {result} |")
    return lines


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"


def _count(models: Mapping[str, Figures], missed: Sequence[str]) -> str:
    exceptions = ", ".join(model.removesuffix(", 16 frames") for model in missed)
    return f"{len(models) - len(missed)} of {len(models)}" + (f"; not {exceptions}" if missed else "")


def render_page(
    rows: Rows, shared: SharedFigures, peaks: Mapping[str, Sequence[float]], memory_frames: int, setting: str
) -> str:
    """The page as Markdown."""
    gains = ["| model | limit | Keras | ONNX Runtime | OpenVINO |", "|---|---|---|---|---|"]
    times = [
        "| model | predict | Keras window | frame | 16 | ONNX Runtime window | frame | OpenVINO window | frame "
        "| largest difference |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in rows:
        cells = [f"{gain(figures, engine):.1f}x ({limit_ratio(figures, engine):.2f})" for engine in ENGINE_NAMES]
        gains.append(f"| {name} | {figures['limit']:.1f}x | {' | '.join(cells)} |")
        cells = [f"{figures[method]:.2f}" for method in METHODS]
        times.append(f"| {name} | {' | '.join(cells)} | {max(figures['difference'].values()):.0e} |")
    whole_window = [f"- {name}: {'; '.join(figures['reasons'])}." for name, figures in rows if figures["reasons"]]
    many = [
        f"- {name}, {threads}: {8000 / values[f'{engine} together']:.0f} frames per second in one batch, "
        f"{8000 / values[f'{engine} alone']:.0f} one after the other."
        for engine, name in ENGINE_NAMES.items()
        for threads, values in shared.items()
    ]
    memory = [
        f"- {ENGINE_NAMES[engine]}: peak memory of the process after {memory_frames // 10} frames {early:.0f} MB, "
        f"after {memory_frames} {late:.0f} MB."
        for engine, (early, late) in peaks.items()
    ]
    parts = [
        "# Speed of streaming",
        "    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python benchmarks/streaming.py",
        "Frames per second compared with the sliding window on the same engine, with a prediction after every\n"
        "new frame. In parentheses: the time per frame compared with the limit's.",
        f"{setting}.",
        "\n".join(gains),
        "The limit is what the model's multiply-adds allow: those of a window over those of one new frame. A\n"
        "gain can exceed it where the engine runs the whole clip poorly, as it often does with recurrent\n"
        "layers.",
        "## Targets",
        "\n".join(target_rows(rows, shared)),
        REASONS,
        "## Milliseconds per frame, with a prediction for the window that it ends",
        "\n".join(times),
        METHOD_LIST,
        "Layers that run on the whole window, and why:",
        "\n".join(whole_window),
        "## Many streams, and long ones",
        "Eight streams of cnn_rnn, one frame of each at a time:",
        "\n".join(many),
        "\n".join(memory),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
