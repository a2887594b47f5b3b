"""Where motion helps: label by label, and pair of labels by pair, with control for asking so often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from stillmotion.comparison.predictions import Floats, Predictions
from stillmotion.statistics.intervals import Estimate, estimate, group_codes

LEVEL = 0.05
MOST_PAIRS = 300  # of labels that are told; those where motion helps most
MOST_LABELS = 50  # of more, pairs are too many to ask about one by one


@dataclass(frozen=True)
class LabelGain:
    """What motion adds to the share of a label's videos that is found.

    still, motion: the shares. low, high: 95 % interval of the gain, for this label alone. A model that always gives a
    label finds all of its videos, so what follows rests on telling it from all others. told: gain in the mean of
    the share of its videos that are given the label and the share of others that are not. p: two-sided, of no
    such gain. holm: p adjusted so that among all labels one false claim comes in 5 % (Holm 1979). share_false:
    p adjusted so that 5 % of the claims are false (Benjamini & Hochberg 1995). helps: both gains above 0, holm below
    0.05.
    """

    label: str
    videos: int
    groups: int
    still: float
    motion: float
    gain: float
    low: float
    high: float
    told: float
    p: float
    holm: float
    share_false: float
    helps: bool


@dataclass(frozen=True)
class PairGain:
    """How well two labels are told apart when there are only these two to choose from.

    still, motion: mean over the two labels of the share of videos to whose true label the model gives the higher
    probability; 0.5 is guessing. only_motion: the gain is sure over all pairs (holm below 0.05), and the still model's
    interval holds 0.5 and ends below 0.75: it is surely nearer to guessing than to telling.
    """

    labels: tuple[str, str]
    videos: int
    still: float
    still_low: float
    still_high: float
    motion: float
    gain: float
    low: float
    high: float
    holm: float
    only_motion: bool


def label_gains(still: Sequence[Predictions], motion: Sequence[Predictions]) -> tuple[LabelGain, ...]:
    """One for each label that has test videos, in the order of what motion adds."""
    from scipy.stats import false_discovery_control  # half a second: imported where it is used

    first, (_, codes) = still[0], group_codes(still[0].groups)
    tables = [np.array([run.right for run in runs], float) for runs in (still, motion)]
    given = [np.array([run.given for run in runs]) for runs in (still, motion)]  # (seeds, n, classes)
    rows: list[tuple[int, Estimate, Estimate, float]] = []
    for index in range(len(first.labels)):
        mine = first.truth == index
        if mine.any():
            found = [table[:, mine] for table in tables]
            gain = estimate(found[1].mean(0) - found[0].mean(0), codes[mine], found)
            weight, scale = _balance(mine)
            apart = [weight * np.where(mine, one[:, :, index], 1 - one[:, :, index]) for one in given]
            told = estimate(apart[1].mean(0) - apart[0].mean(0), codes, apart, weight)
            rows.append((index, gain, told, scale))
    p = np.array([told.p_zero() for *_, told, _ in rows])
    gains = []
    adjusted = zip(rows, p, holm(p), false_discovery_control(p), strict=True)
    for (index, gain, told, scale), plain, one_false, some_false in adjusted:
        mine = first.truth == index
        still_share, motion_share = (float(table[:, mine].mean()) for table in tables)
        helps = bool(gain.mean > 0 and told.mean > 0 and one_false < LEVEL)
        gains.append(
            LabelGain(
                first.labels[index], int(mine.sum()), int(gain.groups), still_share, motion_share, gain.mean,
                *gain.interval(), scale * told.mean, float(plain), float(one_false), float(some_false), helps,
            )
        )  # fmt: skip
    return tuple(sorted(gains, key=lambda gain: -gain.gain))


def pair_gains(still: Sequence[Predictions], motion: Sequence[Predictions]) -> tuple[PairGain, ...]:
    """One for each pair of labels that have test videos, in the order of what motion adds; none of very many labels."""
    first, (_, codes) = still[0], group_codes(still[0].groups)
    present = [index for index in range(len(first.labels)) if (first.truth == index).any()]
    rows = []
    for a, b in combinations(present if len(present) <= MOST_LABELS else (), 2):
        mine = (first.truth == a) | (first.truth == b)
        truth = first.truth[mine]
        other = np.where(truth == a, b, a)
        at = np.flatnonzero(mine)
        weight, scale = _balance(truth == a)
        one, two = (weight * np.array([_prefers(run, at, truth, other) for run in runs]) for runs in (still, motion))
        gain = estimate(two.mean(0) - one.mean(0), codes[mine], (one, two), weight)
        guess = estimate(one.mean(0) - weight / 2, codes[mine], (one,))
        rows.append(((first.labels[a], first.labels[b]), len(truth), guess, gain, scale))
    adjusted = holm(np.array([gain.p_zero() for *_, gain, _ in rows]))
    pairs = []
    for (labels, videos, guess, gain, scale), p in zip(rows, adjusted, strict=True):
        low, high = (min(1.0, max(-1.0, scale * value)) for value in gain.interval())
        still_low, still_high = (min(1.0, max(0.0, 0.5 + scale * value)) for value in guess.interval())
        one, more = 0.5 + scale * guess.mean, scale * gain.mean
        only = bool(gain.mean > 0 and p < LEVEL and still_low <= 0.5 <= still_high < 0.75)
        pairs.append(PairGain(labels, videos, one, still_low, still_high, one + more, more, low, high, float(p), only))
    return tuple(sorted(pairs, key=lambda pair: -pair.gain)[:MOST_PAIRS])


def _balance(mine: NDArray[np.bool_]) -> tuple[Floats, float]:
    """(n,) weights by which those that are `mine` and the others count alike in a mean, and what to multiply it by.

    None is above 1, for an interval takes values of single videos for whole disagreements or less.
    """
    weight: Floats = len(mine) / 2 / np.where(mine, mine.sum(), max(1, (~mine).sum()))
    return weight / weight.max(), float(weight.max())


def holm(p: Floats) -> Floats:
    """p values adjusted for their number: any below 0.05 is a false claim in 5 % of tables at most (Holm 1979)."""
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def _prefers(run: Predictions, at: np.ndarray, truth: np.ndarray, other: np.ndarray) -> Floats:
    """(n,) 1 where the true label has the higher probability of the two, 0.5 for a tie."""
    gap = run.probabilities[at, truth] - run.probabilities[at, other]
    chosen: Floats = (np.sign(gap) + 1) / 2
    return chosen
