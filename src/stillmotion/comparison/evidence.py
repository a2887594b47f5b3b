"""What kind of evidence decides: motion, order, one good moment; and how steady the answers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stillmotion.comparison.predictions import (
    PROBABILITY,
    Floats,
    Ints,
    Predictions,
    check_same_videos,
    read_predictions_by_seed,
)
from stillmotion.data.tables import read_table
from stillmotion.errors import StillmotionError
from stillmotion.statistics.intervals import estimate, group_codes

WITHIN_SECONDS = 0.3  # of pm-k, as Shankar et al. 2019


@dataclass(frozen=True)
class ConditionResult:
    """A motion model on clips without some of their motion. difference: accuracy less that on whole clips."""

    name: str
    accuracy: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class BestFrameEvidence:
    """Whether one good frame decides, from the still model's answers on single frames.

    single: a frame's accuracy. average: of their mean. surest: of the frame that is surest of itself. oracle: videos
    with any frame that is right. chance: videos with any frame that gives a certain wrong label, the mean over those:
    an oracle finds that much by luck. motion: the motion model's accuracy on the same videos; low, high: 95 % interval
    of `surest` less that. one_frame_decides: that is not surely below 0, and the oracle does better than by luck.
    """

    single: float
    average: float
    surest: float
    oracle: float
    chance: float
    motion: float
    low: float
    high: float
    one_frame_decides: bool


@dataclass(frozen=True)
class TemporalStability:
    """A family's answers through time. pm_0: right at a moment; pm_k: right there and at all moments within `seconds`
    (Shankar et al. 2019, Do image classifiers generalize across time), None where moments are further apart than that.
    flips: changes of the answer a second. every: seconds from a moment to the next, the median over videos; None where
    each has one moment only."""

    pm_0: float
    pm_k: float | None
    seconds: float
    flips: float
    every: float | None
    videos: int


@dataclass(frozen=True)
class Evidence:
    """tampered: the trained motion model on clips it was not trained for. retrained: motion models trained and tested
    without the motion. moment: of the still family. steadiness: of each family. looking: the still family trained to
    look for the right moment (pool=max); its difference is from the motion model."""

    tampered: tuple[ConditionResult, ...] = ()
    retrained: tuple[ConditionResult, ...] = ()
    moment: BestFrameEvidence | None = None
    steadiness: Mapping[str, TemporalStability] | None = None
    looking: ConditionResult | None = None


class Track(NamedTuple):
    """A family's answers through time on one video: seconds (k,), probabilities (k, classes)."""

    seconds: Floats
    probabilities: Floats


def gather_evidence(
    probes: Sequence[Path],
    retrained: Mapping[str, Sequence[Predictions]],
    motion: Sequence[Predictions],
    moments: Mapping[str, Sequence[Path]],
    still: str,
    looking: Sequence[Predictions] = (),
) -> Evidence:
    """What the files of a comparison's runs show, as far as they are there.

    probes: perturbed.parquet of the motion family's runs of one seed. retrained: by name ("shuffled", "frozen"),
    predictions of controlled counterparts. motion: the motion family's predictions. moments: over_time.parquet of each
    family's runs of one seed. still: the still family's name. looking: predictions of its counterpart that looks for
    the right moment.
    """
    tracks = {name: _tracks(paths, motion[0]) for name, paths in moments.items()}
    return Evidence(
        tampered=_tampered(probes),
        retrained=tuple(_against(name, runs, motion) for name, runs in retrained.items()),
        moment=_moment(tracks.get(still, {}), motion),
        steadiness={name: _steadiness(found, motion[0]) for name, found in tracks.items() if found},
        looking=_against("pool=max", looking, motion) if looking else None,
    )


def _tampered(paths: Sequence[Path]) -> tuple[ConditionResult, ...]:
    from stillmotion.comparison.cross_validation import join_folds

    tables = [found for path in paths if path.is_file() and (found := _by_probe(path))]
    if not tables:
        return ()
    joined = {name: join_folds([0] * len(tables), [table[name] for table in tables]) for name in tables[0]}
    whole = next(iter(joined.values()))
    return tuple(_against(name, runs, whole) for name, runs in joined.items())


