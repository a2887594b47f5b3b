"""Connect to a Ray cluster: this machine's cores, or those of many machines that share a file system."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Mapping
from typing import Any

from stillmotion.errors import StillmotionError, first_line
from stillmotion.execution.machine import threads_per_worker
from stillmotion.execution.worker_processes import worker_environment


def connect(address: str | None) -> Any:
    """Connect to a cluster.

    Args:
        address: "ray://host:10001" for a cluster; None for this machine, where one is started if none runs.

    Returns:
        The module `ray`, connected.

    Raises:
        StillmotionError: Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError:
        raise StillmotionError('a Ray cluster needs Ray: pip install "stillmotion[ray]"') from None
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray would give every other program precedence
    try:
        ray.init(
            address=address,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
            runtime_env={"env_vars": dict(_environment())},
        )
    except Exception as error:  # Ray raises plain ones, too.
        raise StillmotionError(f"{address or 'Ray'}: cannot be reached ({first_line(error)})") from None
    return ray


def enter_folder(folder: str) -> None:
    """Go to the folder that relative paths belong to, in a worker.

    Args:
        folder: the working folder of the process that connected to the cluster.

    Raises:
        StillmotionError: this machine does not have it.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        raise StillmotionError(
            f"{folder}: {error.strerror} on {platform.node()}; all machines of a cluster need the same folders"
        ) from None


def as_own_error(error: BaseException) -> BaseException:
    """What to raise for an error that Ray reports: that of the work itself, or one line of Ray's.

    Args:
        error: what a future of Ray's raised.

    Returns:
        The error to raise in its place.
    """
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception):
        if not isinstance(cause, StillmotionError):
            cause.add_note(str(error))  # Where it happened in the worker.
        return cause
    if type(error).__module__.startswith("ray."):
        first = str(error).strip().splitlines()[0]
        return StillmotionError(f"Ray: {first}; the same call resumes")
    return error


def _environment() -> Mapping[str, str]:
    """What a worker's environment needs: its number of threads, and where this process finds modules."""
    names = [name for name in ("KERAS_BACKEND", "STILLMOTION_CACHE", "PYTHONPATH") if name in os.environ]
    return worker_environment(threads_per_worker(), os.environ) | {name: os.environ[name] for name in names}
