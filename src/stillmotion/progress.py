"""The protocol by which long-running work reports its progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """A callable that receives how far the work has come.

    It is called often, by the thread that does the work, so it should return quickly. Any exception that it raises ends
    the work; training and comparisons resume if the same call is made again.

    Example:
        ```python
        def show(stage, done, total, figures={}, /):
            print(stage, done, "of", total)

        sm.run_comparison("clips/", progress=show)
        ```
    """

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        """Report progress.

        Args:
            stage: what is being done, such as "training"; empty if there is only one stage.
            done: number of steps finished.
            total: number of steps in the stage.
            figures: the latest metrics, such as `val_accuracy`; often empty.
        """


def no_progress(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
    """Report nothing: the default of every function that takes a `Progress`."""


class TaskStage(str):
    """A stage of one of several tasks, whose reports may alternate; its text is the task's title and the stage.

    A task begins and ends with a report of its title alone, 0 of 1 and 1 of 1.

    Args:
        task: the task's title.
        stage: what is being done; empty at the beginning and the end of the task.

    Attributes:
        task: the task's title.
    """

    task: str

    def __new__(cls, task: str, stage: str) -> TaskStage:
        text = super().__new__(cls, f"{task} {stage}".strip())
        text.task = task
        return text
