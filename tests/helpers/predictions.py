"""Predictions and run folders without a model."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillmotion.comparison import Predictions

Correct = Sequence[bool] | NDArray[np.bool_]


def predictions(
    correct: Correct, groups: Sequence[str] | None = None, labels: Sequence[str] = ("a", "b")
) -> Predictions:
    """One video per entry, with the labels in turn, predicted correctly or as the next label."""
    right = np.asarray(correct, bool)
    n, classes = len(right), len(labels)
    truth = np.arange(n) % classes
    predicted = np.where(right, truth, (truth + 1) % classes)
    probabilities = np.full((n, classes), 0.2 / (classes - 1))
    probabilities[np.arange(n), predicted] = 0.8
    names = tuple(f"{i:04d}.mp4" for i in range(n))
    return Predictions(names, tuple(groups or names), tuple(labels), truth, probabilities)


def some_videos(of: Predictions, chosen: NDArray[np.bool_]) -> Predictions:
    """The predictions of some of the videos."""
    rows = np.flatnonzero(chosen).tolist()
    return Predictions(
        videos=tuple(of.videos[row] for row in rows),
        groups=tuple(of.groups[row] for row in rows),
        labels=of.labels,
        truth=of.truth[rows],
        probabilities=of.probabilities[rows],
    )


def write_run(
    folder: Path,
    tested: Predictions,
    family: str,
    *,
    seed: int = 0,
    validation: float = 0.9,
    milliseconds: float = 2.5,
    windows: int = 2,
) -> Path:
    """A run folder with the files that a comparison reads."""
    folder.mkdir(parents=True)
    rows: list[dict[str, object]] = []
    for i, video in enumerate(tested.videos):
        for window in range(windows):
            row: dict[str, object] = {"video": video, "label": tested.labels[tested.truth[i]]}
            row |= {"group": tested.groups[i], "window": window}
            row |= {"start_seconds": float(window), "end_seconds": window + 1.0}
            row |= {f"prob_{label}": float(tested.probabilities[i, k]) for k, label in enumerate(tested.labels)}
            rows.append(row)
    pq.write_table(pa.Table.from_pylist(rows), folder / "predictions.parquet")
    videos = [
        {"path": video, "label": tested.labels[tested.truth[i]], "group": tested.groups[i], "part": "test"}
        for i, video in enumerate(tested.videos)
    ]
    record = {
        "format": 1,
        "recipe": {"family": family, "seed": seed},
        "labels": tested.labels,
        "data": {"root": str(folder), "fingerprint": "0", "videos": videos, "skipped": [["bad.mp4", "empty file"]]},
        "versions": {"keras": "3"},
        "training": {
            "epochs": 3,
            "best_epoch": 2,
            "seconds": 5.0 + seed,
            "validation_loss": 1 - validation,
            "validation_accuracy": validation,
        },
        "cost": {"parameters": 1000, "milliseconds_per_clip": milliseconds, "frames_per_second": 6400.0},
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder
