"""How good one model is on the test videos: metrics with 95 % intervals by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stillmotion.comparison.measuring import Measure
from stillmotion.comparison.predictions import Predictions, as_trainings, check_same_videos, correct_by_training
from stillmotion.statistics import CONFIDENCE, Floats, Ints, group_codes, mean_interval, proportion_interval

BOOTSTRAP_DRAWS = 2000
CALIBRATION_BINS = 15
_DRAWS_AT_ONCE = 100  # to bound memory
_MIN_PROBABILITY = 1e-7
MAX_LOG_LOSS = float(-np.log(_MIN_PROBABILITY))  # of one video, in nats


@dataclass(frozen=True)
class IntervalEstimate:
    """An estimate and its 95 % interval.

    Attributes:
        value: the estimate.
        low: lower limit of the interval.
        high: upper limit of the interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LabelMetrics:
    """How well one label is recognized, the mean over trainings.

    Attributes:
        recall: the share of the label's videos that are predicted as the label.
        precision: the share of predictions of the label that are correct; 0 if it is never predicted.
        f1: harmonic mean of recall and precision.
        videos: number of test videos with the label.
    """

    recall: IntervalEstimate
    precision: float
    f1: float
    videos: int


@dataclass(frozen=True)
class Metrics:
    """Metrics of one model, the mean over its trainings.

    Attributes:
        accuracy: the share of videos that are predicted correctly.
        balanced_accuracy: the mean of the labels' recall, over labels that have videos.
        macro_f1: the mean of the labels' F1.
        log_loss: in nats per video, at most -log(1e-7).
        calibration_error: of the predicted label, in 15 bins of equal mass (Nixon et al. 2019, Measuring calibration
            in deep learning). It has no interval: it is biased upwards where videos are few, and an interval that
            resamples them is above the truth.
        per_label: metrics of each label.
    """

    accuracy: IntervalEstimate
    balanced_accuracy: IntervalEstimate
    macro_f1: IntervalEstimate
    log_loss: IntervalEstimate
    calibration_error: float
    per_label: Mapping[str, LabelMetrics]


def compute_metrics(predictions: Predictions | Sequence[Predictions], *, seed: int = 0) -> Metrics:
    """Measure one model.

    Intervals of accuracy and recall are Wilson's on an effective number of videos. That of balanced accuracy is
    `estimate_balanced`'s. That of macro-F1 is a percentile
    bootstrap over whole groups, held no narrower than that of accuracy, as a bootstrap over few groups is too narrow.
    That of log loss is Student's t on the jackknife over groups.

    Args:
        predictions: one model's predictions, or a list with one entry per training, all on the same videos.
        seed: random seed of the bootstrap.

    Returns:
        The metrics, the mean over trainings.

    Raises:
        StillmotionError: the trainings predicted different videos.

    Examples:
        >>> metrics = sm.compute_metrics(sm.read_predictions("motion.csv"))
        >>> metrics.accuracy.value
        1.0
    """
    predictions = as_trainings(predictions)
    check_same_videos(predictions)
    first = predictions[0]
    n_groups, codes = group_codes(first.groups)
    correct = correct_by_training(predictions).mean(axis=0)
    accuracy = IntervalEstimate(float(correct.mean()), *proportion_interval(correct, codes))
    counts = [_sum_by_group(_label_counts(training), codes, n_groups) for training in predictions]
    draws = np.concatenate(
        [np.mean([_macro_f1(draw @ sums) for sums in counts], axis=0) for draw in _group_draws(n_groups, seed)]
    )
    tables = np.stack([_confusion(training) for training in predictions])
    losses = np.mean([_log_losses(training) for training in predictions], axis=0)
    return Metrics(
        accuracy=accuracy,
        balanced_accuracy=_balanced_accuracy(first, correct),
        macro_f1=_no_narrower(_percentile_interval(draws), accuracy),
        log_loss=IntervalEstimate(float(losses.mean()), *mean_interval(losses, codes, MAX_LOG_LOSS)),
        calibration_error=float(np.mean([_calibration_error(training) for training in predictions])),
        per_label={
            name: _label_metrics(index, correct, first.truth, codes, tables) for index, name in enumerate(first.labels)
        },
    )


def confusion(predictions: Sequence[Predictions]) -> Floats:
    """The confusion matrix of one model.

    Args:
        predictions: one entry per training, all on the same videos.

    Returns:
        `(classes, classes)`: number of videos by true label (rows) and predicted label (columns), the mean over
        trainings.
    """
    mean: Floats = np.mean([_confusion(training) for training in predictions], axis=0)
    return mean


