"""When a clip's pictures are taken, that one draw varies them all, and that files are decoded once."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.media import write_lossy_video
from stillmotion.clips import (
    Augment,
    ClipSpec,
    augment,
    cache,
    cached_frames,
    choose_rate,
    even_windows,
    frame_times,
    pool_times,
    random_window,
)
from stillmotion.errors import UsageError


def test_a_clip_shows_the_middle_of_each_slot():
    assert frame_times(ClipSpec(frames=4), (2.0, 4.0)) == pytest.approx([2.25, 2.75, 3.25, 3.75])


def test_windows_cover_the_stretch():
    spec = ClipSpec(frames=16, rate=8.0)
    assert even_windows(spec, (0, 5)) == [(0.0, 2.0), (1.5, 3.5), (3.0, 5.0)]
    assert even_windows(spec, (0, 1.5)) == [(0, 1.5)]  # shorter than the clip: spread
    assert even_windows(ClipSpec(), (1, 9)) == [(1, 9)]
    assert len(even_windows(spec, (0, 3600), most=8)) == 8


def test_sampling_is_pinned():
    """These windows must never change: a recipe and a seed determine what is seen."""
    rng = np.random.default_rng((0, 1, 2))
    assert random_window(ClipSpec(), (0, 10), rng) == pytest.approx((PINNED[0], PINNED[1]))
    assert random_window(ClipSpec(rate=8.0), (0, 10), rng) == pytest.approx((PINNED[2], PINNED[3]))


PINNED = (0.881704, 9.710823, 6.968289, 8.968289)


@pytest.mark.parametrize("stretch", [(0.0, 3.0), (5.0, 9.0), (0.0, 4000.0)])
@pytest.mark.parametrize("rate", ["spread", 8.0])
def test_the_pool_holds_what_a_random_window_wants(stretch, rate):
    spec = ClipSpec(frames=8, rate=rate)
    pool = pool_times(spec, stretch)
    step = (stretch[1] - stretch[0]) / 32 if spec.seconds is None or stretch[1] - stretch[0] < 1 else 1 / 16
    for seed in range(20):
        times = frame_times(spec, random_window(spec, stretch, np.random.default_rng(seed)))
        nearest = np.abs(times[:, None] - pool[None, :]).min(1)
        assert nearest.max() <= step
    assert len(pool) < 1000


def test_the_rate_follows_from_the_durations():
    assert choose_rate([2, 3, 2.5, 4], 16)[0] == "spread"
    assert choose_rate([600, 900], 16)[0] == 1.6
    assert choose_rate([0.0], 16)[0] == "spread"
    with pytest.raises(UsageError):
        ClipSpec(rate=-1)


def test_one_draw_for_all_frames():
    clip = np.repeat(np.random.default_rng(0).integers(0, 255, (1, 16, 16, 3), dtype=np.uint8), 5, axis=0)
    varied = augment(clip, Augment(flip=True), np.random.default_rng(1))
    assert not np.array_equal(varied, clip)
    assert (varied == varied[:1]).all()
    assert np.array_equal(varied, augment(clip, Augment(flip=True), np.random.default_rng(1)))


def test_a_file_is_decoded_once(tmp_path, monkeypatch):
    path = write_lossy_video(
        tmp_path / "a.mp4", np.random.default_rng(0).integers(0, 255, (10, 32, 32, 3), dtype=np.uint8)
    )
    first = cached_frames(path, [0.1, 0.5], 16, 16)
    monkeypatch.setattr(cache, "read_frames", lambda *_: pytest.fail("decoded again"))
    again = cached_frames(path, [0.1, 0.5], 16, 16)
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.seconds, again.seconds)
