"""Intervals for the mean of few, grouped videos.

Videos of one group are alike, so n videos say less than n. How much less is measured: the design
effect is the variance of the mean with whole groups as units (by the jackknife, which holds for
unequal groups: Bell & McCaffrey 2002, Survey Methodology 28) over that with single videos (Kish
1965, Survey Sampling), and the effective number of videos is n over it. Where a few large groups happen
to agree, the jackknife's is too small: it is taken to be at least what Kish's formula gives for the correlation
within groups, from the analysis of variance (Donner & Klar 2000). Few disagreements measure
it badly, and none not at all. So it is drawn towards what it would be if all videos of a group
answered alike, as if one disagreement had shown that: without any, every group counts as one video.

A difference of paired accuracies then gets Bonett & Price's adjusted Wald interval (2012, J.
Educational and Behavioral Statistics 37): two imaginary disagreements, one each way, widen it, so that
it has a width where nothing disagrees. Three things are added, each for a fault that simulation
showed: Student's t, as the variance is measured from few units (groups - 1 degrees of freedom; of unequal groups,
the harmonic mean of their number and Kish's effective number counts, for it is the large ones that it is measured
from); the centre moved by the skewness of the differences (Johnson 1978, J. American Statistical Association
73), without which too many one-sided differences were missed on one side; and, for several trainings,
the variance between their means (degrees of freedom as Satterthwaite 1946, Biometrics 2).
benchmarks/coverage.py shows how often all this holds the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

LEVEL = 0.95
_PRIOR = 1.0  # disagreements; of 0.5, 1, 2, 4 the one that kept false answers at 2.5 % and was not wider than need be
_IMAGINARY = 2.0  # disagreements, one each way (Bonett & Price)
_MOST, _STEP = 7.0, 0.25  # normal scores: no p is told smaller than 1e-12, and they are looked through so far apart


@dataclass(frozen=True)
class Estimate:
    """The mean of a value in -1..1 over grouped videos, and what its interval rests on.

    square: mean of the squared values. skew: third central moment over variance. videos: how many
    independent ones they are worth. groups: how many groups. units: how many equal groups the variance is as well
    known from. between: what the choice of trainings adds to the
    variance of the mean; doubt: how badly that is known, its square over its degrees of freedom.
    imaginary: disagreements that are added to those seen.
    """

    mean: float
    square: float
    skew: float
    videos: float
    groups: float
    units: float
    between: float = 0.0
    doubt: float = 0.0
    imaginary: float = _IMAGINARY

    @property
    def error(self) -> float:
        """Standard error, with the imaginary disagreements; infinite for one group."""
        return float(np.sqrt(self._variance() + self.between))

    @property
    def noise(self) -> float:
        """How far the mean would vary from one such test to the next: the standard error as it was observed."""
        if self.videos <= 0:
            return float("inf")
        return float(np.sqrt(max(0.0, self.square - self.mean**2) / self.videos + self.between))

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """The two-sided interval, within -1..1 and around the mean; (-1, 1) for one group."""
        if self.videos <= 0:
            return -1.0, 1.0
        low, high = (self._limit((1 - level) / 2, side) for side in (-1, 1))
        return min(self.mean, max(-1.0, low)), max(self.mean, min(1.0, high))

    def p_above(self, value: float) -> float:
        """One-sided p of the hypothesis that the true mean is `value` or less."""
        return self._p(value, -1)

    def p_below(self, value: float) -> float:
        """One-sided p of the hypothesis that the true mean is `value` or more."""
        return self._p(value, 1)

    def p_zero(self) -> float:
        """Two-sided p of the hypothesis that the true mean is 0."""
        return min(1.0, 2 * (self.p_above(0.0) if self.mean > 0 else self.p_below(0.0)))

    def times(self, factor: float) -> Estimate:
        """The same figures from so many times the groups."""
        return replace(self, videos=self.videos * factor, groups=self.groups * factor, units=self.units * factor)

    def _variance(self) -> float:
        if self.videos <= 0:
            return float("inf")
        total = self.videos + self.imaginary
        centre = self.videos * self.mean / total
        return ((self.videos * self.square + self.imaginary) / total - centre**2) / total

    def _limit(self, tail: float, side: int) -> float:
        own = self._variance()
        freedom = max(self.units - 1, 1.0)
        freedom = (own + self.between) ** 2 / (own**2 / freedom + self.doubt)
        z = float(ndtri(tail))
        centre = self.mean + (2 * z**2 + 1) / 6 * self.skew / self.videos
        return centre - side * float(stdtrit(freedom, tail)) * self.error

    def _p(self, value: float, side: int) -> float:
        """The tail at which the limit on that side is `value`."""
        if self.videos <= 0:
            return 0.5

        def beyond(score: float) -> bool:
            return side * (value - self._limit(float(ndtr(score)), side)) > 0

        scores = np.arange(_MOST, -_MOST - _STEP, -_STEP).tolist()  # normal scores of ever smaller tails
        low = next((score for score in scores if not beyond(score)), -_MOST)
        high = low + _STEP
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if beyond(middle) else (middle, high)
        return float(ndtr(high))


def estimate(values: Floats, codes: Ints, trainings: Sequence[Floats] = (), weights: Floats | float = 1.0) -> Estimate:
    """The mean of `values` and what an interval needs.

    values: (n,) float in -1..1, the mean over trainings. codes: (n,) int, the group of each video.
    trainings: for each family (seeds, n), what each of its trainings gave; the variance between their means
    is added where there are two or more. weights: (n,) in 0..1, what values and trainings were multiplied by.
    """
    rest = values - values.mean()
    single = float((rest**2).sum())
    whole = _wholeness(trainings, weights)
    videos = effective_videos(values, codes, _PRIOR * whole)
    design = len(values) / videos if videos else 1.0
    between, known = 0.0, 0.0
    for family in trainings:
        if len(family) > 1:
            net, raw = _between(family, codes)
            between, known = between + net, known + raw**2 / (len(family) - 1)
    return Estimate(
        mean=float(values.mean()),
        square=float((values**2).mean()),
        skew=float((rest**3).sum()) / (single + _PRIOR * whole * design),
        videos=videos,
        groups=float(len(np.unique(codes))),
        units=units(codes),
        between=between,
        doubt=known,
        imaginary=_IMAGINARY * whole,
    )


def _wholeness(trainings: Sequence[Floats], weights: Floats | float) -> float:
    """How large a disagreement is after averaging over trainings: 1 if all trainings share it, else less."""
    fewest = min((len(family) for family in trainings), default=1)
    if len(trainings) < 2 or fewest < 2:
        return 1.0
    one, two = (family.mean(axis=0) for family in trainings)
    # how often two trainings disagree: rights are 0 or 1, before they were weighted
    apart = float((weights * (one + two) - 2 * one * two).mean())
    return min(1.0, max(1 / fewest, float(((two - one) ** 2).mean()) / apart)) if apart > 0 else 1.0


def _between(family: Floats, codes: Ints) -> tuple[float, float]:
    """What the choice of trainings adds to the variance of their mean: (net, raw).

    family: (seeds, n). raw: variance of the trainings' means over their number. net: less what chance on so
    few groups puts into it, which the variance between groups holds already (Cameron, Gelbach & Miller 2011,
    J. Business & Economic Statistics 29: two ways of clustering); at least 0.
    """
    seeds, videos = family.shape
    means = family.mean(axis=1, keepdims=True)
    raw = float(np.var(means, ddof=1)) / seeds
    rest = (family - family.mean(axis=0)) - (means - means.mean())
    sums = np.array([np.bincount(codes, row) for row in rest])
    n_groups = len(np.unique(codes))
    if n_groups < 2:
        return raw, raw
    both = float((sums**2).sum()) / videos**2 / (seeds * (seeds - 1)) * n_groups / (n_groups - 1)
    return max(0.0, raw - both), raw


def group_codes(groups: Sequence[str]) -> tuple[int, Ints]:
    """The number of groups, and (n,) int: the group of each video."""
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    return len(names), codes


def effective_videos(values: Floats, codes: Ints, prior: float = _PRIOR) -> float:
    """How many independent videos the n videos are worth, at most n.

    values: (n,) float. codes: (n,) int, the group of each. prior: disagreements of groups of one mind that are
    taken as seen. 0 for one group alone, which says nothing of
    others. If no value differs from another, equal groups count as one video each. For unequal
    ones that is taken halfway between the number of groups and (sum of sizes)^2 / (sum of squares).
    """
    counts = np.bincount(codes)
    present = counts > 0
    sizes, videos = counts[present].astype(float), float(len(values))
    n_groups = len(sizes)
    if n_groups < 2:
        return 0.0
    largest = videos / kish(codes)  # the design effect of groups of one mind, by their sizes
    alike = (largest + videos / n_groups) / 2
    rest = values - values.mean()
    sums = np.bincount(codes, rest)[present]
    moved = sums / (videos - sizes)  # the mean without each group
    single = float((rest**2).sum())
    whole = videos**2 * float((moved**2).sum()) * (n_groups - 1) / n_groups
    whole = max(whole, single * (1 + (largest - 1) * _correlation(sums, sizes, single)))
    design = (whole + prior * alike) / (single + prior)
    return float(videos / np.clip(design, 1.0, largest))


def units(codes: Ints) -> float:
    """How many equal groups a variance is as well known from: the harmonic mean of their number and Kish's."""
    return 2 / (1 / len(np.unique(codes)) + 1 / kish(codes))


