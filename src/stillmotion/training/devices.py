"""One training on several devices, and in several processes: on JAX, each batch is divided among them.

The batch is the same as on one device, so that a training has the same result on any number of devices, but for the
order in which numbers are added up. Each process decodes and augments only its own share of a batch. Validation is not
divided: every device computes all of it, since the last batch of it seldom divides evenly.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.errors import StillmotionError, UsageError

# Keras's own variable, which a launcher sets in each process, with KERAS_DISTRIBUTION_JOB_ADDRESSES and _PROCESS_ID.
PROCESSES_VARIABLE = "KERAS_DISTRIBUTION_NUM_PROCESSES"


@dataclass(frozen=True)
class Devices:
    """The devices that a training is divided among.

    Attributes:
        count: how many there are, in all processes together.
        processes: how many processes train together.
        process: which of them this one is, counted from 0.
    """

    count: int = 1
    processes: int = 1
    process: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes the run."""
        return self.process == 0

    def share(self, chosen: NDArray[Any]) -> NDArray[Any]:
        """This process's part of a batch."""
        size = len(chosen) // self.processes
        return chosen[self.process * size : (self.process + 1) * size]

    def check_batch(self, size: int) -> None:
        """Check that a batch can be divided.

        Args:
            size: clips in a batch.

        Raises:
            StillmotionError: it cannot be divided evenly.
        """
        if size % self.count:
            raise StillmotionError(
                f"a batch of {size} clips cannot be divided among {self.count} devices; choose another batch size "
                "or number of devices"
            )

    @contextmanager
    def together(self, identity: str = "") -> Iterator[None]:
        """Do something in all processes, or in none: if one cannot, none goes on, and none waits for it for ever.

        Args:
            identity: what has to be the same in all processes.

        Raises:
            StillmotionError: what one process has raised; in the others, that there is something.
        """
        problem: Exception | None = None
        try:
            yield
        except Exception as error:  # Whatever it is, the others must learn of it.
            problem = error
        if self.processes > 1:
            from jax.experimental import multihost_utils

            digest = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:3])
            answers = multihost_utils.process_allgather(np.array([problem is None, digest], np.int32))
            if problem is None and not answers[:, 0].all():
                problem = StillmotionError("another of the processes that train together cannot go on; it says why")
            elif problem is None and len(set(answers[:, 1].tolist())) > 1:
                problem = StillmotionError(
                    "the processes that train together do not see the same videos and settings; start the same command "
                    "in each, with the same files"
                )
        if problem is not None:
            raise problem

    def wait(self, what: str) -> None:
        """Wait until all processes have come to this point.

        Args:
            what: the point's name, the same in all processes.
        """
        if self.processes > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(what)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Divide the batches of what is built and trained inside of this context."""
        if self.count == 1:
            yield
            return
        with _DataParallel(keras.distribution.list_devices()[: self.count]).scope():
            yield

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """What `fit` needs inside of `scope`."""
        distribution = keras.distribution.distribution()
        return [_WholeValidation(distribution)] if isinstance(distribution, _DataParallel) else []


ONE_DEVICE = Devices()


def find_devices(wanted: int | Literal["all"]) -> Devices:
    """Find the devices for a training.

    With several processes, this connects to the others, and has to come before anything else uses JAX.

    Args:
        wanted: how many, or "all" there are, in all processes.

    Returns:
        The devices.

    Raises:
        UsageError: there are fewer, or the backend is not JAX.
        StillmotionError: the other processes cannot be reached.
    """
    text = os.environ.get(PROCESSES_VARIABLE) or "1"
    if not text.isdecimal():
        raise UsageError(f"{PROCESSES_VARIABLE} is {text!r}; expected a number")
    several_processes = int(text) > 1
    if wanted != "all" and (not isinstance(wanted, int) or wanted < 1):
        raise UsageError(f"devices is {wanted!r}; expected a number from 1, or 'all'")
    if wanted == 1 and not several_processes:
        return ONE_DEVICE
    if keras.backend.backend() != "jax":
        raise UsageError(
            "several devices need the JAX backend: set KERAS_BACKEND=jax, and install it with "
            "pip install 'stillmotion[jax]'"
        )
    if several_processes:
        if wanted != "all":
            raise UsageError(f"devices is {wanted}, but {PROCESSES_VARIABLE} is set: several processes use 'all'")
        _connect()
    import jax

    devices = keras.distribution.list_devices()
    if wanted != "all" and wanted > len(devices):
        raise UsageError(
            f"devices is {wanted}, but JAX finds {len(devices)}: {', '.join(devices)}. To divide the cores of a CPU, "
            f"set XLA_FLAGS=--xla_force_host_platform_device_count={wanted}"
        )
    count = len(devices) if wanted == "all" else wanted
    if jax.local_device_count() * jax.process_count() != len(devices):
        raise UsageError(
            f"{len(devices)} devices in {jax.process_count()} processes: each process must have as many as the others"
        )
    return Devices(count, jax.process_count(), jax.process_index())


def _connect() -> None:
    """Meet the other processes, unless that is done."""
    import jax

    if jax.distributed.is_initialized():
        return
    try:
        keras.distribution.initialize()
    except (RuntimeError, ValueError) as error:
        raise StillmotionError(
            f"the other processes cannot be reached ({str(error).splitlines()[0]}); set {PROCESSES_VARIABLE}, "
            "KERAS_DISTRIBUTION_JOB_ADDRESSES and KERAS_DISTRIBUTION_PROCESS_ID, before JAX is used"
        ) from None


class _DataParallel(keras.distribution.DataParallel):
    """Keras's data parallelism, with a switch for batches that every device gets as a whole."""

    def __init__(self, devices: list[str]) -> None:
        super().__init__(devices=devices, auto_shard_dataset=False)
        self.divides = True

    def get_data_layout(self, data_shape: tuple[int, ...]) -> Any:
        """Where a batch goes."""
        if self.divides:
            return super().get_data_layout(data_shape)
        return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)


class _WholeValidation(keras.callbacks.Callback):
    """Gives every device the whole of each batch in validation."""

    def __init__(self, distribution: _DataParallel) -> None:
        super().__init__()
        self.distribution = distribution

    def on_test_begin(self, logs: Any = None) -> None:
        self.distribution.divides = False

    def on_test_end(self, logs: Any = None) -> None:
        self.distribution.divides = True
