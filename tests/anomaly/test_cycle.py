"""Machines that repeat: their rhythms, what is unusual in them, and when no cycle is used."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.machines import BELT, CYCLE, MACHINE, RATE, noise, show, steps_for, store
from stillmotion.anomaly import cycles
from stillmotion.anomaly.alarms import lasting_peak
from stillmotion.anomaly.arrays import Learned, pack, unpack
from stillmotion.anomaly.cycle import CycleScorer, CycleTracker, region_features
from stillmotion.anomaly.cycle_fitting import _first_guess
from stillmotion.anomaly.cycles import LearnedCycles, learn_cycles
from stillmotion.anomaly.frame_scores import CellScales
from stillmotion.anomaly.measuring import Measures
from stillmotion.anomaly.memory import Memory
from stillmotion.anomaly.rhythm import autocorrelation, find_rhythms

SECONDS = 40


def folds(measured: Any) -> list[Any]:
    return [np.full(part.frames, number % 5, np.intp) for number, part in enumerate(measured)]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> LearnedCycles:
    folder = tmp_path_factory.mktemp("machine")
    measured = [store(folder, number, show(steps_for(SECONDS), number)) for number in range(5)]
    return learn_cycles(measured, folds(measured), RATE)


def levels(learned: LearnedCycles, measures: list[Measures]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """1 is what held-out normal footage does not exceed."""
    scorer = CycleScorer(learned.regions, RATE)
    return np.array([scorer.push(one)[0] for one in measures]) / max(
        lasting_peak(part, RATE) for part in learned.scores
    )


def test_each_part_of_the_picture_has_a_rhythm_of_its_own(learned: LearnedCycles) -> None:
    found = {cycle.cells: cycle.period_seconds for cycle in learned.cycles}
    assert set(found) == {tuple(MACHINE), tuple(BELT)}
    assert found[tuple(MACHINE)] == pytest.approx(2.0, rel=0.04)
    assert found[tuple(BELT)] == pytest.approx(11 / RATE, rel=0.04)
    assert all(cycle.phase_error < 0.03 for cycle in learned.cycles)
    assert learned.note.startswith("cycles of ") and " s and " in learned.note


@pytest.mark.parametrize(
    ("name", "changed"), [("missed", "A C "), ("doubled", "AAC "), ("swapped", "BAC "), ("repeated", "ABCABCA ")]
)
def test_steps_that_are_missed_doubled_or_swapped_are_unusual(learned: LearnedCycles, name: str, changed: str) -> None:
    """Each of them looks as it always does."""
    level = levels(learned, show(steps_for(SECONDS, {9: changed}), 50))
    begins = 9 * 2.0
    raised = np.flatnonzero(level >= 1) / RATE
    assert len(raised) and begins - 1 < raised[0] < begins + 4, name
    assert np.nanmax(level) > 1.5
    assert np.nanmax(level[: round((begins - 1) * RATE)]) < 1.2


def test_a_cycle_that_takes_longer_or_less_long_is_unusual(learned: LearnedCycles) -> None:
    for frames in (3.4, 4.9):
        pace = [4.0] * 40 + [frames] * 40
        level = levels(learned, show(CYCLE * 20, 51, step_frames=pace))
        assert np.nanmax(level[:150]) < 1.2 < lasting_peak(level[150:], RATE), frames


def test_the_most_unusual_cell_is_one_of_the_machine(learned: LearnedCycles) -> None:
    scorer = CycleScorer(learned.regions, RATE)
    scored = [scorer.push(one) for one in show(steps_for(SECONDS, {9: "BAC "}), 52)]
    score, cell = max((score, cell) for score, cell in scored if not np.isnan(score))
    assert score > 1 and cell in MACHINE


def test_new_normal_footage_is_usual(learned: LearnedCycles) -> None:
    """What it takes to be unusual comes from five recordings, so a new one may exceed it a little."""
    assert max(np.nanmax(levels(learned, show(steps_for(SECONDS), seed))) for seed in range(60, 66)) < 1.2


def test_nothing_is_known_for_two_cycles_and_in_each_new_recording(learned: LearnedCycles) -> None:
    (machine,) = (region for region in learned.regions if tuple(region.cells) == tuple(MACHINE))
    scorer = CycleScorer([machine], RATE)
    twice = [scorer.push(one)[0] for one in 2 * show(steps_for(10), 53)]
    unknown = np.flatnonzero(np.isnan(twice))
    first = machine.window - 1 + 3  # and half a second for the average
    length = len(twice) // 2
    assert unknown.tolist() == [*range(first), *range(length, length + first)]


def test_no_more_is_kept_than_two_cycles(learned: LearnedCycles) -> None:
    tracker = CycleTracker(learned.regions[0])
    features = np.zeros(learned.regions[0].pictures.shape[1], np.float32)
    for _ in range(500):
        tracker.push(features)
    assert len(tracker._recent) == tracker.region.window and not tracker._waiting


def test_a_slow_cycle_is_looked_at_every_few_frames(tmp_path: Path) -> None:
    """20 seconds, 160 frames: each of 40 samples is four of them."""
    measured = [store(tmp_path, n, show(CYCLE * 10, n, step_frames=40)) for n in range(5)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cycles, "LEAST_CYCLES", 20)
        found = learn_cycles(measured, folds(measured), RATE)
    (slow,) = (region for region in found.regions if tuple(region.cells) == tuple(MACHINE))
    assert slow.stride == 4 and slow.period * 4 == pytest.approx(160, rel=0.04)
    level = levels(found, show("ABC " * 5 + "A C " + "ABC " * 4, 54, step_frames=40))
    missed = round(5.25 * 160)
    assert np.nanmax(level[: missed - 16]) < 1.2 < lasting_peak(level[missed : missed + 60], RATE)


def test_footage_without_a_rhythm_has_no_cycle(tmp_path: Path) -> None:
    measured = [store(tmp_path, number, noise(320, number)) for number in range(5)]
    found = learn_cycles(measured, folds(measured), RATE)
    assert (found.regions, found.cycles, found.held_out, found.scores) == ((), (), {}, [])
    assert found.note == "no cycle: nothing in the picture repeats"


def test_a_cycle_whose_phase_is_told_badly_is_left_out(tmp_path: Path) -> None:
    """The machine now and then goes through its cycle more quickly or waits, which is normal for it."""
    rng = np.random.default_rng(0)
    pace = [list(np.repeat(rng.uniform(2.6, 5.4, 25), len(CYCLE))) for _ in range(5)]
    measured = [store(tmp_path, n, show(CYCLE * 25, n, step_frames=pace[n])) for n in range(5)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stillmotion.anomaly.rhythm.PROMINENCE", 0.1)
        patch.setattr("stillmotion.anomaly.rhythm.SAME_PERIOD", 0.2)
        found = learn_cycles(measured, folds(measured), RATE)
    assert tuple(MACHINE) not in {cycle.cells for cycle in found.cycles}


def test_it_is_said_how_badly_a_phase_is_told(learned: LearnedCycles, tmp_path: Path) -> None:
    measured = [store(tmp_path, number, show(steps_for(SECONDS), number)) for number in range(5)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cycles, "MOST_ERROR", 0.001)
        found = learn_cycles(measured, folds(measured), RATE)
    assert found.note.startswith("no cycle: a rhythm of ") and "its phase is off by " in found.note


def test_few_repetitions_are_no_cycle(tmp_path: Path) -> None:
    measured = [store(tmp_path, number, show(steps_for(8), number)) for number in range(5)]
    note = learn_cycles(measured, folds(measured), RATE).note
    assert note.startswith("no cycle: ") and "30 are the least to learn from" in note


def test_held_out_cycles_come_from_the_other_folds(tmp_path: Path) -> None:
    """The last recording's machine looks different: only what was learned without it does not know that."""
    measured = [store(tmp_path, number, show(steps_for(SECONDS), number)) for number in range(5)]
    odd = [one._replace(patches=one.patches + np.float32(0.8)) for one in show(steps_for(SECONDS), 4)]
    measured[4] = store(tmp_path, 4, odd)
    found = learn_cycles(measured, folds(measured), RATE)
    assert set(found.held_out) == {0, 1, 2, 3, 4}
    medians = [np.nanmedian(part) for part in found.scores]
    assert medians[4] > 1.5 * max(medians[:4])


