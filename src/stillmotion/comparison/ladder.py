"""The ladder: rungs that each add one thing, and what each adds to the strongest rung below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stillmotion.comparison.measuring import Measure, Metric
from stillmotion.comparison.predictions import Predictions, correct_by_training
from stillmotion.models import RUNGS, Rung
from stillmotion.statistics import holm


@dataclass(frozen=True)
class Step:
    """What a rung adds to the strongest rung below it.

    Attributes:
        from_rung: the rung below that is strongest on the validation part.
        to_rung: the rung.
        gain: accuracy of `to_rung` less that of `from_rung`, on the test videos.
        low: lower limit of the gain's 95 % interval, for this step alone.
        high: upper limit of that interval.
        p: two-sided p of no gain.
        p_holm: p adjusted for the number of steps (Holm 1979).
    """

    from_rung: Rung
    to_rung: Rung
    gain: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Ladder:
    """The rungs of a comparison from the bottom up. Their results are in the comparison's `models`.

    Attributes:
        rungs: names of the rungs.
        steps: what each rung but the lowest adds.
    """

    rungs: tuple[Rung, ...]
    steps: tuple[Step, ...]


def climb(
    predictions: Mapping[str, Sequence[Predictions]],
    validation: Mapping[str, tuple[float, float]],
    metric: Metric = "accuracy",
) -> Ladder | None:
    """Measure what each rung adds.

    Args:
        predictions: the predictions of each model, one entry per training, all on the same videos.
        validation: accuracy and loss of each model on the validation part, the mean over its runs.
        metric: what a gain is measured by.

    Returns:
        The ladder; None unless two or more models are rungs.
    """
    rungs = [rung for rung in RUNGS if rung in predictions]
    if len(rungs) < 2:
        return None
    measure = Measure(predictions[rungs[0]][0], metric)
    correct = {rung: correct_by_training(predictions[rung]) for rung in rungs}
    pairs, estimates = [], []
    for index, rung in enumerate(rungs[1:], start=1):
        below = max(rungs[:index], key=lambda name: (validation[name][0], -validation[name][1]))
        pairs.append((below, rung))
        estimates.append(measure.gain(correct[below], correct[rung]))
    p = np.array([estimate.p_zero() for estimate in estimates])
    steps = [
        Step(*pair, estimate.mean, *estimate.interval(), float(plain), float(adjusted))
        for pair, estimate, plain, adjusted in zip(pairs, estimates, p, holm(p), strict=True)
    ]
    return Ladder(tuple(rungs), tuple(steps))
