"""What is known to be unusual in recordings, and what counts as finding it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator, PlainSerializer

from stillmotion.anomaly.alarms import Alarm
from stillmotion.data import Videos, read_videos
from stillmotion.errors import StillmotionError

NORMAL = "normal"
# An alarm this long after a fault's end still counts as found: a score looks back over a second.
GRACE_SECONDS = 1.0
EARLY_SECONDS = 2.0
# JSON has no infinity: there the end of the file is null.
_EndSeconds = Annotated[
    float,
    PlainSerializer(lambda seconds: None if np.isinf(seconds) else seconds),
    BeforeValidator(lambda seconds: np.inf if seconds is None else seconds),
]


@dataclass(frozen=True)
class TrueFault:
    """A stretch of a recording that is not normal.

    Attributes:
        start_seconds: when it begins.
        end_seconds: when it ends; infinite for the end of the file.
        label: what it is.
    """

    start_seconds: float
    end_seconds: _EndSeconds
    label: str


@dataclass(frozen=True)
class TrueRecording:
    """A recording whose faults are known.

    Attributes:
        name: relative to the table.
        file: the video.
        group: its group.
        faults: none if it is normal.
    """

    name: str
    file: Path
    group: str
    faults: tuple[TrueFault, ...] = ()


def read_truth(table: str | Path) -> list[TrueRecording]:
    """Read which recordings hold which faults.

    Args:
        table: rows of `path,label[,start,end,group]`. A row with a start or an end is a fault from then to then; one
            without is a fault from beginning to end; one with the label "normal" is none.

    Returns:
        The recordings, in the order of the table.

    Raises:
        UsageError: there is no such table.
        StillmotionError: it cannot be read, or a row has no label.
    """
    videos: Videos = read_videos(table)
    recordings: dict[str, TrueRecording] = {}
    for video in videos:
        if video.label is None:
            raise StillmotionError(f"{table}: {video.name} has no label; write {NORMAL!r} for what is normal")
        known = recordings.get(video.path, TrueRecording(video.path, videos.file(video), video.group))
        faults = known.faults
        if video.label.lower() != NORMAL:
            end = np.inf if video.end_seconds is None else video.end_seconds
            faults = (*faults, TrueFault(video.start_seconds or 0.0, end, video.label))
        recordings[video.path] = TrueRecording(known.name, known.file, known.group, faults)
    return list(recordings.values())


def overlaps(alarm: Alarm, fault: TrueFault) -> bool:
    """Whether an alarm finds a fault.

    It is raised from 2 seconds before the fault, whose begin is not known better, to a second after its end, and is
    open during the fault or later. One that has been open for longer has not found it: it would be open anyway.
    """
    end = alarm.raised_seconds if alarm.end_seconds is None else max(alarm.raised_seconds, alarm.end_seconds)
    early, late = fault.start_seconds - EARLY_SECONDS, fault.end_seconds + GRACE_SECONDS
    return end >= fault.start_seconds and early <= alarm.raised_seconds <= late
