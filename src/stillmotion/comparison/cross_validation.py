"""Cross-validation: the test parts of a model's folds, put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillmotion.comparison.predictions import Predictions
from stillmotion.errors import StillmotionError


def join_folds(seeds: Sequence[int], predictions: Sequence[Predictions]) -> list[Predictions]:
    """One `Predictions` a seed, where runs of one seed were tested on different videos; else they stay as they are.

    Raises StillmotionError if runs of one seed share some test videos and not others, or differ in labels.
    """
    joined: list[Predictions] = []
    for seed in dict.fromkeys(seeds):
        mine = [one for one, its in zip(predictions, seeds, strict=True) if its == seed]
        distinct = {video for one in mine for video in one.videos}
        total = sum(len(one.videos) for one in mine)
        if len(mine) == 1 or total == len(mine) * len(distinct):
            joined += mine
        elif total == len(distinct):
            joined.append(_join(mine))
        else:
            raise StillmotionError(
                f"{total - len(distinct)} videos were tested in more than one fold of seed {seed}; "
                "evaluate the runs again"
            )
    return joined


def _join(folds: Sequence[Predictions]) -> Predictions:
    labels = folds[0].labels
    if any(one.labels != labels for one in folds):
        raise StillmotionError("the folds have different labels; each label needs videos in every fold's training part")
    videos = [video for one in folds for video in one.videos]
    order = sorted(range(len(videos)), key=videos.__getitem__)
    groups = [group for one in folds for group in one.groups]
    return Predictions(
        videos=tuple(videos[i] for i in order),
        groups=tuple(groups[i] for i in order),
        labels=labels,
        truth=np.concatenate([one.truth for one in folds])[order],
        probabilities=np.concatenate([one.probabilities for one in folds])[order],
    )
