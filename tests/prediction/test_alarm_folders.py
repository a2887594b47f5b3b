"""A folder for each alarm, from before it began to after it ended; nothing is lost when the stream is killed."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from helpers.alarms import RATE, levels_with_alarms, make_detector, make_frame, scores_of
from stillmotion.decoding.live import Source
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.prediction import alarm_clips
from stillmotion.prediction.alarm_clips import ClipRecorder
from stillmotion.prediction.alarm_folders import AlarmFolders
from stillmotion.prediction.alarm_records import AlarmNames, AlarmRecord, notice_of
from stillmotion.prediction.alarm_table import COLUMNS, AlarmTable
from stillmotion.prediction.heat_maps import draw_heat_map

CAMERA = Source("rtsp://me:secret@camera/line", "network")
NOON = datetime(2026, 5, 4, 12, tzinfo=timezone(timedelta(hours=2)))


def clock(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)


class Stopped(Exception):
    """Stands for kill -9: nothing after it is written."""


def stream(
    folder: Path,
    levels: Sequence[float],
    *,
    source: Source = CAMERA,
    kill_at: float | None = None,
    stop_at: float | None = None,
    began: datetime = NOON,
    live: bool | None = None,
    late_at_end: float = 0.0,
) -> list[AlarmRecord]:
    """Stream an imagined camera; what was notified."""
    notified: list[AlarmRecord] = []
    names = AlarmNames(source, make_detector(), live=source.live if live is None else live)
    folders = AlarmFolders(folder, names, notified.append)
    for score in scores_of(levels):
        if kill_at is not None and score.seconds >= kill_at:
            return notified
        folders.see(make_frame(score.seconds))
        stopped = stop_at is not None and score.seconds >= stop_at
        now = began + timedelta(seconds=late_at_end if score.ended else 0)
        folders.push(score, partial(clock, now), stopped=stopped)
    folders.close()
    return notified


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "alarms.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def clip_times(path: Path) -> list[float]:
    """The times of a clip's frames in the stream, read from their brightness."""
    with av.open(str(path)) as container:
        return [float(frame.to_ndarray(format="rgb24").mean()) / 4 for frame in container.decode(video=0)]


def test_an_alarm_has_a_clip_pictures_and_a_row(tmp_path: Path) -> None:
    levels = levels_with_alarms(30, (12, 14))
    levels[13 * RATE] = 3.0
    began, ended = stream(tmp_path, levels)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["2026-05-04_12-00-12.000", "alarms.csv"]
    folder = tmp_path / "2026-05-04_12-00-12.000"
    assert sorted(path.name for path in folder.iterdir()) == ["alarm.json", "clip.mp4", "frame.jpg", "where.jpg"]
    times = clip_times(folder / "clip.mp4")
    assert 6 - 0.3 <= times[0] <= 7.3  # with the key frame before
    assert times[-1] == pytest.approx(13.875 + 5, abs=0.3)
    assert np.asarray(Image.open(folder / "frame.jpg")).mean() == pytest.approx(4 * 13, abs=2)  # the peak
    alarm = json.loads((folder / "alarm.json").read_text())
    words = shlex.split(alarm.pop("if_normal"))
    assert words[:3] == ["stillmotion", "anomaly", "add"] and Path(words[3]).name == "detector"
    assert words[4:] == [str(folder / "clip.mp4"), "--acknowledged"]
    assert alarm == {
        "id": ended.id, "folder": folder.name, "state": "ended", "start_time": "2026-05-04T12:00:12.000+02:00",
        "end_time": "2026-05-04T12:00:13.875+02:00", "start_seconds": 12.0, "raised_seconds": 12.125,
        "end_seconds": 13.875, "kind": "motion", "peak": 3.0, "row": 2, "column": 5, "source": "rtsp://camera/line",
        "detector": "detector",
    }  # fmt: skip
    assert rows(tmp_path) == [{key: str(value) for key, value in alarm.items()}]
    assert (began.state, began.id, began.peak) == ("open", ended.id, 1.5)


def test_a_notice_says_what_a_receiver_needs(tmp_path: Path) -> None:
    began, ended = map(notice_of, stream(tmp_path, levels_with_alarms(20, (8, 9))))
    assert list(began) == [
        "state", "interrupted", "time", "id", "folder", "start_time", "end_time", "start_seconds", "raised_seconds",
        "end_seconds", "kind", "peak", "row", "column", "source", "detector",
    ]  # fmt: skip
    assert (began["state"], began["end_seconds"], ended["state"], ended["end_seconds"]) == (
        "began",
        None,
        "ended",
        8.875,
    )
    assert not began["interrupted"] and not ended["interrupted"]
    assert datetime.fromisoformat(began["time"]).tzinfo is not None
    assert "secret" not in json.dumps([began, ended])


def test_both_notices_of_an_alarm_give_the_same_start_though_frames_come_late(tmp_path: Path) -> None:
    began, ended = stream(tmp_path, levels_with_alarms(20, (8, 9)), late_at_end=0.2)
    assert ended.start_time == began.start_time == "2026-05-04T12:00:08.000+02:00"


