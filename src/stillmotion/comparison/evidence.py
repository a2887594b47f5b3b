"""What a motion model's gain rests on: motion, the order of frames or a few good ones; and stability over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stillmotion.comparison.cross_validation import join_folds
from stillmotion.comparison.measuring import Measure, Metric
from stillmotion.comparison.predictions import Predictions, check_same_videos, correct_by_training
from stillmotion.comparison.reading import read_predictions_by_seed
from stillmotion.comparison.traces import TimedProbabilities, read_over_time
from stillmotion.data.tables import read_table

STABILITY_SECONDS = 0.3  # around each time, for pm-k as in Shankar et al. 2019
MIN_ORACLE_ADVANTAGE = 0.1  # over chance, for a frame to be found that is not luck
PERTURBATION_COLUMN = "perturbation"  # of perturbed.parquet


@dataclass(frozen=True)
class ConditionResult:
    """A model under another condition, compared with the motion model on whole clips.

    Attributes:
        name: the condition, such as "shuffled".
        accuracy: accuracy under the condition, by the verdict's metric.
        difference: `accuracy` less that of the motion model on whole clips.
        low: lower limit of the difference's 95 % interval.
        high: upper limit of that interval.
    """

    name: str
    accuracy: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class BestFrameEvidence:
    """Whether one good frame is enough, from the still model's predictions on single frames.

    All accuracies are by the verdict's metric.

    Attributes:
        single: mean accuracy of a single frame.
        average: accuracy of the mean over frames.
        most_confident_frame: accuracy of the frame with the highest probability of its predicted label.
        oracle: share of videos with at least one frame that is predicted correctly.
        chance: share of videos with at least one frame predicted as one particular wrong label, the mean over wrong
            labels: how much of `oracle` is luck.
        motion: accuracy of the motion model on the same videos.
        low: lower limit of the 95 % interval of `most_confident_frame` less `motion`.
        high: upper limit of that interval.
        one_frame_decides: the most confident frame is not significantly worse than motion (`high` is at least 0), and
            the oracle is better than chance by more than 0.1.
    """

    single: float
    average: float
    most_confident_frame: float
    oracle: float
    chance: float
    motion: float
    low: float
    high: float
    one_frame_decides: bool


@dataclass(frozen=True)
class TemporalStability:
    """How stable a model's predictions are over time (Shankar et al. 2019, Do image classifiers generalize over time).

    Attributes:
        pm_0: share of times with a correct prediction, the mean over videos.
        pm_k: share of times with a correct prediction there and at all times within `seconds`; None if predictions are
            further apart than that.
        seconds: the distance for `pm_k`.
        label_changes_per_second: how often the predicted label changes.
        interval_seconds: time from one prediction to the next, the median over videos; None if each has only one.
        videos: number of videos.
    """

    pm_0: float
    pm_k: float | None
    seconds: float
    label_changes_per_second: float
    interval_seconds: float | None
    videos: int


@dataclass(frozen=True)
class Evidence:
    """What is known about why the motion model is better.

    Attributes:
        perturbed: the trained motion model on clips that it was not trained for, the first entry on whole clips.
        retrained: motion models that were trained and tested without motion.
        best_frame: whether one good frame is enough; None if the still model was not run over time.
        stability: of each model that was run over time.
    """

    perturbed: tuple[ConditionResult, ...] = ()
    retrained: tuple[ConditionResult, ...] = ()
    best_frame: BestFrameEvidence | None = None
    stability: Mapping[str, TemporalStability] | None = None


def gather_evidence(
    perturbed: Sequence[Path],
    retrained: Mapping[str, Sequence[Predictions]],
    motion: Sequence[Predictions],
    over_time: Mapping[str, Sequence[Path]],
    still: str,
    metric: Metric = "accuracy",
) -> Evidence:
    """Gather the evidence that the files of a comparison's runs hold. Files that are missing are skipped.

    Args:
        perturbed: perturbed.parquet of the motion model's runs of one seed.
        retrained: predictions of the motion model's controls by name ("shuffled", "frozen").
        motion: predictions of the motion model.
        over_time: over_time.parquet of each model's runs of one seed.
        still: name of the still model.
        metric: that of the verdict.

    Returns:
        The evidence, with None or no entry for what is unknown.

    Raises:
        StillmotionError: predictions are of different videos.
    """
    timed = {name: read_over_time(paths, motion[0].labels) for name, paths in over_time.items()}
    with_truth = {name: _with_truth(videos, motion[0]) for name, videos in timed.items()}
    return Evidence(
        perturbed=_perturbed(perturbed, metric),
        retrained=tuple(_compare(name, control, motion, metric) for name, control in retrained.items()),
        best_frame=_best_frame(timed.get(still, {}), motion, metric),
        stability={name: _stability(videos) for name, videos in with_truth.items() if videos},
    )


def _perturbed(paths: Sequence[Path], metric: Metric) -> tuple[ConditionResult, ...]:
    tables = [table for path in paths if path.is_file() and (table := _read_perturbed(path))]
    if not tables:
        return ()
    joined = {name: join_folds([0] * len(tables), [table[name] for table in tables]) for name in tables[0]}
    whole = next(iter(joined.values()))
    return tuple(_compare(name, runs, whole, metric) for name, runs in joined.items())


def _read_perturbed(path: Path) -> dict[str, Predictions]:
    """The predictions under each perturbation, in the order of the table."""
    table = read_table(path)
    if not table.num_rows:
        return {}
    names = [str(name) for name in dict.fromkeys(table.column(PERTURBATION_COLUMN).to_pylist())]
    by_name = dict(zip(sorted(names), read_predictions_by_seed(path, by=PERTURBATION_COLUMN), strict=True))
    return {name: by_name[name] for name in names}


def _compare(
    name: str, control: Sequence[Predictions], motion: Sequence[Predictions], metric: Metric
) -> ConditionResult:
    check_same_videos([*motion, *control])
    whole, changed = correct_by_training(motion), correct_by_training(control)
    measure = Measure(motion[0], metric)
    difference = measure.gain(whole, changed)
    return ConditionResult(name, measure.mean(changed), difference.mean, *difference.interval())


def _with_truth(videos: Mapping[str, TimedProbabilities], first: Predictions) -> list[tuple[TimedProbabilities, int]]:
    """Predictions over time and the true label of each video, in the order of the predictions."""
    truths = zip(first.videos, first.truth.tolist(), strict=True)
    return [(videos[video], truth) for video, truth in truths if video in videos]


def _best_frame(
    videos: Mapping[str, TimedProbabilities], motion: Sequence[Predictions], metric: Metric
) -> BestFrameEvidence | None:
    first = motion[0]
    rows = []
    for timed, truth in _with_truth(videos, first):
        predicted = timed.probabilities.argmax(axis=1)
        most_confident = predicted[timed.probabilities.max(axis=1).argmax()]
        ever_predicted = np.bincount(predicted, minlength=len(first.labels)) > 0
        average = timed.probabilities.mean(axis=0).argmax()
        rows.append(
            [
                (predicted == truth).mean(),
                average == truth,
                most_confident == truth,
                ever_predicted[truth],
                np.delete(ever_predicted, truth).mean(),
            ]
        )
    if not rows:
        return None
    table = np.array(rows, float).T
    known = np.flatnonzero([video in videos for video in first.videos])
    shown = replace(
        first,
        videos=tuple(first.videos[row] for row in known),
        groups=tuple(first.groups[row] for row in known),
        truth=first.truth[known],
        probabilities=first.probabilities[known],
    )
    measure = Measure(shown, metric)
    single, average, most_confident_frame, oracle, chance = map(measure.mean, table)
    motion_correct = correct_by_training(motion)[:, known].mean(axis=0)
    low, high = measure.estimate(table[2] - motion_correct).interval()
    return BestFrameEvidence(
        single=single,
        average=average,
        most_confident_frame=most_confident_frame,
        oracle=oracle,
        chance=chance,
        motion=measure.mean(motion_correct),
        low=low,
        high=high,
        one_frame_decides=bool(high >= 0 and oracle > chance + MIN_ORACLE_ADVANTAGE),
    )


def _stability(videos: Sequence[tuple[TimedProbabilities, int]]) -> TemporalStability:
    within = STABILITY_SECONDS + 1e-6
    correct_shares, stable_shares, intervals = [], [], []
    changes, total_seconds = 0, 0.0
    for (seconds, probabilities), truth in videos:
        predicted = probabilities.argmax(axis=1)
        correct = predicted == truth
        near = np.abs(seconds[:, None] - seconds[None, :]) <= within
        wrong_nearby = (near & ~correct[None, :]).any(axis=1)
        correct_shares.append(correct.mean())
        stable_shares.append((correct & ~wrong_nearby).mean())
        changes += int((np.diff(predicted) != 0).sum())
        total_seconds += float(np.ptp(seconds))
        if len(predicted) > 1:
            intervals.append(float(np.median(np.diff(seconds))))
    interval = float(np.median(intervals)) if intervals else None
    return TemporalStability(
        pm_0=float(np.mean(correct_shares)),
        pm_k=float(np.mean(stable_shares)) if interval is not None and interval <= within else None,
        seconds=STABILITY_SECONDS,
        label_changes_per_second=changes / total_seconds if total_seconds else 0.0,
        interval_seconds=interval,
        videos=len(correct_shares),
    )
