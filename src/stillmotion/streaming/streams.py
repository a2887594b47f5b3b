"""Feed a clip model frame by frame: each window is predicted at the cost of its new frames."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from math import isnan, nan
from pathlib import Path
from typing import Any, TypeVar, overload

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.data import read_class_names
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import describe_value
from stillmotion.models.cards import count_labels
from stillmotion.models.inference import model_lock
from stillmotion.models.keras_graph import iter_layers
from stillmotion.models.precision import full_precision
from stillmotion.streaming.block import Block
from stillmotion.streaming.checking import compare_with_model
from stillmotion.streaming.engines import ENGINES, Step
from stillmotion.streaming.plan import LayerReport, StreamPlan
from stillmotion.streaming.planning import make_stream_plan

# How far predictions of the divided model may be from the model's own, in the check at the start.
TOLERANCES = {"keras": 1e-5, "onnx": 1e-4, "openvino": 1e-4}

Pixels = NDArray[Any]
FrameTimes = Sequence[float] | NDArray[np.float64]
Name = TypeVar("Name", bound=Hashable)
_ONLY_STREAM = "the stream"


@dataclass(frozen=True, eq=False)
class WindowPrediction:
    """What a model predicts for one window of a stream.

    Attributes:
        probabilities: float32 `(classes,)`, or what else the model gives for one window, such as `(frames, classes)`.
        index: the window's number in the stream, from 0.
        seconds: the time of the window's last frame, where times were given.
        label: the most probable label, where labels were given; of a stream of independent labels all from 0.5 on,
            such as "a + b".
        distance: how unlike the clips of the run's training the window is, where the run remembers them; see
            `unlike_training`.

    Examples:
        >>> predictions = list(sm.stream("runs/motion", "new.mp4"))
        >>> predictions[0].index, round(predictions[0].seconds, 1)
        (0, 0.4)
    """

    probabilities: NDArray[np.float32]
    index: int
    seconds: float | None = None
    label: str | None = None
    distance: float | None = None

    @property
    def unlike_training(self) -> bool | None:
        """Whether the window is further from the training clips than 95 % of them are from other recordings."""
        return None if self.distance is None else self.distance > 1

    @property
    def probability(self) -> float:
        """The probability of the most probable label; for predictions per frame, at the newest frame."""
        newest = _newest(self.probabilities)
        if len(newest) == 1 and self.label is not None:
            return float(max(newest[0], 1 - newest[0]))  # One output says how probable the second of two labels is.
        return float(newest.max())


@dataclass
class _Stream:
    """One stream's place in the batch, and those of its frames that no block has taken yet."""

    place: int
    waiting: Pixels
    seconds: list[float]
    frames_seen: int = 0
    windows: int = 0


