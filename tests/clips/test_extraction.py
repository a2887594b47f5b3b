"""Files to clips: the right frames at the right times, from the cache or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.media import noise, write_video
from stillmotion.clips import (
    ClipSpec,
    augment,
    cached_frames,
    clips_per_epoch,
    open_videos,
    pool_times,
    random_window,
    read_clips,
    trim_cache,
)
from stillmotion.clips.augment import NONE
from stillmotion.data import Video, Videos
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError


@pytest.mark.parametrize("cache", [False, True])
def test_a_clip_is_the_frames_in_the_middle_of_its_slots(tmp_path: Path, cache: bool) -> None:
    frames = noise(16)
    path = write_video(tmp_path / "a.mp4", frames, rate=8)
    spec = ClipSpec(frames=4, rate=4.0, size=(32, 48))
    for _ in range(2):  # the second time perhaps from the cache
        clips = read_clips(path, [(0.0, 1.0), (1.0, 2.0)], spec, cache=cache)
        assert np.array_equal(clips, frames[[1, 3, 5, 7, 9, 11, 13, 15]].reshape(2, 4, 32, 48, 3))


def test_a_video_shorter_than_the_clip_is_spread(tmp_path: Path) -> None:
    frames = noise(2)
    path = write_video(tmp_path / "a.mp4", frames)
    assert np.array_equal(read_clips(path, [(0.0, 0.2)], ClipSpec(frames=4, size=(32, 48)))[0], frames[[0, 0, 1, 1]])


def test_stretches_end_with_the_file_and_the_unusable_are_left_out(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", noise(20))
    (tmp_path / "b.mp4").touch()
    videos = (
        Video("a.mp4", "x", start_seconds=0.5, end_seconds=9.0),
        Video("b.mp4", "x"),
        Video("a.mp4", "x", start_seconds=7.0),
        Video("none.mp4", "x"),
    )
    opened = open_videos(Videos(tmp_path, videos))
    good, bad = opened.segments, opened.skipped
    assert [one.window for one in good] == [pytest.approx((0.5, 2.0))]
    assert [one.video for one in bad] == [*videos[1:]]
    assert "starts at 7 s, but the video ends at 2 s" in bad[1].reason


def test_the_cache_knows_a_changed_file_and_other_wishes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(3))
    before = cached_frames(path, [0.0], 32, 48).images.copy()
    assert cached_frames(path, [0.0], 16, 16).images.shape == (1, 16, 16, 3)
    write_video(path, noise(4, seed=1))
    assert not np.array_equal(cached_frames(path, [0.0], 32, 48).images, before)


def test_a_damaged_entry_is_decoded_anew_and_the_cache_is_trimmed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(3))
    cached_frames(path, [0.0], 32, 48)
    (entry,) = (tmp_path / "cache").glob("*/*")
    for content in (b"", entry.read_bytes()[:-100]):
        entry.unlink()
        entry.write_bytes(content)
        assert np.array_equal(cached_frames(path, [0.0], 32, 48).images[0], noise(1)[0])
    trim_cache(0)
    assert not list((tmp_path / "cache").glob("*/*"))


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", noise(1))
    (tmp_path / "file").touch()
    monkeypatch.setenv("STILLMOTION_CACHE", str(tmp_path / "file"))
    with pytest.raises(StillmotionError, match="STILLMOTION_CACHE"):
        cached_frames(path, [0.0], 16, 16)
    with pytest.raises(UnreadableVideoError, match=r"none\.mp4"):
        cached_frames(tmp_path / "none.mp4", [0.0], 16, 16)


def test_pools_and_long_stretches_are_pinned() -> None:
    assert pool_times(ClipSpec(frames=1), (0.0, 2.0)) == pytest.approx([0.25, 0.75, 1.25, 1.75])
    hour = random_window(ClipSpec(rate=8.0), (0.0, 3600.0), np.random.default_rng((0, 1, 2)))
    assert hour == pytest.approx((1972.837564, 1974.837564), abs=1e-5)
    assert [clips_per_epoch(ClipSpec(rate=8.0), (0.0, s)) for s in (1.0, 5.0, 3600.0)] == [1, 2, 8]


def test_no_augmentation_changes_nothing_and_a_flip_mirrors() -> None:
    clip = noise(3)
    assert np.array_equal(augment(clip, NONE, np.random.default_rng(0)), clip)
    flip = replace(NONE, flip=True)
    found = [augment(clip, flip, np.random.default_rng(seed)) for seed in range(8)]
    mirrored = [np.array_equal(one, clip[:, :, ::-1]) for one in found]
    assert 0 < sum(mirrored) < 8
    assert all(m or np.array_equal(one, clip) for m, one in zip(mirrored, found, strict=True))


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"rate": 0.0}, {"size": 8}, {"size": (64, 8)}])
def test_a_wrong_spec_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        ClipSpec(**wrong)
