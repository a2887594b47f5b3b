"""What happens in a worker process of `executors.Processes`."""

from __future__ import annotations

import logging
import logging.handlers
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from stillmotion.execution.worker_processes import start_quietly
from stillmotion.experiments.tasks import Task

# Reports of one stage that follow each other more quickly are dropped.
REPORT_SECONDS = 0.1

# What a worker sends during a task: its title, then stage, done, total and figures; or a log record.
Report = tuple[str, str, int, int, Mapping[str, float]]
# The queue to the process that started this one.
_reports: Any = None


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
    start_quietly(parent)
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
