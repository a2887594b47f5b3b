"""Intervals that hold at every look."""

import numpy as np
import pytest
from scipy.stats import norm

from stillmotion.statistics import sequential_level


def test_the_level_is_that_of_robbins_normal_mixture() -> None:
    """Waudby-Smith et al. 2024: the half width is sqrt(2 (t r^2 + 1) / (t r)^2 * log(sqrt(t r^2 + 1) / alpha))."""
    alpha = 0.05
    rho_squared = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha)) + 1) / 30
    for groups in (5, 30, 200):
        t = groups * rho_squared
        half_width = np.sqrt(2 * (t + 1) / (groups * t) * np.log(np.sqrt(t + 1) / alpha))
        assert norm.ppf((1 + sequential_level(groups)) / 2) == pytest.approx(half_width * np.sqrt(groups))


def test_it_is_above_the_usual_level_and_the_narrowest_near_thirty_groups() -> None:
    levels = {groups: sequential_level(groups) for groups in (3, 10, 30, 100, 1000)}
    assert min(levels.values()) > 0.995
    assert min(levels, key=levels.__getitem__) == 30
    assert sequential_level(30, 0.8) < sequential_level(30, 0.95)


def test_a_random_walk_rarely_leaves_it() -> None:
    """Of 2000 walks with 400 looks, at most 5 % are ever outside; of the usual intervals, a third."""
    walks = np.random.default_rng((1,)).normal(size=(2000, 400)).cumsum(axis=1) / np.sqrt(np.arange(1, 401))
    limits = norm.ppf([(1 + sequential_level(groups)) / 2 for groups in range(1, 401)])
    assert (abs(walks) > limits).any(axis=1).mean() < 0.05
    assert (abs(walks) > 1.96).any(axis=1).mean() > 0.3
