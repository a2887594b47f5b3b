"""From files to clips: which videos are usable, the right frames at the right times, and each file decoded once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.media import noise, write_video
from stillmotion.clips import (
    ClipSpec,
    cache,
    cached_frames,
    open_videos,
    read_clips,
    thread_map,
    trim_cache,
)
from stillmotion.data import Video, Videos
from stillmotion.errors import StillmotionError, UnreadableVideoError


@pytest.mark.parametrize("cached", [False, True])
def test_a_clip_is_the_frames_in_the_middle_of_its_slots(tmp_path: Path, cached: bool) -> None:
    frames = noise(16)
    path = write_video(tmp_path / "a.mp4", frames, rate=8)
    spec = ClipSpec(frames=4, rate=4.0, size=(32, 48))
    for _ in range(2):  # the second time from the cache, if there is one
        clips = read_clips(path, [(0.0, 1.0), (1.0, 2.0)], spec, cache=cached)
        assert np.array_equal(clips, frames[[1, 3, 5, 7, 9, 11, 13, 15]].reshape(2, 4, 32, 48, 3))
    assert bool(list((tmp_path / "cache").glob("*/*/*"))) == cached


def test_frames_have_the_size_of_the_spec_and_not_of_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(2, 48, 48))
    for cached in (False, True):
        clips = read_clips(path, [(0.0, 0.2)], ClipSpec(frames=2, size=(16, 24)), cache=cached)
        assert (clips.shape, str(clips.dtype)) == ((1, 2, 16, 24, 3), "uint8")


def test_a_video_with_fewer_frames_than_the_clip_repeats_them(tmp_path: Path) -> None:
    frames = noise(2)
    path = write_video(tmp_path / "a.mp4", frames)
    assert np.array_equal(read_clips(path, [(0.0, 0.2)], ClipSpec(frames=4, size=(32, 48)))[0], frames[[0, 0, 1, 1]])


# Opened data sets.


@pytest.fixture
def videos(tmp_path: Path) -> Videos:
    """A video of 2 s, two segments of it of which one starts too late, an empty file, and one that is not there."""
    write_video(tmp_path / "a.mp4", noise(20))
    (tmp_path / "b.mp4").touch()
    return Videos(
        tmp_path,
        (
            Video("a.mp4", "x", start_seconds=0.5, end_seconds=9.0),
            Video("b.mp4", "x"),
            Video("a.mp4", "x", start_seconds=7.0),
            Video("none.mp4", "x"),
            Video("a.mp4", "x", end_seconds=1.5),
            Video("a.mp4", "x"),
        ),
        loose=("c.mp4",),
    )


def test_segments_end_with_the_file_and_unusable_videos_are_skipped_with_the_reason(videos: Videos) -> None:
    opened = open_videos(videos)
    assert opened.root == opened.videos.root == videos.root
    assert [segment.video for segment in opened] == [videos[0], videos[4], videos[5]]
    assert [segment.window for segment in opened] == [pytest.approx(w) for w in [(0.5, 2.0), (0.0, 1.5), (0.0, 2.0)]]
    assert [segment.seconds for segment in opened] == pytest.approx([1.5, 1.5, 2.0])
    assert [skipped.video.path for skipped in opened.skipped] == ["c.mp4", "b.mp4", "a.mp4", "none.mp4"]
    reasons = [skipped.reason for skipped in opened.skipped]
    assert "not in the folder of any label" in reasons[0]
    assert "empty file" in reasons[1]
    assert "the segment starts at 7 s, but the video ends at 2 s" in reasons[2]
    assert "none.mp4: No such file" in reasons[3]


def test_a_segment_without_duration_is_usable(tmp_path: Path) -> None:
    """An image has none; nor has a segment that starts where the video ends."""
    write_video(tmp_path / "a.mp4", noise(20))
    Image.fromarray(noise(1)[0]).save(tmp_path / "b.png")
    opened = open_videos(Videos(tmp_path, (Video("a.mp4", start_seconds=2.0), Video("b.png"))))
    assert [segment.window for segment in opened] == [(2.0, 2.0), (0.0, 0.0)]
    assert [segment.seconds for segment in opened] == [0.0, 0.0]
    assert [segment.file for segment in opened] == [tmp_path / "a.mp4", tmp_path / "b.png"]
    assert [(segment.facts.width, segment.facts.height) for segment in opened] == [(48, 32), (48, 32)]


def test_an_opened_data_set_is_not_opened_again(videos: Videos, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_videos(videos)
    monkeypatch.setattr("stillmotion.clips.extraction.probe", lambda path: pytest.fail("opened again"))
    assert open_videos(opened) is opened
    some = opened.only([videos[5], videos[1]])
    assert ([segment.video for segment in some], len(some), some.skipped) == ([videos[5]], 1, ())
    assert opened.videos.items == (videos[0], videos[4], videos[5])


def test_opening_reports_each_video(videos: Videos) -> None:
    calls: list[tuple[object, ...]] = []
    open_videos(videos, progress=lambda *call: calls.append(call))
    assert calls == [("opening videos", number, 6) for number in range(1, 7)]


def test_results_of_threads_are_in_order_and_an_error_ends_the_work() -> None:
    assert thread_map(lambda number: number * number, range(50)) == [number * number for number in range(50)]
    calls: list[tuple[object, ...]] = []
    thread_map(str, range(3), lambda *call: calls.append(call), "naming")
    assert calls == [("naming", 1, 3), ("naming", 2, 3), ("naming", 3, 3)]
    started: list[int] = []
    blocked = threading.Event()

    def fail(number: int) -> None:
        started.append(number)
        if number == 0:
            raise KeyboardInterrupt
        blocked.wait(0.05)

    with pytest.raises(KeyboardInterrupt):
        thread_map(fail, range(10_000))
    assert len(started) < 1000


# The cache.


def test_a_file_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", noise(10))
    first = cached_frames(path, [0.1, 0.5], 16, 16)
    monkeypatch.setattr(cache, "read_frames", lambda *arguments: pytest.fail("decoded again"))
    again = cached_frames(path, [0.1, 0.5], 16, 16)
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.seconds, again.seconds)


def test_other_times_another_size_and_a_changed_file_are_other_entries(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(3))
    before = cached_frames(path, [0.0], 32, 48).images.copy()
    for height, width in ((16, 48), (32, 16), (16, 16)):
        assert cached_frames(path, [0.0], height, width).images.shape == (1, height, width, 3)
    assert cached_frames(path, [0.1], 32, 48).seconds == pytest.approx([0.1])
    entries = len(list((tmp_path / "cache").glob("*/*/*")))
    cached_frames(path, np.array([0.1]), 32, 48)
    assert len(list((tmp_path / "cache").glob("*/*/*"))) == entries == 5
    write_video(path, noise(4, seed=1))
    assert not np.array_equal(cached_frames(path, [0.0], 32, 48).images, before)


def test_a_file_of_the_same_name_size_and_age_elsewhere_is_another_entry(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        write_video(tmp_path / name / "x.mkv", noise(1, seed=seed))
    sizes = [(tmp_path / name / "x.mkv").stat().st_size for name in "ab"]
    for name in "ab":
        with (tmp_path / name / "x.mkv").open("ab") as file:
            file.write(b"\0" * (max(sizes) - (tmp_path / name / "x.mkv").stat().st_size))
        os.utime(tmp_path / name / "x.mkv", (1, 1))
    first, second = (cached_frames(tmp_path / name / "x.mkv", [0.0], 32, 48).images for name in "ab")
    assert np.array_equal(first[0], noise(1)[0])
    assert np.array_equal(second[0], noise(1, seed=1)[0])


def test_a_file_that_changed_at_the_same_size_is_decoded_again(tmp_path: Path) -> None:
    """Only its time of change tells."""
    path = tmp_path / "a.mkv"
    contents = [write_video(tmp_path / f"{seed}.mkv", noise(1, seed=seed)).read_bytes() for seed in (0, 1)]
    size = max(map(len, contents))
    for seed, content in enumerate(contents):
        path.write_bytes(content.ljust(size, b"\0"))
        os.utime(path, ns=(10**18, 10**18 + 1000 * seed))
        assert np.array_equal(cached_frames(path, [0.0], 32, 48).images[0], noise(1, seed=seed)[0])


def test_a_folder_of_frames_is_decoded_again_if_a_frame_changes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number in range(4):
        Image.fromarray(noise(1, seed=number)[0]).save(tmp_path / "a" / f"{number}.png")
    folder = tmp_path / "a@2fps"
    spec = ClipSpec(frames=2, rate=1.0, size=(32, 48))
    for changed in (0, 7):
        Image.fromarray(noise(1, seed=changed)[0]).save(tmp_path / "a" / "1.png")
        (clip,) = read_clips(folder, [(0.0, 2.0)], spec, cache=True)
        assert np.array_equal(clip, np.concatenate([noise(1, seed=changed), noise(1, seed=3)]))


def test_a_damaged_entry_is_decoded_again(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(3))
    cached_frames(path, [0.0], 32, 48)
    (entry,) = (tmp_path / "cache").glob("*/*/*")
    for content in (b"", entry.read_bytes()[:-100]):
        entry.unlink()
        entry.write_bytes(content)
        assert np.array_equal(cached_frames(path, [0.0], 32, 48).images[0], noise(1)[0])


def test_the_cache_is_trimmed_to_the_entries_used_last(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(3))
    for age, at in ((30, 0.0), (20, 0.1), (10, 0.2)):
        before = set((tmp_path / "cache").glob("*/*/*"))
        cached_frames(path, [at], 32, 48)
        (entry,) = set((tmp_path / "cache").glob("*/*/*")) - before
        os.utime(entry, (1e9 - age, 1e9 - age))
    size = entry.stat().st_size
    cached_frames(path, [0.0], 32, 48)  # the oldest entry is used once more
    trim_cache(3 * size)
    assert len(list((tmp_path / "cache").glob("*/*/*"))) == 3
    trim_cache(size)
    (kept,) = (tmp_path / "cache").glob("*/*/*")
    assert kept.stat().st_mtime > 1e9
    trim_cache(0)
    assert not list((tmp_path / "cache").glob("*/*/*"))


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", noise(1))
    (tmp_path / "file").touch()
    monkeypatch.setenv("STILLMOTION_CACHE", str(tmp_path / "file"))
    with pytest.raises(StillmotionError, match="STILLMOTION_CACHE"):
        cached_frames(path, [0.0], 16, 16)
    with pytest.raises(UnreadableVideoError, match=r"none\.mp4"):
        cached_frames(tmp_path / "none.mp4", [0.0], 16, 16)


def test_the_cache_lies_in_the_users_cache_folder_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STILLMOTION_CACHE")
    assert cache.cache_folder().parts[-1] == "stillmotion"


def test_a_single_file_is_opened_without_a_thread() -> None:
    """Memory grows by some kilobytes with each thread that FFmpeg was used in: a service opens one file per request."""
    (thread,) = thread_map(lambda _: threading.current_thread(), ["a.mp4"])
    assert thread is threading.current_thread()
