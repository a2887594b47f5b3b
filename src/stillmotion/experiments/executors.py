"""Executors run the tasks of a plan: in this process, or side by side in worker processes."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Protocol, Self

import loky
from loky.backend import get_context

from stillmotion.errors import CancelledError, StillmotionError
from stillmotion.execution.machine import threads_per_worker
from stillmotion.execution.worker_processes import interrupts_blocked, worker_environment
from stillmotion.experiments.tasks import Results, Task
from stillmotion.experiments.workers import Report, run_task, start_worker
from stillmotion.progress import Progress, TaskStage, no_progress

log = logging.getLogger(__name__)

# The stage under which the number of finished tasks is reported.
ALL_TASKS = "all tasks"
# How often progress is shown and cancellation is looked for while workers are busy.
REPORT_SECONDS = 0.1


class Executor(Protocol):
    """Anything that can run tasks."""

    def run(self, tasks: Sequence[Task]) -> Results:
        """Run every task after those it depends on.

        Args:
            tasks: in an order in which dependencies come first.

        Returns:
            The result of each task, by its id.

        Raises:
            CancelledError: the work was canceled.
            StillmotionError: a task failed.
        """

    def reporter(self, title: str) -> Progress:
        """The progress callback for work outside of tasks.

        Args:
            title: what the work is called.

        Returns:
            A callback that also ends the work when it is canceled.
        """


@dataclass(frozen=True)
class InProcess:
    """Runs tasks in this process, in order.

    Attributes:
        progress: receives the progress of the task at work, with its title in front of the stage. A task begins and
            ends with a report of its title alone, 0 of 1 and 1 of 1.
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
        _check_order(tasks)
        return {task.id: self.run_task(task) for task in tasks}

    def run_task(self, task: Task) -> object:
        """Run one task, whatever it depends on.

        Args:
            task: the task.

        Returns:
            Its result.

        Raises:
            CancelledError: `cancel` was set.
            StillmotionError: the task failed.
        """
        report = self.reporter(task.title)
        report("", 0, 1)
        result = task.run(report)
        report("", 1, 1)
        _log_summary(task, result)
        return result

    def reporter(self, title: str) -> Progress:
        """The progress callback of a piece of work called `title`."""

        def report(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
            self.check_canceled()
            self.progress(TaskStage(title, stage) if title else stage, done, total, figures)

        return report

    def check_canceled(self) -> None:
        """End the work if it was canceled.

        Raises:
            CancelledError: `cancel` was set.
        """
        if self.cancel is not None and self.cancel.is_set():
            raise CancelledError("canceled; the same call resumes where it stopped")


class Pool(ABC):
    """Runs tasks side by side, wherever its workers are; a context manager, since workers are kept from one plan to the
    next.

    The first error ends all work.

    Args:
        progress: as for `InProcess`; the reports of several tasks alternate, and the number of finished tasks is
            reported as the stage "all tasks". It is called by the thread that calls `run`.
        cancel: once set, the work ends with `CancelledError`.
    """

    def __init__(self, progress: Progress = no_progress, cancel: threading.Event | None = None) -> None:
        self.here = InProcess(progress, cancel)

    def __enter__(self) -> Self:
        """Workers are started by the first task."""
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """End the workers, whatever they do: a training resumes after its last saved epoch."""

    @abstractmethod
    def submit(self, task: Task) -> Future[object]:
        """Hand a task to the workers, which are started if there are none."""

    @abstractmethod
    def reports(self) -> Iterator[Report | logging.LogRecord]:
        """What the workers have reported since the last call."""

    @abstractmethod
    def explain(self, error: BaseException) -> BaseException:
        """What to raise for an error of a task or of the workers."""

    def run(self, tasks: Sequence[Task]) -> Results:
        """See `Executor.run`. Tasks that are not `parallel` run in this process, while no other is at work.

        Raises:
            CancelledError: the work was canceled.
            StillmotionError: a task failed, or a worker was killed.
        """
        _check_order(tasks)
        try:
            return self._run(tasks)
        except BaseException as error:
            self.__exit__()
            explained = self.explain(error)
            if explained is error:
                raise
            raise explained from None

    def reporter(self, title: str) -> Progress:
        """The progress callback of a piece of work called `title`."""
        return self.here.reporter(title)

    def _run(self, tasks: Sequence[Task]) -> Results:
        results: dict[str, object] = {}
        waiting, running = list(tasks), dict[Future[object], Task]()
        while waiting or running:
            self.reporter("")(ALL_TASKS, len(results), len(tasks))
            ready = [task for task in waiting if all(name in results for name in task.after)]
            for task in ready:
                if task.parallel:
                    running[self.submit(task)] = task
                    waiting.remove(task)
            if not running:
                results[ready[0].id] = self.here.run_task(ready[0])
                waiting.remove(ready[0])
                continue
            done = None
            while not done:
                done = wait(running, REPORT_SECONDS, FIRST_COMPLETED).done
                self._relay()
            for future in done:
                task = running.pop(future)
                results[task.id] = future.result()
                self.reporter(task.title)("", 1, 1)
                _log_summary(task, results[task.id])
        self.reporter("")(ALL_TASKS, len(results), len(tasks))
        return results

    def _relay(self) -> None:
        """Pass on what the workers have reported: a task's reports are here before its result."""
        self.here.check_canceled()
        for report in self.reports():
            if isinstance(report, logging.LogRecord):
                logging.getLogger(report.name).handle(report)
            else:
                title, stage, done, total, figures = report
                self.reporter(title)(stage, done, total, figures)


class Processes(Pool):
    """Runs tasks side by side in worker processes of this machine.

    Small models hardly use a second core, so two trainings side by side take little longer than one. Every worker has
    `threads_per_worker()` threads, however many workers there are: on the number of threads depends the order in which
    a backend adds numbers up, and so every training. With one worker or with eight, the results are the same.

    Workers are started by loky, which unlike `multiprocessing` does not run the caller's script again. They end with
    this process, however it ends.

    Args:
        workers: how many tasks are at work at most.
        progress: see `Pool`.
        cancel: see `Pool`.
    """

    def __init__(self, workers: int, progress: Progress = no_progress, cancel: threading.Event | None = None) -> None:
        super().__init__(progress, cancel)
        self.workers = workers
        self._pool: loky.ProcessPoolExecutor | None = None

    def __exit__(self, *_: object) -> None:
        """See `Pool`."""
        if self._pool is not None:
            with warnings.catch_warnings():  # loky warns if it cannot look for grandchildren
                warnings.simplefilter("ignore")
                self._pool.shutdown(kill_workers=True)
            self._pool = None
            self._alive.close()

    def submit(self, task: Task) -> Future[object]:
        """See `Pool`."""
        with interrupts_blocked():  # which a worker inherits
            if self._pool is None:
                context = get_context("loky")
                self._reports = context.SimpleQueue()
                closes_with_parent, self._alive = context.Pipe(duplex=False)
                self._pool = loky.ProcessPoolExecutor(
                    self.workers,
                    context=context,
                    initializer=start_worker,
                    initargs=(self._reports, closes_with_parent, logging.getLogger("stillmotion").getEffectiveLevel()),
                    env=worker_environment(threads_per_worker(), os.environ),
                )
            future: Future[object] = self._pool.submit(run_task, task)
            return future

    def reports(self) -> Iterator[Report | logging.LogRecord]:
        """See `Pool`."""
        while not self._reports.empty():
            yield self._reports.get()

    def explain(self, error: BaseException) -> BaseException:
        """See `Pool`."""
        if isinstance(error, BrokenProcessPool):
            return StillmotionError(
                "a process that ran one of the tasks was killed, perhaps for lack of memory; "
                "the same call resumes, with fewer processes if that happens again"
            )
        return error


def _check_order(tasks: Sequence[Task]) -> None:
    """A plan lists a task after those that it needs."""
    known: set[str] = set()
    for task in tasks:
        missing = [name for name in task.after if name not in known]
        if missing:
            raise ValueError(f"task {task.id!r} comes before {missing[0]!r}, which it needs")
        known.add(task.id)


def _log_summary(task: Task, result: object) -> None:
    summary = task.summary(result)
    if summary:
        log.info(summary)
