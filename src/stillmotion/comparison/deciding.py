"""Predictions of still and motion models in, verdict out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import ceil

import numpy as np
from scipy.special import ndtri

from stillmotion.comparison.choosing import Choice, Interval, Pair, error_shares
from stillmotion.comparison.leaning import LEANING_LEVEL, brier_gain, brier_scores
from stillmotion.comparison.measuring import Measure, Metric, check_metric
from stillmotion.comparison.per_label import AtLook, label_gains, missed_labels, pair_gains
from stillmotion.comparison.predictions import Predictions, as_trainings, check_same_videos, correct_by_training
from stillmotion.comparison.sentences import MIN_GROUPS, few_groups_text, videos_as_groups_text
from stillmotion.comparison.verdict import Contrast, Selection, Verdict, VerdictWarning
from stillmotion.errors import UsageError
from stillmotion.statistics import (
    CONFIDENCE,
    Estimate,
    Floats,
    cluster_robust_interval,
    proportion_interval,
    sequential_level,
)

POWER = 0.8
MAX_GROUPS_FACTOR = 20  # beyond so many times the groups, more data will hardly decide


def decide(
    still: Predictions | Sequence[Predictions],
    motion: Predictions | Sequence[Predictions],
    *,
    margin: float = 0.05,
    names: Pair = ("still", "motion"),
    metric: Metric = "accuracy",
    sequential: bool = False,
) -> Verdict:
    """Compare a still model and a motion model on the same test videos.

    Args:
        still: the still model's predictions, or a list with one entry per training.
        motion: likewise those of the motion model.
        margin: the smallest gain in accuracy that is worth motion.
        names: what to call the two models.
        metric: as for `decide_among`.
        sequential: as for `decide_among`.

    Returns:
        The verdict of `decide_among`.

    Raises:
        UsageError: as for `decide_among`.
        StillmotionError: as for `decide_among`.

    Examples:
        >>> still, motion = sm.read_predictions("still.csv"), sm.read_predictions("motion.csv")
        >>> sm.decide(still, motion).answer
        'undecided'
    """
    stills, motions = {names[0]: as_trainings(still)}, {names[1]: as_trainings(motion)}
    return decide_among(stills, motions, margin=margin, metric=metric, sequential=sequential)


def decide_among(
    stills: Mapping[str, Predictions | Sequence[Predictions]],
    motions: Mapping[str, Predictions | Sequence[Predictions]],
    *,
    margin: float = 0.05,
    chosen: Pair | None = None,
    about: Collection[str] = (),
    metric: Metric = "accuracy",
    sequential: bool = False,
) -> Verdict:
    """Compare still models with motion models, such as the rungs of the ladder, on the same test videos.

    Motion is needed if some motion model is better than every still model by more than the margin. Stills suffice if
    some still model is not worse than any motion model by the margin. So both rest on one interval: that of the gain
    of the best motion model over the best still model. Its lower limit is the worst of one motion model's limits
    against all still models; its upper limit is the other way round. A claim that needs all of several tests needs no
    correction (intersection-union test, Berger 1982, Technometrics 24). One that may rest on any of several models
    does: its error of 5 % is divided among them (Bonferroni). Four fifths go to the model that other data have chosen,
    such as the validation part, and where none have, to *several frames* of the still rungs of a ladder; otherwise,
    shares are equal.

    The model that the answer rests on must also be better than always predicting the most frequent label, at the same
    level, and a still model does not suffice if it finds significantly less of a label than some motion model, by more
    than the margin.

    Args:
        stills: the predictions of each still model by name, or lists with one entry per training.
        motions: the predictions of each motion model by name.
        margin: the smallest gain in accuracy that is worth motion.
        chosen: the still and the motion model that other data than these test videos have chosen, such as the
            validation part. Another model can still decide, but it must be much better.
        about: names of the models that the verdict is about, at least one of each kind: an answer rests on these alone.
            They are compared with all others. By default all.
        metric: "accuracy", or "balanced" for the mean recall of the labels, which counts rare labels like others.
        sequential: whether the interval holds at every look, if recordings are added and compared again.

    Returns:
        The verdict, from statistics alone: nothing was checked that is not in the predictions.

    Raises:
        UsageError: a model of each kind is needed, a metric that does not exist, a margin outside 0..1, names that are
            not unique, or names in `chosen` or `about` that are not of such models.
        StillmotionError: the models predicted different videos.

    Examples:
        >>> still, motion = sm.read_predictions("still.csv"), sm.read_predictions("motion.csv")
        >>> sm.decide_among({"one frame": still}, {"order": motion}).motion
        'order'
    """
    check_margin(margin)
    check_metric(metric)
    predictions = {name: as_trainings(trainings) for name, trainings in (*stills.items(), *motions.items())}
    if not stills or not motions or len(predictions) < len(stills) + len(motions):
        raise UsageError("a verdict needs still and motion models, each with a name of its own")
    check_same_videos([training for trainings in predictions.values() for training in trainings])
    first = next(iter(predictions.values()))[0]
    measure = Measure(first, metric)
    tables = {name: correct_by_training(trainings) for name, trainings in predictions.items()}
    accuracy = {name: measure.mean(table) for name, table in tables.items()}
    at_look = _at_look(measure.groups, sequential=sequential)
    candidates = (
        [name for name in stills if not about or name in about],
        [name for name in motions if not about or name in about],
    )
    if not all(candidates) or (chosen and not all(map(operator.contains, candidates, chosen))):
        raise UsageError("`chosen` and `about` name still and motion models of the verdict, at least one of each")
    choice = Choice(stills, motions, error_shares(*candidates, chosen))

    gains = {(s, m): measure.gain(tables[s], tables[m]) for s in stills for m in motions}
    contrasts = {pair: choice.interval(pair, _interval(gain, at_look), CONFIDENCE) for pair, gain in gains.items()}
    best = tuple(max(names, key=accuracy.__getitem__) for names in candidates)
    most_frequent = (first.truth == np.bincount(first.truth).argmax()).astype(float)
    above_guessing = {name: measure.estimate(table.mean(0) - most_frequent) for name, table in tables.items()}
    # By chance, the best of several models that guess looks better than guessing.
    beating_guessing = {
        name
        for name, table in tables.items()
        for at in (at_look(choice.level(name, CONFIDENCE)),)
        if above_guessing[name].interval(at)[0] > 0
        or (metric == "accuracy" and _beats_share(table.mean(0), most_frequent, measure, at))
    }
    of_stills, of_motions = ({name: predictions[name] for name in names} for names in (stills, motions))
    missed = missed_labels(of_stills, of_motions, margin, at_look)
    complete = predictions.keys() - {loss.model for loss in missed}
    preferred = chosen or (best[0], best[1])
    pair = still, motion = choice.pair(preferred, contrasts.__getitem__, margin, complete & beating_guessing)
    low, high = choice.limits(pair, contrasts.__getitem__)
    equivalence = choice.limits(
        pair, lambda other: choice.interval(other, _interval(gains[other], at_look), 1 - 2 * (1 - CONFIDENCE))
    )
    robust = choice.limits(
        pair,
        lambda other: choice.interval(
            other,
            lambda level: cluster_robust_interval(
                tables[other[1]].mean(axis=0) - tables[other[0]].mean(axis=0), measure.codes, at_look(level)
            ),
            CONFIDENCE,
        ),
    )
    scores = {name: brier_scores(trainings, measure) for name, trainings in predictions.items()}
    brier = {(s, m): brier_gain(scores[s], scores[m], measure) for s, m in gains}
    brier_low, brier_high = choice.limits(
        pair, lambda other: choice.interval(other, _interval(brier[other], at_look), LEANING_LEVEL)
    )
    verdict = Verdict(
        still=still,
        motion=motion,
        still_accuracy=accuracy[still],
        motion_accuracy=accuracy[motion],
        difference=gains[pair].mean,
        low=low,
        high=high,
        margin=margin,
        metric=metric,
        sequential=sequential,
        videos=len(measure.codes),
        groups=measure.groups,
        seeds=min(map(len, predictions.values())),
        selected_by=_selected_by(pair, len(contrasts), chosen, named=bool(about)),
        p_needed=choice.p_needed(gains, margin),
        p_suffice=choice.p_suffice(gains, margin),
        superior=low > 0,
        equivalent=-margin < equivalence[0] and equivalence[1] < margin,
        equivalence_low=equivalence[0],
        equivalence_high=equivalence[1],
        cluster_robust_low=robust[0],
        cluster_robust_high=robust[1],
        brier_gain=brier[pair].mean,
        brier_low=brier_low,
        brier_high=brier_high,
        guessing=measure.mean(most_frequent),
        stills_beat_guessing=still in beating_guessing,
        motion_beats_guessing=motion in beating_guessing,
        others_beating_guessing=tuple(name for name in tables if name in beating_guessing - {still, motion}),
        about=tuple(about),
        contrasts=tuple(Contrast(*pair, gain.mean, *contrasts[pair]) for pair, gain in gains.items()),
        labels=label_gains(predictions[still], predictions[motion]),
        missed=missed,
        pairs=pair_gains(predictions[still], predictions[motion]),
        warnings=_warnings(first, measure.groups),
    )
    if verdict.interval_answer != "undecided" or verdict.stills_miss_labels or verdict.nothing_beats_guessing:
        return verdict
    needed = _groups_to_decide(choice, pair, gains, above_guessing, complete, margin, sequential=sequential)
    return replace(verdict, groups_to_decide=needed)


def check_margin(margin: float) -> None:
    """Check a margin.

    Args:
        margin: the smallest gain in accuracy that is worth motion, as a share.

    Raises:
        UsageError: it is below 0, or not below 1.
    """
    if not 0 <= margin < 1:
        raise UsageError(f"margin is {margin:g}; expected 0 to below 1 (0.05 is 5 points of accuracy)")


def _at_look(groups: float, *, sequential: bool) -> AtLook:
    """The level of one look for a claim that is to hold at a level, at this look or, if sequential, at all."""
    return partial(sequential_level, groups) if sequential else float


def _interval(estimate: Estimate, at_look: AtLook) -> Callable[[float], Interval]:
    return lambda level: estimate.interval(at_look(level))


def _selected_by(pair: Pair, pairs: int, chosen: Pair | None, *, named: bool) -> Selection:
    if pairs == 1:
        return "only_pair"
    if named:
        return "named"
    return "validation_accuracy" if pair == chosen else "test_accuracy"


def _beats_share(correct: Floats, most_frequent: Floats, measure: Measure, level: float) -> bool:
    """Whether the interval of a model's accuracy is above the share of the most frequent label.

    Comparing video by video (`above_guessing`) and this are two tests: each is the more powerful where the other is
    not.
    """
    return proportion_interval(correct, measure.codes, level)[0] > float(most_frequent.mean())


def _groups_to_decide(
    choice: Choice,
    preferred: Pair,
    gains: Mapping[Pair, Estimate],
    above_guessing: Mapping[str, Estimate],
    complete: Collection[str],
    margin: float,
    *,
    sequential: bool,
) -> int | None:
    """The number of groups with which the interval would clear the margin in `POWER` of tests; None if too many.

    With the sampling error se of a mean over so many groups, the limit next to the margin must be z(POWER) * se
    beyond it (docs/verdict.md has the formula and its source). The model that the answer would rest on must also be
    above guessing, and not miss a label (`complete`).
    """
    z = float(ndtri(POWER))
    groups = next(iter(gains.values())).groups
    for factor in map(float, np.geomspace(1.0, MAX_GROUPS_FACTOR, 200)):
        at_look = _at_look(groups * factor, sequential=sequential)
        larger = {pair: gain.times(factor) for pair, gain in gains.items()}
        expected = {}
        for pair, gain in larger.items():
            low, high = choice.interval(pair, _interval(gain, at_look), CONFIDENCE)
            expected[pair] = (low - z * gain.observed_se, high + z * gain.observed_se)
        eligible = {
            name
            for name in complete
            if above_guessing[name].times(factor).interval(at_look(choice.level(name, CONFIDENCE)))[0] > 0
        }
        pair = choice.pair(preferred, expected.__getitem__, margin, eligible)
        low, high = choice.limits(pair, expected.__getitem__)
        model = pair[1] if low > margin else pair[0]
        if (low >= margin or high <= margin) and model in eligible:
            return ceil(groups * factor - 1e-9)
    return None


def _warnings(predictions: Predictions, n_groups: int) -> tuple[VerdictWarning, ...]:
    warnings = []
    if n_groups == len(predictions.videos) and predictions.groups == predictions.videos:
        warnings.append(VerdictWarning("videos_as_groups", videos_as_groups_text()))
    if n_groups < MIN_GROUPS:
        warnings.append(VerdictWarning("few_groups", few_groups_text(n_groups), groups=n_groups))
    return tuple(warnings)
