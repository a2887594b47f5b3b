"""Whether stills would catch up with more footage: a careful sentence that rests on paired intervals."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.comparisons import learning
from helpers.predictions import predictions
from stillmotion.comparison import (
    Comparison,
    IntervalEstimate,
    LearningPoint,
    SharePredictions,
    compare_shares,
    decide,
)
from stillmotion.statistics import estimate_mean

VIDEOS = np.arange(120)
VERDICT = replace(
    decide([predictions(VIDEOS % 2 == 0)], [predictions(VIDEOS >= 0)], names=("pool", "conv")), guessing=0.25
)
Interval = tuple[float, float, float]


def sentence(points: tuple[LearningPoint, ...], guessing: float = 0.25) -> str:
    comparison = Comparison(models={}, verdict=replace(VERDICT, guessing=guessing), learning=points)
    assert comparison.to_json()["learning_sentence"] == comparison.learning_sentence
    return comparison.learning_sentence


def points(lead: Interval, stills: Interval, motion: Interval = (0.0, -0.05, 0.05)) -> tuple[LearningPoint, ...]:
    accuracy = IntervalEstimate(0.8, 0.7, 0.9)
    return tuple(
        LearningPoint(
            name,
            share,
            round(48 * share),
            96,
            accuracy,
            IntervalEstimate(*growth),
            IntervalEstimate(*lead) if of else None,
        )
        for of, (name, growth) in enumerate((("one frame", stills), ("order", motion)))
        for share in (0.5, 1.0)
    )


def test_growth_and_lead_are_paired() -> None:
    measured = learning({"one frame": (0.3, 0.35, 0.5), "order": (0.5, 0.75, 0.9)})
    assert [(point.model, point.share, point.groups, point.videos) for point in measured] == [
        (model, share, 48 * share, 96 * share) for model in ("one frame", "order") for share in (0.25, 0.5, 1.0)
    ]
    growths, leads = [point.growth for point in measured], [point.lead for point in measured]
    assert [growth and round(growth.value, 6) for growth in growths] == [None, 0.05, 0.15, None, 0.25, 0.15]
    assert [lead and round(lead.value, 6) for lead in leads] == [None, None, None, 0.2, 0.4, 0.4]
    lead = estimate_mean((VIDEOS % 20 < 18).astype(float) - (VIDEOS % 20 < 10), VIDEOS)
    assert leads[-1] == IntervalEstimate(lead.mean, *lead.interval())


@pytest.mark.parametrize(
    ("lead", "stills", "motion", "expected"),
    [
        # The last doubling gained significantly less than what is missing.
        (
            (0.4, 0.3, 0.5),
            (0.1, 0.0, 0.2),
            (0.0, -0.1, 0.1),
            "Twice the footage would hardly let stills catch up: from 24 to 48 training groups, the accuracy of one "
            "frame changes by +10 points (0 to +20), while order is ahead by +40 points (+30 to +50). (The next "
            "doubling is unlikely to gain more than the last.)",
        ),
        (
            (0.1, 0.02, 0.2),
            (0.1, 0.02, 0.2),
            (0.0, -0.1, 0.1),
            "Stills still learn, and may catch up with more footage: from 24 to 48 training groups, the accuracy of "
            "one frame changes by +10 points (+2 to +20), while order is ahead by +10 points (+2 to +20).",
        ),
        (
            (0.1, 0.02, 0.2),
            (-0.01, -0.1, 0.08),
            (0.0, -0.1, 0.1),
            "Too uncertain to say whether stills would catch up with more footage: from 24 to 48 training groups, the "
            "accuracy of one frame changes by -1 point (-10 to +8), while order is ahead by +10 points (+2 to +20).",
        ),
        (
            (0.04, -0.02, 0.1),
            (0.1, 0.02, 0.2),
            (0.0, -0.1, 0.1),
            "Stills have nothing to catch up with: order is not shown to be ahead (+4, -2 to +10).",
        ),
        (
            (-0.1, -0.2, -0.02),
            (0.1, 0.02, 0.2),
            (0.06, 0.01, 0.11),
            "Stills have nothing to catch up with: order is not ahead (-10, -20 to -2). But it still learns: from "
            "24 to 48 training groups, it gains +6 points (+1 to +11).",
        ),
    ],
)
def test_sentences(lead: Interval, stills: Interval, motion: Interval, expected: str) -> None:
    assert sentence(points(lead, stills, motion)) == expected


def test_models_that_guess_tell_nothing() -> None:
    assert sentence(points((0.4, 0.3, 0.5), (0.1, 0.0, 0.2)), guessing=0.75) == (
        "Not known whether stills would catch up: neither model is shown to be better than guessing."
    )
    assert sentence(()) == ""


def test_a_share_that_comes_to_as_many_groups_shows_no_growth() -> None:
    """Of one group per label, a quarter, half and all are the same training."""
    tested = predictions(VIDEOS % 4 > 0)
    same = [SharePredictions(share, 2, 4, [tested]) for share in (0.25, 0.5, 1.0)]
    better = [one._replace(predictions=[predictions(VIDEOS >= 0)]) for one in same]
    measured = compare_shares({"one frame": same, "order": better})
    assert {point.growth for point in measured} == {None}
    assert sentence(measured) == (
        "Not known whether stills would catch up: there are too few training groups to train on fewer."
    )


def test_the_metric_is_that_of_the_verdict() -> None:
    """One label in 10 is rare, and never found."""
    truth = (np.arange(100) % 10 == 0).astype(np.intp)
    frequent = replace(predictions([True] * 100), truth=truth, probabilities=np.eye(2)[0 * truth])
    for metric, accuracy in (("accuracy", 0.9), ("balanced", 0.5)):
        (point,) = compare_shares({"one frame": [SharePredictions(1.0, 4, 8, [frequent])]}, metric)  # type: ignore[arg-type]
        assert point.accuracy.value == pytest.approx(accuracy)
