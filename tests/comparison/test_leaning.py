"""The earlier statement: probabilities that tell more, whatever a model's confidence."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.predictions import predictions
from stillmotion.comparison import Predictions, decide
from stillmotion.comparison.leaning import brier_scores
from stillmotion.comparison.measuring import Measure
from stillmotion.statistics import Floats

RNG = np.random.default_rng((7,))
GROUPS = [f"g{i // 2}" for i in range(40)]


def confident(of: Predictions, factor: float) -> Predictions:
    """The same predictions at another temperature."""
    powers = of.probabilities**factor
    return replace(of, probabilities=powers / powers.sum(axis=1, keepdims=True))


def graded(skill: float, rng: np.random.Generator = RNG) -> Predictions:
    """Predictions that are more often right the surer they are."""
    base = predictions([True] * 40, GROUPS)
    signs = np.where(base.truth == 0, 1, -1)
    logits: Floats = signs * skill + rng.normal(size=40)
    chances = 1 / (1 + np.exp(-2 * skill * logits))
    return replace(base, probabilities=np.column_stack([chances, 1 - chances]))


def scores(of: Predictions) -> Floats:
    mean: Floats = brier_scores([of], Measure(of))[0]
    return mean


def test_confidence_makes_no_difference() -> None:
    model = graded(1.0)
    for factor in (0.2, 5.0):
        assert scores(confident(model, factor)).mean() == pytest.approx(scores(model).mean(), abs=0.01)


def test_a_model_that_guesses_gets_what_equal_probabilities_get() -> None:
    guess = confident(predictions(RNG.random(400) < 0.5), 8.0)
    assert scores(guess).mean() == pytest.approx(0.5, abs=0.02)
    assert scores(predictions([True] * 40)).mean() == pytest.approx(0.0, abs=0.01)


def test_it_leans_to_motion_before_accuracy_decides() -> None:
    rng = np.random.default_rng((0,))
    still, motion = graded(0.6, rng), graded(1.2, rng)
    verdict = decide([still], [motion])
    assert (verdict.answer, verdict.interval_answer) == ("undecided", "undecided")
    assert verdict.leaning == "motion"
    assert verdict.to_json()["leaning"] == "motion"
    assert replace(verdict, brier_low=0.0).leaning is None
    assert replace(verdict, difference=verdict.margin).leaning is None
    assert replace(verdict, low=0.06).leaning is None
    assert replace(verdict, high=0.04).leaning is None


def test_of_two_models_that_guess_the_less_confident_one_is_not_leaned_to() -> None:
    still = confident(predictions(RNG.random(40) < 0.5, GROUPS), 8.0)
    motion = confident(predictions(RNG.random(40) < 0.5, GROUPS), 0.1)
    assert decide([still], [motion]).brier_low < 0 < decide([still], [motion]).brier_high
