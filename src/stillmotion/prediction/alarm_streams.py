"""Stream a source through an anomaly detector, and bring its alarms where they are needed."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from stillmotion.anomaly import Alarm, Detector, Score, load_detector, score_source
from stillmotion.anomaly.scoring import ALARM_COLUMNS, SCORE_COLUMNS, alarm_row, score_row
from stillmotion.decoding.live import Source, SourceStats, find_source
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.delivery.couriers import Notifier, Receiver
from stillmotion.delivery.mqtt import Broker, read_broker
from stillmotion.delivery.outbox import Outbox
from stillmotion.delivery.webhooks import Webhook
from stillmotion.errors import UsageError
from stillmotion.files import check_folder, folder_lock
from stillmotion.prediction.alarm_folders import OUTBOX_FILE, AlarmFolders
from stillmotion.prediction.alarm_records import AlarmNames, AlarmRecord, notice_of
from stillmotion.prediction.outputs import check_stream_outputs
from stillmotion.prediction.sinks import Sink, clock_time, open_sink

log = logging.getLogger(__name__)

# The frame rate of a stream is measured over this many frames.
RATE_FRAMES = 50


@dataclass
class AlarmStreamStats:
    """How a stream of an anomaly detector is doing.

    Attributes:
        source: what has become of the source's frames.
        scores: frames that were scored, at the detector's rate.
        lag_seconds: how old the newest scored frame of a live source is; None for a file.
        frames_per_second: at which frames arrived lately.
        last_arrival: when a live source's last frame arrived, by `time.monotonic`; None for a file.
        undelivered: how many notices wait for which receiver.
        errors: why, if it is known.
    """

    source: SourceStats = field(default_factory=SourceStats)
    scores: int = 0
    lag_seconds: float | None = None
    frames_per_second: float = 0.0
    last_arrival: float | None = None
    undelivered: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AlarmStreamResult:
    """What `stream_alarms` has done.

    Attributes:
        stats: how the stream went; `undelivered` is what is left in the outbox.
        files: the tables that were written.
        alarms: those that have ended.
        known: how many of them the alarms' folder held already, from an earlier stream of the same file.

    Examples:
        >>> result = sm.stream_alarms("detector", "new.mp4", alarms="alarms")
        >>> len(result.alarms)
        1
    """

    stats: AlarmStreamStats = field(default_factory=AlarmStreamStats)
    files: tuple[Path, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    known: int = 0


def stream_alarms(
    detector: Detector | str | Path,
    source: str | Path | int | Source,
    *,
    alarms: str | Path | None = None,
    mqtt: str | None = None,
    webhook: str | None = None,
    scores: str | Path | None = None,
    events: str | Path | None = None,
    every_frame: bool = False,
    realtime: bool = False,
    replace: bool = False,
    on_score: Callable[[Score], object] | None = None,
    stats: AlarmStreamStats | None = None,
    stop: threading.Event | None = None,
) -> AlarmStreamResult:
    """Stream a source through an anomaly detector, as the command `stillmotion stream` does.

    Notices for `mqtt` and `webhook` are on disk, in the alarms' folder, until they have been received. If the stream
    is killed, the next one with the same folder sends them.

    Args:
        detector: a detector or its folder.
        source: a file, a camera's number, a URL, or `-` for standard input.
        alarms: a folder for a clip and pictures of each alarm, and a table of all, which is appended to.
        mqtt: a broker's topic that gets JSON when an alarm begins and ends; see `read_broker`. Needs `alarms`.
        webhook: a URL that gets the same. Needs `alarms`.
        scores: a `.csv` or `.jsonl` file for the score of each frame; `-` prints JSON lines.
        events: a `.csv` or `.jsonl` file for alarms that have ended; `-` prints JSON lines.
        every_frame: drop no frame of a live source, however late scores become.
        realtime: play a file at its own speed, as a camera would send it.
        replace: whether `scores` and `events` may be replaced.
        on_score: called with each score, after it is written.
        stats: kept up to date.
        stop: ends the stream when it is set.

    Returns:
        What was written, and how the stream went.

    Raises:
        UsageError: there is no such detector or source, or see `check_alarm_outputs`.
        UnreadableVideoError: the source cannot be opened.
        StillmotionError: the detector is damaged, paho-mqtt is not installed, or something cannot be written.

    Examples:
        >>> result = sm.stream_alarms("detector", "new.mp4", alarms="alarms")
        >>> [alarm.kind for alarm in result.alarms]
        ['motion']
    """
    source = source if isinstance(source, Source) else find_source(source)
    files = check_alarm_outputs(
        source, alarms=alarms, mqtt=mqtt, webhook=webhook, scores=scores, events=events, replace=replace
    )
    detector = detector if isinstance(detector, Detector) else load_detector(detector)
    detector.measurer()  # Loads the backbone: what is missing is said before anything is written.
    live = source.live or realtime
    stats, stop = stats or AlarmStreamStats(), stop or threading.Event()
    names = AlarmNames(source, detector, live=live, drops=live and not every_frame)
    ended: list[Alarm] = []
    arrivals: deque[float] = deque(maxlen=RATE_FRAMES)
    with ExitStack() as stack:
        notifier: Notifier | None = None
        folders: AlarmFolders | None = None
        if alarms is not None:
            folder = Path(alarms)
            stack.enter_context(folder_lock(folder))
            receivers = open_receivers(mqtt, webhook)
            if receivers:
                outbox = Outbox(folder / OUTBOX_FILE)
                for name in set(outbox.receivers()) - {receiver.name for receiver in receivers}:
                    log.warning("%s: notices wait for %s, which is not given this time", outbox.path, name)
                notifier = stack.enter_context(closing(Notifier(receivers, outbox)))

            def notify(record: AlarmRecord) -> None:
                if notifier:
                    notifier.write(notice_of(record), key=record.key)

            folders = stack.enter_context(closing(AlarmFolders(folder, names, notify)))
        tables: list[Sink | None] = [
            None if path is None else stack.enter_context(closing(open_sink(Path(path), columns)))
            for path, columns in ((scores, SCORE_COLUMNS), (events, ALARM_COLUMNS))
        ]

        def see(frame: SourceFrame) -> None:
            arrivals.append(time.monotonic())
            stats.frames_per_second = (len(arrivals) - 1) / max(arrivals[-1] - arrivals[0], 1e-3)
            stats.last_arrival = arrivals[-1] if live else None
            if folders:
                folders.see(frame)

        reading: dict[str, Any] = {
            "every_frame": every_frame,
            "realtime": realtime,
            "stats": stats.source,
            "stop": stop,
        }
        for score in stack.enter_context(closing(score_source(detector, source, on_frame=see, **reading))):
            frame = score.frame
            assert frame is not None
            stats.scores += 1
            stats.lag_seconds = time.monotonic() - frame.arrived if live else None
            if folders:
                folders.push(score, partial(_clock, clock_time(frame), score.seconds), stopped=stop.is_set())
            ended += [score.ended] if score.ended else []
            if tables[0]:
                tables[0].write(score_row(score))
            if tables[1] and score.ended:
                tables[1].write(alarm_row(score.ended))
            if notifier:
                stats.undelivered, stats.errors = notifier.waiting, notifier.errors
            if on_score:
                on_score(score)
    if notifier:
        stats.undelivered, stats.errors = notifier.undelivered, notifier.errors
    written = tuple(path for path in files if path.exists())
    return AlarmStreamResult(stats, written, tuple(ended), folders.known if folders else 0)


def _clock(now: datetime, now_seconds: float, seconds: float) -> datetime:
    """The clock time of a time in the stream."""
    return now + timedelta(seconds=seconds - now_seconds)


def check_alarm_outputs(
    source: Source,
    *,
    alarms: str | Path | None = None,
    mqtt: str | None = None,
    webhook: str | None = None,
    scores: str | Path | None = None,
    events: str | Path | None = None,
    replace: bool = False,
) -> Sequence[Path]:
    """Check what `stream_alarms` is to write, without loading a detector.

    Args:
        source: what is read.
        alarms: see `stream_alarms`.
        mqtt: likewise.
        webhook: likewise.
        scores: likewise.
        events: likewise.
        replace: likewise.

    Returns:
        The tables.

    Raises:
        UsageError: two outputs with the same name, a table that exists, an unknown ending, a wrong address, or a
            receiver without a folder.
        StillmotionError: the folder cannot be made or written to, or paho-mqtt is not installed.
    """
    open_receivers(mqtt, webhook)
    for name, receiver in (("mqtt", mqtt), ("webhook", webhook)):
        if receiver is not None and alarms is None:
            raise UsageError(
                f"{name}: notices of alarms wait on disk until they are received; name a folder for them with `alarms`"
            )
    if alarms is not None:
        check_folder(Path(alarms))
    return check_stream_outputs(source, predictions=scores, events=events, replace=replace)


def open_receivers(mqtt: str | None, webhook: str | None) -> list[Receiver]:
    """The receivers of notices, which are not connected yet."""
    receivers: list[Receiver] = []
    if mqtt is not None:
        receivers.append(Broker(read_broker(mqtt)))
    if webhook is not None:
        receivers.append(Webhook(webhook))
    return receivers
