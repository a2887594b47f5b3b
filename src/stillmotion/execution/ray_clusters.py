"""Connect to a Ray cluster: this machine's cores, or those of many machines that share a file system."""

from __future__ import annotations

import logging
import os
import platform
import socket
import warnings
from typing import Any

from stillmotion.errors import MAX_REASON, StillmotionError
from stillmotion.execution.worker_processes import worker_environment

# How long to wait for an answer of the machine that a cluster is reached by.
CONNECT_SECONDS = 10.0


def connect(address: str | None) -> tuple[Any, bool]:
    """Connect to a cluster.

    Args:
        address: "ray://host:10001" for a cluster; None for the one that this process is connected to already, or else
            that of this machine, where one is started if none runs.

    Returns:
        The module `ray`, connected, and whether this has connected it, so that it is to be shut down afterwards.

    Raises:
        StillmotionError: Ray is not installed, or the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray would give every other program precedence
    os.environ.setdefault("RAY_task_oom_retries", "3")  # It would try forever.
    try:
        import ray
    except ImportError:
        raise StillmotionError('a Ray cluster needs Ray: pip install "stillmotion[ray]"') from None
    if address is None and ray.is_initialized():
        return ray, False
    logging.getLogger("ray").setLevel(logging.ERROR)
    # Ray's only logger that a level does not silence: it warns that the connection is lost, which is an error later.
    logging.getLogger("ray.util.client.logsclient").addHandler(logging.NullHandler())
    try:
        if address is not None:
            _check_listening(address)
        with warnings.catch_warnings():  # Ray says in several lines what the error says in one.
            warnings.simplefilter("ignore")
            ray.init(
                address=address,
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=False,
            )
    except Exception as error:  # Ray raises plain ones, too.
        raise StillmotionError(f"{address or 'Ray'}: cannot be reached ({_one_line(error)})") from None
    return ray, True


def machine_cores(ray: Any) -> list[int]:
    """The cores of each machine of a cluster; 0 for one that shall not work."""
    return [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]


def runtime_env(threads: int) -> dict[str, Any]:
    """What Ray has to give to a worker: its number of threads, where this process finds modules, and GPUs.

    Args:
        threads: see `worker_environment`.

    Returns:
        What Ray calls a runtime environment.
    """
    names = [name for name in ("KERAS_BACKEND", "STILLMOTION_CACHE", "PYTHONPATH") if name in os.environ]
    # Some versions of Ray hide GPUs from actors and tasks that ask for none.
    given = {name: os.environ[name] for name in names} | {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    return {"env_vars": worker_environment(threads, os.environ) | given}


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
    if isinstance(error, ConnectionError):
        return StillmotionError("Ray: the connection to the cluster is lost; the same call resumes")
    if type(error).__module__.startswith("ray."):
        first = str(error).strip().splitlines()[0]
        return StillmotionError(f"Ray: {first}; the same call resumes")
    return error


def _one_line(error: Exception) -> str:
    """What an error says, without the traceback that it may have from the cluster."""
    text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return " ".join((text.splitlines()[-1] if "Traceback (" in text else text).split())[:MAX_REASON]


def _check_listening(address: str) -> None:
    """Raise OSError if nothing listens at an address: Ray would try for half a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
