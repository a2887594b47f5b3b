"""Stream and export small models of every kind that people write. Writes the table in docs/stream.md.

    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python benchmarks/zoo.py [--models LSTM,C3D]
    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python benchmarks/zoo.py --export
    KERAS_BACKEND=jax python benchmarks/zoo.py

Figures are kept in a JSON file; each of these commands adds its own, skips models that have them already, and writes
the table from all that are there. The gain is the time of `predict_on_batch` for a window divided by that of `push` for
a frame: the least processor or wall-clock time of ten calls.
"""

from __future__ import annotations

import argparse
import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from zoo_models import MODELS

import stillmotion as sm
from stillmotion.errors import StillmotionError
from stillmotion.exporting import Program, Tensor, onnx
from stillmotion.exporting.program import distance
from stillmotion.models.card_reading import read_model
from stillmotion.models.keras_graph import iter_layers, pack_input, predict_batch
from stillmotion.streaming import StreamModel, stream_program
from stillmotion.streaming.trial import structured_frames

PAGE = Path(__file__).parents[1] / "docs" / "stream.md"
FIGURES = Path(__file__).parent / "results" / "zoo.json"
# The table stands between these lines of the page.
BEGIN, END = "<!-- Written by benchmarks/zoo.py. -->", "<!-- End of what benchmarks/zoo.py writes. -->"
# What the columns show.
COLUMNS = (
    "",
    "what `stillmotion describe` reads from the model: what it takes, its input range, what it gives",
    "the largest difference from the model's own predictions there; above 1e-5 also that of these from float64",
    "likewise",
    "how many times as fast a new frame is as a window by itself, on TensorFlow",
    "the difference in ONNX Runtime, of the whole model and of a stream's step, or why there is none",
    "the layers that run on whole windows, and why; those after them do, too",
)
WINDOWS = 5
EXACT = 1e-5


def random_weights(model: keras.Model) -> keras.Model:
    """Weights whose predictions vary from clip to clip.

    Keras's own, noise where these begin with zeros or ones, statistics of BatchNormalization that fit, and large last
    kernels. As Keras makes them, deep backbones give nearly the same for all frames.
    """
    rng = np.random.default_rng(0)
    for weight in model.weights:
        value = np.asarray(weight.numpy(), np.float32)
        if "seed" in weight.path or "int" in str(weight.dtype) or "moving" in weight.path:
            continue
        if value.ndim <= 1 or not np.ptp(value):
            weight.assign((value + rng.uniform(0, 0.3, value.shape)).astype(np.float32))
    normalizations = [layer for layer in iter_layers(model) if isinstance(layer, layers.BatchNormalization)]
    if normalizations:
        frames = structured_frames(16, model.input_shape[2:], "float32", (0.0, 1.0), seed=3)
        backbones = [layer.layer for layer in model.layers if isinstance(getattr(layer, "layer", None), keras.Model)]
        before = [layer.momentum for layer in normalizations]
        for layer in normalizations:
            layer.momentum = 0.0
        if backbones:
            backbones[0](frames, training=True)
        else:
            model(frames[None, : model.input_shape[1]], training=True)
        for layer, momentum in zip(normalizations, before, strict=True):
            layer.momentum = momentum
    kernels = [weight for weight in model.trainable_weights if weight.shape and weight.shape[-1] <= 4]
    if kernels:
        kernels[-1].assign(kernels[-1] * 8)
    return model


def frames_of(stream: StreamModel) -> Any:
    """Frames for a few windows, in 0..1 unless the model takes whole numbers."""
    spec = stream.plan.graph.specs[stream.plan.graph.input]
    values = (0.0, 1.0) if "float" in spec.dtype else (0.0, 255.0)
    return structured_frames(stream.frames + WINDOWS - 1, stream.plan.frame_shape, spec.dtype, values, seed=7)


def windows_of(stream: StreamModel, frames: Any) -> Any:
    windows = np.stack([frames[at : at + stream.frames] for at in range(WINDOWS)])
    return windows[:, 0] if len(stream.plan.graph.shape(stream.plan.graph.input)) == 4 else windows


def fastest(call: Callable[[], Any], calls: int = 10) -> float:
    """Milliseconds of processor or wall-clock time, whichever is less, of the fastest call."""
    times = []
    for _ in range(calls):
        began = time.perf_counter(), time.process_time()
        call()
        times.append(1000 * min(time.perf_counter() - began[0], time.process_time() - began[1]))
    return min(times)


def export_of(model: keras.Model, stream: StreamModel, frames: Any, windows: Any) -> dict[str, str]:
    """The parity of the whole model and of the stream's step in ONNX Runtime, or why there is none."""
    spec = stream.plan.graph.specs[stream.plan.graph.input]

    def whole() -> Any:
        tensor = Tensor("clip", (1, *spec.shape[1:]), spec.dtype)

        def call(clip: Any) -> list[Any]:
            return keras.tree.flatten(model(pack_input(model, clip), training=False))

        run = onnx.load(onnx.convert(Program(model, call, (tensor,), ("probabilities",))))
        return np.concatenate([run({"clip": window[None]})["probabilities"] for window in windows])

    def step() -> Any:
        program = stream_program(model)
        run = onnx.load(onnx.convert(program))
        state = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in program.inputs[1:]}
        results = []
        for frame in frames:
            outputs = run({"frames": frame[None, None], **state})
            state = {name: np.array(outputs[f"next_{name}"]) for name in state}
            results.append(outputs["probabilities"][0, 0])
        return np.array(results[-WINDOWS:])

    expected, cells = predict_batch(model, windows), {}
    for name, run in (("whole", whole), ("step", step)):
        try:
            cells[name] = f"{distance(np.reshape(run(), expected.shape), expected):.0e}"
        except StillmotionError as error:
            cells[name] = str(error)
    return cells


