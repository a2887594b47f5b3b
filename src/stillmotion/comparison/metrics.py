"""How good one family is on the test videos: figures with 95 % intervals by group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stillmotion.comparison.predictions import Floats, Ints, Predictions, check_same_videos
from stillmotion.statistics.intervals import LEVEL, group_codes, mean_interval, proportion_interval

BOOTSTRAPS, BLOCK = 2000, 100  # draws, and how many are held at once
BINS = 15
_TINY = 1e-7
WORST = float(-np.log(_TINY))  # the log loss of a video is at most that


@dataclass(frozen=True)
class IntervalEstimate:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LabelMetrics:
    """One label: the share of its videos that is found, and of its answers that is right."""

    recall: IntervalEstimate
    precision: float
    f1: float
    videos: int


@dataclass(frozen=True)
class Metrics:
    """Figures of one family, the mean over its seeds. log_loss in nats a video.

    calibration_error: of the top label in 15 bins of equal mass (Nixon et al. 2019, Measuring calibration in deep
    learning). It is biased upwards where videos are few, and an interval that resamples them lies above the truth: it
    has none.
    """

    accuracy: IntervalEstimate
    macro_f1: IntervalEstimate
    log_loss: IntervalEstimate
    calibration_error: float
    per_label: dict[str, LabelMetrics]


def compute_metrics(predictions: Sequence[Predictions], *, seed: int = 0) -> Metrics:
    """Measure one family from one `Predictions` a seed, all on the same videos.

    Intervals of accuracy and recall are Wilson's on an effective number of videos; that of macro-F1 resamples whole
    groups (percentile bootstrap, 2000 times) and is held no narrower than that of accuracy, for a bootstrap of few
    groups is too narrow; that of log loss is Student's t on the jackknife over groups. Raises StillmotionError if the
    videos differ.
    """
    check_same_videos(predictions)
    first = predictions[0]
    n_groups, codes = group_codes(first.groups)
    rights = np.mean([run.right for run in predictions], axis=0)
    accuracy = IntervalEstimate(float(rights.mean()), *proportion_interval(rights, codes))
    counts = [_by_group(_counts(run), codes, n_groups) for run in predictions]
    macro = _percentile(
        np.concatenate([
            np.mean([_macro_f1(block @ sums) for sums in counts], axis=0) for block in _group_draws(n_groups, seed)
        ])
    )  # fmt: skip
    macro = IntervalEstimate(
        macro.value,
        max(0.0, min(macro.low, macro.value - accuracy.value + accuracy.low)),
        min(1.0, max(macro.high, macro.value - accuracy.value + accuracy.high)),
    )
    tables = np.stack([_table(run) for run in predictions])
    per_label = {
        name: _label_figures(index, rights, first.truth, codes, tables) for index, name in enumerate(first.labels)
    }
    losses = np.mean([_losses(run) for run in predictions], axis=0)
    loss = IntervalEstimate(float(losses.mean()), *mean_interval(losses, codes, WORST))
    return Metrics(accuracy, macro, loss, float(np.mean([_calibration(run) for run in predictions])), per_label)


def confusion(predictions: Sequence[Predictions]) -> Floats:
    """(classes, classes) float: videos by truth (rows) and answer (columns), the mean over seeds."""
    mean: Floats = np.mean([_table(run) for run in predictions], axis=0)
    return mean


def _group_draws(n_groups: int, seed: int) -> Iterator[Floats]:
    """Blocks of (draws, groups): how often each group is taken; the first row is the sample itself."""
    rng = np.random.default_rng((seed, n_groups))
    yield np.ones((1, n_groups))
    for _ in range(BOOTSTRAPS // BLOCK):
        yield rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=BLOCK).astype(float)


def _by_group(rows: Floats, codes: Ints, n_groups: int) -> Floats:
    """(n, k) -> (groups, k): sums."""
    sums = np.zeros((n_groups, rows.shape[1]))
    np.add.at(sums, codes, rows)
    return sums


def _percentile(values: Floats) -> IntervalEstimate:
    """values: (1 + draws,); the first is that of the sample."""
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return IntervalEstimate(float(values[0]), float(min(low, values[0])), float(max(high, values[0])))


def _table(run: Predictions) -> Floats:
    """(classes, classes): videos by truth and answer."""
    table: Floats = np.eye(len(run.labels))[run.truth].T @ run.given
    return table


def _counts(run: Predictions) -> Floats:
    """(n, 2 * classes): by label, whether it was hit; then how often it was truth or answer (0 to 2)."""
    truth = np.eye(len(run.labels))[run.truth]
    return np.hstack([truth * run.given, truth + run.given])


def _losses(run: Predictions) -> Floats:
    """(n,): the log loss of each video."""
    losses: Floats = -np.log(np.clip(run.probabilities[np.arange(len(run.truth)), run.truth], _TINY, 1.0))
    return losses


def _calibration(run: Predictions) -> float:
    """Confidence minus right, in bins of equal mass by confidence."""
    top = run.probabilities.max(axis=1)
    place = np.argsort(np.argsort(top, kind="stable"), kind="stable") * min(BINS, len(top)) // len(top)
    return float(np.abs(np.bincount(place, top - run.right)).sum() / len(top))


def _f1(hits: Floats, both: Floats) -> Floats:
    """nan where a label has neither a video nor an answer."""
    share: Floats = np.divide(2 * hits, both, out=np.full(both.shape, np.nan), where=both > 0)
    return share


def _macro_f1(sums: Floats) -> Floats:
    hits, both = np.split(sums, 2, axis=1)
    mean: Floats = np.nanmean(_f1(hits, both), axis=1)
    return mean


def _label_figures(index: int, rights: Floats, truth: Ints, codes: Ints, tables: Floats) -> LabelMetrics:
    """tables: (seeds, classes, classes), videos by truth and answer."""
    mine = truth == index
    videos, answered, hits = (
        tables[:, index].sum(axis=1),
        tables[:, :, index].sum(axis=1),
        tables[:, index, index],
    )
    precision = np.divide(hits, answered, out=np.zeros(len(hits)), where=answered > 0)
    recall = float(rights[mine].mean()) if mine.any() else 0.0
    return LabelMetrics(
        recall=IntervalEstimate(recall, *proportion_interval(rights[mine], codes[mine])),
        precision=float(precision.mean()),
        f1=float(np.nan_to_num(_f1(hits, videos + answered)).mean()),
        videos=int(mine.sum()),
    )
