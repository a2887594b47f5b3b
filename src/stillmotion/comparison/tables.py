"""Models that were trained elsewhere: one table of predictions per model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from stillmotion.comparison.completing import complete_comparison, complete_verdict
from stillmotion.comparison.deciding import check_margin, decide_among
from stillmotion.comparison.measuring import Metric, check_metric
from stillmotion.comparison.model_results import summarize_predictions
from stillmotion.comparison.predictions import Predictions, check_same_videos
from stillmotion.comparison.reading import read_predictions_by_seed
from stillmotion.comparison.records import Comparison, DataSummary
from stillmotion.comparison.verdict import Verdict
from stillmotion.data.tables import probability_column
from stillmotion.errors import StillmotionError, UsageError


def compare_tables(
    paths: Sequence[Path | str],
    *,
    margin: float = 0.05,
    metric: Metric = "accuracy",
    sequential: bool = False,
    seed: int = 0,
) -> Comparison:
    """Compare models that were trained elsewhere, from tables of their predictions.

    Args:
        paths: one table per model, CSV or Parquet, with the columns `video`, `label` and `prob_<label>` for each
            label, and optionally `group`, `window` and `seed`. Instead of probabilities, a column `prediction` with the
            predicted label will do, or for the labels 0 and 1 a column `prob` with the probability of 1. The first
            table is the still model's, the others are those of motion models. As no validation part chooses among
            several motion models, the verdict is corrected for the choice.
        margin: the smallest gain in accuracy that is worth motion, as a share.
        metric: what the verdict compares: "accuracy", or "balanced" for the mean recall of the labels.
        sequential: whether the verdict's interval holds at every look, if you add recordings and compare again.
        seed: random seed of the bootstrap.

    Returns:
        The comparison, without costs and evidence.

    Raises:
        UsageError: fewer than two tables, a file is missing or given twice, no such metric, or a margin
            outside 0..1.
        StillmotionError: a table is invalid, or the tables have different videos, labels or groups.

    Examples:
        >>> comparison = sm.compare_tables(["still.csv", "motion.csv"])
        >>> comparison.verdict.difference
        0.5
    """
    check_margin(margin)
    check_metric(metric)
    models = _read_two_or_more(paths)
    still = next(iter(models))
    first = models[still][0]
    comparison = Comparison(
        models={
            name: summarize_predictions("still" if name == still else "motion", trainings, seed=seed)
            for name, trainings in models.items()
        },
        verdict=_decide_models(models, margin, metric, sequential=sequential),
        data=DataSummary(
            videos={"test": len(first.videos)},
            groups={"test": len(set(first.groups))},
            videos_per_label=dict(Counter(first.labels[index] for index in first.truth)),
            labels=first.labels,
        ),
    )
    return complete_comparison(comparison)


def decide_on_tables(
    paths: Sequence[Path | str],
    *,
    margin: float = 0.05,
    metric: Metric = "accuracy",
    sequential: bool = False,
) -> Verdict:
    """The verdict alone of `compare_tables`.

    Args:
        paths: one table per model, the still model's first.
        margin: the smallest gain in accuracy that is worth motion, as a share.
        metric: what the verdict compares: "accuracy", or "balanced" for the mean recall of the labels.
        sequential: whether the verdict's interval holds at every look, if you add recordings and compare again.

    Returns:
        The verdict.

    Raises:
        UsageError: as `compare_tables`.
        StillmotionError: as `compare_tables`.

    Examples:
        >>> sm.decide_on_tables(["still.csv", "motion.csv"]).motion_accuracy
        1.0
    """
    check_margin(margin)
    check_metric(metric)
    verdict = _decide_models(_read_two_or_more(paths), margin, metric, sequential=sequential)
    return complete_verdict(verdict, evidence=None, shortcuts=None)


def read_models(paths: Sequence[Path | str]) -> dict[str, list[Predictions]]:
    """Read one table per model.

    Args:
        paths: CSV or Parquet tables with the columns `video`, `label` and `prob_<label>` for each label, and
            optionally `group`, `window` and `seed`.

    Returns:
        The predictions of each model, one entry per seed, with labels in one order. A model is named after its file,
        or its folder and file where two files have the same name.

    Raises:
        UsageError: a file is missing or given twice.
        StillmotionError: a table is invalid, or the tables have different videos, labels or groups.
    """
    files = [Path(path) for path in paths]
    _check_files(files)
    models = dict(zip(_names(files), map(read_predictions_by_seed, files), strict=True))
    first = next(iter(models.values()))[0]
    present = {first.labels[index] for index in first.truth}
    if len(present) < 2:
        raise StillmotionError(
            f"{files[0]}: all videos have the label {present.pop()!r}; at least two labels are needed"
        )
    answers = {label for trainings in models.values() for label in trainings[0].labels}
    for name in models:
        models[name] = [_with_unused_labels(training, answers) for training in models[name]]
    first = next(iter(models.values()))[0]
    for name, file in zip(models, files, strict=True):
        labels = models[name][0].labels
        if set(labels) != set(first.labels):
            label = sorted(set(labels) ^ set(first.labels))[0]
            lacking = files[0] if label in labels else file
            raise StillmotionError(f"{lacking}: no column {probability_column(label)}; all tables need the same labels")
        models[name] = [_reorder_labels(training, first.labels) for training in models[name]]
        try:
            check_same_videos([first, *models[name]])
        except StillmotionError as error:
            raise StillmotionError(f"{files[0]} and {file}: {error}") from None
    return models


def _read_two_or_more(paths: Sequence[Path | str]) -> dict[str, list[Predictions]]:
    if len(paths) < 2:
        raise UsageError("give two or more tables, the still model's first")
    return read_models(paths)


def _decide_models(
    models: Mapping[str, Sequence[Predictions]], margin: float, metric: Metric, *, sequential: bool
) -> Verdict:
    still, *motions = models
    return decide_among(
        {still: models[still]},
        {name: models[name] for name in motions},
        margin=margin,
        metric=metric,
        sequential=sequential,
    )


def _check_files(files: Sequence[Path]) -> None:
    for file in files:
        if str(file) == "-":
            raise UsageError("-: standard input is not read; save the table to a file")
        if file.is_dir():
            raise UsageError(f"{file}: a folder; give a table, such as the predictions.parquet of a run")
        if not file.is_file():
            raise UsageError(f"{file}: {'not a file; save the table first' if file.exists() else 'no such file'}")
    if len({file.resolve() for file in files}) < len(files):
        raise UsageError("the same table is given twice; give one for each model")


def _reorder_labels(training: Predictions, labels: tuple[str, ...]) -> Predictions:
    if training.labels == labels:
        return training
    place = {label: index for index, label in enumerate(labels)}
    order = [training.labels.index(label) for label in labels]
    truth = np.array([place[training.labels[index]] for index in training.truth], dtype=np.intp)
    return replace(training, labels=labels, truth=truth, probabilities=training.probabilities[:, order])


def _with_unused_labels(training: Predictions, labels: set[str]) -> Predictions:
    """Add the labels that a model with hard answers (0 and 1) has never given."""
    unused = tuple(sorted(labels - set(training.labels)))
    if not unused or not np.isin(training.probabilities, (0.0, 1.0)).all():
        return training
    zeros = np.zeros((len(training.videos), len(unused)))
    return replace(training, labels=training.labels + unused, probabilities=np.hstack([training.probabilities, zeros]))


def _names(files: Sequence[Path]) -> list[str]:
    stems = [file.stem for file in files]
    with_folder = [f"{file.resolve().parent.name}/{file.stem}" for file in files]
    names = [long if stems.count(stem) > 1 else stem for stem, long in zip(stems, with_folder, strict=True)]
    return names if len(set(names)) == len(names) else [str(file) for file in files]
