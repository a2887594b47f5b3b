"""Statistics of grouped data: NumPy and SciPy only, used by every layer above."""

from stillmotion.statistics.arrays import Floats, Ints
from stillmotion.statistics.estimates import (
    ALPHA,
    CONFIDENCE,
    Estimate,
    balancing_weights,
    estimate_balanced,
    estimate_mean,
)
from stillmotion.statistics.groups import effective_groups, effective_videos, group_codes, kish
from stillmotion.statistics.intervals import cluster_robust_interval, mean_interval, proportion_interval
from stillmotion.statistics.multiplicity import holm
from stillmotion.statistics.sequential import sequential_level

__all__ = [
    "ALPHA",
    "CONFIDENCE",
    "Estimate",
    "Floats",
    "Ints",
    "balancing_weights",
    "cluster_robust_interval",
    "effective_groups",
    "effective_videos",
    "estimate_balanced",
    "estimate_mean",
    "group_codes",
    "holm",
    "kish",
    "mean_interval",
    "proportion_interval",
    "sequential_level",
]
