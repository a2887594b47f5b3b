"""How good one family is on the test videos: figures with 95 % intervals by group."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stillmotion.comparison.intervals import LEVEL, group_codes, proportion_interval
from stillmotion.comparison.predictions import Floats, Ints, Predictions, align

BOOTSTRAPS, BLOCK = 2000, 100  # draws, and how many are held at once
BINS = 15
_TINY = 1e-7
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Figure:
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LabelFigures:
    """One label: the share of its videos that is found, and of its answers that is right."""

    recall: Figure
    precision: float
    f1: float
    videos: int


@dataclass(frozen=True)
class Metrics:
    """Figures of one family, the mean over its seeds. log_loss in nats a video."""

    accuracy: Figure
    macro_f1: Figure
    log_loss: Figure
    calibration_error: Figure
    per_label: dict[str, LabelFigures]


def measure(predictions: Sequence[Predictions], *, seed: int = 0) -> Metrics:
    """Measure one family from one `Predictions` a seed, all on the same videos.

    Intervals resample whole groups (percentile bootstrap, 2000 times); those of accuracy and recall
    are Wilson's on an effective number of videos, which a bootstrap of all-right answers cannot
    give, and that of macro-F1 is held no narrower than that of accuracy. The calibration error is
    that of the top label in 15 bins of equal mass (Nixon et al. 2019, Measuring calibration in deep
    learning); it is biased upwards, so its interval is the basic bootstrap's, which takes twice the
    bias away. Raises StillmotionError if the videos differ.
    """
    align(predictions)
    first = predictions[0]
    n_groups, codes = group_codes(first.groups)
    rights = np.mean([run.right for run in predictions], axis=0)
    accuracy = Figure(float(rights.mean()), *proportion_interval(rights, codes))
    kinds: tuple[tuple[Callable[[Predictions], Floats], Statistic], ...] = (
        (_counts, _macro_f1), (_losses, _mean), (_bin_gaps, _binned_error),
    )  # fmt: skip
    macro, loss, error = _bootstrap(
        [[(_by_group(rows(run), codes, n_groups), statistic) for run in predictions] for rows, statistic in kinds],
        _group_draws(n_groups, seed),
    )
    error = Figure(error.value, max(0.0, 2 * error.value - error.high), min(1.0, 2 * error.value - error.low))
    macro = Figure(
        macro.value,
        max(0.0, min(macro.low, macro.value - accuracy.value + accuracy.low)),
        min(1.0, max(macro.high, macro.value - accuracy.value + accuracy.high)),
    )
    tables = np.stack([_table(run) for run in predictions])
    per_label = {
        name: _label_figures(index, rights, first.truth, codes, tables)
        for index, name in enumerate(first.labels)
    }
    return Metrics(accuracy, macro, loss, error, per_label)


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


def _bootstrap(kinds: Sequence[Sequence[tuple[Floats, Statistic]]], draws: Iterable[Floats]) -> list[Figure]:
    """kinds: for each figure, and each seed, its sums by group (groups, k) and the statistic (draws, k) -> (draws,)."""
    blocks = [
        [np.mean([statistic(block @ sums) for sums, statistic in parts], axis=0) for parts in kinds] for block in draws
    ]
    return [_percentile(np.concatenate(values)) for values in zip(*blocks, strict=True)]


def _percentile(values: Floats) -> Figure:
    """values: (1 + draws,); the first is that of the sample."""
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(float(values[0]), float(min(low, values[0])), float(max(high, values[0])))


def _table(run: Predictions) -> Floats:
    """(classes, classes): videos by truth and answer."""
    classes = len(run.labels)
    return (
        np.bincount(run.truth * classes + run.answers, minlength=classes**2)
        .reshape(classes, classes)
        .astype(float)
    )


def _counts(run: Predictions) -> Floats:
    """(n, 2 * classes): by label, whether it was hit; then how often it was truth or answer (0, 1, 2)."""
    each = np.eye(len(run.labels))
    truth, answer = each[run.truth], each[run.answers]
    return np.hstack([truth * answer, truth + answer])


def _losses(run: Predictions) -> Floats:
    """(n, 2): the log loss of each video, and 1 to count it."""
    chosen = run.probabilities[np.arange(len(run.truth)), run.truth]
    return np.column_stack([-np.log(np.clip(chosen, _TINY, 1.0)), np.ones(len(chosen))])


def _bin_gaps(run: Predictions) -> Floats:
    """(n, bins + 1): confidence minus right in the bin of its confidence, and 1 to count."""
    top = run.probabilities.max(axis=1)
    n_bins = min(BINS, len(top))
    place = np.argsort(np.argsort(top, kind="stable"), kind="stable") * n_bins // len(top)
    gaps = np.zeros((len(top), n_bins + 1))
    gaps[np.arange(len(top)), place] = top - run.right
    gaps[:, -1] = 1
    return gaps


def _mean(sums: Floats) -> Floats:
    mean: Floats = sums[:, 0] / sums[:, 1]
    return mean


def _binned_error(sums: Floats) -> Floats:
    error: Floats = np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1]
    return error


def _f1(hits: Floats, both: Floats) -> Floats:
    """nan where a label has neither a video nor an answer."""
    share: Floats = np.divide(2 * hits, both, out=np.full(both.shape, np.nan), where=both > 0)
    return share


def _macro_f1(sums: Floats) -> Floats:
    hits, both = np.split(sums, 2, axis=1)
    mean: Floats = np.nanmean(_f1(hits, both), axis=1)
    return mean


def _label_figures(index: int, rights: Floats, truth: Ints, codes: Ints, tables: Floats) -> LabelFigures:
    """tables: (seeds, classes, classes), videos by truth and answer."""
    mine = truth == index
    videos, answered, hits = (
        tables[:, index].sum(axis=1),
        tables[:, :, index].sum(axis=1),
        tables[:, index, index],
    )
    precision = np.divide(hits, answered, out=np.zeros(len(hits)), where=answered > 0)
    recall = float(rights[mine].mean()) if mine.any() else 0.0
    return LabelFigures(
        recall=Figure(recall, *proportion_interval(rights[mine], codes[mine])),
        precision=float(precision.mean()),
        f1=float(np.nan_to_num(_f1(hits, videos + answered)).mean()),
        videos=int(mine.sum()),
    )
