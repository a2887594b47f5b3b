"""A scene that changes slowly is said once; normal footage, and what lasts for moments, is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stillmotion.anomaly.scene import SceneLimits, SceneWatch, learn_scene_limits

RATE = 4.0
MINUTE = 240


def recordings(count: int = 10, seed: int = 0, length: int = MINUTE) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    rng = np.random.default_rng(seed)
    return [1 + rng.normal(0, 0.05) + rng.exponential(0.3, length) for _ in range(count)]


def limits(**more: Any) -> SceneLimits:
    known = {"look": recordings(), "motion": recordings(seed=1)}
    found = learn_scene_limits(known, RATE, more.get("recordings", 10))
    assert found is not None
    return found


def said(look: Any, motion: Any = None) -> list[int]:
    watch = SceneWatch(limits(), RATE)
    motion = np.ones(len(look)) if motion is None else motion
    return [number for number, scores in enumerate(zip(look, motion, strict=True)) if watch.push(*scores)]


def test_a_slow_change_is_said_once_when_it_has_lasted() -> None:
    """The median is taken over a minute, as long as recordings last, and must stay up for three."""
    change = np.concatenate([recordings(1, 5)[0], *(part + 1.0 for part in recordings(5, 6))])
    (moment,) = said(change)
    assert 3 * MINUTE < moment - MINUTE < 3.7 * MINUTE
    (moment,) = said(np.ones(len(change)), change)
    assert moment > MINUTE


def test_a_day_of_normal_footage_is_not_said() -> None:
    assert said(np.concatenate(recordings(100, 7))) == []


def test_a_fault_that_lasts_for_less_than_half_a_minute_is_not_said() -> None:
    parts = recordings(20, 8)
    for part in parts[::4]:
        part[:100] += 20
    assert said(np.concatenate(parts)) == []


def test_a_change_that_ends_is_not_said() -> None:
    usual = recordings()
    up = [part + 1.0 for part in usual[:4]]
    assert said(np.concatenate([*usual, *up[:2], *usual])) == []
    assert len(said(np.concatenate([*usual, *up, *usual]))) == 1


def test_the_limit_is_above_all_held_out_recordings() -> None:
    known = limits()
    highest = [np.median(part) for part in recordings()]
    assert known.seconds == 60
    assert known.look == pytest.approx(max(highest) + 0.5 * (max(highest) - np.median(highest)))


def test_medians_of_a_long_recording_are_over_five_minutes() -> None:
    long = recordings(6, 2, 30 * MINUTE)
    long[0][: 2 * MINUTE] += 5  # less than half of five minutes
    found = learn_scene_limits({"look": long, "motion": long}, RATE, 6)
    assert found is not None and found.seconds == 300 and found.look < 2
    long[0][: 4 * MINUTE] += 5
    found = learn_scene_limits({"look": long, "motion": long}, RATE, 6)
    assert found is not None and found.look > 4


def test_nothing_is_said_of_few_recordings_or_unknown_scores() -> None:
    few = recordings(4)
    assert learn_scene_limits({"look": few, "motion": few}, RATE, 4) is None
    unknown = [np.full(MINUTE, np.nan)] * 9
    assert learn_scene_limits({"look": unknown, "motion": unknown}, RATE, 9) is None
    watch = SceneWatch(None, RATE)
    assert not any(watch.push(99.0, 99.0) for _ in range(5 * MINUTE))
    watch = SceneWatch(limits(), RATE)
    assert not any(watch.push(np.nan, np.nan) for _ in range(5 * MINUTE))


def test_what_is_kept_does_not_grow() -> None:
    watch = SceneWatch(limits(), RATE)
    for score in np.concatenate(recordings(10, 3)):
        watch.push(score, score)
    assert {len(recent) for recent in watch._recent.values()} == {MINUTE}
