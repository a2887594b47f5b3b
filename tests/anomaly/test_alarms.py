"""Alarms: how long a level must last, and when an alarm ends."""

from __future__ import annotations

import numpy as np
import pytest

from stillmotion.anomaly.alarms import Alarm, AlarmFinder, Level, lasting_peak

RATE = 8.0  # two frames raise an alarm, eight end it


def find(*kinds: list[float], names: tuple[str, ...] = ("look", "motion")) -> list[Alarm]:
    """The alarms of a recording, whose frames are a second apart in name only: frame n is at n seconds."""
    finder, ended = AlarmFinder(RATE), []
    for second, values in enumerate(zip(*kinds, strict=True)):
        levels = [Level(value, name, (second, 0)) for value, name in zip(values, names, strict=False)]
        ended.append(finder.push(float(second), levels)[1])
    return [alarm for alarm in (*ended, finder.flush()) if alarm]


def test_a_single_frame_raises_no_alarm() -> None:
    assert find([0, 9, 0, 9, 0, 0]) == []


def test_an_alarm_knows_its_times_its_peak_and_where_it_was() -> None:
    assert find([0, 0, 1, 2, 3, 0.8, 0.6] + [0.0] * 9) == [Alarm(2.0, 3.0, 5.0, "look", 3, (4, 0))]


def test_what_goes_down_for_less_than_a_second_is_one_alarm() -> None:
    up, between = [1.5] * 3, [0.0] * 7
    assert len(find([*up, *between, *up])) == 1
    assert len(find([*up, *between, 0.0, *up])) == 2


def test_a_level_above_the_release_keeps_an_alarm() -> None:
    assert find([1.5, 1.5] + [0.7] * 20)[0].end_seconds == 21.0
    assert find([1.5, 1.5] + [0.69] * 20)[0].end_seconds == 1.0
    assert find([1.5, 1.5] + [0.0] * 5 + [0.8] + [0.0] * 5 + [0.8])[0].end_seconds == 13.0  # quiet anew each time


def test_each_kind_must_last_by_itself() -> None:
    """Each has a threshold that keeps its part of the promise."""
    assert find([0, 2, 0, 2], [2, 0, 2, 0]) == []
    assert [alarm.kind for alarm in find([0, 2, 2, 0], [0, 0, 3, 3])] == ["motion"]


def test_the_end_of_a_recording_ends_its_alarm() -> None:
    finder = AlarmFinder(RATE)
    raised = [finder.push(n, [Level(2.0)])[0] for n in range(4)]
    assert [alarm is not None for alarm in raised] == [False, True, False, False]
    ended = finder.flush()
    assert ended is not None and ended.end_seconds == 3
    assert finder.flush() is None
    assert finder.push(4, [Level(2.0)]) == (None, None)  # what went before does not count


@pytest.mark.parametrize("seed", range(20))
def test_a_threshold_above_the_lasting_peak_raises_no_alarm(seed: int) -> None:
    scores = np.random.default_rng(seed).exponential(size=60)
    peak = lasting_peak(scores, RATE)
    assert find(list(scores / (peak * 1.0001))) == []
    assert find(list(scores / peak)) != []


def test_what_is_unknown_or_too_short_has_no_peak() -> None:
    assert lasting_peak(np.array([5.0]), RATE) == -np.inf
    assert lasting_peak(np.array([5.0, np.nan, 7.0]), RATE) == -np.inf
    assert lasting_peak(np.array([np.nan, 5.0, 7.0, 6.0]), RATE) == 6.0
