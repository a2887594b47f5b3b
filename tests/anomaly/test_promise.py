"""Promises about false alarms: how thresholds are chosen, and whether they hold on new recordings."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stillmotion.anomaly.alarms import lasting_peak
from stillmotion.anomaly.promise import (
    HeldOut,
    Threshold,
    choose_threshold,
    count_stretches,
    rate_bound,
    read_promise,
)
from stillmotion.errors import StillmotionError, UsageError

RATE = 4.0
MINUTE = 240  # scores


def recordings(count: int, rng: np.random.Generator, scores: int = MINUTE) -> list[NDArray[np.float64]]:
    """Recordings that differ much more between each other than within: alarms come in clusters."""
    return [abs(rng.standard_t(3)) + rng.exponential(0.2, scores) for _ in range(count)]


@pytest.mark.parametrize(("text", "per_hour"), [("1/hour", 1.0), ("2 / day", 2 / 24), ("0.5/week", 0.5 / 168)])
def test_a_promise_is_a_number_per_time(text: str, per_hour: float) -> None:
    assert read_promise(text).per_hour == pytest.approx(per_hour)


@pytest.mark.parametrize("text", ["1", "0/hour", "-1/hour", "1/month", "one/hour"])
def test_other_promises_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a number of false alarms"):
        read_promise(text)


def test_a_new_recording_alarms_as_rarely_as_promised() -> None:
    """With 19 recordings of a minute and 6 alarms per hour, 1 of 19 may alarm: 2 in 20 of the new ones, or fewer."""
    rng = np.random.default_rng(0)
    held_out = HeldOut(units=19, longest=1, hours=19 / 60)
    alarmed = []
    for _ in range(400):
        *known, new = recordings(20, rng)
        threshold = choose_threshold(known, RATE, held_out, 6.0)
        assert threshold.alarms == 1
        alarmed.append(threshold.level(lasting_peak(new, RATE)) >= 1)
    assert held_out.expected_per_hour(1) / 60 == pytest.approx(2 / 20)
    assert 0.075 < np.mean(alarmed) < 0.125


def test_stretches_of_one_recording_count_together() -> None:
    """Recordings of 15 minutes are alike or not as a whole. Each has 3 stretches: 9 in 4 hours may alarm, not 11."""
    held_out = HeldOut(units=16, longest=3, hours=4.0)
    assert held_out.allowed(3.0) == int(3.0 * 0.25 * 17) - 3
    assert held_out.expected_per_hour(9) == pytest.approx((9 + 3) / 17 / 0.25)
    assert held_out.expected_per_hour(9) <= 3.0 < held_out.expected_per_hour(10)


def test_it_is_said_how_many_recordings_a_promise_takes() -> None:
    held_out = HeldOut(units=6, longest=1, hours=0.5)
    assert held_out.allowed(1.0) < 0
    needed = held_out.units_needed(1.0)
    assert needed == 11
    assert HeldOut(needed, 1, needed / 12).allowed(1.0) == 0 > HeldOut(needed - 1, 1, (needed - 1) / 12).allowed(1.0)


def test_without_enough_footage_no_held_out_recording_alarms() -> None:
    known = recordings(5, np.random.default_rng(1))
    threshold = choose_threshold(known, RATE, HeldOut(5, 1, 5 / 60), 1.0)
    assert threshold.alarms == 0
    assert max(threshold.level(lasting_peak(part, RATE)) for part in known) == pytest.approx(1, abs=0.01)


def test_a_recording_of_11_minutes_has_three_stretches() -> None:
    assert [count_stretches(minutes * MINUTE, RATE) for minutes in (1, 5, 11)] == [1, 1, 3]
    quiet, loud = np.full(11 * MINUTE, 1.0), np.full(11 * MINUTE, 1.0)
    quiet[::7] = 1.1
    loud[:100] = loud[-100:] = 9.0  # in the first stretch and in the last
    assert choose_threshold([quiet, loud], RATE, HeldOut(30, 1, 1.0), 3.2).alarms == 2


def test_what_is_not_known_is_typical() -> None:
    scores = np.array([np.nan, np.nan, 1.0, 2.0, 2.0, 3.0])
    threshold = choose_threshold([scores], RATE, HeldOut(1, 1, 1.0), 1.0)
    assert threshold.typical == 2.0
    assert threshold.level(np.nan) == 0.0 == threshold.level(2.0)


def test_equal_scores_give_a_threshold_above_them() -> None:
    threshold = choose_threshold([np.full(20, 3.0)], RATE, HeldOut(1, 1, 1.0), 1.0)
    assert (threshold.level(3.0), threshold.alarms) == (0.0, 0)


def test_recordings_without_any_score_are_refused() -> None:
    with pytest.raises(StillmotionError, match="too short"):
        choose_threshold([np.full(9, np.nan)], RATE, HeldOut(1, 1, 1.0), 1.0)


def test_a_level_is_0_where_typical_and_1_at_the_threshold() -> None:
    threshold = Threshold(value=5.0, typical=1.0, alarms=0)
    assert [threshold.level(score) for score in (1.0, 3.0, 5.0)] == [0.0, 0.5, 1.0]


def test_no_alarm_in_h_hours_bounds_the_rate_by_3_in_h_hours() -> None:
    assert rate_bound(0, 10.0) == pytest.approx(0.2996, abs=1e-4)  # -log(0.05) / 10
    assert rate_bound(2, 1.0) == pytest.approx(6.296, abs=1e-3)  # a table of Garwood's limits


def test_scores_that_differ_by_rounding_alone_are_not_told_apart() -> None:
    """Of a picture that stands still, each score is about the same."""
    scores = [1 + 1e-4 * np.random.default_rng(number).random(80) for number in range(5)]
    threshold = choose_threshold(scores, 8.0, HeldOut(5, 1, 5 / 360), 1.0)
    assert threshold.level(1.0005) < 0.1
