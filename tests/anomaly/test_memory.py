"""Memories of what is normal, and scores of distances."""

from __future__ import annotations

import numpy as np
import pytest

from stillmotion.anomaly import memory
from stillmotion.anomaly.frame_scores import CellScales, SmoothedScores, Smoothing
from stillmotion.anomaly.measuring import Floats, Measures
from stillmotion.anomaly.memory import Distances, Memory, MemoryBuilder, MotionStack, _Reservoir, _spread_out

RATE = 8.0
CELLS = 4


def frame(number: int, speed: float = 0.2, look: float = 0.0, *, starts: bool = False) -> Measures:
    """A frame in which each cell moves to the right."""
    flow = np.tile(np.array([speed, 0, speed, 0.01], np.float32), (CELLS, 1))
    return Measures(number / RATE, starts, np.full((CELLS, 3), look, np.float32), np.full(5, look, np.float32), flow)


def steady(seconds: float = 8, speed: float = 0.2) -> Memory:
    """What is normal: parts that move steadily, with some noise."""
    rng, builder, stack = np.random.default_rng(0), MemoryBuilder(), MotionStack(RATE)
    for number in range(round(seconds * RATE)):
        measures = frame(number, speed + rng.normal(0, 0.01), rng.uniform(), starts=number == 0)
        builder.add(measures, stack.push(measures))
    return builder.build()


def motion_distance(memory: Memory, speeds: list[float]) -> float:
    stack, distance = MotionStack(RATE), None
    for number, speed in enumerate(speeds):
        measures = frame(number, speed, starts=number == 0)
        distance = memory.distances(measures, stack.push(measures)).motion
    assert distance is not None
    return float(distance.max())


@pytest.mark.parametrize("speed", [0.0, 0.08, -0.2, 0.46])
def test_stopping_slowness_running_back_and_haste_are_far_from_steady_movement(speed: float) -> None:
    memory = steady()
    usual = motion_distance(memory, [0.2] * 20)
    assert motion_distance(memory, [0.2] * 12 + [speed] * 8) > 5 * usual


def test_distances_are_those_to_the_nearest_entry() -> None:
    rng = np.random.default_rng(0)
    patches, top, motion = (rng.normal(size=size).astype(np.float32) for size in ((30, 3), (20, 5), (CELLS, 10, 16)))
    scale = np.full(16, 2.0, np.float32)
    memory = Memory(patches, top, motion, scale)
    measures = frame(0, look=0.5)
    stack = rng.normal(size=(CELLS, 16)).astype(np.float32)
    found = memory.distances(measures, stack)
    assert found.motion is not None
    np.testing.assert_allclose(found.patches, np.linalg.norm(patches - 0.5, axis=1).min(), rtol=1e-4)
    np.testing.assert_allclose(found.top, np.linalg.norm(top - 0.5, axis=1).min(), rtol=1e-4)
    expected = [np.linalg.norm(motion[cell] - stack[cell] / 2, axis=1).min() for cell in range(CELLS)]
    np.testing.assert_allclose(found.motion, expected, rtol=1e-4)


def test_movement_is_known_after_a_second_and_begins_anew_with_each_recording() -> None:
    stack = MotionStack(RATE)
    known = [stack.push(frame(n, starts=n in (0, 12))) is not None for n in range(24)]
    assert known == [8 <= n < 12 or n >= 20 for n in range(24)]


def test_entries_are_spread_out_over_everything() -> None:
    """Of a hundred equal rows and three others, the others are kept."""
    rows = np.concatenate([np.zeros((100, 2)), np.array([[9, 0], [0, 9], [9, 9]])]).astype(np.float32)
    kept = _spread_out(rows, 4, np.random.default_rng(0))
    assert {tuple(row) for row in kept.tolist()} == {(0, 0), (9, 0), (0, 9), (9, 9)}
    alike = np.zeros((9, 2), np.float32)
    alike[:, 1] = np.arange(9) % 2  # of two kinds
    kept = _spread_out(np.concatenate([alike, rows[100:]]), 8, np.random.default_rng(0))
    assert len(kept) == 8  # no row twice
    assert _spread_out(rows, 200, np.random.default_rng(0)) is rows


def test_a_memory_that_grows_gives_up_no_entry_until_it_has_twice_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("PATCHES", 40), ("TOPS", 20), ("STACKS", 20)):
        monkeypatch.setattr(memory, name, size)
    rng, known = np.random.default_rng(0), steady()
    sizes = []
    for number in range(6):
        builder, stack = MemoryBuilder(number), MotionStack(RATE)
        for second in range(60):
            measures = frame(second, 0.2 * (number + 2), float(10 * number + 10 + rng.uniform()), starts=second == 0)
            builder.add(measures, stack.push(measures))
        grown = builder.build(known)
        far = frame(0, look=10.5 + 10 * number)
        assert grown.distances(far, None).top < known.distances(far, None).top
        if number < 3:
            for name in ("patches", "top"):
                entries = {tuple(row) for row in getattr(grown, name).tolist()}
                assert entries >= {tuple(row) for row in getattr(known, name).tolist()}
        known = grown
        sizes.append((len(known.patches), len(known.top), known.motion.shape[1]))
    assert sizes[0] == (50, 25, 25) and sizes[-1] == (80, 40, 40)


def test_a_clip_without_a_second_of_movement_is_remembered_by_its_look() -> None:
    known, builder = steady(), MemoryBuilder()
    builder.add(frame(0, look=9.0, starts=True), None)
    grown = builder.build(known)
    np.testing.assert_array_equal(grown.motion, known.motion)
    assert grown.distances(frame(0, look=9.0), None).patches.max() < 0.1


def test_candidates_are_a_uniform_sample_however_many_come() -> None:
    counts = np.zeros(20)
    for seed in range(400):
        reservoir = _Reservoir(5, np.random.default_rng(seed))
        for batch in np.arange(20, dtype=np.float32).reshape(4, 5, 1):
            reservoir.add(batch)
        items: Floats = reservoir.items()
        counts[items[:, 0].astype(int)] += 1
    assert counts.sum() == 2000 and counts.min() > 70 and counts.max() < 130  # 100 each, 4 standard errors


def test_an_average_is_unknown_until_it_is_full() -> None:
    """A few frames are noisier than the average that thresholds are made for."""
    smoothing = Smoothing(RATE)
    averages = [smoothing.push(n, starts=n == 0) for n in range(6)]
    assert np.isnan(averages[:3]).all() and averages[3:] == [1.5, 2.5, 3.5]
    assert np.isnan(smoothing.push(7, starts=True))


def test_scores_are_those_of_the_most_unusual_cells() -> None:
    scales = CellScales(np.array([1, 1, 1, 2], np.float32), 10.0, np.ones(4, np.float32))
    scores = SmoothedScores(scales, 2.0)  # one frame is half a second
    quiet = Distances(True, np.array([0, 1, 2, 6], np.float32), 1.0, None)
    assert scores.push(quiet).look == 2.0 and scores.push(quiet).look_cell == 3  # the mean of 1, 2 and 6 / 2
    assert np.isnan(scores.push(quiet).motion)
    moving = Distances(False, np.zeros(4, np.float32), 30.0, np.array([3, 5, 4, 0], np.float32))
    scored = scores.push(moving)
    assert (scored.look, scored.motion, scored.motion_cell) == (3.0, 4.0, 1)
