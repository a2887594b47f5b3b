from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score

from helpers.predictions import predictions
from stillmotion.comparison import Predictions, compute_metrics, confusion


def noisy(n: int = 120, classes: int = 4, seed: int = 0) -> Predictions:
    rng = np.random.default_rng((seed,))
    base = predictions([True] * n, [f"g{i // 6}" for i in range(n)], [f"l{k}" for k in range(classes)])
    return replace(base, probabilities=rng.dirichlet(np.ones(classes), n))


def test_figures_equal_scikit_learn() -> None:
    run = noisy()
    metrics = compute_metrics([run])
    truth, predicted = run.truth, run.predicted
    assert metrics.accuracy.value == pytest.approx((truth == predicted).mean())
    assert metrics.macro_f1.value == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert metrics.log_loss.value == pytest.approx(log_loss(truth, run.probabilities))
    recall = recall_score(truth, predicted, average=None)
    precision = precision_score(truth, predicted, average=None)
    for index, label in enumerate(run.labels):
        assert metrics.per_label[label].recall.value == pytest.approx(recall[index])
        assert metrics.per_label[label].precision == pytest.approx(precision[index])
        assert metrics.per_label[label].videos == 30
    for figure in (metrics.accuracy, metrics.macro_f1, metrics.log_loss):
        assert figure.low <= figure.value <= figure.high
        assert figure.low < figure.high


def test_seeds_are_averaged_and_the_bootstrap_repeats() -> None:
    runs = [noisy(seed=0), noisy(seed=1)]
    first, second = (compute_metrics([run]) for run in runs)
    both = compute_metrics(runs)
    assert both.macro_f1.value == pytest.approx((first.macro_f1.value + second.macro_f1.value) / 2)
    assert both == compute_metrics(runs)
    assert confusion(runs).sum() == pytest.approx(120)


def test_all_right_is_not_certainty() -> None:
    run = predictions([True] * 40, [f"g{i // 4}" for i in range(40)])
    metrics = compute_metrics([run])
    assert metrics.accuracy.high == 1.0
    assert metrics.accuracy.low == pytest.approx(10 / (10 + 2.262**2), abs=1e-3)  # as 10 videos, not 40
    assert metrics.macro_f1.low == pytest.approx(metrics.accuracy.low)
    assert metrics.per_label["a"].recall.low < 0.8


def test_the_interval_of_log_loss_is_students_t_by_group() -> None:
    run = noisy()
    losses = -np.log(run.probabilities[np.arange(120), run.truth])
    means = losses.reshape(20, 6).mean(axis=1)  # 20 groups of 6
    half = 2.093 * means.std(ddof=1) / np.sqrt(20)  # t of 19 degrees of freedom
    loss = compute_metrics([run]).log_loss
    assert (loss.low, loss.high) == pytest.approx((losses.mean() - half, losses.mean() + half), abs=1e-4)


def test_calibration_error_of_honest_and_overconfident_answers() -> None:
    honest = predictions(np.arange(500) % 5 != 0)  # 0.8 sure, right 4 times in 5
    assert compute_metrics([honest]).calibration_error < 0.05
    wrong = predictions(np.arange(500) % 5 == 0)
    assert compute_metrics([wrong]).calibration_error == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_any_videos(n: int) -> None:
    metrics = compute_metrics([predictions([True] * n)])
    assert metrics.accuracy.value == 1.0
    assert metrics.accuracy.low < 0.7
