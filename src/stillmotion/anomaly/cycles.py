"""Find the cycles of normal footage, and use those that held-out recordings follow.

A badly learned cycle does more harm than none: it takes every moment for the wrong one. So each recording is followed
by what was learned from the others, and a cycle is used only if its phase is told well there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from stillmotion.anomaly.cycle import Cycle, CycleRegion, CycleTracker, Moment, region_features, unusual
from stillmotion.anomaly.cycle_fitting import learn_region
from stillmotion.anomaly.footage import MeasuredRecording
from stillmotion.anomaly.frame_scores import USUAL, Smoothing
from stillmotion.anomaly.rhythm import (
    LONGEST_PERIOD,
    REPEATS,
    SAME_PERIOD,
    Rhythm,
    autocorrelation,
    find_rhythms,
)
from stillmotion.formatting import count

# Frames that rhythms are looked for in, at most, and those of one piece.
FRAMES, PIECE_SECONDS = 24_000, 300.0
# Frames that a cycle is learned from, at most.
LEARNED_FRAMES = 3_000
# A cycle is used if its phase is told as well as this on held-out recordings, in shares of a cycle: typically, and nine
# times out of ten.
TYPICAL_ERROR, MOST_ERROR = 0.05, 0.15
# Of fewer repetitions, one cannot learn what varies.
LEAST_CYCLES = 30
# Speeds that differ by less are usual: machines run a little faster on one day than on another.
LEAST_SPEED = 0.1


@dataclass(frozen=True)
class LearnedCycles:
    """What repeats.

    Attributes:
        cycles: those that are used, in words.
        regions: likewise, learned from all recordings.
        held_out: for each fold, the same regions, learned from the others.
        scores: of each recording, held out; NaN where not known.
        note: what was found, or why no cycle is used, in a sentence.
    """

    cycles: tuple[Cycle, ...]
    regions: tuple[CycleRegion, ...]
    held_out: dict[int, tuple[CycleRegion, ...]]
    scores: list[NDArray[np.float64]]
    note: str


@dataclass(frozen=True)
class _Piece:
    """A piece of a recording, all of one fold.

    Attributes:
        fold: its fold.
        patches: float16 `(frames, cells, channels)`.
        correlation: see `autocorrelation`.
    """

    fold: int
    patches: NDArray[np.float16]
    correlation: NDArray[np.float64]


def learn_cycles(
    measured: Sequence[MeasuredRecording], folds: Sequence[NDArray[np.intp]], rate: float
) -> LearnedCycles:
    """Find what repeats, learn it, and try it on held-out recordings.

    Args:
        measured: the recordings.
        folds: of each frame of each.
        rate: frames per second.

    Returns:
        The cycles that are used; none if nothing repeats well enough, with the reason.
    """
    pieces = _pieces(measured, folds, rate)
    rhythms = find_rhythms([piece.correlation for piece in pieces])
    if not rhythms:
        return _none("no cycle: nothing in the picture repeats")
    numbers = sorted({int(fold) for own in folds for fold in np.unique(own)})
    others = {number: [piece for piece in pieces if piece.fold != number] for number in numbers}
    found = {number: find_rhythms([piece.correlation for piece in others[number]]) for number in numbers}
    reasons: list[str] = []
    used: list[_Used] = []
    for rhythm in rhythms:
        name = f"a rhythm of {rhythm.period / rate:.3g} s"
        repeats = sum(part.frames for part in measured) / rhythm.period
        if repeats < LEAST_CYCLES:
            times = count(round(repeats), "time")
            reasons.append(f"{name} repeats {times}, and {LEAST_CYCLES} are the least to learn from")
            continue
        matching = {number: _match(rhythm, found[number]) for number in numbers}
        held_out = {number: _learn(match, others[number]) for number, match in matching.items() if match is not None}
        if len(held_out) < len(numbers):
            reasons.append(f"{name} is not in all recordings")
            continue
        followed = [_Followed(part, own, held_out) for part, own in zip(measured, folds, strict=True)]
        errors = np.concatenate([part.errors for part in followed])
        if not len(errors):
            reasons.append(f"{name} is too slow for recordings of this length")
            continue
        typical, most = float(np.median(errors)), float(np.quantile(errors, 0.9))
        if typical > TYPICAL_ERROR or most > MOST_ERROR:
            reasons.append(
                f"{name} cannot be followed: on held-out recordings, its phase is off by {typical:.0%} of a cycle "
                f"typically and by {most:.0%} at times; {TYPICAL_ERROR:.0%} and {MOST_ERROR:.0%} are the most"
            )
            continue
        used.append(_use(_learn(rhythm, pieces), held_out, followed, typical))
    if not used:
        return _none(f"no cycle: {'; '.join(reasons)}")
    scores = [np.fmax.reduce(parts) for parts in zip(*(one.scores(rate) for one in used), strict=True)]
    cycles = tuple(
        Cycle(one.region.period * one.region.stride / rate, tuple(map(int, one.region.cells)), one.phase_error)
        for one in used
    )
    periods = " and ".join(f"{cycle.period_seconds:.3g} s" for cycle in cycles)
    return LearnedCycles(
        cycles,
        tuple(one.region for one in used),
        {number: tuple(one.held_out[number] for one in used) for number in numbers},
        scores,
        "; ".join([f"cycles of {periods}", *reasons]),
    )


def _none(note: str) -> LearnedCycles:
    return LearnedCycles((), (), {}, [], note)


def _pieces(measured: Sequence[MeasuredRecording], folds: Sequence[NDArray[np.intp]], rate: float) -> list[_Piece]:
    """Pieces of the footage, spread over all of it."""
    most = round(PIECE_SECONDS * rate)
    places: list[tuple[int, int, int]] = []
    for number, own in enumerate(folds):
        bounds = [0, *(np.flatnonzero(np.diff(own)) + 1).tolist(), len(own)]
        for start, end in pairwise(bounds):
            cuts = np.linspace(start, end, -(-(end - start) // most) + 1).astype(int).tolist()
            places += [(number, first, last) for first, last in pairwise(cuts)]
    places.sort(key=lambda place: int(folds[place[0]][place[1]]))  # so that few pieces are of several folds
    longest = max(last - first for _, first, last in places)
    count = min(len(places), max(2, FRAMES // longest))
    chosen = sorted({round(place) for place in np.linspace(0, len(places) - 1, count)})
    lags = min(round(LONGEST_PERIOD * rate), longest // REPEATS)
    pieces = []
    for number, first, last in (places[place] for place in chosen):
        patches = np.stack([patches for _, patches in islice(measured[number].read_looks(), first, last)])
        pieces.append(_Piece(int(folds[number][first]), patches, autocorrelation(patches, lags)))
    return pieces


@dataclass(frozen=True)
class _Used:
    """A cycle that held-out recordings follow."""

    region: CycleRegion
    held_out: dict[int, CycleRegion]
    followed: Sequence[_Followed]
    phase_error: float

    def scores(self, rate: float) -> Iterator[NDArray[np.float64]]:
        """Of each recording, smoothed as in use."""
        for part in self.followed:
            smoothing = Smoothing(rate)
            values = unusual(self.region, part.distances, part.speeds)
            yield np.array(
                [smoothing.push(value, starts=bool(starts)) for value, starts in zip(values, part.starts, strict=True)]
            )


def _use(
    region: CycleRegion, held_out: dict[int, CycleRegion], followed: Sequence[_Followed], phase_error: float
) -> _Used:
    """Take what held-out recordings rarely exceed for what is usual."""
    distance, speed = (
        float(np.nanquantile(np.concatenate(values), USUAL))
        for values in ([part.distances for part in followed], [part.speeds for part in followed])
    )
    regions = {
        number: replace(part, usual_distance=max(distance, 1e-6), usual_speed=max(speed, LEAST_SPEED))
        for number, part in (*held_out.items(), (-1, region))
    }
    return _Used(regions.pop(-1), regions, followed, phase_error)


class _Followed:
    """A held-out recording as it is followed.

    Args:
        part: the recording.
        folds: of each of its frames.
        regions: what was learned without each fold.

    Attributes:
        starts: which frames begin a recording, or a part that another region follows.
        distances: of each frame; NaN where not known.
        speeds: likewise, the size of the logarithm.
        errors: how far the phase is from where it should be by the phase and the speeds of two periods before.
    """

    def __init__(self, part: MeasuredRecording, folds: NDArray[np.intp], regions: dict[int, CycleRegion]) -> None:
        self.starts = np.zeros(len(folds), np.bool_)
        self.distances, self.speeds = np.full((2, len(folds)), np.nan)
        errors: list[float] = []
        before: deque[Moment] = deque()
        tracker, fold = CycleTracker(regions[int(folds[0])]), int(folds[0])
        for number, (starts, patches) in enumerate(part.read_looks()):
            if starts or int(folds[number]) != fold:
                fold = int(folds[number])
                tracker, self.starts[number] = CycleTracker(regions[fold]), True
                before.clear()
            region = tracker.region
            moment = tracker.push(region_features(patches[None], region.cells)[0])
            if moment is None:
                continue
            self.distances[number], self.speeds[number] = moment.distance, abs(moment.speed)
            before.append(moment)
            if len(before) > region.window * region.stride:
                errors.append(_phase_error(before.popleft(), moment, region))
        self.errors = np.array(errors)


def _phase_error(before: Moment, now: Moment, region: CycleRegion) -> float:
    """How far apart two phases are from what the time between them says, as a share of a cycle.

    The two come from frames that have nothing in common.
    """
    advanced = region.window / region.period * np.exp((before.speed + now.speed) / 2)
    off = (now.phase - before.phase) / len(region.pictures) - advanced
    return float(abs((off + 0.5) % 1 - 0.5))


def _match(rhythm: Rhythm, others: Sequence[Rhythm]) -> Rhythm | None:
    """The rhythm with the same period."""
    alike = [other for other in others if abs(np.log(other.period / rhythm.period)) < SAME_PERIOD]
    return min(alike, key=lambda other: abs(np.log(other.period / rhythm.period)), default=None)


def _learn(rhythm: Rhythm, pieces: Sequence[_Piece]) -> CycleRegion:
    """Learn a rhythm from as many pieces as needed, spread over all of them."""
    pieces = [piece for piece in pieces if len(piece.patches) >= REPEATS * rhythm.period]
    frames = max(LEARNED_FRAMES, int(2 * REPEATS * rhythm.period))
    total = sum(len(piece.patches) for piece in pieces)
    chosen = pieces[:: -(-total // frames)]
    return learn_region(rhythm, [region_features(piece.patches[:frames], rhythm.cells) for piece in chosen])
