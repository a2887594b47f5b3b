"""An earlier, weaker statement than the verdict: motion's probabilities tell more than those of the stills.

Accuracy only sees which label is the most probable, so few recordings say little about it. The Brier score (1950,
Monthly Weather Review 78) sees the probabilities. But it also punishes overconfidence: of two models that guess, the
less confident one wins. So each model's confidence is adjusted first, by the temperature (Guo et al. 2017)
with the best Brier score on the same videos. As that is at its optimum, how uncertain the temperature is does not
matter to the first order (envelope theorem), and the usual interval nearly holds. In simulation, one of 95 % is wrong
too often, and one of 97 % is not (benchmarks/coverage.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stillmotion.comparison.measuring import Measure
from stillmotion.comparison.predictions import Predictions
from stillmotion.statistics import Estimate, Floats

LEANING_LEVEL = 0.97  # of the interval, for 2.5 % of false statements
_MIN_PROBABILITY = 1e-7
_INVERSE_TEMPERATURES = np.geomspace(0.02, 8.0, 41)


def brier_scores(trainings: Sequence[Predictions], measure: Measure) -> Floats:
    """Brier scores with adjusted confidence.

    Args:
        trainings: predictions of a model's trainings.
        measure: what the temperature is the best for.

    Returns:
        `(seeds, videos)`, from 0 (perfect) to 2. A model that knows nothing gets 1 - 1 / labels, its share of errors.
    """
    return np.array([_adjusted(training, measure) for training in trainings])


def brier_gain(still: Floats, motion: Floats, measure: Measure) -> Estimate:
    """By how much the motion model's scores are better.

    Args:
        still: scores of the still model, as of `brier_scores`.
        motion: scores of the motion model.
        measure: how they are averaged.

    Returns:
        The estimate. Its center is not moved by the skewness, which is a correction for rare disagreements of 0 and 1.
    """
    return replace(measure.gain(-still, -motion), skew=0.0)


def _adjusted(training: Predictions, measure: Measure) -> Floats:
    logs = np.log(np.clip(training.probabilities, _MIN_PROBABILITY, 1.0))
    truth = np.eye(len(training.labels))[training.truth]

    def scores(factor: float) -> Floats:
        powers = np.exp(factor * (logs - logs.max(axis=1, keepdims=True)))
        of_videos: Floats = ((powers / powers.sum(axis=1, keepdims=True) - truth) ** 2).sum(axis=1)
        return of_videos

    best = min(_INVERSE_TEMPERATURES, key=lambda factor: measure.mean(scores(factor)))
    return scores(best)
