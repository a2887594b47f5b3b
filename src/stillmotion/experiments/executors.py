"""Executors run the tasks of a plan. There is one so far: this process, one task after another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stillmotion.errors import CancelledError
from stillmotion.experiments.tasks import Results, Task
from stillmotion.progress import Progress, no_progress

log = logging.getLogger(__name__)


class Executor(Protocol):
    """Anything that can run tasks."""

    def run(self, tasks: Sequence[Task]) -> Results:
        """Run every task after those it depends on.

        Args:
            tasks: in an order in which dependencies come first.

        Returns:
            The result of each task, by its id.

        Raises:
            CancelledError: the work was cancelled.
            StillmotionError: a task failed.
        """

    def reporter(self, title: str) -> Progress:
        """The progress callback for work outside of tasks.

        Args:
            title: what the work is called.

        Returns:
            A callback that also ends the work when it is cancelled.
        """


@dataclass(frozen=True)
class InProcess:
    """Runs tasks in this process, in order.

    Attributes:
        progress: receives the progress of the task at work, with its title in front of the stage.
        cancel: once set, the work ends with `CancelledError` at the next progress report.
    """

    progress: Progress = no_progress
    cancel: threading.Event | None = None

    def run(self, tasks: Sequence[Task]) -> Results:
        """See `Executor.run`.

        Raises:
            CancelledError: `cancel` was set.
            StillmotionError: a task failed.
        """
        results: dict[str, object] = {}
        for task in tasks:
            missing = [name for name in task.after if name not in results]
            if missing:
                raise ValueError(f"task {task.id!r} comes before {missing[0]!r}, which it needs")
            report = self.reporter(task.title)
            report("", 0, 1)
            results[task.id] = task.run(report)
            summary = task.summary(results[task.id])
            if summary:
                log.info(summary)
        return results

    def reporter(self, title: str) -> Progress:
        """The progress callback of a piece of work called `title`."""

        def report(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
            if self.cancel is not None and self.cancel.is_set():
                raise CancelledError("canceled; the same call resumes where it stopped")
            self.progress(f"{title} {stage}".strip(), done, total, figures)

        return report
