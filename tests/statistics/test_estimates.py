"""The interval and p values of a mean difference."""

import numpy as np
import pytest
from scipy.stats import binom, norm, t

from stillmotion.statistics import Estimate, balancing_weights, estimate_balanced, estimate_mean

RNG = np.random.default_rng((12,))
SINGLES = np.arange(40)


def differences(better: int, worse: int, n: int = 40) -> np.ndarray:
    return np.array([1.0] * better + [-1.0] * worse + [0.0] * (n - better - worse))


def test_the_interval_of_independent_videos_is_bonett_and_prices_with_students_t_and_johnsons_shift() -> None:
    values = differences(10, 4)
    estimate = estimate_mean(values, SINGLES)
    total, mean = 40 + 2, values.mean()
    center = 40 * mean / total
    standard_error = np.sqrt(((14 + 2) / total - center**2) / total)
    skew = ((values - mean) ** 3).sum() / (((values - mean) ** 2).sum() + 1)
    z = norm.ppf(0.975)
    shift = (2 * z**2 + 1) / 6 * skew / 40
    half = t.ppf(0.975, 39) * standard_error
    assert estimate.interval() == pytest.approx((mean + shift - half, mean + shift + half))
    assert estimate.standard_error == pytest.approx(standard_error)
    assert estimate.observed_se == pytest.approx(values.std() / np.sqrt(40))


def test_an_interval_has_a_width_where_nothing_disagrees() -> None:
    low, high = estimate_mean(np.zeros(40), SINGLES).interval()
    assert low == pytest.approx(-high)
    assert high == pytest.approx(t.ppf(0.975, 39) * np.sqrt(2 / 42 / 42))


def test_the_interval_turns_with_the_sign() -> None:
    values, codes = differences(9, 2), np.repeat(np.arange(10), 4)
    low, high = estimate_mean(values, codes).interval()
    assert estimate_mean(-values, codes).interval() == pytest.approx((-high, -low))


def test_the_interval_grows_with_its_level_and_holds_the_mean() -> None:
    estimate = estimate_mean(differences(30, 0), SINGLES)
    widths = [np.diff(estimate.interval(level))[0] for level in (0.5, 0.9, 0.95, 0.99)]
    assert widths == sorted(widths)
    for level in (0.01, 0.5, 0.999999):
        low, high = estimate.interval(level)
        assert -1 <= low <= estimate.mean <= high <= 1


def test_one_group_says_nothing() -> None:
    estimate = estimate_mean(differences(30, 0), np.zeros(40, np.intp))
    assert estimate.interval() == (-1.0, 1.0)
    assert (estimate.p_above(0.05), estimate.p_below(0.05)) == (0.5, 0.5)
    assert estimate.observed_se == estimate.standard_error == float("inf")


@pytest.mark.parametrize("shape", [(10, 2), (2, 10), (25, 0), (0, 3), (0, 0), (20, 20)])
@pytest.mark.parametrize("value", [-0.2, 0.0, 0.05, 0.3])
def test_p_is_the_tail_at_which_the_limit_reaches_the_value(shape: tuple[int, int], value: float) -> None:
    estimate = estimate_mean(differences(*shape), np.repeat(np.arange(20), 2))
    for p, side in ((estimate.p_above(value), 0), (estimate.p_below(value), 1)):
        if 1e-6 < p < 0.5:  # a two-sided interval of level 1 - 2p has that limit
            assert estimate.interval(1 - 2 * p)[side] == pytest.approx(value, abs=1e-6)
        assert 0 < p < 1


def test_p_above_and_p_below_ask_opposite_questions() -> None:
    estimate = estimate_mean(differences(20, 1), SINGLES)
    assert estimate.p_above(0.05) < 0.001
    assert estimate.p_below(0.05) > 0.99
    assert estimate.p_above(0.9) > 0.99
    assert estimate.p_below(0.9) < 0.001


def test_the_two_sided_p_is_close_to_the_mid_p_of_the_sign_test() -> None:
    for better, worse in ((12, 3), (3, 12), (9, 6), (8, 7)):
        estimate = estimate_mean(differences(better, worse), SINGLES)
        more = max(better, worse)
        mid_p = 2 * (binom.sf(more, 15, 0.5) + binom.pmf(more, 15, 0.5) / 2)
        assert estimate.p_zero() == pytest.approx(mid_p, abs=0.02)
    assert estimate_mean(np.zeros(40), SINGLES).p_zero() == pytest.approx(1.0)


