"""Which model to use: the cheapest that is not worse by more than the margin, over all and for no label."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from stillmotion.comparison.measuring import Measure, Metric
from stillmotion.comparison.per_label import missed_labels
from stillmotion.comparison.predictions import Predictions, correct_by_training
from stillmotion.statistics import ALPHA


@dataclass(frozen=True)
class Recommendation:
    """The model to use by accuracy and cost. It does not take the verdict into account, so read both.

    Attributes:
        model: the cheapest model, by time per clip, that is not worse than `best` by more than the margin, and does not
            miss a label that `best` finds (`missed_labels`).
        best: the model with the highest accuracy on the test videos.
        accuracy_loss: accuracy of `best` less that of `model`.
        accuracy_loss_high: upper limit of `accuracy_loss` (one-sided 2.5 % over all models that are cheaper).
        pareto_front: models such that no other is both cheaper and at least as accurate, the cheapest first.
    """

    model: str
    best: str
    accuracy_loss: float
    accuracy_loss_high: float
    pareto_front: tuple[str, ...]


def recommend(
    predictions: Mapping[str, Sequence[Predictions]],
    milliseconds: Mapping[str, float | None],
    margin: float,
    metric: Metric = "accuracy",
    guessing: Collection[str] = (),
) -> Recommendation | None:
    """Recommend a model by accuracy and cost.

    Of the models that are cheaper than the best, take the cheapest that is significantly good enough, at 2.5 %,
    divided by the number of cheaper models (Bonferroni), and does not find significantly less of a label.

    Args:
        predictions: the predictions of each model, one entry per training, all on the same videos.
        milliseconds: time per clip of each model.
        margin: the largest loss of accuracy that is acceptable, as a share.
        metric: what accuracy is measured by.
        guessing: names of models that are not significantly better than guessing: none is taken because it is cheap.

    Returns:
        The recommendation; None if there is no model, or the cost of one is unknown.
    """
    costs = {name: cost for name, cost in milliseconds.items() if cost is not None}
    if not predictions or set(costs) < set(predictions):
        return None
    correct = {name: correct_by_training(trainings) for name, trainings in predictions.items()}
    measure = Measure(next(iter(predictions.values()))[0], metric)
    accuracy = {name: measure.mean(table) for name, table in correct.items()}
    by_cost = sorted(predictions, key=lambda name: costs[name])
    best = max(by_cost, key=accuracy.__getitem__)
    pareto_front = tuple(
        name
        for index, name in enumerate(by_cost)
        if all(accuracy[name] > accuracy[cheaper] for cheaper in by_cost[:index])
    )
    candidates = by_cost[: by_cost.index(best)]
    for name in candidates:
        if name in guessing:
            continue
        loss = measure.gain(correct[name], correct[best])
        _, high = loss.interval(1 - ALPHA / len(candidates))
        if high < margin and not missed_labels({name: predictions[name]}, {best: predictions[best]}, margin):
            return Recommendation(name, best, loss.mean, high, pareto_front)
    return Recommendation(best, best, 0.0, 0.0, pareto_front)
