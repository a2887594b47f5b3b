"""Which model to use: the cheapest that is not worse by more than the margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stillmotion.comparison.predictions import Predictions
from stillmotion.statistics.intervals import LEVEL, estimate, group_codes


@dataclass(frozen=True)
class Recommendation:
    """family: the cheapest, by time a clip, that is surely not worse than the best by more than the margin.

    best: the family with the highest accuracy. loss: accuracy of the best less that of `family`; loss_high: the
    most that it may be (one-sided 2.5 % over all that are cheaper). front: families than which none is both cheaper
    and more often right, cheapest first.
    """

    family: str
    best: str
    loss: float
    loss_high: float
    front: tuple[str, ...]


def recommend(
    answers: Mapping[str, Sequence[Predictions]], milliseconds: Mapping[str, float | None], margin: float
) -> Recommendation | None:
    """None without a known cost for every family.

    Of those that are cheaper than the best, the cheapest that is surely good enough is taken, at 2.5 % over all that
    are asked (Bonferroni). The best is chosen on the test videos, so read it with the verdict.
    """
    costs = {name: cost for name, cost in milliseconds.items() if cost is not None}
    if not answers or set(costs) < set(answers):
        return None
    rights = {name: np.array([run.right for run in runs], float) for name, runs in answers.items()}
    accuracy = {name: float(table.mean()) for name, table in rights.items()}
    order = sorted(answers, key=lambda name: costs[name])
    best = max(order, key=accuracy.__getitem__)
    front = [name for i, name in enumerate(order) if all(accuracy[name] > accuracy[cheap] for cheap in order[:i])]
    _, codes = group_codes(next(iter(answers.values()))[0].groups)
    cheaper = order[: order.index(best)]
    for name in cheaper:
        tables = (rights[name], rights[best])
        loss = estimate(tables[1].mean(0) - tables[0].mean(0), codes, tables)
        _, high = loss.interval(1 - (1 - LEVEL) / len(cheaper))
        if high < margin:
            return Recommendation(name, best, loss.mean, high, tuple(front))
    return Recommendation(best, best, 0.0, 0.0, tuple(front))
