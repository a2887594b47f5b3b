"""Loading Keras when a command needs it, without the backend's log messages."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from stillmotion.errors import StillmotionError
from stillmotion.execution.worker_processes import BACKEND_VARIABLES


def load_backend(devices: int | Literal["all"] = 1) -> None:
    """Import Keras and its backend.

    Args:
        devices: how many a training will use. Other processes have to be met before the backend computes anything.

    Raises:
        UsageError: there are not as many devices.
        StillmotionError: the backend is not installed, with the command that installs it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for name, value in BACKEND_VARIABLES.items():
        os.environ.setdefault(name, value)
    try:
        with silent():
            import keras

            if devices != 1:
                from stillmotion.training import find_devices

                find_devices(devices)
            keras.ops.zeros(1)
        # TensorFlow warns of retracing; a process that trains several models traces each of them once.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    except ImportError as error:
        name = os.environ.get("KERAS_BACKEND", "tensorflow")
        raise StillmotionError(
            f"the Keras backend {name!r} cannot be imported ({error}); install it with "
            f"pip install 'stillmotion[{name}]', or choose another with KERAS_BACKEND"
        ) from None


@contextmanager
def silent() -> Iterator[None]:
    """Discard what C++ code writes to standard error. Exceptions are still raised."""
    sys.stderr.flush()
    stderr, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(devnull)
