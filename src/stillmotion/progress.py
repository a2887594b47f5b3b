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
