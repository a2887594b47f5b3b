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
from typing import ClassVar, Literal, TypeVar

from stillmotion import prediction, training
from stillmotion.clips import ClipSpec, OpenedVideos, cached_frames, even_windows, frame_times, thread_map
from stillmotion.features import FeatureRequest, extract_features
from stillmotion.inspection import Shortcut, find_shortcuts
from stillmotion.progress import Progress
from stillmotion.runs import Recipe, Run, delete_run, read_run

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
    devices: int | Literal["all"] = 1

    def run(self, progress: Progress) -> Run:
        """Train, resume, or return the finished run."""
        return training.train(
            self.recipe,
            self.train,
            self.validation,
            out=self.folder,
            overwrite=self.overwrite,
            tensorboard=self.tensorboard,
            devices=self.devices,
            progress=progress,
        )

    def summary(self, result: object) -> str | None:
        """Epochs, time and validation accuracy."""
        record = result.record.training if isinstance(result, Run) else None
        if record is None or record.validation_accuracy is None:
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
class DecodeTask(Task):
    """Decode what several trainings draw from into the cache, so that they do not do it at the same time.

    Attributes:
        spec: what a clip is.
        train: videos that are trained on.
        validation: videos that are validated on.
    """

    parallel: ClassVar[bool] = False

    spec: ClipSpec
    train: OpenedVideos
    validation: OpenedVideos

    def run(self, progress: Progress) -> None:
        """Decode on all cores."""
        from stillmotion.training.batches import training_times, training_windows

        spec = self.spec
        requests = [(segment.file, training_times(spec, segment.window)) for segment in self.train]
        requests += [
            (segment.file, frame_times(spec, window))
            for segment in self.validation
            for window in training_windows(spec, segment)
        ]
        thread_map(lambda request: cached_frames(*request, spec.height, spec.width), requests, progress, "decoding")


@dataclass(frozen=True, kw_only=True)
class ExtractFeaturesTask(Task):
    """Send the frames that trainings and tests on a frozen backbone need through it, into the cache.

    Attributes:
        backbone: its name.
        recipes: how heads are trained on it; all on frames of one size.
        train: videos that are trained on.
        validation: videos that are validated on.
        test: videos that are tested on.
    """

    parallel: ClassVar[bool] = False

    backbone: str
    recipes: tuple[Recipe, ...]
    train: OpenedVideos
    validation: OpenedVideos
    test: OpenedVideos

    def run(self, progress: Progress) -> None:
        """Extract on all cores."""
        from stillmotion.training.batches import training_spec, training_windows

        clips = {
            (segment.file, window, spec): None
            for recipe in self.recipes
            for videos, spec in ((self.train, training_spec(recipe)), (self.validation, recipe.spec))
            for segment in videos
            for window in training_windows(spec, segment)
        }
        clips |= {
            (segment.file, window, recipe.spec): None
            for recipe in self.recipes
            for segment in self.test
            for window in even_windows(recipe.spec, segment.window)
        }
        requests = [FeatureRequest(file, frame_times(spec, window)) for file, window, spec in clips]
        height, width = self.recipes[0].spec.height, self.recipes[0].spec.width
        extract_features(self.backbone, requests, height, width, progress=progress)


@dataclass(frozen=True, kw_only=True)
class FindShortcutsTask(Task):
    """Look for what else could tell the labels."""

    videos: OpenedVideos

    def run(self, progress: Progress) -> tuple[Shortcut, ...]:
        """What was looked at."""
        return tuple(find_shortcuts(self.videos, progress=progress))


@dataclass(frozen=True, kw_only=True)
class EvaluateTask(Task):
    """Test a run on its fold's test part.

    Attributes:
        test: labeled videos.
        cost: whether it is measured, too, what a prediction costs.
    """

    test: OpenedVideos
    cost: bool = True

    def run(self, progress: Progress) -> Run:
        """Predict the test videos and write predictions.parquet, even if it exists: a video may have been replaced."""
        return prediction.evaluate(read_run(self.folder), self.test, cost=self.cost, progress=progress)


@dataclass(frozen=True, kw_only=True)
class CheckIncludedTask(Task):
    """Check a model that was trained elsewhere before hours of training: its card, its labels and its kind.

    Attributes:
        model: its file, with its card beside it.
        labels: those of the data set.
    """

    model: Path
    labels: tuple[str, ...]

    def run(self, progress: Progress) -> None:
        """Load it, and refuse what cannot be compared."""
        prediction.check_adoptable(self.model, self.labels)


@dataclass(frozen=True, kw_only=True)
class IncludeTask(Task):
    """Make a run of a model that was trained elsewhere, and test it.

    Attributes:
        model: its file, with its card beside it.
        validation: labeled videos whose accuracy chooses among models.
        test: labeled videos.
    """

    model: Path
    validation: OpenedVideos
    test: OpenedVideos

    def run(self, progress: Progress) -> Run:
        """Adopt and test it anew, because the model may have changed."""
        delete_run(self.folder)
        run = prediction.adopt_model(self.model, self.folder, validation=self.validation)
        return prediction.evaluate(run, self.test, cost=False, progress=progress)


@dataclass(frozen=True, kw_only=True)
class MeasureCostTask(Task):
    """Measure what a prediction of a run costs, with the machine to itself."""

    parallel: ClassVar[bool] = False

    def run(self, progress: Progress) -> Run:
        """Put the cost into run.json."""
        return prediction.record_cost(read_run(self.folder))


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
