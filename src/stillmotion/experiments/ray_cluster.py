"""Run tasks on a Ray cluster: this machine's cores, or those of many machines that share a file system."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from stillmotion.errors import StillmotionError
from stillmotion.execution.machine import threads_per_worker
from stillmotion.execution.ray_clusters import as_own_error, connect, enter_folder, machine_cores, runtime_env
from stillmotion.experiments.executors import Pool
from stillmotion.experiments.tasks import Task
from stillmotion.experiments.workers import Report, run_task, start_ray_worker
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
        self._own = False
        self._queue: Any = None
        self._submitted: list[Any] = []

    def __exit__(self, *_: object) -> None:
        """See `Pool`."""
        if self._ray is not None:
            if self._own:
                self._ray.shutdown()
            else:
                for task in self._submitted:
                    self._ray.cancel(task, force=True)
            self._ray = self._queue = None
            self._submitted.clear()

    def submit(self, task: Task) -> Future[object]:
        """See `Pool`."""
        if self._ray is None:
            self._connect()
        threads = threads_per_worker()
        options = {"num_cpus": threads, "max_retries": RETRIES, "runtime_env": runtime_env(threads)}
        level = logging.getLogger("stillmotion").getEffectiveLevel()
        submitted = self._ray.remote(_run).options(**options).remote(task, self._queue, level, os.getcwd())
        self._submitted.append(submitted)
        future: Future[object] = submitted.future()
        return future

    def reports(self) -> Iterator[Report | logging.LogRecord]:
        """See `Pool`."""
        if self._queue is not None and self._ray.is_initialized():
            yield from self._queue.get_nowait_batch(self._queue.size())

    def explain(self, error: BaseException) -> BaseException:
        """See `Pool`."""
        return as_own_error(error)

    def _connect(self) -> None:
        self._ray, self._own = connect(self.address)
        if max(machine_cores(self._ray), default=0) < threads_per_worker():
            raise StillmotionError(
                f"a task of a comparison gets {threads_per_worker()} cores on this machine, and no machine of the Ray "
                "cluster has so many; Ray would wait for one forever"
            )
        from ray.util.queue import Queue
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        # On the machine whose loss ends all work anyway. Ray may choose another one if this one has no cores to give.
        here = NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=False)
        self._queue = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})


def _run(task: Task, queue: Any, level: int, folder: str) -> object:
    """Run a task in a worker, in the folder that its relative paths belong to."""
    enter_folder(folder)
    start_ray_worker(queue, level)
    return run_task(task)
