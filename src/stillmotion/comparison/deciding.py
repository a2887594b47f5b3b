"""Predictions of a still model and of motion models in, verdict out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

import numpy as np
from scipy.special import ndtri

from stillmotion.comparison.per_label import label_gains, pair_gains
from stillmotion.comparison.predictions import Predictions, check_same_videos, correct_by_training
from stillmotion.comparison.sentences import MIN_GROUPS, few_groups_text, videos_as_groups_text
from stillmotion.comparison.verdict import Contrast, Verdict, VerdictWarning
from stillmotion.errors import UsageError
from stillmotion.statistics import (
    ALPHA,
    CONFIDENCE,
    Estimate,
    Floats,
    Ints,
    cluster_robust_interval,
    estimate_mean,
    group_codes,
    proportion_interval,
)

POWER = 0.8
MAX_GROUPS_FACTOR = 20  # beyond so many times the groups, more data will hardly decide


def decide(
    still: Sequence[Predictions],
    motion: Sequence[Predictions],
    *,
    margin: float = 0.05,
    names: tuple[str, str] = ("still", "motion"),
    models: int = 1,
) -> Verdict:
    """Compare a still model and a motion model on the same test videos.

    Motion is needed if the whole interval of the difference in accuracy is above the margin; stills suffice if it
    is below; otherwise it is undecided. The model that the answer rests on must also be significantly better than
    always predicting the most frequent label.

    Args:
        still: the still model's predictions, one entry per training.
        motion: the motion model's predictions, one entry per training.
        margin: the smallest gain in accuracy that is worth motion.
        names: what to call the two models.
        models: number of motion models from which these test videos choose. The interval is at the level
            1 - 0.05 / models (Bonferroni).

    Returns:
        The verdict, from statistics alone: nothing was checked that is not in the predictions.

    Raises:
        StillmotionError: the models predicted different videos.
    """
    check_same_videos([*still, *motion])
    n_groups, codes = group_codes(still[0].groups)
    tables = [correct_by_training(still), correct_by_training(motion)]
    still_correct, motion_correct = (table.mean(axis=0) for table in tables)
    difference = estimate_mean(motion_correct - still_correct, codes, tables)
    level = 1 - ALPHA / models
    low, high = difference.interval(level)
    equivalence_low = difference.interval(1 - 2 * ALPHA / models)[0]
    equivalence_high = difference.interval(1 - 2 * ALPHA)[1]
    robust_low, robust_high = cluster_robust_interval(motion_correct - still_correct, codes, level)
    most_frequent = (still[0].truth == np.bincount(still[0].truth).argmax()).astype(float)
    above_guessing = [estimate_mean(correct - most_frequent, codes) for correct in (still_correct, motion_correct)]
    verdict = Verdict(
        still=names[0],
        motion=names[1],
        still_accuracy=float(still_correct.mean()),
        motion_accuracy=float(motion_correct.mean()),
        difference=difference.mean,
        low=low,
        high=high,
        margin=margin,
        videos=len(codes),
        groups=n_groups,
        seeds=min(len(still), len(motion)),
        level=level,
        p_needed=difference.p_above(margin),
        p_suffice=difference.p_below(margin),
        superior=low > 0,
        equivalent=-margin < equivalence_low and equivalence_high < margin,
        equivalence_low=equivalence_low,
        equivalence_high=equivalence_high,
        cluster_robust_low=robust_low,
        cluster_robust_high=robust_high,
        guessing=float(most_frequent.mean()),
        stills_beat_guessing=_beats_guessing(still_correct, most_frequent, above_guessing[0], codes),
        motion_beats_guessing=_beats_guessing(motion_correct, most_frequent, above_guessing[1], codes),
        contrasts=(Contrast(names[1], difference.mean, low, high),),
        labels=label_gains(still, motion),
        pairs=pair_gains(still, motion),
        warnings=_warnings(still[0], n_groups),
    )
    if verdict.interval_answer != "undecided":
        return verdict
    return replace(verdict, groups_to_decide=_groups_to_decide(difference, above_guessing, margin, level))


def decide_among(
    still: Sequence[Predictions],
    motions: Mapping[str, Sequence[Predictions]],
    *,
    margin: float = 0.05,
    name: str = "still",
) -> Verdict:
    """Compare a still model with several motion models among which no validation part has chosen.

    Stills suffice if every 95 % interval is below the margin: a claim that needs all of several tests needs no
    correction (intersection-union test, Berger 1982, Technometrics 24). Motion is needed if any interval is above
    the margin, each at the level 1 - 0.05 / models (Bonferroni), so that all hold at once.

    Args:
        still: the still model's predictions, one entry per training.
        motions: the predictions of each motion model by name.
        margin: the smallest gain in accuracy that is worth motion.
        name: what to call the still model.

    Returns:
        The verdict on the motion model that settles it: the best one, or the one that is hardest to rule out.

    Raises:
        StillmotionError: the models predicted different videos.
    """

    def decide_each(models: int) -> list[Verdict]:
        return [
            decide(still, motion, margin=margin, names=(name, motion_name), models=models)
            for motion_name, motion in motions.items()
        ]

    count = len(motions)
    if count == 1:
        return decide_each(1)[0]
    corrected = verdicts = decide_each(count)
    if suffice := all(verdict.p_suffice < ALPHA / 2 for verdict in corrected):
        # What is claimed of one model, which the test videos chose, stays corrected.
        verdicts = [
            replace(
                plain,
                superior=verdict.superior,
                equivalent=verdict.equivalent,
                equivalence_low=verdict.equivalence_low,
            )
            for plain, verdict in zip(decide_each(1), corrected, strict=True)
        ]
    needed = [verdict for verdict in verdicts if verdict.answer == "motion needed"]
    if needed:
        settled = max(needed, key=lambda verdict: verdict.difference)
    else:
        settled = max(verdicts, key=lambda verdict: verdict.high)
    return replace(
        settled,
        selected_by="hardest_to_rule_out" if suffice else "test_accuracy",
        contrasts=tuple(contrast for verdict in verdicts for contrast in verdict.contrasts),
    )


def check_margin(margin: float) -> None:
    """Check a margin.

    Args:
        margin: the smallest gain in accuracy that is worth motion, as a share.

    Raises:
        UsageError: it is below 0, or not below 1.
    """
    if not 0 <= margin < 1:
        raise UsageError(f"margin is {margin:g}; expected 0 to below 1 (0.05 is 5 points of accuracy)")


def _beats_guessing(correct: Floats, most_frequent: Floats, above_guessing: Estimate, codes: Ints) -> bool:
    """Whether a model is significantly better than always predicting the most frequent label.

    Video by video, or by the interval of its accuracy: each is the more powerful where the other is not.
    """
    by_video = above_guessing.interval(CONFIDENCE)[0] > 0
    return bool(by_video or proportion_interval(correct, codes)[0] > most_frequent.mean())


def _groups_to_decide(
    difference: Estimate, above_guessing: Sequence[Estimate], margin: float, level: float
) -> int | None:
    """The number of groups with which the interval would clear the margin in `POWER` of tests; None if too many.

    With the sampling error se of a mean over so many groups, the limit next to the margin must be z(POWER) * se
    beyond it (docs/verdict.md has the formula and its source). The level is that of *motion needed*; *stills suffice*
    needs no correction for several models. `above_guessing` is the still and the motion model's gain over guessing,
    which the model that the answer would rest on must have, too.
    """
    z = float(ndtri(POWER))
    for factor in np.geomspace(1.0, MAX_GROUPS_FACTOR, 200):
        larger = difference.times(float(factor))
        low, high = larger.interval(level)[0], larger.interval()[1]
        rests_on = above_guessing[1 if low > margin else 0].times(float(factor))
        if max(low - margin, margin - high) >= z * larger.observed_se and rests_on.interval()[0] > 0:
            return ceil(larger.groups - 1e-9)
    return None


def _warnings(predictions: Predictions, n_groups: int) -> tuple[VerdictWarning, ...]:
    warnings = []
    if n_groups == len(predictions.videos) and predictions.groups == predictions.videos:
        warnings.append(VerdictWarning("videos_as_groups", videos_as_groups_text()))
    if n_groups < MIN_GROUPS:
        warnings.append(VerdictWarning("few_groups", few_groups_text(n_groups), groups=n_groups))
    return tuple(warnings)
