"""How exactly a backend multiplies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import keras

# TensorFlow has one setting for the whole process: two threads must not restore it in each other's work.
_LOCK = threading.RLock()


@contextmanager
def full_precision() -> Iterator[None]:
    """Multiply float32 exactly inside of this context.

    By default, GPUs round factors to TF32, which has 10 bits of mantissa. CPUs do not, and nothing changes there: JAX
    would compile each function again.
    """
    if not rounds_factors():
        yield
    elif keras.backend.backend() == "jax":
        import jax

        with jax.default_matmul_precision("float32"):
            yield
    else:
        import tensorflow as tf

        with _LOCK:
            before = tf.config.experimental.tensor_float_32_execution_enabled()
            tf.config.experimental.enable_tensor_float_32_execution(False)
            try:
                yield
            finally:
                tf.config.experimental.enable_tensor_float_32_execution(before)


def rounds_factors() -> bool:
    """Whether the backend may multiply float32 in fewer bits: on anything but a CPU."""
    if keras.backend.backend() == "jax":
        import jax

        return bool(jax.default_backend() != "cpu")
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    return False
