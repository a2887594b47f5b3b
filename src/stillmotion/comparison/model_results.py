"""One model's results, from its runs and predictions."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, median, median_low
from typing import NamedTuple

import numpy as np

from stillmotion.comparison.metrics import compute_metrics, confusion
from stillmotion.comparison.predictions import Predictions
from stillmotion.comparison.reading import read_predictions
from stillmotion.comparison.records import AccuracyCurves, Kind, ModelCost, ModelResult, TrainingSummary
from stillmotion.errors import StillmotionError
from stillmotion.models import FAMILIES
from stillmotion.models.own_families import own_kind
from stillmotion.runs import Run


class EvaluatedRun(NamedTuple):
    """A run and its predictions of the test videos."""

    run: Run
    predictions: Predictions


def kind_of(family: str) -> Kind:
    """The kind of a family; an unknown family counts as a motion family."""
    return FAMILIES[family].kind if family in FAMILIES else own_kind(family) or "motion"


def read_evaluated_run(run: Run) -> EvaluatedRun:
    """Read a run's predictions.

    Args:
        run: a run.

    Returns:
        The run and its predictions.

    Raises:
        StillmotionError: the run was not evaluated.
    """
    if not run.predictions_file.exists():
        raise StillmotionError(f"{run.folder}: was not tested yet; evaluate the run first")
    return EvaluatedRun(run, read_predictions(run.predictions_file))


def summarize_predictions(kind: Kind, predictions: Sequence[Predictions], *, seed: int = 0) -> ModelResult:
    """The results that follow from predictions alone.

    Args:
        kind: the kind of model.
        predictions: one entry per training.
        seed: random seed of the bootstrap.

    Returns:
        The results, without costs, trainings and runs.
    """
    metrics = compute_metrics(predictions, seed=seed)
    return ModelResult(
        kind=kind,
        accuracy=metrics.accuracy,
        balanced_accuracy=metrics.balanced_accuracy,
        macro_f1=metrics.macro_f1,
        log_loss=metrics.log_loss,
        calibration_error=metrics.calibration_error,
        per_label=metrics.per_label,
        confusion=tuple(tuple(row) for row in np.round(confusion(predictions), 2).tolist()),
        accuracies=tuple(float(training.correct.mean()) for training in predictions),
    )


def summarize_training(tested: EvaluatedRun) -> TrainingSummary:
    """How one training went."""
    return TrainingSummary(
        accuracy=float(tested.predictions.correct.mean()),
        recipe=tested.run.recipe,
        training=tested.run.record.training,
        curves=_read_curves(tested.run.history_file),
    )


def summarize_cost(runs: Sequence[Run]) -> ModelCost:
    """The median cost over trainings, which may differ where a search chose different settings in each fold.

    A clip's cost over the video that it covers is that of live video, for windows that follow each other.

    Args:
        runs: the runs of one model.

    Returns:
        The cost; None for what no run has measured.
    """
    costs = [(run.record.cost, _clip_seconds(run)) for run in runs if run.record.cost]
    return ModelCost(
        parameters=median_low(cost.parameters for cost, _ in costs) if costs else None,
        multiply_adds=_median(cost.multiply_adds for cost, _ in costs),
        clip_seconds=_median(seconds for _, seconds in costs),
        milliseconds_per_clip=_median(cost.milliseconds_per_clip for cost, _ in costs),
        milliseconds_per_second=_median(cost.milliseconds_per_clip / seconds for cost, seconds in costs if seconds),
        multiply_adds_per_second=_median(
            cost.multiply_adds / seconds for cost, seconds in costs if seconds and cost.multiply_adds
        ),
        frames_per_second=_median(cost.frames_per_second for cost, _ in costs),
        train_seconds=_median(run.record.training.seconds for run in runs if run.record.training),
    )


def mean_validation(runs: Sequence[Run]) -> tuple[float, float] | None:
    """Mean accuracy and mean loss on the validation part; None if one of them is unknown."""
    trainings = [run.record.training for run in runs if run.record.training]
    accuracies = [one.validation_accuracy for one in trainings if one.validation_accuracy is not None]
    losses = [one.validation_loss for one in trainings if one.validation_loss is not None]
    if not runs or len(accuracies) < len(runs) or len(losses) < len(runs):
        return None
    return fmean(accuracies), fmean(losses)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _clip_seconds(run: Run) -> float | None:
    """How much video a clip covers; None if that is unknown."""
    seconds = run.recipe.spec.seconds
    return seconds if seconds is not None else run.record.data.typical_seconds or None


def _read_curves(path: Path) -> AccuracyCurves | None:
    """The curves of history.csv; None if the file is missing, empty or invalid, as nothing but a plot depends on it."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = [(float(row["accuracy"]), float(row["val_accuracy"])) for row in csv.DictReader(lines)]
    except (OSError, KeyError, ValueError, TypeError):
        return None
    if not rows:
        return None
    return AccuracyCurves(
        train=tuple(round(train, 4) for train, _ in rows), validation=tuple(round(val, 4) for _, val in rows)
    )
