"""How outcomes are averaged over the test videos: every video counts alike, or every label does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from stillmotion.comparison.predictions import Predictions
from stillmotion.errors import UsageError
from stillmotion.statistics import Estimate, Floats, balancing_weights, estimate_balanced, estimate_mean, group_codes

Metric = Literal["accuracy", "balanced"]
METRICS: tuple[Metric, ...] = get_args(Metric)


class Measure:
    """Means and gains over test videos, by one metric."""

    def __init__(self, predictions: Predictions, metric: Metric = "accuracy") -> None:
        """Take the videos, groups and labels of some predictions.

        Args:
            predictions: of the test videos, by any model.
            metric: "accuracy" is the mean over videos, "balanced" the mean over labels of the mean over a label's
                videos (balanced accuracy: Brodersen et al. 2010).
        """
        self.groups, self.codes = group_codes(predictions.groups)
        self._labels = predictions.truth
        self._weights = balancing_weights(predictions.truth) if metric == "balanced" else None

    def mean(self, outcomes: Floats) -> float:
        """The mean of outcomes `(..., n)`."""
        return float((outcomes if self._weights is None else outcomes * self._weights).mean())

    def estimate(self, outcomes: Floats, trainings: Sequence[Floats] = ()) -> Estimate:
        """The mean of outcomes `(n,)` with what its interval needs; trainings as for `estimate_mean`."""
        weights = self._weights
        if weights is None:
            return estimate_mean(outcomes, self.codes, trainings)
        weighted = [weights * training for training in trainings]
        return estimate_balanced(weights * outcomes, self.codes, self._labels, weighted, weights)

    def gain(self, first: Floats, second: Floats) -> Estimate:
        """How much higher the second model's outcomes `(seeds, n)` are than the first one's."""
        return self.estimate(second.mean(axis=0) - first.mean(axis=0), (first, second))


def check_metric(metric: str) -> None:
    """Check the name of a metric.

    Args:
        metric: a name.

    Raises:
        UsageError: there is no such metric.
    """
    if metric not in METRICS:
        raise UsageError(f"no metric {metric!r}: choose from {', '.join(METRICS)}")
