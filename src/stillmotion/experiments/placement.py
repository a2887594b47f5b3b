"""Where the tasks of an experiment run."""

from __future__ import annotations

import threading

from stillmotion.execution.machine import default_workers
from stillmotion.execution.places import LOCAL, check_place, ray_address
from stillmotion.experiments.executors import Pool, Processes
from stillmotion.experiments.ray_cluster import RayCluster
from stillmotion.progress import Progress, no_progress


def executor_on(on: str, progress: Progress = no_progress, cancel: threading.Event | None = None) -> Pool:
    """The executor for a place.

    Args:
        on: "local", for as many processes as the cores and the free memory allow; "processes:N"; "ray", for this
            machine's cores and whatever Ray cluster runs here; "ray://HOST:PORT".
        progress: see `Pool`.
        cancel: see `Pool`.

    Returns:
        A context manager. Nothing is started before the first task.

    Raises:
        UsageError: another place.
    """
    check_place(on)
    if on.startswith("ray"):
        return RayCluster(ray_address(on), progress, cancel)
    workers = default_workers() if on == LOCAL else int(on.partition(":")[2])
    return Processes(workers, progress, cancel)