def test_alarms_close_to_each_other_have_clips_that_overlap(tmp_path: Path) -> None:
    stream(tmp_path, levels_with_alarms(30, (10, 11), (13, 14)))
    first, second = (clip_times(path) for path in sorted(tmp_path.glob("*/clip.mp4")))
    assert first[-1] == pytest.approx(15.9, abs=0.3) and second[0] == pytest.approx(7.6, abs=0.8)
    assert second[-1] == pytest.approx(18.9, abs=0.3)


def test_an_alarm_that_stays_on_fills_neither_memory_nor_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_clips, "LONGEST_SECONDS", 12.0)
    recorder = ClipRecorder()
    clip = None
    for number in range(60 * RATE):
        recorder.write(make_frame(number / RATE))
        if number == 10 * RATE:
            clip = recorder.begin(tmp_path / "clip.mp4", 10.0)
        kept = [seconds for seconds, _ in recorder._packets]
        assert kept[-1] - kept[0] <= 8.01
    assert clip is not None and clip.closed
    assert clip_times(tmp_path / "clip.mp4")[-1] == pytest.approx(5 + 12, abs=0.5)


def test_memory_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_clips, "_MAX_BYTES", 2000)
    recorder = ClipRecorder()
    for number in range(40):
        recorder.write(make_frame(number / RATE))
        assert sum(packet.size for _, packet in recorder._packets) <= 2000


def test_a_large_or_turned_picture_has_a_clip_of_even_sides(tmp_path: Path) -> None:
    recorder = ClipRecorder()
    for number in range(4):
        recorder.write(make_frame(number / RATE, height=721, width=2001))
    recorder.begin(tmp_path / "clip.mp4", 0.0)
    recorder.close()
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (1280, 460)


def test_a_new_stream_appends_and_replaces_nothing(tmp_path: Path) -> None:
    stream(tmp_path, levels_with_alarms(20, (8, 9)))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "alarms.csv"}
    table = (tmp_path / "alarms.csv").read_text()
    stream(tmp_path, levels_with_alarms(20, (8, 9)))  # by chance at the same time
    assert all(path.read_bytes() == content for path, content in before.items())
    assert (tmp_path / "alarms.csv").read_text().startswith(table)
    names = [row["folder"] for row in rows(tmp_path)]
    assert names == ["2026-05-04_12-00-08.000", "2026-05-04_12-00-08.000-2"]
    assert len({row["id"] for row in rows(tmp_path)}) == 2


def test_an_alarm_that_was_on_when_the_stream_was_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    levels = levels_with_alarms(30, (8, 20))
    (began,) = stream(tmp_path, levels, kill_at=12)
    folder = tmp_path / began.folder
    assert clip_times(folder / "clip.mp4")  # what is there can be played
    assert (folder / "where.jpg").exists() and rows(tmp_path) == []
    again, ended = stream(tmp_path, [0.0] * 8)
    assert (again.key, ended.id, ended.state, ended.end_seconds) == (began.key, began.id, "interrupted", None)
    assert notice_of(ended)["interrupted"]
    assert [row["state"] for row in rows(tmp_path)] == ["interrupted"]
    assert stream(tmp_path, [0.0] * 8) == []  # once


@pytest.mark.parametrize(("state", "then"), [("open", "interrupted"), ("ended", "ended")])
def test_an_alarm_is_in_the_table_only_once_its_notice_is_on_disk(state: str, then: str, tmp_path: Path) -> None:
    """Otherwise one that is killed in between is never sent. How it ended is on disk before it is sent, so that the
    next stream does not send another end."""
    names = AlarmNames(CAMERA, make_detector(), live=True)

    def fail(record: AlarmRecord) -> None:
        if record.state == state:
            raise StillmotionError("the disk is full")

    folders = AlarmFolders(tmp_path, names, fail)
    with pytest.raises(StillmotionError, match="the disk is full"):
        for score in scores_of(levels_with_alarms(20, (8, 9))):
            folders.see(make_frame(score.seconds))
            folders.push(score, partial(clock, NOON))
    assert rows(tmp_path) == []
    assert [record.state for record in stream(tmp_path, [0.0] * 8)] == ["open", then]
    assert len(rows(tmp_path)) == 1


@pytest.mark.parametrize("lost", ["notify", "row"])
def test_what_was_lost_between_two_writes_is_made_up_for(lost: str, tmp_path: Path) -> None:
    stream(tmp_path, levels_with_alarms(20, (8, 9)))
    text = (tmp_path / "alarms.csv").read_bytes()
    (tmp_path / "alarms.csv").write_bytes(text[: -10 if lost == "row" else text.index(b"\n") + 1])
    found = stream(tmp_path, [0.0] * 8)
    assert [record.state for record in found] == ["open", "ended"]
    assert (tmp_path / "alarms.csv").read_bytes() == text


@pytest.fixture
def video(tmp_path: Path) -> Source:
    (tmp_path / "day one.mp4").write_bytes(b"some")
    return Source(str(tmp_path / "day one.mp4"), "file")


