"""The rendered line: its stations repeat at one rhythm while parts pass by at another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from helpers.machines import RATE, store
from stillmotion.anomaly.alarms import Alarm, AlarmFinder, Level
from stillmotion.anomaly.cycle import CycleScorer
from stillmotion.anomaly.cycles import LearnedCycles, learn_cycles
from stillmotion.anomaly.measuring import Measures
from stillmotion.anomaly.promise import Threshold, choose_threshold, count_held_out
from stillmotion.demo.labels import BEAT_SECONDS
from stillmotion.demo.line import Happening, draw_line, render_recording

SHIFT = draw_line(0)
LEARNED, SECONDS, START = 5, 36.0, 12.0


def measure(seconds: float, seed: int, planned: Sequence[Happening] = ()) -> Iterator[Measures]:
    """Means of colors instead of a backbone's features: two of three frames, on a grid of 7 x 7."""
    flow, top = np.zeros((49, 4), np.float32), np.zeros(3, np.float32)
    frames = render_recording(SHIFT, seconds, planned, np.random.default_rng((7, seed)))
    shown = (picture for number, (picture, _) in enumerate(frames) if number % 3 != 1)
    for number, picture in enumerate(shown):
        blocks = picture[:112, :154].reshape(14, 8, 14, 11, 3).mean(axis=(1, 3)).astype(np.float32)
        patches = blocks.reshape(7, 2, 7, 2, 3).swapaxes(1, 2).reshape(49, 12)
        yield Measures((number + 1) / RATE, number == 0, patches, top, flow)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[LearnedCycles, Threshold]:
    folder = tmp_path_factory.mktemp("line")
    measured = [store(folder, seed, list(measure(SECONDS, seed))) for seed in range(LEARNED)]
    found = learn_cycles(measured, [np.full(part.frames, n, np.intp) for n, part in enumerate(measured)], RATE)
    frames = [part.frames for part in measured]
    held_out = count_held_out([part.recording.group for part in measured], frames, RATE, by_stretch=False)
    return found, choose_threshold(found.scores, RATE, held_out, 1.0)


def alarms(learned: tuple[LearnedCycles, Threshold], planned: Sequence[Happening]) -> list[Alarm]:
    scorer, finder = CycleScorer(learned[0].regions, RATE), AlarmFinder(RATE)
    raised = []
    for one in measure(22.0, 50, planned):
        level = learned[1].level(scorer.push(one)[0])
        raised.append(finder.push(one.seconds, [Level(level, "cycle")])[0])
    return [alarm for alarm in raised if alarm]


def test_the_rhythm_of_the_stations_is_found(learned: tuple[LearnedCycles, Threshold]) -> None:
    periods = [cycle.period_seconds for cycle in learned[0].cycles]
    assert any(period == pytest.approx(3 * BEAT_SECONDS, rel=0.04) for period in periods), learned[0].note


@pytest.mark.parametrize("fault", ["lamp-first", "press-missing"])
def test_faults_of_sequence_are_found_within_a_cycle(learned: tuple[LearnedCycles, Threshold], fault: str) -> None:
    found = alarms(learned, [Happening(fault, START, START + 6)])
    assert found and START < found[0].raised_seconds < START + 2 * 3 * BEAT_SECONDS
    assert found[0].peak >= 1


def test_a_normal_recording_has_no_alarm(learned: tuple[LearnedCycles, Threshold]) -> None:
    assert alarms(learned, []) == []
