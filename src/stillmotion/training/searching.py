"""A small search over settings and the number of epochs for a time budget, on the validation part only."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from stillmotion.clips import OpenedVideos
from stillmotion.data import Videos
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Recipe
from stillmotion.training.efforts import Trial, choose_trial, describe_trial, shorten_for_trial, trial_recipes
from stillmotion.training.fitting import train
from stillmotion.training.timing import epochs_that_fit, shorten_for_timing


def search(
    recipe: Recipe,
    train_videos: Videos | OpenedVideos,
    validation_videos: Videos | OpenedVideos,
    *,
    effort: str,
    out: Path,
    equal_time: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> tuple[Recipe, tuple[Trial, ...]]:
    """Try the changes of an effort on a recipe, and choose the best on the validation part.

    If the search is interrupted, the same call resumes it.

    Args:
        recipe: the recipe to improve.
        train_videos: labelled videos to learn from.
        validation_videos: labelled videos that the choice is made on.
        effort: a name in `EFFORTS`.
        out: a folder; each trial is a run in it.
        equal_time: whether all settings get the same training time rather than the same number of epochs.
        overwrite: whether other trainings in `out` are deleted.
        progress: as for `train`.

    Returns:
        The best recipe, for a whole training, and all trials. Where nothing is tried: the recipe itself, and none.

    Raises:
        UsageError: an unknown effort.
        StillmotionError: as for `train`.
    """
    candidates = trial_recipes(recipe, effort, equal_time=equal_time)
    if not candidates:
        return recipe, ()
    trials = []
    for number, (change, candidate) in enumerate(candidates):
        run = train(
            shorten_for_trial(candidate),
            train_videos,
            validation_videos,
            out=out / f"{number}",
            overwrite=overwrite,
            progress=progress,
        )
        trials.append(describe_trial(change, run))
    best = choose_trial(trials)
    trials[best] = dataclasses.replace(trials[best], chosen=True)
    return candidates[best][1], tuple(trials)


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
    """Train two epochs on this machine, and tell how many fit into a time budget.

    Args:
        seconds: the time budget.
        recipe: the recipe to train.
        train_videos: labelled videos to learn from.
        validation_videos: labelled videos to validate on.
        out: a folder for the run of two epochs.
        starts: how often a model will be compiled within the budget.
        overwrite: whether another training in `out` is deleted.
        progress: as for `train`.

    Returns:
        Number of epochs, from 2 to 400.

    Raises:
        StillmotionError: as for `train`.
    """
    timed = train(
        shorten_for_timing(recipe), train_videos, validation_videos, out=out, overwrite=overwrite, progress=progress
    )
    return epochs_that_fit(seconds, timed, starts=starts)
