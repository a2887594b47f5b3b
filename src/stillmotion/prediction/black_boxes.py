"""Models in files of other runtimes, ONNX and LiteRT: their layers are unknown, so they are black boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError, UsageError, last_line
from stillmotion.exporting.program import missing, threads
from stillmotion.models.adapters import feed_array, probability_array
from stillmotion.models.cards import InputCard, ModelCard, range_factors
from stillmotion.models.inference import model_lock
from stillmotion.streaming import WindowPrediction

MAX_DEVIATION = 0.02  # of a quantized range from a usual one, as a part of that
SUFFIXES = (".onnx", ".tflite")
_ONNX_TYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(double)": "float64"}


class TensorSpec(NamedTuple):
    """Shape with the batch, and dtype."""

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True, eq=False)
class BlackBox:
    """A model that can only be run.

    Attributes:
        file: where it was loaded from.
        input: what it takes.
        input_name: the name of its input.
        output_shape: the shape of what it returns, with the batch.
        run: from a batch to what the model returns.
        input_range: the range that its quantized input stands for, if that is a usual one.
    """

    file: Path
    input: TensorSpec
    input_name: str
    output_shape: tuple[int | None, ...]
    run: Callable[[NDArray[Any]], NDArray[Any]]
    input_range: str | None = None
    layers: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.name

    @property
    def input_card(self) -> InputCard:
        """The input as a card has it."""
        return InputCard(name=self.input_name, shape=self.input.shape[1:], dtype=self.input.dtype)

    @property
    def inputs(self) -> list[TensorSpec]:
        """The only input, as a Keras model has it."""
        return [self.input]

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Its shape, with the batch."""
        return self.input.shape

    def predict_on_batch(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Run the model.

        Args:
            batch: what it takes, of any number.

        Returns:
            What it returns for each.
        """
        size = self.input.shape[0] or len(batch)
        parts = [self.run(batch[start : start + size]) for start in range(0, len(batch), size)]
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class AdaptedBlackBox:
    """A black box that takes what a camera gives and returns probabilities; what `adapt` is for Keras models.

    Attributes:
        box: the model.
        card: how it is fed and what it returns.
    """

    box: BlackBox
    card: ModelCard
    layers: tuple[Any, ...] = ()

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """`(batch, frames, height, width, 3)`."""
        return (self.box.input.shape[0], self.card.frames.value or 1, *self.card.size, 3)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """`(batch, labels)`."""
        return None, len(self.card.labels.value or ())

    def predict_on_batch(self, clips: NDArray[Any]) -> NDArray[np.float32]:
        """Predict clips.

        Args:
            clips: uint8 RGB `(n, frames, height, width, 3)`.

        Returns:
            Probabilities `(n, labels)`.
        """
        return probability_array(self.box.predict_on_batch(feed_array(clips, self.card)), self.card)


def load_black_box(file: Path) -> BlackBox:
    """Load an ONNX or LiteRT file.

    Args:
        file: the `.onnx` or `.tflite` file.

    Returns:
        The model.

    Raises:
        StillmotionError: it cannot be loaded, has several inputs or outputs, or the runtime is not installed.
    """
    load = _load_onnx if file.suffix.lower() == ".onnx" else _load_litert
    try:
        return load(file)
    except StillmotionError:
        raise
    except Exception as error:  # A damaged file may raise anything.
        raise StillmotionError(f"{file}: cannot be loaded ({last_line(error)})") from error


def _load_onnx(file: Path) -> BlackBox:
    try:
        import onnxruntime
    except ImportError as error:
        raise missing("onnxruntime", "onnx", error) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    (given,) = _only(file, session.get_inputs(), "inputs")
    (returned,) = _only(file, session.get_outputs(), "outputs")
    if given.type not in _ONNX_TYPES:
        raise StillmotionError(f"{file}: takes {given.type}; only pictures of numbers can be fed")

    def run(batch: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(session.run([returned.name], {given.name: batch})[0])

    shapes = [tuple(side if isinstance(side, int) else None for side in tensor.shape) for tensor in (given, returned)]
    return BlackBox(file, TensorSpec(shapes[0], _ONNX_TYPES[given.type]), given.name, shapes[1], run)


def _load_litert(file: Path) -> BlackBox:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise missing("ai_edge_litert", "litert", error) from None
    interpreter = Interpreter(model_path=str(file), num_threads=threads() or None)
    interpreter.allocate_tensors()
    (given,) = _only(file, interpreter.get_input_details(), "inputs")
    (returned,) = _only(file, interpreter.get_output_details(), "outputs")
    (scale, zero), (out_scale, out_zero) = given["quantization"], returned["quantization"]
    info = np.iinfo(given["dtype"]) if np.issubdtype(given["dtype"], np.integer) else None

    def run(batch: NDArray[Any]) -> NDArray[Any]:
        if scale and info is not None:
            batch = np.clip(np.rint(batch / scale + zero), info.min, info.max).astype(given["dtype"])
        interpreter.set_tensor(given["index"], batch)
        interpreter.invoke()
        output = np.array(interpreter.get_tensor(returned["index"]))
        return (output.astype(np.float32) - out_zero) * out_scale if out_scale else output

    # A quantized input stands for a range of numbers, which it is given here; its batch is fixed as it was converted.
    quantized = bool(scale) and info is not None
    dtype = "float32" if quantized else np.dtype(given["dtype"]).name
    input_range = None
    if quantized and info is not None:
        input_range = _quantized_range((info.min - zero) * scale, (info.max - zero) * scale)
    signature = [int(side) for side in given.get("shape_signature", given["shape"])]
    shape = tuple(int(side) if side > 0 else None for side in given["shape"])
    shape = (shape[0], *(None if known < 0 else side for known, side in zip(signature[1:], shape[1:], strict=True)))
    outputs = tuple(int(side) for side in returned["shape"])
    return BlackBox(file, TensorSpec(shape, dtype), given["name"], outputs, run, input_range)


def _quantized_range(low: float, high: float) -> str | None:
    """The usual range of pictures that a span of quantized numbers stands for; a span is that of samples, not exact."""
    for name in ("0..255", "0..1", "-1..1"):
        factor, offset = (float(part[0]) for part in range_factors(name))
        ends = offset, 255 * factor + offset
        if max(abs(low - ends[0]), abs(high - ends[1])) <= MAX_DEVIATION * (ends[1] - ends[0]):
            return name
    return None


def _only(file: Path, tensors: Sequence[Any], what: str) -> Sequence[Any]:
    """The only input or output."""
    if len(tensors) != 1:
        raise StillmotionError(f"{file}: has {len(tensors)} {what}; only models with one of each can be used")
    return tensors


class WindowStream:
    """Predicts each window of a stream as a whole, for models that cannot be divided in time.

    It is used like a `StreamModel` of one stream.

    Args:
        model: takes uint8 RGB `(batch, frames, height, width, 3)` and returns probabilities.
        labels: class names in the order of its outputs.
        hop: frames from one window to the next.
        stateful: its layers that keep a state, which goes on from window to window until the stream ends.
    """

    def __init__(self, model: Any, labels: Sequence[str], hop: int = 1, stateful: Sequence[Any] = ()) -> None:
        if hop < 1:
            raise UsageError(f"hop is {hop}; expected 1 or more")
        self.model, self.labels, self.hop = model, tuple(labels), hop
        self.stateful = tuple(stateful)
        _, self.frames, self.height, self.width, _ = model.input_shape
        self._waiting: list[tuple[float, NDArray[Any]]] = []
        self._skip = 0
        self._windows = 0
        self.flush()

    def push(self, frames: NDArray[Any], seconds: Sequence[float] | None = None) -> list[WindowPrediction]:
        """Feed new frames, and get a prediction for each window that they complete.

        Args:
            frames: uint8 RGB `(n, height, width, 3)`.
            seconds: the times of the frames.

        Returns:
            The predictions, in order.
        """
        with model_lock(self.model):
            return self._push(frames, seconds)

    def _push(self, frames: NDArray[Any], seconds: Sequence[float] | None) -> list[WindowPrediction]:
        predictions = []
        for frame, time in zip(frames, seconds if seconds is not None else [nan] * len(frames), strict=True):
            if self._skip:
                self._skip -= 1
                continue
            self._waiting.append((time, frame))
            if len(self._waiting) == self.frames:
                clip = np.stack([picture for _, picture in self._waiting])
                # On JAX, only a plain call carries a state on.
                outputs = self.model(clip[None]) if self.stateful else self.model.predict_on_batch(clip[None])
                probabilities = np.asarray(outputs, np.float32)[0]
                label = self.labels[int(probabilities.argmax())]
                end = None if time != time else time
                predictions.append(WindowPrediction(probabilities, self._windows, end, label))
                self._windows += 1
                self._skip = max(0, self.hop - self.frames)
                self._waiting = self._waiting[self.hop :]
        return predictions

    def flush(self) -> None:
        """End the stream. A window that is not complete has no prediction."""
        self._waiting, self._skip, self._windows = [], 0, 0
        for layer in self.stateful:
            layer.reset_state()
