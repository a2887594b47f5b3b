"""Segments of videos in tables, under the names and in the forms that people use."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import pytest

from stillmotion.data import read_videos
from stillmotion.data.segment_columns import parse_time
from stillmotion.errors import StillmotionError


def segment(tmp_path: Path, columns: str, cells: str) -> tuple[float | None, float | None]:
    """The segment of a table's only row."""
    table = tmp_path / "t.csv"
    table.write_text(f"path;label;{columns}\na.mp4;x;{cells}\n")
    (video,) = read_videos(table)
    return video.start_seconds, video.end_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", 12.5),
        ("12,5", 12.5),
        ("12.5 s", 12.5),
        ("7 seconds", 7),
        ("2:35.5", 155.5),
        ("0:02:35", 155),
        ("1:00:00,25", 3600.25),
        ("00:01:02,500", 62.5),
        ("90:05", 5405),
    ],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["2:61", "1:60:00", "1:2:3:4", "-1:30", "1:-30", ":30", "noon", "1h", "2:5:7.5.1"])
def test_what_is_not_a_time_is_not_guessed(text: str) -> None:
    assert math.isnan(parse_time(text))


@pytest.mark.parametrize(
    ("columns", "cells", "expected"),
    [
        ("start;end", "12.5;0:00:20", (12.5, 20)),
        ("start_seconds;end_seconds", "1;2", (1, 2)),
        ("begin;finish", "1;2", (1, 2)),
        ("Start (s);Stop (s)", "1;2", (1, 2)),
        ("from;to", "1;2", (1, 2)),
        ("onset_ms;offset_ms", "1500;2500", (1.5, 2.5)),
        ("start_time;end_time", "0:01;0:02", (1, 2)),
        ("start_frame;end_frame;fps", "50;75;25", (2, 3)),
        ("start;duration", "10;2.5", (10, 12.5)),
        # The duration is that of the file, or says the same.
        ("start;end;duration", "1;2;99", (1, 2)),
        ("duration", "99", (None, None)),
        ("start;end", ";", (None, None)),
        ("start_frame;end_frame;fps", ";;", (None, None)),
        # These speak of something else.
        ("to check;From person;endangered;total;toms;weekend", "yes;Ann;no;3;1;no", (None, None)),
        # Words are joined in many ways.
        ("startTime;endTime", "1;2", (1, 2)),
        ("StartSec;EndSec", "1;2", (1, 2)),
        ("starttime;endtime", "0:01;0:02", (1, 2)),
        ("STARTTIME;EndMS", "1;2000", (1, 2)),
        ("tStart;TEnd", "1;2", (1, 2)),
        ("startFrame;endframe;fps", "50;75;25", (2, 3)),
        ("start_frame;end_frame;fps", "30;60;29,97", (30 / 29.97, 60 / 29.97)),
    ],
)
def test_segments_have_the_usual_names(
    columns: str, cells: str, expected: tuple[float | None, float | None], tmp_path: Path
) -> None:
    assert segment(tmp_path, columns, cells) == expected


@pytest.mark.parametrize(
    ("columns", "cells", "says"),
    [
        ("start_minutes", "1", "column 'start_minutes' looks like a time, but is not understood; for segments, call"),
        ("offset", "1", "column 'offset' looks like a time"),
        ("start1;end1", "1;2", "column 'start1' looks like a time, but is not understood"),
        ("startpoint", "1", "column 'startpoint' looks like a time"),
        # When the camera recorded, in tables of camera traps.
        ("eventStart;eventEnd", "2020-05-01T10:00:00;2020-05-01T10:00:10", "column 'eventStart' looks like a time"),
        ("start_end", "1", "column 'start_end' looks like a time"),
        ("start;begin", "1;1", "columns 'start' and 'begin' both give the start; keep one of them"),
        ("start;start", "1;1", "two columns 'start'"),
        ("start_frame;end_frame", "1;2", "column 'start_frame' counts frames; add a column 'fps'"),
        ("end_frame;fps", "5;0", "row 2: fps is '0'; expected frames per second, more than 0"),
        ("start_ms", "1:30", "row 2: start_ms is '1:30'; expected a number of milliseconds, 0 or more"),
        ("start", "2:61", "row 2: start is '2:61'; expected seconds, or a time such as 0:02:35"),
        # A decimal comma, or one that separates thousands?
        ("start", "1,500", "start is '1,500'; expected seconds, or a time such as 0:02:35, with a point for decimals"),
        ("start_ms", "1,500", "start_ms is '1,500'; expected a number of milliseconds, 0 or more, with a point"),
        ("start_ms", "1500,5", "start_ms is '1500,5'; expected"),
        ("end_frame;fps", "1,5;25", "end_frame is '1,5'; expected a number of frames"),
        ("end_frame;fps", "5;29,970", "fps is '29,970'; expected"),
        ("start;duration", "5;0", "row 2: the segment ends at 5 s, which is not after its start at 5 s"),
    ],
)
def test_times_that_are_not_understood_are_refused(columns: str, cells: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(StillmotionError) as error:
        segment(tmp_path, columns, cells)
    assert says in str(error.value)


def test_columns_that_are_not_used_are_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        segment(tmp_path, "start;end;species;notes", "1;2;fox;")
    assert caplog.messages == ["t.csv: columns that are not used: species, notes"]


@pytest.mark.parametrize("columns", ["t0;t1", "in;out", "timestamp;species", "start;t1", "duration", "duration_min"])
def test_what_looks_like_a_time_is_not_left_out_in_silence(
    columns: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    segment(tmp_path, columns, ";" * columns.count(";"))
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    names = ", ".join(name for name in columns.split(";") if name not in ("species", "start"))
    assert f"columns that are not used, though they look like times: {names}; for segments, call" in warning


@pytest.mark.parametrize("columns", ["start;end;timestamp", "checked in;day", "frame;minutes of sleep"])
def test_other_columns_are_no_reason_to_warn(columns: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    segment(tmp_path, columns, ";" * columns.count(";"))
    assert not caplog.records or {record.levelno for record in caplog.records} == {logging.INFO}
