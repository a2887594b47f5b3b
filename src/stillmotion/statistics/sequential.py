"""Looking again: intervals that hold at every look, however often recordings are added.

The interval of a mean over G groups excludes a true value somewhere along the way far more often than in 5 % of all
studies, if one looks again after each group that is added. A confidence sequence does not. This one is Robbins' normal
mixture (1970, Annals of Mathematical Statistics 41) in its asymptotic form (Waudby-Smith, Arbour, Sinha, Kennedy &
Ramdas 2024, Annals of Statistics 52): the normal score grows slowly with G. Here, it only sets the level of the usual
interval, which so keeps its corrections for few groups. benchmarks/coverage.py looks again and again.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from stillmotion.statistics.estimates import CONFIDENCE

BEST_AT_GROUPS = 30.0  # the number of groups for which the sequence is narrowest


def sequential_level(groups: float, level: float = CONFIDENCE) -> float:
    """The level of an interval over so many groups such that all looks together hold at `level`.

    Args:
        groups: number of groups.
        level: the confidence that no interval, at any number of groups, excludes the true value.

    Returns:
        A level above `level`.
    """
    alpha = 1 - level
    doubled = -2 * np.log(alpha)
    information = groups * (doubled + np.log(doubled) + 1) / BEST_AT_GROUPS
    score = np.sqrt((1 + 1 / information) * (np.log1p(information) + doubled))
    return float(2 * ndtr(score) - 1)
