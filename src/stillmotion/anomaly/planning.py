"""Which faults are put into which recordings, and which memory has not seen these."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stillmotion.anomaly.detector import Detector
from stillmotion.anomaly.faults import FAULTS, FaultRecipe
from stillmotion.anomaly.footage import Recording, content_hash
from stillmotion.anomaly.promise import STRETCH_SECONDS
from stillmotion.decoding import probe
from stillmotion.errors import StillmotionError, UnreadableVideoError

# The shortest scene that a fault is put into: what comes before it, the fault, and what comes after it.
LEAST_SECONDS = 7.0


@dataclass(frozen=True)
class Stretch:
    """A stretch of a recording, of 5 minutes or so, into which faults can be put.

    Attributes:
        recording: which one.
        group: stretches of one group count as one recording.
        fold: whose memory has not seen it; None if no memory has.
        start_seconds: where it begins in the recording.
        end_seconds: where it ends.
    """

    recording: Recording
    group: str
    fold: int | None
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class SimulationTask:
    """Faults to put into one scene of a stretch.

    Attributes:
        number: of the task.
        stretch: where the scene is.
        faults: what to put into it, and how strong.
    """

    number: int
    stretch: Stretch
    faults: tuple[tuple[FaultRecipe, str], ...]


def find_stretches(detector: Detector, recordings: Sequence[Recording]) -> tuple[list[Stretch], list[str]]:
    """Find where faults can be put: in parts that were held out, and in recordings that the detector does not know.

    Args:
        detector: the detector.
        recordings: of normal footage.

    Returns:
        The stretches, and recordings in which there is none, with reasons.

    Raises:
        StillmotionError: there is no stretch at all, or the detector does not know what was held out.
    """
    footage = detector.record.footage
    numbers = {content: number for number, content in enumerate(footage.contents)}
    stretches: list[Stretch] = []
    skipped: list[str] = []
    for recording in recordings:
        number = numbers.get(content_hash(recording.file))
        if number is None:
            try:
                parts: list[tuple[int | None, float, float]] = [(None, 0.0, probe(recording.file).seconds)]
            except UnreadableVideoError as error:
                skipped.append(str(error))
                continue
        else:
            parts = [(p.fold, p.start_seconds, p.end_seconds) for p in footage.parts if p.recording == number]
            if not parts:
                raise StillmotionError(
                    f"{detector.folder}: of an earlier version, without what was held out; fit again"
                )
        long = [part for part in parts if part[2] - part[1] >= LEAST_SECONDS]
        if not long:
            skipped.append(f"{recording.name}: shorter than {LEAST_SECONDS:.0f} seconds")
        for fold, start, end in long:
            edges = np.linspace(start, end, int(np.ceil((end - start) / STRETCH_SECONDS)) + 1)
            for first, last in pairwise(edges):
                single = footage.held_out_by == "stretch" and fold is not None
                name = f"{recording.name} at {first:.0f} s" if single else recording.group
                stretches.append(Stretch(recording, name, fold, float(first), float(last)))
    if not stretches:
        raise StillmotionError(f"no recording to put faults into: {skipped[0]}")
    return stretches, skipped


def plan_tasks(stretches: Sequence[Stretch], seed: int, per_fault: int) -> list[SimulationTask]:
    """Deal the faults to scenes, so that each is put into as many recordings as possible.

    Args:
        stretches: where scenes can be.
        seed: of the order.
        per_fault: how many of each fault and strength.

    Returns:
        One task for each scene.
    """
    rng = np.random.default_rng((seed, 0))
    rounds = -(-per_fault // len(stretches))
    order = [stretches[place] for _ in range(rounds) for place in rng.permutation(len(stretches))]
    dealt: list[list[tuple[FaultRecipe, str]]] = [[] for _ in order]
    cases = [(fault, strength) for fault in FAULTS.values() for strength in fault.strengths]
    for number, case in enumerate(cases):
        for place in range(per_fault):
            dealt[(number * per_fault + place) % len(order)].append(case)
    pairs = zip(order, dealt, strict=True)
    return [SimulationTask(number, stretch, tuple(faults)) for number, (stretch, faults) in enumerate(pairs)]


def simulation_key(detector: Detector, tasks: Sequence[SimulationTask], seed: int) -> str:
    """Identifies a simulation: the same detector, footage and choices."""
    digest = hashlib.sha256(repr((detector.record, seed)).encode())
    for task in tasks:
        faults = [(fault.name, strength) for fault, strength in task.faults]
        digest.update(repr((content_hash(task.stretch.recording.file), task.stretch.group, faults)).encode())
    return digest.hexdigest()[:16]
