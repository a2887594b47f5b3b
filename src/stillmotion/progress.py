"""How long-running work reports its progress: the one protocol between the library and whatever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """A callable that is told how far the work has come.

    It is called often and from the thread that works, so it should return quickly. Whatever it raises ends the work;
    training and comparisons resume when the same call is made again.

    Args:
        stage: what is being done, such as "training"; empty where there is only one thing to do.
        done: steps finished so far.
        total: steps in all.
        figures: the latest figures, such as `val_accuracy`; often empty.
    """

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None: ...


def no_progress(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
    """Report nothing: the default of every function that takes a `Progress`."""
