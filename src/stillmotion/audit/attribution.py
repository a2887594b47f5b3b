"""How much of a change of answer each difference makes: Shapley values over the differences.

From the video's path to the snapshot's, one stage at a time is replaced, in every order; a stage's value is what it
adds on average (Shapley 1953; Lundberg & Lee 2017 for models). The answer's distance from the snapshot's is total
variation, half the sum of absolute differences of probability, so that shares sum to the whole change. What the
stages cannot make of the frame is a stage of its own, *unexplained*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults import FAULTS, FrameContext, Path, Size, difference, render_picture
from stillmotion.audit.faults.scaling import WHOLE_NUMBERS, as_levels
from stillmotion.audit.resampling import Picture

UNEXPLAINED = "unexplained"
MOST_STAGES = 6  # 2 ** 6 answers a snapshot
Floats = NDArray[np.float32]
Answers = Callable[[Sequence[Floats]], Floats]


@dataclass(frozen=True, eq=False)
class PathPair:
    """A moment by both paths.

    Attributes:
        shot: the moment, with its neighbours.
        video_path: how the video's picture came about; snapshot_path likewise.
        video: what the model is given of the video, float32 `(height, width, 3)`.
        snapshot: what it is given of the snapshot.
        rest: what the paths leave over is called.
    """

    shot: FrameContext
    video_path: Path
    snapshot_path: Path
    video: Floats
    snapshot: Floats
    rest: str = UNEXPLAINED


@dataclass(frozen=True, eq=False)
class Attribution:
    """A snapshot's change of answer, by stage: `change` in probability, `flip` in labels (0 or 1 in sum)."""

    change: dict[str, float]
    flip: dict[str, float]
    video_answer: Floats
    snapshot_answer: Floats

    @property
    def total(self) -> float:
        """The total variation between the two answers."""
        return distance(self.video_answer, self.snapshot_answer)

    @property
    def flipped(self) -> bool:
        """Whether the label is another."""
        return bool(self.video_answer.argmax() != self.snapshot_answer.argmax())


def distance(one: Floats, other: Floats) -> float:
    """Total variation of two answers `(labels,)`: 0 for equal ones, 1 for ones with nothing in common."""
    return float(np.abs(one - other).sum() / 2)


def attribute(pair: PathPair, answers: Answers) -> Attribution:
    """Share the change of one snapshot's answer out among the differences of its two paths."""
    stages = difference(pair.video_path, pair.snapshot_path)[: MOST_STAGES - 1]
    size = (pair.video.shape[0], pair.video.shape[1])
    rest = [
        _leftover(values, path, pair.shot, size)
        for values, path in ((pair.video, pair.video_path), (pair.snapshot, pair.snapshot_path))
    ]
    if float(np.abs(rest[0] - rest[1]).max()) > 0.01:
        stages = [*(stage for stage in stages if stage != pair.rest), pair.rest]
    inputs = []
    for mask in range(2 ** len(stages)):
        chosen = {stage for bit, stage in enumerate(stages) if mask >> bit & 1}
        inputs.append(_mixed(pair, chosen, rest, size))
    found = answers([pair.video, *inputs[1:-1], pair.snapshot])
    if not stages:
        found = found[[0]]
    closeness = np.array([1 - distance(one, found[-1]) for one in found])
    same = np.array([float(one.argmax() == found[-1].argmax()) for one in found])
    return Attribution(
        change=shapley(stages, closeness), flip=shapley(stages, same), video_answer=found[0], snapshot_answer=found[-1]
    )


def shapley(stages: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    """Shapley values of a game; values: `(2 ** stages,)`, by bit mask of the stages that are in."""
    count = len(stages)
    shares = {}
    for bit, stage in enumerate(stages):
        others = [other for other in range(count) if other != bit]
        total = 0.0
        for taken in range(count):
            weight = factorial(taken) * factorial(count - taken - 1) / factorial(count)
            for subset in combinations(others, taken):
                mask = sum(1 << other for other in subset)
                total += weight * float(values[mask | 1 << bit] - values[mask])
        shares[stage] = total
    return shares


def _mixed(pair: PathPair, chosen: set[str], rest: list[Picture], size: Size) -> Floats:
    """What the model would be given by the video's path, but for the chosen stages, which are the snapshot's."""
    path = {
        name: (pair.snapshot_path if name in chosen else pair.video_path).get(name, fault.normal)
        for name, fault in FAULTS.items()
    }
    levels = render_picture(path, pair.shot, size) + rest[1 if pair.rest in chosen else 0]
    return _scaled(levels, path)


def _scaled(levels: Picture, path: Path) -> Floats:
    values = levels
    for name in ("scaling", "precision"):
        values = FAULTS[name].apply(values, path.get(name, FAULTS[name].normal), (0, 0))
    result: Floats = np.asarray(values, np.float32)
    return result


def _leftover(values: Floats, path: Path, shot: FrameContext, size: Size) -> Picture:
    """What the path does not explain of values, in levels."""
    made = render_picture(path, shot, size)
    scale = path.get("scaling", "0..255")
    if scale == WHOLE_NUMBERS:  # nothing can be said of levels that are gone
        return np.zeros_like(made)
    return as_levels(values, scale) - made