def test_no_p_is_smaller_than_1e_12() -> None:
    estimate = estimate_mean(np.ones(4000), np.arange(4000))
    assert 1e-13 < estimate.p_above(0.0) < 1e-11
    assert estimate.p_below(0.0) == pytest.approx(1.0)


def test_more_groups_narrow_the_interval_as_their_root() -> None:
    estimate = estimate_mean(differences(60, 40, 400), np.arange(400))
    larger = estimate.times(4)
    assert (larger.groups, larger.effective_n, larger.effective_groups) == (1600, 4 * estimate.effective_n, 1600)
    assert larger.mean == estimate.mean
    assert np.diff(larger.interval())[0] == pytest.approx(np.diff(estimate.interval())[0] / 2, rel=0.03)
    assert larger.observed_se == pytest.approx(estimate.observed_se / 2)


def test_trainings_that_differ_widen_the_interval() -> None:
    """The variance between trainings' means adds to that between videos, with few degrees of freedom."""
    codes = np.repeat(np.arange(30), 4)
    still = np.zeros((3, 120))
    alike = (RNG.random((1, 120)) < 0.6).astype(float).repeat(3, axis=0)
    apart = (RNG.random((3, 120)) < [[0.2], [0.6], [1.0]]).astype(float)
    like, far = (estimate_mean(motion.mean(0) - still.mean(0), codes, (still, motion)) for motion in (alike, apart))
    assert like.between == 0.0
    raw = np.var(apart.mean(axis=1), ddof=1) / 3
    assert far.between == pytest.approx(raw, rel=0.1)
    assert far.between < raw  # less what chance on so few videos puts into it
    assert far.between_df_term == pytest.approx(raw**2 / 2)
    assert far.standard_error > 3 * like.standard_error


def test_a_single_training_has_no_variance_between_trainings() -> None:
    table = (RNG.random((1, 40)) < 0.5).astype(float)
    estimate = estimate_mean(table[0], SINGLES, (np.zeros((1, 40)), table))
    assert (estimate.between, estimate.between_df_term, estimate.pseudo_counts) == (0.0, 0.0, 2.0)


def test_disagreements_of_single_trainings_are_smaller() -> None:
    """Four trainings that never share a disagreement: each counts a quarter, and so do the pseudo-counts."""
    still, motion = np.ones((4, 40)), np.ones((4, 40))
    for training in range(4):
        motion[training, training] = 0.0
    estimate = estimate_mean(motion.mean(0) - still.mean(0), SINGLES, (still, motion))
    assert estimate.pseudo_counts == pytest.approx(0.5)
    shared = np.ones((4, 40))
    shared[:, 0] = 0.0
    assert estimate_mean(shared.mean(0) - still.mean(0), SINGLES, (still, shared)).pseudo_counts == pytest.approx(2.0)


def test_the_estimate_holds_what_the_interval_rests_on() -> None:
    values = differences(10, 4)
    estimate = estimate_mean(values, np.repeat(np.arange(20), 2))
    assert isinstance(estimate, Estimate)
    assert (estimate.mean, estimate.mean_square) == pytest.approx((6 / 40, 14 / 40))
    assert (estimate.groups, estimate.effective_groups) == (20, 20)
    assert 20 <= estimate.effective_n <= 40


def test_the_interval_over_trainings_has_satterthwaites_degrees_of_freedom() -> None:
    """The sampling variance has 29 degrees of freedom, the variance between the three trainings has two."""
    codes = np.repeat(np.arange(30), 4)
    still = np.zeros((3, 120))
    motion = (RNG.random((3, 120)) < [[0.2], [0.6], [1.0]]).astype(float)
    estimate = estimate_mean(motion.mean(0) - still.mean(0), codes, (still, motion))
    sampling = estimate.standard_error**2 - estimate.between
    raw = np.var(motion.mean(axis=1), ddof=1) / 3
    freedom = estimate.standard_error**4 / (sampling**2 / 29 + raw**2 / 2)
    low, high = estimate.interval(0.5)  # a wider one would end at 1
    assert freedom < 4
    assert high - low == pytest.approx(2 * t.ppf(0.75, freedom) * estimate.standard_error)