def test_regions_survive_a_file(learned: LearnedCycles) -> None:
    one = np.ones(1, np.float32)
    arrays = pack(Learned(Memory(one, one, one, one), CellScales(one, 1.0, one), learned.regions), "fold3_")
    again = unpack({name.removeprefix("fold3_"): array for name, array in arrays.items()}).cycles
    measures = show(steps_for(12), 55)
    scores = [
        [scorer.push(one)[0] for one in measures] for scorer in (CycleScorer(r, RATE) for r in (learned.regions, again))
    ]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_an_autocorrelation_is_1_at_the_period_of_what_repeats_exactly() -> None:
    wave = np.tile(np.random.default_rng(0).normal(size=(10, 2, 3)), (8, 1, 1))
    values = autocorrelation(wave, 40)
    assert values[:, 0] == pytest.approx(1) and values[:, 10] == pytest.approx(1, abs=0.02)
    assert np.isnan(values[:, 21:]).all() and not np.isnan(values[:, :21]).any()  # four periods are the least
    (found,) = find_rhythms([values])
    assert found.period == pytest.approx(10, abs=0.3) and found.cells == (0, 1)


def test_region_features_are_those_of_its_cells() -> None:
    patches = np.arange(2 * 3 * 2, dtype=np.float16).reshape(2, 3, 2)
    assert region_features(patches, [0, 2]).tolist() == [[0, 1, 4, 5], [6, 7, 10, 11]]


def test_a_rhythm_that_is_not_known_yet_leaves_the_others_as_they_are(
    learned: LearnedCycles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thresholds come from what is known, so what is used has to."""
    region = learned.regions[0]
    scorer = CycleScorer([region, region], 8.0)
    monkeypatch.setattr(scorer._smoothings[0], "push", lambda value, starts: 3.0)
    monkeypatch.setattr(scorer._smoothings[1], "push", lambda value, starts: float("nan"))
    for tracker in scorer._trackers:
        monkeypatch.setattr(tracker, "push", lambda _: SimpleNamespace(distance=1.0, speed=0.0, cell=0))
    side = max(region.cells) + 1
    cells = np.zeros((side, 4), np.float32)
    measures = Measures(0.0, False, cells, cells[0], cells)
    assert scorer.push(measures)[0] == 3.0


def test_the_first_guess_of_a_cycle_is_not_a_picture_that_stands_still() -> None:
    """A camera that hung for one recording would else hide the cycle of all others."""
    still, moving = np.ones((40, 2), np.float32), np.sin(np.arange(80)[:, None] / 10 * 2 * np.pi + np.arange(2))
    part, _ = _first_guess([still, moving.astype(np.float32)], 10.0, 8)
    assert part.std() > 0.5


def test_nothing_is_a_rhythm_of_no_footage() -> None:
    assert find_rhythms([]) == []
