"""Workers that the driver starts, gives files and replaces when they die: processes, or actors of Ray."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, Self

import loky
from loky.backend import get_context

from stillmotion.archive.records import ArchiveFile, Outcome
from stillmotion.archive.worker import ArchivePredictor, load_model, predict_files, start_process
from stillmotion.execution.machine import cores, most_workers
from stillmotion.execution.places import LOCAL, check_place, ray_address
from stillmotion.execution.ray_clusters import as_own_error, connect, enter_folder, machine_cores, runtime_env
from stillmotion.execution.worker_processes import interrupts_blocked, worker_environment


class ArchiveWorker(Protocol):
    """A worker that has been started.

    Attributes:
        ready: done when the model is loaded.
    """

    ready: Future[Any]

    def submit(self, files: Sequence[ArchiveFile]) -> Future[Outcome]:
        """Have files predicted."""

    def end(self) -> None:
        """End the worker, whatever it does."""


class WorkerSource(Protocol):
    """Starts workers; a context manager.

    Attributes:
        count: how many can be at work.
    """

    count: int

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def start(self) -> ArchiveWorker:
        """Start a worker."""

    def cause_of_death(self, error: BaseException) -> str | None:
        """How a worker has died, in a few words; None for another error."""

    def explain(self, error: BaseException) -> BaseException:
        """What to raise for another error."""


class ProcessWorker:
    """A process of its own, so that none dies with another; see `ArchiveWorker`."""

    def __init__(self, model: bytes, threads: int) -> None:
        with interrupts_blocked():  # which a worker inherits
            context = get_context("loky")
            closes_with_parent, self._alive = context.Pipe(duplex=False)
            self._pool = loky.ProcessPoolExecutor(
                1,
                context=context,
                initializer=start_process,
                initargs=(closes_with_parent, model, threads),
                env=worker_environment(threads, os.environ),
            )
            self.ready: Future[Any] = self._pool.submit(load_model)

    def submit(self, files: Sequence[ArchiveFile]) -> Future[Outcome]:
        """See `ArchiveWorker`."""
        future: Future[Outcome] = self._pool.submit(predict_files, files)
        return future

    def end(self) -> None:
        """See `ArchiveWorker`."""
        with warnings.catch_warnings():  # loky warns if it cannot look for grandchildren
            warnings.simplefilter("ignore")
            self._pool.shutdown(kill_workers=True)
        self._alive.close()


class ProcessSource:
    """Worker processes of this machine; see `WorkerSource`.

    Args:
        model: see `ArchivePredictor`.
        count: how many, among which the cores are divided.
    """

    def __init__(self, model: bytes, count: int) -> None:
        self.count, self._model = count, model

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self) -> ProcessWorker:
        """See `WorkerSource`."""
        return ProcessWorker(self._model, max(1, cores() // self.count))

    def cause_of_death(self, error: BaseException) -> str | None:
        """See `WorkerSource`."""
        if not isinstance(error, BrokenProcessPool):
            return None
        signals = re.search(r"exit codes of the workers are \{(.*?)\}", str(error))
        return signals[1] if signals else "it ended"

    def explain(self, error: BaseException) -> BaseException:
        """See `WorkerSource`."""
        return error


class _Actor:
    """The predictor as an actor of Ray's, which holds the model as long as it lives."""

    def __init__(self, model: bytes, folder: str) -> None:
        self._model, self._folder = model, folder

    def ready(self) -> None:
        """Load the model. Ray would report an error in `__init__` as the death of the actor."""
        enter_folder(self._folder)
        logging.getLogger("stillmotion").propagate = False
        self._predictor = ArchivePredictor(self._model, threads=1)

    def predict(self, files: Sequence[ArchiveFile]) -> Outcome:
        """See `ArchivePredictor.predict`."""
        return self._predictor.predict(files)


class RayWorker:
    """An actor of Ray's, with one core; see `ArchiveWorker`."""

    def __init__(self, ray: Any, model: bytes) -> None:
        self._ray = ray
        self._actor = ray.remote(_Actor).options(num_cpus=1, runtime_env=runtime_env(1)).remote(model, os.getcwd())
        self.ready: Future[Any] = self._actor.ready.remote().future()

    def submit(self, files: Sequence[ArchiveFile]) -> Future[Outcome]:
        """See `ArchiveWorker`."""
        future: Future[Outcome] = self._actor.predict.remote(files).future()
        return future

    def end(self) -> None:
        """See `ArchiveWorker`."""
        if self._ray.is_initialized():  # If the connection is lost, Ray would start a cluster to kill the actor on.
            self._ray.kill(self._actor)


class RaySource:
    """Actors on a Ray cluster, one for each of the cores that it has at the start; see `WorkerSource`.

    Args:
        model: see `ArchivePredictor`.
        address: see `connect`.
    """

    def __init__(self, model: bytes, address: str | None) -> None:
        self.count, self._model, self._address = 1, model, address

    def __enter__(self) -> Self:
        self._ray, self._own = connect(self._address)
        self.count = max(1, sum(machine_cores(self._ray)))
        return self

    def __exit__(self, *raised: object) -> None:
        if self._own:
            self._ray.shutdown()
        _, error, _ = raised
        if isinstance(error, ConnectionError):  # Whatever is asked of a cluster that is gone raises it.
            raise as_own_error(error) from None

    def start(self) -> RayWorker:
        """See `WorkerSource`."""
        return RayWorker(self._ray, self._model)

    def cause_of_death(self, error: BaseException) -> str | None:
        """See `WorkerSource`."""
        from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError, WorkerCrashedError

        if getattr(error, "cause", None) is not None:  # An error that was raised in the actor.
            return None
        if isinstance(error, OutOfMemoryError):  # Ray has ended it before the machine ran out of memory.
            return "out of memory"
        if isinstance(error, RayActorError | NodeDiedError | WorkerCrashedError):
            signal = re.search(r"SIG[A-Z]+|out of memory|OOM", str(error))
            return signal[0] if signal else "its actor died"
        return None

    def explain(self, error: BaseException) -> BaseException:
        """See `WorkerSource`."""
        return as_own_error(error)


def workers_on(on: str, model: bytes) -> WorkerSource:
    """The workers at a place.

    Args:
        on: see `check_place`.
        model: see `ArchivePredictor`.

    Returns:
        A context manager. Nothing is started before it is entered.

    Raises:
        UsageError: another place.
    """
    check_place(on)
    if on.startswith("ray"):
        return RaySource(model, ray_address(on))
    return ProcessSource(model, most_workers() if on == LOCAL else int(on.partition(":")[2]))
