from dataclasses import replace

import numpy as np

from helpers.predictions import Correct, predictions
from stillmotion.comparison import Predictions, recommend

GROUPS = [f"g{i // 2}" for i in range(60)]
COSTS = {"slow": 9.0, "fast": 3.0, "fastest": 1.0}


def model(correct: Correct) -> list[Predictions]:
    return [predictions(correct, GROUPS, ("a", "b", "c"))]


GOOD, ALMOST, BAD = model(np.ones(60, bool)), model(np.arange(60) % 30 != 1), model(np.arange(60) % 2 != 1)


def test_the_cheapest_that_is_not_worse_is_recommended() -> None:
    recommendation = recommend({"slow": ALMOST, "fast": ALMOST, "fastest": BAD}, COSTS, 0.2)
    assert recommendation is not None
    assert (recommendation.model, recommendation.best) == ("fast", "fast")
    assert recommendation.pareto_front == ("fastest", "fast")
    recommendation = recommend({"slow": GOOD, "fast": ALMOST, "fastest": BAD}, COSTS, 0.2)
    assert recommendation is not None
    assert (recommendation.model, recommendation.best) == ("fast", "slow")
    assert 0 < recommendation.accuracy_loss < recommendation.accuracy_loss_high < 0.2


def test_a_loss_that_may_be_the_margin_is_too_much() -> None:
    recommendation = recommend({"slow": GOOD, "fast": ALMOST, "fastest": BAD}, COSTS, 0.0)
    assert recommendation is not None
    assert recommendation.model == recommendation.best == "slow"
    assert (recommendation.accuracy_loss, recommendation.accuracy_loss_high) == (0.0, 0.0)


def test_more_cheaper_models_need_stronger_evidence() -> None:
    """At 2.5 % over all that are cheaper."""
    alone = recommend({"slow": GOOD, "fast": ALMOST}, {"slow": 9.0, "fast": 3.0}, 0.2)
    both = recommend({"slow": GOOD, "fast": ALMOST, "fastest": BAD}, COSTS, 0.2)
    assert alone is not None
    assert both is not None
    assert alone.model == both.model == "fast"
    assert both.accuracy_loss_high > alone.accuracy_loss_high


def test_a_model_that_misses_a_label_is_not_recommended() -> None:
    """It is wrong in one video of 20, but those are half of all falls."""
    truth = (np.arange(400) % 10 == 0).astype(np.intp)
    base = replace(predictions([True] * 400, [f"g{i // 4}" for i in range(400)]), truth=truth)
    all_falls = [replace(base, probabilities=np.eye(2)[truth])]
    half = [replace(base, probabilities=np.eye(2)[np.where(np.arange(400) % 20 == 0, truth, 0)])]
    models, costs = {"slow": all_falls, "fast": half}, {"slow": 9.0, "fast": 3.0}
    for margin, model in ((0.1, "slow"), (0.7, "fast")):
        recommendation = recommend(models, costs, margin)
        assert recommendation is not None
        assert recommendation.model == model


def test_a_model_that_guesses_is_not_recommended_because_it_is_cheap() -> None:
    models = {"slow": GOOD, "fast": ALMOST}
    for guessing, model in (((), "fast"), (("fast",), "slow"), (("slow",), "fast")):
        recommendation = recommend(models, {"slow": 9.0, "fast": 3.0}, 0.2, guessing=guessing)
        assert recommendation is not None
        assert recommendation.model == model


def test_no_recommendation_without_all_costs() -> None:
    assert recommend({"slow": GOOD, "fast": ALMOST}, {"slow": 9.0, "fast": None}, 0.2) is None
    assert recommend({}, {}, 0.2) is None