def kish(codes: Ints) -> float:
    """How many equal groups unequal ones are worth: (sum of sizes)^2 / (sum of squares)."""
    sizes = np.bincount(codes).astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def _correlation(sums: NDArray[Any], sizes: NDArray[Any], total: float) -> float:
    """Of two videos of a group, by the analysis of variance; at most 1, below 0 where groups are mixed.

    sums: (groups,), of the values less their mean. sizes: (groups,), how many. total: the sum of their squares.
    """
    n_groups, videos = len(sizes), float(sizes.sum())
    if n_groups == videos:
        return 0.0
    explained = float((sums**2 / sizes).sum())
    among, within = explained / (n_groups - 1), max(0.0, total - explained) / (videos - n_groups)
    typical = (videos - float((sizes**2).sum()) / videos) / (n_groups - 1)
    spread = among + (typical - 1) * within
    return min(1.0, (among - within) / spread) if spread > 0 else 0.0


def mean_interval(values: Floats, codes: Ints, most: float, level: float = LEVEL) -> tuple[float, float]:
    """The interval of the mean of values in 0..most: Student's t on the jackknife over groups; all of it for one group.

    values: (n,). codes: (n,) int, the group of each.
    """
    counts = np.bincount(codes)
    sizes = counts[counts > 0]
    if len(sizes) < 2:
        return 0.0, most
    sums = np.bincount(codes, values - values.mean())[counts > 0]
    moved = sums / (len(values) - sizes)
    error = float(np.sqrt((moved**2).sum() * (len(sizes) - 1) / len(sizes)))
    half = float(stdtrit(max(units(codes) - 1, 1.0), (1 + level) / 2)) * error
    return max(0.0, float(values.mean()) - half), min(most, float(values.mean()) + half)


def proportion_interval(rights: Floats, codes: Ints, level: float = LEVEL) -> tuple[float, float]:
    """The interval of a share of videos: Wilson's, on the effective number of videos, with Student's t.

    rights: (n,) float in 0..1 (the mean over seeds). Wilson with effective sizes did best of seven in
    Franco, Little, Louis & Slud 2019, J. Survey Statistics and Methodology 7. Never of zero width.
    """
    videos = effective_videos(rights, codes) if len(rights) else 0.0
    if videos <= 0:
        return 0.0, 1.0
    share = float(rights.mean())
    square = float(stdtrit(max(units(codes) - 1, 1.0), (1 + level) / 2)) ** 2
    centre = (videos * share + square / 2) / (videos + square)
    half = np.sqrt(square * (videos * share * (1 - share) + square / 4)) / (videos + square)
    return min(share, max(0.0, float(centre - half))), max(share, min(1.0, float(centre + half)))
