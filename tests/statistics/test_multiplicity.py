import numpy as np

from stillmotion.statistics import holm


def test_holm_multiplies_by_the_number_that_remains_and_never_falls() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm(np.array([0.02, 0.02, 0.02])), [0.06, 0.06, 0.06])


def test_holm_is_at_most_1_and_leaves_one_p_alone() -> None:
    np.testing.assert_allclose(holm(np.array([0.6, 0.9])), [1.0, 1.0])
    np.testing.assert_allclose(holm(np.array([0.03])), [0.03])
    assert holm(np.array([])).shape == (0,)
