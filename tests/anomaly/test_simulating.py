"""Simulate faults on small videos: what is held out, what is resumed, and what the verdict rests on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import stillmotion as sm
from helpers.backbones import write_backbone
from helpers.media import write_video
from stillmotion.anomaly import memory, simulating
from stillmotion.anomaly.alarms import Alarm
from stillmotion.anomaly.detector import Detector
from stillmotion.anomaly.faults import FAULTS, FaultyScene
from stillmotion.anomaly.footage import Recording, find_recordings
from stillmotion.anomaly.planning import Stretch, find_stretches, plan_tasks
from stillmotion.anomaly.simulated_faults import SimulatedFault
from stillmotion.anomaly.simulation import FaultSimulation, decide_by_faults
from stillmotion.anomaly.trying import FaultTrial, is_located

pytestmark = pytest.mark.backend
RATE, SECONDS = 8, 16
FEW = ("stop", "part added", "color change")


def write_belt(path: Path, *, seconds: float = SECONDS, seed: int = 0) -> Path:
    """Squares that move to the right."""
    rng = np.random.default_rng(seed)
    pictures = np.full((round(seconds * RATE), 64, 64, 3), 60, np.uint8)
    for number, picture in enumerate(pictures):
        for first in (8 * seed + 3 * number, 8 * seed + 3 * number + 32):
            picture[20:44, (first + np.arange(16)) % 64] = (220, 200, 90)
        picture += rng.integers(0, 6, picture.shape, dtype=np.uint8)
    return write_video(path, pictures, rate=RATE)


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Fewer entries and faults than usual, which is quicker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "PATCHES", 300)
        few = {name: replace(FAULTS[name], strengths=dict(list(FAULTS[name].strengths.items())[-1:])) for name in FEW}
        for module in ("planning", "simulating", "simulation"):
            patch.setattr(f"stillmotion.anomaly.{module}.FAULTS", few)
        yield


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("normal")
    for number in range(4):
        write_belt(folder / f"belt{number}.mp4", seed=number)
    return folder


@pytest.fixture(scope="module")
def detector(normal: Path, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    keras.utils.set_random_seed(1)
    backbone = write_backbone(tmp_path_factory.mktemp("backbone"))
    return sm.fit_anomaly_detector(normal, out=tmp_path_factory.mktemp("fitted") / "detector", backbone=backbone)


@pytest.fixture(scope="module")
def simulation(detector: Detector, normal: Path) -> FaultSimulation:
    return sm.simulate_faults(detector, normal, per_fault=4, out=detector.folder.parent / "simulation")


def test_a_stop_is_found_by_motion_and_each_fault_is_put_into_each_recording(simulation: FaultSimulation) -> None:
    assert sorted((fault.fault, fault.recording) for fault in simulation.faults) == sorted(
        (name, f"belt{number}.mp4") for name in FEW for number in range(4)
    )
    stops = [fault for fault in simulation.faults if fault.fault == "stop"]
    assert all(fault.motion_delay_seconds is not None and fault.motion_delay_seconds < 2 for fault in stops)
    assert all(fault.end_seconds - fault.start_seconds == 4 and fault.located is None for fault in stops)
    assert all(fault.motion_peak > fault.look_peak for fault in stops)
    for fault in simulation.faults:
        alone = [d for d in (fault.look_delay_seconds, fault.motion_delay_seconds) if d is not None]
        assert fault.delay_seconds == (min(alone) if alone else None)


def test_an_alarm_is_located_if_its_cell_is_in_the_fault_or_next_to_it() -> None:
    """The box is the cell in row 3 and column 3 of 7 x 7 after 2 seconds; before, the fault was in the corner."""
    inside = (3.1 / 7, 3.1 / 7, 3.9 / 7, 3.9 / 7)
    times = np.array([2.0, 4.0])
    made = FaultyScene(times, np.zeros(2, np.intp), 1.0, 5.0, {}, {0: (0.0, 0.0, 0.1, 0.1), 1: inside})
    cells = (((3, 3), 2.0, True), ((2, 4), 2.0, True), ((1, 3), 2.0, False), ((0, 0), 2.0, False), ((0, 0), 0.5, True))
    for cell, seconds, located in cells:
        alarm = Alarm(seconds, seconds + 0.5, seconds + 0.5, "look", 2.0, cell)
        assert is_located(alarm, made, 1.5, 7) is located, cell
    assert is_located(None, made, 1.5, 7) is None
    assert is_located(alarm, FaultyScene(times, made.shown, 1.0, 5.0), 1.5, 7) is None


def test_the_same_seed_gives_the_same_simulation(detector: Detector, normal: Path, simulation: FaultSimulation) -> None:
    assert sm.simulate_faults(detector, normal, per_fault=4).faults == simulation.faults
    other = sm.simulate_faults(detector, normal, per_fault=4, seed=1)
    assert other.faults != simulation.faults


def test_recordings_are_scored_by_a_memory_that_has_not_seen_them(
    detector: Detector, normal: Path, tmp_path: Path
) -> None:
    write_belt(tmp_path / "new.mp4", seed=9)
    stretches, _ = find_stretches(detector, [*find_recordings(normal), *find_recordings(tmp_path)])
    assert [stretch.fold for stretch in stretches] == [0, 1, 2, 3, None]
    trial = FaultTrial(detector)
    for stretch in stretches:
        _, scene = simulating._read_scene(stretch, trial, np.random.default_rng(0))
        used = trial.begin(scene, stretch.fold).detector.memory
        expected = detector if stretch.fold is None else detector.without_fold(stretch.fold)
        assert np.array_equal(used.patches, expected.memory.patches)


def test_an_interrupted_simulation_goes_on_and_gives_the_same(
    detector: Detector, normal: Path, simulation: FaultSimulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    try_faults = simulating._try_faults

    def interrupted(trial: Any, task: Any, seed: int) -> Any:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(task.number)
        return try_faults(trial, task, seed)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(simulating, "_try_faults", interrupted)
        sm.simulate_faults(detector, normal, per_fault=4, out=tmp_path)
    with pytest.raises(sm.UsageError, match="no simulation"):
        sm.read_simulation(tmp_path)
    (kept,) = (tmp_path / "unfinished").iterdir()
    (kept / "00001.json").write_text("damaged")
    tried: list[int] = []

    def spied(trial: Any, task: Any, seed: int) -> Any:
        tried.append(task.number)
        return try_faults(trial, task, seed)

    monkeypatch.setattr(simulating, "_try_faults", spied)
    resumed = sm.simulate_faults(detector, normal, per_fault=4, out=tmp_path)
    assert (done, tried) == ([0, 1], [1, 2, 3])
    assert resumed == simulation == sm.read_simulation(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".lock") == ["simulation.json"]
    # A finished one is read, and one with other arguments does not replace it.
    assert sm.simulate_faults(detector, normal, per_fault=4, out=tmp_path) == simulation and len(tried) == 3
    with pytest.raises(sm.StillmotionError, match="holds another simulation"):
        sm.simulate_faults(detector, normal, per_fault=4, seed=1, out=tmp_path)


def test_what_cannot_be_simulated_on_is_said(detector: Detector, normal: Path, tmp_path: Path) -> None:
    short = write_belt(tmp_path / "short.mp4", seconds=3)
    with pytest.raises(sm.StillmotionError, match=r"short\.mp4: shorter than 7 seconds"):
        sm.simulate_faults(detector, short)
    with pytest.raises(sm.UsageError, match="per_fault is 0"):
        sm.simulate_faults(detector, normal, per_fault=0)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "simulation.json").write_text("{}")
    with pytest.raises(sm.StillmotionError, match="damaged simulation"):
        sm.read_simulation(tmp_path)
    record = detector.record
    old = replace(detector, record=replace(record, footage=replace(record.footage, parts=())))
    with pytest.raises(sm.StillmotionError, match="of an earlier version, without what was held out; fit again"):
        sm.simulate_faults(old, normal)


def test_a_recording_that_alarms_without_a_fault_is_left_out(
    detector: Detector, normal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thresholds = {
        kind: replace(threshold, value=threshold.typical + 1e-6)
        for kind, threshold in detector.record.thresholds.items()
    }
    low = replace(detector, record=replace(detector.record, thresholds=thresholds))
    with pytest.raises(sm.StillmotionError, match=r"belt0\.mp4 at 0 s: alarms without any fault"):
        sm.simulate_faults(low, normal, per_fault=1)


def test_faults_are_dealt_to_as_many_recordings_as_there_are() -> None:
    stretches = [Stretch(Recording(str(n), Path(str(n)), str(n)), str(n), None, 0, 60) for n in range(7)]
    for per_fault, rounds in ((3, 1), (7, 1), (10, 2)):
        tasks = plan_tasks(stretches, 0, per_fault)
        assert len(tasks) == 7 * rounds
        for name in FEW:
            places = [task.stretch.group for task in tasks for fault, _ in task.faults if fault.name == name]
            assert len(places) == per_fault and len(set(places)) >= min(per_fault, 7) - (rounds - 1) * 3
        loads = [len(task.faults) for task in tasks]
        assert max(loads) - min(loads) <= 1


def simulated(name: str, group: int, *, look: bool, motion: bool) -> SimulatedFault:
    delays = (0.5 if look or motion else None, 0.5 if look else None, 0.6 if motion else None)
    return SimulatedFault(name, "", str(group), str(group), 1.0, 2.0, *delays, 1.0, 1.0)


def test_the_verdict_needs_the_whole_interval_on_one_side_of_the_margin() -> None:
    needed = [simulated("stop", n, look=n % 5 == 0, motion=True) for n in range(20)]
    verdict = decide_by_faults(needed)
    assert verdict.answer == "motion needed" and verdict.difference == pytest.approx(0.8) and verdict.low > 0.05
    assert verdict.sentence.startswith("Motion is needed: look alone finds 20% of the simulated faults")
    suffices = [simulated("stop", n % 100, look=True, motion=n % 2 == 0) for n in range(200)]
    verdict = decide_by_faults(suffices)
    assert (verdict.answer, verdict.recordings) == ("look suffices", 100) and verdict.high < 0.05
    few = [simulated("stop", n, look=n != 0, motion=True) for n in range(4)]
    assert decide_by_faults(few).answer == "undecided"
    # The same faults, but all of one recording: that says nothing about others.
    assert decide_by_faults([replace(fault, group="0") for fault in needed]).answer == "undecided"
    # What finds nothing suffices for nothing.
    blind = [simulated("stop", n, look=False, motion=False) for n in range(200)]
    verdict = decide_by_faults(blind)
    assert verdict.high < 0.05 and verdict.answer == "undecided"
    assert "most faults are missed" in verdict.sentence


def test_each_fault_counts_the_same_in_the_verdict_however_often_it_was_made() -> None:
    faults = [simulated("stop", n % 10, look=False, motion=True) for n in range(90)]
    faults += [simulated("part added", n, look=True, motion=False) for n in range(10)]
    verdict = decide_by_faults(faults)
    assert verdict.look == pytest.approx(0.5) and verdict.difference == pytest.approx(0.5)


def test_shares_are_by_fault_and_by_strength() -> None:
    faults = [simulated("stop", n, look=False, motion=n < 3) for n in range(4)]
    strong = next(iter(FAULTS["stop"].strengths))
    faults = [replace(fault, strength=strong, located=n == 0) for n, fault in enumerate(faults)]
    result = FaultSimulation("d", "1/hour", 1.0, 1.0, 0, 4, tuple(faults))
    (shares,) = result.shares
    assert (shares.found.value, shares.look.value, shares.motion.value, shares.count) == (0.75, 0, 0.75, 4)
    assert (shares.median_delay_seconds, shares.located) == (0.5, 0.25)
    assert 0.1 < shares.found.low < 0.4 and shares.found.high > 0.9
    assert "part added" in result.not_made and "stop" not in result.not_made
    assert [verdict.about for verdict in result.verdicts] == ["all", "motion"]
    assert json.loads(json.dumps(result.verdict.sentence))
