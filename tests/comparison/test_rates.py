"""How many frames per clip pay: sentences rest on paired intervals, never on point estimates."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.comparisons import rates
from helpers.predictions import predictions, some_videos
from stillmotion.comparison import (
    Comparison,
    IntervalEstimate,
    RatePredictions,
    RateResult,
    Verdict,
    compare_rates,
    decide,
    enough_frames,
)
from stillmotion.errors import StillmotionError
from stillmotion.statistics import estimate_mean

VIDEOS = np.arange(120)
VERDICT = replace(
    decide([predictions(VIDEOS % 2 == 0)], [predictions(VIDEOS >= 0)], names=("pool", "conv")),
    margin=0.05,
    guessing=0.5,
)


def sentence(results: tuple[RateResult, ...], verdict: Verdict | None = VERDICT) -> str:
    return Comparison(models={}, verdict=verdict, rates=results).rates_sentence


def result(frames: int, more: tuple[float, float, float] | None = None) -> RateResult:
    return RateResult(frames, "spread", IntervalEstimate(0.8, 0.7, 0.9), IntervalEstimate(*more) if more else None)


def test_a_gain_is_that_of_the_best_larger_number_on_the_same_videos() -> None:
    """16 frames are better than 32: of 8 frames, the gain of 16 is told."""
    results = rates({8: 0.5, 16: 0.9, 32: 0.7})
    gains = [one.more for one in results]
    assert [None if gain is None else round(gain.value, 6) for gain in gains] == [0.4, -0.2, None]
    assert [one.accuracy.value for one in results] == pytest.approx([0.5, 0.9, 0.7])
    assert gains[0] is not None and gains[1] is not None
    difference = estimate_mean((VIDEOS % 20 < 14).astype(float) - (VIDEOS % 20 < 18), VIDEOS)
    assert (gains[1].low, gains[1].high) == pytest.approx(difference.interval())
    # The lower limit is corrected for two candidates; the upper limit needs no correction.
    best = estimate_mean((VIDEOS % 20 < 18).astype(float) - (VIDEOS % 20 < 10), VIDEOS)
    assert gains[0].low == pytest.approx(best.interval(0.975)[0])
    assert gains[0].high == pytest.approx(best.interval()[1])


def test_nothing_is_gained_only_where_the_whole_interval_is_below_the_margin() -> None:
    """With 120 videos 16 and 32 frames are shown to be alike; with 20 they are not, though their accuracy is equal."""
    accuracies = {4: 0.5, 8: 0.8, 16: 0.8, 32: 0.8}
    enough = enough_frames(rates(accuracies), 0.05)
    assert enough is not None and enough.frames == 8
    assert sentence(rates(accuracies)) == (
        "Above 8 frames per clip nothing is gained (0, -3 to +2). 4 are too few (+30, +20 to +39 with more)."
    )
    few = rates(accuracies, videos=20)
    assert enough_frames(few, 0.05) is None
    assert sentence(few) == "Too uncertain to say how many frames per clip are enough (0, -13 to +13 from 16 to 32)."


def test_numbers_are_asked_from_the_largest_down_until_one_may_gain() -> None:
    """2 frames that pass by luck, below 8 that do not, are not enough."""
    results = (result(2, (0, -0.04, 0.04)), result(8, (0.1, 0.02, 0.2)), result(16, (0, -0.02, 0.02)), result(32))
    enough = enough_frames(results, 0.05)
    assert enough is not None and enough.frames == 16


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([(0.01, -0.02, 0.04)], "Above 8 frames per clip nothing is gained (+1, -2 to +4). Fewer were not tried."),
        ([(-0.03, -0.08, 0.02)], "Above 8 frames per clip nothing is gained (-3, -8 to +2). Fewer were not tried."),
        ([(0.03, 0.01, 0.04)], "Above 8 frames per clip little is gained (+3, +1 to +4). Fewer were not tried."),
        ([(0.08, 0.02, 0.14)], "16 frames per clip are better than 8 (+8, +2 to +14); more were not tried."),
        (
            [(-0.02, -0.1, 0.06)],
            "Too uncertain to say how many frames per clip are enough (-2, -10 to +6 from 8 to 16).",
        ),
        (
            [(0.03, -0.02, 0.08), (0.01, -0.02, 0.04)],
            "Above 16 frames per clip nothing is gained (+1, -2 to +4). Whether 8 would be enough is uncertain (+3, -2 "
            "to +8 with more).",
        ),
    ],
)
def test_sentences(gains: list[tuple[float, float, float]], expected: str) -> None:
    numbers = [8 * 2**index for index in range(len(gains) + 1)]
    results = tuple(map(result, numbers, [*gains, None]))
    assert sentence(results) == expected
    assert Comparison(models={}, verdict=VERDICT, rates=results).to_json()["rates_sentence"] == expected


def test_windows_of_some_seconds_are_told_in_frames_per_second() -> None:
    results = tuple(replace(one, rate=one.frames / 4) for one in (result(16, (0, -0.02, 0.02)), result(32)))
    assert sentence(results).startswith("Above 4 frames per second nothing is gained")


def test_a_model_that_guesses_tells_nothing() -> None:
    results = (result(16, (0, -0.02, 0.02)), result(32))
    assert sentence(results, replace(VERDICT, guessing=0.7)) == (
        "Not known how many frames per clip pay: with none of these numbers is the model shown to be better than "
        "guessing."
    )
    assert sentence(()) == ""


def test_the_metric_is_that_of_the_verdict() -> None:
    """One label in 10 is rare, and found with 16 frames only."""
    truth = (np.arange(100) % 10 == 0).astype(np.intp)
    base = replace(predictions([True] * 100), truth=truth)
    tested = [
        RatePredictions(frames, "spread", [replace(base, probabilities=np.eye(2)[predicted])])
        for frames, predicted in ((8, 0 * truth), (16, truth))
    ]
    for metric, accuracy, gain in (("accuracy", 0.9, 0.1), ("balanced", 0.5, 0.5)):
        less, most = compare_rates(tested, metric)  # type: ignore[arg-type]
        assert (less.accuracy.value, most.accuracy.value) == pytest.approx((accuracy, 1.0))
        assert less.more is not None and less.more.value == pytest.approx(gain)


def test_other_videos_are_refused() -> None:
    whole = predictions([True] * 8)
    part = some_videos(whole, np.arange(8) < 6)
    with pytest.raises(StillmotionError, match="different videos"):
        compare_rates([RatePredictions(8, "spread", [whole]), RatePredictions(16, "spread", [part])])
