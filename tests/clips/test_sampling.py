"""What a clip is, and which times of a segment it shows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from stillmotion.clips import (
    ClipSpec,
    Rate,
    Window,
    cap_rate,
    choose_rate,
    clips_per_epoch,
    even_windows,
    frame_times,
    pool_times,
    random_window,
)
from stillmotion.errors import UsageError

TWO_SECONDS = ClipSpec(frames=16, rate=8.0)
SPREAD = ClipSpec(frames=16)


# Frames of a window.


def test_a_clip_shows_the_middle_of_each_slot() -> None:
    assert frame_times(ClipSpec(frames=4), (2.0, 4.0)) == pytest.approx([2.25, 2.75, 3.25, 3.75])
    assert frame_times(ClipSpec(frames=1, rate=1.0), (2.0, 4.0)) == pytest.approx([3.0])


def test_a_frozen_clip_repeats_the_middle_of_the_window() -> None:
    assert frame_times(ClipSpec(frames=3, order="frozen"), (2.0, 4.0)).tolist() == [3.0, 3.0, 3.0]


def test_a_shuffled_clip_has_the_same_frames_in_an_order_that_depends_on_the_window_alone() -> None:
    spec = ClipSpec(frames=16, order="shuffled")
    times = frame_times(spec, (2.0, 4.0))
    assert np.array_equal(times, frame_times(spec, (2.0, 4.0)))
    assert np.sort(times) == pytest.approx(frame_times(SPREAD, (2.0, 4.0)))
    assert not np.array_equal(times, np.sort(times))
    assert not np.array_equal(np.argsort(times), np.argsort(frame_times(spec, (2.0, 4.001))))
    assert not np.array_equal(np.argsort(times), np.argsort(frame_times(spec, (2.001, 4.0))))
    assert np.argsort(frame_times(ClipSpec(frames=6, order="shuffled"), (2.0, 4.0))).tolist() == PINNED_SHUFFLE
    assert len(frame_times(spec, (-0.5, 4.0))) == 16  # some files begin before 0 s


PINNED_SHUFFLE = [3, 2, 4, 0, 5, 1]


# Windows for evaluation.


@pytest.mark.parametrize("segment", [(0.0, 2.001), (0.0, 5.0), (3.0, 10.0), (1.0, 61.7)])
def test_even_windows_cover_the_segment_without_a_gap(segment: Window) -> None:
    windows = even_windows(TWO_SECONDS, segment)
    assert (windows[0][0], windows[-1][1]) == pytest.approx(segment)
    assert all(end - start == pytest.approx(2.0) for start, end in windows)
    assert all(first[0] < second[0] <= first[1] + 1e-9 for first, second in pairwise(windows))
    assert len(windows) == np.ceil((segment[1] - segment[0]) / 2)
    steps = [second[0] - first[0] for first, second in pairwise(windows)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_windows_that_fit_exactly_do_not_overlap() -> None:
    assert even_windows(TWO_SECONDS, (0.0, 4.0)) == [(0.0, 2.0), (2.0, 4.0)]
    assert even_windows(ClipSpec(frames=3, rate=10.0), (0.0, 0.9)) == [
        pytest.approx((0.0, 0.3)),
        pytest.approx((0.3, 0.6)),
        pytest.approx((0.6, 0.9)),
    ]


def test_a_limit_on_windows_keeps_the_first_and_the_last() -> None:
    windows = even_windows(TWO_SECONDS, (0.0, 3600.0), max_windows=8)
    assert len(windows) == 8
    assert (windows[0], windows[-1]) == ((0.0, 2.0), (3598.0, 3600.0))
    assert len(even_windows(TWO_SECONDS, (0.0, 5.0), max_windows=8)) == 3


@pytest.mark.parametrize(
    ("spec", "segment"), [(SPREAD, (1.0, 9.0)), (TWO_SECONDS, (1.0, 2.5)), (TWO_SECONDS, (1.0, 3.0))]
)
def test_the_segment_is_the_window_if_clips_are_spread_or_it_is_no_longer_than_a_clip(
    spec: ClipSpec, segment: Window
) -> None:
    assert even_windows(spec, segment) == [segment]


# Windows for training.


@pytest.mark.parametrize("segment", [(0.0, 2.5), (5.0, 9.0), (7.0, 4000.0)])
def test_random_windows_have_the_length_of_a_clip_and_reach_all_of_the_segment(segment: Window) -> None:
    windows = [random_window(TWO_SECONDS, segment, np.random.default_rng(seed)) for seed in range(300)]
    assert all(end - start == pytest.approx(2.0) for start, end in windows)
    starts = np.array([start for start, _ in windows])
    latest = segment[1] - 2.0
    assert segment[0] <= starts.min() < segment[0] + 0.05 * (latest - segment[0])
    assert latest - 0.05 * (latest - segment[0]) < starts.max() <= latest
    assert np.mean((starts - segment[0]) / (latest - segment[0])) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize(("spec", "segment"), [(SPREAD, (5.0, 15.0)), (ClipSpec(rate=1.0), (5.0, 15.0))])
def test_random_windows_of_a_whole_segment_are_trimmed_by_up_to_a_tenth_at_either_end(
    spec: ClipSpec, segment: Window
) -> None:
    windows = np.array([random_window(spec, segment, np.random.default_rng(seed)) for seed in range(300)])
    assert 5.0 <= windows[:, 0].min() < 5.05 and 5.95 < windows[:, 0].max() <= 6.0
    assert 14.0 <= windows[:, 1].min() < 14.05 and 14.95 < windows[:, 1].max() <= 15.0
    assert abs(np.asarray(np.corrcoef(windows.T))[0, 1]) < 0.2  # either end is drawn by itself


def test_random_windows_are_pinned_across_versions() -> None:
    """A recipe and a seed determine what a model sees in training."""
    rng = np.random.default_rng((0, 1, 2))
    assert random_window(SPREAD, (0, 10), rng) == pytest.approx((0.881704, 9.710823))
    assert random_window(TWO_SECONDS, (0, 10), rng) == pytest.approx((6.968289, 8.968289))
    hour = random_window(TWO_SECONDS, (0.0, 3600.0), np.random.default_rng((0, 1, 2)))
    assert hour == pytest.approx((1972.837564, 1974.837564), abs=1e-5)


@pytest.mark.parametrize("segment", [(0.0, 0.5), (0.0, 3.0), (5.0, 9.0), (0.0, 40.0), (0.0, 4000.0)])
@pytest.mark.parametrize("rate", ["spread", 8.0])
def test_the_pool_holds_a_frame_near_each_frame_of_every_random_window(segment: Window, rate: Rate) -> None:
    spec = ClipSpec(frames=8, rate=rate)
    pool = pool_times(spec, segment)
    spread = spec.seconds is None or segment[1] - segment[0] <= spec.seconds
    step = (segment[1] - segment[0]) / 32 if spread else 1 / 16
    for seed in range(60):
        times = frame_times(spec, random_window(spec, segment, np.random.default_rng(seed)))
        assert np.abs(times[:, None] - pool[None, :]).min(1).max() <= step / 2 + 1e-9
    assert np.all(np.diff(pool) > 0)
    assert pool[0] >= segment[0] and pool[-1] <= segment[1] + step
    assert len(pool) < 1000


def test_pools_have_four_times_the_frames_of_a_spread_clip_or_twice_its_rate() -> None:
    assert pool_times(ClipSpec(frames=1), (0.0, 2.0)) == pytest.approx([0.25, 0.75, 1.25, 1.75])
    assert pool_times(ClipSpec(frames=2, rate=2.0), (1.0, 3.0)) == pytest.approx(np.arange(1.0, 3.1, 0.25))


def test_the_pool_of_an_hour_holds_32_places() -> None:
    """Each place is one and a half windows long."""
    pool = pool_times(TWO_SECONDS, (0.0, 3600.0))
    starts = pool[np.flatnonzero(np.diff(pool, prepend=-9.0) > 1.0)]
    assert starts == pytest.approx(np.linspace(0.0, 3597.0, 32))
    assert len(pool) == 32 * 49
    assert len(np.flatnonzero(np.diff(pool_times(TWO_SECONDS, (0.0, 96.0))) > 1.0)) == 0  # 32 places cover 96 s


@pytest.mark.parametrize(
    ("seconds", "clips"), [(1.0, 1), (3.9, 1), (4.0, 2), (5.0, 2), (16.0, 8), (18.0, 8), (3600.0, 8)]
)
def test_an_epoch_has_one_clip_per_window_that_fits_and_8_at_most(seconds: float, clips: int) -> None:
    assert clips_per_epoch(TWO_SECONDS, (10.0, 10.0 + seconds)) == clips
    assert clips_per_epoch(SPREAD, (10.0, 10.0 + seconds)) == 1


# The rate and the spec.


@pytest.mark.parametrize(
    ("durations", "rate"),
    [
        ([2, 3, 2.5, 4], "spread"),
        ([20.0], "spread"),  # two clips of the longest kind
        ([20.1], 1.6),
        ([4.0] * 11 + [16.0] * 9, "spread"),  # up to four times the typical duration
        ([4.0] * 11 + [16.1] * 9, 4.0),
        ([600, 900], 1.6),
        ([5.0] * 5 + [60.0] * 2, 3.2),
        ([7.0] * 5 + [60.0] * 2, 2.29),
        ([0.0, 0.0], "spread"),
        ([0.0] * 90 + [600.0], 1.6),  # images do not count
        ([], "spread"),
    ],
)
def test_short_videos_of_similar_duration_are_spread_and_others_get_a_rate(durations: list[float], rate: Rate) -> None:
    assert choose_rate(durations, 16)[0] == rate


def test_the_choice_of_the_rate_is_explained() -> None:
    assert choose_rate([2, 3, 4], 16)[1] == (
        "rate: spread, 16 frames over each video (trimmed: 2 to 4 s, typically 3 s)"
    )
    assert choose_rate([600, 900, 600], 16)[1] == (
        "rate: 1.6 frames per second, windows of 10 s (long or untrimmed: 600 to 900 s, typically 600 s)"
    )


def test_a_rate_is_not_above_the_videos_own() -> None:
    """Camera traps of one frame per second: 1.6 would show frames twice. 29.97 is as good as 30."""
    assert choose_rate([600, 900], 16, [1.0, 0.5]) == (
        1.0,
        "rate: 1 frames per second, no more than the videos have themselves, instead of 1.6, windows of 16 s "
        "(long or untrimmed: 600 to 900 s, typically 750 s)",
    )
    assert choose_rate([600, 900], 16, [1.0, 25.0])[0] == 1.6
    assert [cap_rate(rate, [29.97, 10]) for rate in (8.0, 30.0, 60.0)] == [8.0, 30.0, 30.0]
    assert cap_rate(60, []) == 60


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"frames": 0}, "frames is 0"),
        ({"rate": 0.0}, "rate is 0"),
        ({"rate": -1}, "rate is -1"),
        ({"rate": 10_000}, "rate is 10000"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"size": 15}, "size is 15x15; the smallest is 16x16"),
        ({"size": (64, 15)}, "size is 64x15"),
        ({"size": (15, 64)}, "size is 15x64"),
    ],
)
def test_a_wrong_spec_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ClipSpec(**wrong)


def test_a_spec_knows_its_sides_and_its_duration() -> None:
    spec = ClipSpec(frames=1, rate=4.0, size=(16, 32))
    assert (spec.height, spec.width, spec.seconds) == (16, 32, 0.25)
    assert (ClipSpec(size=16).height, ClipSpec(size=16).width, ClipSpec(size=16).seconds) == (16, 16, None)
    assert ClipSpec(rate=9_999.0).rate == 9_999.0
    assert (ClipSpec().frames, ClipSpec().rate, ClipSpec().size, ClipSpec().order) == (16, "spread", 64, "forward")
    assert ClipSpec(size=[16, 32]).size == (16, 32)  # type: ignore[arg-type]  # as JSON gives it
