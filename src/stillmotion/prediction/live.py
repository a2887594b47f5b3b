"""Run a model on frames as they arrive: a prediction after every new frame, at the cost of that frame."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import keras

from stillmotion.clips import cap_rate
from stillmotion.decoding.live import Source, find_source, read_source
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.decoding.resizing import upright_sides
from stillmotion.models.cards import ModelCard
from stillmotion.models.inference import model_lock
from stillmotion.prediction.clip_models import ClipModel, load_clip_model
from stillmotion.prediction.event_records import Event, EventNotice, ended_events
from stillmotion.prediction.events import EventDetector
from stillmotion.prediction.framing import FramingNote
from stillmotion.prediction.window_predictor import StreamStats, WindowPredictor, divide_model
from stillmotion.runs import Run
from stillmotion.streaming import WindowPrediction

log = logging.getLogger(__name__)

# Windows of a file that are predicted together.
FILE_BATCH = 16
# The frame rate of a stream is measured over this many frames.
RATE_FRAMES = 50


@dataclass(frozen=True)
class StreamUpdate:
    """What one frame of the source brought.

    Attributes:
        frame: the frame.
        predictions: of the windows that are complete with it.
        notices: which events begin, go on or end with it, or, if it starts a new recording, ended before it.

    Examples:
        >>> for update in sm.stream_updates("runs/motion", "new.mp4", events=True):
        ...     times = [prediction.seconds for prediction in update.predictions]
    """

    frame: SourceFrame
    predictions: Sequence[WindowPrediction]
    notices: Sequence[EventNotice] = ()

    @property
    def events(self) -> list[Event]:
        """The events that end."""
        return ended_events(self.notices)


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
        divided = divide_model(model, hop, live=live)
    stats.hop = divided.hop
    predictor = WindowPredictor(
        model,
        divided,
        stats,
        batch or (1 if live else FILE_BATCH),
        source=source,
        live=live,
        may_skip=live and not every_frame,
    )
    last: SourceFrame | None = None
    arrivals: deque[float] = deque(maxlen=RATE_FRAMES)
    frames = read_source(source, every_frame=every_frame, realtime=realtime, stats=stats.source, stop=stop)
    framing = FramingNote(model.described)
    with closing(frames):
        for frame in frames:
            framing.see(str(source), *upright_sides(frame.frame))
            if last is None and cap_rate(model.streaming_rate, [stats.source.rate]) < model.streaming_rate:
                log.info(
                    "%s: has %.3g frames per second, and the model takes %.3g: frames are repeated",
                    source,
                    stats.source.rate,
                    model.streaming_rate,
                )
            # A frame is shown until the next one begins, so its windows are complete only now.
            predictions = predictor.push(frame)
            if last is not None:
                yield StreamUpdate(last, predictions, _notices(detector, last, predictions))
            last = frame
            arrivals.append(time.monotonic())
            stats.last_arrival = arrivals[-1] if live else None
            stats.frames_per_second = (len(arrivals) - 1) / max(arrivals[-1] - arrivals[0], 1e-3)
    if last is not None:
        stopped = stop is not None and stop.is_set()
        predictions = [] if stopped else predictor.finish(last)
        notices = _notices(detector, last, predictions)
        yield StreamUpdate(last, predictions, notices + (detector.finish() if detector else []))


def _notices(
    detector: EventDetector | None, frame: SourceFrame, predictions: Sequence[WindowPrediction]
) -> list[EventNotice]:
    """What has become of events with the predictions of a frame, or with the end of the recording before it."""
    if detector is None:
        return []
    notices = detector.finish() if frame.starts_recording else []
    for prediction in predictions:
        notices += detector.advance(prediction)
    return notices
