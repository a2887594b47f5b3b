"""What TensorFlow keeps of a training that is over."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import keras


@contextmanager
def release_tf_graphs() -> Iterator[None]:
    """Let the graphs of a training inside go when it ends.

    Keras's optimizer sums gradients over replicas through `tf.custom_gradient`, which enters itself into a registry,
    and with it all of the graph: 30 to 60 MB for each training, gigabytes for a cross-validation with a search. There
    is no public way out of the registry. Where it is not where it was, nothing is forgotten.
    """
    registry = _gradients()
    before = set(registry)
    try:
        yield
    finally:
        for name in registry.keys() - before:
            if name.startswith("CustomGradient-"):
                del registry[name]


def _gradients() -> MutableMapping[str, Any]:
    if keras.backend.backend() != "tensorflow":
        return {}
    from tensorflow.python.framework import ops

    found: MutableMapping[str, Any] = getattr(getattr(ops, "gradient_registry", None), "_registry", {})
    return found
