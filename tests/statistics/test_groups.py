"""What grouped videos are worth."""

import numpy as np
import pytest

from stillmotion.statistics import effective_groups, effective_videos, group_codes, kish
from stillmotion.statistics.groups import intraclass_correlation

RNG = np.random.default_rng((11,))


def test_groups_are_numbered() -> None:
    n_groups, codes = group_codes(["b", "a", "b", "c"])
    assert n_groups == 3
    assert codes.tolist() == [1, 0, 1, 2]


def test_equal_groups_count_fully() -> None:
    codes = np.repeat(np.arange(7), 4)
    assert kish(codes) == pytest.approx(7)
    assert effective_groups(codes) == pytest.approx(7)


def test_unequal_groups_count_less() -> None:
    """Kish: (4 + 1 + 1)^2 / (16 + 1 + 1) = 2; the harmonic mean of 3 and 2 is 2.4."""
    codes = np.array([0, 0, 0, 0, 1, 2])
    assert kish(codes) == pytest.approx(2.0)
    assert effective_groups(codes) == pytest.approx(2.4)


def test_independent_videos_are_worth_their_number() -> None:
    values = RNG.random(400)
    assert effective_videos(values, np.arange(400)) == pytest.approx(400, rel=0.02)


def test_videos_of_one_outcome_per_group_are_worth_their_groups() -> None:
    codes = np.repeat(np.arange(50), 6)
    values = RNG.integers(2, size=50)[codes].astype(float)
    assert effective_videos(values, codes) == pytest.approx(50, rel=0.05)


def test_mixed_groups_are_worth_no_more_than_their_videos() -> None:
    codes = np.repeat(np.arange(20), 2)
    values = np.tile([0.0, 1.0], 20)
    assert effective_videos(values, codes) == pytest.approx(40)


def test_without_disagreement_every_group_is_one_video() -> None:
    assert effective_videos(np.ones(30), np.repeat(np.arange(10), 3)) == pytest.approx(10)
    sizes = [12, *[1] * 12]
    codes = np.repeat(np.arange(13), sizes)
    assert kish(codes) < effective_videos(np.ones(24), codes) < 13  # halfway, in the design effect


def test_one_group_says_nothing() -> None:
    assert effective_videos(np.array([0.0, 1.0, 1.0]), np.zeros(3, np.intp)) == 0.0


def test_numbers_of_groups_may_have_gaps() -> None:
    values = RNG.random(12)
    codes = np.repeat([0, 1, 2, 3], 3)
    assert effective_videos(values, 5 * codes) == pytest.approx(effective_videos(values, codes))


def test_the_prior_fades_with_disagreements() -> None:
    codes = np.repeat(np.arange(40), 5)
    values = (RNG.random(200) < 0.5).astype(float)
    assert effective_videos(values, codes, 0.0) > effective_videos(values, codes, 1.0) > 120
    assert effective_videos(values, codes, 1e9) == pytest.approx(40, rel=1e-3)


def test_a_few_large_groups_that_agree_by_chance_are_not_many_videos() -> None:
    """The jackknife sees no variance between three large groups; the intraclass correlation does."""
    codes = np.repeat(np.arange(23), [20, 20, 20, *[1] * 20])
    values = np.concatenate([np.ones(60), np.tile([0.0, 1.0], 10)])
    assert effective_videos(values, codes) < 15


def test_intraclass_correlation_is_that_of_the_analysis_of_variance() -> None:
    """Two groups of two: among = 4 * 0.25 / 1 = 1 for full agreement, 0 for full mixing."""
    sizes = np.array([2.0, 2.0])
    assert intraclass_correlation(np.array([1.0, -1.0]), sizes, 1.0) == pytest.approx(1.0)
    assert intraclass_correlation(np.array([0.0, 0.0]), sizes, 1.0) == pytest.approx(-1.0)
    assert intraclass_correlation(np.array([0.5, -0.5]), np.array([1.0, 1.0]), 0.5) == 0.0
    assert intraclass_correlation(np.zeros(2), sizes, 0.0) == 0.0


def test_intraclass_correlation_estimates_the_truth() -> None:
    codes = np.repeat(np.arange(400), 5)
    values = np.sqrt(0.3) * RNG.normal(size=400)[codes] + np.sqrt(0.7) * RNG.normal(size=2000)
    values -= values.mean()
    sums = np.bincount(codes, values).astype(float)
    correlation = intraclass_correlation(sums, np.full(400, 5.0), float((values**2).sum()))
    assert correlation == pytest.approx(0.3, abs=0.05)


def test_the_design_effect_is_the_jackknifes_over_that_of_single_videos() -> None:
    """Unequal groups, no prior, and a correlation within groups that the jackknife exceeds."""
    sizes = [2, 3, 4, 5]
    codes = np.repeat(np.arange(4), sizes)
    values = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    without = np.array([values[codes != group].mean() for group in range(4)])
    jackknife = ((values.mean() - without) ** 2).sum() * 3 / 4
    single = ((values - values.mean()) ** 2).sum() / 14**2
    assert effective_videos(values, codes, 0.0) == pytest.approx(14 / min(jackknife / single, 14 / kish(codes)))


def test_intraclass_correlation_of_unequal_groups_is_donner_and_klars() -> None:
    sizes = np.array([2.0, 3.0, 5.0])
    codes = np.repeat(np.arange(3), sizes.astype(int))
    values = np.array([0.9, 0.7, 0.1, 0.2, 0.3, 0.5, 0.4, 0.6, 0.5, 0.8])
    deviations = values - values.mean()
    sums = np.bincount(codes, deviations).astype(float)
    group_means = np.array([values[codes == group].mean() for group in range(3)])
    among = (sizes * (group_means - values.mean()) ** 2).sum() / 2
    within = ((values - group_means[codes]) ** 2).sum() / 7
    typical = (10 - (sizes**2).sum() / 10) / 2
    expected = (among - within) / (among + (typical - 1) * within)
    correlation = intraclass_correlation(sums, sizes, float((deviations**2).sum()))
    assert correlation == pytest.approx(expected)
