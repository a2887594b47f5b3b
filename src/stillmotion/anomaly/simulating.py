"""Put faults into normal footage and see which are found. Read `simulate_faults` from top to bottom."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from stillmotion.anomaly.detector import Detector, load_detector
from stillmotion.anomaly.faults import FAULTS
from stillmotion.anomaly.faults.scene import LEAD_SECONDS, TAIL_SECONDS, Scene
from stillmotion.anomaly.footage import find_recordings
from stillmotion.anomaly.planning import SimulationTask, Stretch, find_stretches, plan_tasks, simulation_key
from stillmotion.anomaly.simulated_faults import SimulatedFault
from stillmotion.anomaly.simulation import FaultSimulation
from stillmotion.anomaly.trying import FaultTrial
from stillmotion.decoding import iter_frames
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError
from stillmotion.files import folder_lock, write_json
from stillmotion.progress import Progress, no_progress

SIMULATION_FILE, UNFINISHED_FOLDER = "simulation.json", "unfinished"
PER_FAULT = 10
# A scene is as long as the fastest fault takes.
SCENE_SECONDS = 16.0
LONGEST_SECONDS = 4.0
# How often another place of a recording is tried if the recording alarms there as it is.
TRIES = 3


def simulate_faults(
    detector: Detector | str | Path,
    normal: str | Path,
    *,
    out: str | Path | None = None,
    seed: int = 0,
    per_fault: int = PER_FAULT,
    group: str | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> FaultSimulation:
    """Find out which faults a detector would find, before anything has broken.

    Faults are put into normal footage, see `stillmotion.anomaly.faults`, and scored as a stream would be, at the
    detector's thresholds. A recording that the detector was learned from is scored by a memory that has not seen it.

    If a call with `out` is interrupted, the same call goes on where it was.

    Args:
        detector: a detector or its folder.
        normal: a folder of videos, or one video, in which nothing is unusual; it may be what the detector was learned
            from.
        out: a folder for the result, which `read_simulation` reads.
        seed: of the random choices: the same one puts the same faults into the same footage.
        per_fault: into how many stretches each fault is put at each of its strengths; of as many recordings, if there
            are so many.
        group: as for `fit_anomaly_detector`: what is of one group counts as one recording.
        overwrite: whether another simulation in `out` is replaced.
        progress: receives the number of stretches done.

    Returns:
        What became of each fault, and the verdict.

    Raises:
        UsageError: there is no such detector or footage, or an argument makes no sense.
        StillmotionError: the detector is damaged or of an earlier version, no recording lasts for 7 seconds, or `out`
            holds another simulation or cannot be written to.

    Examples:
        >>> simulation = sm.simulate_faults("detector", "normal/")
        >>> print(simulation.verdict.sentence)
        Motion is needed: look alone finds 35% of the simulated faults, look and motion together find 80%: 45 points ...
    """
    if per_fault < 1:
        raise UsageError(f"per_fault is {per_fault}; expected 1 or more")
    detector = detector if isinstance(detector, Detector) else load_detector(detector)
    stretches, skipped = find_stretches(detector, find_recordings(Path(normal), group))
    tasks = plan_tasks(stretches, seed, per_fault)
    if out is None:
        trial = FaultTrial(detector)
        results = _do_all(lambda task: _try_faults(trial, task, seed), tasks, progress)
        return _collect(detector, seed, per_fault, results, skipped)
    folder, key = Path(out), simulation_key(detector, tasks, seed)
    with folder_lock(folder):
        if (folder / SIMULATION_FILE).is_file():
            if _read(folder)[0] == key:
                return _read(folder)[1]
            if not overwrite:
                raise StillmotionError(
                    f"{folder}: holds another simulation; choose another folder, or replace it (--replace)"
                )
        unfinished = folder / UNFINISHED_FOLDER / key
        unfinished.mkdir(parents=True, exist_ok=True)
        trial = FaultTrial(detector)

        def run(task: SimulationTask) -> _TaskResult:
            """Do a task, unless its result is there already."""
            file = unfinished / f"{task.number:05d}.json"
            try:
                return _TASK_RESULT.validate_json(file.read_bytes())
            except (OSError, ValidationError):
                result = _try_faults(trial, task, seed)
                write_json(file, _TASK_RESULT.dump_python(result, mode="json"))
                return result

        results = _do_all(run, tasks, progress)
        simulation = _collect(detector, seed, per_fault, results, skipped)
        write_json(folder / SIMULATION_FILE, {"key": key, **_SIMULATION.dump_python(simulation, mode="json")})
        shutil.rmtree(folder / UNFINISHED_FOLDER, ignore_errors=True)
    return simulation


def read_simulation(folder: str | Path) -> FaultSimulation:
    """Read what `simulate_faults` wrote.

    Args:
        folder: its `out`.

    Returns:
        The simulation.

    Raises:
        UsageError: there is none.
        StillmotionError: it is damaged.

    Examples:
        >>> sm.read_simulation("simulation").verdict.answer
        'motion needed'
    """
    if not (Path(folder) / SIMULATION_FILE).is_file():
        raise UsageError(f"{folder}: no simulation; `stillmotion anomaly simulate` makes one")
    return _read(Path(folder))[1]


@dataclass(frozen=True)
class _TaskResult:
    """What became of the faults of a task; problem: why there are none."""

    faults: tuple[SimulatedFault, ...]
    problem: str = ""


_SIMULATION = TypeAdapter(FaultSimulation)
_TASK_RESULT = TypeAdapter(_TaskResult)


def _do_all(
    work: Callable[[SimulationTask], _TaskResult], tasks: Sequence[SimulationTask], progress: Progress
) -> list[_TaskResult]:
    """Do one task after the other: the backend and NumPy use all cores by themselves."""
    results: list[_TaskResult] = []
    for task in tasks:
        progress("simulating", len(results), len(tasks))
        results.append(work(task))
    progress("simulating", len(results), len(tasks))
    return results


def _try_faults(trial: FaultTrial, task: SimulationTask, seed: int) -> _TaskResult:
    """Put each fault of a task into a scene of its stretch."""
    stretch = task.stretch
    where = f"{stretch.recording.name} at {stretch.start_seconds:.0f} s"
    rng = np.random.default_rng((seed, 1, task.number))
    try:
        for _ in range(TRIES):
            start, scene = _read_scene(stretch, trial, rng)
            tried = trial.begin(scene, stretch.fold)
            if not tried.alarms_as_recorded:
                break
        else:
            return _TaskResult((), f"{where}: alarms without any fault")
    except UnreadableVideoError as error:
        return _TaskResult((), str(error))
    found: list[SimulatedFault] = []
    for number, (fault, strength) in enumerate(task.faults):
        made = fault.make(scene, fault.strengths[strength], np.random.default_rng((seed, 2, task.number, number)))
        if made is not None:
            outcome = tried.outcome(made)
            found.append(
                SimulatedFault(
                    fault.name,
                    strength,
                    stretch.recording.name,
                    stretch.group,
                    round(start + made.start_seconds, 3),
                    round(start + made.end_seconds, 3),
                    **outcome,
                )
            )
    return _TaskResult(tuple(found))


def _read_scene(stretch: Stretch, trial: FaultTrial, rng: np.random.Generator) -> tuple[float, Scene]:
    """A random scene of a stretch, and when it begins in the recording."""
    length = min(SCENE_SECONDS, stretch.end_seconds - stretch.start_seconds)
    start = float(rng.uniform(stretch.start_seconds, stretch.end_seconds - length))
    images, seconds = [], []
    for second, image in iter_frames(stretch.recording.file, trial.side, trial.side, start_seconds=start):
        if second > start + length:
            break
        images.append(trial.measurer.steady(image))
        seconds.append(max(0.0, second - start))
    if len(images) < 2 or seconds[-1] < 0.8 * length:
        raise UnreadableVideoError(f"{stretch.recording.name}: ends before {start + length:.0f} s")
    rate = trial.rate
    lead = np.ceil(LEAD_SECONDS * rate) / rate
    longest = min(LONGEST_SECONDS, seconds[-1] - lead - TAIL_SECONDS)
    return start, Scene(np.stack(images), np.array(seconds), rate, float(lead), float(longest))


def _collect(
    detector: Detector, seed: int, per_fault: int, results: Sequence[_TaskResult], skipped: Sequence[str]
) -> FaultSimulation:
    """All faults, with pictures of a few: for each kind a strong one, and a strong one that was missed."""
    faults = [fault for result in results for fault in result.faults]
    problems = sorted({result.problem for result in results if result.problem})
    if not faults:
        raise StillmotionError(f"no fault could be put into this footage: {(*problems, *skipped, 'nothing moves')[0]}")
    kept: set[int] = set()
    for name, fault in FAULTS.items():
        strengths = list(fault.strengths)
        own = [number for number, item in enumerate(faults) if item.fault == name]
        own.sort(key=lambda number: -strengths.index(faults[number].strength))
        missed = [number for number in own if faults[number].delay_seconds is None]
        kept.update((*own[:1], *missed[:1]))
    shown = tuple(fault if number in kept else replace(fault, picture=None) for number, fault in enumerate(faults))
    record = detector.record
    return FaultSimulation(
        str(detector.folder),
        record.promise,
        record.footage.held_out.hours,
        record.expected_per_hour,
        seed,
        per_fault,
        shown,
        (*skipped, *problems),
    )


def _read(folder: Path) -> tuple[str, FaultSimulation]:
    """The key and the content of a folder's simulation."""
    try:
        content = json.loads((folder / SIMULATION_FILE).read_bytes())
        key = str(content.pop("key"))
        return key, _SIMULATION.validate_python(content)
    except (OSError, ValueError, KeyError, AttributeError, ValidationError):
        raise StillmotionError(f"{folder}: a damaged simulation; simulate again in another folder") from None
