"""Events of a file are cut out of it, into folders that are a data set."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

import stillmotion as sm
from helpers.streams import write_light_video
from stillmotion.decoding.live import find_source
from stillmotion.errors import UsageError
from stillmotion.prediction import time_budget
from stillmotion.prediction.cutting import EventClips
from stillmotion.prediction.event_records import Event


def event(start: float, end: float, label: str = "light") -> Event:
    return Event(start, end, label, 0.8, 0.7, 0.9)


def levels(path: Path) -> list[float]:
    with av.open(str(path)) as content:
        return [float(frame.to_ndarray(format="rgb24").mean()) for frame in content.decode(video=0)]


def test_a_clip_goes_from_a_window_before_the_event_to_its_end(tmp_path: Path) -> None:
    """The video is light from 2 to 4 s, at 10 frames per second."""
    video = write_light_video(tmp_path / "a day.mp4")
    clips = EventClips(tmp_path / "clips", find_source(video), 0.4)
    path = clips.cut(event(2.4, 3.0))
    assert path == tmp_path / "clips" / "light" / "a day_2.00-3.00.mp4"
    assert len(levels(path)) == 10 and np.allclose(levels(path), 230, atol=6)
    assert len(levels(clips.cut(event(1.9, 2.2)))) == 7
    # Not from before the part that was streamed.
    late = EventClips(tmp_path / "late", find_source(video, start=2.3), 0.4).cut(event(2.4, 3.0))
    assert late.name == "a day_2.30-3.00.mp4" and len(levels(late)) == 7
    read = sm.read_videos(tmp_path / "clips")
    assert read.labels == ("light",) and len(read) == 2


def test_clips_of_one_source_are_one_group(tmp_path: Path) -> None:
    for name in ("a day.mp4", "night-2.mp4"):
        clips = EventClips(tmp_path / "clips", find_source(write_light_video(tmp_path / name)), 0.4, replace=True)
        for label, start in (("light", 2.4), ("light", 3.2), ("dark", 1.0)):
            clips.cut(event(start, start + 0.4, label))
    read = sm.read_videos(tmp_path / "clips")
    assert len(read) == 6 and read.groups == ("a day", "night-2")


@pytest.mark.parametrize(
    ("label", "folder"), [("../up", "_up"), ("a/b", "a_b"), ("..", "_"), ("größer als", "größer als")]
)
def test_a_label_is_a_folder_inside(label: str, folder: str, tmp_path: Path) -> None:
    video = write_light_video(tmp_path / "video.mp4")
    path = EventClips(tmp_path / "clips", find_source(video), 0.1).cut(event(0.2, 0.4, label))
    assert path.parent == tmp_path / "clips" / folder


def test_clips_do_not_mix_with_what_is_there_and_need_a_file(tmp_path: Path) -> None:
    video = write_light_video(tmp_path / "video.mp4")
    with pytest.raises(UsageError, match="is not empty; choose another folder for clips, or give `replace`"):
        EventClips(tmp_path, find_source(video), 0.4)
    EventClips(tmp_path, find_source(video), 0.4, replace=True)
    with pytest.raises(UsageError, match="camera 0: clips are cut out of files"):
        EventClips(tmp_path / "clips", find_source("0"), 0.4)


def test_a_time_budget_adds_up_the_events_of_each_label() -> None:
    budget = time_budget([event(0, 2), event(5, 6, "dark"), event(8, 8.5), event(7, 9.5, "dark")])
    assert [(entry.label, entry.events, entry.seconds, entry.longest_seconds) for entry in budget] == [
        ("dark", 2, 3.5, 2.5),
        ("light", 2, 2.5, 2.0),
    ]
    assert time_budget([]) == ()
