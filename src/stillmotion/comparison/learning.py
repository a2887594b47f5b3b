"""Whether more footage would help: the accuracy of the verdict's models, trained on a share of the groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from stillmotion.comparison.measuring import Measure, Metric
from stillmotion.comparison.metrics import IntervalEstimate, compute_metrics
from stillmotion.comparison.predictions import Predictions, check_same_videos, correct_by_training
from stillmotion.formatting import points
from stillmotion.statistics import Estimate

if TYPE_CHECKING:
    from stillmotion.comparison.verdict import Verdict


@dataclass(frozen=True)
class LearningPoint:
    """How well a model does that was trained on a share of the groups.

    Attributes:
        model: the model's name.
        share: of the training groups, from 0 to 1.
        groups: number of groups that it was trained on, the mean over folds.
        videos: likewise.
        accuracy: on the test videos, by the verdict's metric.
        growth: the gain over the next smaller share, on the same videos; None for the smallest share, and where it
            comes to as many groups.
        lead: the gain over the first model, the still one, with the same share; None for that model.
    """

    model: str
    share: float
    groups: int
    videos: int
    accuracy: IntervalEstimate
    growth: IntervalEstimate | None = None
    lead: IntervalEstimate | None = None


class SharePredictions(NamedTuple):
    """The predictions, one entry per training, of models that were trained on a share of the groups."""

    share: float
    groups: int
    videos: int
    predictions: Sequence[Predictions]


def compare_shares(
    models: Mapping[str, Sequence[SharePredictions]], metric: Metric = "accuracy"
) -> tuple[LearningPoint, ...]:
    """Measure what more footage gains.

    Args:
        models: what was tested of each model, all on the same videos, the still model first. All have the same shares.
        metric: what accuracy and gains are measured by.

    Returns:
        The points of each model, from the smallest share to the largest.

    Raises:
        StillmotionError: they were tested on different videos.
    """
    shares = {name: sorted(tested, key=lambda one: one.share) for name, tested in models.items()}
    every = [training for tested in shares.values() for one in tested for training in one.predictions]
    if not every:
        return ()
    check_same_videos(every)
    measure = Measure(every[0], metric)
    correct = {name: [correct_by_training(one.predictions) for one in tested] for name, tested in shares.items()}
    first = next(iter(shares))
    results = []
    for name, tested in shares.items():
        for index, one in enumerate(tested):
            metrics = compute_metrics(one.predictions)
            grown = index > 0 and tested[index - 1].groups < one.groups
            results.append(
                LearningPoint(
                    model=name,
                    share=one.share,
                    groups=one.groups,
                    videos=one.videos,
                    accuracy=metrics.accuracy if metric == "accuracy" else metrics.balanced_accuracy,
                    growth=_interval(measure.gain(*correct[name][index - 1 : index + 1])) if grown else None,
                    lead=_interval(measure.gain(correct[first][index], correct[name][index]))
                    if name != first
                    else None,
                )
            )
    return tuple(results)


def learning_sentence(learning: Sequence[LearningPoint], verdict: Verdict | None) -> str:
    """Whether stills would catch up with more footage, in one careful sentence or two; empty if not measured.

    What the last doubling of the footage gained is taken as the most that the next one would gain: learning curves
    flatten.
    """
    whole = [point for point in learning if point.share == 1]
    if len(whole) < 2:
        return ""
    still, motion = whole[0], whole[-1]
    guessing = verdict.guessing if verdict else 0.0
    if not any(point.accuracy.low > guessing for point in whole):
        return "Not known whether stills would catch up: neither model is shown to be better than guessing."
    before = [point.groups for point in learning if point.model == still.model and point.share < 1]
    lead, growth = motion.lead, still.growth
    if lead is None or growth is None or motion.growth is None or not before:
        return "Not known whether stills would catch up: there are too few training groups to train on fewer."
    doubling = f"from {max(before)} to {still.groups} training groups"
    stills = f"{doubling}, the accuracy of {still.model} changes by {_text(growth)}"
    ahead = f"{motion.model} is ahead by {_text(lead)}"
    if lead.low <= 0:
        nothing = "not" if lead.high <= 0 else "not shown to be"
        limits = f"{points(lead.value)}, {points(lead.low)} to {points(lead.high)}"
        sentence = f"Stills have nothing to catch up with: {motion.model} is {nothing} ahead ({limits})."
        if motion.growth.low > 0:
            return f"{sentence} But it still learns: {doubling}, it gains {_text(motion.growth)}."
        return sentence
    if growth.high < lead.low:
        return (
            f"Twice the footage would hardly let stills catch up: {stills}, while {ahead}. (The next doubling is "
            "unlikely to gain more than the last.)"
        )
    if growth.low > 0:
        return f"Stills still learn, and may catch up with more footage: {stills}, while {ahead}."
    return f"Too uncertain to say whether stills would catch up with more footage: {stills}, while {ahead}."


def _interval(gain: Estimate) -> IntervalEstimate:
    return IntervalEstimate(gain.mean, *gain.interval())


def _text(gain: IntervalEstimate) -> str:
    """+4 points (-1 to +9)."""
    value = points(gain.value)
    return f"{value} {'point' if value in ('+1', '-1') else 'points'} ({points(gain.low)} to {points(gain.high)})"
