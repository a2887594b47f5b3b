"""Run tasks on a Ray cluster: this machine's cores, or those of many machines that share a file system."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any

from stillmotion.errors import StillmotionError
from stillmotion.experiments.executors import Pool
from stillmotion.experiments.machine import threads_per_worker
from stillmotion.experiments.tasks import Task
from stillmotion.experiments.workers import Report, run_task, start_ray_worker, worker_environment
from stillmotion.progress import Progress, no_progress

# How often Ray starts a task again whose worker or machine is lost. A training goes on after its last saved epoch.
RETRIES = 3


class RayCluster(Pool):
    """Runs tasks on a Ray cluster.

    Tasks name folders and files; they do not carry them. So all machines of a cluster need the same paths, on a file
    system that they share, and the same environment.

    Args:
        address: "ray://host:10001" for a cluster; None for this machine, where one is started if none runs.
        progress: see `Pool`.
        cancel: see `Pool`.

    Raises:
        StillmotionError: Ray is not installed, or the cluster cannot be reached.
    """

    def __init__(
        self, address: str | None = None, progress: Progress = no_progress, cancel: threading.Event | None = None
    ) -> None:
        super().__init__(progress, cancel)
        self.address = address
        self._ray: Any = None
        self._queue: Any = None

    def __exit__(self, *_: object) -> None:
        """See `Pool`."""
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = self._queue = None

    def submit(self, task: Task) -> Future[object]:
        """See `Pool`."""
        if self._ray is None:
            self._connect()
        remote = self._ray.remote(_run).options(num_cpus=threads_per_worker(), max_retries=RETRIES)
        level = logging.getLogger("stillmotion").getEffectiveLevel()
        future: Future[object] = remote.remote(task, self._queue, level).future()
        return future

    def reports(self) -> Iterator[Report | logging.LogRecord]:
        """See `Pool`."""
        if self._queue is not None:
            yield from self._queue.get_nowait_batch(self._queue.size())

    def explain(self, error: BaseException) -> BaseException:
        """See `Pool`."""
        cause = getattr(error, "cause", None)
        if isinstance(cause, StillmotionError):
            return cause
        if type(error).__module__.startswith("ray."):
            first = str(error).strip().splitlines()[0]
            return StillmotionError(f"Ray: {first}; the same call resumes")
        return error

    def _connect(self) -> None:
        try:
            import ray
            from ray.util.queue import Queue
        except ImportError:
            raise StillmotionError('a Ray cluster needs Ray: pip install "stillmotion[ray]"') from None
        os.environ.setdefault("RAY_worker_niceness", "0")  # Ray would give every other program precedence
        try:
            ray.init(
                address=self.address,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                configure_logging=False,
                runtime_env={"env_vars": dict(_environment())},
            )
        except (ConnectionError, RuntimeError, OSError, ValueError) as error:
            first = str(error).strip().splitlines()[0]
            raise StillmotionError(f"{self.address or 'Ray'}: cannot be reached ({first})") from None
        self._ray, self._queue = ray, Queue()


def _environment() -> Mapping[str, str]:
    """What a worker's environment needs: its number of threads, and where this process finds modules."""
    names = [name for name in ("KERAS_BACKEND", "STILLMOTION_CACHE", "PYTHONPATH") if name in os.environ]
    return worker_environment(threads_per_worker(), os.environ) | {name: os.environ[name] for name in names}


def _run(task: Task, queue: Any, level: int) -> object:
    """Run a task in a worker."""
    start_ray_worker(queue, level)
    return run_task(task)
