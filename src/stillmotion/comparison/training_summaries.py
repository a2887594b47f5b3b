"""How each of a family's trainings went, as comparison.json has it."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stillmotion.comparison.predictions import Predictions
from stillmotion.runs import Run

_CURVES = ("accuracy", "val_accuracy")


def describe_training(run: Run, predictions: Predictions) -> dict[str, Any]:
    """Its accuracy on the videos that it was tested on, its recipe, and accuracy after each epoch (`curves`)."""
    training = run.record.training
    return {
        "accuracy": float(predictions.right.mean()),
        **(asdict(training) if training else {}),
        "recipe": json.loads(json.dumps(asdict(run.recipe))),
        "curves": _curves(run.history_file),
    }


def _curves(path: Path) -> dict[str, list[float]]:
    """Shares on the training and on the validation videos; empty if the file is gone or is none."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = [{key: float(row[key]) for key in _CURVES} for row in csv.DictReader(lines)]
    except (OSError, KeyError, ValueError, TypeError):
        return {}
    return {key: [round(row[key], 4) for row in rows] for key in _CURVES}
