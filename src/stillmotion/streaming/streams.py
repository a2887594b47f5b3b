"""Streams of frames in, moments out: each is a window's answer, as the model gives it, at the cost of what is new."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from math import isnan, nan
from typing import Any, Literal, overload

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError, UsageError
from stillmotion.exporting.program import distance
from stillmotion.models.keras_graph import Shape
from stillmotion.streaming.block import Block
from stillmotion.streaming.engines import ENGINES, Step
from stillmotion.streaming.plan import LayerReport, StreamPlan
from stillmotion.streaming.planning import make_stream_plan

# How far the divided model may be from the model, in a trial at the start.
EXACT = 1e-4

Frames = NDArray[Any]
Times = Sequence[float] | NDArray[np.float64]
_ONE = "the stream"


@dataclass(frozen=True, eq=False)
class WindowPrediction:
    """A window's answer: `probabilities` float32 `(classes,)`; windows are counted by `index`, from 0.

    `seconds` is the time of the window's last frame, where times were given, `label` the most probable
    label, where labels were.
    """

    probabilities: NDArray[np.float32]
    index: int
    seconds: float | None = None
    label: str | None = None

    @property
    def probability(self) -> float:
        """Of the most probable label."""
        return float(self.probabilities.max())


@dataclass
class _Stream:
    """One stream's place in the batch, and its frames that no block has taken yet."""

    place: int
    waiting: Frames
    seconds: list[float]
    seen: int = 0
    windows: int = 0


