"""Predictions and run folders that never met a model."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillmotion.comparison import Predictions


def predictions(
    rights: Sequence[bool] | np.ndarray,
    groups: Sequence[str] | None = None,
    labels: Sequence[str] = ("a", "b"),
) -> Predictions:
    """One video an entry, of each label in turn, answered rightly or by the next label."""
    right = np.asarray(rights, bool)
    n, classes = len(right), len(labels)
    truth = np.arange(n) % classes
    answer = np.where(right, truth, (truth + 1) % classes)
    probabilities = np.full((n, classes), 0.2 / (classes - 1))
    probabilities[np.arange(n), answer] = 0.8
    names = tuple(f"{i:04d}.mp4" for i in range(n))
    return Predictions(names, tuple(groups or names), tuple(labels), truth, probabilities)


def write_run(
    folder: Path,
    answers: Predictions,
    family: str,
    *,
    seed: int = 0,
    validation: float = 0.9,
    windows: int = 2,
) -> Path:
    """A run folder with the files that a comparison reads."""
    folder.mkdir(parents=True)
    columns = [f"prob_{label}" for label in answers.labels]
    rows = [
        {
            "video": video, "label": answers.labels[answers.truth[i]], "group": answers.groups[i],
            "window": window, "start_seconds": float(window), "end_seconds": window + 1.0,
        } | dict(zip(columns, answers.probabilities[i].tolist(), strict=True))
        for i, video in enumerate(answers.videos) for window in range(windows)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "predictions.parquet")
    videos = [
        {"path": video, "label": answers.labels[answers.truth[i]], "group": answers.groups[i], "part": "test"}
        for i, video in enumerate(answers.videos)
    ]
    record = {
        "format": 1,
        "recipe": {"family": family, "seed": seed},
        "labels": answers.labels,
        "data": {
            "root": str(folder), "fingerprint": "0", "videos": videos,
            "skipped": [["bad.mp4", "empty file"]],
        },
        "versions": {"keras": "3"},
        "training": {
            "epochs": 3, "best_epoch": 2, "seconds": 5.0 + seed, "validation_loss": 1 - validation,
            "validation_accuracy": validation,
        },
        "cost": {"parameters": 1000, "milliseconds_per_clip": 2.5, "frames_per_second": 6400.0},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    return folder