def test_the_same_file_again_gives_the_same_alarms_once(tmp_path: Path, video: Source) -> None:
    out, levels = tmp_path / "alarms", levels_with_alarms(40, (8, 9), (20, 21))
    first = stream(out, levels, source=video, kill_at=25)
    assert [record.folder for record in first[::2]] == ["day one_00-00-08.000", "day one_00-00-20.000"]
    assert first[0].start_time is None
    table = (out / "alarms.csv").read_bytes()
    assert stream(out, levels, source=video) == []
    assert (out / "alarms.csv").read_bytes() == table


def test_an_alarm_that_a_kill_cut_off_is_found_again_in_the_file(tmp_path: Path, video: Source) -> None:
    out, levels = tmp_path / "alarms", levels_with_alarms(40, (8, 9), (20, 23))
    began = stream(out, levels, source=video, kill_at=21)[-1]
    again, ended = stream(out, levels, source=video)
    assert (again.key, ended.id, ended.state, ended.end_seconds) == (began.key, began.id, "ended", 22.875)
    assert [row["state"] for row in rows(out)] == ["ended", "ended"]
    assert clip_times(out / began.folder / "clip.mp4")[-1] == pytest.approx(27.9, abs=0.3)


def test_a_file_that_was_played_by_the_clock_is_known_again(tmp_path: Path, video: Source) -> None:
    out, levels = tmp_path / "alarms", levels_with_alarms(40, (8, 12))
    (began,) = stream(out, levels, source=video, live=True, kill_at=10)
    assert began.folder == "2026-05-04_12-00-08.000"
    ended = stream(out, levels, source=video)[-1]
    assert (ended.id, ended.folder, ended.state) == (began.id, began.folder, "ended")
    assert len(rows(out)) == 1


def test_an_alarm_that_ctrl_c_cut_off_is_found_again_in_the_file(tmp_path: Path, video: Source) -> None:
    out, levels = tmp_path / "alarms", levels_with_alarms(40, (8, 12))
    stopped = stream(out, levels[: 10 * RATE], source=video, stop_at=9.8)[-1]
    assert (stopped.state, stopped.end_seconds) == ("interrupted", 9.875)
    again, ended = stream(out, levels, source=video)
    assert (ended.state, ended.end_seconds, ended.folder) == ("ended", 11.875, stopped.folder)
    assert stopped.key != ended.key  # so that it is sent
    assert again.id == stopped.id


def test_another_version_of_the_file_has_alarms_of_its_own(tmp_path: Path, video: Source) -> None:
    out, levels = tmp_path / "alarms", levels_with_alarms(20, (8, 9))
    stream(out, levels, source=video)
    Path(video.name).write_bytes(b"another")
    assert [record.folder for record in stream(out, levels, source=video)][:1] == ["day one_00-00-08.000-2"]
    other = AlarmNames(video, replace(make_detector(), record=replace(make_detector().record, rate=4.0)), live=False)
    assert other.session != AlarmNames(video, make_detector(), live=False).session
    assert not AlarmNames(video, make_detector(), live=True, drops=True).repeatable


def test_a_table_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "alarms.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"alarms\.csv: has other columns"):
        AlarmTable(tmp_path / "alarms.csv")
    assert (tmp_path / "alarms.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("name", ["alarms.csv", "clip.mp4"])
def test_a_full_disk_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(StillmotionError, match=rf"{name}: cannot be written \(No space left on device\)"):
        if name == "alarms.csv":
            table = AlarmTable(tmp_path / name)
            (tmp_path / name).unlink()
            (tmp_path / name).symlink_to("/dev/full")
            table._append(dict.fromkeys(COLUMNS, "x"))
        else:
            (tmp_path / name).symlink_to("/dev/full")
            recorder = ClipRecorder()
            for number in range(40):
                recorder.write(make_frame(number / RATE))
            recorder.begin(tmp_path / name, 4.0)
            recorder.close()


def test_a_heat_map_keeps_the_colors_of_what_is_unusual_only() -> None:
    picture = np.full((700, 1050, 3), (200, 40, 40), np.uint8)
    cells = np.full((7, 7), 0.1, np.float32)
    cells[1, 2], cells[5, 5] = 3.0, 2.0
    drawn = draw_heat_map(picture, cells, (1, 2)).astype(int)
    assert drawn.shape == picture.shape
    for row in range(7):
        for column in range(7):
            red, green, _ = drawn[100 * row + 50, 150 * column + 75]
            assert (red - green > 60) == ((row, column) in ((1, 2), (5, 5))), (row, column)
    assert (drawn[100, 330] > 240).all()  # the white frame of the most unusual cell


def test_a_heat_map_shows_a_cell_even_if_the_whole_picture_is_unusual() -> None:
    drawn = draw_heat_map(np.full((700, 700, 3), 99, np.uint8), np.full((7, 7), -1, np.float32), (6, 6))
    assert drawn[650, 650].mean() > 80 > drawn[250, 250].mean()


def test_the_heat_map_of_a_small_picture_is_enlarged_and_its_text_hides_nothing() -> None:
    drawn = draw_heat_map(np.full((12, 16, 3), 99, np.uint8), np.eye(7, dtype=np.float32), (0, 0), "look, level 2")
    assert drawn.shape[1] == 640 and drawn.shape[0] > 480
