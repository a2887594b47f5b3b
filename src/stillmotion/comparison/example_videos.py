"""Some test videos to look at, and what each family answers, in the end and through time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stillmotion.comparison.cross_validation import join_folds
from stillmotion.comparison.example_selection import Example, select_examples
from stillmotion.comparison.predictions import PROBABILITY, Predictions, read_predictions
from stillmotion.data import Video
from stillmotion.data.tables import read_table
from stillmotion.errors import StillmotionError
from stillmotion.runs import Run

SHOWN = 24  # videos
FOLLOWED = 6  # labels of a video whose probability is followed through time: the true one, and those that come highest


@dataclass(frozen=True)
class ExamplePrediction:
    """A family's answer for a whole video: that of its first training which was tested on it."""

    label: str
    probability: float
    right: bool


@dataclass(frozen=True)
class PredictionTrace:
    """A family's answers through time. seconds, answers, highest (the answer's probability): (k,).

    probabilities: (k,) for each label that is followed.
    """

    seconds: tuple[float, ...]
    answers: tuple[str, ...]
    highest: tuple[float, ...]
    probabilities: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class ExampleVideo:
    """A test video, why it is worth a look, and each family's answers."""

    video: Video
    reason: str
    answers: Mapping[str, ExamplePrediction]
    courses: Mapping[str, PredictionTrace]


def gather_examples(runs: Sequence[Run], pair: tuple[str, str], *, count: int = SHOWN) -> tuple[ExampleVideo, ...]:
    """Up to `count` test videos, disagreements of the still and the motion family of the pair first.

    Answers through time are there for the videos that the runs were traced on; if some were, only those are shown.
    Raises StillmotionError if a run was not evaluated.
    """
    members: dict[str, list[Run]] = {}
    for run in runs:
        members.setdefault(run.recipe.family, []).append(run)
    answers = {
        family: join_folds([run.recipe.seed for run in ones], [read_predictions(run.predictions_file) for run in ones])
        for family, ones in members.items()
    }
    chosen = select_examples(answers[pair[0]], answers[pair[1]], count=count)
    wanted = {one.video for one in chosen}
    courses = {family: _courses(ones, wanted) for family, ones in members.items()}
    traced = set().union(*courses.values())
    videos = {video.name: video for run in runs for video in run.record.data.part("test")}
    shown = []
    for example in chosen:
        if (traced and example.video not in traced) or example.video not in videos:
            continue
        its = {family: found[example.video] for family, found in courses.items() if example.video in found}
        given = {family: _given(ones[0], example) for family, ones in answers.items()}
        shown.append(ExampleVideo(videos[example.video], example.reason, given, _followed(its, example.label)))
    return tuple(shown)


def _given(answers: Predictions, example: Example) -> ExamplePrediction:
    row = example.row
    column = int(answers.answers[row])
    probability = round(float(answers.probabilities[row, column]), 4)
    return ExamplePrediction(answers.labels[column], probability, column == int(answers.truth[row]))


def _courses(runs: Sequence[Run], wanted: set[str]) -> dict[str, PredictionTrace]:
    """By video, each from the first run that was traced on it, with all labels."""
    found: dict[str, PredictionTrace] = {}
    for run in runs:
        try:
            table = read_table(run.over_time_file)
            videos, seconds = np.array(table.column("video").to_pylist()), table.column("seconds").to_numpy()
            chances = np.stack([table.column(PROBABILITY + label).to_numpy() for label in run.labels], axis=1)
        except (StillmotionError, KeyError):
            continue
        for video in sorted((wanted & set(videos.tolist())) - set(found)):
            rows = np.flatnonzero(videos == video)
            rows = rows[np.argsort(seconds[rows], kind="stable")]
            mine = np.round(chances[rows], 4)
            found[video] = PredictionTrace(
                seconds=tuple(np.round(seconds[rows], 3).tolist()),
                answers=tuple(run.labels[column] for column in mine.argmax(axis=1)),
                highest=tuple(mine.max(axis=1).tolist()),
                probabilities={label: tuple(mine[:, column].tolist()) for column, label in enumerate(run.labels)},
            )
    return found


def _followed(courses: Mapping[str, PredictionTrace], truth: str) -> dict[str, PredictionTrace]:
    """The same courses with few labels."""
    highest: dict[str, float] = {}
    for course in courses.values():
        for label, chances in course.probabilities.items():
            highest[label] = max(highest.get(label, 0.0), *chances)
    others = sorted((label for label in highest if label != truth), key=lambda label: -highest[label])
    kept = [truth, *others[: FOLLOWED - 1]]
    return {
        family: replace(course, probabilities={label: course.probabilities[label] for label in kept})
        for family, course in courses.items()
    }