def measure(name: str, *, export: bool) -> dict[str, Any]:
    """All figures of a model on this backend, or those of its exports."""
    keras.utils.set_random_seed(0)
    model = random_weights(MODELS[name]())
    stream = sm.stream_model(model)
    frames = frames_of(stream)
    windows = windows_of(stream, frames)
    if export:
        return export_of(model, stream, frames, windows)
    streamed = np.array([each.probabilities for frame in frames for each in stream.push(frame[None])])
    expected = predict_batch(model, windows)
    difference = float(np.abs(streamed.reshape(expected.shape) - expected).max())
    again = predict_batch(model, windows[[0] * 4])
    per_window = fastest(lambda: predict_batch(model, windows[:1]))
    per_frame = fastest(lambda: stream.push(frames[:1]))
    reasons = [f"{report.layer.rstrip('_0123456789')}: {report.reason}" for report in stream.layers if report.reason]
    return {
        "difference": difference,
        "random": bool(np.ptp(again, axis=0).max() > 1e-5),
        "varies": float(np.ptp(expected, axis=0).max()),
        "gain": per_window / per_frame,
        "reasons": list(dict.fromkeys(reasons)),
        "card": card_of(model, name),
        **({"rounding": rounding_of(name, model, windows, expected)} if difference > EXACT else {}),
    }


def card_of(model: keras.Model, name: str) -> str:
    """What its card says without being told: how it is fed, and what it gives."""
    try:
        card = read_model(model, name)
    except StillmotionError as error:
        return f"none: {str(error).removeprefix(name).removeprefix(': ')}"
    facts = (card.kind, card.input_range.value, card.outputs.value, "per frame" if card.per_frame.value else None)
    return ", ".join(fact for fact in facts if fact)


def rounding_of(name: str, model: keras.Model, windows: Any, expected: Any) -> float:
    """The largest difference of the model's own predictions from those with the same weights in float64."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        precise = MODELS[name]()
        precise.set_weights(model.get_weights())
        return float(np.abs(predict_batch(precise, windows.astype("float64")) - expected).max())
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def difference_cell(figures: dict[str, Any] | None) -> str:
    """Difference from the model on one backend."""
    if not figures:
        return ""
    if "error" in figures:
        return f"error: {figures['error']}"
    rounding = f" (its own rounding: {figures['rounding']:.0e})" if "rounding" in figures else ""
    return "random" if figures["random"] else f"{figures['difference']:.0e}{rounding}"


def export_cell(figures: dict[str, Any] | None) -> str:
    """Differences of both exports, or why there are none."""
    if not figures:
        return ""
    if "error" in figures:
        return f"error: {figures['error']}"
    whole, step = figures["whole"], figures["step"]
    return whole if whole == step else f"{whole}; step {step}"


def render_table(figures: dict[str, dict[str, Any]], setting: str) -> str:
    """The table as Markdown."""
    rows_of_table = [["model", "card", "TensorFlow", "JAX", "gain", "exported", "on the whole window"]]
    for name in MODELS:
        rows = {part: figures.get(part, {}).get(name) for part in ("tensorflow", "jax", "export")}
        main = rows["tensorflow"] or rows["jax"]
        if not main:
            continue
        cells = [
            name, main.get("card", "") or (rows["jax"] or {}).get("card", ""),
            difference_cell(rows["tensorflow"]), difference_cell(rows["jax"]),
            f"{main['gain']:.1f}x" if "gain" in main else "", export_cell(rows["export"]),
            "; ".join(main.get("reasons", [])),
        ]  # fmt: skip
        rows_of_table.append([" ".join(text.replace("|", "/").split()) for text in cells])
    # Columns that nothing is known of are left out.
    known = [number for number in range(7) if any(row[number] for row in rows_of_table[1:])]
    lines = [f"| {' | '.join(row[number] for number in known)} |" for row in rows_of_table]
    notes = [f"- *{rows_of_table[0][number]}*: {COLUMNS[number]}" for number in known if COLUMNS[number]]
    return "\n".join([*notes, "", lines[0], "|---" * len(known) + "|", *lines[1:], "", setting])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="", help="comma-separated parts of names: only models with one of them")
    parser.add_argument("--figures", type=Path, default=FIGURES, help="where figures are kept")
    parser.add_argument("--again", action="store_true", help="also measure models that have figures already")
    parser.add_argument("--export", action="store_true", help="export the models instead")
    arguments = parser.parse_args()

    def known() -> dict[str, dict[str, Any]]:
        return json.loads(arguments.figures.read_text()) if arguments.figures.is_file() else {}

    part = "export" if arguments.export else keras.backend.backend()
    for name in MODELS:
        wanted = any(word in name for word in arguments.models.split(","))
        if not wanted or (name in known().get(part, {}) and not arguments.again):
            continue
        began = time.time()
        try:
            row = measure(name, export=arguments.export)
        except StillmotionError as error:
            row = {"error": str(error)}
        except Exception as error:
            traceback.print_exc()
            row = {"error": f"unforeseen {type(error).__name__}"}
        keras.backend.clear_session()
        print(f"{time.time() - began:.0f} s, {name}: {row}", flush=True)
        figures = known()  # Another run may have written meanwhile.
        figures.setdefault(part, {})[name] = row
        arguments.figures.write_text(json.dumps(figures, indent=1))
    setting = f"Keras {keras.__version__}; made by `python benchmarks/zoo.py`."
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{render_table(known(), setting)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
