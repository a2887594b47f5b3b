"""Cross-validation: the test parts of a model's folds, joined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillmotion.comparison.predictions import Predictions
from stillmotion.comparison.reading import read_predictions
from stillmotion.errors import StillmotionError
from stillmotion.runs import Run


def read_joined_predictions(runs: Sequence[Run]) -> list[Predictions]:
    """Read the stored test predictions of one model's runs, and join its folds.

    Args:
        runs: evaluated runs of one model: its seeds, its folds, or both.

    Returns:
        As `join_folds`.

    Raises:
        StillmotionError: a run was not evaluated, or its folds cannot be joined (see `join_folds`).
    """
    return join_folds([run.recipe.seed for run in runs], [read_predictions(run.predictions_file) for run in runs])


def join_folds(seeds: Sequence[int], predictions: Sequence[Predictions]) -> list[Predictions]:
    """Join the predictions of one model's runs so that there is one entry per training of the whole data set.

    Args:
        seeds: the seed of each run.
        predictions: the predictions of each run.

    Returns:
        One entry per seed where the runs of a seed were tested on different videos (folds); otherwise the predictions
        as given.

    Raises:
        StillmotionError: runs of one seed share only some of their test videos, or have different labels.
    """
    joined: list[Predictions] = []
    for seed in dict.fromkeys(seeds):
        folds = [fold for fold, fold_seed in zip(predictions, seeds, strict=True) if fold_seed == seed]
        distinct = len({video for fold in folds for video in fold.videos})
        total = sum(len(fold.videos) for fold in folds)
        if len(folds) == 1 or total == len(folds) * distinct:
            joined += folds
        elif total == distinct:
            joined.append(_join(folds))
        else:
            raise StillmotionError(
                f"{total - distinct} videos were tested in more than one fold of seed {seed}; evaluate the runs again"
            )
    return joined


def _join(folds: Sequence[Predictions]) -> Predictions:
    labels = folds[0].labels
    if any(fold.labels != labels for fold in folds):
        raise StillmotionError("the folds have different labels; each label needs videos in every fold's training part")
    videos = [video for fold in folds for video in fold.videos]
    groups = [group for fold in folds for group in fold.groups]
    order = sorted(range(len(videos)), key=videos.__getitem__)
    return Predictions(
        videos=tuple(videos[row] for row in order),
        groups=tuple(groups[row] for row in order),
        labels=labels,
        truth=np.concatenate([fold.truth for fold in folds])[order],
        probabilities=np.concatenate([fold.probabilities for fold in folds])[order],
    )
