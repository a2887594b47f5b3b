"""What happens in a worker process of `executors.Processes`."""

from __future__ import annotations

import logging
import logging.handlers
import os
import signal
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from stillmotion.experiments.tasks import Task

# Reports of one stage that follow each other more quickly are dropped.
REPORT_SECONDS = 0.1

# What a worker sends during a task: its title, then stage, done, total and figures; or a log record.
Report = tuple[str, str, int, int, Mapping[str, float]]
# The queue to the process that started this one.
_reports: Any = None


def worker_environment(threads: int, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which a worker's libraries use this many threads each.

    Args:
        threads: of OpenMP, TensorFlow and JAX.
        environment: the variables that there are already.

    Returns:
        The variables to set.
    """
    openmp, tensorflow = (
        ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"],
        ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"],
    )
    variables = dict.fromkeys([*openmp, *tensorflow, "NPROC"], str(threads))  # JAX obeys the last
    if threads == 1:
        flags = environment.get("XLA_FLAGS", "")
        variables["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    # Several processes on one GPU each take the memory that they need instead of all of it.
    return variables | {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


class ReportHandler(logging.handlers.QueueHandler):
    """Sends log records to the process that started this one."""

    def enqueue(self, record: logging.LogRecord) -> None:
        """Send a record."""
        _reports.put(record)


def start_worker(reports: Any, parent: Connection, level: int) -> None:
    """Prepare this process for tasks.

    Args:
        reports: a queue for progress and log records.
        parent: nothing is ever sent on it; it is closed when the process that started this one ends.
        level: of the library's log.
    """
    global _reports
    _reports = reports
    # Backends write to standard error while they load, into the middle of the progress. All that counts is sent.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the first ends the rest
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    log = logging.getLogger("stillmotion")
    log.setLevel(level)
    log.propagate = False
    log.handlers = [ReportHandler(reports)]


def start_ray_worker(queue: Any, level: int) -> None:
    """Prepare a worker of a Ray cluster for a task.

    Args:
        queue: for progress and log records.
        level: of the library's log.
    """
    global _reports
    _reports = queue
    log = logging.getLogger("stillmotion")
    log.setLevel(level)
    log.propagate = False
    log.handlers = [ReportHandler(queue)]


def run_task(task: Task) -> object:
    """Run a task and report its progress.

    Args:
        task: the task.

    Returns:
        Its result.
    """
    latest: tuple[str, Mapping[str, float]] | None = None
    reported = 0.0

    def report(stage: str, done: int, total: int, figures: Mapping[str, float] = {}, /) -> None:
        nonlocal latest, reported
        now = time.monotonic()
        if (stage, figures) != latest or done == total or now >= reported + REPORT_SECONDS:
            latest, reported = (stage, dict(figures)), now
            _reports.put((task.title, stage, done, total, dict(figures)))

    # TensorFlow warns of retracing; a process that trains several models traces each of them once.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    report("", 0, 1)
    return task.run(report)


def _end_with(parent: Connection) -> None:
    """End this process as soon as the one that started it has ended: nobody waits for the result."""
    try:
        parent.recv()
    except (EOFError, OSError):
        os._exit(1)
