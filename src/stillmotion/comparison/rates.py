"""How many frames per clip pay: the accuracy of the rung that sees their order, with more and with fewer frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from stillmotion.clips import Rate
from stillmotion.comparison.measuring import Measure, Metric
from stillmotion.comparison.metrics import IntervalEstimate, compute_metrics
from stillmotion.comparison.predictions import Predictions, check_same_videos, correct_by_training
from stillmotion.formatting import points, significant
from stillmotion.statistics import CONFIDENCE

if TYPE_CHECKING:
    from stillmotion.comparison.verdict import Verdict


@dataclass(frozen=True)
class RateResult:
    """How well the rung that sees the order of frames does with this many frames in a window.

    Attributes:
        frames: frames of a clip.
        rate: frames per second, or "spread" over each whole video.
        accuracy: on the test videos, by the verdict's metric.
        more: what the best larger number of frames gains over this one, on the same videos; None for the largest. Its
            95 % interval holds for all larger numbers together.
    """

    frames: int
    rate: Rate
    accuracy: IntervalEstimate
    more: IntervalEstimate | None = None


class RatePredictions(NamedTuple):
    """The predictions, one entry per training, of models with this many frames in a window."""

    frames: int
    rate: Rate
    predictions: Sequence[Predictions]


def compare_rates(rates: Sequence[RatePredictions], metric: Metric = "accuracy") -> tuple[RateResult, ...]:
    """Measure what more frames gain.

    Args:
        rates: what was tested, all on the same videos.
        metric: what accuracy and gains are measured by.

    Returns:
        The results, from the fewest frames to the most.

    Raises:
        StillmotionError: they were tested on different videos.
    """
    ordered = sorted(rates, key=lambda tested: tested.frames)
    if not ordered:
        return ()
    check_same_videos([training for tested in ordered for training in tested.predictions])
    measure = Measure(ordered[0].predictions[0], metric)
    correct = [correct_by_training(tested.predictions) for tested in ordered]
    results = []
    for index, tested in enumerate(ordered):
        metrics = compute_metrics(tested.predictions)
        accuracy = metrics.accuracy if metric == "accuracy" else metrics.balanced_accuracy
        gains = [measure.gain(correct[index], more) for more in correct[index + 1 :]]
        # "No larger number gains more than this" needs all tests, "some gains at least this" one of several: only the
        # lower limit is corrected for their number (as in `stillmotion.comparison.choosing`).
        more = (
            IntervalEstimate(
                max(gain.mean for gain in gains),
                max(gain.interval(1 - (1 - CONFIDENCE) / len(gains))[0] for gain in gains),
                max(gain.interval()[1] for gain in gains),
            )
            if gains
            else None
        )
        results.append(RateResult(tested.frames, tested.rate, accuracy, more))
    return tuple(results)


def enough_frames(rates: Sequence[RateResult], margin: float) -> RateResult | None:
    """The smallest number of frames above which no number gains as much as the margin.

    Asked from the most frames down, and only as long as the answer is yes: so the answers need no correction for their
    number (tests in a fixed sequence: Maurer, Hothorn and Lehmacher 1995).

    Args:
        rates: from the fewest frames to the most.
        margin: the smallest gain in accuracy that is worth its cost.

    Returns:
        What was measured with that number; None if even the largest number may gain as much over the one before.
    """
    enough = None
    for result in reversed(rates):
        if result.more is not None:
            if result.more.high >= margin:
                break
            enough = result
    return enough


def rates_sentence(rates: Sequence[RateResult], verdict: Verdict | None) -> str:
    """How many frames pay, as "Above 4 frames per second nothing is gained (+1, -2 to +3)."; empty if not measured."""
    if len(rates) < 2:
        return ""
    margin, guessing = (verdict.margin, verdict.guessing) if verdict else (0.0, 0.0)
    unit = "frames per clip" if rates[-1].rate == "spread" else "frames per second"
    if not any(result.accuracy.low > guessing for result in rates):
        return (
            f"Not known how many {unit} pay: with none of these numbers is the model shown to be better than guessing."
        )
    enough = enough_frames(rates, margin)
    if enough is None:
        last, most = rates[-2], _amount(rates[-1])
        if last.more is not None and last.more.low > 0:
            return f"{most} {unit} are better than {_amount(last)} ({_gain(last)}); more were not tried."
        return f"Too uncertain to say how many {unit} are enough ({_gain(last)} from {_amount(last)} to {most})."
    little = "little" if enough.more is not None and enough.more.low > 0 else "nothing"
    found = f"Above {_amount(enough)} {unit} {little} is gained ({_gain(enough)})."
    fewer = [result for result in rates if result.frames < enough.frames]
    if not fewer:
        return f"{found} Fewer were not tried."
    if fewer[-1].more is not None and fewer[-1].more.low > 0:
        return f"{found} {_amount(fewer[-1])} are too few ({_gain(fewer[-1])} with more)."
    return f"{found} Whether {_amount(fewer[-1])} would be enough is uncertain ({_gain(fewer[-1])} with more)."


def _amount(result: RateResult) -> str:
    """Frames per second, or per clip where they are spread over the video."""
    return str(result.frames) if result.rate == "spread" else significant(result.rate)


def _gain(result: RateResult) -> str:
    """The gain of more frames with its interval, in points."""
    more = result.more
    return "" if more is None else f"{points(more.value)}, {points(more.low)} to {points(more.high)}"
