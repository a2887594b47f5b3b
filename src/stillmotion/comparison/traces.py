"""Predictions over time: the one reader of over_time.parquet, and the traces that comparison.json holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stillmotion.data.tables import probability_column, read_table
from stillmotion.errors import StillmotionError
from stillmotion.statistics import Floats


class TimedProbabilities(NamedTuple):
    """A model's probabilities over time on one video: seconds `(k,)` and probabilities `(k, classes)`."""

    seconds: Floats
    probabilities: Floats


@dataclass(frozen=True)
class PredictionTrace:
    """A model's predictions over time on one video, rounded for comparison.json.

    Attributes:
        seconds: k times from the start of the file.
        labels: the predicted label at each time.
        confidence: the probability of the predicted label at each time.
        probabilities: the probability of some labels at each time.
    """

    seconds: tuple[float, ...]
    labels: tuple[str, ...]
    confidence: tuple[float, ...]
    probabilities: Mapping[str, tuple[float, ...]]


def read_over_time(
    paths: Iterable[Path], labels: Sequence[str], videos: Collection[str] | None = None
) -> dict[str, TimedProbabilities]:
    """Read predictions over time.

    Args:
        paths: the over_time.parquet of one model's runs. Files that are missing or have other labels are skipped.
        labels: the class names, in the order of the columns to return.
        videos: the videos to read; None for all.

    Returns:
        By video, in the order of time; each from the first file that has it.
    """
    by_video: dict[str, TimedProbabilities] = {}
    for path in paths:
        try:
            table = read_table(path)
            columns = [table.column(probability_column(label)).to_numpy() for label in labels]
            names = np.array(table.column("video").to_pylist(), str)
            seconds = table.column("seconds").to_numpy()
        except (StillmotionError, KeyError):
            continue
        probabilities = np.stack(columns, axis=1)
        unique, codes = np.unique(names, return_inverse=True)
        ends = np.cumsum(np.bincount(codes, minlength=len(unique)))[:-1]
        for name, rows in zip(unique.tolist(), np.split(np.lexsort((seconds, codes)), ends), strict=False):
            if name not in by_video and (videos is None or name in videos):
                by_video[name] = TimedProbabilities(seconds[rows], probabilities[rows])
    return by_video


def make_trace(timed: TimedProbabilities, labels: Sequence[str]) -> PredictionTrace:
    """Round one video's predictions over time, to the millisecond and to four digits of probability.

    Args:
        timed: the predictions over time.
        labels: the class names, in the order of the columns.

    Returns:
        The trace, with the probabilities of all labels.
    """
    probabilities = np.round(timed.probabilities, 4)
    return PredictionTrace(
        seconds=tuple(np.round(timed.seconds, 3).tolist()),
        labels=tuple(labels[column] for column in probabilities.argmax(axis=1)),
        confidence=tuple(probabilities.max(axis=1).tolist()),
        probabilities={label: tuple(probabilities[:, column].tolist()) for column, label in enumerate(labels)},
    )
