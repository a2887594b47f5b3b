"""Where motion helps: for each label and each pair of labels, adjusted for the number of tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from stillmotion.comparison.predictions import Predictions, correct_by_training
from stillmotion.statistics import (
    ALPHA,
    CONFIDENCE,
    Estimate,
    Floats,
    Ints,
    balancing_weights,
    estimate_mean,
    group_codes,
    holm,
)

AtLook = Callable[[float], float]
MAX_PAIRS = 300  # reported: those where motion helps most
MAX_LABELS = 50  # with more labels, pairs are too many to ask about one by one
_NEAR_GUESSING = 0.75  # of two labels; halfway between guessing and always right


@dataclass(frozen=True)
class LabelGain:
    """What motion adds to one label.

    A model that always predicts a label finds all of its videos. So the claim `significant` rests on how well the
    label is separated from all others, not on recall alone.

    Attributes:
        label: the label.
        videos: number of test videos with the label.
        groups: number of groups that these come from.
        still: recall of the still model.
        motion: recall of the motion model.
        gain: `motion` less `still`.
        low: lower limit of the gain's 95 % interval, for this label alone.
        high: upper limit of that interval.
        separation_gain: gain in the mean of two shares: videos of the label that are predicted as the label, and
            other videos that are not (balanced accuracy of the label against the rest).
        p: two-sided p of no separation gain.
        p_holm: p adjusted so that any false claim among all labels has a chance of 5 % (Holm 1979).
        q_value: p adjusted so that 5 % of the claims are false (Benjamini & Hochberg 1995).
        significant: both gains are above 0 and `p_holm` is below 0.05.
    """

    label: str
    videos: int
    groups: int
    still: float
    motion: float
    gain: float
    low: float
    high: float
    separation_gain: float
    p: float
    p_holm: float
    q_value: float
    significant: bool


@dataclass(frozen=True)
class MissedLabel:
    """A label of which a model finds significantly less than a better one, by more than the margin.

    Attributes:
        label: the label.
        model: name of the model.
        better: name of the model that finds more; if several do, the one of which it is most certain.
        recall: share of the label's test videos that `model` finds.
        better_recall: share that `better` finds.
        low: lower limit of the difference, at a level that holds for all labels and better models of this model at once
            (Bonferroni).
    """

    label: str
    model: str
    better: str
    recall: float
    better_recall: float
    low: float


@dataclass(frozen=True)
class PairGain:
    """How well two labels are separated when there are only these two to choose from.

    Attributes:
        labels: the two labels.
        videos: number of test videos of both.
        still: the mean over the two labels of the share of videos to whose true label the still model gives the
            higher probability; 0.5 is guessing.
        still_low: lower limit of the 95 % interval of `still`.
        still_high: upper limit of that interval.
        motion: the same share for the motion model.
        gain: `motion` less `still`.
        low: lower limit of the gain's 95 % interval.
        high: upper limit of that interval.
        p_holm: two-sided p of no gain, adjusted for the number of pairs (Holm 1979).
        only_motion: only motion separates the two: the gain is significant over all pairs, and the still model is at
            guessing (its interval holds 0.5 and ends below 0.75).
    """

    labels: tuple[str, str]
    videos: int
    still: float
    still_low: float
    still_high: float
    motion: float
    gain: float
    low: float
    high: float
    p_holm: float
    only_motion: bool


class _LabelEstimate(NamedTuple):
    column: int
    recalls: tuple[float, float]  # of the still and of the motion model
    recall_gain: Estimate
    separation_gain: Estimate


class _PairEstimate(NamedTuple):
    labels: tuple[str, str]
    videos: int
    still: Estimate  # share above guessing
    gain: Estimate


def missed_labels(
    models: Mapping[str, Sequence[Predictions]],
    better: Mapping[str, Sequence[Predictions]],
    margin: float,
    at_look: AtLook = float,
) -> tuple[MissedLabel, ...]:
    """Labels of which a model finds significantly less than a better one, by more than the margin.

    A model that always gives a label finds all of it. So the better model must also be significantly better at telling
    the label from the others (balanced accuracy).

    For each of `models` by itself, the chance of naming any label falsely is 2.5 %: it is divided among the labels and
    the better models (Bonferroni).

    Args:
        models: the predictions of models that might do instead of better ones, one entry per training.
        better: the predictions of the better models, of the same videos.
        margin: the largest loss of recall that is acceptable, as a share.
        at_look: the level of one look for a claim that is to hold at a level; by default the same.

    Returns:
        One entry for each label that a model misses, in order of the models, the largest loss first.
    """
    labels = next(iter(models.values()))[0].labels
    missed = []
    for name, still in models.items():
        estimates = {other: _estimate_labels(still, motion) for other, motion in better.items()}
        losses = []
        for of_label in zip(*estimates.values(), strict=True):
            level = at_look(1 - (1 - CONFIDENCE) / (len(next(iter(estimates.values()))) * len(better)))
            lows = {
                other: estimate.recall_gain.interval(level)[0]
                for other, estimate in zip(better, of_label, strict=True)
                if estimate.separation_gain.interval(level)[0] > 0
            }
            other = max(lows, key=lows.__getitem__, default="")
            if lows.get(other, 0.0) > margin:
                estimate = of_label[list(better).index(other)]
                losses.append(
                    MissedLabel(
                        label=labels[estimate.column],
                        model=name,
                        better=other,
                        recall=estimate.recalls[0],
                        better_recall=estimate.recalls[1],
                        low=lows[other],
                    )
                )
        missed += sorted(losses, key=lambda loss: loss.recall - loss.better_recall)
    return tuple(missed)


def label_gains(still: Sequence[Predictions], motion: Sequence[Predictions]) -> tuple[LabelGain, ...]:
    """Where motion helps, label by label.

    Args:
        still: the still model's predictions, one entry per training.
        motion: the motion model's predictions of the same videos.

    Returns:
        One entry for each label that has test videos, the largest gain first.
    """
    # Importing scipy.stats takes half a second, which only this needs.
    from scipy.stats import false_discovery_control

    labels, truth = still[0].labels, still[0].truth
    estimates = _estimate_labels(still, motion)
    p = np.array([estimate.separation_gain.p_zero() for estimate in estimates])
    gains = []
    for estimate, p_value, p_holm, q_value in zip(estimates, p, holm(p), false_discovery_control(p), strict=True):
        low, high = estimate.recall_gain.interval()
        both_above = estimate.recall_gain.mean > 0 and estimate.separation_gain.mean > 0
        gains.append(
            LabelGain(
                label=labels[estimate.column],
                videos=int((truth == estimate.column).sum()),
                groups=int(estimate.recall_gain.groups),
                still=estimate.recalls[0],
                motion=estimate.recalls[1],
                gain=estimate.recall_gain.mean,
                low=low,
                high=high,
                separation_gain=estimate.separation_gain.mean,
                p=float(p_value),
                p_holm=float(p_holm),
                q_value=float(q_value),
                significant=bool(both_above and p_holm < ALPHA),
            )
        )
    return tuple(sorted(gains, key=lambda gain: -gain.gain))


def pair_gains(still: Sequence[Predictions], motion: Sequence[Predictions]) -> tuple[PairGain, ...]:
    """Where motion helps, pair of labels by pair.

    Args:
        still: the still model's predictions, one entry per training.
        motion: the motion model's predictions of the same videos.

    Returns:
        One entry for each pair of labels that have test videos, the largest gain first, at most `MAX_PAIRS`. Empty
        with more than `MAX_LABELS` labels.
    """
    estimates = _estimate_pairs(still, motion)
    adjusted = holm(np.array([estimate.gain.p_zero() for estimate in estimates]))
    pairs = []
    for estimate, p_holm in zip(estimates, adjusted, strict=True):
        low, high = estimate.gain.interval()
        still_low, still_high = (min(1.0, max(0.0, 0.5 + limit)) for limit in estimate.still.interval())
        still_share, gain = 0.5 + estimate.still.mean, estimate.gain.mean
        guesses = still_low <= 0.5 <= still_high < _NEAR_GUESSING
        pairs.append(
            PairGain(
                labels=estimate.labels,
                videos=estimate.videos,
                still=still_share,
                still_low=still_low,
                still_high=still_high,
                motion=still_share + gain,
                gain=gain,
                low=low,
                high=high,
                p_holm=float(p_holm),
                only_motion=bool(estimate.gain.mean > 0 and p_holm < ALPHA and guesses),
            )
        )
    return tuple(sorted(pairs, key=lambda pair: -pair.gain)[:MAX_PAIRS])


def _estimate_labels(still: Sequence[Predictions], motion: Sequence[Predictions]) -> list[_LabelEstimate]:
    correct = [correct_by_training(trainings) for trainings in (still, motion)]
    truth, (_, codes) = still[0].truth, group_codes(still[0].groups)
    votes = [np.array([training.votes for training in trainings]) for trainings in (still, motion)]
    estimates = []
    for index in range(len(still[0].labels)):
        of_label = truth == index
        if not of_label.any():
            continue
        recalled = [table[:, of_label] for table in correct]
        recall_gain = estimate_mean(recalled[1].mean(0) - recalled[0].mean(0), codes[of_label], recalled)
        weights = balancing_weights(of_label.astype(np.intp))
        separated = [weights * np.where(of_label, vote[:, :, index], 1 - vote[:, :, index]) for vote in votes]
        separation_gain = estimate_mean(separated[1].mean(0) - separated[0].mean(0), codes, separated, weights)
        recalls = (float(recalled[0].mean()), float(recalled[1].mean()))
        estimates.append(_LabelEstimate(index, recalls, recall_gain, separation_gain))
    return estimates


def _estimate_pairs(still: Sequence[Predictions], motion: Sequence[Predictions]) -> list[_PairEstimate]:
    labels, all_truth, (_, codes) = still[0].labels, still[0].truth, group_codes(still[0].groups)
    present = [index for index in range(len(labels)) if (all_truth == index).any()]
    estimates = []
    for first, second in combinations(present if len(present) <= MAX_LABELS else (), 2):
        rows = np.flatnonzero((all_truth == first) | (all_truth == second))
        truth = all_truth[rows]
        other_label = np.where(truth == first, second, first)
        weights = balancing_weights(truth)
        still_wins, motion_wins = (
            weights * np.array([_prefers_truth(training, rows, truth, other_label) for training in trainings])
            for trainings in (still, motion)
        )
        gain = estimate_mean(motion_wins.mean(0) - still_wins.mean(0), codes[rows], (still_wins, motion_wins), weights)
        above_guessing = estimate_mean(still_wins.mean(0) - weights / 2, codes[rows], (still_wins,), weights)
        estimates.append(_PairEstimate((labels[first], labels[second]), len(rows), above_guessing, gain))
    return estimates


def _prefers_truth(training: Predictions, rows: Ints, truth: Ints, other_label: Ints) -> Floats:
    """1 for each row where the true label has a higher probability than the other, 0.5 for a tie."""
    gap = training.probabilities[rows, truth] - training.probabilities[rows, other_label]
    preferred: Floats = (np.sign(gap) + 1) / 2
    return preferred