def test_the_variance_between_trainings_is_net_of_chance_on_few_groups() -> None:
    """Two-way clustering: less the variance of what is neither the training's nor the group's."""
    codes = np.repeat(np.arange(6), 5)
    motion = (RNG.random((4, 30)) < [[0.3], [0.5], [0.7], [0.9]]).astype(float)
    estimate = estimate_mean(motion.mean(0), codes, (np.zeros((4, 30)), motion))
    means = motion.mean(axis=1)
    interaction = motion - motion.mean(axis=0) - means[:, None] + means.mean()
    cells = interaction.reshape(4, 6, 5).sum(axis=2)
    chance = (cells**2).sum() / 30**2 / (4 * 3) * 6 / 5
    assert estimate.between == pytest.approx(np.var(means, ddof=1) / 4 - chance)


def test_two_trainings_are_enough_to_see_that_disagreements_are_smaller() -> None:
    still, motion = np.ones((2, 40)), np.ones((2, 40))
    motion[0, 0] = motion[1, 1] = 0.0
    assert estimate_mean(motion.mean(0) - still.mean(0), SINGLES, (still, motion)).pseudo_counts == pytest.approx(1.0)


def test_limits_stay_within_minus_1_and_1() -> None:
    estimate = estimate_mean(np.ones(6), np.arange(6))
    assert estimate.interval(0.999)[1] == 1.0
    assert estimate_mean(-np.ones(6), np.arange(6)).interval(0.999)[0] == -1.0


def test_two_very_unequal_groups_have_one_degree_of_freedom() -> None:
    values, codes = np.array([1.0, *[0.0] * 19]), np.array([0, *[1] * 19])
    estimate = estimate_mean(values, codes)
    assert estimate.effective_groups < 2
    low, high = estimate.interval(0.6)
    assert high - low == pytest.approx(2 * t.ppf(0.8, 1) * estimate.standard_error, rel=1e-6)


def test_balanced_means_count_labels_alike_whatever_their_numbers() -> None:
    labels = np.array([0] * 30 + [1] * 10)
    values = np.array([0.0] * 30 + [1.0] * 10)
    weights = balancing_weights(labels)
    assert weights.mean() == pytest.approx(1)
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    estimate = estimate_balanced(weights * values, SINGLES, labels, (), weights)
    assert estimate.mean == pytest.approx(0.5)
    assert estimate.largest == weights.max() == 2.0


def test_how_many_videos_a_label_has_makes_no_balanced_mean_uncertain() -> None:
    """Only differences within a label do. The width that is left is that of the pseudo-disagreements."""
    labels = np.repeat([0, 1], [100, 20])
    weights = balancing_weights(labels)
    apart = estimate_balanced(weights * labels, np.arange(120), labels, (), weights)
    within = estimate_balanced(weights * (np.arange(120) % 2), np.arange(120), labels, (), weights)
    assert apart.observed_se == pytest.approx(0)
    by_label = np.sqrt((0.25 / 100 + 0.25 / 20) / 4)
    assert within.observed_se == pytest.approx(by_label, rel=0.05)


def test_a_rare_label_in_few_groups_has_few_degrees_of_freedom() -> None:
    codes = np.repeat(np.arange(50), 4)
    labels = (codes < 2).astype(np.intp)
    values = np.tile([1.0, 0.0, -1.0, 0.0], 50)
    weights = balancing_weights(labels)
    assert estimate_balanced(weights * values, codes, labels, (), weights).effective_groups < 4
    spread = (np.arange(200) % 25 == 0).astype(np.intp)
    weights = balancing_weights(spread)
    assert estimate_balanced(weights * values, codes, spread, (), weights).effective_groups > 7


def test_weights_scale_an_estimate() -> None:
    """A weight of 0.5 for every video is the interval of the halved values."""
    values, codes = differences(9, 2), np.repeat(np.arange(10), 4)
    low, high = estimate_mean(values, codes).interval()
    halved = estimate_mean(0.5 * values, codes, (), 0.5)
    assert halved.interval() == pytest.approx((0.5 * low, 0.5 * high))