def _by_probe(path: Path) -> dict[str, Predictions]:
    """The table's column `probe` is read as its seeds are."""
    table = read_table(path)
    if not table.num_rows:
        return {}
    names = [str(name) for name in dict.fromkeys(table.column("perturbation").to_pylist())]
    found = read_predictions_by_seed(path, by="perturbation")
    return {name: found[sorted(names).index(name)] for name in names}


def _against(name: str, runs: Sequence[Predictions], whole: Sequence[Predictions]) -> ConditionResult:
    check_same_videos([*whole, *runs])
    tables = [np.array([run.right for run in ones], float) for ones in (whole, runs)]
    _, codes = group_codes(whole[0].groups)
    found = estimate(tables[1].mean(0) - tables[0].mean(0), codes, tables)
    return ConditionResult(name, float(tables[1].mean()), found.mean, *found.interval())


def _tracks(paths: Sequence[Path], first: Predictions) -> dict[str, Track]:
    found: dict[str, Track] = {}
    for path in paths:
        try:
            table = read_table(path)
            columns = [table.column(PROBABILITY + label).to_numpy() for label in first.labels]
        except (StillmotionError, KeyError):
            continue
        videos, codes = np.unique(np.array(table.column("video").to_pylist(), str), return_inverse=True)
        seconds, chances = table.column("seconds").to_numpy(), np.stack(columns, axis=1)
        ends = np.cumsum(np.bincount(codes))[:-1]
        for video, rows in zip(videos.tolist(), np.split(np.lexsort((seconds, codes)), ends), strict=False):
            found[video] = Track(seconds[rows], chances[rows])
    return found


def _truths(tracks: Mapping[str, Track], first: Predictions) -> list[tuple[Track, int]]:
    """In the order of the predictions."""
    truths = zip(first.videos, first.truth.tolist(), strict=True)
    return [(tracks[video], truth) for video, truth in truths if video in tracks]


def _moment(tracks: Mapping[str, Track], motion: Sequence[Predictions]) -> BestFrameEvidence | None:
    first = motion[0]
    known = _truths(tracks, first)
    if not known:
        return None
    rows = []
    for track, truth in known:
        answers: Ints = track.probabilities.argmax(axis=1)
        surest = answers[track.probabilities.max(axis=1).argmax()]
        given = np.bincount(answers, minlength=len(first.labels)) > 0
        others = np.delete(given, truth).mean()
        average = track.probabilities.mean(axis=0).argmax() == truth
        rows.append([(answers == truth).mean(), average, surest == truth, given[truth], others])
    table = np.array(rows, float)
    single, average, surest, oracle, chance = table.mean(axis=0).tolist()
    seen = np.array([video in tracks for video in first.videos])
    goal = np.mean([run.right[seen] for run in motion], axis=0)
    _, codes = group_codes([group for group, one in zip(first.groups, seen, strict=True) if one])
    low, high = estimate(table[:, 2] - goal, codes).interval()
    decides = high >= 0 and oracle > chance + 0.1
    return BestFrameEvidence(single, average, surest, oracle, chance, float(goal.mean()), low, high, bool(decides))


def _steadiness(tracks: Mapping[str, Track], first: Predictions) -> TemporalStability:
    right, steady, flips, length = [], [], 0, 0.0
    apart: list[float] = []
    for track, truth in _truths(tracks, first):
        answers: Ints = track.probabilities.argmax(axis=1)
        good = answers == truth
        near = np.abs(track.seconds[:, None] - track.seconds[None, :]) <= WITHIN_SECONDS + 1e-6
        right.append(good.mean())
        steady.append((good & ~(near & ~good[None, :]).any(axis=1)).mean())
        flips += int((np.diff(answers) != 0).sum())
        length += float(np.ptp(track.seconds))
        apart += [float(np.median(np.diff(track.seconds)))] if len(answers) > 1 else []
    every = float(np.median(apart)) if apart else None
    known = float(np.mean(steady)) if every is not None and every <= WITHIN_SECONDS + 1e-6 else None
    rate = flips / length if length else 0.0
    return TemporalStability(float(np.mean(right)), known, WITHIN_SECONDS, rate, every, len(right))
