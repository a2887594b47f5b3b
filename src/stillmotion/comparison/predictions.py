"""What one training predicted for each test video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stillmotion.errors import StillmotionError, UsageError
from stillmotion.statistics import Floats, Ints


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for whole videos, in the order of `videos`.

    Attributes:
        videos: n names.
        groups: n names of the recordings that the videos were cut from.
        labels: the class names, in the order of the columns of `probabilities`.
        truth: `(n,)`, indices into `labels`.
        probabilities: `(n, classes)`, the mean over each video's windows.

    Raises:
        UsageError: another number of groups, truths or rows than of videos, a group that is missing, a label that is
            there twice, a truth that is no label's number, or probabilities that are not from 0 to 1 and do not add up
            to 1.

    Examples:
        >>> still = sm.Predictions(
        ...     videos=("a.mp4", "b.mp4"), groups=("monday", "tuesday"), labels=("calm", "jam"),
        ...     truth=[0, 1], probabilities=[[0.8, 0.2], [0.6, 0.4]],
        ... )
        >>> still.correct
        array([1., 0.])
    """

    videos: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    truth: Ints
    probabilities: Floats

    def __post_init__(self) -> None:
        # None, "" and pandas' NaN, which would all be one group.
        groups = tuple(self.groups)
        missing = next((row for row, group in enumerate(groups) if group in (None, "") or group != group), None)
        object.__setattr__(self, "groups", groups)
        for name in ("videos", "groups", "labels"):
            object.__setattr__(self, name, tuple(map(str, getattr(self, name))))
        try:
            truth, probabilities = np.asarray(self.truth, float), np.asarray(self.probabilities, float)
        except (TypeError, ValueError) as error:
            raise UsageError(f"truth or probabilities are no numbers ({error})") from None
        count, classes = len(self.videos), len(self.labels)
        if len(self.groups) != count or truth.shape != (count,) or probabilities.shape != (count, classes):
            raise UsageError(
                f"{count} videos and {classes} labels with {len(self.groups)} groups, truth of shape {truth.shape} and "
                f"probabilities of shape {probabilities.shape}; expected {count}, {(count,)} and {(count, classes)}"
            )
        twice = next((video for video, times in Counter(self.videos).items() if times > 1), None)
        if twice is not None:
            raise UsageError(f"the video {twice!r} is there twice; give each the mean of its windows")
        if missing is not None:
            raise UsageError(
                f"the group of the video {self.videos[missing]!r} is missing; give the video's name if it is a "
                "recording of its own"
            )
        if len(set(self.labels)) < classes:
            label, _ = Counter(self.labels).most_common(1)[0]
            raise UsageError(f"the label {label!r} is there twice; give each label one column")
        if not np.isin(truth, range(classes)).all():
            raise UsageError(f"truth holds numbers of labels, from 0 to {classes - 1}")
        object.__setattr__(self, "truth", truth.astype(np.intp))
        object.__setattr__(self, "probabilities", probabilities)
        for row, reason in wrong_rows(probabilities):
            raise UsageError(f"a probability of the video {self.videos[row]!r} {reason}")

    @property
    def predicted(self) -> Ints:
        """`(n,)`: the label with the highest probability; the first of several that tie."""
        predicted: Ints = self.probabilities.argmax(axis=1)
        return predicted

    @property
    def votes(self) -> Floats:
        """`(n, classes)`: 1 for the predicted label. Labels that tie share it, so column order is irrelevant."""
        likeliest = self.probabilities == self.probabilities.max(axis=1, keepdims=True)
        votes: Floats = likeliest / likeliest.sum(axis=1, keepdims=True)
        return votes

    @property
    def correct(self) -> Floats:
        """`(n,)`: 1 where the prediction is correct and 0 where it is not; a fraction for ties."""
        correct: Floats = self.votes[np.arange(len(self.truth)), self.truth]
        return correct


def wrong_rows(probabilities: Floats) -> Iterator[tuple[int, str]]:
    """Find rows that are no probabilities.

    Args:
        probabilities: `(n, classes)`.

    Yields:
        For each of three mistakes that there is, the first row with it, and what is wrong, in words.
    """
    for invalid, reason in (
        (~np.isfinite(probabilities).all(axis=1), "is missing or not a number"),
        ((probabilities < -1e-6).any(axis=1) | (probabilities > 1 + 1e-6).any(axis=1), "is not between 0 and 1"),
        (abs(probabilities.sum(axis=1) - 1) > 0.05, "is wrong: those of the row do not add up to 1"),
    ):
        if invalid.any():
            yield int(invalid.argmax()), reason


def as_trainings(predictions: Predictions | Sequence[Predictions]) -> Sequence[Predictions]:
    """The predictions of a model's trainings, of which there may be one that is not in a list."""
    return [predictions] if isinstance(predictions, Predictions) else predictions


def correct_by_training(trainings: Sequence[Predictions]) -> Floats:
    """`(seeds, videos)`: which predictions of a model's trainings are correct."""
    return np.array([training.correct for training in trainings], float)


def check_same_videos(trainings: Sequence[Predictions]) -> None:
    """Check that all trainings predicted the same videos, with the same labels and groups.

    Args:
        trainings: predictions of one or more trainings, of any models.

    Raises:
        StillmotionError: no video was predicted, or videos, labels or groups differ.
    """
    if not trainings or not trainings[0].videos:
        raise StillmotionError("no test video was predicted; evaluate the runs on a test set first")
    first = trainings[0]
    for other in trainings[1:]:
        if other.labels != first.labels:
            raise StillmotionError(f"the runs have different labels: {list(first.labels)} and {list(other.labels)}")
        expected, actual = (
            set(zip(training.videos, training.truth.tolist(), strict=True)) for training in (first, other)
        )
        if expected != actual:
            names = sorted({name for name, _ in expected ^ actual})
            examples = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            raise StillmotionError(f"the runs were tested on different videos: {len(names)} differ ({examples})")
        if other.groups != first.groups:
            rows = zip(first.videos, first.groups, other.groups, strict=True)
            video, group, other_group = next(row for row in rows if row[1] != row[2])
            raise StillmotionError(
                f"they put the same videos into different groups: {video!r} is in {group!r} and in {other_group!r}; "
                "give all the same column 'group'"
            )
