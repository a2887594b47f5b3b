"""What all worker processes need: their share of the threads, and to end with the process that started them."""

from __future__ import annotations

import os
import platform
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from types import MappingProxyType

# Defaults of the backends' variables, for every process of ours that computes.
BACKEND_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        # Several processes on one GPU each take the memory that they need instead of all of it.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    # TensorFlow uses oneDNN by default on recent processors only. On others, training takes up to 2.7 times as long.
    | ({"TF_ENABLE_ONEDNN_OPTS": "1"} if platform.machine() in ("x86_64", "AMD64") else {})
)


def worker_environment(threads: int, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which a worker's libraries use this many threads each, and the backends' defaults.

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
    return variables | {name: environment.get(name, value) for name, value in BACKEND_VARIABLES.items()}


def start_quietly(parent: Connection) -> None:
    """Prepare this process, which another one has started, for work.

    Args:
        parent: nothing is ever sent on it; it is closed when the process that started this one ends, however it ends.
    """
    # Backends write to standard error while they load, into the middle of the progress. All that counts is sent.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the first ends the rest
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def process_exists(pid: int) -> bool:
    """Whether there is a process of this number; on Windows, where asking could end it, always true."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # It is somebody else's.
        pass
    return True


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Ctrl-C comes after the block. Processes that are started in it never get it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with(parent: Connection) -> None:
    """End this process as soon as the one that started it has ended: nobody waits for the result."""
    try:
        parent.recv()
    except (EOFError, OSError):
        os._exit(1)
