"""A model on frames as they come: its answer after every new frame, at the cost of that frame."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from stillmotion.clips import ClipSpec, frame_times
from stillmotion.clips.resampling import FrameResampler
from stillmotion.decoding import Images, index_shown_at
from stillmotion.decoding.live import Source, SourceStats, find_source, read_source
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.decoding.pyav import Resizer
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models.inference import load_keras_model, predict_in_batches
from stillmotion.prediction.videos import check_input
from stillmotion.runs import Run, read_run
from stillmotion.streaming import StreamModel, WindowPrediction, stream_model

# Slots of a file that are answered at once.
AT_ONCE = 16
# Of the time from one window to the next, so much may be spent on it.
BUSY = 0.7
# Frames a second are told of so many frames.
RECENT = 50

Past = Literal["window", "unlimited"]


@dataclass(frozen=True)
class ClipModel:
    """A model with what it needs to know of its frames: how many a second, how large, and its labels; and its engine.

    `note` says where the rate comes from, if not from the training.
    """

    model: keras.Model
    rate: float
    labels: tuple[str, ...]
    note: str = ""
    engine: str = "keras"

    @property
    def frames(self) -> int:
        """Of a window."""
        return int(self.model.input_shape[1])

    @property
    def spec(self) -> ClipSpec:
        """What a window is."""
        _, frames, height, width, _ = self.model.input_shape
        return ClipSpec(frames, self.rate, (height, width))


@dataclass
class StreamStats:
    """How a stream goes. `lag` is how old the newest answered frame is, in seconds."""

    source: SourceStats = field(default_factory=SourceStats)
    hop: int = 1
    moments: int = 0
    skipped: int = 0  # frames of the model that were left out to catch up
    lag: float | None = None  # of a file it is none
    rate: float = 0.0  # frames a second that came lately
    newest: float | None = None  # when a live source's last frame came, by `time.monotonic`


@dataclass(frozen=True)
class StreamUpdate:
    """A frame of the source, and the moments that it completed."""

    shot: SourceFrame
    moments: Sequence[WindowPrediction]


def load_clip_model(
    run: Run | str | Path, *, rate: float | None = None, labels: Sequence[str] | None = None, engine: str = "keras"
) -> ClipModel:
    """A run, or a Keras model of clips with its rate, made ready for streams.

    Args:
        run: a run, its folder, or a `.keras` file of uint8 `(batch, frames, height, width, 3)` -> `(batch, classes)`.
        rate: in frames a second. A run has its own: that of its clips, or, where they were spread over each video,
            that which makes a window as long as the videos typically are.
        labels: in the order of the model's outputs. A run has its own.
        engine: see `stream_model`.

    Raises:
        UsageError: a model without a rate, or labels of another number.
        StillmotionError: a run or model that cannot be read.
    """
    path = Path(run) if not isinstance(run, Run) else run.folder
    if rate is not None and not 0 < rate < 10_000:
        raise UsageError(f"the rate is {rate:g}; expected frames a second above 0")
    if not isinstance(run, Run) and path.is_file() and not (path.parent / "run.json").is_file():
        model = load_keras_model(path)
        shape = model.input_shape
        if len(shape) != 5 or None in shape[1:] or shape[-1] != 3:
            raise StillmotionError(f"{path}: takes {shape}; expected (batch, frames, height, width, 3), sides known")
        if rate is None:
            raise UsageError(f"{path} does not say how many frames a second it sees: give --rate")
        names = tuple(labels or map(str, range(model.output_shape[-1])))
        if len(names) != model.output_shape[-1]:
            raise UsageError(f"{len(names)} labels for a model of {model.output_shape[-1]} probabilities")
        return ClipModel(model, rate, names, engine=engine)
    found = run if isinstance(run, Run) else read_run(run)
    if labels is not None:
        raise UsageError(f"{found.folder}: a run has its own labels; leave --labels out")
    model, spec, note = load_keras_model(found.model_file), found.recipe.spec, ""
    check_input(model, spec, found)
    if rate is None and spec.rate == "spread":
        typical = found.record.data.typical_seconds
        if typical <= 0:
            raise UsageError(f"{found.folder}: trained on clips spread over each picture; give --rate")
        rate = spec.frames / typical
        note = (
            f"trained on {spec.frames} frames spread over each video: streams over windows of {typical:.3g} s, as the "
            f"training videos typically last ({rate:.3g} frames a second)"
        )
    return ClipModel(model, rate or float(spec.rate), found.labels, note, engine)


def stream(
    run: Run | str | Path,
    source: str | Path | Source,
    *,
    hop: int | None = None,
    every_frame: bool = False,
    rate: float | None = None,
    labels: Sequence[str] | None = None,
    past: Past = "window",
    engine: str = "keras",
) -> Iterator[WindowPrediction]:
    """The answer of the window that ends with each new frame of the model's rate.

    `WindowPrediction.seconds` is when the window ends. A file gives what `predict` gives for the same windows; one
    that is shorter than a window is one moment, over all of it, as there.

    Args:
        source: a file, a camera's number, a URL, or `-`.
        hop: frames of the model's rate from one window to the next. By default 1; from a live source as many as
            this machine needs to keep up.
        every_frame: never drop a frame of a live source, however late the answer.
        rate: see `load_clip_model`.
        labels: likewise.
        past: see `stream_model`.
        engine: "keras", "onnx" or "openvino"; see `stream_model`.

    Raises:
        UsageError: see `load_clip_model`, `find_source`, `stream_model`.
        UnreadableVideoError: the source cannot be opened.
    """
    watcher = load_clip_model(run, rate=rate, labels=labels, engine=engine)
    with closing(stream_updates(watcher, source, hop=hop, every_frame=every_frame, past=past)) as all_seen:
        for seen in all_seen:
            yield from seen.moments


def stream_updates(
    watcher: ClipModel,
    source: str | Path | Source,
    *,
    hop: int | None = None,
    every_frame: bool = False,
    paced: bool = False,
    at_once: int | None = None,
    past: Past = "window",
    tally: StreamStats | None = None,
    stop: threading.Event | None = None,
) -> Generator[StreamUpdate, None, None]:
    """Each frame of the source, with the moments that it completed; see `stream`.

    Args:
        paced: play a file at its own pace, as a camera would give it.
        at_once: slots to wait for before they are answered together. By default 1 where frames come at their own
            pace, and 16 from a file.
        past: see `stream_model`.
        tally: kept up to date.
        stop: when it is set, the stream ends with what is answered.
    """
    source = source if isinstance(source, Source) else find_source(source)
    tally = tally or StreamStats()
    live = source.live or paced
    model = _at_pace(watcher, hop, live, past)
    tally.hop = model.hop
    work = _Work(watcher, model, tally, at_once or (1 if live else AT_ONCE), live, may_skip=live and not every_frame)
    last = None
    arrivals: deque[float] = deque(maxlen=RECENT)
    with closing(read_source(source, every_frame=every_frame, paced=paced, counts=tally.source, stop=stop)) as coming:
        for shot in coming:
            moments = work.push(shot)
            if last is not None:
                yield StreamUpdate(last, moments)
            last = shot
            arrivals.append(time.monotonic())
            tally.newest = arrivals[-1] if live else None
            tally.rate = (len(arrivals) - 1) / max(arrivals[-1] - arrivals[0], 1e-3)
    if last is not None:
        stopped = stop is not None and stop.is_set()
        yield StreamUpdate(last, [] if stopped else work.finish(last, whole=not live))


class _Work:
    """From frames at their own times to moments."""

    def __init__(
        self, watcher: ClipModel, model: StreamModel, tally: StreamStats, at_once: int, live: bool, may_skip: bool
    ) -> None:
        self.watcher, self.model, self.tally = watcher, model, tally
        self.at_once, self.live, self.may_skip = at_once, live, may_skip
        self.resize = Resizer(watcher.spec.height, watcher.spec.width)
        self.ticker: FrameResampler[SourceFrame] = FrameResampler(watcher.rate)
        self.waiting: list[tuple[float, Images]] = []
        # Until there is a first window, all that was seen: a short file is one window.
        self.early: list[tuple[float, Images]] = []
        self.resized: tuple[SourceFrame, Images] | None = None

    def push(self, shot: SourceFrame) -> list[WindowPrediction]:
        if shot.fresh and self.ticker.shown is not None:
            self._begin_anew(shot.seconds)
        if self.may_skip and self.ticker.due(shot.seconds) > self.watcher.frames + self.model.hop:
            self.tally.skipped += self.ticker.due(shot.seconds)
            self._begin_anew(shot.seconds)
        moments = self._take(self.ticker.push(shot.seconds, shot), shot)
        if not self.tally.moments and not self.may_skip and shot.seconds <= self.watcher.frames / self.watcher.rate:
            self.early.append((shot.seconds, self._image(shot)))
        return moments

    def _take(self, slots: Iterator[tuple[float, SourceFrame]], newest: SourceFrame) -> list[WindowPrediction]:
        """Where one picture lasts for very many slots, they are not all held at once."""
        moments = []
        for end, shown in slots:
            self.waiting.append((end, self._image(shown)))
            if len(self.waiting) >= self.at_once * self.model.hop:
                moments += self._answer(newest)
        return moments

    def finish(self, last: SourceFrame, whole: bool) -> list[WindowPrediction]:
        end = max(last.seconds, 0.0) + 1 / self.tally.source.rate
        moments = self._take(self.ticker.flush(end), last) + self._answer(last) + self.model.flush()
        if self.tally.moments or not whole or not self.early:
            return moments
        times = frame_times(self.watcher.spec, (0.0, end))
        began, images = (np.array(part) for part in zip(*self.early, strict=True))
        clip = images[index_shown_at(began, times)]
        found = predict_in_batches(self.watcher.model, [clip])[0]
        self.tally.moments += 1
        return [WindowPrediction(found, 0, end, self.watcher.labels[int(found.argmax())])]

    def _answer(self, shot: SourceFrame) -> list[WindowPrediction]:
        if not self.waiting:
            return []
        ends, images = zip(*self.waiting, strict=True)
        self.waiting = []
        found = self.model.push(np.stack(images), ends)
        moments = [
            dataclasses.replace(moment, index=self.tally.moments + number) for number, moment in enumerate(found)
        ]
        self.tally.moments += len(moments)
        if moments:
            self.early = []
            self.tally.lag = time.monotonic() - shot.arrived if self.live else None
        return moments

    def _begin_anew(self, seconds: float) -> None:
        self.model.flush()
        self.waiting = []
        self.ticker = FrameResampler(self.watcher.rate, seconds)

    def _image(self, shot: SourceFrame) -> Images:
        if self.resized is None or self.resized[0] is not shot:
            self.resized = shot, self.resize(shot.frame)
        return self.resized[1]


def _at_pace(watcher: ClipModel, hop: int | None, live: bool, past: Past) -> StreamModel:
    """The stream model, with a hop at which a live source is kept up with."""
    settings: dict[str, Any] = {"labels": watcher.labels, "past": past, "engine": watcher.engine}
    model = stream_model(watcher.model, hop=hop or 1, **settings)
    if hop is not None or not live:
        return model
    blank = np.zeros((watcher.frames + 1, *watcher.model.input_shape[2:]), np.uint8)
    model.push(blank)
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        model.push(blank[:1])
        taken.append(time.perf_counter() - began)
    model.flush()
    needed = math.ceil(float(np.median(taken)) * watcher.rate / BUSY)
    return model if needed <= 1 else stream_model(watcher.model, hop=needed, **settings)
