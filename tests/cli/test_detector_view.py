"""The live view of a detector shows scores, the threshold, the last alarms and what waits."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from helpers.alarms import levels_with_alarms, scores_of
from stillmotion.cli.detector_view import DetectorView
from stillmotion.prediction.alarm_streams import AlarmStreamStats


def show(levels: list[float], stats: AlarmStreamStats | None = None, *, width: int = 80, live: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    view = DetectorView("rtsp://camera/line", stats or AlarmStreamStats(), console, ("look", "motion"), live=live)
    for score in scores_of(levels):
        view.update(score)
    console.file = file = io.StringIO()
    console.print(view)
    return file.getvalue()


def test_it_shows_the_state_the_scores_and_the_last_alarms() -> None:
    text = show(levels_with_alarms(60, *((5 * number, 5 * number + 2) for number in range(1, 9))))
    assert "normal" in text and "rtsp://camera/line" in text and "at 59.9 s" in text
    assert "8 alarms" in text and text.count("row 2, column 5") == 5
    assert text.index("40.0 s") < text.index("35.0 s") and "15.0 s" not in text  # the newest first, five of them
    assert "threshold" in text and "│" in text.split("look")[1].split("motion")[0][10:-10]


def test_an_alarm_that_is_on_is_shown() -> None:
    levels = levels_with_alarms(10, (8, 10))
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    view = DetectorView("0", AlarmStreamStats(), console, ("look", "motion"), live=False)
    for score in list(scores_of(levels))[:-1]:
        view.update(score)
    console.file = file = io.StringIO()
    console.print(view)
    assert "ALARM" in file.getvalue() and "by motion, for 1.8 s" in file.getvalue()


def test_what_waits_and_why_is_shown() -> None:
    stats = AlarmStreamStats(lag_seconds=0.5, frames_per_second=25.2, last_arrival=time.monotonic() - 100)
    stats.undelivered, stats.errors = {"mqtt://broker:1883/a": 2}, {"mqtt://broker:1883/a": "it cannot be reached"}
    text = show([0.0], stats, live=True)
    assert "2 notices wait for mqtt://broker:1883/a: it cannot be reached" in text
    assert "25 frames/s, lag 0.50 s, nothing for 1" in text


@pytest.mark.parametrize("width", [30, 60, 200])
def test_it_fits_a_terminal_of_any_width(width: int) -> None:
    text = show(levels_with_alarms(20, (3, 5)), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "waiting for the first" in show([], width=width)
