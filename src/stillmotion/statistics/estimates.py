"""The mean of a value over few, grouped videos, with its interval and p values.

A difference of paired accuracies gets Bonett & Price's adjusted Wald interval (2012, J. Educational and Behavioral
Statistics 37): two pseudo-disagreements, one each way, widen it, so that it has a width where nothing disagrees.
Simulation showed three faults, and each has a correction:

- Student's t instead of the normal distribution, as the variance is measured from few groups (`effective_groups` - 1
  degrees of freedom).
- The center is moved by the skewness of the differences (Johnson 1978, J. American Statistical Association 73).
  Without it, one-sided differences were missed too often on one side.
- With several trainings per model, the variance between their means is added (degrees of freedom by Satterthwaite
  1946, Biometrics 2).

benchmarks/coverage.py shows how often the interval contains the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, stdtrit

from stillmotion.statistics.arrays import Floats, Ints
from stillmotion.statistics.groups import PRIOR, effective_groups, effective_videos

CONFIDENCE = 0.95  # of intervals
ALPHA = 0.05  # of tests

_PSEUDO_COUNTS = 2.0  # disagreements, one each way (Bonett & Price)
_MAX_SCORE = 7.0  # as a normal score: no p is reported smaller than 1e-12
_SCORES = np.arange(_MAX_SCORE, -_MAX_SCORE - 0.25, -0.25)


@dataclass(frozen=True)
class Estimate:
    """The mean of a value in -1..1 over grouped videos, and what its interval rests on.

    Attributes:
        mean: the mean over videos.
        mean_square: mean of the squared values.
        skew: third central moment over the variance.
        effective_n: how many independent videos would measure the mean as well.
        groups: number of groups.
        effective_groups: how many equal groups would measure the variance as well.
        between: what the choice of trainings adds to the variance of the mean.
        between_df_term: the squared variance between trainings over its degrees of freedom, for Satterthwaite.
        pseudo_counts: disagreements that are added to the observed ones.
        largest: the size of a disagreement in the video with the largest weight, and of those that are added.
    """

    mean: float
    mean_square: float
    skew: float
    effective_n: float
    groups: float
    effective_groups: float
    between: float = 0.0
    between_df_term: float = 0.0
    pseudo_counts: float = _PSEUDO_COUNTS
    largest: float = 1.0

    @property
    def standard_error(self) -> float:
        """Standard error with the pseudo-disagreements; infinite for one group."""
        return float(np.sqrt(self._variance() + self.between))

    @property
    def observed_se(self) -> float:
        """Standard error as observed: how far the mean varies from one such test to the next."""
        if self.effective_n <= 0:
            return float("inf")
        return float(np.sqrt(max(0.0, self.mean_square - self.mean**2) / self.effective_n + self.between))

    def interval(self, level: float = CONFIDENCE) -> tuple[float, float]:
        """The two-sided interval.

        Args:
            level: confidence, between 0 and 1.

        Returns:
            Low and high, within -1..1 and around the mean; (-1, 1) for one group.
        """
        if self.effective_n <= 0:
            return -1.0, 1.0
        low, high = (float(self._limits((1 - level) / 2, side)) for side in (-1, 1))
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
        """The estimate that `factor` times as many groups would give, if mean and spread stayed the same."""
        return replace(
            self,
            effective_n=self.effective_n * factor,
            groups=self.groups * factor,
            effective_groups=self.effective_groups * factor,
        )

    def _variance(self) -> float:
        """Variance of the mean from the sampling of groups, with the pseudo-disagreements."""
        if self.effective_n <= 0:
            return float("inf")
        total = self.effective_n + self.pseudo_counts
        center = self.effective_n * self.mean / total
        pseudo_squares = self.pseudo_counts * self.largest**2
        return ((self.effective_n * self.mean_square + pseudo_squares) / total - center**2) / total

    def _limits(self, tails: Floats | float, side: int) -> Floats:
        """The one-sided limits that leave `tails` outside; side: -1 for lower limits, 1 for upper ones."""
        sampling = self._variance()
        freedom = max(self.effective_groups - 1, 1.0)
        freedom = (sampling + self.between) ** 2 / (sampling**2 / freedom + self.between_df_term)
        center = self.mean + (2 * ndtri(tails) ** 2 + 1) / 6 * self.skew / self.effective_n
        return np.asarray(center - side * stdtrit(freedom, tails) * self.standard_error)

    def _p(self, value: float, side: int) -> float:
        """The tail at which the limit on that side is `value`."""
        if self.effective_n <= 0:
            return 0.5

        def excess(score: float) -> float:
            return side * (value - float(self._limits(ndtr(score), side)))

        # With a skewed estimate the limit is not monotone in the tail: the p value is the largest tail whose limit
        # does not exclude `value`, so bracket the first change of sign from above before solving for it.
        included = np.flatnonzero(side * (value - self._limits(ndtr(_SCORES), side)) <= 0)
        if not len(included):
            return float(ndtr(-_MAX_SCORE))
        if included[0] == 0:
            return float(ndtr(_MAX_SCORE))
        low, high = _SCORES[included[0]], _SCORES[included[0] - 1]
        return float(ndtr(brentq(excess, low, high, xtol=1e-13)))


def estimate_mean(
    values: Floats, codes: Ints, trainings: Sequence[Floats] = (), weights: Floats | float = 1.0
) -> Estimate:
    """The mean of `values` over grouped videos, and what its interval needs.

    Args:
        values: `(n,)` in -1..1, the mean over trainings, times `weights`.
        codes: `(n,)`, the group of each video.
        trainings: for each model an array `(seeds, n)` with the values of its trainings, times `weights`. The variance
            between their means is added where there are two or more.
        weights: `(n,)`, with a mean of 1.

    Returns:
        The estimate.
    """
    deviations = values - values.mean()
    return _estimate(values.mean(), deviations, codes, trainings, weights, effective_groups(codes))


def estimate_balanced(
    values: Floats, codes: Ints, labels: Ints, trainings: Sequence[Floats] = (), weights: Floats | float = 1.0
) -> Estimate:
    """The mean over labels of each label's mean, over grouped videos.

    The number of videos with a label is taken as given: only how far values are from their label's mean makes the
    result uncertain (a linearized, post-stratified mean: Valliant 1993, J. American Statistical Association 88). The
    degrees of freedom are those of a sum of the labels' variances (Satterthwaite 1946), as a rare label may be in few
    groups.

    Args:
        values: as for `estimate_mean`.
        codes: as for `estimate_mean`.
        labels: `(n,)`, the label of each video.
        trainings: as for `estimate_mean`.
        weights: those of `balancing_weights`.

    Returns:
        The estimate.
    """
    deviations = values.astype(float)
    variances, terms = 0.0, 0.0
    for label in np.unique(labels):
        of_label = labels == label
        deviations[of_label] -= values[of_label].mean()
        own = estimate_mean(values[of_label], codes[of_label])
        variance = replace(own, largest=float(np.max(weights))).standard_error ** 2 * float(of_label.mean()) ** 2
        variances += variance
        terms += variance**2 / max(own.effective_groups - 1, 1.0)
    groups = variances**2 / terms + 1 if np.isfinite(variances) else 2.0
    return _estimate(values.mean(), deviations, codes, trainings, weights, min(groups, effective_groups(codes)))


def balancing_weights(labels: Ints) -> Floats:
    """Weights `(n,)` with a mean of 1 that give all labels the same total."""
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights: Floats = len(labels) / len(counts) / counts[places]
    return weights


def _estimate(
    mean: float,
    deviations: Floats,
    codes: Ints,
    trainings: Sequence[Floats],
    weights: Floats | float,
    groups: float,
) -> Estimate:
    sum_of_squares = float((deviations**2).sum())
    size, largest = _disagreement_size(trainings, weights), float(np.max(weights))
    prior = PRIOR * size * largest**2
    effective_n = effective_videos(deviations, codes, prior)
    design_effect = len(deviations) / effective_n if effective_n else 1.0
    between, between_df_term = 0.0, 0.0
    for model in trainings:
        if len(model) > 1:
            net, raw = _variance_between_trainings(model, codes)
            between, between_df_term = between + net, between_df_term + raw**2 / (len(model) - 1)
    return Estimate(
        mean=float(mean),
        mean_square=float(mean**2 + sum_of_squares / len(deviations)),
        skew=float((deviations**3).sum()) / (sum_of_squares + prior * design_effect),
        effective_n=effective_n,
        groups=float(len(np.unique(codes))),
        effective_groups=groups,
        between=between,
        between_df_term=between_df_term,
        pseudo_counts=_PSEUDO_COUNTS * size,
        largest=largest,
    )


def _disagreement_size(trainings: Sequence[Floats], weights: Floats | float) -> float:
    """How large a disagreement is after averaging over trainings: 1 if all trainings share it, otherwise less."""
    fewest = min((len(model) for model in trainings), default=1)
    if len(trainings) < 2 or fewest < 2:
        return 1.0
    first, second = (model.mean(axis=0) for model in trainings)
    # How often two single trainings disagree; outcomes were 0 or 1 before they were weighted.
    disagreement = float((weights * (first + second) - 2 * first * second).mean())
    if disagreement <= 0:
        return 1.0
    return min(1.0, max(1 / fewest, float(((second - first) ** 2).mean()) / disagreement))


def _variance_between_trainings(model: Floats, codes: Ints) -> tuple[float, float]:
    """What the choice of trainings adds to the variance of a model's mean: (net, raw).

    raw is the variance of the trainings' means over their number. net subtracts what chance on so few groups puts
    into it, which the variance between groups holds already (two-way clustering: Cameron, Gelbach & Miller 2011,
    J. Business & Economic Statistics 29). `model` is `(seeds, n)`.
    """
    seeds, videos = model.shape
    means = model.mean(axis=1, keepdims=True)
    raw = float(np.var(means, ddof=1)) / seeds
    interaction = (model - model.mean(axis=0)) - (means - means.mean())
    sums = np.array([np.bincount(codes, training) for training in interaction])
    n_groups = len(np.unique(codes))
    if n_groups < 2:
        return raw, raw
    both = float((sums**2).sum()) / videos**2 / (seeds * (seeds - 1)) * n_groups / (n_groups - 1)
    return max(0.0, raw - both), raw
