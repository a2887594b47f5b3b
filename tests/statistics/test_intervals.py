"""Intervals of proportions and means, and the textbook interval beside ours."""

import numpy as np
import pytest
from scipy.stats import t

from stillmotion.statistics import (
    cluster_robust_interval,
    effective_videos,
    estimate_mean,
    mean_interval,
    proportion_interval,
)

RNG = np.random.default_rng((13,))


def test_a_proportion_of_independent_videos_is_wilsons_with_students_t() -> None:
    values = np.array([1.0] * 30 + [0.0] * 10)
    codes = np.arange(40)
    low, high = proportion_interval(values, codes)
    t2 = t.ppf(0.975, 39) ** 2
    center = (30 + t2 / 2) / (40 + t2)
    half = np.sqrt(t2 * (40 * 0.75 * 0.25 + t2 / 4)) / (40 + t2)
    assert (low, high) == pytest.approx((center - half, center + half))


def test_a_proportion_of_grouped_videos_has_a_wider_interval() -> None:
    values = np.array([1.0] * 30 + [0.0] * 10)
    apart, together = (
        np.diff(proportion_interval(values, codes))[0] for codes in (np.arange(40), np.repeat(np.arange(10), 4))
    )
    assert together > 1.5 * apart


def test_a_proportion_stays_inside_and_holds_its_share() -> None:
    for share in (0.0, 0.02, 0.5, 1.0):
        values = (np.arange(50) < 50 * share).astype(float)
        low, high = proportion_interval(values, np.arange(50))
        assert 0 <= low <= values.mean() <= high <= 1
        assert high - low > 0.05
    wider = proportion_interval(values, np.arange(50), 0.99)
    assert wider[0] < low


def test_nothing_is_known_without_groups() -> None:
    assert proportion_interval(np.ones(9), np.zeros(9, np.intp)) == (0.0, 1.0)
    assert proportion_interval(np.ones(0), np.zeros(0, np.intp)) == (0.0, 1.0)
    assert mean_interval(np.ones(9), np.zeros(9, np.intp), 16.0) == (0.0, 16.0)
    assert cluster_robust_interval(np.ones(9), np.zeros(9, np.intp)) == (-1.0, 1.0)


def test_a_mean_of_equal_groups_is_students_t_on_group_means() -> None:
    values = RNG.normal(5, 1, size=(12, 3))
    codes = np.repeat(np.arange(12), 3)
    means = values.mean(axis=1)
    half = t.ppf(0.95, 11) * means.std(ddof=1) / np.sqrt(12)
    interval = mean_interval(values.ravel(), codes, 16.0, level=0.9)
    assert interval == pytest.approx((means.mean() - half, means.mean() + half))


def test_a_mean_stays_between_0_and_the_maximum() -> None:
    values = np.array([0.0, 0.1, 0.0, 3.9, 4.0, 4.0])
    assert mean_interval(values, np.repeat([0, 1], 3), 4.0) == (0.0, 4.0)
    assert mean_interval(values, np.repeat([0, 2], 3), 4.0) == (0.0, 4.0)  # numbers of groups may have gaps


def test_the_textbook_interval_is_students_t_on_group_means_for_equal_groups() -> None:
    values = RNG.normal(size=(15, 4))
    means = values.mean(axis=1)
    half = t.ppf(0.975, 14) * means.std(ddof=1) / np.sqrt(15)
    interval = cluster_robust_interval(values.ravel(), np.repeat(np.arange(15), 4))
    assert interval == pytest.approx((means.mean() - half, means.mean() + half))


def test_the_textbook_interval_of_unequal_groups_is_cr1_with_an_intercept() -> None:
    """The sandwich of a regression on a constant: (X'X)^-1 X'u u'X (X'X)^-1, times G / (G - 1)."""
    sizes = [1, 2, 3, 10]
    codes = np.repeat(np.arange(4), sizes)
    values = RNG.normal(size=16)
    residuals = values - values.mean()
    meat = sum(residuals[codes == group].sum() ** 2 for group in range(4))
    half = t.ppf(0.95, 3) * np.sqrt(4 / 3 * meat) / 16
    interval = cluster_robust_interval(values, codes, level=0.9)
    assert interval == pytest.approx((values.mean() - half, values.mean() + half))


def test_the_textbook_interval_agrees_with_ours_where_there_is_plenty_of_data() -> None:
    codes = np.repeat(np.arange(200), 5)
    chances = RNG.uniform(0.2, 0.6, 200)[codes]
    values = (RNG.random(1000) < chances).astype(float) - (RNG.random(1000) < 0.2)
    assert cluster_robust_interval(values, codes) == pytest.approx(estimate_mean(values, codes).interval(), abs=0.003)


def test_the_textbook_interval_has_no_width_where_nothing_differs() -> None:
    """Which is why no verdict rests on it."""
    assert cluster_robust_interval(np.zeros(20), np.repeat(np.arange(5), 4)) == (0.0, 0.0)


def test_intervals_of_two_very_unequal_groups_use_one_degree_of_freedom() -> None:
    values, codes = np.array([1.0, *[0.0] * 18, 1.0]), np.array([0, *[1] * 19])
    n = effective_videos(values, codes)
    t2 = t.ppf(0.8, 1) ** 2
    center, width = (n * 0.1 + t2 / 2) / (n + t2), 2 * np.sqrt(t2 * (n * 0.09 + t2 / 4)) / (n + t2)
    low, high = proportion_interval(values, codes, 0.6)
    assert (low, high) == pytest.approx((max(0.0, center - width / 2), center + width / 2))
    shifts = np.array([0.1 - 1 / 19, 0.1 - 1.0])
    half = t.ppf(0.8, 1) * np.sqrt((shifts**2).sum() / 2)
    assert mean_interval(values, codes, 9.0, 0.6)[1] == pytest.approx(0.1 + half)
