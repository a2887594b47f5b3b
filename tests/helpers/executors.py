"""An executor that trains nothing: it fabricates what a plan's tasks would leave, as accurate as a test wants."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from stillmotion.clips import OpenedVideos, Segment
from stillmotion.data import Part, Video, split, split_folds
from stillmotion.decoding import VideoFacts
from stillmotion.experiments import (
    CheckIncludedTask,
    CountEpochsTask,
    DecodeTask,
    EvaluateTask,
    ExtractFeaturesTask,
    FindShortcutsTask,
    IncludeTask,
    MeasureCostTask,
    MeasureMemoryTask,
    PerturbTask,
    PredictOverTimeTask,
    Results,
    Task,
    TrainTask,
)
from stillmotion.experiments.datasets import Dataset, Fold
from stillmotion.inspection import Shortcut
from stillmotion.models import find_family
from stillmotion.prediction import PERTURBATIONS
from stillmotion.prediction.tables import write_rows
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import (
    ADOPTED,
    CostRecord,
    DataRecord,
    Recipe,
    Run,
    RunRecord,
    TrainingRecord,
    read_run,
    write_run,
)

# Accuracy on the test part by recipe, and validation accuracy by recipe.
Skill = Callable[[Recipe], float]
COST = CostRecord(1000, 2.0, 8000.0, 10**6)


def opened_dataset(folder: Path, *, folds: int = 0, per_label: int = 40) -> Dataset:
    """A data set of two labels that is already open; each video is its own group, and no file is read."""
    videos = [
        Video(f"{label}/{number:03d}.mp4", label, f"{label}{number:03d}")
        for label in ("left", "right")
        for number in range(per_label)
    ]
    facts = VideoFacts(32, 32, 2.0, 10.0, 20, "h264", "mp4")
    opened = OpenedVideos(folder, tuple(Segment(video, folder / video.path, facts, (0.0, 2.0)) for video in videos))
    fractions = (0.4, 0.1, 0.5)
    divisions = split_folds(opened.videos, folds, fractions) if folds else [split(opened.videos, fractions)]
    return Dataset(opened, (), tuple(Fold(*map(opened.only, division)) for division in divisions), "spread")


@dataclass
class FabricatingExecutor:
    """Runs tasks by writing what they would leave.

    Attributes:
        accuracy: share of test videos that a recipe's run gets right.
        validation: validation accuracy of a recipe's run.
        perturbed: accuracy on perturbed clips, by the name of the perturbation; else that on whole clips.
        frames: accuracy of the most confident single frame of a still run.
        epochs: what counting epochs gives.
        shortcuts: what is found.
        tasks: every task so far, in order.
    """

    accuracy: Skill
    validation: Skill = lambda recipe: 0.8
    perturbed: Mapping[str, float] = field(default_factory=dict)
    frames: float = 0.0
    epochs: int = 7
    shortcuts: tuple[Shortcut, ...] = ()
    tasks: list[Task] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, tasks: Sequence[Task]) -> Results:
        """Fabricate every task's result, by its id."""
        results: dict[str, object] = {}
        for task in tasks:
            self.tasks.append(task)
            results[task.id] = self._fabricate(task)
        return results

    def run_task(self, task: Task) -> object:
        """Fabricate a task's result."""
        return self.run([task])[task.id]

    def reporter(self, title: str) -> Progress:
        """Nothing is reported."""
        return no_progress

    def of(self, kind: type[Task]) -> list[Any]:
        """The tasks of a kind so far."""
        return [task for task in self.tasks if isinstance(task, kind)]

    def _fabricate(self, task: Task) -> Any:
        if isinstance(task, TrainTask):
            return self._train(task)
        if isinstance(task, CountEpochsTask):
            return self.epochs
        if isinstance(task, MeasureMemoryTask):
            return 321.0
        if isinstance(task, FindShortcutsTask):
            return self.shortcuts
        if isinstance(task, CheckIncludedTask | DecodeTask | ExtractFeaturesTask):
            return None
        if isinstance(task, IncludeTask):
            kind = "still=" if "still" in task.model.stem else ""
            recipe = Recipe(f"{kind}_{task.model.stem}{ADOPTED}")
            empty = dataclasses.replace(task.test, segments=())
            place = task.id, task.title, task.folder
            train = TrainTask(
                recipe=recipe, train=empty, validation=empty, id=place[0], title=place[1], folder=place[2]
            )
            test = EvaluateTask(test=task.test, cost=False, id=place[0], title=place[1], folder=place[2])
            return self._evaluate(self._train(train), test)
        run = read_run(task.folder)
        if isinstance(task, MeasureCostTask):
            return write_run(dataclasses.replace(run, record=dataclasses.replace(run.record, cost=COST)))
        if isinstance(task, EvaluateTask):
            return self._evaluate(run, task)
        if isinstance(task, PerturbTask):
            rows = [
                {**row, "perturbation": name}
                for name in PERTURBATIONS
                for row in _rows(run, task.videos, self.perturbed.get(name, self.accuracy(run.recipe)))
            ]
            write_rows(rows, run.perturbed_file)
            return run
        assert isinstance(task, PredictOverTimeTask)
        still = find_family(run.recipe.family).kind == "still"
        accuracy = self.frames if still else self.accuracy(run.recipe)
        rows = [
            {"video": row["video"], "seconds": seconds, **_probabilities(row)}
            for row in _rows(run, task.videos, accuracy)
            for seconds in (0.5, 1.5)
        ]
        write_rows(rows, run.over_time_file)
        return run

    def _train(self, task: TrainTask) -> Run:
        task.folder.mkdir(parents=True, exist_ok=True)
        parts: dict[Part, OpenedVideos] = {"train": task.train, "validation": task.validation}
        videos = tuple(
            dataclasses.replace(segment.video, part=part) for part, opened in parts.items() for segment in opened
        )
        accuracy = self.validation(task.recipe)
        record = RunRecord(
            task.recipe,
            ("left", "right"),
            DataRecord(str(task.train.root), "0", videos, typical_seconds=2.0),
            training=TrainingRecord(3, 2, 5.0, 1 - accuracy, accuracy),
        )
        return write_run(Run(task.folder, record))

    def _evaluate(self, run: Run, task: EvaluateTask) -> Run:
        write_rows(_rows(run, task.test, self.accuracy(run.recipe)), run.predictions_file)
        tested = tuple(dataclasses.replace(segment.video, part="test") for segment in task.test)
        kept = tuple(video for video in run.record.data.videos if video.part != "test")
        data = dataclasses.replace(run.record.data, videos=(*kept, *tested))
        cost = COST if task.cost else run.record.cost
        return write_run(dataclasses.replace(run, record=dataclasses.replace(run.record, data=data, cost=cost)))


def _rows(run: Run, videos: OpenedVideos, accuracy: float) -> list[dict[str, Any]]:
    """One row per video; the last ones of each label are wrong."""
    rows = []
    for label in run.labels:
        segments = [segment for segment in videos if segment.video.label == label]
        correct = np.arange(len(segments)) < round(accuracy * len(segments))
        for segment, is_correct in zip(segments, correct, strict=True):
            right = 0.9 if is_correct else 0.1
            rows.append(
                {
                    "video": segment.video.name,
                    "label": label,
                    "group": segment.video.group,
                    "window": 0,
                    **{f"prob_{name}": right if name == label else 1 - right for name in run.labels},
                }
            )
    return rows


def _probabilities(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name.startswith("prob_")}