def _balanced_accuracy(predictions: Predictions, correct: Floats) -> IntervalEstimate:
    """From the share of errors, which is near 0 for a good model, as the interval of a difference expects."""
    errors = Measure(predictions, "balanced").estimate(1 - correct)
    low, high = (min(1.0, max(0.0, 1 - limit)) for limit in reversed(errors.interval()))
    return IntervalEstimate(1 - errors.mean, low, high)


def _group_draws(n_groups: int, seed: int) -> Iterator[Floats]:
    """Blocks `(draws, groups)`: how often each group is drawn. The first block is the sample itself."""
    rng = np.random.default_rng((seed, n_groups))
    yield np.ones((1, n_groups))
    for _ in range(BOOTSTRAP_DRAWS // _DRAWS_AT_ONCE):
        yield rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=_DRAWS_AT_ONCE).astype(float)


def _sum_by_group(rows: Floats, codes: Ints, n_groups: int) -> Floats:
    """`(n, k)` -> `(groups, k)`."""
    sums = np.zeros((n_groups, rows.shape[1]))
    np.add.at(sums, codes, rows)
    return sums


def _percentile_interval(values: Floats) -> IntervalEstimate:
    """From `(1 + draws,)` values, of which the first is that of the sample."""
    low, high = np.quantile(values[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return IntervalEstimate(float(values[0]), float(min(low, values[0])), float(max(high, values[0])))


def _no_narrower(interval: IntervalEstimate, other: IntervalEstimate) -> IntervalEstimate:
    """The interval, widened on each side to the width of another one, within 0..1."""
    return IntervalEstimate(
        interval.value,
        max(0.0, min(interval.low, interval.value - other.value + other.low)),
        min(1.0, max(interval.high, interval.value - other.value + other.high)),
    )


def _confusion(training: Predictions) -> Floats:
    """`(classes, classes)`: number of videos by true and predicted label."""
    table: Floats = np.eye(len(training.labels))[training.truth].T @ training.votes
    return table


def _label_counts(training: Predictions) -> Floats:
    """`(n, 2 * classes)`: true positives of each label, then how often it is true or predicted (0 to 2)."""
    truth = np.eye(len(training.labels))[training.truth]
    return np.hstack([truth * training.votes, truth + training.votes])


def _log_losses(training: Predictions) -> Floats:
    """`(n,)`: the log loss of each video."""
    of_truth = training.probabilities[np.arange(len(training.truth)), training.truth]
    losses: Floats = -np.log(np.clip(of_truth, _MIN_PROBABILITY, 1.0))
    return losses


def _calibration_error(training: Predictions) -> float:
    """Mean distance of confidence and accuracy, in bins of equal mass by confidence."""
    confidence = training.probabilities.max(axis=1)
    rank = np.argsort(np.argsort(confidence, kind="stable"), kind="stable")
    bins = rank * min(CALIBRATION_BINS, len(confidence)) // len(confidence)
    return float(np.abs(np.bincount(bins, confidence - training.correct)).sum() / len(confidence))


def _f1(true_positives: Floats, true_or_predicted: Floats) -> Floats:
    """F1 from counts; nan where a label has neither a video nor a prediction."""
    unknown = np.full(true_or_predicted.shape, np.nan)
    f1: Floats = np.divide(2 * true_positives, true_or_predicted, out=unknown, where=true_or_predicted > 0)
    return f1


def _macro_f1(sums: Floats) -> Floats:
    true_positives, true_or_predicted = np.split(sums, 2, axis=1)
    mean: Floats = np.nanmean(_f1(true_positives, true_or_predicted), axis=1)
    return mean


def _label_metrics(index: int, correct: Floats, truth: Ints, codes: Ints, tables: Floats) -> LabelMetrics:
    """Metrics of one label; `tables` is `(seeds, classes, classes)`, the confusion matrix of each training."""
    of_label = truth == index
    videos, predicted = tables[:, index].sum(axis=1), tables[:, :, index].sum(axis=1)
    true_positives = tables[:, index, index]
    precision = np.divide(true_positives, predicted, out=np.zeros(len(predicted)), where=predicted > 0)
    recall = float(correct[of_label].mean()) if of_label.any() else 0.0
    return LabelMetrics(
        recall=IntervalEstimate(recall, *proportion_interval(correct[of_label], codes[of_label])),
        precision=float(precision.mean()),
        f1=float(np.nan_to_num(_f1(true_positives, videos + predicted)).mean()),
        videos=int(of_label.sum()),
    )
