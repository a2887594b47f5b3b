"""Frames that arrive one by one are resampled as a whole file is."""

from __future__ import annotations

import numpy as np
import pytest

from stillmotion.clips.resampling import FrameResampler
from stillmotion.decoding import Seconds, index_shown_at


def resample(
    seconds: list[float], rate: float, start: float = 0.0, end: float | None = None
) -> list[tuple[float, int]]:
    """The end of each slot and the number of its frame."""
    resampler = FrameResampler[int](rate, start)
    slots = [slot for number, second in enumerate(seconds) for slot in resampler.push(second, number)]
    return slots + ([] if end is None else list(resampler.flush(end)))


def test_a_slot_has_the_last_frame_that_began_by_its_middle() -> None:
    """As drawn in the docstring: slots of 1 s with their middles at 0.5, 1.5 and 2.5 s."""
    frames = {"a": 0.0, "b": 0.3, "c": 0.8, "d": 1.3, "e": 2.1, "f": 2.6}
    slots = resample(list(frames.values()), 1.0)
    assert [(end, "abcdef"[number]) for end, number in slots] == [(1.0, "b"), (2.0, "d"), (3.0, "e")]


@pytest.mark.parametrize("start", [0.0, 7.25])
@pytest.mark.parametrize("rate", [2.0, 9.7, 30.0])
@pytest.mark.parametrize("seed", range(5))
def test_every_slot_comes_once_with_the_frame_that_a_whole_file_gives(rate: float, start: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    seconds: Seconds = start + np.cumsum(np.append(0.0, rng.exponential(0.1, 60)))
    end = float(seconds[-1]) + 0.5
    slots = resample(seconds.tolist(), rate, start, end)
    count = int((end - start) * rate + 1e-6)
    assert [slot_end for slot_end, _ in slots] == pytest.approx([start + (n + 1) / rate for n in range(count)])
    middles = start + (np.arange(count) + 0.5) / rate
    assert [number for _, number in slots] == index_shown_at(seconds, middles.tolist()).tolist()


def test_a_frame_that_begins_at_the_middle_belongs_to_the_slot() -> None:
    """Also if rounding puts it half a millisecond later."""
    for begin in (0.5, 0.5004):
        assert resample([0.0, begin, 1.2], 1.0) == [(1.0, 1)]
    assert resample([0.0, 0.501], 1.0) == [(1.0, 0)]


def test_nothing_comes_before_the_first_frame_and_slots_before_it_have_it() -> None:
    assert resample([], 1.0, end=5.0) == []
    assert resample([2.2], 1.0) == []
    assert resample([2.2, 2.7], 1.0) == [(1.0, 0), (2.0, 0), (3.0, 0)]


def test_the_end_fills_whole_slots_and_no_further() -> None:
    assert resample([0.0], 4.0, end=0.74) == [(0.25, 0), (0.5, 0)]
    assert resample([0.0], 4.0, end=0.75) == [(0.25, 0), (0.5, 0), (0.75, 0)]
    assert resample([0.0, 0.9], 4.0, end=0.5) == [(0.25, 0), (0.5, 0), (0.75, 0), (1.0, 0)]
    assert resample([10.0], 4.0, start=10.0, end=10.5) == [(10.25, 0), (10.5, 0)]


@pytest.mark.parametrize("start", [0.0, 3.0])
def test_due_tells_how_many_slots_a_frame_would_end(start: float) -> None:
    resampler = FrameResampler[str](4.0, start)
    assert resampler.due(start + 9.0) == 0  # before the first frame
    assert list(resampler.push(start, "a")) == []
    for after in (0.05, 0.3, 1.0, 1.1, 2.45):
        due = resampler.due(start + after)
        assert len(list(resampler.push(start + after, "b"))) == due
    assert resampler.due(start) == 0
