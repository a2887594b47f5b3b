"""How many epochs fit into a time budget on this machine."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

from stillmotion.clips import OpenedVideos
from stillmotion.data import Videos
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Recipe, Run
from stillmotion.training.fitting import train

MIN_EPOCHS, MAX_EPOCHS = 2, 400


def epochs_within(
    seconds: float,
    recipe: Recipe,
    train_videos: Videos | OpenedVideos,
    validation_videos: Videos | OpenedVideos,
    *,
    out: Path,
    starts: float = 1,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> int:
    """Train two epochs, and estimate from their times how many fit into a time budget.

    Args:
        seconds: the time budget.
        recipe: the recipe to train.
        train_videos: labeled videos to learn from.
        validation_videos: labeled videos to validate on.
        out: a folder for the run of two epochs.
        starts: how often a model will be compiled within the budget.
        overwrite: whether another training in `out` is deleted.
        progress: as for `train`.

    Returns:
        Number of epochs, from 2 to 400.

    Raises:
        StillmotionError: as for `train`.
    """
    two_epochs = dataclasses.replace(recipe, epochs=2)
    timed = train(two_epochs, train_videos, validation_videos, out=out, overwrite=overwrite, progress=progress)
    return epochs_that_fit(seconds, timed, starts=starts)


def epochs_that_fit(seconds: float, timed: Run, *, starts: float = 1) -> int:
    """Estimate from a run of two epochs how many fit into a time budget.

    The first epoch takes longer than the second because the model is compiled in it. Time for decoding is not counted.

    Args:
        seconds: the time budget.
        timed: a finished run of two epochs on this machine.
        starts: how often a model will be compiled within the budget.

    Returns:
        Number of epochs, from 2 to 400.
    """
    with timed.history_file.open(newline="", encoding="utf-8") as file:
        first, second = (float(row["seconds"]) for row in csv.DictReader(file))
    remaining = seconds - starts * max(0.0, first - second)
    return max(MIN_EPOCHS, min(MAX_EPOCHS, int(remaining / max(second, 1e-3))))
