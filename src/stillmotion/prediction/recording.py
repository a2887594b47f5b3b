"""Stream a source and write what the model finds: predictions, events, an annotated video, a webhook."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from stillmotion.decoding.live import Source, find_source
from stillmotion.delivery.couriers import Notifier
from stillmotion.delivery.webhooks import Webhook
from stillmotion.prediction.annotation import AnnotatedVideo
from stillmotion.prediction.clip_models import ClipModel, load_clip_model
from stillmotion.prediction.cutting import EventClips
from stillmotion.prediction.event_records import Event
from stillmotion.prediction.events import EventDetector
from stillmotion.prediction.live import StreamUpdate, stream_updates
from stillmotion.prediction.outputs import check_stream_outputs
from stillmotion.prediction.sinks import (
    EVENT_COLUMNS,
    Sink,
    clock_time,
    event_row,
    notice_row,
    open_sink,
    window_columns,
    window_row,
)
from stillmotion.prediction.window_predictor import StreamStats
from stillmotion.runs import Run
from stillmotion.streaming import WindowPrediction


@dataclass(frozen=True)
class StreamResult:
    """What `stream_to` has done.

    Attributes:
        stats: how the stream went.
        files: the files that were written.
        events: the events that were found.
        seconds: from the first frame to the last.
        no_event: if there were none, how close the predictions came to one, in one line.
        webhook_failures: how many posts the webhook did not receive, although they were tried again.
        webhook_error: the last reason.

    Examples:
        >>> result = sm.stream_to("runs/motion", "new.mp4", predictions="predictions.csv")
        >>> [path.name for path in result.files]
        ['predictions.csv']
    """

    stats: StreamStats = field(default_factory=StreamStats)
    files: tuple[Path, ...] = ()
    events: tuple[Event, ...] = ()
    seconds: float = 0.0
    no_event: str = ""
    webhook_failures: int = 0
    webhook_error: str = ""


def stream_to(
    run: ClipModel | Run | str | Path,
    source: str | Path | Source,
    *,
    predictions: str | Path | None = None,
    events: str | Path | None = None,
    video: str | Path | None = None,
    clips: str | Path | None = None,
    webhook: str | None = None,
    detector: EventDetector | None = None,
    hop: int | None = None,
    every_frame: bool = False,
    realtime: bool = False,
    replace: bool = False,
    on_update: Callable[[StreamUpdate], None] | None = None,
    stats: StreamStats | None = None,
    stop: threading.Event | None = None,
) -> StreamResult:
    """Stream a source into files, as the command `stillmotion stream` does.

    Every row is written when it is known, so that nothing is lost if the stream is interrupted.

    Args:
        run: see `stream`.
        source: see `stream`.
        predictions: a `.csv` or `.jsonl` file for the prediction of each window; `-` prints JSON lines.
        events: a `.csv` or `.jsonl` file for events; `-` prints JSON lines.
        video: an `.mp4`, `.mov` or `.mkv` file for the frames with the current prediction on them.
        clips: a folder for a video of each event that is found in a file; see `EventClips`.
        webhook: a URL that receives JSON whenever an event begins, goes on (see `EventDetector`) or ends. What it does
            not receive is posted again, as long as the stream runs.
        detector: what finds events; by default an `EventDetector` with its defaults.
        hop: see `stream`.
        every_frame: see `stream`.
        realtime: play a file at its own speed, as a camera would send it.
        replace: whether files that are there already may be replaced.
        on_update: called with each update, after it is written.
        stats: kept up to date.
        stop: ends the stream when it is set.

    Returns:
        What was written, and how the stream went.

    Raises:
        UsageError: two outputs with the same name, one that exists, an unknown ending, or see `stream`.
        UnreadableVideoError: the source cannot be opened.
        StillmotionError: the model cannot be loaded, or a file cannot be written.

    Examples:
        >>> result = sm.stream_to("runs/motion", "new.mp4", events="events.jsonl", video="labeled.mp4")
    """
    source = source if isinstance(source, Source) else find_source(source)
    paths = check_stream_outputs(
        source, predictions=predictions, events=events, video=video, clips=clips, webhook=webhook, replace=replace
    )
    model = run if isinstance(run, ClipModel) else load_clip_model(run)
    stats = stats or StreamStats()
    detector = detector or EventDetector(model.labels, outputs=model.outputs)
    cutter = None
    if clips is not None:
        cutter = EventClips(Path(clips), source, model.frames / model.streaming_rate, replace=replace)
    found: list[Event] = []
    span: tuple[float, float] | None = None
    latest: WindowPrediction | None = None
    with ExitStack() as stack:

        def open_table(path: str | Path | None, columns: Sequence[str]) -> list[Sink]:
            return [] if path is None else [stack.enter_context(closing(open_sink(Path(path), columns)))]

        prediction_sinks = open_table(
            predictions, window_columns(model.labels, model.outputs, distances=model.memory is not None)
        )
        hook = stack.enter_context(closing(Notifier([Webhook(webhook)]))) if webhook is not None else None
        event_sinks = open_table(events, EVENT_COLUMNS)
        annotated: AnnotatedVideo | None = None
        if video is not None:
            annotated = stack.enter_context(closing(AnnotatedVideo(Path(video), model.labels, model.outputs)))
        updates = stack.enter_context(
            closing(
                stream_updates(
                    model,
                    source,
                    events=detector,
                    hop=hop,
                    every_frame=every_frame,
                    realtime=realtime,
                    # A frame is drawn with the prediction of its own window, not with that of a whole batch.
                    batch=1 if annotated else None,
                    stats=stats,
                    stop=stop,
                )
            )
        )
        for update in updates:
            span = (span[0] if span else update.frame.seconds, update.frame.seconds)
            for prediction in update.predictions:
                latest = prediction
                for sink in prediction_sinks:
                    sink.write(window_row(prediction, model.labels, model.outputs))
            for event in update.events:
                found.append(event)
                for sink in event_sinks:
                    sink.write(event_row(event))
                if cutter:
                    cutter.cut(event)
            if hook:
                _post(hook, update, str(source), model.name, live=source.live or realtime)
            if annotated:
                annotated.write(update.frame, latest)
            if on_update:
                on_update(update)
    # Not there: standard output, and a video without a frame.
    written = tuple(path for path in paths if path.exists())
    no_event = "" if found else detector.explain_silence()
    seconds = span[1] - span[0] if span else 0.0
    undelivered = sum(hook.undelivered.values()) if hook else 0
    why = next(iter(hook.errors.values()), "too slow") if hook and undelivered else ""
    return StreamResult(stats, written, tuple(found), seconds, no_event, undelivered, why)


def _post(hook: Notifier, update: StreamUpdate, source: str, run: str, *, live: bool) -> None:
    """Post what has become of events; those of a live source with the clock time of its frames."""
    for notice in update.notices:
        now = clock_time(update.frame) if live else datetime.now().astimezone()
        seconds = update.frame.seconds if live else None
        hook.write(notice_row(notice, source=source, run=run, now=now, now_seconds=seconds))
