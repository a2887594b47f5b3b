"""Rows are written at once, to files and to a webhook that may be slow, absent or protected."""

from __future__ import annotations

import csv
import json
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from helpers.streams import JAM_LABELS, jam_predictions
from stillmotion.decoding.live import without_credentials
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.prediction.event_records import Event, EventNotice
from stillmotion.prediction.sinks import (
    EVENT_COLUMNS,
    notice_row,
    open_sink,
    window_columns,
    window_row,
)


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_each_row_is_on_disk_at_once(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"predictions{ending}"
    sink = open_sink(path, window_columns(JAM_LABELS))
    for prediction in jam_predictions([0.25, 0.75]):
        sink.write(window_row(prediction, JAM_LABELS))
    with path.open() as file:
        rows: list[Any] = list(csv.DictReader(file)) if ending == ".csv" else [json.loads(line) for line in file]
    sink.close()
    assert [row["label"] for row in rows] == ["calm", "jam"]
    assert [float(row["prob_jam"]) for row in rows] == [0.25, 0.75]
    assert list(rows[0]) == window_columns(JAM_LABELS)


def test_numbers_and_independent_labels_have_the_columns_of_predict() -> None:
    (prediction,) = jam_predictions([0.25])
    assert window_row(prediction, ("x", "y"), "regression") == {"seconds": 0.0, "value_x": 0.75, "value_y": 0.25}
    assert window_columns(("x", "y"), "regression") == ["seconds", "value_x", "value_y"]
    assert window_columns(("x", "y"), "independent sigmoids") == ["seconds", "label", "prob_x", "prob_y"]


def test_a_table_of_an_unknown_kind_or_in_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"predictions\.xlsx: a stream is written to one of \.jsonl, \.csv"):
        open_sink(tmp_path / "predictions.xlsx", [])
    with pytest.raises(StillmotionError, match="No such file or directory"):
        open_sink(tmp_path / "absent" / "predictions.csv", [])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("name", ["predictions.csv", "predictions.jsonl"])
def test_a_full_disk_is_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.symlink_to("/dev/full")
    refused = pytest.raises(StillmotionError, match=rf"{name}: cannot be written \(No space left on device\)")
    with refused, closing(open_sink(path, window_columns(JAM_LABELS))) as sink:
        sink.write(window_row(jam_predictions([0.5])[0], JAM_LABELS))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://me:secret@camera:554/line", "rtsp://camera:554/line"),
        ("https://me@site/hook?token=secret#secret", "https://site/hook"),
        ("http://me:se@cret@site", "http://site"),
        ("rtsp://me:se/cret@camera/line", "rtsp://camera/line"),
        ("rtsp://me:se/cr@et@camera/line?token=secret", "rtsp://camera/line"),
        ("rtsp://me:se#cret@camera/line", "rtsp://..."),
        ("rtsp://me:se?cret@camera/line", "rtsp://..."),
        ("http://site/cgi?user=me@mail&password=secret", "http://..."),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("folder/video.mp4", "folder/video.mp4"),
    ],
)
def test_only_host_and_path_of_a_url_are_shown(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


EVENT = Event(1.0, 2.5, "jam", 0.75, 0.625, 0.875)
ROW = dict(zip(EVENT_COLUMNS, (1.0, 2.5, "jam", 0.75, 0.625, 0.875), strict=True))


def test_a_notice_says_all_that_a_receiver_needs() -> None:
    """The clock time of the event's start is known where the stream runs by the clock."""
    assert EVENT_COLUMNS == [
        "start_seconds", "end_seconds", "label", "confidence", "entry_confidence", "peak_confidence"
    ]  # fmt: skip
    noon = datetime(2026, 5, 4, 12, 0, 0, tzinfo=timezone(timedelta(hours=2)))
    notice = EventNotice("began", EVENT, "id-1")
    live = notice_row(notice, source="camera 0", run="line", now=noon, now_seconds=3.5)
    assert live == {
        "state": "began",
        "id": "id-1",
        "time": "2026-05-04T12:00:00.000+02:00",
        "start_time": "2026-05-04T11:59:57.500+02:00",
        "source": "camera 0",
        "run": "line",
        **ROW,
    }
    assert notice_row(notice, source="a.mp4", run="line", now=noon, now_seconds=None)["start_time"] is None
