"""A folder with a folder for each alarm: a clip, pictures, alarm.json; and alarms.csv.

alarms/
    alarms.csv                   a row for each alarm that has ended
    outbox.sqlite                notices that have not reached their receivers
    2026-05-04_12-00-00.250/
        alarm.json               the alarm
        clip.mp4                 from 5 seconds before to 5 seconds after
        frame.jpg                the most unusual frame
        where.jpg                where it is unusual
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from PIL import Image

from stillmotion.anomaly import Score
from stillmotion.decoding.prefetch import SourceFrame
from stillmotion.files import atomic_write, make_folder, write_json
from stillmotion.prediction.alarm_clips import AlarmClip, ClipRecorder
from stillmotion.prediction.alarm_records import AlarmNames, AlarmRecord, State
from stillmotion.prediction.alarm_table import AlarmTable
from stillmotion.prediction.heat_maps import draw_heat_map, read_picture

ALARM_FILE, CLIP_FILE = "alarm.json", "clip.mp4"
TABLE_FILE, OUTBOX_FILE = "alarms.csv", "outbox.sqlite"
# The key of alarm.json that says what to do if the alarm was none.
_IF_NORMAL = "if_normal"


@dataclass
class _OpenAlarm:
    record: AlarmRecord
    folder: Path
    drawn: Score | None = None  # The frame of which there are pictures.
    clip: AlarmClip | None = None


class AlarmFolders:
    """Writes the alarms of a stream. An alarm's folder is there as soon as the alarm is raised.

    What an earlier stream left behind when it was killed is completed: its open alarms become "interrupted". Those of
    the same file are left open until the end, because they will be found again.

    Args:
        folder: where; one stream at a time may write to it, see `folder_lock`.
        names: of this stream's alarms.
        notify: called with each alarm that begins or ends, before anything is written to the table.

    Attributes:
        known: how many alarms an earlier stream of the same file had found.

    Raises:
        UsageError: the folder holds another table.
        StillmotionError: the folder cannot be written.
    """

    def __init__(self, folder: Path, names: AlarmNames, notify: Callable[[AlarmRecord], None]) -> None:
        self.folder, self.names, self._notify = make_folder(folder), names, notify
        self.known = 0
        self._table = AlarmTable(folder / TABLE_FILE)
        self._recorder = ClipRecorder()
        self._open: _OpenAlarm | None = None
        self._peak: Score | None = None
        # Those of alarms that an earlier stream of the same file found, by id.
        self._folders: dict[str, str] = {}
        self._close_left_open(of_this_file=False)

    def see(self, frame: SourceFrame) -> None:
        """Take the next frame of the source, for clips.

        Raises:
            StillmotionError: a clip cannot be written.
        """
        self._recorder.write(frame)

    def push(self, score: Score, clock: Callable[[float], datetime], *, stopped: bool = False) -> None:
        """Take the next score.

        Args:
            score: with the alarms that begin and end with it.
            clock: the clock time of a time in the stream.
            stopped: whether the stream is stopped, so that an alarm that ends was interrupted.

        Raises:
            StillmotionError: something cannot be written.
        """
        if score.ended is not None and self._open is not None:
            state: State = "interrupted" if stopped else "ended"
            record = self.names.record(score.ended, state, clock, self._open.record.folder)
            # The clock time of the same moment would differ by how much frames are late.
            self._end(replace(record, start_time=self._open.record.start_time))
            self._peak = None
        if self._open is None and score.level < 1:
            self._peak = None
        elif self._peak is None or score.level > self._peak.level:
            self._peak = score
        if score.raised is not None:
            self._begin(self.names.record(score.raised, "open", clock))

    def close(self) -> None:
        """Finish the clips, and what an earlier stream of the same file left open."""
        self._recorder.close()
        self._close_left_open(of_this_file=True)

    def _begin(self, record: AlarmRecord) -> None:
        if self._table.states.get(record.id) == "ended":
            self.known += 1
            return
        record = replace(record, folder=self._free_name(record))
        alarm = _OpenAlarm(record, make_folder(self.folder / record.folder))
        self._write(alarm.folder, record)
        self._notify(record)
        self._open = alarm
        self._draw(alarm)
        alarm.clip = self._recorder.begin(alarm.folder / CLIP_FILE, record.start_seconds)

    def _end(self, record: AlarmRecord) -> None:
        alarm, self._open = self._open, None
        assert alarm is not None
        if alarm.clip is not None:
            alarm.clip.end(record.end_seconds or record.raised_seconds)
        alarm.record = record
        self._draw(alarm)
        self._finish(alarm.folder, record)

    def _finish(self, folder: Path, record: AlarmRecord) -> None:
        """The order matters: what is in the file alone is found again, what is in the table is done."""
        self._write(folder, record)
        self._notify(record)
        self._table.append(record)

    def _write(self, folder: Path, record: AlarmRecord) -> None:
        detector, clip = (shlex.quote(str(path)) for path in (self.names.detector_folder, folder.resolve() / CLIP_FILE))
        command = f"stillmotion anomaly add {detector} {clip} --acknowledged"
        write_json(folder / ALARM_FILE, {**asdict(record), _IF_NORMAL: command})

    def _draw(self, alarm: _OpenAlarm) -> None:
        """Write the pictures of the most unusual frame so far."""
        score = self._peak
        if score is None or score is alarm.drawn or score.frame is None or score.cells is None:
            return
        picture = read_picture(score.frame.frame)
        when = alarm.record.start_time or f"{score.seconds:.1f} s"
        text = f"{score.kind}, level {score.level:.1f}, {when.replace('T', ' ')[:19]}"
        for name, pixels in (
            ("frame.jpg", picture),
            ("where.jpg", draw_heat_map(picture, score.cells, score.cell, text)),
        ):
            with atomic_write(alarm.folder / name) as part:
                Image.fromarray(pixels).save(part, quality=90)
        alarm.drawn = score

    def _free_name(self, record: AlarmRecord) -> str:
        """The name of a folder that holds no other alarm."""
        if record.id in self._folders:
            return self._folders[record.id]
        name, number = record.folder, 1
        while (other := self._read(self.folder / name)) is not None and other.id != record.id:
            number += 1
            name = f"{record.folder}-{number}"
        return name

    def _close_left_open(self, *, of_this_file: bool) -> None:
        """Complete the alarms that an earlier stream did not complete, because it was killed."""
        for path in sorted(self.folder.glob(f"*/{ALARM_FILE}")):
            record = self._read(path.parent)
            if record is None:
                continue
            same_file = self.names.repeatable and record.id.startswith(f"{self.names.session}-")
            if same_file:
                self._folders[record.id] = path.parent.name
            done = record.id in self._table.states and record.state != "open"
            if done or same_file != of_this_file:
                continue
            self._notify(replace(record, state="open"))
            self._finish(path.parent, replace(record, state="interrupted") if record.state == "open" else record)

    def _read(self, folder: Path) -> AlarmRecord | None:
        """The alarm of a folder; None if it holds none."""
        try:
            content = json.loads((folder / ALARM_FILE).read_text(encoding="utf-8"))
            content.pop(_IF_NORMAL, None)
            return AlarmRecord(**content)
        except (OSError, ValueError, TypeError, AttributeError):
            return None
