"""Run a model on frames as they arrive: a prediction after every new frame, at the cost of that frame."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from stillmotion.clips import frame_times
from stillmotion.clips.resampling import FrameResampler
from stillmotion.decoding import Images, index_shown_at
from stillmotion.decoding.live import Source, SourceStats, find_source, read_source
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.decoding.resizing import Resizer, upright_sides
from stillmotion.errors import UsageError
from stillmotion.models.cards import ModelCard
from stillmotion.models.inference import model_lock, predict_in_batches
from stillmotion.models.keras_graph import iter_layers
from stillmotion.prediction.black_boxes import AdaptedBlackBox, WindowStream
from stillmotion.prediction.clip_models import ClipModel, load_clip_model
from stillmotion.prediction.events import Event, EventDetector
from stillmotion.prediction.framing import FramingNote
from stillmotion.prediction.hops import hop_to_keep_up, measure_prediction_seconds
from stillmotion.prediction.records import name_prediction
from stillmotion.runs import Run
from stillmotion.streaming import StreamModel, WindowPrediction, stream_model

# Windows of a file that are predicted together.
FILE_BATCH = 16
# The frame rate of a stream is measured over this many frames.
RATE_FRAMES = 50


@dataclass
class StreamStats:
    """How a stream is doing.

    Attributes:
        source: what has become of the source's frames.
        hop: the model's frames from one window to the next.
        windows: windows predicted.
        skipped: the model's frames that were skipped to catch up.
        lag_seconds: how old the newest predicted frame of a live source is; None for a file.
        frames_per_second: at which frames arrived lately.
        last_arrival: when a live source's last frame arrived, by `time.monotonic`; None for a file.
    """

    source: SourceStats = field(default_factory=SourceStats)
    hop: int = 1
    windows: int = 0
    skipped: int = 0
    lag_seconds: float | None = None
    frames_per_second: float = 0.0
    last_arrival: float | None = None


@dataclass(frozen=True)
class StreamUpdate:
    """What one frame of the source brought.

    Attributes:
        frame: the frame.
        predictions: of the windows that are complete with it.
        events: the events that end with it, or, if it starts a new recording, that ended before it.

    Examples:
        >>> for update in sm.stream_updates("runs/motion", "new.mp4", events=True):
        ...     times = [prediction.seconds for prediction in update.predictions]
    """

    frame: SourceFrame
    predictions: Sequence[WindowPrediction]
    events: Sequence[Event] = ()


def stream(
    run: ClipModel | Run | keras.Model | str | Path,
    source: str | Path | int | Source,
    *,
    hop: int | None = None,
    every_frame: bool = False,
    rate: float | None = None,
    labels: str | Path | Sequence[str] | None = None,
    engine: str = "keras",
    card: ModelCard | None = None,
) -> Iterator[WindowPrediction]:
    """Predict each window of a file, camera or network stream as it arrives.

    A file gives what `predict` gives for the same windows. A file shorter than a window gives one prediction, for all
    of it, as in `predict`.

    Args:
        run: a run, its folder, any clip or image model or its file, or a model from `load_clip_model`.
        source: a file, a camera's number, a URL, or `-` for standard input.
        hop: the model's frames from one window to the next. By default 1; for a live source as many as this machine
            needs to keep up.
        every_frame: drop no frame of a live source, however late predictions become.
        rate: frames per second that the model sees; see `load_clip_model`.
        labels: class names in the order of the model's outputs; see `load_clip_model`.
        engine: "keras", "onnx" or "openvino"; see `stream_model`.
        card: how the model is fed; by default the card beside it, if there is one.

    Yields:
        The predictions. `WindowPrediction.seconds` is when the window ends. Of independent labels, `label` names
        all from 0.5 on, such as "a + b", as in `predict`.

    Raises:
        UsageError: see `load_clip_model`, `find_source` and `stream_model`.
        UnreadableVideoError: the source cannot be opened.
        StillmotionError: the model cannot be loaded.

    Examples:
        >>> model = sm.load_clip_model("runs/motion")
        >>> for prediction in sm.stream(model, "new.mp4"):  # or 0 for a camera, or a URL
        ...     seconds, label = prediction.seconds, prediction.label
    """
    if isinstance(run, ClipModel):
        model = run
    else:
        model = load_clip_model(run, rate=rate, labels=labels, engine=engine, card=card)
    with closing(stream_updates(model, source, hop=hop, every_frame=every_frame)) as updates:
        for update in updates:
            yield from update.predictions


def stream_updates(
    run: ClipModel | Run | keras.Model | str | Path,
    source: str | Path | int | Source,
    *,
    events: EventDetector | bool = False,
    hop: int | None = None,
    every_frame: bool = False,
    realtime: bool = False,
    batch: int | None = None,
    stats: StreamStats | None = None,
    stop: threading.Event | None = None,
) -> Generator[StreamUpdate, None, None]:
    """Stream a source, frame by frame, with predictions and events.

    Events end with their recording: where a live source breaks off and comes back, the open event ends, and nothing
    from before the break is averaged with what comes after it.

    Args:
        run: see `stream`.
        source: see `stream`.
        events: what finds events; True for an `EventDetector` with its defaults, False for no events.
        hop: see `stream`.
        every_frame: see `stream`.
        realtime: play a file at its own speed, as a camera would send it.
        batch: how many windows to wait for, to predict them together. By default 1 for a live source and 16 for a file.
        stats: kept up to date.
        stop: ends the stream when it is set.

    Yields:
        One update per frame, in order.

    Raises:
        UsageError: see `stream`.
        UnreadableVideoError: the source cannot be opened.
        StillmotionError: the model cannot be loaded.

    Examples:
        >>> updates = list(sm.stream_updates("runs/motion", "new.mp4", events=True))
        >>> sum(len(update.predictions) for update in updates)
        5
    """
    model = run if isinstance(run, ClipModel) else load_clip_model(run)
    source = source if isinstance(source, Source) else find_source(source)
    detector = EventDetector(model.labels, outputs=model.outputs) if events is True else events or None
    stats = stats or StreamStats()
    live = source.live or realtime
    with model_lock(model.model):
        divided = _stream_model(model, hop, live)
    stats.hop = divided.hop
    predictor = _Predictor(model, divided, stats, batch or (1 if live else FILE_BATCH), live, live and not every_frame)
    last: SourceFrame | None = None
    arrivals: deque[float] = deque(maxlen=RATE_FRAMES)
    frames = read_source(source, every_frame=every_frame, realtime=realtime, stats=stats.source, stop=stop)
    framing = FramingNote(model.described)
    with closing(frames):
        for frame in frames:
            framing.see(str(source), *upright_sides(frame.frame))
            # A frame is shown until the next one begins, so its windows are complete only now.
            predictions = predictor.push(frame)
            if last is not None:
                yield StreamUpdate(last, predictions, _events(detector, last, predictions))
            last = frame
            arrivals.append(time.monotonic())
            stats.last_arrival = arrivals[-1] if live else None
            stats.frames_per_second = (len(arrivals) - 1) / max(arrivals[-1] - arrivals[0], 1e-3)
    if last is not None:
        stopped = stop is not None and stop.is_set()
        predictions = [] if stopped else predictor.finish(last)
        last_events = _events(detector, last, predictions)
        yield StreamUpdate(last, predictions, last_events + (detector.flush() if detector else []))


def _events(detector: EventDetector | None, frame: SourceFrame, predictions: Sequence[WindowPrediction]) -> list[Event]:
    """The events that end with the predictions of a frame, or with the recording before it."""
    if detector is None:
        return []
    events = detector.flush() if frame.starts_recording else []
    for prediction in predictions:
        events += detector.push(prediction)
    return events


class _Predictor:
    """Turns frames at their own times into predictions of windows at the model's rate."""

    def __init__(
        self,
        clip_model: ClipModel,
        model: StreamModel | WindowStream,
        stats: StreamStats,
        batch: int,
        live: bool,
        may_skip: bool,
    ) -> None:
        self.clip_model, self.model, self.stats = clip_model, model, stats
        self.batch, self.live, self.may_skip = batch, live, may_skip
        spec = clip_model.spec
        self.resize = Resizer(spec.height, spec.width, spec.framing)
        self.rate = clip_model.streaming_rate
        self.resampler: FrameResampler[SourceFrame] = FrameResampler(self.rate)
        # The model's frames that wait for a batch: when each ends, and its picture.
        self.waiting: list[tuple[float, Images]] = []
        # All frames until the first window is complete. A file that ends before that is a single window.
        self.first_frames: list[tuple[float, Images]] = []
        self.resized: tuple[SourceFrame, Images] | None = None

    def push(self, frame: SourceFrame) -> list[WindowPrediction]:
        if frame.starts_recording and self.resampler.shown is not None:
            self._restart(frame.seconds)
        due = self.resampler.due(frame.seconds)
        if self.may_skip and due > self.clip_model.frames + self.model.hop:
            # So late that a whole window would be made of one frame: skip the gap.
            self.stats.skipped += due
            self._restart(frame.seconds)
        predictions = self._take(self.resampler.push(frame.seconds, frame), frame)
        window_seconds = self.clip_model.frames / self.rate
        if not self.stats.windows and not self.may_skip and frame.seconds <= window_seconds:
            self.first_frames.append((frame.seconds, self._picture(frame)))
        return predictions

    def finish(self, last: SourceFrame) -> list[WindowPrediction]:
        """The predictions that are left when the source has ended."""
        end = max(last.seconds, 0.0) + 1 / self.stats.source.rate
        predictions = self._take(self.resampler.flush(end), last) + self._predict(last)
        if self.stats.windows or self.live or not self.first_frames:
            return predictions
        times = frame_times(self.clip_model.spec, (0.0, end))
        starts, pictures = (np.array(part) for part in zip(*self.first_frames, strict=True))
        (probabilities,) = predict_in_batches(self.clip_model.model, [pictures[index_shown_at(starts, times)]])
        self.stats.windows += 1
        label = self.clip_model.labels[int(probabilities.argmax())]
        return [self._named(WindowPrediction(probabilities, 0, end, label))]

    def _take(self, slots: Iterator[tuple[float, SourceFrame]], newest: SourceFrame) -> list[WindowPrediction]:
        """Predict whenever a batch is full. So a picture that is shown for very long does not fill the memory."""
        predictions = []
        for end, frame in slots:
            self.waiting.append((end, self._picture(frame)))
            if len(self.waiting) >= self.batch * self.model.hop:
                predictions += self._predict(newest)
        return predictions

    def _predict(self, newest: SourceFrame) -> list[WindowPrediction]:
        """Feed the waiting frames to the model."""
        if not self.waiting:
            return []
        ends, pictures = zip(*self.waiting, strict=True)
        self.waiting = []
        # The model restarts its window count after each break.
        predictions = [
            self._named(dataclasses.replace(prediction, index=self.stats.windows + number))
            for number, prediction in enumerate(self.model.push(np.stack(pictures), ends))
        ]
        self.stats.windows += len(predictions)
        if predictions:
            self.first_frames = []
            self.stats.lag_seconds = time.monotonic() - newest.arrived if self.live else None
        return predictions

    def _named(self, prediction: WindowPrediction) -> WindowPrediction:
        """The prediction with all labels that it gives, where they are independent."""
        if self.clip_model.outputs != "independent sigmoids":
            return prediction
        label = name_prediction(prediction.probabilities, self.clip_model.labels, independent=True)
        return dataclasses.replace(prediction, label=label)

    def _restart(self, seconds: float) -> None:
        """Begin a new recording, whose windows contain nothing from before."""
        self.model.flush()
        self.waiting = []
        self.resampler = FrameResampler(self.rate, seconds)

    def _picture(self, frame: SourceFrame) -> Images:
        if self.resized is None or self.resized[0] is not frame:
            self.resized = frame, self.resize(frame.frame)
        return self.resized[1]


def _stream_model(model: ClipModel, hop: int | None, live: bool) -> StreamModel | WindowStream:
    """The divided model; for a live source, with a hop that this machine can keep up with."""
    if isinstance(model.model, AdaptedBlackBox):
        return WindowStream(model.model, model.labels, hop or 1)
    stateful = [layer for layer in iter_layers(model.model) if getattr(layer, "stateful", False) is True]
    if stateful:
        if hop not in (None, model.frames):
            raise UsageError(f"hop is {hop}; a stateful model, which remembers all frames before, takes {model.frames}")
        return WindowStream(model.model, model.labels, model.frames, stateful)
    divided = stream_model(model.model, hop=hop or 1, labels=model.labels, engine=model.engine)
    if hop is not None or not live:
        return divided
    needed = hop_to_keep_up(measure_prediction_seconds(divided), model.streaming_rate)
    if needed == 1:
        return divided
    return stream_model(model.model, hop=needed, labels=model.labels, engine=model.engine)
