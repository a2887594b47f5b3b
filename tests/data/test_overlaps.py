"""Files and recordings that two parts share are found, whatever folder the paths are relative to."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillmotion.data import Video, Videos, shared_groups, shared_videos


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    (tmp_path / "clips" / "left").mkdir(parents=True)
    (tmp_path / "clips" / "left" / "1.mp4").touch()
    return tmp_path / "clips"


def test_the_root_of_the_paths_does_not_matter(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clips.parent)
    first = Videos(clips, (Video("left/1.mp4", group="left/1.mp4"),))
    second = Videos(Path(), (Video("clips/left/1.mp4", group="clips/left/1.mp4"),))
    assert shared_videos(first, second) == shared_groups(first, second) == ("left/1.mp4",)
    assert shared_videos(second, first) == shared_groups(second, first) == ("clips/left/1.mp4",)


def test_links_are_followed(clips: Path) -> None:
    (clips / "left" / "2.mp4").symlink_to("1.mp4")
    first, second = (Videos(clips, (Video(path, group=path),)) for path in ("left/1.mp4", "left/2.mp4"))
    assert shared_videos(first, second) == shared_groups(first, second) == ("left/1.mp4",)


def test_two_segments_are_two_videos_of_one_recording(clips: Path) -> None:
    path = "left/1.mp4"
    first = Videos(clips, (Video(path, group=path, end_seconds=5),))
    for start, shared in ((0.0, (f"{path}@0-5",)), (5.0, ())):
        second = Videos(clips, (Video(path, group=path, start_seconds=start, end_seconds=start + 5),))
        assert shared_videos(first, second) == shared
        assert shared_groups(first, second) == (path,)


def test_given_groups_are_compared_by_name(clips: Path) -> None:
    first, second = (
        Videos(root, (Video("1.mp4", group="monday"),)) for root in (clips / "left", clips.parent / "elsewhere")
    )
    assert shared_groups(first, second) == ("monday",)
    assert shared_videos(first, second) == ()
