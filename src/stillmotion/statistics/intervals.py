"""Intervals of a proportion and of a mean over grouped videos, and the textbook interval to check ours against."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from stillmotion.statistics.arrays import Floats, Ints
from stillmotion.statistics.estimates import CONFIDENCE
from stillmotion.statistics.groups import effective_groups, effective_videos


def proportion_interval(values: Floats, codes: Ints, level: float = CONFIDENCE) -> tuple[float, float]:
    """The interval of a proportion of videos: Wilson's on the effective number of videos, with Student's t.

    Wilson's interval with effective sizes did best of seven in Franco, Little, Louis & Slud 2019, J. Survey Statistics
    and Methodology 7. It never has zero width.

    Args:
        values: `(n,)` in 0..1, such as the mean over seeds of being correct.
        codes: `(n,)`, the group of each video.
        level: confidence, between 0 and 1.

    Returns:
        Low and high, within 0..1; (0, 1) for a single group or no video.
    """
    effective_n = effective_videos(values, codes) if len(values) else 0.0
    if effective_n <= 0:
        return 0.0, 1.0
    share = float(values.mean())
    t_squared = float(stdtrit(max(effective_groups(codes) - 1, 1.0), (1 + level) / 2)) ** 2
    center = (effective_n * share + t_squared / 2) / (effective_n + t_squared)
    half = np.sqrt(t_squared * (effective_n * share * (1 - share) + t_squared / 4)) / (effective_n + t_squared)
    return min(share, max(0.0, float(center - half))), max(share, min(1.0, float(center + half)))


def mean_interval(values: Floats, codes: Ints, maximum: float, level: float = CONFIDENCE) -> tuple[float, float]:
    """The interval of a mean: Student's t on the jackknife over groups.

    Args:
        values: `(n,)` in 0..maximum.
        codes: `(n,)`, the group of each video.
        maximum: the largest possible value.
        level: confidence, between 0 and 1.

    Returns:
        Low and high, within 0..maximum; (0, maximum) for a single group.
    """
    counts = np.bincount(codes)
    sizes = counts[counts > 0]
    if len(sizes) < 2:
        return 0.0, maximum
    mean = float(values.mean())
    sums = np.bincount(codes, values - values.mean())[counts > 0]
    shifts = sums / (len(values) - sizes)  # how far the mean moves without each group
    standard_error = float(np.sqrt((shifts**2).sum() * (len(sizes) - 1) / len(sizes)))
    half = float(stdtrit(max(effective_groups(codes) - 1, 1.0), (1 + level) / 2)) * standard_error
    return max(0.0, mean - half), min(maximum, mean + half)


def cluster_robust_interval(values: Floats, codes: Ints, level: float = CONFIDENCE) -> tuple[float, float]:
    """The textbook interval of a mean of grouped values: cluster-robust standard error (CR1) and Student's t.

    This is the intercept of a regression with standard errors clustered by group, with groups - 1 degrees of freedom
    (Cameron & Miller 2015, J. Human Resources 50, section II). It is a cross-check: it has no width where no two
    videos differ, and is too narrow for few or unequal groups, which is why no verdict rests on it.

    Args:
        values: `(n,)` in -1..1.
        codes: `(n,)`, the group of each video.
        level: confidence, between 0 and 1.

    Returns:
        Low and high, not clipped; (-1, 1) for a single group.
    """
    n_groups = len(np.unique(codes))
    if n_groups < 2:
        return -1.0, 1.0
    mean = float(values.mean())
    sums = np.bincount(codes, values - values.mean())
    standard_error = float(np.sqrt(n_groups / (n_groups - 1) * (sums**2).sum())) / len(values)
    half = float(stdtrit(n_groups - 1, (1 + level) / 2)) * standard_error
    return mean - half, mean + half
