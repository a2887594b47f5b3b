"""What is written and sent of an alarm."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from stillmotion.anomaly import Alarm, Detector
from stillmotion.data.media import as_frame_folder
from stillmotion.decoding.live import Source
from stillmotion.prediction.cutting import file_name

State = Literal["open", "ended", "interrupted"]


@dataclass(frozen=True)
class AlarmRecord:
    """An alarm as alarm.json holds it.

    Attributes:
        id: of this alarm and no other. An alarm that is found again in the same file, by the same detector, has the
            same one.
        folder: the name of its folder.
        state: "open", "ended", or "interrupted" if the stream ended before the alarm did.
        start_time: the clock time of `start_seconds`, ISO 8601; None for a file, whose times are its own.
        end_time: likewise, of `end_seconds`.
        start_seconds: see `Alarm`.
        raised_seconds: likewise.
        end_seconds: likewise; None while it lasts, and if it is not known.
        kind: likewise.
        peak: likewise.
        row: of the most unusual cell at the peak, from above.
        column: from the left.
        source: where the frames come from, without credentials.
        detector: its folder's name.
    """

    id: str
    folder: str
    state: State
    start_time: str | None
    end_time: str | None
    start_seconds: float
    raised_seconds: float
    end_seconds: float | None
    kind: str
    peak: float
    row: int
    column: int
    source: str
    detector: str

    @property
    def key(self) -> str:
        """What tells the end of an alarm from one that was found before, when the stream was interrupted."""
        return f"{self.id} {self.state} {self.end_seconds}"


def notice_of(record: AlarmRecord) -> dict[str, Any]:
    """What receivers get: that an alarm began, or ended, now."""
    row = asdict(record)
    state = row.pop("state")
    now = datetime.now().astimezone().isoformat(timespec="milliseconds")
    return {
        "state": "began" if state == "open" else "ended",
        "interrupted": state == "interrupted",
        "time": now,
        **row,
    }


class AlarmNames:
    """Gives alarms their ids and the names of their folders, which can be sorted by time.

    Args:
        source: where the frames come from.
        detector: what finds the alarms.
        live: whether frames come by the clock.
        drops: whether frames may be dropped, so that a file does not give the same alarms again.
    """

    def __init__(self, source: Source, detector: Detector, *, live: bool, drops: bool = False) -> None:
        self.detector_folder = detector.folder.resolve()
        self.source, self.detector = str(source), self.detector_folder.name
        self.live = live
        name = PurePosixPath(Path(self.source.rpartition("://")[2]).as_posix())
        self._stem = file_name(name.stem if source.kind == "file" else self.source)
        identity = None if drops else _file_identity(source, detector)
        self.session = identity or uuid.uuid4().hex[:12]
        self.repeatable = identity is not None

    def record(
        self, alarm: Alarm, state: State, clock: Callable[[float], datetime], folder: str | None = None
    ) -> AlarmRecord:
        """Describe an alarm.

        Args:
            alarm: the alarm so far.
            state: what has become of it.
            clock: the clock time of a time in the stream.
            folder: its folder's name, if it has one already.
        """
        start, end = (
            None if seconds is None or not self.live else clock(seconds)
            for seconds in (alarm.start_seconds, alarm.end_seconds)
        )
        return AlarmRecord(
            id=f"{self.session}-{round(1000 * alarm.start_seconds)}",
            folder=folder or self._folder(alarm, start),
            state=state,
            start_time=None if start is None else start.isoformat(timespec="milliseconds"),
            end_time=None if end is None else end.isoformat(timespec="milliseconds"),
            start_seconds=round(alarm.start_seconds, 3),
            raised_seconds=round(alarm.raised_seconds, 3),
            end_seconds=None if alarm.end_seconds is None else round(alarm.end_seconds, 3),
            kind=alarm.kind,
            peak=round(alarm.peak, 3),
            row=int(alarm.cell[0]),
            column=int(alarm.cell[1]),
            source=self.source,
            detector=self.detector,
        )

    def _folder(self, alarm: Alarm, start: datetime | None) -> str:
        if start is not None:
            return f"{start:%Y-%m-%d_%H-%M-%S}.{start.microsecond // 1000:03d}"
        whole = timedelta(milliseconds=round(1000 * alarm.start_seconds))
        minutes, seconds = divmod(whole.total_seconds(), 60)
        return f"{self._stem}_{int(minutes) // 60:02d}-{int(minutes) % 60:02d}-{seconds:06.3f}"


def _file_identity(source: Source, detector: Detector) -> str | None:
    """A name for what a detector finds in a file; None for a source that is never the same again."""
    path = Path(source.name)
    if source.kind != "file" or "://" in source.name:
        return None
    folder = as_frame_folder(path)
    path = (folder.folder if folder else path).resolve()
    status = path.stat()
    what = (str(path), status.st_size, status.st_mtime_ns, source.start_seconds, detector.record)
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]