@dataclass
class StreamModel:
    """A clip model that is fed a frame at a time. Made by `stream_model`.

    Attributes:
        frames: of a window.
        hop: frames from a window to the next.
        parts: what becomes of each layer, in order.
    """

    model: keras.Model
    hop: int
    start: int
    streams: int
    labels: tuple[str, ...] | None
    plan: StreamPlan
    engine: str = "keras"
    _steps: dict[int, Step] = field(default_factory=dict)  # by the windows that they take
    _kept: list[Any] = field(default_factory=list)  # the engine's own
    _open: dict[Hashable, _Stream] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clip = self.plan.graph.specs[self.plan.graph.input]
        self._picture, self._dtype = _picture(clip.shape), np.dtype(clip.dtype)

    @property
    def frames(self) -> int:
        return self.plan.length

    @property
    def parts(self) -> tuple[LayerReport, ...]:
        return tuple(self.plan.parts)

    @overload
    def push(self, frames: Frames, seconds: Times | None = None) -> list[WindowPrediction]: ...
    @overload
    def push(
        self, frames: Mapping[Hashable, Frames], seconds: Mapping[Hashable, Times] | None = None
    ) -> dict[Hashable, list[WindowPrediction]]: ...
    def push(self, frames: Any, seconds: Any = None) -> Any:
        """Feed new frames; get a moment for each window that they complete.

        Args:
            frames: `(n, height, width, 3)` for n of 0 or more. With several streams, a mapping from any name to
                such frames: a new name joins, and the moments come by name.
            seconds: `(n,)`, the times of the frames; with several streams by name too.

        Raises:
            UsageError: frames of another shape, or more streams than there are places.
        """
        several = isinstance(frames, Mapping)
        given = frames if several else {_ONE: frames}
        times = (seconds or {}) if several else {_ONE: seconds}
        for name, new in given.items():
            self._take(name, np.asarray(new), times.get(name))
        moments: dict[Hashable, list[WindowPrediction]] = {name: [] for name in given}
        while (ready := max((self._ready(self._open[name]) for name in given), default=0)) > 0:
            size = next(block for block in ENGINES[self.engine].blocks if block <= ready)
            self._advance({name: self._open[name] for name in given if self._ready(self._open[name]) >= size},
                          size, moments)  # fmt: skip
        return moments if several else moments[_ONE]

    def flush(self, name: Hashable = _ONE) -> list[WindowPrediction]:
        """End a stream, and free its place. A window that was not complete has no answer: the list is empty.

        The next frames of that name begin a new stream.
        """
        self._open.pop(name, None)
        return []

    def _ready(self, stream: _Stream) -> int:
        return len(stream.waiting) // self.plan.hop

    def _take(self, name: Hashable, new: Frames, seconds: Times | None) -> None:
        if new.shape[1:] != self._picture:
            raise UsageError(f"frames of shape {new.shape}: expected (n, {', '.join(map(str, self._picture))})")
        times = [nan] * len(new) if seconds is None else [float(second) for second in seconds]
        if len(times) != len(new):
            raise UsageError(f"{len(times)} times for {len(new)} frames")
        stream = self._open.get(name) or self._join(name, new)
        if stream.seen < self.start or self.hop > self.frames:
            # Frames before the first window, and between windows that leave gaps, are not looked at.
            number = np.arange(stream.seen, stream.seen + len(new)) - self.start
            wanted = (number >= 0) & (number % self.hop < self.frames)
            stream.seen, new, times = stream.seen + len(new), new[wanted], list(compress(times, wanted))
        else:
            stream.seen += len(new)
        # Copied: whose frames they are may write over them.
        stream.waiting = np.concatenate([stream.waiting, new]) if len(stream.waiting) else np.array(new)
        stream.seconds += times

    def _join(self, name: Hashable, like: Frames) -> _Stream:
        taken = {stream.place for stream in self._open.values()}
        place = next((place for place in range(self.streams) if place not in taken), None)
        if place is None:
            raise UsageError(f"there are {self.streams} places, all taken; flush a stream, or ask for more streams")
        # The first window ends with a hop, as all do: empty frames stand ahead of it.
        early = -(-self.frames // self.plan.hop)
        padding = early * self.plan.hop - self.frames
        blank = np.zeros((padding, *like.shape[1:]), like.dtype)
        if self.plan.unlimited:
            # What was before the first frame is nothing, and not another stream.
            self._kept = [np.array(kept) for kept in self._kept]
            for kept in self._kept:
                kept[place] = 0
        stream = _Stream(place, blank, [nan] * padding, windows=1 - early)
        self._open[name] = stream
        return stream

    def _advance(
        self, active: dict[Hashable, _Stream], size: int, moments: dict[Hashable, list[WindowPrediction]]
    ) -> None:
        """One block of frames of the active streams; the others stay as they are."""
        hop = self.plan.hop
        step = self._step(size)
        if self.streams == 1:
            (only,) = active.values()
            batch = only.waiting[None, : size * hop].astype(self._dtype, copy=False)
        else:
            batch = np.zeros((self.streams, size * hop, *self._picture), self._dtype)
            for stream in active.values():
                batch[stream.place] = stream.waiting[: size * hop]
        answers, kept = step(batch, self._kept)
        if len(active) < self.streams:
            moved = [stream.place for stream in active.values()]
            # The others stay as they are.
            for number, one in enumerate(kept):
                kept[number] = np.array(self._kept[number])
                kept[number][moved] = np.asarray(one)[moved]
        self._kept = kept
        for name, stream in active.items():
            for number in range(size):
                if stream.windows >= 0:
                    end = stream.seconds[(number + 1) * hop - 1]
                    moments[name].append(self._moment(answers[stream.place, number], stream.windows, end))
                stream.windows += 1
            stream.waiting, stream.seconds = stream.waiting[size * hop :], stream.seconds[size * hop :]

    def _step(self, size: int) -> Step:
        if size not in self._steps:
            block = Block(self.model, self.plan, size)
            self._steps[size] = ENGINES[self.engine].compile(block, self.streams)
            if not self._kept:
                self._kept = [np.zeros(one.shape, one.dtype) for one in block.specs(self.streams)[1]]
        return self._steps[size]

    def _moment(self, found: NDArray[Any], index: int, end: float) -> WindowPrediction:
        probabilities = np.asarray(found, np.float32)
        label = self.labels[int(probabilities.argmax())] if self.labels else None
        return WindowPrediction(probabilities, index, None if isnan(end) else end, label)


def stream_model(
    model: keras.Model,
    *,
    hop: int = 1,
    start: int = 0,
    streams: int = 1,
    labels: Sequence[str] | None = None,
    past: Literal["window", "unlimited"] = "window",
    engine: str = "keras",
    check: bool = True,
) -> StreamModel:
    """A clip model that is fed a frame at a time, and answers each window as the model would.

    The k-th window begins at frame `start + k * hop`. Of each window, only what the windows before it have not
    computed is computed; `StreamModel.parts` says what that is for each layer, and where a layer has to run on the
    whole window, why.

    Args:
        model: built, uint8 or float `(batch, frames, height, width, 3)` -> `(batch, classes)`; or a model of
            pictures, `(batch, height, width, 3)`, whose windows are of one frame.
        streams: that share the model, batched together.
        labels: in the order of the model's outputs.
        past: with "unlimited", what was before a window is felt in it: convolutions see it where they saw padding, a
            recurrent layer carries its state on. It is another definition of the answer, and the same only for what
            a model of longer windows would say; a `conv3d` with `causal=True` is trained for it. Before a
            stream's first frame there is nothing: zeros.
        engine: "keras", or "onnx" or "openvino": the divided model is exported, and runs there.
        check: with windows, compare with the model's own answers first, on noise. Should they differ by more than
            1e-4, all layers run on the whole window, and `parts` says so; another engine than Keras is refused.

    Raises:
        UsageError: a hop below 1, a start below 0, or a model that cannot be streamed: several inputs or outputs,
            an open number of frames, a stateful layer; or, for an unlimited past, a recurrent layer that looks ahead.
        StillmotionError: an engine that is not installed, or whose answers differ by more than 1e-4.
    """
    if past not in ("window", "unlimited"):
        raise UsageError(f"past is {past!r}; expected 'window' or 'unlimited'")
    if engine not in ENGINES:
        raise UsageError(f"no engine {engine!r}: choose from {', '.join(ENGINES)}")
    if hop < 1 or start < 0 or streams < 1:
        raise UsageError(f"hop is {hop}, start {start}, streams {streams}; expected 1, 0, 1 or more")
    if labels is not None and len(labels) != model.output_shape[-1]:
        raise UsageError(f"{len(labels)} labels for a model of {model.output_shape[-1]} probabilities")
    names = None if labels is None else tuple(labels)
    unlimited = past == "unlimited"

    def made(plan: StreamPlan) -> StreamModel:
        return StreamModel(model, hop, start, streams, names, plan, engine)

    found = made(make_stream_plan(model, hop, unlimited=unlimited))
    if not check or (unlimited and engine == "keras") or (off := _off_by(found)) <= EXACT:
        return found
    if engine == "keras":
        return made(make_stream_plan(model, hop, undivided=f"divided, its answers differ by {off:.1e}"))
    raise StillmotionError(f"on {engine} the model's answers differ by {off:.1e}, {EXACT:.0e} is allowed; use keras")


def _off_by(made: StreamModel) -> float:
    """How far its answers are from the model's own, on two windows of noise; with an unlimited past, from Keras's."""
    shape = made.plan.graph.shape(made.plan.graph.input)
    frames = np.random.default_rng(0).integers(0, 256, [made.start + made.frames + made.hop, *_picture(shape)])
    frames = frames.astype(np.uint8)
    found = [moment.probabilities for moment in made.push(frames)]
    made.flush()
    if made.plan.unlimited:
        plain = StreamModel(made.model, made.hop, made.start, made.streams, None, made.plan)
        return distance(found, [moment.probabilities for moment in plain.push(frames)])
    starts = [made.start, made.start + made.hop]
    windows = np.stack([frames[at : at + made.frames] for at in starts])
    return distance(found, made.model.predict_on_batch(windows[:, 0] if len(shape) == 4 else windows))


def _picture(clip: Shape) -> tuple[int, ...]:
    """The shape of a frame, from that of a clip or a picture with its batch."""
    return tuple(int(side or 0) for side in clip[1 if len(clip) == 4 else 2 :])
