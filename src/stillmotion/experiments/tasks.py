"""The units of work of an experiment: small records that any process can run.

A task names its inputs, its output folder and the tasks it depends on. It holds no open file, no model and no screen,
so it can be pickled and sent to another process or machine. A training that is run again resumes from its last epoch,
or returns the finished run, so an experiment that was interrupted resumes by running its plan again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from stillmotion import prediction, training
from stillmotion.clips import OpenedVideos
from stillmotion.progress import Progress
from stillmotion.runs import Recipe, Run, read_run

T = TypeVar("T")
# What tasks returned, by their ids.
Results = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """One unit of work.

    Attributes:
        id: unique in its plan.
        title: for people, in progress reports.
        folder: the run's folder, which the task writes or adds to.
        after: ids of the tasks whose output this one needs.
        parallel: whether other tasks may be at work beside it; not if it uses all cores, or measures how long it takes.
    """

    parallel: ClassVar[bool] = True

    id: str
    title: str
    folder: Path
    after: tuple[str, ...] = ()

    @abstractmethod
    def run(self, progress: Progress) -> object:
        """Do the work.

        Args:
            progress: receives how far the work has come.

        Returns:
            A small picklable result; large results are in the folder.

        Raises:
            StillmotionError: the work failed; the message says why.
        """

    def summary(self, result: object) -> str | None:
        """One line to log about the result, or None."""
        return None


def result_of(results: Results, task_id: str, kind: type[T]) -> T:
    """A task's result, whose type is checked.

    Args:
        results: what an executor returned.
        task_id: the task's id.
        kind: the type of its result.

    Returns:
        The result.

    Raises:
        TypeError: it is of another type.
    """
    result = results[task_id]
    if not isinstance(result, kind):
        raise TypeError(f"task {task_id!r} gave {type(result).__name__}, not {kind.__name__}")
    return result


@dataclass(frozen=True, kw_only=True)
class TrainTask(Task):
    """Train a recipe on one fold's train part; its validation part chooses the epoch.

    The test part is not among the inputs: nothing about a training can depend on it.
    """

    recipe: Recipe
    train: OpenedVideos
    validation: OpenedVideos
    overwrite: bool = False
    tensorboard: bool = False

    def run(self, progress: Progress) -> Run:
        """Train, resume, or return the finished run."""
        return training.train(
            self.recipe,
            self.train,
            self.validation,
            out=self.folder,
            overwrite=self.overwrite,
            tensorboard=self.tensorboard,
            progress=progress,
        )

    def summary(self, result: object) -> str | None:
        """Epochs, time and validation accuracy."""
        record = result.record.training if isinstance(result, Run) else None
        if record is None:
            return None
        return (
            f"{self.title}: {record.epochs} epochs in {record.seconds:.0f} s, "
            f"validation accuracy {record.validation_accuracy:.1%}"
        )


@dataclass(frozen=True, kw_only=True)
class TrialTask(TrainTask):
    """A short training that tries a setting."""

    def summary(self, result: object) -> str | None:
        """Nothing is logged for a trial; the search reports its choice."""
        return None


@dataclass(frozen=True, kw_only=True)
class CountEpochsTask(Task):
    """Count how many epochs fit into a time budget: two are run and timed."""

    recipe: Recipe
    train: OpenedVideos
    validation: OpenedVideos
    seconds: float
    starts: float
    overwrite: bool = False

    def run(self, progress: Progress) -> int:
        """The number of epochs."""
        return training.epochs_within(
            self.seconds,
            self.recipe,
            self.train,
            self.validation,
            out=self.folder,
            starts=self.starts,
            overwrite=self.overwrite,
            progress=progress,
        )


@dataclass(frozen=True, kw_only=True)
class EvaluateTask(Task):
    """Test a run on its fold's test part, and measure what a prediction costs."""

    test: OpenedVideos

    def run(self, progress: Progress) -> Run:
        """Predict the test videos and write predictions.parquet, even if it exists: a video may have been replaced."""
        return prediction.evaluate(read_run(self.folder), self.test, progress=progress)


@dataclass(frozen=True, kw_only=True)
class PredictOverTimeTask(Task):
    """Record a run's predictions through time on test videos."""

    videos: OpenedVideos

    def run(self, progress: Progress) -> Run:
        """Write over_time.parquet."""
        return prediction.predict_over_time(read_run(self.folder), self.videos, progress=progress)


@dataclass(frozen=True, kw_only=True)
class PerturbTask(Task):
    """Record a motion run's predictions on test clips whose frames are shuffled, reversed, frozen and so on."""

    videos: OpenedVideos

    def run(self, progress: Progress) -> Run:
        """Write perturbed.parquet."""
        return prediction.evaluate_perturbed(read_run(self.folder), self.videos, progress=progress)


@dataclass(frozen=True, kw_only=True)
class MeasureMemoryTask(Task):
    """Measure the peak memory of a process that loads a run's model and predicts one clip."""

    def run(self, progress: Progress) -> float | None:
        """Megabytes; None where it cannot be measured."""
        return prediction.measure_memory(read_run(self.folder))