@dataclass
class StreamModel:
    """A clip model that is fed frame by frame. Made by `stream_model`.

    Attributes:
        model: the clip model.
        hop: frames from one window to the next.
        start: the frame at which the first window begins.
        streams: how many streams share the model.
        labels: class names in the order of the model's outputs, or None.
        plan: how the model is divided.
        engine: a name in `ENGINES`.
    """

    model: keras.Model
    hop: int
    start: int
    streams: int
    labels: tuple[str, ...] | None
    plan: StreamPlan
    engine: str = "keras"
    _steps: dict[int, Step] = field(default_factory=dict)  # By the number of windows that they advance.
    _kept: list[Any] = field(default_factory=list)  # In the form that the engine returned it in.
    _open: dict[Hashable, _Stream] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        clip = self.plan.graph.specs[self.plan.graph.input]
        self._frame_shape, self._dtype = self.plan.frame_shape, np.dtype(clip.dtype)

    @property
    def frames(self) -> int:
        """Frames of a window."""
        return self.plan.length

    @property
    def layers(self) -> tuple[LayerReport, ...]:
        """How each layer is streamed, in order."""
        return tuple(self.plan.reports)

    @property
    def state_bytes(self) -> int:
        """The size of the state kept between calls of `push`. It does not grow with the length of the streams."""
        kept = sum(np.asarray(tensor).nbytes for tensor in self._kept)
        return kept + sum(stream.waiting.nbytes for stream in self._open.values())

    @overload
    def push(self, frames: Pixels, seconds: FrameTimes | None = None) -> list[WindowPrediction]: ...
    @overload
    def push(
        self, frames: Mapping[Name, Pixels], seconds: Mapping[Name, FrameTimes] | None = None
    ) -> dict[Name, list[WindowPrediction]]: ...
    def push(self, frames: Any, seconds: Any = None) -> Any:
        """Feed new frames, and get a prediction for each window that they complete.

        Threads that share the model take turns. Those that feed one stream must agree on the order of its frames.

        Args:
            frames: `(n, height, width, 3)`, where n may be 0. For several streams, a mapping from names of your choice
                to such frames. A new name begins a new stream.
            seconds: the times of the frames, `(n,)`; for several streams a mapping as well.

        Returns:
            The predictions in order; for several streams, by name.

        Raises:
            UsageError: frames of another shape, another number of times, or more streams than the model was made for.
        """
        with self._lock:
            return self._push(frames, seconds)

    def _push(self, frames: Any, seconds: Any) -> Any:
        several = isinstance(frames, Mapping)
        frames_by_name = frames if several else {_ONLY_STREAM: frames}
        times_by_name = (seconds or {}) if several else {_ONLY_STREAM: seconds}
        for name, new in frames_by_name.items():
            self._take(name, np.asarray(new), times_by_name.get(name))
        predictions: dict[Hashable, list[WindowPrediction]] = {name: [] for name in frames_by_name}
        while (ready := max((self._windows_ready(self._open[name]) for name in predictions), default=0)) > 0:
            windows = next(size for size in ENGINES[self.engine].block_sizes if size <= ready)
            active = {
                name: self._open[name] for name in predictions if self._windows_ready(self._open[name]) >= windows
            }
            self._advance(active, windows, predictions)
        return predictions if several else predictions[_ONLY_STREAM]

    def flush(self, name: Hashable = _ONLY_STREAM) -> None:
        """End a stream and free its place. A window that is not complete has no prediction.

        The next frames of that name begin a new stream.

        Args:
            name: the stream's name, if there are several.
        """
        with self._lock:
            self._open.pop(name, None)

    def _windows_ready(self, stream: _Stream) -> int:
        return len(stream.waiting) // self.plan.hop

    def _take(self, name: Hashable, new: Pixels, seconds: FrameTimes | None) -> None:
        """Add new frames to the waiting ones."""
        if new.shape[1:] != self._frame_shape:
            raise UsageError(f"frames of shape {new.shape}: expected (n, {', '.join(map(str, self._frame_shape))})")
        times = [nan] * len(new) if seconds is None else [float(second) for second in seconds]
        if len(times) != len(new):
            raise UsageError(f"{len(times)} times for {len(new)} frames")
        stream = self._open.get(name) or self._join(name, new)
        first = stream.frames_seen - self.start
        stream.frames_seen += len(new)
        if first < 0 or self.hop > self.frames:
            # Frames before the first window, and in gaps between windows, are not needed.
            number = np.arange(first, first + len(new))
            needed = (number >= 0) & (number % self.hop < self.frames)
            new, times = new[needed], list(compress(times, needed))
        # A copy, because the caller may reuse the array.
        stream.waiting = np.concatenate([stream.waiting, new]) if len(stream.waiting) else np.array(new)
        stream.seconds += times

    def _join(self, name: Hashable, new: Pixels) -> _Stream:
        """Begin a stream at a free place of the batch."""
        taken = {stream.place for stream in self._open.values()}
        place = next((place for place in range(self.streams) if place not in taken), None)
        if place is None:
            raise UsageError(f"there are {self.streams} places, all taken; flush a stream, or ask for more streams")
        # Blocks advance by whole hops, so empty frames go ahead of the first window to make it end with a hop. The
        # windows that end before it are counted below 0, and not reported.
        hops = -(-self.frames // self.plan.hop)
        padding = hops * self.plan.hop - self.frames
        blank = np.zeros((padding, *new.shape[1:]), new.dtype)
        stream = _Stream(place, blank, [nan] * padding, windows=1 - hops)
        self._open[name] = stream
        if self.plan.stateful:
            for layer in iter_layers(self.model):
                if getattr(layer, "stateful", False) is True and hasattr(layer, "reset_state"):
                    layer.reset_state()
        return stream

    def _advance(
        self,
        active: dict[Hashable, _Stream],
        windows: int,
        predictions: dict[Hashable, list[WindowPrediction]],
    ) -> None:
        """Run one block of frames of the active streams; the others keep their state."""
        hop = self.plan.hop
        step = self._step(windows)
        if self.streams == 1:
            (only,) = active.values()
            batch = only.waiting[None, : windows * hop].astype(self._dtype, copy=False)
        else:
            batch = np.zeros((self.streams, windows * hop, *self._frame_shape), self._dtype)
            for stream in active.values():
                batch[stream.place] = stream.waiting[: windows * hop]
        probabilities, kept = step(batch, self._kept)
        if len(active) < self.streams:
            places = [stream.place for stream in active.values()]
            for number, tensor in enumerate(kept):
                kept[number] = np.array(self._kept[number])
                kept[number][places] = np.asarray(tensor)[places]
        self._kept = kept
        for name, stream in active.items():
            for number in range(windows):
                if stream.windows >= 0:
                    end = stream.seconds[(number + 1) * hop - 1]
                    predictions[name].append(self._prediction(probabilities[stream.place, number], stream.windows, end))
                stream.windows += 1
            stream.waiting, stream.seconds = stream.waiting[windows * hop :], stream.seconds[windows * hop :]

    def _step(self, windows: int) -> Step:
        """What advances this many windows, compiled when it is first needed."""
        if windows not in self._steps:
            with model_lock(self.model):
                block = Block(self.model, self.plan, windows)
                self._steps[windows] = ENGINES[self.engine].compile(block, self.streams)
            if not self._kept:
                self._kept = [np.zeros(spec.shape, spec.dtype) for spec in block.specs(self.streams)[1]]
        return self._steps[windows]

    def predict_apart(self, windows: Sequence[Pixels]) -> NDArray[Any]:
        """The predictions for windows that are given whole, where nothing but frames is kept.

        Args:
            windows: `(frames, height, width, 3)` each.

        Returns:
            The model's output for each window.
        """
        step, count = self._step(1), self.frames - self.plan.hop
        predictions = []
        for window in windows:
            batch = np.repeat(np.asarray(window, self._dtype)[None], self.streams, axis=0)
            kept = [batch[:, :count]] if self.plan.histories else []
            predictions.append(np.array(step(batch[:, count:], kept)[0])[0, 0])
        return np.array(predictions)

    def _prediction(self, probabilities: NDArray[Any], index: int, end: float) -> WindowPrediction:
        probabilities = np.atleast_1d(np.asarray(probabilities, np.float32))
        label = None
        if self.labels:
            newest = _newest(probabilities)
            # One output says how probable the second of two labels is.
            number = int(newest[0] > 0.5) if len(newest) < len(self.labels) else int(newest.argmax())
            label = self.labels[number]
        return WindowPrediction(probabilities, index, None if isnan(end) else end, label)


def _newest(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The prediction, or that of the newest frame where there is one for each."""
    newest: NDArray[np.float32] = probabilities.reshape(-1, probabilities.shape[-1])[-1]
    return newest


def stream_model(
    model: keras.Model,
    *,
    hop: int = 1,
    start: int = 0,
    streams: int = 1,
    labels: str | Path | Sequence[str] | None = None,
    engine: str = "keras",
    check: bool = True,
) -> StreamModel:
    """Make a clip model that is fed frame by frame, and predicts for each window what the model would.

    The k-th window begins at frame `start + k * hop`. For each window, only what earlier windows have not computed yet
    is computed. `StreamModel.layers` says how much that is for each layer, and why a layer has to run on the whole
    window.

    Args:
        model: a built model that takes uint8 or float `(batch, frames, height, width, 3)` and returns
            `(batch, classes)`; or an image model, `(batch, height, width, 3)`, whose windows have one frame. Input and
            output may be the only item of a list or dictionary.
        hop: frames from one window to the next.
        start: the frame at which the first window begins.
        streams: how many streams share the model, in one batch.
        labels: class names in the order of the model's outputs, or the two names of a single output, of which it says
            how probable the second is; see `read_class_names`.
        engine: what runs the model: "keras", "onnx" or "openvino". For the last two, the divided model is exported.
        check: try the division first. Each layer is run frame by frame and on whole windows; where the results differ
            by more than 1e-5, and more than rounding explains, the layer runs on the whole window, and `layers` gives
            the reason. Then predictions are compared with the model's own: if they differ, the model runs undivided; an
            exported model is refused from 1e-4 on. GPUs, which multiply in TF32 by default, try it in float32.

    Returns:
        The stream model.

    Raises:
        UsageError: no Keras model, a hop below 1, a start below 0, or a model that cannot be streamed, because it has
            several inputs or outputs, an unknown number of frames, or is stateful with windows that do not follow one
            another, several streams or another engine.
        StillmotionError: the engine is not installed, or its predictions differ by more than 1e-4.

    Examples:
        >>> model = keras.saving.load_model("runs/motion/model.keras")
        >>> stream = sm.stream_model(model, labels=["left", "right"])
        >>> predictions = stream.push(np.zeros((6, 16, 16, 3), np.uint8))
        >>> len(predictions)
        3
    """
    if not isinstance(model, keras.Model):
        raise UsageError(f"expected a Keras model, not {describe_value(model)}; `load_clip_model` loads one")
    if engine not in ENGINES:
        raise UsageError(f"no engine {engine!r}: choose from {', '.join(ENGINES)}")
    if hop < 1 or start < 0 or streams < 1:
        raise UsageError(f"hop is {hop}, start {start}, streams {streams}; expected 1, 0, 1 or more")
    names = None if labels is None else read_class_names(labels)
    with full_precision():
        plan = make_stream_plan(model, hop, check=check)
    shape = plan.graph.shape(plan.graph.output)
    outputs = shape[-1] if len(shape) > 1 else 1
    if names is not None and len(names) != outputs and (len(names), outputs) != (2, 1):
        raise UsageError(f"{count_labels(names)} for a model of {outputs} probabilities")

    if plan.stateful and (streams > 1 or engine != "keras"):
        raise UsageError(f"{model.name}: a stateful model streams on keras only, one stream at a time")

    def build(plan: StreamPlan) -> StreamModel:
        return StreamModel(model, hop, start, streams, names, plan, engine)

    stream = build(plan)
    if not check or plan.stateful:
        return stream
    try:
        with full_precision():
            agreement = compare_with_model(stream, TOLERANCES[engine])
    except StillmotionError:
        raise
    except Exception as error:  # Whatever a layer raises that is run in another way than it was built for.
        if engine != "keras":
            raise StillmotionError(f"on {engine} the model cannot run ({_first_line(error)}); use keras") from error
        return build(make_stream_plan(model, hop, undivided=f"divided, it cannot run ({_first_line(error)})"))
    if agreement.holds:
        return stream
    if engine == "keras":
        reason = f"divided, its predictions differ by {agreement.difference:.1e}"
        return build(make_stream_plan(model, hop, undivided=reason))
    raise StillmotionError(
        f"on {engine} the model's predictions differ by {agreement.difference:.1e}, {agreement.allowed:.0e} is "
        "allowed; use keras"
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:100]}"
