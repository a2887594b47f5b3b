"""Frames at their own times to predictions of windows: resampled to the model's rate, in batches."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from stillmotion.clips import AppearanceWindow, clip_appearance, frame_times
from stillmotion.clips.appearance import Appearance
from stillmotion.clips.resampling import FrameResampler
from stillmotion.decoding import Images, index_shown_at
from stillmotion.decoding.live import Source, SourceStats
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.decoding.resizing import Resizer
from stillmotion.errors import UsageError
from stillmotion.models.inference import predict_in_batches
from stillmotion.models.keras_graph import iter_layers
from stillmotion.prediction.black_boxes import AdaptedBlackBox, WindowStream
from stillmotion.prediction.clip_models import ClipModel
from stillmotion.prediction.hops import hop_to_keep_up, measure_prediction_seconds
from stillmotion.prediction.records import name_prediction
from stillmotion.streaming import StreamModel, WindowPrediction, stream_model


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


class WindowPredictor:
    """Turns frames at their own times into predictions of windows at the model's rate.

    Args:
        clip_model: how the model is fed.
        model: the divided model.
        stats: kept up to date.
        batch: how many windows are predicted together.
        source: where the frames come from.
        live: whether frames come by the clock.
        may_skip: whether to skip a gap so long that a whole window would be made of one frame.
    """

    def __init__(
        self,
        clip_model: ClipModel,
        model: StreamModel | WindowStream,
        stats: StreamStats,
        batch: int,
        *,
        source: Source,
        live: bool,
        may_skip: bool,
    ) -> None:
        self.clip_model, self.model, self.stats, self.source = clip_model, model, stats, source
        self.batch, self.live, self.may_skip = batch, live, may_skip
        spec = clip_model.spec
        self.resize = Resizer(spec.height, spec.width, spec.framing)
        self.rate = clip_model.streaming_rate
        self.resampler: FrameResampler[SourceFrame] = FrameResampler(self.rate, source.start_seconds)
        # The model's frames that wait for a batch: when each ends, and its picture.
        self.waiting: list[tuple[float, Images]] = []
        # All frames until the first window is complete. A file that ends before that is a single window.
        self.first_frames: list[tuple[float, Images]] = []
        self.resized: tuple[SourceFrame, Images] | None = None
        # What the window that ends at a time looks like, until it is predicted.
        self.appearance = AppearanceWindow(clip_model.frames) if clip_model.memory else None
        self.appearances: dict[float, Appearance] = {}

    def push(self, frame: SourceFrame) -> list[WindowPrediction]:
        if frame.starts_recording and self.resampler.shown is not None:
            self._restart(frame.seconds)
        due = self.resampler.due(frame.seconds)
        if self.may_skip and due > self.clip_model.frames + self.model.hop:
            # So late that a whole window would be made of one frame: skip the gap.
            self.stats.skipped += due
            self._restart(frame.seconds)
        predictions = self._take(self.resampler.push(frame.seconds, frame), frame)
        first_end = self.source.start_seconds + self.clip_model.frames / self.rate
        if not self.stats.windows and not self.may_skip and frame.seconds <= first_end:
            self.first_frames.append((frame.seconds, self._picture(frame)))
        return predictions

    def finish(self, last: SourceFrame) -> list[WindowPrediction]:
        """The predictions that are left when the source has ended."""
        start, end = self.source.start_seconds, max(last.seconds, 0.0) + 1 / self.stats.source.rate
        if self.source.end_seconds is not None:
            end = min(end, self.source.end_seconds)
        predictions = self._take(self.resampler.flush(end), last) + self._predict(last)
        if self.stats.windows or self.live or not self.first_frames:
            return predictions
        times = frame_times(self.clip_model.spec, (start, end))
        starts, pictures = (np.array(part) for part in zip(*self.first_frames, strict=True))
        clip = pictures[index_shown_at(starts, times)]
        (probabilities,) = predict_in_batches(self.clip_model.model, [clip])
        self.stats.windows += 1
        label = self.clip_model.labels[int(probabilities.argmax())]
        if self.appearance:
            self.appearances[end] = clip_appearance(clip)
        return [self._completed(WindowPrediction(probabilities, 0, end, label))]

    def _take(self, slots: Iterator[tuple[float, SourceFrame]], newest: SourceFrame) -> list[WindowPrediction]:
        """Predict whenever a batch is full. So a picture that is shown for very long does not fill the memory."""
        predictions = []
        for end, frame in slots:
            picture = self._picture(frame)
            self.waiting.append((end, picture))
            if self.appearance and (appearance := self.appearance.push(picture)) is not None:
                self.appearances[end] = appearance
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
            self._completed(dataclasses.replace(prediction, index=self.stats.windows + number))
            for number, prediction in enumerate(self.model.push(np.stack(pictures), ends))
        ]
        self.appearances.clear()
        self.stats.windows += len(predictions)
        if predictions:
            self.first_frames = []
            self.stats.lag_seconds = time.monotonic() - newest.arrived if self.live else None
        return predictions

    def _completed(self, prediction: WindowPrediction) -> WindowPrediction:
        """The prediction with all labels that it gives, where they are independent, and with its distance."""
        if self.clip_model.outputs == "independent sigmoids":
            label = name_prediction(prediction.probabilities, self.clip_model.labels, independent=True)
            prediction = dataclasses.replace(prediction, label=label)
        appearance = self.appearances.get(prediction.seconds or 0.0)
        if self.clip_model.memory is None or appearance is None:
            return prediction
        return dataclasses.replace(prediction, distance=self.clip_model.memory.distance(appearance))

    def _restart(self, seconds: float) -> None:
        """Begin a new recording, whose windows contain nothing from before."""
        self.model.flush()
        self.waiting = []
        self.appearances.clear()
        if self.appearance:
            self.appearance.clear()
        self.resampler = FrameResampler(self.rate, seconds)

    def _picture(self, frame: SourceFrame) -> Images:
        if self.resized is None or self.resized[0] is not frame:
            self.resized = frame, self.resize(frame.frame)
        return self.resized[1]


def divide_model(model: ClipModel, hop: int | None, *, live: bool) -> StreamModel | WindowStream:
    """Divide a model for a stream.

    Args:
        model: the model.
        hop: frames from one window to the next; None to choose.
        live: whether the hop shall be one that this machine can keep up with.

    Returns:
        The divided model.

    Raises:
        UsageError: a stateful model with a hop of its own.
    """
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
